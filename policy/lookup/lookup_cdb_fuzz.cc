// Constant databases: no file makes a search read outside it or go on for long.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/check.h"
#include "policy/lookup/cdb.h"

namespace postern::lookup {

namespace {

class Memory final : public CdbSource {
 public:
  explicit Memory(std::string_view bytes) : bytes_(bytes) {}
  Read read(std::uint64_t offset, std::span<char> into) const override {
    POSTERN_CHECK(offset <= bytes_.size() && into.size() <= bytes_.size() - offset);
    std::ranges::copy(bytes_.substr(offset, into.size()), into.begin());
    ++reads;
    return Read::ok;
  }
  std::uint64_t size() const override { return bytes_.size(); }
  mutable std::size_t reads = 0;

 private:
  std::string_view bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::string_view key = all.substr(0, std::min<std::size_t>(size, size > 0 ? data[0] % 16 : 0));
  const Memory file(all.substr(key.size()));
  std::string value;
  std::string why;
  const CdbOutcome outcome = cdb_find(file, key, 1000, value, why);
  POSTERN_CHECK(value.size() <= 1000 && (outcome == CdbOutcome::found || value.empty()));
  POSTERN_CHECK((outcome == CdbOutcome::malformed) == !why.empty());
  POSTERN_CHECK(file.reads <= 4 * std::size_t{kCdbProbesMax});
  return 0;
}

}  // namespace postern::lookup
