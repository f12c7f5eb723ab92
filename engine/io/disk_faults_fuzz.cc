// Arbitrary bytes as what is to be wrong with a disk: what parses is written and read the same again.
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "engine/io/disk_faults.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto delay = parse_flush_delay(text)) POSTERN_CHECK(parse_flush_delay(std::to_string(*delay)) == *delay);
  if (const auto faults = parse_disk_faults(text)) POSTERN_CHECK(parse_disk_faults(format_disk_faults(*faults)) == *faults);
  return 0;
}
