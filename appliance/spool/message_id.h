// Message ids in the form of Exim 4.96, tttttt-cccccc-ss in base 62 (digits 0-9 A-Z a-z), so that log tools match them:
//   tttttt  seconds since 1970
//   cc      the shard          cccc  a counter within the second
//   ss      the boot number, modulo 3844
// Text order is time order. An id is unique over all shards and restarts of one spool: see MessageIds for how.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/clock.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"

namespace postern::spool {

struct MessageIdParts {
  std::uint64_t seconds = 0;  // below kSecondsMax
  std::uint16_t shard = 0;    // below kShards
  std::uint32_t counter = 0;  // below kCounters
  std::uint32_t boot = 0;     // kept modulo kBoots

  static constexpr std::uint64_t kSecondsMax = 62ULL * 62 * 62 * 62 * 62 * 62;
  static constexpr std::uint32_t kShards = 62 * 62;
  static constexpr std::uint32_t kCounters = 62 * 62 * 62 * 62;
  static constexpr std::uint32_t kBoots = 62 * 62;

  friend bool operator==(const MessageIdParts&, const MessageIdParts&) = default;
};

// Sixteen characters by value; never allocates.
class MessageId {
 public:
  static constexpr std::size_t kLength = 16;

  // 000000-000000-00
  constexpr MessageId() noexcept { text_.fill('0'), text_[6] = text_[13] = '-'; }
  // Checked: every part is below its bound (boot is reduced).
  explicit MessageId(const MessageIdParts& parts) noexcept;
  // Nothing when `text` is not exactly an id of this form.
  [[nodiscard]] static std::optional<MessageId> parse(std::string_view text) noexcept;

  // Borrowed from this object.
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), text_.size()}; }
  [[nodiscard]] MessageIdParts parts() const noexcept;

  friend auto operator<=>(const MessageId&, const MessageId&) = default;

 private:
  std::array<char, kLength> text_;
};

// Makes the ids of one shard. Pure: what has to survive a restart is MessageIds' business.
class MessageIdGenerator {
 public:
  // No id carries fewer seconds than `floor` or, until raise_ceiling(), more than `ceiling`. `counter` is that of the first id.
  MessageIdGenerator(ShardId shard, std::uint32_t boot, std::uint64_t floor, std::uint64_t ceiling,
                     std::uint32_t counter = 0) noexcept;

  // The next id. Its seconds are those of `now`, but never fewer than in the id before (the clock may jump back) and never more
  // than the ceiling. busy when the counter is used up at the ceiling.
  [[nodiscard]] Result<MessageId> next(WallTime now) noexcept;
  // Ignored when lower than the present one.
  void raise_ceiling(std::uint64_t ceiling) noexcept;

  // Of the latest id, or the floor.
  [[nodiscard]] std::uint64_t seconds() const noexcept { return seconds_; }
  [[nodiscard]] std::uint64_t ceiling() const noexcept { return ceiling_; }

 private:
  std::uint16_t shard_;
  std::uint32_t boot_;
  std::uint64_t seconds_;
  std::uint64_t ceiling_;
  std::uint32_t counter_;  // of the next id within seconds_
};

// The store of delivery takes this shard number, so that ids of bounces never meet those of ingress.
inline constexpr ShardId kDeliveryShard{MessageIdParts::kShards - 1};

}  // namespace postern::spool
