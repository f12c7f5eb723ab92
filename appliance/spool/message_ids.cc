#include "appliance/spool/message_ids.h"

#include <algorithm>
#include <charconv>

#include "engine/base/check.h"
#include "engine/coro/event.h"
#include "engine/coro/scheduler.h"

namespace postern::spool {
namespace {

constexpr std::string_view kFirstLine = "postern-ids 1\n";
constexpr std::size_t kFileBytesMax = 256;
constexpr std::int64_t kRenewMs = static_cast<std::int64_t>(MessageIds::kLeaseSeconds) * 1000 / 2;

void append_line(std::string& text, std::string_view word, std::uint64_t value) {
  text.append(word).append(" ").append(std::to_string(value)).append("\n");
}

// "word value\n" at the front of `text`, taken off it.
std::optional<std::uint64_t> take_line(std::string_view& text, std::string_view word) noexcept {
  if (!text.starts_with(word) || !text.substr(word.size()).starts_with(' ')) return std::nullopt;
  text.remove_prefix(word.size() + 1);
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  if (!text.starts_with('\n')) return std::nullopt;
  text.remove_prefix(1);
  return value;
}

std::uint64_t present_seconds() {
  const std::int64_t seconds = Scheduler::current().wall_now().seconds();
  return seconds > 0 ? static_cast<std::uint64_t>(seconds) : 0;
}

}  // namespace

std::string format_message_id_state(const MessageIdState& state) {
  std::string text(kFirstLine);
  append_line(text, "boot", state.boot);
  append_line(text, "seconds", state.seconds);
  return text;
}

std::optional<MessageIdState> parse_message_id_state(std::string_view text) noexcept {
  if (!text.starts_with(kFirstLine)) return std::nullopt;
  text.remove_prefix(kFirstLine.size());
  const auto boot = take_line(text, "boot");
  if (!boot) return std::nullopt;
  const auto seconds = take_line(text, "seconds");
  if (!seconds || !text.empty() || *seconds >= MessageIdParts::kSecondsMax / 2) return std::nullopt;
  return MessageIdState{*boot, *seconds};
}

MessageIds::MessageIds(FileSystem& files, std::string directory, ShardId shard)
    : files_(files), path_(std::move(directory) + "/ids"), shard_(shard) {}

Task<Result<void>> MessageIds::start() {
  POSTERN_CHECK(!generator_);
  const auto text = co_await files_.read_all(path_, kFileBytesMax);
  if (text) {
    const auto state = parse_message_id_state(*text);
    if (!state) co_return failure(Errc::bad_format, "message ids");
    state_ = *state;
  } else if (text.error().code != Errc::not_found) {
    co_return failure(text.error());
  }
  const std::uint64_t floor = std::max(state_.seconds + 1, present_seconds());
  ++state_.boot;
  state_.seconds = floor + kLeaseSeconds;
  if (auto written = co_await write_state(); !written) co_return written;
  generator_.emplace(shard_, static_cast<std::uint32_t>(state_.boot % MessageIdParts::kBoots), floor, state_.seconds);
  gate_.start(keep_renewing());
  co_return Result<void>{};
}

Result<MessageId> MessageIds::next() {
  POSTERN_CHECK(generator_);
  return generator_->next(Scheduler::current().wall_now());
}

Task<Result<void>> MessageIds::write_state() { return files_.replace(path_, format_message_id_state(state_)); }

Task<void> MessageIds::keep_renewing() {
  while (co_await sleep_until(Scheduler::current().now().plus_ms(kRenewMs), &stop_)) {
    state_.seconds = std::max(generator_->seconds(), present_seconds()) + kLeaseSeconds;
    // On a full disk ids stay at the old second, and unique.
    if ((co_await write_state()).has_value()) generator_->raise_ceiling(state_.seconds);
  }
}

Task<void> MessageIds::stop() {
  stop_.request_stop();
  co_await gate_.close();
  state_.seconds = generator_->seconds();
  // Without it the next start begins at the end of the lease.
  static_cast<void>((co_await write_state()).has_value());
  generator_.reset();
}

}  // namespace postern::spool
