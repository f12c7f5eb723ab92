#include "appliance/spool/message_id.h"

#include <algorithm>
#include <span>

#include "engine/base/check.h"

namespace postern::spool {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static_assert(kDigits.size() == 62);

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kDigits.size(); ++i) values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::int8_t>(i);
  return values;
}
constexpr auto kValues = make_values();

void put(std::span<char> to, std::uint64_t value) noexcept {
  for (std::size_t i = to.size(); i > 0; --i, value /= 62) to[i - 1] = kDigits[value % 62];
}

std::uint64_t get(std::span<const char> from) noexcept {
  std::uint64_t value = 0;
  for (const char c : from) value = value * 62 + static_cast<std::uint64_t>(kValues[static_cast<unsigned char>(c)]);
  return value;
}

// Where the parts stand in tttttt-cccccc-ss.
constexpr std::size_t kShardAt = 7;
constexpr std::size_t kCounterAt = 9;
constexpr std::size_t kBootAt = 14;

}  // namespace

MessageId::MessageId(const MessageIdParts& parts) noexcept : MessageId() {
  POSTERN_CHECK(parts.seconds < MessageIdParts::kSecondsMax);
  POSTERN_CHECK(parts.shard < MessageIdParts::kShards && parts.counter < MessageIdParts::kCounters);
  const std::span<char> text(text_);
  put(text.subspan(0, 6), parts.seconds);
  put(text.subspan(kShardAt, 2), parts.shard);
  put(text.subspan(kCounterAt, 4), parts.counter);
  put(text.subspan(kBootAt, 2), parts.boot % MessageIdParts::kBoots);
}

std::optional<MessageId> MessageId::parse(std::string_view text) noexcept {
  if (text.size() != kLength) return std::nullopt;
  MessageId id;
  for (std::size_t i = 0; i < kLength; ++i) {
    const bool dash = i == 6 || i == 13;
    if (dash ? text[i] != '-' : kValues[static_cast<unsigned char>(text[i])] < 0) return std::nullopt;
    id.text_[i] = text[i];
  }
  return id;
}

MessageIdParts MessageId::parts() const noexcept {
  const std::span<const char> text(text_);
  return {.seconds = get(text.subspan(0, 6)),
          .shard = static_cast<std::uint16_t>(get(text.subspan(kShardAt, 2))),
          .counter = static_cast<std::uint32_t>(get(text.subspan(kCounterAt, 4))),
          .boot = static_cast<std::uint32_t>(get(text.subspan(kBootAt, 2)))};
}

MessageIdGenerator::MessageIdGenerator(ShardId shard, std::uint32_t boot, std::uint64_t floor, std::uint64_t ceiling,
                                       std::uint32_t counter) noexcept
    : shard_(shard.value()), boot_(boot % MessageIdParts::kBoots), seconds_(floor), ceiling_(ceiling), counter_(counter) {
  POSTERN_CHECK(counter <= MessageIdParts::kCounters && shard_ < MessageIdParts::kShards && floor <= ceiling &&
                ceiling < MessageIdParts::kSecondsMax);
}

Result<MessageId> MessageIdGenerator::next(WallTime now) noexcept {
  const std::uint64_t present = now.us > 0 ? static_cast<std::uint64_t>(now.seconds()) : 0;
  std::uint64_t seconds = std::min(std::max(present, seconds_), ceiling_);
  if (seconds == seconds_ && counter_ == MessageIdParts::kCounters) {
    if (seconds == ceiling_) return failure(Errc::busy, "message ids");
    ++seconds;
  }
  if (seconds != seconds_) counter_ = 0;
  seconds_ = seconds;
  return MessageId({.seconds = seconds_, .shard = shard_, .counter = counter_++, .boot = boot_});
}

void MessageIdGenerator::raise_ceiling(std::uint64_t ceiling) noexcept {
  ceiling_ = std::min(std::max(ceiling_, ceiling), MessageIdParts::kSecondsMax - 1);
}

}  // namespace postern::spool
