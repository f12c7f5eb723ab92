// Whatever reads as positions is written the same way again.
#include <cstddef>
#include <cstdint>

#include "appliance/spool/positions.h"
#include "engine/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::spool;
  const auto parsed = parse_positions({reinterpret_cast<const char*>(data), size});
  if (parsed) POSTERN_CHECK(parse_positions(format_positions(*parsed)) == parsed);
  return 0;
}
