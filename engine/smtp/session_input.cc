// Bytes and lines: what the session reads, how long it waits for it, and whose turn it is.
#include <algorithm>

#include "engine/coro/event.h"
#include "engine/smtp/reply_texts.h"
#include "engine/smtp/session.h"

namespace postern::smtp {
namespace {

LineEnds line_ends_of(const SessionOptions& options) noexcept {
  return options.bare_newline == BareNewline::reject ? LineEnds::strict : LineEnds::bare_lf_ends_line;
}

}  // namespace

// True when a line is there: in line_, and command_ or fault_ say what it is. False when the input is used up; the part of a
// line that has come is then in line_, so that the receive buffer is free again.
bool Session::take_line() {
  if (skipper_.has_value()) return skip_line();
  if (!line_is_partial_) line_.clear();
  if (input_.empty()) return false;
  return line_is_partial_ ? take_split_line() : take_whole_line();
}

bool Session::take_whole_line() {
  const ParseStep step = parse_command(input_.view(), limits().command_line_bytes_max, line_ends_of(options_));
  if (step.status == ParseStatus::need_more) {
    line_.append(input_.view());
    line_is_partial_ = true;
    input_.reset();
    return false;
  }
  line_.append(step.line);
  set_command(step);
  input_.remove_prefix(step.consumed);
  return step.status == ParseStatus::complete || begin_skipping(step.status, {}) || skip_line();
}

bool Session::take_split_line() {
  const std::string_view view = input_.view();
  const std::size_t line_feed = view.find('\n');
  const std::size_t up_to_it = line_feed == view.npos ? view.size() : line_feed + 1;
  const std::size_t piece = std::min(up_to_it, limits().command_line_bytes_max - line_.size());
  line_.append(view.substr(0, piece));
  input_.remove_prefix(piece);

  const ParseStep step = parse_command(line_.view(), limits().command_line_bytes_max, line_ends_of(options_));
  if (step.status == ParseStatus::need_more) return false;
  line_is_partial_ = false;
  const bool found = step.status == ParseStatus::complete || begin_skipping(step.status, line_.view().substr(step.consumed));
  line_.truncate(step.line.size());
  set_command(step);
  return found || skip_line();
}

// `more` was received behind the fault. True when the line ends there.
bool Session::begin_skipping(ParseStatus why, std::string_view more) {
  fault_ = why == ParseStatus::too_long ? LineFault::too_long : LineFault::bare_newline;
  skipper_.emplace(line_ends_of(options_));
  if (!skipper_->skip(more).done) return false;
  skipper_.reset();
  return true;
}

bool Session::skip_line() {
  const LineSkipper::Step step = skipper_->skip(input_.view());
  input_.remove_prefix(step.consumed);
  if (step.done) skipper_.reset();
  return step.done;
}

// line_ holds the line; the step's views may be into the receive buffer.
void Session::set_command(const ParseStep& step) noexcept {
  has_nul_ = step.has_nul;
  command_ = {};
  if (step.status != ParseStatus::complete) return;
  fault_ = LineFault::none;
  const char* const here = line_.view().data();
  const char* const there = step.line.data();
  command_.word = {here + (step.command.word.data() - there), step.command.word.size()};
  if (!step.command.args.empty()) command_.args = {here + (step.command.args.data() - there), step.command.args.size()};
  command_.verb = step.command.verb;
  // "MAIL FROM:" and "RCPT TO:" are the verbs, as far as anybody but the grammar is concerned.
  if (command_.verb == Verb::mail || command_.verb == Verb::rcpt) {
    const std::optional<std::string_view> path = behind_keyword(command_.args, command_.verb == Verb::mail ? "FROM:" : "TO:");
    if (path.has_value())
      command_.args = *path;
    else
      command_.verb = Verb::unknown;
  }
}

void Session::take_input(Slice bytes) {
  turn_bytes_ += bytes.size();
  reply_unheard_ = false;
  input_ = std::move(bytes);
}

// More of the command line that is awaited. All replies leave before it waits.
Task<void> Session::await_input() {
  if (command_deadline_.is_never()) command_deadline_ = now().plus_ms(limits().smtp_receive_timeout_ms);
  if (!stream_->has_input()) {
    co_await prepare_to_wait();
    if (ending_ != nullptr) co_return;
    if (!line_is_partial_ && !skipper_.has_value()) release_line();
  }
  const Instant deadline = intake_ != nullptr ? std::min(command_deadline_, data_deadline()) : command_deadline_;
  Result<Slice> got = co_await stream_->read(wait_until(deadline));
  if (got)
    take_input(*std::move(got));
  else
    on_command_read_error(got.error());
}

// What has arrived and was not asked for. Suspends only in name: there is input, or its end.
Task<void> Session::look_for_input() {
  Result<Slice> got = co_await stream_->read({});
  if (got) take_input(*std::move(got));
}

// All input is used up. Even an empty slice pins its block.
Task<void> Session::prepare_to_wait() {
  input_.reset();
  turn_bytes_ = 0;
  turn_commands_ = 0;
  if (!output_.empty()) note_sent(co_await send());
}

void Session::release_line() noexcept {
  line_.release();
  command_ = {};
  state_.command = {};
  state_.argument = {};
}

bool Session::turn_is_over() const noexcept {
  return turn_bytes_ >= limits().turn_bytes_max || turn_commands_ >= limits().turn_commands_max ||
         output_.size() >= limits().output_bytes_max;
}

// Others first; and a client that sends without reading waits for its replies to leave.
Task<void> Session::end_turn() {
  if (output_.size() >= limits().output_bytes_max) note_sent(co_await send());
  if (turn_bytes_ >= limits().turn_bytes_max || turn_commands_ >= limits().turn_commands_max) {
    turn_bytes_ = 0;
    turn_commands_ = 0;
    co_await Yield{};
  }
}

// A wait that the end of the service cuts short: at once where nothing is open, after a grace where something is.
Wait Session::wait_until(Instant deadline) {
  if (!environment_.draining.stop_requested()) return {deadline, &environment_.draining};
  if (grace_until_.is_never()) grace_until_ = now().plus_ms(limits().shutdown_grace_ms);
  return {std::min(deadline, grace_until_), &environment_.stopping};
}

bool Session::grace_is_over() const {
  if (environment_.stopping.stop_requested()) return true;
  return environment_.draining.stop_requested() && (!in_transaction() || now() >= grace_until_);
}

void Session::on_command_read_error(const Error& error) {
  switch (error.code) {
    case Errc::stopped:
    case Errc::timed_out:
      if (grace_is_over()) return stop_service();
      if (error.code == Errc::stopped) return;  // draining; the grace begins
      hooks_.event({.kind = SessionEventKind::command_timeout});
      tell_incomplete("command timeout");
      return end_by_name(NotQuit::command_timeout, {421, {4, 4, 2}, reply::kCommandTimeoutBehind}, false);
    default: break;
  }
  tell_incomplete("connection lost");
  const bool is_unheard = error.code != Errc::closed && reply_unheard_;
  hooks_.event({.kind = is_unheard ? SessionEventKind::lost_after_data : SessionEventKind::lost, .error = &error});
  if (error.code != Errc::closed) peer_gone_ = true;
  end_by_name(NotQuit::connection_lost, {421, {4, 4, 2}, reply::kLostInputBehind}, false);
}

Instant Session::data_deadline() const {
  const std::uint64_t rate = std::max<std::uint64_t>(limits().smtp_data_rate_min, 1);
  const std::uint64_t earned_ms = intake_ != nullptr ? intake_->wire_bytes() / rate * 1000 : 0;
  return data_started_.plus_ms(limits().smtp_data_head_start_ms + static_cast<std::int64_t>(earned_ms));
}

// True: go on waiting.
bool Session::on_data_read_error(const Error& error) {
  switch (error.code) {
    case Errc::stopped:
    case Errc::timed_out:
      if (grace_is_over()) {
        stop_service();
        return false;
      }
      if (error.code == Errc::stopped) return true;
      hooks_.event({.kind = SessionEventKind::data_timeout});
      end_by_name(NotQuit::data_timeout, {421, {4, 4, 2}, reply::kDataTimeoutBehind}, true);
      return false;
    default: break;
  }
  hooks_.event({.kind = SessionEventKind::lost_in_data, .error = &error});
  if (error.code != Errc::closed) peer_gone_ = true;
  end(NotQuit::connection_lost, {421, {4, 4, 2}, "Lost incoming connection"}, false);
  return false;
}

// A message's data, or a chunk of it, from the stream into the intake. False when the connection is to end.
Task<bool> Session::receive_text() {
  stream_->expect_bulk(true);
  for (;;) {
    const MessageIntake::Status status = intake_->take(input_, stream_->input_scarce());
    if (intake_->needs_room()) co_await intake_->make_room();
    if (status == MessageIntake::Status::complete) break;
    if (status == MessageIntake::Status::pause) continue;
    if (!stream_->has_input())
      co_await prepare_to_wait();
    else if (turn_is_over())
      co_await end_turn();
    if (ending_ != nullptr) co_return false;
    const Instant next_bytes = now().plus_ms(limits().smtp_receive_timeout_ms);
    Result<Slice> got = co_await stream_->read(wait_until(std::min(next_bytes, data_deadline())));
    if (got)
      take_input(*std::move(got));
    else if (!on_data_read_error(got.error()))
      co_return false;
  }
  stream_->expect_bulk(false);
  co_return true;
}

// The bytes of a chunk that has no place to go, so that the commands behind it are found. False when the connection is to end.
Task<bool> Session::skip_chunk(std::uint64_t bytes) {
  data_started_ = now();
  for (;;) {
    const std::size_t here = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, input_.size()));
    input_.remove_prefix(here);
    bytes -= here;
    if (bytes == 0) co_return true;
    if (!stream_->has_input())
      co_await prepare_to_wait();
    else if (turn_is_over())
      co_await end_turn();
    if (ending_ != nullptr) co_return false;
    const Instant next_bytes = now().plus_ms(limits().smtp_receive_timeout_ms);
    Result<Slice> got = co_await stream_->read(wait_until(next_bytes));
    if (got)
      take_input(*std::move(got));
    else if (!on_data_read_error(got.error()))
      co_return false;
  }
}

}  // namespace postern::smtp
