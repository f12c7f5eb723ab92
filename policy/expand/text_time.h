// Exim's time intervals: "1w2d3h4m5s".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::expand {

// Operators: OperatorFn. Seconds on the other side.
bool time_eval(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool time_interval(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
