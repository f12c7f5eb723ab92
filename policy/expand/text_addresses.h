// The operators that take addresses apart.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::expand {

// OperatorFn.
bool address(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
// A list with colons between, or what the operand says: ">, a@b, c@d" has commas.
bool addresses(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool domain(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool local_part(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
