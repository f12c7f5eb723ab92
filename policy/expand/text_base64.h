// Base 64 (RFC 4648 section 4) and hexadecimal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::expand {

void append_base64(std::string& out, std::string_view bytes);
// White space may stand anywhere; padding must be complete. False, with `out` as it was, when it is not base 64.
[[nodiscard]] bool append_base64_decoded(std::string& out, std::string_view text);

// Operators: OperatorFn.
bool base64(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool base64d(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool hex2b64(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool hexquote(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
