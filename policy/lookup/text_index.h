// A text file of keys, compiled: finding a key takes a hash, however long the file is. Immutable; any shard, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "policy/lookup/type.h"

namespace postern::lookup {

// Bytes of one text file: offsets in it have 32 bits.
inline constexpr std::size_t kTextFileBytesMax = std::size_t{1} << 30;

class TextIndex {
 public:
  enum class Outcome : std::uint8_t {
    found,
    not_found,
    deferred,  // an item that has to be looked at before the answer cannot be understood
  };

  virtual ~TextIndex() = default;
  // The first item that `key` matches: appends its data to `value`, with `full` its whole line. Deferred: why.
  [[nodiscard]] virtual Outcome find(std::string_view key, bool full, std::string& value, std::string& why) const = 0;
  // Memory it takes, the file's text included.
  [[nodiscard]] virtual std::size_t bytes() const noexcept = 0;

  // From the whole of a file. `type` is lsearch, wildlsearch, nwildlsearch or iplsearch. Takes a while for a big one.
  [[nodiscard]] static std::unique_ptr<const TextIndex> make(TypeId type, std::string file);
};

}  // namespace postern::lookup
