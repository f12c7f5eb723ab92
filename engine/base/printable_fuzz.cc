// Whatever a peer sends, its printable form is one line of valid UTF-8 without a control character.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/base/peer_text.h"
#include "engine/base/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string shown = postern::printable(bytes, std::size_t{data[0]} * 4);
  POSTERN_CHECK(postern::is_utf8(shown));
  POSTERN_CHECK(shown.size() <= bytes.size() * 4 + 3);
  for (const char c : shown) POSTERN_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  for (std::size_t at = shown.find('\xc2'); at != shown.npos; at = shown.find('\xc2', at + 1))
    POSTERN_CHECK(static_cast<unsigned char>(shown[at + 1]) >= 0xa0);
  POSTERN_CHECK(shown.find("\xe2\x80\xa8") == shown.npos && shown.find("\xe2\x80\xa9") == shown.npos);
  return 0;
}
