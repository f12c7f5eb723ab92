#include "appliance/spool/record.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/base/crc32c.h"

namespace postern::spool {
namespace {

struct DiskAttribute {
  std::uint8_t type;
  std::uint8_t zero;
  std::uint16_t name_length;
  std::uint32_t value_length;
};
static_assert(sizeof(DiskAttribute) == 8 && std::has_unique_object_representations_v<DiskAttribute>);

struct DiskRecipient {
  std::uint32_t address_length;
  std::uint32_t attribute_count;
};
static_assert(sizeof(DiskRecipient) == 8 && std::has_unique_object_representations_v<DiskRecipient>);

struct DiskEdit {
  std::uint8_t place;
  std::array<std::uint8_t, 3> zero;
  std::uint32_t text_length;
};
static_assert(sizeof(DiskEdit) == 8 && std::has_unique_object_representations_v<DiskEdit>);

struct DiskSideFile {
  std::uint32_t name_length;
  std::uint32_t crc;
  std::uint64_t length;
};
static_assert(sizeof(DiskSideFile) == 16 && std::has_unique_object_representations_v<DiskSideFile>);

constexpr std::size_t kSideFileNameMax = 64;

// Whoever reads a record opens the file it names.
bool is_plain_name(std::string_view name) noexcept {
  const auto is_plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
  };
  return !name.empty() && name.size() <= kSideFileNameMax && std::ranges::all_of(name, is_plain);
}

std::uint32_t length32(std::size_t length) noexcept {
  POSTERN_CHECK(length <= std::numeric_limits<std::uint32_t>::max());
  return static_cast<std::uint32_t>(length);
}

std::size_t content_size(const CommitInput& input) noexcept { return input.content == nullptr ? 0 : input.content->size(); }

// ---- writing ----

class Encoder {
 public:
  explicit Encoder(std::byte* to) noexcept : at_(to) {}

  template <class T>
  void put(const T& value) noexcept {
    store_le(at_, value);
    at_ += sizeof value;
  }
  void put(std::string_view bytes) noexcept {
    if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void put(std::span<const Attribute> attributes) noexcept {
    for (const Attribute& attribute : attributes) {
      const std::string_view name = attribute.name();
      const std::string_view value = attribute.stored();
      POSTERN_CHECK(name.size() <= std::numeric_limits<std::uint16_t>::max());
      put(DiskAttribute{.type = static_cast<std::uint8_t>(attribute.type()),
                        .zero = 0,
                        .name_length = static_cast<std::uint16_t>(name.size()),
                        .value_length = length32(value.size())});
      put(name);
      put(value);
    }
  }
  [[nodiscard]] std::byte* at() const noexcept { return at_; }

 private:
  std::byte* at_;
};

std::size_t encoded_size(std::span<const Attribute> attributes) noexcept {
  std::size_t size = 0;
  for (const Attribute& attribute : attributes)
    size += sizeof(DiskAttribute) + attribute.name().size() + attribute.stored().size();
  return size;
}

DiskMessageHead make_head(const CommitInput& input) noexcept {
  DiskMessageHead head{};
  std::memcpy(head.id.data(), input.id.view().data(), head.id.size());
  head.received_us = input.received.us;
  head.content_length = content_size(input);
  head.sender_length = length32(input.sender.size());
  head.attribute_count = length32(input.attributes.size());
  head.recipient_count = length32(input.recipients.size());
  head.edit_count = length32(input.header_edits.size());
  return head;
}

// ---- reading ----

std::string_view text_at(const std::byte* at, std::size_t length) noexcept {
  return {reinterpret_cast<const char*>(at), length};
}

// Takes bytes off the front; once something is missing it stays failed.
class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) noexcept : at_(bytes.data()), left_(bytes.size()) {}

