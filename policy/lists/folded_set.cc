#include "policy/lists/folded_set.h"

#include "engine/base/check.h"
#include "engine/smtp/chars.h"

namespace postern::lists {

namespace {

// The upper half decides: multiplication carries upwards only.
constexpr std::uint32_t mixed(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 32); }

}  // namespace

char FoldedSet::fold(char c) const noexcept { return letters_ == Case::ignored ? smtp::lower(c) : c; }

std::uint64_t FoldedSet::hash_of(std::string_view text) const noexcept {
  std::uint64_t hash = kSeed;
  for (std::size_t i = text.size(); i > 0; --i) hash = step(hash, text[i - 1]);
  return hash;
}

bool FoldedSet::equals(const Entry& entry, std::string_view text) const noexcept {
  if (entry.length != text.size()) return false;
  const char* const stored = bytes_.data() + entry.offset;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (fold(stored[i]) != fold(text[i])) return false;
  return true;
}

const FoldedSet::Entry* FoldedSet::find(std::string_view text, std::uint64_t hash) const noexcept {
  if (slots_.empty()) return nullptr;
  const std::uint32_t wanted = mixed(hash);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = wanted & mask; slots_[at] != 0; at = (at + 1) & mask) {
    const Entry& entry = entries_[slots_[at] - 1];
    if (entry.hash == wanted && equals(entry, text)) return &entry;
  }
  return nullptr;
}

void FoldedSet::add(std::string_view text, std::uint32_t number) {
  const std::uint64_t hash = hash_of(text);
  if (find(text, hash) != nullptr) return;
  POSTERN_CHECK(bytes_.size() + text.size() <= UINT32_MAX);
  if ((entries_.size() + 1) * 2 > slots_.size()) grow();
  entries_.push_back({static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(text.size()), mixed(hash), number});
  bytes_.append(text);
  std::size_t at = mixed(hash) & (slots_.size() - 1);
  while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = static_cast<std::uint32_t>(entries_.size());
}

void FoldedSet::grow() {
  slots_.assign(slots_.empty() ? 8 : slots_.size() * 2, 0);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    std::size_t at = entries_[i].hash & mask;
    while (slots_[at] != 0) at = (at + 1) & mask;
    slots_[at] = static_cast<std::uint32_t>(i + 1);
  }
}

}  // namespace postern::lists
