#include "policy/lookup/result_cache.h"

#include <algorithm>
#include <utility>

#include "policy/lookup/lookup.h"

namespace postern::lookup {

struct ResultCache::Entry {
  expand::LookupHandle handle;
  std::string query;
  Found found;
  Instant until;
  [[nodiscard]] std::size_t bytes() const noexcept { return query.size() + found.answer.value.size(); }
};

ResultCache::ResultCache() = default;
ResultCache::~ResultCache() = default;

const Found* ResultCache::find(expand::LookupHandle handle, std::string_view query, Instant now) const noexcept {
  const auto entry = std::ranges::find_if(entries_, [&](const Entry& e) { return e.handle == handle && e.query == query; });
  return entry != entries_.end() && now < entry->until ? &entry->found : nullptr;
}

void ResultCache::put(expand::LookupHandle handle, std::string query, const Found& found, Instant until) {
  const auto there = std::ranges::find_if(entries_, [&](const Entry& e) { return e.handle == handle && e.query == query; });
  if (there != entries_.end()) drop(there);
  Entry entry{handle, std::move(query), found, until};
  if (entry.bytes() > kBytesMax) return;
  bytes_ += entry.bytes();
  entries_.push_back(std::move(entry));
  while (entries_.size() > kEntriesMax || bytes_ > kBytesMax) drop(entries_.begin());
}

void ResultCache::drop(std::deque<Entry>::iterator entry) {
  bytes_ -= entry->bytes();
  entries_.erase(entry);
}

void ResultCache::clear() noexcept {
  entries_.clear();
  bytes_ = 0;
}

}  // namespace postern::lookup
