// What is known for a while: answers and absences (RFC 2308), each for its TTL, and answers somewhat longer, to stand in where
// no server says anything (RFC 8767). Temporary failures are never kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/base/clock.h"
#include "net/dns/resolver.h"

namespace postern::dns {

struct CacheLimits {
  std::size_t entries = 20'000;
  std::size_t bytes = 8UL << 20;
  std::uint32_t ttl_min_s = 5;              // of answers; a zone that wants none kept is asked at most so often
  std::uint32_t ttl_max_s = 86'400;         // of answers
  std::uint32_t absence_ttl_max_s = 3'600;  // RFC 2308 section 5 advises one to three hours
  std::uint32_t stale_max_s =
      86'400;  // past its TTL, how long an answer may stand in; RFC 8767 section 5 advises one to three days
};

// The entry that was used longest ago makes room. One shard.
class AnswerCache {
 public:
  explicit AnswerCache(const CacheLimits& limits = {}) noexcept : limits_(limits) {}

  static constexpr std::uint32_t kStandInS =
      30;  // RFC 8767 section 4: the TTL of what stands in, and the rest until servers are asked again

  // Case of the name does not matter (RFC 4343); a dot at its end neither. Not kept: failures, and absences without a TTL.
  void keep(std::string_view name, Type type, bool dnssec, Answer answer, Instant now);
  // Borrowed until the next call. nullptr when unknown, or when it was asked for without signatures, is not authenticated,
  // and `dnssec` wants them.
  [[nodiscard]] const Answer* find(std::string_view name, Type type, bool dnssec, Instant now);
  // For when no server says anything: an answer past its TTL counts for kStandInS again, without a claim that it is authentic.
  // Borrowed until the next call; nullptr when there is none, and for absences, which might turn good mail away.
  [[nodiscard]] const Answer* stand_in(std::string_view name, Type type, bool dnssec, Instant now);
  [[nodiscard]] bool has_stand_in(std::string_view name, Type type, bool dnssec, Instant now);
  void clear();

  [[nodiscard]] std::size_t entries() const noexcept { return by_use_.size(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct Entry {
    std::string key;
    Answer answer;
    Instant until;
    Instant stale_until;
    std::size_t bytes = 0;
    bool dnssec = false;
  };
  using Entries = std::list<Entry>;
  // The entry, whether past its TTL or not; what is of no use any more is removed.
  [[nodiscard]] Entry* known(std::string_view name, Type type, bool dnssec, Instant now);
  void remove(Entries::iterator entry);

  CacheLimits limits_;
  Entries by_use_;                                                  // the latest first
  std::unordered_map<std::string_view, Entries::iterator> by_key_;  // views into the entries
  std::size_t bytes_ = 0;
  std::string key_;  // scratch
};

}  // namespace postern::dns
