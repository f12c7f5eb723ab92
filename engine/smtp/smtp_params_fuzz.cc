// Parameters of MAIL and RCPT: what is accepted is written and read back alike, and decodes to nothing that could end a line.
#include <string>

#include "engine/base/check.h"
#include "engine/base/utf8.h"
#include "engine/smtp/chars.h"
#include "engine/smtp/fuzz_testing.h"
#include "engine/smtp/params.h"

namespace {

using namespace postern;
using namespace postern::smtp;

ExtensionSet extensions_from(std::uint8_t bits) {
  ExtensionSet set;
  for (int bit = 0; bit < 8; ++bit)
    if ((bits >> bit & 1) != 0) set.add(static_cast<Extension>(1 << bit));
  return set;
}

void check_error(const ParamError& error) {
  POSTERN_CHECK(error.reply_code() == 501 || error.reply_code() == 555);
  std::string reason;
  append_reason(reason, error);
  POSTERN_CHECK(!reason.empty() && reason.size() < 200);
}

void check_xtext(std::string_view value) {
  if (!is_xtext(value)) return;
  std::string decoded;
  POSTERN_CHECK(append_xtext_decoded(decoded, value));
  for (const char c : decoded) POSTERN_CHECK(!is(CharClass::control | CharClass::high, c));
}

void check_mail(std::string_view text, ExtensionSet advertised) {
  const MailParamsStep step = parse_mail_params(text, advertised);
  if (step.error.code != ParamErrorCode::none) return check_error(step.error);
  std::string written;
  append_mail_params(written, step.params, advertised);
  POSTERN_CHECK(step.params.smtputf8 || is_ascii(written));
  const MailParamsStep again = parse_mail_params(written, advertised);
  POSTERN_CHECK(again.error.code == ParamErrorCode::none);
  const MailParams& a = step.params;
  const MailParams& b = again.params;
  POSTERN_CHECK(a.size == b.size && a.body == b.body && a.smtputf8 == b.smtputf8 && a.ret == b.ret);
  POSTERN_CHECK(a.envid == b.envid && a.auth == b.auth && a.require_tls == b.require_tls && a.prdr == b.prdr);
  if (a.envid) check_xtext(*a.envid);
  if (a.auth) check_xtext(*a.auth);
}

void check_rcpt(std::string_view text, ExtensionSet advertised, bool smtputf8) {
  const RcptParamsStep step = parse_rcpt_params(text, advertised, smtputf8);
  if (step.error.code != ParamErrorCode::none) return check_error(step.error);
  std::string written;
  append_rcpt_params(written, step.params, advertised);
  POSTERN_CHECK(smtputf8 || is_ascii(written));
  const RcptParamsStep again = parse_rcpt_params(written, advertised, smtputf8);
  POSTERN_CHECK(again.error.code == ParamErrorCode::none);
  POSTERN_CHECK(again.params.notify == step.params.notify && again.params.orcpt == step.params.orcpt);
  if (step.params.orcpt) check_xtext(step.params.orcpt->substr(step.params.orcpt->find(';') + 1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  testing::FuzzInput input(data, size);
  // A blank stands for all of them.
  const ExtensionSet advertised = extensions_from(static_cast<std::uint8_t>(~(input.choice() - ' ')));
  const bool smtputf8 = (input.choice() & 1) != 0;
  const std::string text(input.rest());
  check_mail(text, advertised);
  check_rcpt(text, advertised, smtputf8);
  std::string encoded;
  append_xtext(encoded, text);
  std::string decoded;
  POSTERN_CHECK(append_xtext_decoded(decoded, encoded) && decoded == text);
  return 0;
}
