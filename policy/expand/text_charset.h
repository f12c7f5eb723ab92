// Character sets of mail, converted into UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace postern::expand {

enum class CharsetOutcome : std::uint8_t {
  converted,
  unknown_charset,  // nothing was appended
  not_convertible,  // the bytes are not of that character set; nothing was appended
};

// Appends `bytes` in UTF-8. Only character sets that mail uses are known, by their MIME names in either case: a stranger who
// names one makes the C library load a file, and may not choose which.
[[nodiscard]] CharsetOutcome append_as_utf8(std::string& out, std::string_view charset, std::string_view bytes);

}  // namespace postern::expand
