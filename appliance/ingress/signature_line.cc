#include "appliance/ingress/signature_line.h"

#include <string>

#include "appliance/ingress/line_parts.h"
#include "policy/dkim/reason.h"

namespace postern::ingress {
namespace {

std::string judged(const dkim::SignatureResult& result) {
  const std::string_view why = dkim::words(result.reason).text;
  switch (result.status) {
    case dkim::Status::pass: return "[verification succeeded]";
    case dkim::Status::fail: return std::string("[verification failed - ").append(why).append("]");
    case dkim::Status::invalid: return std::string("[invalid - ").append(why).append("]");
    case dkim::Status::none: break;
  }
  return "[not verified]";
}

}  // namespace

void append_signature(log::LogLine& line, std::string_view id, const dkim::SignatureResult& result) {
  const dkim::Signature& signature = result.signature;
  line.event = "dkim";
  line.field("", "id", id);
  line.text += " DKIM:";
  append_field(line, " d=", "domain", signature.domain.view());
  append_field(line, " s=", "selector", signature.selector.view());
  line.field(" c=", "canon",
             std::string(to_string(signature.canon.header)).append("/").append(to_string(signature.canon.body)));
  append_field(line, " a=", "algorithm", signature.algorithm_text.view());
  if (result.key_bits != 0) append_number_field(line, " b=", "key_bits", result.key_bits);
  append_field(line, " i=", "identity", signature.identity.view());
  if (signature.created) append_number_field(line, " t=", "created", *signature.created);
  if (signature.expires) append_number_field(line, " x=", "expires", *signature.expires);
  if (signature.length) append_number_field(line, " l=", "body_length", *signature.length);
  line.text += ' ';
  line.field("", "result", judged(result));
}

}  // namespace postern::ingress
