// Header addresses: an address that was read reads as itself, and a list always ends.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/expand/text_addresses.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::expand;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto address = parse_header_address(text)) {
    POSTERN_CHECK(!address->local_part.empty());
    const std::string again = address->local_part + (address->domain.empty() ? "" : "@" + address->domain);
    const auto reread = parse_header_address(again);
    POSTERN_CHECK(reread && reread->local_part == address->local_part && reread->domain == address->domain);
  }
  for (std::string_view list = text; !list.empty();) {
    const std::size_t before = list.size();
    const std::string_view item = take_header_address(list);
    POSTERN_CHECK(list.size() < before && item.size() <= before);
  }
  return 0;
}
