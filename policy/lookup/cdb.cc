#include "policy/lookup/cdb.h"

#include <algorithm>
#include <array>

namespace postern::lookup {

namespace {

using Read = CdbSource::Read;

std::uint32_t hash_of(std::string_view key) noexcept {
  std::uint32_t hash = 5381;
  for (const char c : key) hash = ((hash << 5) + hash) ^ static_cast<std::uint8_t>(c);
  return hash;
}

std::uint32_t little_endian(const char* bytes) noexcept {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[i])) << (8 * i);
  return value;
}

// One question to one file.
class Search {
 public:
  Search(const CdbSource& source, std::string_view key, std::string& why) : source_(source), key_(key), why_(why) {}

  CdbOutcome run(std::size_t value_max, std::string& value) {
    if (source_.size() < kCdbHeaderBytes) return malformed("it is shorter than its header");
    const std::uint32_t hash = hash_of(key_);
    Pair table;
    if (!read_pair(std::uint64_t{hash % 256} * 8, table)) return stopped_;
    const std::uint32_t slots = table.second;
    if (slots == 0) return CdbOutcome::not_found;
    if (!lies_within(table.first, std::uint64_t{slots} * 8)) return malformed("a hash table lies beyond its end");
    for (std::uint32_t i = 0; i < slots; ++i) {
      if (i == kCdbProbesMax) return malformed("a hash table has too many slots in use");
      const std::uint32_t slot = static_cast<std::uint32_t>((std::uint64_t{hash / 256} + i) % slots);
      Pair entry;
      if (!read_pair(table.first + std::uint64_t{slot} * 8, entry)) return stopped_;
      if (entry.second == 0) return CdbOutcome::not_found;
      if (entry.first != hash) continue;
      const CdbOutcome outcome = look_at(entry.second, value_max, value);
      if (outcome != CdbOutcome::not_found) return outcome;
    }
    return CdbOutcome::not_found;
  }

 private:
  struct Pair {
    std::uint32_t first = 0;
    std::uint32_t second = 0;
  };

  // The record at `offset`: not_found when it has another key.
  CdbOutcome look_at(std::uint32_t offset, std::size_t value_max, std::string& value) {
    Pair sizes;
    if (!lies_within(offset, 8)) return malformed("a record lies beyond its end");
    if (!read_pair(offset, sizes)) return stopped_;
    if (sizes.first != key_.size()) return CdbOutcome::not_found;
    const std::uint64_t key_at = std::uint64_t{offset} + 8;
    if (!lies_within(key_at, std::uint64_t{sizes.first} + sizes.second)) return malformed("a record ends beyond its end");
    for (std::size_t done = 0; done < key_.size();) {
      std::array<char, 256> part;
      const std::size_t count = std::min(part.size(), key_.size() - done);
      if (!read(key_at + done, {part.data(), count})) return stopped_;
      if (key_.substr(done, count) != std::string_view(part.data(), count)) return CdbOutcome::not_found;
      done += count;
    }
    if (sizes.second > value_max) return malformed("a value is too long");
    const std::size_t before = value.size();
    value.resize(before + sizes.second);
    if (read(key_at + sizes.first, {value.data() + before, sizes.second})) return CdbOutcome::found;
    value.resize(before);
    return stopped_;
  }

  [[nodiscard]] bool lies_within(std::uint64_t offset, std::uint64_t count) const {
    return offset <= source_.size() && count <= source_.size() - offset;
  }
  bool read(std::uint64_t offset, std::span<char> into) {
    if (into.empty()) return true;
    switch (source_.read(offset, into)) {
      case Read::ok: return true;
      case Read::would_wait: stopped_ = CdbOutcome::would_wait; return false;
      case Read::failed: break;
    }
    why_ = "it cannot be read";
    stopped_ = CdbOutcome::failed;
    return false;
  }
  bool read_pair(std::uint64_t offset, Pair& pair) {
    std::array<char, 8> bytes;
    if (!read(offset, bytes)) return false;
    pair = {little_endian(bytes.data()), little_endian(bytes.data() + 4)};
    return true;
  }
  CdbOutcome malformed(std::string_view what) {
    why_ = what;
    return CdbOutcome::malformed;
  }

  const CdbSource& source_;
  std::string_view key_;
  std::string& why_;
  CdbOutcome stopped_ = CdbOutcome::failed;
};

}  // namespace

CdbOutcome cdb_find(const CdbSource& source, std::string_view key, std::size_t value_max, std::string& value,
                    std::string& why) {
  return Search(source, key, why).run(value_max, value);
}

}  // namespace postern::lookup
