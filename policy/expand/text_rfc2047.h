// Encoded words in header fields: RFC 2047.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::expand {

inline constexpr std::size_t kEncodedWordMax = 75;  // bytes, section 2

// Appends `text`, which is UTF-8, as encoded words of at most 75 bytes when it holds what a header's text cannot carry, and as
// it is otherwise. No character is divided.
void append_rfc2047(std::string& out, std::string_view text);

// Appends `text` with its encoded words decoded into UTF-8; white space between two of them goes. What is malformed or longer
// than 75 bytes stays as it is, and so do bytes that cannot be converted; a zero byte becomes "?". False, with `why` set, when
// there was a character set that is not known: its bytes are in `out` unconverted, and all else is done.
[[nodiscard]] bool append_rfc2047_decoded(std::string& out, std::string_view text, std::string& why);

// Operators: OperatorFn.
bool rfc2047(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool rfc2047d(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
