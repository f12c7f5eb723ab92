// The addresses in a header field, for conditions that want all of them good.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace postern::acl {

inline constexpr std::size_t kFieldAddressesMax = 10'000;

struct AddressField {
  std::vector<std::string> addresses;  // as sent, without comments and display names
  std::string why;                     // what is wrong with it, in Exim's words; empty: nothing
  std::string failing;                 // the part that is wrong
};

// Reads the value of a field, folds included. Reading ends at the first thing that is wrong.
[[nodiscard]] AddressField read_address_field(std::string_view value);

}  // namespace postern::acl
