// The client's side of one SMTP connection, without the connection: bytes in, bytes out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "bench/load/envelope.h"
#include "bench/load/figures.h"
#include "bench/load/messages.h"
#include "bench/load/schedule.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"
#include "engine/smtp/reply_parser.h"

namespace postern::load {

// What all connections of a run say. Immutable; outlives their streams.
struct Script {
  Envelope envelope;
  Messages messages;
  std::string helo;
  // 0: every command awaits its reply. 1: the commands of a transaction that RFC 2920 lets go together do so, with BDAT the
  // whole transaction. More: as many transactions may be under way; with DATA, which ends a group, that is the next one's
  // commands behind the end of the text, and 2 is the most.
  std::size_t pipeline = 1;
  bool bdat = false;                 // RFC 3030, one chunk a message
  std::uint64_t per_connection = 0;  // messages; 0: no end
  bool quit = true;
};

// Where a connection's messages come from.
class MessageSource {
 public:
  virtual ~MessageSource() = default;
  [[nodiscard]] virtual std::optional<Due> take(Instant now) = 0;
  // take() will give no more.
  [[nodiscard]] virtual bool is_over() const = 0;
};

// Says what the script wants as the replies come, and counts. A server may answer whatever it likes. One connection; what it is
// given outlives it.
class Dialogue {
 public:
  Dialogue(const Script& script, MessageSource& source, Figures& figures, BlockPool& pool, Random& random);

  // Bytes from the server. What is to be sent is appended to `out`.
  void receive(std::string_view bytes, Instant now, Chain& out);
  // The source may have something, or be over. Checked: wants_message().
  void look_again(Instant now, Chain& out);
  // The connection has ended without our doing.
  void fail(Failure why);
  // The run is over, and nobody waits for what is under way.
  void cut_off();

  // Nothing will be said any more: the connection is to be closed.
  [[nodiscard]] bool is_done() const noexcept { return done_; }
  // The server has said hello, and everything since was in order.
  [[nodiscard]] bool is_ready() const noexcept { return ready_ && !done_; }
  // Could begin a message, but the source had none.
  [[nodiscard]] bool wants_message() const noexcept { return ready_ && !quitting_ && !done_ && may_begin(); }
  [[nodiscard]] bool awaits_reply() const noexcept { return !done_ && !expected_.empty(); }
  // Messages that the server has answered for.
  [[nodiscard]] std::uint64_t answered() const noexcept { return answered_; }
  [[nodiscard]] bool has_failed() const noexcept { return failed_; }

 private:
  struct Transaction {
    Due due;
    Instant text_queued;
    std::size_t bytes = 0;
    std::size_t recipients_answered = 0;
    std::size_t recipients_accepted = 0;
    bool mail_accepted = false;
    bool text_sent = false;
  };

  void on_reply(Instant now, Chain& out);
  void on_hello(Step step, int code, Instant now, Chain& out);
  void on_mail(int code, Instant now, Chain& out);
  void on_rcpt(int code, Instant now, Chain& out);
  void on_data(int code, Instant now, Chain& out);
  void on_end(int code, Instant now, Chain& out);
  void learn_offer(std::string_view text);

  [[nodiscard]] bool may_begin() const noexcept;
  void go_on(Instant now, Chain& out);
  void begin(const Due& due, Instant now, Chain& out);
  void ask_rcpt(Transaction& transaction, Chain& out);
  void send_text(Transaction& transaction, Instant now, Chain& out);
  void refuse(Instant now, Chain& out);
  void say(Step step, std::string_view line, Chain& out);
  void end(bool failed);

  const Script& script_;
  MessageSource& source_;
  Figures& figures_;
  BlockPool& pool_;
  Random& random_;
  smtp::ReplyParser parser_{{.allow_bare_lf = true, .limits = {}}};

  std::deque<Step> expected_;             // replies, in order; at most those of the pipeline
  std::deque<Transaction> transactions_;  // under way, in order; at most the pipeline
  std::size_t pipeline_ = 0;              // of the script, as far as the server offers it
  bool bdat_ = false;
  std::uint64_t begun_ = 0;
  std::uint64_t answered_ = 0;
  bool ready_ = false;         // for mail
  bool needs_reset_ = false;   // the server still holds the sender of a refused transaction
  bool awaits_reset_ = false;  // not pipelined
  bool quitting_ = false;
  bool done_ = false;
  bool failed_ = false;
};

}  // namespace postern::load
