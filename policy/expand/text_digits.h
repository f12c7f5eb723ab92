// Numbers in base 32 and base 62, as Exim writes them in message ids.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::expand {

// Operators: OperatorFn.
bool base32(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool base32d(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
// Six digits, the lowest ones of a number that has more.
bool base62(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool base62d(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
