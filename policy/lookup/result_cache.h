// The results of queries, for the length of one message.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "engine/base/clock.h"
#include "policy/expand/services.h"

namespace postern::lookup {

struct Found;

class ResultCache {
 public:
  static constexpr std::size_t kEntriesMax = 64;
  static constexpr std::size_t kBytesMax = std::size_t{64} * 1024;  // keys and values; beyond either, the oldest goes

  ResultCache();
  ~ResultCache();
  ResultCache(const ResultCache&) = delete;
  ResultCache& operator=(const ResultCache&) = delete;

  // Borrowed until the next put(); nullptr when there is none, or its time has passed.
  [[nodiscard]] const Found* find(expand::LookupHandle handle, std::string_view query, Instant now) const noexcept;
  // In place of what was there.
  void put(expand::LookupHandle handle, std::string query, const Found& found, Instant until);
  void clear() noexcept;

 private:
  struct Entry;
  void drop(std::deque<Entry>::iterator entry);
  std::deque<Entry> entries_;  // the oldest first
  std::size_t bytes_ = 0;
};

}  // namespace postern::lookup
