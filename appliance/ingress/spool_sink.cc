#include "appliance/ingress/spool_sink.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "appliance/spool/attribute_names.h"
#include "engine/base/check.h"

namespace postern::ingress {
namespace {

using spool::Attribute;
namespace attribute = spool::attribute;

constexpr std::size_t kInlineRecipients = 4;

// A few items without allocating, any number with.
template <class Item, std::size_t kInline>
class Items {
 public:
  explicit Items(std::size_t capacity) {
    if (capacity > kInline) many_.resize(capacity);
  }
  Item& add() { return many_.empty() ? few_[count_++] : many_[count_++]; }
  void push(const Item& item) { add() = item; }
  [[nodiscard]] std::span<const Item> span() const noexcept { return {many_.empty() ? few_.data() : many_.data(), count_}; }
  [[nodiscard]] std::span<const Item> last(std::size_t count) const noexcept { return span().last(count); }

 private:
  std::array<Item, kInline> few_{};
  std::vector<Item> many_;
  std::size_t count_ = 0;
};

constexpr std::size_t kMessageAttributesMax = 11;
constexpr std::size_t kInlineEdits = 8;
using MessageAttributes = Items<Attribute, kMessageAttributesMax>;

void add_session_facts(MessageAttributes& to, const smtp::SessionState& state, std::string_view client, bool smtputf8) {
  to.push(Attribute::text(attribute::kProtocol, smtp::protocol_name(state, smtputf8)));
  to.push(Attribute::text(attribute::kHostAddress, client));
  to.push(Attribute::number(attribute::kHostPort, state.endpoints.peer.port));
  if (!state.helo.empty()) to.push(Attribute::peer_text(attribute::kHelo, state.helo));
}

spool::HeaderPlace spool_place(smtp::HeaderPlace place) noexcept {
  switch (place) {
    case smtp::HeaderPlace::at_start: return spool::HeaderPlace::at_start;
    case smtp::HeaderPlace::after_received: return spool::HeaderPlace::after_received;
    case smtp::HeaderPlace::at_start_rfc: return spool::HeaderPlace::at_start_rfc;
    case smtp::HeaderPlace::at_end: return spool::HeaderPlace::at_end;
    case smtp::HeaderPlace::removed: return spool::HeaderPlace::remove;
  }
  return spool::HeaderPlace::at_end;
}

void add_envelope_facts(MessageAttributes& to, const smtp::ReversePath& sender) {
  if (sender.body == smtp::BodyType::eight_bit_mime) to.push(Attribute::text(attribute::kBody, "8BITMIME"));
  if (sender.body == smtp::BodyType::seven_bit) to.push(Attribute::text(attribute::kBody, "7BIT"));
  if (sender.smtputf8) to.push(Attribute::number(attribute::kSmtpUtf8, 1));
  if (sender.ret != smtp::DsnReturn::unstated)
    to.push(Attribute::text(attribute::kDsnRet, sender.ret == smtp::DsnReturn::full ? "FULL" : "HDRS"));
  if (!sender.envid.empty()) to.push(Attribute::peer_text(attribute::kDsnEnvid, sender.envid));
}

}  // namespace

Result<void> SpoolSink::open(const smtp::Envelope& envelope, std::uint64_t bytes_expected) {
  POSTERN_CHECK(envelope_ == nullptr);
  auto reserved = services_.space.try_reserve(std::max(bytes_expected, kReserveStepBytes));
  if (!reserved) return failure(reserved.error());
  const auto id = services_.ids.next();
  if (!id) return failure(id.error());
  reservation_ = std::move(*reserved);
  id_ = *id;
  received_ = Scheduler::current().wall_now();
  envelope_ = &envelope;
  bytes_expected_ = bytes_expected;
  spent_bytes_ = 0;
  has_8bit_ = false;
  line_bytes_max_ = 0;
  return {};
}

bool SpoolSink::reserve(std::uint64_t bytes) {
  const std::uint64_t written = side_file_ ? side_file_->written_bytes() : 0;
  reservation_.spend(written - std::exchange(spent_bytes_, written));
  const std::uint64_t wanted = size() + bytes - written;
  return wanted <= reservation_.bytes() || services_.space.try_grow(reservation_, std::max(kReserveStepBytes, bytes));
}

bool SpoolSink::must_spill(bool scarce) const noexcept {
  if (side_file_ || !header_bytes_) return false;
  const std::uint64_t body_bytes = body_.size() - std::min<std::uint64_t>(body_.size(), *header_bytes_);
  const SpillLimits& limits = services_.spill;
  if (services_.memory.is_tight()) return body_bytes > limits.if_tight;
  if (scarce || bytes_expected_ > limits.body_bytes) return body_bytes > limits.if_scarce;
  return body_bytes > limits.body_bytes;
}

void SpoolSink::spill() {
  side_file_ = std::make_unique<spool::SideFile>(services_.side_files, services_.blocks, services_.memory, id_, body_,
                                                 static_cast<std::size_t>(*header_bytes_ + kBodyBytesKept));
}

Result<smtp::Pace> SpoolSink::write(Slice bytes, bool copy) {
  if (!reserve(bytes.size())) return failure(Errc::disk_full, "reserve spool space");
  if (must_spill(copy)) spill();
  if (side_file_) {
    const Result<bool> must_wait = side_file_->append(std::move(bytes), copy);
    if (!must_wait) return failure(must_wait.error());
    return *must_wait ? smtp::Pace::wait : smtp::Pace::go_on;
  }
  if (!body_.append(std::move(bytes), copy)) return failure(Errc::too_large, "memory for messages");
  return smtp::Pace::go_on;
}

Task<Result<void>> SpoolSink::room() {
  if (side_file_) co_return co_await side_file_->room();
  co_return Result<void>{};
}

Task<Result<smtp::CommitReceipt>> SpoolSink::commit(const smtp::Additions& additions) {
  return side_file_ ? commit_large(additions) : store(additions, std::nullopt);
}

Task<Result<smtp::CommitReceipt>> SpoolSink::commit_large(const smtp::Additions& additions) {
  const Result<spool::SideFileView> finished = co_await side_file_->finish();
  if (!finished) {
    co_await abort();
    co_return failure(finished.error());
  }
  const Result<smtp::CommitReceipt> stored = co_await store(additions, *finished);
  // Whether a record that is in doubt names the file, the next start finds out.
  if (!stored && stored.error().code != Errc::in_doubt) co_await side_file_->discard();
  end();
  co_return stored;
}

Task<Result<smtp::CommitReceipt>> SpoolSink::store(const smtp::Additions& additions,
                                                   std::optional<spool::SideFileView> side_file) {
  const smtp::ReversePath& sender = envelope_->sender();
  const std::string client = state_.endpoints.peer.address.to_string();
  MessageAttributes attributes(0);
  add_session_facts(attributes, state_, client, sender.smtputf8);
  add_envelope_facts(attributes, sender);
  if (has_8bit_) attributes.push(Attribute::number(attribute::kHas8Bit, 1));
  attributes.push(Attribute::number(attribute::kLineBytesMax, static_cast<std::int64_t>(line_bytes_max_)));
  if (additions.frozen) attributes.push(Attribute::number(attribute::kFrozen, 1));

  const std::size_t count = envelope_->recipients().size();
  Items<spool::RecipientInput, kInlineRecipients> recipients(count);
  Items<Attribute, 2 * kInlineRecipients> recipient_attributes(2 * count);
  for (const smtp::Recipient& recipient : envelope_->recipients()) {
    std::size_t added = 0;
    if (recipient.notify != 0) recipient_attributes.push(Attribute::number(attribute::kNotify, recipient.notify)), ++added;
    if (!recipient.orcpt.empty()) recipient_attributes.push(Attribute::peer_text(attribute::kOrcpt, recipient.orcpt)), ++added;
    recipients.push({recipient.address.text(), recipient_attributes.last(added)});
  }

  Items<spool::HeaderEdit, kInlineEdits> edits(additions.changes.size() + 1);
  if (!additions.top.empty()) edits.push({spool::HeaderPlace::at_start, additions.top});
  std::uint64_t added_bytes = additions.top.size();
  for (const smtp::HeaderChange& change : additions.changes) {
    edits.push({spool_place(change.place), change.text});
    if (change.place != smtp::HeaderPlace::removed) added_bytes += change.text.size();
  }
  const spool::CommitInput input{
      .id = id_,
      .received = received_,
      .sender = sender.address.text(),
      .attributes = attributes.span(),
      .recipients = recipients.span(),
      .header_edits = edits.span(),
      .content = &body_.chain(),
      .side_file = side_file,
  };
  const Result<spool::CommitReceipt> stored = co_await services_.writer.commit(input);
  const std::uint64_t message_bytes = added_bytes + size();
  if (!side_file_) end();
  if (!stored) co_return failure(stored.error());
  co_return smtp::CommitReceipt{message_bytes};
}

Task<void> SpoolSink::abort() {
  if (side_file_) co_await side_file_->discard();
  end();
}

void SpoolSink::end() {
  services_.copied_bytes.add(body_.copied_bytes() + (side_file_ ? side_file_->copied_bytes() : 0));
  body_.clear();
  side_file_.reset();
  header_bytes_.reset();
  reservation_.release();
  envelope_ = nullptr;
}

}  // namespace postern::ingress
