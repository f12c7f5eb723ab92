#include "policy/dcc/dcc.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/buffer/chain.h"
#include "engine/coro/event.h"
#include "engine/coro/scheduler.h"

namespace postern::dcc {

namespace {

constexpr std::size_t kCrumbBytes = 4096;    // a smaller slice that pins much is copied
constexpr std::size_t kCrumbPins = 4;        // that is, so many times its size
constexpr std::int64_t kLookAgainMs = 1000;  // whether others wait, beyond kHoldMs

Instant in_ms(std::int64_t ms) { return Scheduler::current().now().plus_ms(ms); }

void append_copy(Chain& chain, BlockPool& blocks, std::string_view text) {
  for (; !text.empty(); text.remove_prefix(std::min<std::size_t>(text.size(), BlockPool::kLargest)))
    chain.append(copy_to_slice(blocks, text.substr(0, BlockPool::kLargest)));
}

}  // namespace

// What the message's side and the daemon's side share.
struct Conversation {
  Conversation(StopSource& client_stop, BlockPool& b) : stop(client_stop), blocks(b) {}

  LinkedStopSource stop;  // given up, or the client closes
  BlockPool& blocks;
  std::size_t recipients = 0;
  Chain unsent;
  std::size_t unsent_cost = 0;   // bytes of memory that `unsent` holds
  std::size_t sending_cost = 0;  // likewise of what the stream was given last
  std::size_t cost_max = 0;      // of both; beyond it the check is given up
  bool is_overrun = false;
  bool is_whole = false;  // nothing more will be fed
  bool is_over = false;   // `result` stands
  Result result;
  Event work;  // something to send, or the end
  Event room;
  Event over;

  [[nodiscard]] bool has_room() const noexcept { return is_over || unsent_cost + sending_cost < Check::kWaitingBytesMax; }

