// Hooks and a sink that say what a test tells them to, and remember what they were asked.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/coro/event.h"
#include "engine/smtp/hooks.h"

namespace postern::smtp {

// A message as a sink got it.
struct FakeMessage {
  std::string id;
  std::string sender;
  std::vector<std::string> recipients;
  std::string top;
  std::string text;
  bool committed = false;
  bool aborted = false;
  std::size_t copies_asked = 0;
};

struct FakeSinkSettings {
  std::size_t bytes_max = SIZE_MAX;   // write() fails beyond it
  std::optional<Errc> commit_error;   //
  Event* commit_waits_for = nullptr;  // commit() ends when this is set
  bool pauses = false;                // every write asks for a pause
};

class FakeSink final : public MessageSink {
 public:
  FakeSink(FakeMessage& message, const FakeSinkSettings& settings) : message_(message), settings_(settings) {}
  ~FakeSink() override { POSTERN_CHECK(message_.committed != message_.aborted); }

  [[nodiscard]] std::string_view id() const override { return message_.id; }
  [[nodiscard]] Result<Pace> write(Slice bytes, bool copy) override {
    check_open();
    POSTERN_CHECK(!failed_);
    message_.copies_asked += copy ? 1 : 0;
    if (chain_.size() + bytes.size() > settings_.bytes_max) {
      failed_ = true;
      return failure(Errc::too_large, "fake write");
    }
    chain_.append(std::move(bytes));
    paused_ = settings_.pauses;
    return settings_.pauses ? Pace::wait : Pace::go_on;
  }
  [[nodiscard]] Task<Result<void>> room() override {
    check_open();
    POSTERN_CHECK(std::exchange(paused_, false));
    co_return Result<void>{};
  }
  [[nodiscard]] const Chain& text() const override {
    check_open();
    return chain_;
  }
  [[nodiscard]] Task<Result<CommitReceipt>> commit(const Additions& additions) override {
    check_open();
    POSTERN_CHECK(!paused_ && !failed_);
    message_.text = chain_.to_string();
    message_.top = additions.top;
    chain_.clear();
    message_.committed = true;
    if (settings_.commit_waits_for != nullptr) static_cast<void>(co_await settings_.commit_waits_for->wait());
    if (settings_.commit_error) co_return failure(*settings_.commit_error, "fake commit");
    co_return CommitReceipt{message_.top.size() + message_.text.size()};
  }
  [[nodiscard]] Task<void> abort() override {
    check_open();
    chain_.clear();
    message_.aborted = true;
    co_return;
  }

 private:
  void check_open() const { POSTERN_CHECK(!message_.committed && !message_.aborted); }
  FakeMessage& message_;
  FakeSinkSettings settings_;
  Chain chain_;
  bool paused_ = false;
  bool failed_ = false;
};

// Everything is accepted unless a test put a function in. A function gets what the hook gets.
class FakeHooks : public SessionHooks {
 public:
  using Judge = std::function<Verdict()>;
  Judge on_connect, on_helo, on_mail, on_predata, on_data, on_quit, on_vrfy, on_expn, on_etrn;
  std::function<Verdict(const Recipient&)> on_rcpt;
  std::function<void(const HeaderView&)> on_headers;
  std::function<void(SessionState&, SessionOptions&)> on_options;
  std::function<void(const SessionEvent&)> on_event;
  std::optional<Errc> open_error;
  FakeSinkSettings sink_settings;
  std::string top;             // put on top of messages
  Event* waits_for = nullptr;  // deciding hooks wait for it before they answer
  bool has_room = true;
  bool body_pauses = false;

  // What happened: "mail", "rcpt", "open", "headers", "data", "accepted", "reset", "notquit connection-lost" ...
  std::vector<std::string> calls;
  std::vector<SessionEventKind> events;
  std::string tapped;  // the body of the last message
  std::vector<std::unique_ptr<FakeMessage>> messages;

