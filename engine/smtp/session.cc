#include "engine/smtp/session.h"

#include <utility>
#include <vector>

#include "engine/coro/event.h"
#include "engine/smtp/reply_texts.h"

namespace postern::smtp {

Session::Session(const SessionEnvironment& environment, std::unique_ptr<Stream> stream, SessionHooks& hooks,
                 const SessionOptions& options)
    : environment_(environment),
      stream_(std::move(stream)),
      hooks_(hooks),
      options_(options),
      line_(environment.pool),
      output_(environment.pool) {
  POSTERN_CHECK(stream_ != nullptr && options_.limits != nullptr);
  state_.pausing = this;
}

Session::~Session() = default;

Task<void> Session::run() {
  co_await greet();
  while (ending_ == nullptr) {
    if (environment_.draining.stop_requested() && !in_transaction()) {
      stop_service();
    } else if (!take_line()) {
      co_await await_input();  // sends all replies before it waits: a whole pipeline is answered in one write
    } else {
      if (input_.empty() && stream_->has_input() && needs_sync()) co_await look_for_input();
      co_await obey();
      if (turn_is_over()) co_await end_turn();
    }
  }
  co_await farewell();
}

Task<void> Session::greet() {
  state_.endpoints = stream_->endpoints();
  state_.encrypted = stream_->security().encrypted;
  state_.connected_at = now();
  const Verdict verdict = co_await hooks_.connect(state_, options_);
  if (!verdict.passes()) {
    refuse(Phase::connect, verdict);
    if (ending_ == nullptr) end(std::nullopt, kNoReply, true);
    co_return;
  }
  // What came with the connection lies in the kernel still: one look at it before we speak.
  if (options_.enforce_sync && !stream_->has_input()) co_await Yield{};
  if (options_.enforce_sync && stream_->has_input()) {
    co_await look_for_input();
    if (!input_.empty()) {
      hooks_.event({.kind = SessionEventKind::input_before_greeting, .input = PeerView(input_.view().substr(0, 128))});
      co_return end(std::nullopt, reply::kSynchronization, true);
    }
  }
  write(configured_reply(verdict.text, {220, {}, options_.banner}));
}

// One command, and the reply to it. What is wrong with the line as such comes first.
Task<void> Session::obey() {
  ++turn_commands_;
  command_deadline_ = Instant::never();
  recent_ = std::exchange(this_one_, {});
  state_.command = PeerView(line_.view());
  state_.argument = PeerView(command_.args);
  if (fault_ != LineFault::none) return refuse_line();
  if (has_nul_) return refuse_nul();
  if (!input_.empty() && needs_sync()) return fail_sync();
  if (!options_.refusal.empty() && command_.verb != Verb::quit) return refuse_command();
  if (!input_.empty() && state_.offers(EhloKeyword::pipelining)) state_.pipelining_used = true;
  if (command_.verb == Verb::unknown) return unknown_command();
  state_.history.add(command_.verb);
  if (exceeds_nonmail()) return too_many_nonmail();
  if (!takes_argument(command_.verb) && !command_.args.empty())
    return answer_error(SessionEventKind::syntax_error, reply::kUnexpectedArgument);
  if (intake_ != nullptr) {
    const bool may_stand_between_chunks = command_.verb == Verb::bdat || command_.verb == Verb::rset ||
                                          command_.verb == Verb::quit || command_.verb == Verb::noop;
    if (!may_stand_between_chunks) return refuse_between_chunks();
  }
  return obey_verb();
}

Task<void> Session::obey_verb() {
  switch (command_.verb) {
    case Verb::ehlo: return helo(true);
    case Verb::helo: return helo(false);
    case Verb::mail: return mail();
    case Verb::rcpt: return rcpt();
    case Verb::data: return data();
    case Verb::bdat: return bdat();
    case Verb::rset: return rset();
    case Verb::noop: return noop();
    case Verb::vrfy: return vrfy();
    case Verb::expn: return expn();
    case Verb::etrn: return etrn();
    case Verb::help: return help();
    case Verb::quit: return quit();
    case Verb::starttls: return answer_error(SessionEventKind::protocol_error, reply::kStartTlsNotAdvertised);
    case Verb::auth: return answer_error(SessionEventKind::protocol_error, reply::kAuthNotAdvertised);
    case Verb::lhlo:
    case Verb::xclient:
    case Verb::unknown: break;
  }
  return unknown_command();
}

void Session::end(std::optional<NotQuit> reason, const Reply& last, bool linger, std::string_view lead) {
  if (ending_ != nullptr) return;
  ending_ = std::make_unique<Ending>();
  *ending_ = {reason, last.code, last.enhanced, std::string(last.text), std::string(lead), linger};
}

void Session::end_by_name(NotQuit reason, const Reply& last, bool linger) {
  const std::string text = named(last.text);
  end(reason, {last.code, last.enhanced, text}, linger);
}

void Session::stop_service() {
  hooks_.event({.kind = SessionEventKind::closed_by_stop});
  end_by_name(NotQuit::signal_exit, {421, {4, 3, 2}, reply::kServiceUnavailableBehind}, false);
}

Task<void> Session::farewell() {
  // What the transaction was, the hooks may still want to see.
  if (ending_->reason.has_value()) {
    const Verdict verdict = co_await hooks_.notquit(*ending_->reason);
    if (!verdict.text.empty()) ending_->text = verdict.text;
  }
  co_await abandon_transaction();
  if (ending_->code != 0) {
    const std::string text = ending_->lead.empty() ? ending_->text : ending_->lead + "\n" + ending_->text;
    write(Reply{ending_->code, ending_->enhanced, text});
  }
  if (!state_.connection_checks.try_end()) co_await state_.connection_checks.end();
  if (!peer_gone_ && !output_.empty()) note_sent(co_await send());
  if (!peer_gone_) {
    const Result<void> sent = co_await stream_->drain(wait_until(now().plus_ms(limits().smtp_send_timeout_ms)));
    if (sent && ending_->linger) co_await linger();
  }
  co_await stream_->close();
  hooks_.closed();
}

// Reading is how one hears that the client has gone; what it sent meanwhile is put back. True: it has gone.
Task<bool> Session::read_ahead(Wait wait) {
  constexpr std::size_t kHeldBytesMax = 64 * 1024;
  std::vector<Slice> held;
  std::size_t held_bytes = 0;
  bool has_gone = peer_gone_;
  while (!has_gone && now() < wait.deadline && !wait.stop->stop_requested()) {
    if (held_bytes >= kHeldBytesMax) {
      static_cast<void>(co_await sleep_until(wait.deadline, wait.stop));
      break;
    }
    Result<Slice> input = co_await stream_->read(wait);
    if (!input) {
      has_gone = input.error().code != Errc::stopped && input.error().code != Errc::timed_out;
      break;
    }
    held_bytes += input->size();
    held.push_back(std::move(*input));
  }
  for (; !held.empty(); held.pop_back()) stream_->unread(std::move(held.back()));
  co_return has_gone;
}

Task<void> Session::pause(Instant until, bool flush) {
  if (flush && !output_.empty()) note_sent(co_await send());
  static_cast<void>(co_await read_ahead({until, &environment_.draining}));
}

Task<void> Session::watch(StopSource& over) {
  const StopsAnother stops(environment_.draining, over);
  if (co_await read_ahead({Instant::never(), &over})) over.request_stop();
}

// Closing while the peer's bytes are unread resets the connection, and the reset may overtake our last reply.
Task<void> Session::linger() {
  constexpr std::size_t kBytesMax = 256 * 1024;
  stream_->shutdown();
  const Wait wait{now().plus_ms(limits().linger_ms), &environment_.draining};
  input_.reset();
  for (std::size_t bytes = 0; bytes < kBytesMax;) {
    const Result<Slice> unread = co_await stream_->read(wait);
    if (!unread) break;
    bytes += unread->size();
  }
}

}  // namespace postern::smtp
