// ${eval:1 + 2 * 3}: integers of 64 bits, with the operators and priorities of C.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::expand {

inline constexpr std::size_t kExpressionDepthMax = 200;  // nested parentheses and signs

// Operators: OperatorFn.
bool eval(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
// All numbers are decimal, whatever they begin with.
bool eval10(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
