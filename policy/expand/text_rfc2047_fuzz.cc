// Encoded words: what is encoded decodes to itself, in words that are short enough; and any text decodes within bounds.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/expand/text_rfc2047.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::expand;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string out = "kept";
  std::string why;
  const bool good = append_rfc2047_decoded(out, text, why);
  POSTERN_CHECK(out.starts_with("kept") && good == why.empty() && out.size() <= 4 + 16 * size);

  std::string encoded;
  append_rfc2047(encoded, text);
  std::string decoded;
  POSTERN_CHECK(append_rfc2047_decoded(decoded, encoded, why));
  std::string expected(text);
  if (encoded != text)
    for (char& c : expected)
      if (c == '\0') c = '?';
  POSTERN_CHECK(decoded == expected);
  return 0;
}
