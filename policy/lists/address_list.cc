#include "policy/lists/address_list.h"

#include <algorithm>

namespace postern::lists {

bool AddressPatterns::match(std::string_view address) const noexcept {
  if (std::ranges::any_of(named_, [&](const auto& list) { return list->matches(address); })) return true;
  if (address.empty()) return empty_sender_;
  const std::size_t at = address.rfind('@');
  const bool qualified = at != std::string_view::npos;
  const std::string_view local_part = address.substr(0, qualified ? at : address.size());
  const std::string_view domain = qualified ? address.substr(at + 1) : std::string_view();
  if (whole_.matches(address) || domains_.match(domain)) return true;
  return std::ranges::any_of(
      pairs_, [&](const Pair& pair) { return pair.local_part.matches(local_part) && pair.domain.match(domain); });
}

bool AddressList::matches(std::string_view address) const noexcept {
  return runs_.matches([&](const AddressPatterns& run) { return run.match(address); });
}

}  // namespace postern::lists
