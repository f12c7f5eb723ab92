#include "policy/lookup/key_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/base/check.h"

namespace postern::lookup {

namespace {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// Sets the sixth bit of each byte: letters of either case become the same, and so do a few pairs of other bytes, which is
// enough for a hash.
std::uint64_t folded(const char* bytes, std::size_t count) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, count);
  return word | 0x2020'2020'2020'2020U;
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  const unsigned __int128 product = static_cast<unsigned __int128>(a ^ 0x9e37'79b9'7f4a'7c15U) * (b ^ 0xd6e8'feb8'6659'fd93U);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

std::uint64_t hash_caseless(std::string_view text) noexcept {
  std::uint64_t hash = text.size();
  while (text.size() > 8) {
    hash = mix(hash, folded(text.data(), 8));
    text.remove_prefix(8);
  }
  return mix(mix(hash, folded(text.data(), text.size())), 0x2545'f491'4f6c'dd1dU);
}

bool equal_caseless(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::ranges::equal(a, b, {}, lower, lower);
}

KeyTable::KeyTable(std::size_t count) {
  if (count == 0) return;
  slots_.resize(std::bit_ceil(count + count / 2 + 1));
  mask_ = slots_.size() - 1;
}

void KeyTable::put(std::uint64_t hash, std::uint32_t offset) {
  POSTERN_CHECK(size_ + 1 < slots_.size());
  std::size_t i = hash & mask_;
  while (slots_[i].offset != kNone) i = (i + 1) & mask_;
  slots_[i] = {.offset = offset, .tag = tag_of(hash)};
  ++size_;
}

}  // namespace postern::lookup
