// A client that sends message after message to a session, with nothing around it that allocates or takes time of its own: for
// counting and for measuring.
#pragma once

#include <coroutine>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/buffer/message_buffer.h"
#include "engine/coro/gate.h"
#include "engine/coro/scheduler.h"
#include "engine/smtp/fake_stream.h"
#include "engine/smtp/hooks.h"
#include "engine/smtp/session.h"

namespace postern::smtp {

// Runs what is ready; time stands still.
class StillScheduler final : public Scheduler {
 public:
  StillScheduler() : timers_(clock_.now()) { set_current(this); }
  ~StillScheduler() override { set_current(nullptr); }
  void schedule(std::coroutine_handle<> handle) override { ready_.push_back(handle); }
  [[nodiscard]] Instant now() const override { return clock_.now(); }
  [[nodiscard]] WallTime wall_now() const override { return clock_.wall_now(); }
  void arm(Timer& timer, Instant when) override { timers_.arm(timer, when); }
  void disarm(Timer& timer) noexcept override { timers_.disarm(timer); }
  void run() {
    while (!ready_.empty()) {
      running_.swap(ready_);
      for (const std::coroutine_handle<> handle : running_) handle.resume();
      running_.clear();
    }
  }

 private:
  ManualClock clock_;
  TimerQueue timers_;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;
};

// Accepts everything at once; messages are held as the spool would hold them, and forgotten at commit.
class QuietHooks final : public SessionHooks, private MessageSink {
 public:
  [[nodiscard]] ReadyOr<Verdict> connect(SessionState&, SessionOptions&) override { return Verdict{}; }
  [[nodiscard]] ReadyOr<Verdict> rcpt(const Envelope&, const Recipient&) override { return Verdict{}; }
  [[nodiscard]] ReadyOr<Result<MessageSink*>> open_message(const Envelope&, std::uint64_t) override {
    MessageSink* sink = this;
    return sink;
  }
  [[nodiscard]] ReadyOr<Verdict> end_of_data(const MessageView&, Additions& additions) override {
    additions.top = "Received: from client by server\r\n";
    return Verdict{};
  }
  [[nodiscard]] std::size_t committed() const noexcept { return committed_; }
  [[nodiscard]] std::uint64_t copied_bytes() const noexcept { return copied_bytes_; }

 private:
  [[nodiscard]] std::string_view id() const override { return "1wlos3-000008-0T"; }
  [[nodiscard]] Result<Pace> write(Slice bytes, bool copy) override {
    if (!text_.append(std::move(bytes), copy)) return failure(Errc::too_large, "write");
    return Pace::go_on;
  }
  [[nodiscard]] const Chain& text() const override { return text_.chain(); }
  [[nodiscard]] Task<Result<CommitReceipt>> commit(const Additions& additions) override {
    const CommitReceipt receipt{additions.top.size() + text_.size()};
    copied_bytes_ += text_.copied_bytes();
    text_.clear();
    ++committed_;
    co_return receipt;
  }
  [[nodiscard]] Task<void> abort() override {
    text_.clear();
    co_return;
  }

  BlockPool pool_;
  MemoryBudget budget_{64 * 1024 * 1024};
  MessageBuffer text_{pool_, budget_};
  std::size_t committed_ = 0;
  std::uint64_t copied_bytes_ = 0;
};

// Header of some real length, then lines of text.
[[nodiscard]] inline std::string sample_message(std::size_t bytes) {
  std::string text =
      "Received: from mail.example.org (mail.example.org [192.0.2.7])\r\n"
      "\tby relay.example.net with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384\r\n"
      "\tid 1wlos3-000008-0T for someone@example.net; Fri, 21 Nov 2025 10:00:00 +0000\r\n"
      "From: Some One <someone@example.org>\r\n"
      "To: Other One <other@example.net>\r\n"
      "Subject: a message like many others\r\n"
      "Date: Fri, 21 Nov 2025 10:00:00 +0000\r\n"
      "Message-ID: <0123456789abcdef@example.org>\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n"
      "\r\n";
  while (text.size() + 74 <= bytes) text += std::string(72, 'x') + "\r\n";
  return text;
}

class SessionLoad {
 public:
  explicit SessionLoad(std::size_t message_bytes) {
    limits_.smtp_accept_max_nonmail = UINT32_MAX;
    options_.limits = &limits_;
    options_.active_hostname = "mx.example";
    options_.banner = "mx.example ESMTP";
    session_ =
        std::make_unique<Session>(SessionEnvironment{pool_, draining_, stopping_}, peer_.make_stream(), hooks_, options_);
    gate_.start(session_->run());
    scheduler_.run();
    static_cast<void>(say("EHLO client.example\r\n"));
    static_cast<void>(say(kEnvelope));
    peer_.count_only();
    wire_ = copy_to_slice(buffers_, sample_message(message_bytes) + ".\r\n" + std::string(kEnvelope));
  }
  ~SessionLoad() {
    peer_.fail_input(Errc::reset);
    scheduler_.run();
    POSTERN_CHECK(gate_.inside() == 0);
    session_.reset();
  }

  // The end of one message with the envelope and DATA of the next behind it, as pipelining clients send it.
  void send_message() {
    peer_.send(wire_);
    scheduler_.run();
  }
  // The same, each command in a read of its own.
  void send_message_slowly() {
    const std::size_t text_bytes = wire_.size() - kEnvelope.size();
    peer_.send(wire_.sub(0, text_bytes));
    scheduler_.run();
    std::string_view rest = kEnvelope;
    for (std::size_t at = text_bytes; !rest.empty();) {
      const std::size_t line = rest.find('\n') + 1;
      peer_.send(wire_.sub(at, line));
      scheduler_.run();
      rest.remove_prefix(line);
      at += line;
    }
  }
  [[nodiscard]] const QuietHooks& hooks() const noexcept { return hooks_; }
  [[nodiscard]] const FakePeer& peer() const noexcept { return peer_; }

 private:
  static constexpr std::string_view kEnvelope =
      "MAIL FROM:<someone@example.org> SIZE=2048\r\nRCPT TO:<other@example.net>\r\nDATA\r\n";
  std::string say(std::string_view text) {
    peer_.send(text);
    scheduler_.run();
    return peer_.received();
  }

  StillScheduler scheduler_;
  BlockPool buffers_;
  BlockPool pool_;
  StopSource draining_;
  StopSource stopping_;
  SessionLimits limits_;
  SessionOptions options_;
  QuietHooks hooks_;
  FakePeer peer_;
  Slice wire_;
  std::unique_ptr<Session> session_;
  Gate gate_;
};

}  // namespace postern::smtp
