// Internationalized names: domains after IDNA2008 (RFC 5891) through libidn2, local parts in Punycode as Exim does it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::expand {

inline constexpr std::size_t kIdnaBytesMax = 1024;  // longer operands are refused

// Operators: OperatorFn. A text that has nothing to convert stays as it is.
bool utf8_domain_to_alabel(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool utf8_domain_from_alabel(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool utf8_localpart_to_alabel(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool utf8_localpart_from_alabel(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
