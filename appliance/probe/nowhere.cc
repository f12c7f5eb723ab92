#include "appliance/probe/nowhere.h"

#include "engine/coro/scheduler.h"

namespace postern::probe {

class Nowhere::Message final : public ingress::ArrivingMessage {
 public:
  explicit Message(Nowhere& nowhere) : nowhere_(nowhere), body_(nowhere.blocks_, nowhere.memory_) {}

  [[nodiscard]] Result<void> open(const smtp::Envelope&, std::uint64_t) override {
    const Result<spool::MessageId> id = nowhere_.ids_.next(Scheduler::current().wall_now());
    if (!id) return failure(id.error());
    id_ = *id;
    received_ = Scheduler::current().wall_now();
    is_open_ = true;
    return {};
  }
  [[nodiscard]] bool is_open() const noexcept override { return is_open_; }
  [[nodiscard]] WallTime received() const noexcept override { return received_; }
  void describe_body(bool, std::uint64_t) noexcept override {}

  [[nodiscard]] std::string_view id() const override { return id_.view(); }
  [[nodiscard]] Result<smtp::Pace> write(Slice bytes, bool copy) override {
    if (!body_.append(std::move(bytes), copy)) return failure(Errc::too_large, "memory for messages");
    return smtp::Pace::go_on;
  }
  [[nodiscard]] const Chain& text() const override { return body_.chain(); }
  [[nodiscard]] Task<Result<smtp::CommitReceipt>> commit(const smtp::Additions& additions) override {
    std::uint64_t bytes = body_.size() + additions.top.size();
    for (const smtp::HeaderChange& change : additions.changes)
      if (change.place != smtp::HeaderPlace::removed) bytes += change.text.size();
    co_await abort();
    co_return smtp::CommitReceipt{bytes};
  }
  [[nodiscard]] Task<void> abort() override {
    body_.clear();
    is_open_ = false;
    co_return;
  }

 private:
  Nowhere& nowhere_;
  MessageBuffer body_;
  spool::MessageId id_;
  WallTime received_;
  bool is_open_ = false;
};

// The ids of a second are used up after fourteen million messages; a ceiling is for those who keep them on disk.
Nowhere::Nowhere(BlockPool& blocks, WallTime now) noexcept
    : blocks_(blocks), ids_(ShardId(0), 0, static_cast<std::uint64_t>(now.seconds()), spool::MessageIdParts::kSecondsMax - 1) {}

std::unique_ptr<ingress::ArrivingMessage> Nowhere::make(const smtp::SessionState&) { return std::make_unique<Message>(*this); }

}  // namespace postern::probe
