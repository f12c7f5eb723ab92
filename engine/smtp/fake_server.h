// For tests: an SMTP or LMTP server as a stream, without a network. What it answers can be changed command by command; what it
// was given is kept.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/scheduler.h"
#include "engine/io/stream.h"
#include "engine/smtp/body_testing.h"
#include "engine/smtp/chars.h"
#include "engine/smtp/data_reader.h"

namespace postern::smtp::testing {

// What a server is like. Shared by all its connections, so a test reads here what came in over any of them.
struct FakeServer {
  struct Mail {
    std::string sender;                   // the MAIL line
    std::vector<std::string> recipients;  // the RCPT lines that were accepted
    std::string text;                     // as sent, dots taken out
    bool chunked = false;
    bool is_answered = true;  // not so with kTake, nor where the connection broke with it
  };

  // In place of an answer.
  static constexpr std::string_view kClose = "\x01";   // close the connection
  static constexpr std::string_view kSilent = "\x02";  // say nothing
  static constexpr std::string_view kTake = "\x03";    // at the end of a text: take it and close the connection, unanswered

  std::vector<std::string> offer;  // lines of the reply to EHLO behind the first; empty and `knows_ehlo` false: HELO only
  bool knows_ehlo = true;
  bool lmtp = false;                     // it knows LHLO in place of EHLO, and answers a text once for each recipient
  std::size_t fragment_bytes = 0;        // of what it sends; 0: as it comes
  std::size_t sends_at_most = SIZE_MAX;  // bytes in one connection; then it closes
  // Of what it is sent: the connection that brings the last of them breaks there, and no other does after it.
  std::optional<std::size_t> breaks_after_bytes;
  // Asked for each step before the ordinary answer is given: "connect", the command line, or "." for the end of a text (in LMTP
  // ".RCPT TO:<a@b>" for each that was accepted). The answer without the last line end (LF between lines); nothing for the
  // ordinary one.
  std::function<std::optional<std::string>(std::string_view step)> answer;

  std::vector<std::string> commands;  // all, in the order they came
  std::vector<Mail> mails;            // accepted
  bool count_only = false;            // keep neither
  std::size_t connections = 0;
  std::size_t open_connections = 0;
  std::size_t writes = 0;  // how often the client gave a stream something to send

  [[nodiscard]] std::size_t count_of(std::string_view verb) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(commands, [&](const std::string& line) { return starts_with_ignoring_case(line, verb); }));
  }
};

class FakeServerStream final : public Stream {
 public:
  explicit FakeServerStream(FakeServer& server) : server_(server) {
    ++server_.connections;
    ++server_.open_connections;
    respond("connect", "220 mx.example ESMTP");
  }
  ~FakeServerStream() override { POSTERN_CHECK(closed_); }

  // The server side closes now.
  void close_from_server() { end_input(Errc::closed); }
  void send_from_server(std::string_view text) { send(text); }

  void unread(Slice bytes) override { input_.insert(input_.begin(), std::move(bytes)); }
  [[nodiscard]] bool has_input() const override { return !input_.empty() || input_end_.has_value(); }
  void expect_bulk(bool) override {}
  [[nodiscard]] bool input_scarce() const override { return false; }
  void shutdown() override {}
  [[nodiscard]] Task<void> close() override {
    POSTERN_CHECK(!closed_ && reader_ == nullptr);
    closed_ = true;
    --server_.open_connections;
    input_.clear();
    co_return;
  }
  [[nodiscard]] const Endpoints& endpoints() const override { return endpoints_; }
  [[nodiscard]] const Security& security() const override { return security_; }
  [[nodiscard]] std::size_t output_bytes_max() const override { return 65536; }

 protected:
  [[nodiscard]] bool take_input(Result<Slice>& into) override {
    if (!input_.empty()) {
      into = std::move(input_.front());
      input_.erase(input_.begin());
      return true;
    }
    if (input_end_) into = failure(*input_end_, "read");
    return input_end_.has_value();
  }
  void set_reader(ReadWaiter* reader) override { reader_ = reader; }
  void queue_output(Chain bytes) override {
    ++server_.writes;
    bytes.copy_to(received_);
    const bool breaks = server_.breaks_after_bytes && bytes.size() >= *server_.breaks_after_bytes;
    if (breaks) received_.resize(received_.size() - (bytes.size() - *server_.breaks_after_bytes));
    if (server_.breaks_after_bytes) *server_.breaks_after_bytes -= std::min(bytes.size(), *server_.breaks_after_bytes);
    const std::size_t taken = server_.mails.size();
    take_received();
    if (!breaks) return;
    for (std::size_t i = taken; i < server_.mails.size(); ++i) server_.mails[i].is_answered = false;
    server_.breaks_after_bytes.reset();
    end_input(Errc::reset);
  }
  [[nodiscard]] std::size_t unsent_bytes() const override { return 0; }
  [[nodiscard]] const Error* output_error() const override { return output_error_ ? &*output_error_ : nullptr; }
  void set_writer(WriteWaiter*, std::size_t) override {}

