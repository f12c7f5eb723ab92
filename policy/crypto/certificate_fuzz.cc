// Any bytes are a certificate or none, and what is read of one is bounded.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "policy/crypto/certificate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using postern::crypto::Certificate;
  const auto read = Certificate::parse({reinterpret_cast<const char*>(data), size});
  if (!read) return 0;
  POSTERN_CHECK(size <= Certificate::kBytesMax && read->signature.size() <= size);
  POSTERN_CHECK(read->alternative_names.size() <= Certificate::kNamesMax && read->ocsp_uris.size() <= Certificate::kNamesMax);
  for (const auto& name : read->alternative_names) POSTERN_CHECK(!name.text.empty() && !name.text.contains('\0'));
  return 0;
}
