// The rates of one shard's keys, measured as Exim measures them: an exponentially weighted mean over the period, in which an
// event after a long silence counts in full.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "engine/base/clock.h"
#include "policy/ratelimit/rate_words.h"

namespace postern::ratelimit {

struct Question {
  std::string key;  // of the table: what is measured, and how ("1h/per_mail/192.0.2.1")
  double count = 1;
  double limit = 0;
  double period_s = 1;
  Update update = Update::leaky;
  std::optional<std::string> unique;  // the event counts only when this was not seen within the period
};

struct Verdict {
  bool over = false;  // the rate has reached the limit
  double rate = 0;    // events per period
};

// Least recently used keys are forgotten beyond the caps. One shard.
class RateTable {
 public:
  static constexpr std::size_t kKeysMax = 200'000;
  static constexpr std::size_t kKeyBytesMax = 1024;  // longer ones are told apart by a hash of the rest
  static constexpr std::size_t kUniqueMax = 4096;    // of one key in one period; those beyond it count each time
  static constexpr std::size_t kUniqueTotalMax = 1'000'000;

  [[nodiscard]] Verdict ask(const Question& question, WallTime now);

  [[nodiscard]] std::size_t keys() const noexcept { return order_.size(); }
  // Counts what has changed since it was made.
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }

  class Saving;

  // Takes over those keys of a saved table for which `is_ours` is true, unless a younger state is known. False: the text is
  // none of ours, or damaged; the lines before the damage were taken.
  bool load(std::string_view text, bool (*is_ours)(std::string_view key, const void* context), const void* context);

 private:
  struct Entry {
    std::string key;
    std::int64_t at_us = 0;  // when `rate` was true
    double rate = 0;
    double period_s = 1;
    std::int64_t unique_since_us = 0;
    std::uint32_t saved_by = 0;  // the last Saving that need not write it any more
    std::unordered_set<std::uint64_t> unique;
  };
  using Order = std::list<Entry>;  // the last used in front

  [[nodiscard]] Entry* find(std::string_view key);
  Entry& insert(std::string key);
  void forget_last();
  void leave_place(Order::iterator entry);
  [[nodiscard]] bool is_new_event(Entry& entry, const Question& question, std::int64_t now_us);
  bool load_line(std::string_view line, bool (*is_ours)(std::string_view, const void*), const void* context);

  Order order_;
  std::unordered_map<std::string_view, Order::iterator> by_key_;  // views into the entries
  std::size_t unique_total_ = 0;
  std::uint64_t changes_ = 0;
  Saving* saving_ = nullptr;
  std::uint32_t savings_ = 0;
};

// A table as text, for a file: "postern ratelimit 1" and a line for each key, the last used last. Written in slices, between
// which the table may be asked: each key that was there at the beginning is in the text, as it was then or as it became since.
// One at a time; the table outlives it.
class RateTable::Saving {
 public:
  explicit Saving(RateTable& table);
  ~Saving() { table_.saving_ = nullptr; }
  Saving(const Saving&) = delete;
  Saving& operator=(const Saving&) = delete;

  // A slice takes well under a millisecond. False when the text is whole.
  bool add_slice();
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  friend class RateTable;
  void add(const Entry& entry);

  RateTable& table_;
  const std::uint32_t number_;
  Order::iterator next_;  // what has been visited lies behind it; end(): nothing has
  std::string text_;
};

// The same for all time, for it decides which shard owns a key of a saved table.
[[nodiscard]] std::uint64_t hash_of(std::string_view text) noexcept;

}  // namespace postern::ratelimit
