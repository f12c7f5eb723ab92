// DKIM-Signature fields: what is read without a fault has all that a verifier relies on.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "policy/dkim/signature_field.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using namespace postern::dkim;
  Signature signature;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Reason reason = read_signature(PeerView(text), signature);
  POSTERN_CHECK(signature.cut_begin <= signature.cut_end && signature.cut_end <= size);
  if (reason != Reason::none) return 0;
  POSTERN_CHECK(message::is_signing_name(signature.domain.view()) && message::is_signing_name(signature.selector.view()));
  POSTERN_CHECK(message::is_same_or_below(signature.identity_domain(), signature.domain.view()));
  POSTERN_CHECK(!signature.body_hash.empty() && !signature.signature.empty() && !signature.names.empty());
  POSTERN_CHECK(!signature.created || !signature.expires || *signature.created < *signature.expires);
  return 0;
}
