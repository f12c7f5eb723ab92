// One MAIL transaction of a client: commands, then text, then the answer that settles it. Part of client.cc.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "engine/smtp/client.h"

namespace postern::smtp {

class ClientTransaction {
 public:
  ClientTransaction(Client& client, const ClientMessage& message);

  // To its end; the connection is afterwards in sync, or broken. Suspends.
  [[nodiscard]] Task<void> run();
  [[nodiscard]] TransactionOutcome take_outcome() { return std::move(outcome_); }

 private:
  // Commands sent before their answers are awaited; a window, so that neither side blocks on the other's full buffers.
  static constexpr std::size_t kPipelineDepth = 100;

  // The commands of the envelope are counted: MAIL, each RCPT, and DATA when it is pipelined behind them.
  [[nodiscard]] ClientPhase phase_of(std::size_t index) const noexcept;
  [[nodiscard]] std::string command_of(std::size_t index) const;
  [[nodiscard]] Task<bool> exchange_envelope();
  [[nodiscard]] Task<bool> send_commands(std::size_t from, std::size_t to);
  // False when the transaction cannot go on.
  [[nodiscard]] bool take_reply(std::size_t index, const Result<PeerReply>& reply);
  void take_mail_reply(const Result<PeerReply>& reply, std::string command);
  void take_rcpt_reply(std::size_t recipient, const Result<PeerReply>& reply, std::string command);
  void take_data_reply(const Result<PeerReply>& reply, std::string command);

  [[nodiscard]] Task<void> take_unasked();
  [[nodiscard]] Task<void> send_text();
  [[nodiscard]] Task<bool> open_data();
  [[nodiscard]] Task<bool> write_text();
  [[nodiscard]] Task<bool> write_piece(Chain piece);
  bool fail_locally(const Error& error);
  // SMTP has one answer for all recipients.
  [[nodiscard]] Task<void> take_final_reply();
  // LMTP has one for each that was accepted, in the order of their RCPT: RFC 2033 section 4.2.
  [[nodiscard]] Task<void> take_final_replies();
  void take_final_failure(ClientFailure why);
  [[nodiscard]] Task<void> close_empty_data();
  [[nodiscard]] Task<void> reset();

  [[nodiscard]] std::optional<ClientFailure> find_unsuitable() const;
  void fail(ClientFailure why);

  Client& client_;
  const ClientMessage& message_;
  MailParams params_;
  bool pipelining_;
  bool chunking_;
  bool data_open_ = false;    // the peer answered 354 and waits for text
  bool end_sent_ = false;     // the bytes that complete the text were given to the stream
  bool settled_ = false;      // a final reply came
  std::size_t commands_ = 0;  // of the envelope, to be answered
  std::vector<std::size_t> accepted_;
  TransactionOutcome outcome_;
};

}  // namespace postern::smtp
