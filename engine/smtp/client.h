// An SMTP client over a stream: RFC 5321, with PIPELINING (RFC 2920), SIZE (RFC 1870), 8BITMIME (RFC 6152), SMTPUTF8 (RFC
// 6531), CHUNKING (RFC 3030), DSN (RFC 3461) and LIMITS (RFC 9422) where the peer offers them. And an LMTP client (RFC 2033),
// which says LHLO, and hears of each recipient on its own when the text has ended.
//
// The peer is a stranger: its replies are bounded, and a stream of replies that does not fit the commands is a broken
// connection, because from there on every answer would be taken for another command's.
//
// Choices where the standards leave one:
// - 8-bit text goes to a peer without 8BITMIME as it is, as Exim sends it; BODY= is then left out.
// - BDAT is sent when the recipients are known to be accepted, the whole message in one last chunk. DATA is pipelined with
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/peer_text.h"
#include "engine/base/result.h"
#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"
#include "engine/buffer/output_buffer.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/stream.h"
#include "engine/smtp/enhanced.h"
#include "engine/smtp/params.h"
#include "engine/smtp/reply_parser.h"

namespace postern::smtp {

// How long to wait for what, ms; RFC 5321 section 4.5.3.2 gives the least.
struct ClientTimeouts {
  std::int64_t greeting_ms = 300'000;
  std::int64_t command_ms = 300'000;  // EHLO, MAIL, RCPT, and each write of commands
  std::int64_t data_ms = 120'000;     // the reply to DATA
  std::int64_t block_ms = 180'000;    // each write of message text
  std::int64_t end_ms = 600'000;      // the reply to the end of the text
  std::int64_t parting_ms = 5'000;    // RSET between messages, and QUIT
};

struct ClientOptions {
  std::string helo_name;  // argument of EHLO, HELO and LHLO
  ClientTimeouts timeouts;
  bool lmtp = false;
  bool ignore_quota = false;  // tell a peer that offers IGNOREQUOTA to store what is beyond a recipient's quota
  bool use_pipelining = true;
  bool use_chunking = true;
  bool greeted = false;  // the server has said its greeting: the stream was secured behind STARTTLS (RFC 3207 section 4.2)
};

// What the peer offered in its reply to EHLO.
struct PeerOffer {
  bool esmtp = false;  // it knows EHLO
  bool pipelining = false;
  bool chunking = false;
  bool enhanced_status_codes = false;
  bool ignore_quota = false;                     // IGNOREQUOTA, of LMTP servers
  bool starttls = false;                         // STARTTLS: RFC 3207
  ExtensionSet parameters;                       // those whose parameters it takes
  std::optional<std::uint64_t> size_max;         // SIZE; nothing: no limit was stated
  std::optional<std::uint32_t> mail_max;         // LIMITS MAILMAX: transactions in a connection
  std::optional<std::uint32_t> rcpt_max;         // LIMITS RCPTMAX: recipients in a transaction
  std::optional<std::uint32_t> rcpt_domain_max;  // LIMITS RCPTDOMAINMAX: their domains
};
// Reads the text of a positive reply to EHLO: its lines without codes, LF between them; RFC 5321 section 4.1.1.1.
[[nodiscard]] PeerOffer parse_offer(std::string_view text);

// Which answer was awaited.
enum class ClientPhase : std::uint8_t { greeting, helo, mail, rcpt, data, end_of_data, reset, quit };

struct PeerReply {
  int code = 0;  // 0: none
  EnhancedCode enhanced;
  PeerText text;  // its lines without codes (enhanced ones stay), LF between them

  [[nodiscard]] bool is_positive() const noexcept { return code / 100 == 2; }
  [[nodiscard]] bool is_temporary() const noexcept { return code / 100 == 4; }
  [[nodiscard]] bool is_permanent() const noexcept { return code / 100 == 5; }
  // As it came, with the code in each line: "250-one", LF, "250 two". A stranger's bytes.
  [[nodiscard]] std::string lines() const;
};

struct ClientFailure {
  enum class Kind : std::uint8_t {
    rejected,    // `reply` says so
    timed_out,   // no answer in time
    closed,      // the peer closed or broke the connection
    malformed,   // what came is not a reply to what was sent
    unsuitable,  // the peer cannot be given this message; permanent; `status` and `explanation` say why
    local,       // our side: stopped, or the message's source failed; says nothing of the peer
  };
  Kind kind = Kind::closed;
  ClientPhase phase = ClientPhase::greeting;
  bool lmtp = false;
  bool pipelined = false;  // the command was sent without waiting for answers before it
  std::string command;     // as sent: "MAIL FROM:<a@b> SIZE=4", "RCPT TO:<c@d>", "DATA", "end of data"; "initial connection"
  PeerReply reply;
  EnhancedCode status;
  std::string explanation;
  Error error{Errc::closed, 0, ""};

  [[nodiscard]] bool is_permanent() const noexcept {
    return kind == Kind::unsuitable || (kind == Kind::rejected && reply.is_permanent());
  }
  // The connection has come to its end with this, or is not to be trusted any more.
  [[nodiscard]] bool ends_connection() const noexcept {
    return (kind != Kind::rejected && kind != Kind::unsuitable) || reply.code == 421;
  }
};

struct ClientRecipient {
  std::string_view address;  // without angle brackets
  RcptParams params;         // sent as far as the peer takes them
};

// The message's text, CR LF line ends, in as many pieces as it likes.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // The next piece; empty at the end. An error ends the transaction and the connection.
  [[nodiscard]] virtual Task<Result<Chain>> next() = 0;
  // Awaited before the last bytes that would make the peer take the message are sent. An error as above.
  [[nodiscard]] virtual Task<Result<void>> before_end() = 0;
};

