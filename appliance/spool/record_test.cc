#include "appliance/spool/record.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "appliance/spool/spool_testing.h"
#include "engine/base/bytes.h"
#include "engine/base/crc32c.h"

namespace postern::spool {
namespace {

using testing::TestMessage;

constexpr std::uint32_t kSeed = 0xfeed;

// Encodes into a buffer with a guard behind it.
std::vector<std::byte> encode(const TestMessage& message, std::size_t slices = 1) {
  BlockPool pool;
  return message.with_input(
      pool,
      [](const CommitInput& input) {
        const std::size_t size = encoded_size(input);
        std::vector<std::byte> bytes(size + 16, std::byte{0xaa});
        const std::uint32_t crc = encode_message(input, kSeed, bytes.data());
        for (std::size_t i = size; i < bytes.size(); ++i) EXPECT_EQ(bytes[i], std::byte{0xaa});
        bytes.resize(size);
        EXPECT_EQ(crc, crc32c(kSeed, bytes));
        return bytes;
      },
      slices);
}

TEST(MessageRecord, ReadsWhatWasWritten) {
  for (const std::size_t size : {0, 1, 7, 100, 5000, 200'000}) {
    for (const std::size_t slices : {1, 2, 9, 40}) {
      const TestMessage message = testing::make_message(12, size);
      const auto bytes = encode(message, slices);
      const auto view = parse_message(RecordKind::message, bytes);
      ASSERT_TRUE(view);
      EXPECT_TRUE(testing::same(*view, message));
      EXPECT_EQ(view->received.us, 1'700'000'000'123'456);
    }
  }
}

TEST(MessageRecord, TheEmptiestMessage) {
  TestMessage message;
  const auto bytes = encode(message);
  EXPECT_EQ(bytes.size(), sizeof(DiskMessageHead));
  const auto view = parse_message(RecordKind::message, bytes);
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->recipients.empty() && view->attributes.empty() && view->header_edits.empty());
  EXPECT_TRUE(view->content.empty() && view->sender.empty());
}

TEST(MessageRecord, ContentMayBeMissing) {
  const CommitInput input{.content = nullptr};
  std::vector<std::byte> bytes(encoded_size(input));
  EXPECT_EQ(encode_message(input, kSeed, bytes.data()), crc32c(kSeed, bytes));
  EXPECT_TRUE(parse_message(RecordKind::message, bytes));
}

TEST(MessageRecord, CutAnywhereOrFollowedByAnythingIsRefused) {
  auto bytes = encode(testing::make_message(3, 60));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    // A buffer of just that size, so that a sanitizer sees a read beyond it.
    const std::vector<std::byte> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut));
    const auto view = parse_message(RecordKind::message, part);
    ASSERT_FALSE(view) << cut;
    EXPECT_EQ(view.error().code, Errc::bad_format);
  }
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(parse_message(RecordKind::message, bytes));
}

// A checksum guards records; the parser must stand without it all the same.
TEST(MessageRecord, AnyByteChangedIsRefusedOrReadWithinBounds) {
  const auto whole = encode(testing::make_message(3, 60));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const unsigned value : {0x00U, 0x01U, 0x7fU, 0x80U, 0xffU}) {
      std::vector<std::byte> bytes = whole;
      bytes[i] = static_cast<std::byte>(value);
      const auto view = parse_message(RecordKind::message, bytes);
      if (!view) continue;
      std::size_t total = view->content.size() + view->sender.size();
      for (const Attribute& attribute : view->attributes) total += attribute.name().size() + attribute.stored().size();
      for (const RecipientView& recipient : view->recipients) {
        total += recipient.address.size();
        for (const Attribute& attribute : recipient.attributes) total += attribute.stored().size();
      }
      for (const HeaderEdit& edit : view->header_edits) total += edit.text.size();
      EXPECT_LE(total, bytes.size());
    }
  }
}