 private:
  void end_input(Errc why) {
    if (input_end_) return;
    input_end_ = why;
    output_error_ = Error{Errc::reset, 0, "write"};
    wake();
  }
  void wake() {
    if (reader_ != nullptr) std::exchange(reader_, nullptr)->input_ready();
  }
  void send(std::string_view text) {
    const std::size_t most = server_.fragment_bytes == 0 ? BlockPool::kLargest : server_.fragment_bytes;
    const bool is_last = text.size() >= server_.sends_at_most - sent_;
    text = text.substr(0, server_.sends_at_most - sent_);
    sent_ += text.size();
    for (; !text.empty(); text.remove_prefix(std::min(most, text.size())))
      input_.push_back(copy_to_slice(pool_, text.substr(0, most)));
    if (is_last) end_input(Errc::closed);
    wake();
  }
  // Gives the scripted answer to `step`, or the ordinary one. True when the answer was positive.
  bool respond(std::string_view step, std::string ordinary) {
    std::string answer = std::move(ordinary);
    if (server_.answer)
      if (std::optional<std::string> scripted = server_.answer(step)) answer = std::move(*scripted);
    if (answer == FakeServer::kClose) {
      end_input(Errc::closed);
      return false;
    }
    if (answer == FakeServer::kSilent) return false;
    if (answer == FakeServer::kTake) {
      mail_.is_answered = false;
      end_input(Errc::closed);
      return true;
    }
    std::string wire;
    for (const char c : answer) c == '\n' ? wire.append("\r\n") : wire.append(1, c);
    send(wire + "\r\n");
    if (answer.starts_with("421")) end_input(Errc::closed);
    return answer.starts_with('2') || answer.starts_with('3');
  }

  void take_received() {
    while (!input_end_ && (in_data_ ? take_data() : chunk_left_ ? take_chunk() : take_command())) {}
  }
  bool take_command() {
    const std::size_t end = received_.find("\r\n");
    if (end == received_.npos) return false;
    const std::string line = received_.substr(0, end);
    received_.erase(0, end + 2);
    if (!server_.count_only) server_.commands.push_back(line);
    obey(line);
    return true;
  }
  void obey(const std::string& line) {
    const auto is = [&](std::string_view verb) { return starts_with_ignoring_case(line, verb); };
    if (is(server_.lmtp ? "LHLO" : "EHLO"))
      respond(line, ehlo_answer());
    else if (is("MAIL"))
      begin_mail(line);
    else if (is("RCPT"))
      add_recipient(line);
    else if (is("DATA"))
      in_data_ = respond(line, mail_.recipients.empty() ? "503 no recipients" : "354 go on");
    else if (is("BDAT"))
      begin_chunk(line);
    else if (is("RSET"))
      reset(), respond(line, "250 reset");
    else if (is("QUIT"))
      respond(line, "221 bye"), end_input(Errc::closed);
    else
      respond(line, is("HELO") && !server_.lmtp ? "250 mx.example" : "500 what?");
  }
  std::string ehlo_answer() const {
    if (!server_.knows_ehlo) return "500 what?";
    std::string answer = server_.offer.empty() ? "250 mx.example" : "250-mx.example";
    for (std::size_t i = 0; i < server_.offer.size(); ++i)
      answer += (i + 1 < server_.offer.size() ? "\n250-" : "\n250 ") + server_.offer[i];
    return answer;
  }
  void begin_mail(const std::string& line) {
    reset();
    if (respond(line, "250 sender ok")) mail_.sender = line;
  }
  void add_recipient(const std::string& line) {
    if (respond(line, mail_.sender.empty() ? "503 sender not yet given" : "250 recipient ok")) mail_.recipients.push_back(line);
  }
  void begin_chunk(const std::string& line) {
    std::size_t bytes = 0;
    std::from_chars(line.data() + 5, line.data() + line.size(), bytes);
    mail_.chunked = true;
    chunk_left_ = bytes;
    if (bytes == 0) take_chunk();
  }
  bool take_chunk() {
    const std::size_t count = std::min(received_.size(), *chunk_left_);
    if (count == 0 && *chunk_left_ > 0) return false;
    mail_.text += received_.substr(0, count);
    received_.erase(0, count);
    *chunk_left_ -= count;
    if (*chunk_left_ > 0) return false;
    chunk_left_.reset();
    end_text();
    return true;
  }
  bool take_data() {
    DataReader reader(BareNewline::normalise);
    BodyRun run;
    feed(reader, received_, run);
    if (!run.is_complete) return false;
    mail_.text = run.stored;
    received_.erase(0, run.consumed);
    in_data_ = false;
    end_text();
    return true;
  }
  void end_text() {
    if (server_.lmtp) return end_lmtp_text();
    const bool has_recipients = !mail_.recipients.empty();
    if (respond(".", has_recipients ? "250 OK id=fake" : "554 no valid recipients") && has_recipients && !server_.count_only)
      server_.mails.push_back(mail_);
    reset();
  }
  void end_lmtp_text() {
    std::vector<std::string> stored;
    for (const std::string& recipient : mail_.recipients)
      if (!input_end_ && respond("." + recipient, "250 2.0.0 saved")) stored.push_back(recipient);
    if (!stored.empty()) server_.mails.push_back({mail_.sender, std::move(stored), mail_.text, mail_.chunked});
    reset();
  }
  void reset() {
    mail_ = FakeServer::Mail();
    chunk_left_.reset();
  }

  FakeServer& server_;
  BlockPool pool_;
  std::vector<Slice> input_;
  std::optional<Errc> input_end_;
  std::optional<Error> output_error_;
  ReadWaiter* reader_ = nullptr;
  std::string received_;
  FakeServer::Mail mail_;
  std::size_t sent_ = 0;
  bool in_data_ = false;
  std::optional<std::size_t> chunk_left_;
  bool closed_ = false;
  Endpoints endpoints_;
  Security security_;
};

}  // namespace postern::smtp::testing
