// Any text as a list of DNS lists: read within its bounds, or refused with a message.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "policy/dnsbl/dnslists.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  dnsbl::DnslistsError error;
  const auto lists = dnsbl::read_dnslists({reinterpret_cast<const char*>(data), size}, error);
  POSTERN_CHECK(lists.has_value() == error.message.empty());
  if (lists) POSTERN_CHECK(lists->items.size() <= dnsbl::kItemsMax);
  return 0;
}
