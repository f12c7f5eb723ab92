// Any local part: what has the form of SRS gives an address, and what was made here is known again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "policy/srs/srs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  constexpr std::int64_t kDay = 20'785;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto decoded = srs::decode(text)) {
    POSTERN_CHECK(decoded->recipient.contains('@') && decoded->recipient.size() <= 2 * size + 3);
    static_cast<void>(srs::is_valid(*decoded, "secret", kDay));
  }
  const std::size_t at = text.rfind('@');
  if (at == text.npos || at == 0 || text.find_first_of("=\n", at) != text.npos) return 0;
  const srs::Original original{.text = text, .local_part = text.substr(0, at), .domain = text.substr(at + 1)};
  const auto made = srs::encode(original, "secret", "forwarder.example", kDay);
  POSTERN_CHECK(made && made->size() <= size + 64);
  if (original.local_part.find_first_of("\"\\\n") != text.npos) return 0;
  const auto again = srs::decode(std::string_view(*made).substr(0, made->rfind('@')));
  POSTERN_CHECK(again.has_value());
  if (!again->recipient.starts_with('"')) POSTERN_CHECK(srs::is_valid(*again, "secret", kDay));
  return 0;
}