  [[nodiscard]] ReadyOr<Verdict> connect(SessionState& state, SessionOptions& options) override {
    state_ = &state;
    if (on_options) on_options(state, options);
    return answer("connect", on_connect);
  }
  [[nodiscard]] ReadyOr<Verdict> helo() override { return answer("helo", on_helo); }
  [[nodiscard]] ReadyOr<Verdict> mail(const Envelope& envelope) override {
    POSTERN_CHECK(envelope.has_sender() && envelope.recipients().empty());
    return answer("mail", on_mail);
  }
  [[nodiscard]] bool has_space(std::uint64_t) override { return has_room; }
  [[nodiscard]] ReadyOr<Verdict> rcpt(const Envelope&, const Recipient& recipient) override {
    return answer("rcpt", on_rcpt ? Judge([this, &recipient] { return on_rcpt(recipient); }) : Judge());
  }
  [[nodiscard]] ReadyOr<Verdict> predata(const Envelope&) override { return answer("predata", on_predata); }
  [[nodiscard]] ReadyOr<Result<MessageSink*>> open_message(const Envelope& envelope, std::uint64_t) override {
    calls.emplace_back("open");
    if (open_error) return Result<MessageSink*>(failure(*open_error, "fake open"));
    auto message = std::make_unique<FakeMessage>();
    message->id = "id-" + std::to_string(messages.size() + 1);
    message->sender = envelope.sender().address.text().view();
    for (const Recipient& recipient : envelope.recipients()) message->recipients.emplace_back(recipient.address.text().view());
    messages.push_back(std::move(message));
    sink_ = std::make_unique<FakeSink>(*messages.back(), sink_settings);
    tapped.clear();
    return Result<MessageSink*>(sink_.get());
  }
  void headers_complete(const Envelope&, const HeaderView& headers) override {
    calls.emplace_back("headers");
    if (on_headers) on_headers(headers);
  }
  [[nodiscard]] Pace body(const Slice& bytes) override {
    tapped.append(bytes.view());
    body_paused_ |= body_pauses;
    return body_pauses ? Pace::wait : Pace::go_on;
  }
  [[nodiscard]] Task<void> body_room() override {
    POSTERN_CHECK(std::exchange(body_paused_, false));
    co_return;
  }
  [[nodiscard]] ReadyOr<Verdict> end_of_data(const MessageView& message, Additions& additions) override {
    POSTERN_CHECK(message.stats.stored_bytes == message.sink.text().size());
    additions.top = top;
    return answer("data", on_data);
  }
  void accepted(const Envelope&, const BodyStats&, std::string_view id, const CommitReceipt&) override {
    calls.emplace_back("accepted " + std::string(id));
  }
  void reset() override { calls.emplace_back("reset"); }
  [[nodiscard]] ReadyOr<Verdict> quit() override { return answer("quit", on_quit); }
  [[nodiscard]] ReadyOr<Verdict> notquit(NotQuit reason) override {
    calls.emplace_back("notquit " + std::string(to_string(reason)));
    return Verdict{};
  }
  [[nodiscard]] ReadyOr<Verdict> vrfy(const EnvelopeAddress&) override { return answer("vrfy", on_vrfy, Decision::deny); }
  [[nodiscard]] ReadyOr<Verdict> expn(PeerView) override { return answer("expn", on_expn, Decision::deny); }
  [[nodiscard]] ReadyOr<Verdict> etrn(PeerView) override { return answer("etrn", on_etrn, Decision::deny); }
  void event(const SessionEvent& event) override {
    events.push_back(event.kind);
    if (on_event) on_event(event);
  }
  void closed() override { calls.emplace_back("closed"); }

  [[nodiscard]] bool has_open_message() const {
    return !messages.empty() && !messages.back()->committed && !messages.back()->aborted;
  }
  [[nodiscard]] SessionState& state() { return *state_; }
  [[nodiscard]] bool saw(SessionEventKind kind) const {
    for (const SessionEventKind seen : events)
      if (seen == kind) return true;
    return false;
  }
  [[nodiscard]] std::size_t count(std::string_view call) const {
    std::size_t n = 0;
    for (const std::string& made : calls) n += made == call ? 1 : 0;
    return n;
  }

 private:
  [[nodiscard]] ReadyOr<Verdict> answer(const char* call, const Judge& judge, Decision otherwise = Decision::accept) {
    calls.emplace_back(call);
    Verdict verdict = judge ? judge() : Verdict{.decision = otherwise};
    if (waits_for == nullptr) return verdict;
    return wait(std::move(verdict));
  }
  Task<Verdict> wait(Verdict verdict) {
    static_cast<void>(co_await waits_for->wait());
    co_return verdict;
  }

  SessionState* state_ = nullptr;
  std::unique_ptr<FakeSink> sink_;
  bool body_paused_ = false;
};

}  // namespace postern::smtp
