// A message on the disk: its envelope, what was found out about it, the header fields to add, and its bytes as received.
//
//   payload    := head sender attribute* recipient* edit* content                (RecordKind::message)
//               | head sender attribute* recipient* edit* side-file content      (RecordKind::message_side_file)
//   head       := DiskMessageHead
//   attribute  := type:u8 zero:u8 name_length:u16 value_length:u32 name value
//   recipient  := address_length:u32 attribute_count:u32 address attribute*
//   edit       := place:u8 zero:u8[3] text_length:u32 text
//   side-file  := name_length:u32 crc32c:u32 length:u64 name    (side_file.h)
//   content    := the message's bytes, to the end of the payload; its first ones when a side file holds the rest
//
// Integers are little-endian and unaligned; nothing is padded. Attributes of unknown name or type are kept as they are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "appliance/spool/message_id.h"
#include "appliance/spool/segment_format.h"
#include "engine/base/clock.h"
#include "engine/base/peer_text.h"
#include "engine/base/result.h"
#include "engine/buffer/chain.h"

namespace postern::spool {

// Values are stored: append, never renumber.
enum class AttributeType : std::uint8_t {
  bytes = 0,      // opaque
  text = 1,       // made by us
  peer_text = 2,  // came from outside
  number = 3,     // eight bytes, signed
};

// A named fact about a message or a recipient. Borrows its bytes, when given to a writer and when read alike.
class Attribute {
 public:
  Attribute() = default;
  [[nodiscard]] static Attribute text(std::string_view name, std::string_view value) noexcept {
    return {name, AttributeType::text, value};
  }
  [[nodiscard]] static Attribute peer_text(std::string_view name, PeerView value) noexcept {
    return {name, AttributeType::peer_text, value.view()};
  }
  [[nodiscard]] static Attribute bytes(std::string_view name, std::string_view value) noexcept {
    return {name, AttributeType::bytes, value};
  }
  [[nodiscard]] static Attribute number(std::string_view name, std::int64_t value) noexcept;
  // Any type, known or not, with its stored bytes: for handing on what was read.
  [[nodiscard]] static Attribute raw(std::string_view name, AttributeType type, std::string_view value) noexcept;

  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] AttributeType type() const noexcept { return type_; }
  // The value when it is of that type, else nothing.
  [[nodiscard]] std::optional<std::string_view> as_text() const noexcept;
  [[nodiscard]] std::optional<PeerView> as_peer_text() const noexcept;
  [[nodiscard]] std::optional<std::int64_t> as_number() const noexcept;
  // The bytes as stored, whatever the type. Borrowed from this object for numbers, else from where it came from.
  [[nodiscard]] std::string_view stored() const noexcept;

  // By name, type and stored bytes.
  friend bool operator==(const Attribute& a, const Attribute& b) noexcept;

 private:
  Attribute(std::string_view name, AttributeType type, std::string_view value) noexcept
      : name_(name), value_(value), type_(type) {}

  std::string_view name_;
  std::string_view value_;
  std::array<char, 8> number_{};  // the stored form, when holds_number_
  AttributeType type_ = AttributeType::bytes;
  bool holds_number_ = false;
};

// Where a header field goes, or that one goes away. Values are stored: append, never renumber.
enum class HeaderPlace : std::uint8_t {
  at_start = 1,        // in front of all
  after_received = 2,  // behind the topmost block of Received: fields
  at_start_rfc = 3,    // behind the Received: and Resent- fields at the start
  at_end = 4,          // behind the header section
  remove = 5,          // text is the name of a field: all fields of that name, as received, are left out
};

// One change to the header section, to be made in order when the message is composed. Except for `remove`, text is one or more
// whole fields, CR LF at the end included.
struct HeaderEdit {
  HeaderPlace place = HeaderPlace::at_start;
  std::string_view text;

  friend bool operator==(const HeaderEdit&, const HeaderEdit&) = default;
};

struct RecipientInput {
  PeerView address;  // without angle brackets
  std::span<const Attribute> attributes;
};

// The file that holds the rest of a message's bytes. Borrows its name, a plain file name.
struct SideFileView {
  std::string_view name;
  std::uint64_t bytes = 0;
  std::uint32_t crc = 0;  // CRC-32C of those bytes

  friend bool operator==(const SideFileView&, const SideFileView&) = default;
};

