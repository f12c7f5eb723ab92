// D. J. Bernstein's constant database, read where it lies: 256 pointers to hash tables at the start, records, tables. A file
// that is damaged, or made to mislead, costs a bounded number of reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace postern::lookup {

// Where the bytes are.
class CdbSource {
 public:
  enum class Read : std::uint8_t {
    ok,
    would_wait,  // they are not in memory, and waiting was not wanted
    failed,
  };
  virtual ~CdbSource() = default;
  // All of `into` from `offset` on; never asked for what lies beyond size().
  [[nodiscard]] virtual Read read(std::uint64_t offset, std::span<char> into) const = 0;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
};

enum class CdbOutcome : std::uint8_t {
  found,
  not_found,
  would_wait,
  malformed,  // `why` says what
  failed,     // it cannot be read
};

inline constexpr std::size_t kCdbHeaderBytes = 2048;
inline constexpr std::uint32_t kCdbProbesMax = 65'536;  // slots looked at for one key

// The value of the first record with that key, appended to `value`; one longer than `value_max` is malformed.
[[nodiscard]] CdbOutcome cdb_find(const CdbSource& source, std::string_view key, std::size_t value_max, std::string& value,
                                  std::string& why);

}  // namespace postern::lookup
