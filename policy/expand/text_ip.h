// IP addresses as texts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::expand {

// Operators: OperatorFn. A pure IPv4 address becomes an IPv4-mapped one.
bool ipv6denorm(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool ipv6norm(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
// "2001.0db8.0000...": dots, because a colon ends a key in a file; with the argument "n" the normal form.
bool mask(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool reverse_ip(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