// Everything is borrowed until the transaction has ended.
struct ClientMessage {
  std::string_view sender;  // without angle brackets; empty: null reverse-path
  MailParams params;        // RET, ENVID, BODY as they came; size is filled in here
  std::span<const ClientRecipient> recipients;
  std::uint64_t size_bytes = 0;  // of the text, exactly
  bool needs_smtputf8 = false;   // an address or a header field is not ASCII
  BodySource* body = nullptr;
};

// What became of one recipient. A delivered one has no failure.
struct RecipientOutcome {
  bool delivered = false;
  std::optional<ClientFailure> failure;  // its own; else the transaction's holds
  std::optional<PeerReply> accepted;     // in LMTP, when it was delivered; else the transaction's holds
};

struct TransactionOutcome {
  std::vector<RecipientOutcome> recipients;  // in the order of the message's
  std::optional<ClientFailure> failure;      // holds for every recipient that was not delivered and has none of its own
  PeerReply accepted;                        // the reply by which the message was taken; none in LMTP
  bool started = false;                      // MAIL was sent; else the connection had come to its end before
  bool used_chunking = false;
  bool used_pipelining = false;
  // The connection was lost between the end of the text and its reply: the peer may have taken the message. In LMTP for those
  // recipients that were not answered.
  bool in_doubt = false;

  // Why recipient `index` was not delivered.
  [[nodiscard]] const ClientFailure& failure_of(std::size_t index) const {
    return recipients[index].failure ? *recipients[index].failure : *failure;
  }
  // By which reply recipient `index` was delivered.
  [[nodiscard]] const PeerReply& accepted_by(std::size_t index) const {
    return recipients[index].accepted ? *recipients[index].accepted : accepted;
  }
};

// One connection. Stream and pool outlive it; whoever owns the stream closes it. One thing at a time.
class Client {
 public:
  Client(Stream& stream, BlockPool& pool, ClientOptions options);

  // Awaits the greeting, unless it came before, and says EHLO, or HELO to a peer that does not know it; LHLO in LMTP. A failure
  // ends the connection, but a peer that answered is still told QUIT by quit(). Suspends; `stop` (may be nullptr) cuts every
  // wait short.
  [[nodiscard]] Task<std::optional<ClientFailure>> hello(StopSource* stop);

  // One transaction. Afterwards usable() says whether another may follow; if this one was not completed it was reset.
  [[nodiscard]] Task<TransactionOutcome> send(const ClientMessage& message, StopSource* stop);

  // One command by itself, outside of send(): a callout asks what a server thinks of an address, and delivers nothing. Gives
  // the reply when it is positive.
  [[nodiscard]] Task<std::expected<PeerReply, ClientFailure>> ask(ClientPhase phase, std::string command, StopSource* stop);

  // In sync, nothing unexpected at hand, and not beyond the peer's MAILMAX.
  [[nodiscard]] bool usable() const;
  // Says goodbye when in sync, and waits for the answer, at most `wait_ms` and the time for partings.
  [[nodiscard]] Task<void> quit(StopSource* stop, std::int64_t wait_ms = INT64_MAX);

  [[nodiscard]] const PeerOffer& offer() const noexcept { return offer_; }
  // The first line of the greeting and of the reply to EHLO, HELO or LHLO, without code.
  [[nodiscard]] const PeerText& greeting() const noexcept { return greeting_; }
  [[nodiscard]] const PeerText& helo_response() const noexcept { return helo_response_; }
  [[nodiscard]] std::uint32_t transactions() const noexcept { return transactions_; }

 private:
  friend class ClientTransaction;

  // The next reply, whole within `timeout_ms`. bad_format: not a reply. After an error the connection is broken.
  [[nodiscard]] Task<Result<PeerReply>> read_reply(std::int64_t timeout_ms);
  [[nodiscard]] Task<Result<void>> write(Chain bytes, std::int64_t timeout_ms);
  [[nodiscard]] Task<Result<PeerReply>> command(std::string line, std::int64_t timeout_ms);
  // After writing failed: a peer that had enough may have said so before it closed, and its words beat a broken pipe.
  [[nodiscard]] Task<Result<PeerReply>> last_words(Error error);
  [[nodiscard]] Task<std::optional<ClientFailure>> hear_greeting();
  [[nodiscard]] Task<std::optional<ClientFailure>> say_helo();
  [[nodiscard]] ClientFailure failure_of(const Result<PeerReply>& reply, ClientPhase phase, std::string command);
  [[nodiscard]] Wait wait_for(std::int64_t timeout_ms) const;

  Stream& stream_;
  BlockPool& pool_;
  ClientOptions options_;
  StopSource* stop_ = nullptr;
  ReplyParser parser_{{.allow_bare_lf = true, .limits = {}}};
  PeerOffer offer_;
  PeerText greeting_;
  PeerText helo_response_;
  std::uint32_t transactions_ = 0;
  bool broken_ = false;  // lost, out of sync, or the peer said 421
};

}  // namespace postern::smtp
