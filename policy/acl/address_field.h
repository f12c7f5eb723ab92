// The addresses in a header field, RFC 5322 section 3.4: mailboxes, groups, comments, quoted strings, routes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace postern::acl {

inline constexpr std::size_t kFieldAddressesMax = 10'000;

struct AddressField {
  std::vector<std::string> addresses;  // as sent, without comments and display names; of the null address: ""
  std::string why;                     // what is wrong with it; empty: nothing
  std::string failing;                 // the part that is wrong
};

// Reads the value of a field, folds included. Reading ends at the first thing that is wrong.
[[nodiscard]] AddressField read_address_field(std::string_view value);

}  // namespace postern::acl
