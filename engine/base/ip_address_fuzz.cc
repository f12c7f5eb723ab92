// Addresses and networks from any bytes: what is accepted must survive its own text, and a network must contain its address.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "engine/base/ip_address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto address = postern::IpAddress::parse(text)) {
    POSTERN_CHECK(postern::IpAddress::parse(address->to_string()) == address);
    POSTERN_CHECK(address->masked(address->bits()) == *address);
    POSTERN_CHECK(address->masked(0).is_unspecified());
  }
  if (const auto network = postern::IpNetwork::parse(text)) {
    POSTERN_CHECK(network->prefix_bits <= network->address.bits());
    POSTERN_CHECK(network->contains(network->address));
    POSTERN_CHECK(network->address.masked(network->prefix_bits) == network->address);
    const auto again = postern::IpNetwork::parse(network->address.to_string() + "/" + std::to_string(network->prefix_bits));
    POSTERN_CHECK(again && again->address == network->address && again->prefix_bits == network->prefix_bits);
  }
  return 0;
}