  // Whoever feeds on where there is no room loses the check, and not our memory.
  void give_up() {
    is_overrun = true;
    drop();
    stop.source().request_stop();
  }
  void add(Slice bytes) {
    if (unsent_cost + sending_cost > cost_max) return give_up();
    if (bytes.size() <= kCrumbBytes && bytes.pinned_bytes() > kCrumbPins * bytes.size())
      bytes = copy_to_slice(blocks, bytes.view());
    unsent_cost += unsent.is_continued_by(bytes) ? bytes.size() : std::max(bytes.size(), bytes.pinned_bytes());
    unsent.append(std::move(bytes));
    work.set();
  }
  [[nodiscard]] Chain take_unsent() {
    sending_cost = std::exchange(unsent_cost, 0);
    return std::move(unsent);
  }
  void sent() {
    sending_cost = 0;
    if (has_room()) room.set();
  }
  void drop() {
    unsent.clear();
    unsent_cost = 0;
  }
  void conclude(Result r) {
    result = std::move(r);
    is_over = true;
    drop();
    sending_cost = 0;
    room.set();
    over.set();
  }
};

Check::Check(std::shared_ptr<Conversation> conversation) : conversation_(std::move(conversation)) {}

Check::~Check() { conversation_->stop.source().request_stop(); }

bool Check::feed(Slice bytes) {
  POSTERN_CHECK(!conversation_->is_whole);
  const bool is_wanted = !conversation_->is_over && !conversation_->is_overrun;
  if (is_wanted && !bytes.empty()) conversation_->add(std::move(bytes));
  return conversation_->has_room();
}

Task<void> Check::room(Wait wait) {
  const std::shared_ptr<Conversation> conversation = conversation_;
  while (!conversation->has_room()) {
    conversation->room.clear();
    if (const postern::Result<void> waited = co_await conversation->room.wait(wait); !waited) co_return;
  }
}

Task<Result> Check::finish(Wait wait) {
  const std::shared_ptr<Conversation> conversation = conversation_;
  POSTERN_CHECK(!conversation->is_whole);
  conversation->is_whole = true;
  conversation->work.set();
  const postern::Result<void> waited = co_await conversation->over.wait(wait);
  if (conversation->is_over) co_return std::move(conversation->result);
  conversation->stop.source().request_stop();
  co_return failed(waited.error().code == Errc::timed_out ? "no answer in the time there was" : "the check was stopped");
}

Client::Client(Connector& connector, DaemonAddress address) : connector_(connector), address_(std::move(address)) {}

std::unique_ptr<Check> Client::start(const Request& request, PeerView header) {
  auto conversation = std::make_shared<Conversation>(stop_, blocks_);
  const std::expected<std::string, std::string> envelope = format_envelope(request);
  if (!envelope) {
    conversation->conclude(failed(envelope.error()));
  } else if (turns_.waiting() >= kWaitingMax) {
    conversation->conclude(failed("too many messages wait for " + address_.name()));
  } else {
    conversation->recipients = request.recipients.size();
    Chain& unsent = conversation->unsent;
    append_copy(unsent, blocks_, *envelope);
    append_copy(unsent, blocks_, header.view());
    append_copy(unsent, blocks_, end_of_header(header.view()));
    conversation->unsent_cost = unsent.size();
    conversation->cost_max = unsent.size() + 2 * Check::kWaitingBytesMax;
    gate_.start(run(conversation));
  }
  return std::make_unique<Check>(std::move(conversation));
}

Task<void> Client::close() {
  stop_.request_stop();
  co_await gate_.close();
}

Task<void> Client::run(std::shared_ptr<Conversation> conversation) {
  Result result = co_await take_turn(*conversation);
  if (conversation->is_overrun)
    result = failed("more of the message came than " + address_.name() + " has read, without a pause");
  conversation->conclude(std::move(result));
}

bool Client::is_down() const { return Scheduler::current().now() < down_until_; }

std::string Client::blame(std::string_view what, const Error& error) {
  std::string why = address_.name();
  why.append(": ").append(what).append(describe(error));
  // A connection that broke may have been about the one message.
  if (error.code == Errc::stopped || error.code == Errc::reset) return why;
  down_until_ = in_ms(kDownMs);
  why_down_ = why;
  return why;
}

Task<Result> Client::take_turn(Conversation& conversation) {
  if (!is_down()) {
    const Wait wait{in_ms(kTurnMs), &conversation.stop.source()};
    if (const postern::Result<void> turn = co_await turns_.acquire(wait); !turn)
      co_return failed(address_.name() + ": all connections to it are in use");
    if (!is_down()) {
      Result result = co_await ask(conversation);
      turns_.release();
      co_return result;
    }
    turns_.release();
  }
  co_return failed("it is down: " + why_down_);
}

Task<Result> Client::ask(Conversation& conversation) {
  const Wait wait{in_ms(kConnectMs), &conversation.stop.source()};
  postern::Result<std::unique_ptr<Stream>> stream = failure(Errc::invalid, "connect");
  if (address_.socket_path.empty())
    stream = co_await connector_.connect(address_.address, std::nullopt, wait);
  else
    stream = co_await connector_.connect_local(address_.socket_path, wait);
  if (!stream) co_return failed(blame("connection failed: ", stream.error()));

  std::string why = co_await send(**stream, conversation);
  Result result;
  if (why.empty()) {
    (*stream)->shutdown();
    result = co_await read_reply(**stream, conversation);
  } else {
    result = failed(std::move(why));
  }
  co_await (*stream)->close();
  co_return result;
}

Task<std::string> Client::send(Stream& stream, Conversation& conversation) {
  const Instant held_until = in_ms(kHoldMs);
  while (true) {
    const bool is_long_held = Scheduler::current().now() >= held_until;
    if (is_long_held && !conversation.is_whole && turns_.waiting() > 0)
      co_return address_.name() + ": the message arrives too slowly, and others wait";
    if (!conversation.unsent.empty()) {
      const Wait wait{in_ms(kWriteMs), &conversation.stop.source()};
      const postern::Result<void> written = co_await stream.write(conversation.take_unsent(), wait);
      conversation.sent();
      if (!written) co_return blame("the message could not be sent: ", written.error());
      continue;
    }
    if (conversation.is_whole) co_return std::string();
    conversation.work.clear();
    const Wait wait{is_long_held ? in_ms(kLookAgainMs) : held_until, &conversation.stop.source()};
    const postern::Result<void> waited = co_await conversation.work.wait(wait);
    if (!waited && waited.error().code == Errc::stopped) co_return std::string("the check was given up");
  }
}

Task<Result> Client::read_reply(Stream& stream, Conversation& conversation) {
  const Wait wait{in_ms(kReplyMs), &conversation.stop.source()};
  ReplyReader reader(conversation.recipients);
  while (reader.state() == ReplyReader::State::more) {
    const postern::Result<Slice> bytes = co_await stream.read(wait);
    if (bytes)
      reader.feed(bytes->view());
    else if (bytes.error().code == Errc::closed)
      reader.end();
    else
      co_return failed(blame("no answer: ", bytes.error()));
  }
  if (reader.state() == ReplyReader::State::broken) co_return failed(address_.name() + ": " + std::string(reader.why()));
  co_return judge(reader.take());
}

}  // namespace postern::dcc