// What a commit stores. Everything is borrowed until the commit has been awaited.
struct CommitInput {
  MessageId id;
  WallTime received;
  PeerView sender;  // without angle brackets; empty for the null sender
  std::span<const Attribute> attributes;
  std::span<const RecipientInput> recipients;
  std::span<const HeaderEdit> header_edits;
  const Chain* content = nullptr;  // the message as received, dots unstuffed; nullptr: empty
  // Bytes behind `content` that are durable already, under a durable name (SideFile).
  std::optional<SideFileView> side_file;
};

[[nodiscard]] RecordKind record_kind(const CommitInput& input) noexcept;

struct DiskMessageHead {
  std::array<char, MessageId::kLength> id;
  std::int64_t received_us;
  std::uint64_t content_length;
  std::uint32_t sender_length;
  std::uint32_t attribute_count;
  std::uint32_t recipient_count;
  std::uint32_t edit_count;
};
static_assert(sizeof(DiskMessageHead) == 48 && std::has_unique_object_representations_v<DiskMessageHead>);

// Bytes of the payload that encode_message() makes of `input`.
[[nodiscard]] std::size_t encoded_size(const CommitInput& input) noexcept;
// Writes the payload to `to`, which has room for encoded_size(), copying each content byte once, and returns its CRC-32C begun
// with `seed`. Checked: a name has at most 65535 bytes, any other string and count below 2^32.
std::uint32_t encode_message(const CommitInput& input, std::uint32_t seed, std::byte* to) noexcept;

struct RecipientView;

namespace detail {

// Reads the item at `at` and returns where the next one starts.
const std::byte* load_item(const std::byte* at, Attribute& into) noexcept;
const std::byte* load_item(const std::byte* at, HeaderEdit& into) noexcept;
const std::byte* load_item(const std::byte* at, RecipientView& into) noexcept;

// Walks items that parse_message() has found whole.
template <class Item>
class ItemRange {
 public:
  class Iterator {
   public:
    using value_type = Item;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    Iterator(const std::byte* at, std::uint32_t left) noexcept : at_(at), left_(left) { load(); }
    [[nodiscard]] const Item& operator*() const noexcept { return item_; }
    [[nodiscard]] const Item* operator->() const noexcept { return &item_; }
    Iterator& operator++() noexcept {
      at_ = next_;
      --left_;
      load();
      return *this;
    }
    void operator++(int) noexcept { ++*this; }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) noexcept { return it.left_ == 0; }

   private:
    void load() noexcept {
      if (left_ > 0) next_ = load_item(at_, item_);
    }
    const std::byte* at_ = nullptr;
    const std::byte* next_ = nullptr;
    std::uint32_t left_ = 0;
    Item item_{};
  };

  ItemRange() = default;
  ItemRange(const std::byte* first, std::uint32_t count) noexcept : first_(first), count_(count) {}
  [[nodiscard]] Iterator begin() const noexcept { return {first_, count_}; }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }
  [[nodiscard]] std::uint32_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

 private:
  const std::byte* first_ = nullptr;
  std::uint32_t count_ = 0;
};

}  // namespace detail

using AttributeRange = detail::ItemRange<Attribute>;
using HeaderEditRange = detail::ItemRange<HeaderEdit>;

struct RecipientView {
  PeerView address;
  AttributeRange attributes;
};
using RecipientRange = detail::ItemRange<RecipientView>;

// A stored message, borrowed from the payload's bytes. Iterate with range-for; nothing is allocated.
struct MessageView {
  MessageId id;
  WallTime received;
  PeerView sender;
  AttributeRange attributes;
  RecipientRange recipients;
  HeaderEditRange header_edits;
  std::string_view content;               // the message as received, or its first bytes
  std::optional<SideFileView> side_file;  // the others

  [[nodiscard]] std::uint64_t content_bytes() const noexcept { return content.size() + (side_file ? side_file->bytes : 0); }
};

// Parses the payload of a record of `kind`. bad_format when it is not exactly one message (checksums are the caller's
// business), unsupported for kinds that this version cannot read.
[[nodiscard]] Result<MessageView> parse_message(RecordKind kind, std::span<const std::byte> payload) noexcept;

// The first attribute of that name.
[[nodiscard]] std::optional<Attribute> find_attribute(const AttributeRange& attributes, std::string_view name) noexcept;

}  // namespace postern::spool
