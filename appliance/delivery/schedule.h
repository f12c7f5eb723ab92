// Which message is next: those that have not been tried, in the order they came, and those whose time to be tried again has
// come. Neither keeps the other waiting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "appliance/delivery/ledger.h"
#include "appliance/spool/reader.h"

namespace postern::delivery {

// One shard. Messages outlive their stay here. Times are seconds since 1970.
class Schedule {
 public:
  struct Next {
    QueuedMessage* message = nullptr;
    std::optional<spool::Record> record;  // when it was just read
  };

  void add_fresh(QueuedMessage& message, std::optional<spool::Record> record) {
    fresh_.push_back({&message, std::move(record)});
  }
  // In front of the others.
  void add_first(Next next) { fresh_.push_front(std::move(next)); }
  void add_due(QueuedMessage& message, std::uint32_t when_s) {
    message.is_waiting = true;
    due_.emplace(when_s, &message);
  }

  // Takes one out; nothing when none is ready.
  [[nodiscard]] std::optional<Next> take(std::uint32_t now_s) {
    const bool has_due = !due_.empty() && due_.begin()->first <= now_s;
    const bool takes_due = has_due && (fresh_.empty() || !was_due_);
    was_due_ = takes_due;
    if (takes_due) {
      QueuedMessage* const message = due_.extract(due_.begin()).mapped();
      message->is_waiting = false;
      return Next{message, std::nullopt};
    }
    if (fresh_.empty()) return std::nullopt;
    Next next = std::move(fresh_.front());
    fresh_.pop_front();
    return next;
  }

  // When the first of those that wait is due.
  [[nodiscard]] std::optional<std::uint32_t> next_due() const {
    return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
  }
  [[nodiscard]] std::size_t fresh() const noexcept { return fresh_.size(); }
  [[nodiscard]] std::size_t waiting() const noexcept { return due_.size(); }

 private:
  std::deque<Next> fresh_;
  std::multimap<std::uint32_t, QueuedMessage*> due_;
  bool was_due_ = false;
};

}  // namespace postern::delivery
