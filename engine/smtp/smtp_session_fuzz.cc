// A session against a client that says anything, in any pieces. The input's first three bytes choose the options, how the
// client's bytes are cut, and how the hooks behave; the rest is what the client sends, then it hangs up. Names steer the hooks:
// an address that starts with r is refused, d deferred, x dropped, i discarded; so does a message's first byte.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "engine/smtp/chars.h"
#include "engine/smtp/fake_hooks.h"
#include "engine/smtp/fake_stream.h"
#include "engine/smtp/fuzz_testing.h"
#include "engine/smtp/session.h"

namespace postern::smtp {
namespace {

struct Choices {
  std::uint8_t options;
  std::uint8_t cuts;
  std::uint8_t hooks;

  [[nodiscard]] bool normalise() const noexcept { return (options & 1) != 0; }
  [[nodiscard]] bool enforce_sync() const noexcept { return (options & 2) != 0; }
  [[nodiscard]] bool tight() const noexcept { return (options & 4) != 0; }
  [[nodiscard]] bool relaxed_counts() const noexcept { return (options & 8) != 0; }
  [[nodiscard]] bool stops_half_way() const noexcept { return (options & 16) != 0; }
  [[nodiscard]] bool time_passes() const noexcept { return (options & 32) != 0; }
  [[nodiscard]] bool short_turns() const noexcept { return (hooks & 64) != 0; }
  // The dialogue depends on nothing but the bytes. (Where several limits are close together, which of them is met first depends
  // on the pieces.)
  [[nodiscard]] bool is_timeless() const noexcept { return !enforce_sync() && !stops_half_way() && !time_passes() && !tight(); }
};

Verdict verdict_for(std::string_view name) {
  switch (name.empty() ? 0 : lower(name[0])) {
    case 'r': return {Decision::deny, "550 5.1.1 refused\nfor good"};
    case 'd': return {Decision::defer};
    case 'x': return {Decision::drop};
    case 'i': return {Decision::discard};
    default: return {};
  }
}

class FuzzHooks final : public FakeHooks {
 public:
  explicit FuzzHooks(std::uint8_t behaviour) : waits_((behaviour & 1) != 0) {
    sink_settings.pauses = (behaviour & 2) != 0;
    body_pauses = (behaviour & 4) != 0;
    if ((behaviour & 8) != 0) sink_settings.bytes_max = 100;
    if ((behaviour & 16) != 0) sink_settings.commit_error = Errc::in_doubt;
    if ((behaviour & 32) != 0) open_error = Errc::disk_full;
  }
  [[nodiscard]] ReadyOr<Verdict> mail(const Envelope& envelope) override {
    return answer(verdict_for(envelope.sender().address.text().view()));
  }
  [[nodiscard]] ReadyOr<Verdict> rcpt(const Envelope&, const Recipient& recipient) override {
    return answer(verdict_for(recipient.address.text().view()));
  }
  [[nodiscard]] ReadyOr<Verdict> end_of_data(const MessageView& message, Additions&) override {
    POSTERN_CHECK(message.stats.stored_bytes == message.sink.text().size());
    POSTERN_CHECK(message.headers.bytes() <= message.sink.text().size());
    message.headers.for_each([](const HeaderField&) { return true; });
    const std::string text = message.sink.text().to_string();
    POSTERN_CHECK(text.empty() || text.ends_with("\r\n"));
    POSTERN_CHECK(text.ends_with(tapped));
    return answer(verdict_for(text));
  }