  template <class T>
  T get() noexcept {
    T value{};
    const std::byte* from = skip(sizeof value);
    if (from != nullptr) value = load_le<T>(from);
    return value;
  }
  const std::byte* skip(std::uint64_t count) noexcept {
    if (count > left_) {
      failed_ = true;
      left_ = 0;
      return nullptr;
    }
    left_ -= count;
    return std::exchange(at_, at_ + count);
  }
  // Walks `count` items; stops early once failed, so a wild count costs no more than the bytes that are there.
  void skip_attributes(std::uint32_t count) noexcept {
    for (; count > 0 && !failed_; --count) {
      const auto head = get<DiskAttribute>();
      skip(std::uint64_t{head.name_length} + head.value_length);
    }
  }
  void skip_recipients(std::uint32_t count) noexcept {
    for (; count > 0 && !failed_; --count) {
      const auto head = get<DiskRecipient>();
      skip(head.address_length);
      skip_attributes(head.attribute_count);
    }
  }
  void skip_edits(std::uint32_t count) noexcept {
    for (; count > 0 && !failed_; --count) skip(get<DiskEdit>().text_length);
  }
  SideFileView get_side_file() noexcept {
    const auto head = get<DiskSideFile>();
    const std::byte* name = skip(head.name_length);
    return {name != nullptr ? text_at(name, head.name_length) : std::string_view(), head.length, head.crc};
  }
  [[nodiscard]] const std::byte* at() const noexcept { return at_; }
  [[nodiscard]] std::size_t left() const noexcept { return left_; }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  const std::byte* at_;
  std::uint64_t left_;
  bool failed_ = false;
};

}  // namespace

Attribute Attribute::number(std::string_view name, std::int64_t value) noexcept {
  Attribute attribute(name, AttributeType::number, {});
  std::memcpy(attribute.number_.data(), &value, sizeof value);
  attribute.holds_number_ = true;
  return attribute;
}

Attribute Attribute::raw(std::string_view name, AttributeType type, std::string_view value) noexcept {
  return {name, type, value};
}

std::string_view Attribute::stored() const noexcept {
  return holds_number_ ? std::string_view(number_.data(), number_.size()) : value_;
}

std::optional<std::string_view> Attribute::as_text() const noexcept {
  if (type_ != AttributeType::text) return std::nullopt;
  return value_;
}

std::optional<PeerView> Attribute::as_peer_text() const noexcept {
  if (type_ != AttributeType::peer_text) return std::nullopt;
  return PeerView(value_);
}

