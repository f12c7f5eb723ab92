#include "bench/load/connection.h"

#include <algorithm>
#include <utility>

#include "engine/coro/scheduler.h"

namespace postern::load {
namespace {

constexpr std::int64_t kPauseMinMs = 10;
constexpr std::uint32_t kPauseDoublings = 7;  // up to 1.28 seconds
constexpr std::int64_t kPaceStepMs = 100;
constexpr std::size_t kQueuedBytesMax = 4 * 1024 * 1024;

Instant now() { return Scheduler::current().now(); }

// How long `bytes` take at `pace` bytes a second.
std::int64_t ms_at_pace(std::size_t bytes, std::uint32_t pace) { return static_cast<std::int64_t>(bytes * 1000 / pace); }

}  // namespace

Task<void> Connection::run() {
  while (!is_over() && !context_.over.stop_requested()) {
    if (context_.script.per_connection != 0 && !co_await hold_message()) break;
    auto stream = co_await context_.dialer.open({now().plus_ms(context_.options.timeout_ms), &context_.over});
    if (stream) {
      co_await converse(**stream);
      co_await (*stream)->close();
    } else if (stream.error().code != Errc::stopped) {
      context_.figures.connect_error = stream.error();
      ++context_.figures.counts.failures[static_cast<std::size_t>(Failure::connect)];
      ++failures_in_a_row_;
    }
    if (failures_in_a_row_ > 0) co_await pause();
  }
}

std::optional<Due> Connection::take(Instant now) {
  if (!held_) return context_.source.take(now);
  Due due = *std::exchange(held_, std::nullopt);
  if (!context_.options.counts_from_due) due.since = now;
  return due;
}

// False when there will be none.
Task<bool> Connection::hold_message() {
  holding_ = true;
  while (!held_) {
    if (context_.source.is_over() || context_.over.stop_requested()) break;
    held_ = context_.source.take(now());
    if (held_) break;
    may_take_.clear();
    ask_for_message();
    static_cast<void>(co_await may_take_.wait());
  }
  holding_ = false;
  co_return held_.has_value();
}

void Connection::ask_for_message() {
  if (std::exchange(asked_, true)) return;
  context_.crew.wants_message(*this);
}

void Connection::look_again(Instant now) {
  asked_ = false;
  if (holding_ && !held_) held_ = context_.source.take(now);
  may_take_.set();
  if (dialogue_ == nullptr || !dialogue_->wants_message()) return;
  Chain out;
  if (!dialogue_->awaits_reply()) moved_ = now;
  dialogue_->look_again(now, out);
  if (!out.empty()) static_cast<void>(stream_->write(std::move(out), {}));
  if (dialogue_->is_done()) return stop_->request_stop();
  if (dialogue_->wants_message()) ask_for_message();
}

void Connection::give_up_if_silent_since(Instant moment) {
  if (dialogue_ == nullptr || !dialogue_->awaits_reply() || moved_ > moment) return;
  silent_ = true;
  stop_->request_stop();
}

void Connection::cut_off() {
  if (stop_ != nullptr) stop_->request_stop();
}

Task<void> Connection::converse(Stream& stream) {
  Dialogue dialogue(context_.script, *this, context_.figures, context_.pool, context_.random);
  StopSource stop;
  dialogue_ = &dialogue;
  stream_ = &stream;
  stop_ = &stop;
  moved_ = now();
  silent_ = false;
  queued_ = 0;
  co_await talk(stream, stop);
  dialogue_ = nullptr;
  stream_ = nullptr;
  stop_ = nullptr;
  context_.crew.has_counted(now());
  failures_in_a_row_ = dialogue.has_failed() && dialogue.answered() == 0 ? failures_in_a_row_ + 1 : 0;
}

// An error of writing is left to reading, which may find the server's last words before it.
Task<void> Connection::talk(Stream& stream, StopSource& stop) {
  while (!dialogue_->is_done()) {
    if (dialogue_->wants_message()) ask_for_message();
    Result<Slice> bytes = co_await stream.read({Instant::never(), &stop});
    if (stop.stop_requested()) co_return silent_ ? dialogue_->fail(Failure::timed_out) : dialogue_->cut_off();
    if (!bytes) co_return dialogue_->fail(Failure::closed);
    if (const std::uint32_t pace = context_.options.read_pace; pace > 0)
      static_cast<void>(co_await sleep_until(now().plus_ms(ms_at_pace(bytes->size(), pace)), &stop));
    moved_ = now();
    Chain out;
    dialogue_->receive(bytes->view(), moved_, out);
    bytes->reset();
    context_.crew.has_counted(moved_);
    if (out.empty()) continue;
    if (context_.options.send_pace > 0) {
      static_cast<void>((co_await drip(stream, std::move(out), stop)).has_value());
      continue;
    }
    const bool too_much = count_queued(out.size());
    auto written = stream.write(std::move(out), {Instant::never(), &stop});
    if (too_much) static_cast<void>((co_await written).has_value());
  }
}

// Sending is not awaited, so that replies are seen at once: an honest server answers what it has read, and then no more is
// queued than its pipeline holds. One that answers without reading is found out when much has been queued.
bool Connection::count_queued(std::size_t bytes) noexcept {
  queued_ += bytes;
  if (queued_ <= kQueuedBytesMax) return false;
  queued_ = 0;
  return true;
}

Task<Result<void>> Connection::drip(Stream& stream, Chain bytes, StopSource& stop) {
  const std::uint32_t pace = context_.options.send_pace;
  const std::size_t step = std::max<std::size_t>(std::size_t{pace} * kPaceStepMs / 1000, 1);
  for (std::size_t i = 0; i < bytes.slice_count(); ++i) {
    for (std::size_t at = 0; at < bytes[i].size(); at += step) {
      const std::size_t count = std::min(step, bytes[i].size() - at);
      const Result<void> written = co_await stream.write(Chain(bytes[i].sub(at, count)), {Instant::never(), &stop});
      if (!written) co_return written;
      moved_ = now();
      if (!co_await sleep_until(now().plus_ms(ms_at_pace(count, pace)), &stop)) co_return failure(Errc::stopped, "write");
    }
  }
  co_return Result<void>{};
}

// Doubles with each failure, and differs between connections that fail together.
Task<void> Connection::pause() {
  const std::int64_t longest = kPauseMinMs << std::min(failures_in_a_row_ - 1, kPauseDoublings);
  const auto ms = longest / 2 + static_cast<std::int64_t>(context_.random.below(static_cast<std::uint64_t>(longest / 2) + 1));
  static_cast<void>(co_await sleep_until(now().plus_ms(ms), &context_.over));
}

}  // namespace postern::load