 private:
  ReadyOr<Verdict> answer(Verdict verdict) {
    if (waits_) return later(std::move(verdict));
    return verdict;
  }
  Task<Verdict> later(Verdict verdict) {
    co_await Yield{};
    co_return verdict;
  }
  bool waits_;
};

// Every line is a reply line, and lines of one reply have one code. Returns how many replies there are.
std::size_t count_replies(std::string_view output) {
  std::size_t replies = 0;
  std::string_view code;
  while (!output.empty()) {
    const std::size_t end = output.find("\r\n");
    POSTERN_CHECK(end != output.npos && end >= 4 && end <= 510);
    const std::string_view line = output.substr(0, end);
    POSTERN_CHECK(all_of(CharClass::digit, line.substr(0, 3)) && line[0] >= '2' && line[0] <= '5');
    POSTERN_CHECK(line[3] == ' ' || line[3] == '-');
    POSTERN_CHECK(code.empty() || code == line.substr(0, 3));
    for (const char c : line) POSTERN_CHECK(!is(CharClass::control, c));
    code = line[3] == '-' ? line.substr(0, 3) : std::string_view();
    replies += line[3] == ' ' ? 1 : 0;
    output.remove_prefix(end + 2);
  }
  POSTERN_CHECK(code.empty());
  return replies;
}

// What the client was told, and what was stored.
std::string play(const Choices& choices, std::string_view sent, std::uint8_t cuts) {
  ManualScheduler scheduler;
  BlockPool pool;
  StopSource draining;
  StopSource stopping;
  SessionLimits limits;
  if (choices.tight()) {
    limits.message_size_limit = 200;
    limits.recipients_max = 3;
    limits.recipients_max_reject = (choices.options & 64) != 0;
    limits.received_headers_max = 2;
    limits.header_maxsize = 100;
    limits.command_line_bytes_max = 64;
    limits.envelope_bytes_max = 512;
  }
  if (choices.short_turns()) {
    limits.turn_bytes_max = 32;
    limits.turn_commands_max = 2;
    limits.output_bytes_max = 64;
  }
  if (choices.relaxed_counts()) {
    limits.smtp_max_synprot_errors = limits.smtp_max_unknown_commands = limits.smtp_accept_max_nonmail = 100'000;
  }
  SessionOptions options;
  options.limits = &limits;
  options.active_hostname = "mx.example";
  options.banner = "mx.example ESMTP";
  options.qualify_domain = "mx.example";
  options.bare_newline = choices.normalise() ? BareNewline::normalise : BareNewline::reject;
  options.enforce_sync = choices.enforce_sync();
  options.require_helo = (choices.options & 128) != 0;
  FuzzHooks hooks(choices.hooks);
  FakePeer peer;
  auto session = std::make_unique<Session>(SessionEnvironment{pool, draining, stopping}, peer.make_stream(), hooks, options);
  Gate gate;
  gate.start(session->run());
  scheduler.run();

  const std::size_t half = sent.size() / 2;
  std::size_t done = 0;
  for (testing::Cuts pieces(sent, cuts); !pieces.empty() && gate.inside() > 0;) {
    const std::string_view piece = pieces.next();
    peer.send(piece);
    done += piece.size();
    if (choices.time_passes()) scheduler.advance_ms(10);
    scheduler.run();
    if (choices.stops_half_way() && done >= half) draining.request_stop();
    scheduler.run();
  }
  peer.fail_input(Errc::closed);
  scheduler.run();
  scheduler.advance_ms(1000);
  POSTERN_CHECK(gate.inside() == 0 && peer.is_closed());
  session.reset();
  POSTERN_CHECK(pool.used_bytes() == 0 && peer.pinned_bytes() == 0);

  std::string told = peer.received();
  std::size_t lines = 0;
  for (const char c : sent) lines += c == '\n' ? 1 : 0;
  POSTERN_CHECK(count_replies(told) <= lines + 2);  // the greeting, one for each line at most, and the last one
  for (const auto& message : hooks.messages) {
    POSTERN_CHECK(message->committed != message->aborted);
    if (message->committed) told.append("stored ").append(message->text);
  }
  return told;
}

}  // namespace
}  // namespace postern::smtp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::smtp;
  testing::FuzzInput input(data, size);
  const Choices choices{input.choice(), input.choice(), input.choice()};
  const std::string told = play(choices, input.rest(), choices.cuts);
  // However the bytes are cut, the dialogue is the same.
  if (choices.is_timeless()) POSTERN_CHECK(told == play(choices, input.rest(), 0));
  return 0;
}