std::optional<std::int64_t> Attribute::as_number() const noexcept {
  const std::string_view bytes = stored();
  if (type_ != AttributeType::number || bytes.size() != sizeof(std::int64_t)) return std::nullopt;
  std::int64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

bool operator==(const Attribute& a, const Attribute& b) noexcept {
  return a.name_ == b.name_ && a.type_ == b.type_ && a.stored() == b.stored();
}

std::size_t encoded_size(const CommitInput& input) noexcept {
  std::size_t size = sizeof(DiskMessageHead) + input.sender.size() + encoded_size(input.attributes) + content_size(input);
  for (const RecipientInput& recipient : input.recipients)
    size += sizeof(DiskRecipient) + recipient.address.size() + encoded_size(recipient.attributes);
  for (const HeaderEdit& edit : input.header_edits) size += sizeof(DiskEdit) + edit.text.size();
  if (input.side_file) size += sizeof(DiskSideFile) + input.side_file->name.size();
  return size;
}

std::uint32_t encode_message(const CommitInput& input, std::uint32_t seed, std::byte* to) noexcept {
  Encoder encoder(to);
  encoder.put(make_head(input));
  encoder.put(input.sender.view());
  encoder.put(input.attributes);
  for (const RecipientInput& recipient : input.recipients) {
    encoder.put(DiskRecipient{length32(recipient.address.size()), length32(recipient.attributes.size())});
    encoder.put(recipient.address.view());
    encoder.put(recipient.attributes);
  }
  for (const HeaderEdit& edit : input.header_edits) {
    encoder.put(
        DiskEdit{.place = static_cast<std::uint8_t>(edit.place), .zero = {}, .text_length = length32(edit.text.size())});
    encoder.put(edit.text);
  }
  if (const auto& file = input.side_file) {
    POSTERN_CHECK(is_plain_name(file->name));
    encoder.put(DiskSideFile{.name_length = length32(file->name.size()), .crc = file->crc, .length = file->bytes});
    encoder.put(file->name);
  }
  // The small parts are summed in one go; the content while it is copied.
  std::byte* content = encoder.at();
  std::uint32_t crc = crc32c(seed, {to, content});
  if (input.content == nullptr) return crc;
  for (std::size_t i = 0; i < input.content->slice_count(); ++i) {
    const Slice& slice = (*input.content)[i];
    crc = crc32c_copy(crc, content, std::as_bytes(std::span(slice.view())));
    content += slice.size();
  }
  return crc;
}

namespace detail {

const std::byte* load_item(const std::byte* at, Attribute& into) noexcept {
  const auto head = load_le<DiskAttribute>(at);
  const std::byte* name = at + sizeof head;
  const std::byte* value = name + head.name_length;
  into =
      Attribute::raw(text_at(name, head.name_length), static_cast<AttributeType>(head.type), text_at(value, head.value_length));
  return value + head.value_length;
}

const std::byte* load_item(const std::byte* at, HeaderEdit& into) noexcept {
  const auto head = load_le<DiskEdit>(at);
  at += sizeof head;
  into = {static_cast<HeaderPlace>(head.place), text_at(at, head.text_length)};
  return at + head.text_length;
}

const std::byte* load_item(const std::byte* at, RecipientView& into) noexcept {
  const auto head = load_le<DiskRecipient>(at);
  at += sizeof head;
  into.address = PeerView(text_at(at, head.address_length));
  at += head.address_length;
  into.attributes = {at, head.attribute_count};
  for (std::uint32_t i = 0; i < head.attribute_count; ++i) {
    const auto attribute = load_le<DiskAttribute>(at);
    at += sizeof attribute + attribute.name_length + attribute.value_length;
  }
  return at;
}

}  // namespace detail

RecordKind record_kind(const CommitInput& input) noexcept {
  return input.side_file ? RecordKind::message_side_file : RecordKind::message;
}

Result<MessageView> parse_message(RecordKind kind, std::span<const std::byte> payload) noexcept {
  if (kind != RecordKind::message && kind != RecordKind::message_side_file) return failure(Errc::unsupported, "message record");
  Decoder decoder(payload);
  const auto head = decoder.get<DiskMessageHead>();
  const auto id = MessageId::parse({head.id.data(), head.id.size()});
  MessageView view;
  view.received = {head.received_us};
  if (const std::byte* sender = decoder.skip(head.sender_length)) view.sender = PeerView(text_at(sender, head.sender_length));
  view.attributes = {decoder.at(), head.attribute_count};
  decoder.skip_attributes(head.attribute_count);
  view.recipients = {decoder.at(), head.recipient_count};
  decoder.skip_recipients(head.recipient_count);
  view.header_edits = {decoder.at(), head.edit_count};
  decoder.skip_edits(head.edit_count);
  if (kind == RecordKind::message_side_file) {
    view.side_file = decoder.get_side_file();
    if (!is_plain_name(view.side_file->name)) return failure(Errc::bad_format, "message record");
  }
  if (!id || decoder.failed() || decoder.left() != head.content_length) return failure(Errc::bad_format, "message record");
  view.id = *id;
  view.content = text_at(decoder.at(), decoder.left());
  return view;
}

std::optional<Attribute> find_attribute(const AttributeRange& attributes, std::string_view name) noexcept {
  for (const Attribute& attribute : attributes)
    if (attribute.name() == name) return attribute;
  return std::nullopt;
}

}  // namespace postern::spool
