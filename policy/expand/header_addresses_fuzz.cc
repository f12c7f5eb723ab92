// Header addresses: an address that was read reads as itself, and a list always ends.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/expand/header_addresses.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::expand;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto address = parse_header_address(text)) {
    POSTERN_CHECK(!address->local_part.empty());
    const auto reread = parse_header_address(address->text());
    POSTERN_CHECK(reread && reread->local_part == address->local_part && reread->domain == address->domain);
  }
  HeaderAddresses items(text);
  std::size_t count = 0;
  for (std::string_view item; items.next(item);) {
    POSTERN_CHECK(item.size() <= text.size());
    POSTERN_CHECK(++count <= text.size());
  }
  return 0;
}
