#include "engine/smtp/message_intake.h"

#include <utility>

#include "engine/base/check.h"

namespace postern::smtp {
namespace {

std::variant<DataReader, BdatReader> make_reader(MessageIntake::Kind kind, BareNewline policy) noexcept {
  if (kind == MessageIntake::Kind::data) return DataReader(policy);
  return BdatReader(policy);
}

}  // namespace

MessageIntake::MessageIntake(Kind kind, const Context& context) noexcept
    : context_(context), kind_(kind), reader_(make_reader(kind, context.options.bare_newline)) {}

MessageIntake::~MessageIntake() { POSTERN_CHECK(sink_ == nullptr); }

void MessageIntake::open(MessageSink& sink, bool discard) noexcept {
  sink_ = &sink;
  discard_ = discard;
}

void MessageIntake::begin_chunk(const BdatCommand& command) noexcept {
  chunk_bytes_ = command.chunk_bytes;
  std::get<BdatReader>(reader_).begin_chunk(command);
}

BodyStep MessageIntake::step(std::string_view input) noexcept {
  return kind_ == Kind::data ? std::get<DataReader>(reader_).step(input) : std::get<BdatReader>(reader_).step(input);
}

bool MessageIntake::reader_refused() const noexcept {
  return kind_ == Kind::data ? std::get<DataReader>(reader_).refused() : std::get<BdatReader>(reader_).refused();
}

BodyStats MessageIntake::stats() const noexcept {
  return kind_ == Kind::data ? std::get<DataReader>(reader_).stats() : std::get<BdatReader>(reader_).stats();
}

MessageIntake::Status MessageIntake::take(Slice& input, bool copy) {
  for (;;) {
    const BodyStep step = this->step(input.view());
    if (step.keep_bytes > 0) store(input.sub(0, step.keep_bytes), copy);
    if (!step.literal.empty()) store(Slice::literal(step.literal), copy);
    input.remove_prefix(step.consumed);
    wire_bytes_ += step.consumed;
    if (refusal_ == Refusal::none && reader_refused()) refuse(Refusal::bare_newline);
    if (step.status == BodyStatus::complete) return Status::complete;
    if (needs_room()) return Status::pause;
    if (step.status == BodyStatus::need_more) return Status::need_more;
  }
}

void MessageIntake::store(Slice bytes, bool copy) {
  if (refusal_ != Refusal::none) return;
  stored_bytes_ += bytes.size();
  const std::uint64_t limit = context_.options.limits->message_size_limit;
  if (limit != 0 && stored_bytes_ > limit) return refuse(Refusal::too_large);
  if (discard_) return;

  const bool was_in_header = !scanner_.is_complete();
  const std::size_t header_bytes = was_in_header ? scan_header(bytes.view()) : 0;
  if (refusal_ != Refusal::none) return;
  Slice tapped = header_bytes < bytes.size() ? bytes.sub(header_bytes, bytes.size() - header_bytes) : Slice();
  const Result<Pace> written = sink_->write(std::move(bytes), copy);
  if (!written) {
    error_ = written.error();
    return refuse(Refusal::no_space);
  }
  sink_asks_ |= *written == Pace::wait;
  if (was_in_header && scanner_.is_complete()) headers_complete();
  if (!tapped.empty() && refusal_ == Refusal::none) tap_asks_ |= context_.hooks.body(tapped) == Pace::wait;
}

std::size_t MessageIntake::scan_header(std::string_view text) noexcept {
  const std::size_t header_bytes = scanner_.step(text);
  if (scanner_.bytes() > context_.options.limits->header_maxsize) refuse(Refusal::header_too_large);
  return header_bytes;
}

// The Received: field that we add counts too.
void MessageIntake::headers_complete() {
  sink_->header_ends(scanner_.bytes());
  headers_.emplace(sink_->text(), static_cast<std::size_t>(scanner_.bytes()), context_.pool);
  if (scanner_.received_fields() + 1 > context_.options.limits->received_headers_max) return refuse(Refusal::mail_loop);
  context_.hooks.headers_complete(context_.envelope, *headers_);
}

void MessageIntake::finish_text() {
  if (refusal_ == Refusal::none && !discard_ && !headers_) headers_complete();
}

void MessageIntake::refuse(Refusal why) noexcept {
  if (refusal_ != Refusal::none) return;
  refusal_ = why;
  std::visit([](auto& reader) { reader.discard(); }, reader_);
}

Task<void> MessageIntake::make_room() {
  if (refusal_ != Refusal::none) co_await abort();
  if (std::exchange(sink_asks_, false) && sink_ != nullptr) {
    const Result<void> room = co_await sink_->room();
    if (!room) {
      error_ = room.error();
      refuse(Refusal::no_space);
      co_await abort();
    }
  }
  if (std::exchange(tap_asks_, false)) co_await context_.hooks.body_room();
}

Task<Result<CommitReceipt>> MessageIntake::commit(const Additions& additions) {
  POSTERN_CHECK(sink_ != nullptr && refusal_ == Refusal::none);
  headers_.reset();
  return std::exchange(sink_, nullptr)->commit(additions);
}

Task<void> MessageIntake::abort() {
  headers_.reset();
  if (MessageSink* sink = std::exchange(sink_, nullptr)) co_await sink->abort();
}

Task<void> MessageIntake::give_up() {
  refusal_ = Refusal::answered;
  return abort();
}

}  // namespace postern::smtp