TEST(MessageRecord, WildCountsCostNoMoreThanTheBytesThatAreThere) {
  auto bytes = encode(testing::make_message(3, 60));
  for (const std::size_t field : {offsetof(DiskMessageHead, attribute_count), offsetof(DiskMessageHead, recipient_count),
                                  offsetof(DiskMessageHead, edit_count)}) {
    auto changed = bytes;
    store_le(changed.data() + field, std::uint32_t{UINT32_MAX});
    EXPECT_FALSE(parse_message(RecordKind::message, changed));
  }
}

TEST(MessageRecord, KindsOfLaterVersionsAreUnsupported) {
  const auto bytes = encode(testing::make_message(3, 60));
  const auto view = parse_message(static_cast<RecordKind>(99), bytes);
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code, Errc::unsupported);
}

std::vector<std::byte> encode_with_side_file(const SideFileView& file) {
  BlockPool pool;
  return testing::make_message(3, 60).with_input(pool, [&](CommitInput input) {
    input.side_file = file;
    EXPECT_EQ(record_kind(input), RecordKind::message_side_file);
    std::vector<std::byte> bytes(encoded_size(input));
    EXPECT_EQ(encode_message(input, kSeed, bytes.data()), crc32c(kSeed, bytes));
    return bytes;
  });
}

TEST(MessageRecord, NamesItsSideFile) {
  const SideFileView file{"1wLOs3-000008-0T", 50'000'000'000, 0x12345678};
  const auto bytes = encode_with_side_file(file);
  const auto view = parse_message(RecordKind::message_side_file, bytes);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->side_file, file);
  EXPECT_EQ(view->content, testing::make_message(3, 60).content);
  EXPECT_EQ(view->content_bytes(), 50'000'000'060);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    const std::vector<std::byte> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut));
    EXPECT_FALSE(parse_message(RecordKind::message_side_file, part)) << cut;
  }
  EXPECT_FALSE(parse_message(RecordKind::message, bytes));
}

// Whoever reads a record opens the file it names.
TEST(MessageRecord, ANameThatIsNotAPlainOneIsRefused) {
  const auto good = encode_with_side_file({"aaaaa", 1, 2});
  const std::string_view text(reinterpret_cast<const char*>(good.data()), good.size());
  const std::size_t at = text.find("aaaaa");
  for (const std::string_view name : {"../..", "a/aaa", "a.aaa", "aaa a", "aa\0aa", "\xff\xff\xff\xff\xff"}) {
    auto bytes = good;
    std::memcpy(bytes.data() + at, name.data(), 5);
    EXPECT_FALSE(parse_message(RecordKind::message_side_file, bytes)) << name;
  }
}

TEST(StoredAttribute, IsReadByItsTypeOnly) {
  const Attribute text = Attribute::text("n", "value");
  const Attribute peer = Attribute::peer_text("n", PeerView(std::string_view("value")));
  const Attribute number = Attribute::number("n", -5);
  EXPECT_EQ(text.as_text(), "value");
  EXPECT_FALSE(text.as_peer_text());
  EXPECT_FALSE(peer.as_text());
  EXPECT_EQ(peer.as_peer_text()->view(), "value");
  EXPECT_EQ(number.as_number(), -5);
  EXPECT_EQ(number.stored().size(), 8U);
  EXPECT_FALSE(number.as_text());
  EXPECT_FALSE(Attribute::raw("n", AttributeType::number, "1234567").as_number());
  EXPECT_EQ(Attribute::raw("n", AttributeType::number, number.stored()), number);
  EXPECT_NE(text, peer);
  const Attribute copy = number;
  EXPECT_EQ(copy.as_number(), -5);
}

TEST(StoredAttribute, IsFoundByName) {
  TestMessage message = testing::make_message(9, 10);
  message.attributes.push_back(Attribute::number("number", 10));
  const auto bytes = encode(message);
  const auto view = parse_message(RecordKind::message, bytes);
  ASSERT_TRUE(view);
  EXPECT_EQ(find_attribute(view->attributes, "number")->as_number(), 9);
  EXPECT_EQ(find_attribute(view->attributes, "from-the-future")->stored(), "opaque");
  EXPECT_FALSE(find_attribute(view->attributes, "absent"));
}

}  // namespace
}  // namespace postern::spool
