// The dialogue with one SMTP client, RFC 5321, from the greeting to the end of the connection. It knows commands, replies and
// limits; what to accept and where messages go is asked of its hooks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/buffer/block_pool.h"
#include "engine/buffer/output_buffer.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/stream.h"
#include "engine/smtp/command.h"
#include "engine/smtp/configured_reply.h"
#include "engine/smtp/envelope.h"
#include "engine/smtp/hooks.h"
#include "engine/smtp/line_buffer.h"
#include "engine/smtp/message_intake.h"
#include "engine/smtp/reply.h"
#include "engine/smtp/session_limits.h"
#include "engine/smtp/state.h"

namespace postern::smtp {

// What all sessions of a shard share. Outlives them.
struct SessionEnvironment {
  BlockPool& pool;       // for lines and replies
  StopSource& draining;  // requested: no new transactions; open ones get shutdown_grace_ms
  StopSource& stopping;  // requested after `draining`: waiting ends at once. Commits in flight are still awaited
};

// One shard. Hooks, environment and everything that the options borrow outlive it.
class Session final : private SessionPause {
 public:
  Session(const SessionEnvironment& environment, std::unique_ptr<Stream> stream, SessionHooks& hooks,
          const SessionOptions& options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // The whole dialogue; once. When it ends the stream is closed and all checks have ended. Awaited to its end: it is ended
  // early by `draining` and `stopping`.
  [[nodiscard]] Task<void> run();

  [[nodiscard]] const SessionState& state() const noexcept { return state_; }

  // Bytes of the client that no command has used yet.
  [[nodiscard]] bool has_input() const { return !input_.empty() || stream_->has_input(); }
  // Puts `wrap(old stream)` in the old stream's place, as STARTTLS does. From within a hook. Checked: no input waits, for what
  // was said on the old stream must not be taken for something said on the new one.
  template <class Wrap>
  void wrap_stream(Wrap&& wrap) {
    POSTERN_CHECK(!has_input());
    stream_ = std::forward<Wrap>(wrap)(std::move(stream_));
    POSTERN_CHECK(stream_ != nullptr);
  }

 private:
  static constexpr Reply kNoReply{0, {}, {}};
  // What is wrong with a line that is no command at all.
  enum class LineFault : std::uint8_t { none, too_long, bare_newline };
  // How the connection ends, once that is decided.
  struct Ending {
    std::optional<NotQuit> reason;  // nothing: the peer said QUIT, or never got past the greeting
    int code = 0;                   // of a last reply, when there is one
    EnhancedCode enhanced;
    std::string text;
    std::string lead;     // lines of that reply before the text
    bool linger = false;  // the peer may still be sending, and should get to read why we left
  };
  // What the last command was, for errors that only follow from an earlier one in a pipeline.
  struct Recent {
    bool rejected_mail = false;
    bool rcpt = false;
  };

  // session.cc: the course of the dialogue. An inlined coroutine's frame becomes a part of its caller's; where the caller is
  // what an idle session consists of, that memory is kept out of it.
  [[gnu::noinline]] Task<void> greet();
  [[nodiscard]] Task<void> obey();
  [[nodiscard]] Task<void> obey_verb();
  [[gnu::noinline]] Task<void> farewell();
  Task<void> linger();
  [[nodiscard]] Task<void> pause(Instant until, bool flush) override;
  [[nodiscard]] Task<void> watch(StopSource& over) override;
  [[nodiscard]] Task<bool> read_ahead(Wait wait);
  void stop_service();
  void end(std::optional<NotQuit> reason, const Reply& last, bool linger, std::string_view lead = {});
  void end_by_name(NotQuit reason, const Reply& last, bool linger);

  // session_input.cc: bytes and lines.
  [[nodiscard]] bool take_line();
  [[nodiscard]] bool take_whole_line();
  [[nodiscard]] bool take_split_line();
  [[nodiscard]] bool skip_line();
  [[nodiscard]] bool begin_skipping(ParseStatus why, std::string_view more);
  void set_command(const ParseStep& step) noexcept;
  Task<void> await_input();
  [[gnu::noinline]] Task<void> look_for_input();
  void take_input(Slice bytes);
  void on_command_read_error(const Error& error);
  [[nodiscard]] bool on_data_read_error(const Error& error);
  [[nodiscard]] Wait wait_until(Instant deadline);
  [[nodiscard]] bool grace_is_over() const;
  [[nodiscard]] Instant data_deadline() const;
  [[gnu::noinline]] Task<void> prepare_to_wait();
  void release_line() noexcept;
  [[nodiscard]] bool turn_is_over() const noexcept;
  [[nodiscard]] [[gnu::noinline]] Task<void> end_turn();
  Task<bool> receive_text();
  Task<bool> skip_chunk(std::uint64_t bytes);

  // session_output.cc: replies, errors, verdicts.
  void write(const Reply& reply);
  void write(const ConfiguredReply& configured);
  void write_text(const Reply& reply, bool enhanced_codes);
  // The replies that every message gets, made in advance.
  enum class Usual : std::uint8_t { sender_ok, recipient_ok, enter_message };
  void write_usual(Usual which);
  [[nodiscard]] Stream::Write send();
  void note_sent(const Result<void>& sent);
  // A syntax or protocol error: logged, answered, and counted against smtp_max_synprot_errors. `logged` is `reply.text` unless
  // it says otherwise.
  void complain(SessionEventKind kind, const Reply& reply, std::string_view logged = {});
  // The same as a task, for obey().
  Task<void> answer_error(SessionEventKind kind, Reply reply);
  void count_error(const Reply& reply);
  void refuse(Phase phase, const Verdict& verdict);
  void note_rcpt_refusal(std::string_view text);
  void tell_incomplete(std::string_view why);
  [[nodiscard]] bool needs_sync() const noexcept;
  Task<void> fail_sync();
  Task<bool> check_sync();
  Task<void> refuse_line();
  Task<void> refuse_nul();
  Task<void> refuse_command();
  Task<void> unknown_command();
  [[nodiscard]] bool exceeds_nonmail() noexcept;
  Task<void> too_many_nonmail();
  [[nodiscard]] std::string named(std::string_view behind) const;

  // verbs/: one file each.
  Task<void> helo(bool is_ehlo);
  void write_helo(const Verdict& verdict);
  void add_keywords(ReplyLines& lines) const;
  Task<void> mail();
  [[nodiscard]] bool take_sender();
  [[nodiscard]] bool refuse_path(const PathStep& path, AddressRole role);
  [[nodiscard]] bool refuse_8bit_path(AddressRole role);
  [[nodiscard]] bool refuse_path(std::string_view reason, AddressRole role, bool is_unqualified);
  [[nodiscard]] bool refuse_params(const ParamError& error);
  [[nodiscard]] AddressRules address_rules(AddressRole role) const noexcept;
  [[nodiscard]] ExtensionSet advertised_parameters() const noexcept;
  Task<void> rcpt();
  [[nodiscard]] std::optional<Recipient> take_recipient();
  [[nodiscard]] std::optional<Recipient> too_many_recipients();
  Task<void> data();
  Task<void> bdat();
  Task<bool> may_take_chunk(bool is_last);
  void write_chunk_received();
  Task<void> refuse_between_chunks();
  Task<void> rset();
  Task<void> noop();
  Task<void> vrfy();
  Task<void> expn();
  Task<void> etrn();
  Task<void> help();
  Task<void> quit();

  // message.cc: what DATA and BDAT have in common.
  [[nodiscard]] bool may_send_message();
  [[nodiscard]] bool refuses_for_recipients();
  MessageIntake& make_intake(MessageIntake::Kind kind);
  Task<bool> open_message(MessageIntake::Kind kind);
  Task<void> finish_message();
  Task<void> commit_message(const BodyStats& stats, const Verdict& verdict, const Additions& additions);
  void refuse_message();
  void write_message_accepted(std::string_view id, const Verdict& verdict);
  void write_other_outcome(int code, std::string_view text);
  Task<void> abandon_transaction();
  void reset_transaction() noexcept;

  [[nodiscard]] const SessionLimits& limits() const noexcept { return *options_.limits; }
  [[nodiscard]] bool in_transaction() const noexcept { return envelope_.has_sender(); }
  [[nodiscard]] static Instant now() { return Scheduler::current().now(); }

  SessionEnvironment environment_;
  std::unique_ptr<Stream> stream_;
  SessionHooks& hooks_;
  SessionOptions options_;
  SessionState state_;

  // Bytes in and out. A session that waits for a command holds none of the memory behind these.
  Slice input_;  // received, not yet used
  LineBuffer line_;
  OutputBuffer output_;
  Command command_;  // views into line_
  std::optional<LineSkipper> skipper_;
  LineFault fault_ = LineFault::none;
  bool line_is_partial_ = false;
  bool has_nul_ = false;
  bool peer_gone_ = false;
  bool reply_unheard_ = false;  // nothing came from the peer since a message was accepted

  Instant command_deadline_ = Instant::never();  // for the line that is awaited
  Instant grace_until_ = Instant::never();       // set once the service stops
  Instant data_started_ = Instant::never();      // of the message's data
  std::size_t turn_bytes_ = 0;
  std::uint32_t turn_commands_ = 0;

  // Of the connection.
  bool free_helo_ = true;  // one of each is not counted as a nonmail command, per message
  bool free_rset_ = true;
  std::unique_ptr<Ending> ending_;

  // Of the transaction.
  Envelope envelope_;
  std::unique_ptr<MessageIntake> intake_;
  Recent recent_;                                  // the command before this one
  Recent this_one_;                                // to be `recent_` for the next
  std::unique_ptr<const Verdict> mail_discarded_;  // null: it was not
  bool rcpt_discarded_ = false;
  bool too_many_rcpts_ = false;
  bool rcpt_refusals_differ_ = false;
  std::unique_ptr<std::string> rcpt_refusal_;  // what all refused recipients were told
};

}  // namespace postern::smtp
