// Where the keys of a text stand: a hash table of offsets. The keys themselves stay in the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace postern::lookup {

// ASCII letters of either case are the same.
[[nodiscard]] std::uint64_t hash_caseless(std::string_view text) noexcept;
[[nodiscard]] bool equal_caseless(std::string_view a, std::string_view b) noexcept;

// Open addressing. One offset for each key: the first one that was added.
class KeyTable {
 public:
  static constexpr std::uint32_t kNone = 0xffff'ffff;

  // Makes room, so that `count` can be added without growing.
  explicit KeyTable(std::size_t count = 0);

  // `same(offset)` says whether the key at that offset is the one that is looked for.
  template <class Same>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, Same&& same) const {
    if (slots_.empty()) return kNone;
    const std::uint32_t tag = tag_of(hash);
    for (std::size_t i = hash & mask_; slots_[i].offset != kNone; i = (i + 1) & mask_)
      if (slots_[i].tag == tag && same(slots_[i].offset)) return slots_[i].offset;
    return kNone;
  }
  // Checked: not beyond the room that was made. False when the key is there already.
  template <class Same>
  bool add(std::uint64_t hash, std::uint32_t offset, Same&& same) {
    if (find(hash, same) != kNone) return false;
    put(hash, offset);
    return true;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t offset = kNone;
    std::uint32_t tag = 0;
  };
  [[nodiscard]] static std::uint32_t tag_of(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 32); }
  void put(std::uint64_t hash, std::uint32_t offset);

  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace postern::lookup
