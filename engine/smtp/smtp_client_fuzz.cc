// The client against a server that says anything at all. The input's first byte chooses how its bytes are cut (in steps of 3,
// from 1 on), whether the dialogue is LMTP (64) and whether the message is chunked (128); the rest is what the server sends,
// then it closes.
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "engine/smtp/client.h"

namespace {

using namespace postern;

class SayingStream final : public Stream {
 public:
  SayingStream(std::string_view says, std::size_t cut) : says_(says), cut_(cut) {}

  void unread(Slice bytes) override { unread_ = std::move(bytes); }
  // What it says next comes when somebody reads, so that its words may fit the commands.
  [[nodiscard]] bool has_input() const override { return !unread_.empty(); }
  void expect_bulk(bool) override {}
  [[nodiscard]] bool input_scarce() const override { return false; }
  void shutdown() override {}
  [[nodiscard]] Task<void> close() override { co_return; }
  [[nodiscard]] const Endpoints& endpoints() const override { return endpoints_; }
  [[nodiscard]] const Security& security() const override { return security_; }
  [[nodiscard]] std::size_t output_bytes_max() const override { return 65536; }
  std::string sent;

 protected:
  [[nodiscard]] bool take_input(Result<Slice>& into) override {
    if (!unread_.empty()) {
      into = std::exchange(unread_, Slice());
    } else if (says_.empty()) {
      into = failure(Errc::closed, "read");
    } else {
      into = copy_to_slice(pool_, says_.substr(0, cut_));
      says_.remove_prefix(std::min(cut_, says_.size()));
    }
    return true;
  }
  void set_reader(ReadWaiter*) override {}
  void queue_output(Chain bytes) override { bytes.copy_to(sent); }
  [[nodiscard]] std::size_t unsent_bytes() const override { return 0; }
  [[nodiscard]] const Error* output_error() const override { return nullptr; }
  void set_writer(WriteWaiter*, std::size_t) override {}

 private:
  BlockPool pool_;
  std::string_view says_;
  std::size_t cut_;
  Slice unread_;
  Endpoints endpoints_;
  Security security_;
};

class Body final : public smtp::BodySource {
 public:
  [[nodiscard]] Task<Result<Chain>> next() override {
    Chain chain;
    if (!std::exchange(given_, true)) chain.append(Slice::literal(kText));
    co_return chain;
  }
  [[nodiscard]] Task<Result<void>> before_end() override { co_return Result<void>{}; }
  static constexpr std::string_view kText = ".line\r\nline\r\n";

 private:
  bool given_ = false;
};

void check(const smtp::TransactionOutcome& outcome, bool lmtp) {
  std::size_t delivered = 0;
  for (std::size_t i = 0; i < outcome.recipients.size(); ++i) {
    const smtp::RecipientOutcome& one = outcome.recipients[i];
    delivered += one.delivered ? 1 : 0;
    // Delivered, or there is a reason why not. In LMTP the connection may fail behind the answers of some recipients.
    POSTERN_CHECK(one.delivered ? !one.failure : (one.failure || outcome.failure));
    if (!one.delivered) POSTERN_CHECK(outcome.failure_of(i).reply.lines().size() < 200'000);
    if (one.delivered) POSTERN_CHECK(outcome.accepted_by(i).is_positive());
    POSTERN_CHECK(one.accepted.has_value() == (one.delivered && lmtp));
  }
  POSTERN_CHECK(!outcome.in_doubt || (outcome.failure && delivered < outcome.recipients.size()));
  if (!lmtp) POSTERN_CHECK(delivered == 0 || (!outcome.failure && !outcome.in_doubt));
}

Task<void> talk(smtp::Client& client, bool lmtp) {
  StopSource stop;
  const std::optional<smtp::ClientFailure> refused = co_await client.hello(&stop);
  const smtp::ClientRecipient to[] = {{"x@c.example", {}}, {"y@c.example", {}}, {"z@c.example", {}}};
  for (int i = 0; i < 3 && !refused && client.usable(); ++i) {
    Body body;
    smtp::ClientMessage message{.sender = "a@b.example", .params = {}, .recipients = to};
    message.size_bytes = Body::kText.size();
    message.body = &body;
    check(co_await client.send(message, &stop), lmtp);
  }
  co_await client.quit(&stop);
  POSTERN_CHECK(!client.usable());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  ManualScheduler scheduler;
  BlockPool pool;
  SayingStream stream(std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1), 1 + (data[0] & 0x3f) * 3U);
  const bool lmtp = (data[0] & 0x40) != 0;
  smtp::Client client(
      stream, pool,
      {.helo_name = "gw.example", .timeouts = {}, .lmtp = lmtp, .ignore_quota = lmtp, .use_chunking = (data[0] & 0x80) != 0});
  Gate gate;
  gate.start(talk(client, lmtp));
  scheduler.run();
  POSTERN_CHECK(gate.inside() == 0);
  return 0;
}
