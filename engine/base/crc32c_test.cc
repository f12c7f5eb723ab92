#include "engine/base/crc32c.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/random.h"

namespace postern {
namespace {

std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

TEST(Crc32c, KnownSums) {
  std::string rising;
  std::string falling;
  for (int i = 0; i < 32; ++i) {
    rising += static_cast<char>(i);
    falling += static_cast<char>(31 - i);
  }
  const struct {
    std::string bytes;
    std::uint32_t sum;
  } cases[] = {
      {"", 0},
      {"a", 0xc1d04330},
      {"123456789", 0xe3069283},  // the customary check value
      // RFC 3720 appendix B.4
      {std::string(32, '\0'), 0x8a9136aa},
      {std::string(32, '\xff'), 0x62a8ab43},
      {rising, 0x46dd794e},
      {falling, 0x113fdb5c},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(crc32c(0, as_bytes(c.bytes)), c.sum);
    EXPECT_EQ(crc32c_portable(0, as_bytes(c.bytes)), c.sum);
    std::vector<std::byte> copy(c.bytes.size());
    EXPECT_EQ(crc32c_copy(0, copy.data(), as_bytes(c.bytes)), c.sum);
  }
}

TEST(Crc32c, HardwareCopyAndTableAgreeAtEveryLengthAndAlignment) {
  SeededRandom random(3);
  std::vector<std::byte> bytes(4096 + 64);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random.next());
  for (std::size_t offset = 0; offset < 16; ++offset)
    for (std::size_t length = 0; length < 200; ++length) {
      const auto part = std::span<const std::byte>(bytes).subspan(offset, length);
      const std::uint32_t start = static_cast<std::uint32_t>(random.next());
      const std::uint32_t expected = crc32c_portable(start, part);
      ASSERT_EQ(crc32c(start, part), expected) << offset << " " << length;
      std::vector<std::byte> copy(length + 2, std::byte{0x5a});
      ASSERT_EQ(crc32c_copy(start, copy.data() + 1, part), expected);
      ASSERT_TRUE(std::equal(part.begin(), part.end(), copy.begin() + 1));
      ASSERT_EQ(copy.front(), std::byte{0x5a});
      ASSERT_EQ(copy.back(), std::byte{0x5a}) << "nothing beyond the end is written";
    }
}

TEST(Crc32c, PiecesGiveTheSumOfTheWhole) {
  SeededRandom random(4);
  std::string bytes(5000, '\0');
  for (char& c : bytes) c = static_cast<char>(random.next());
  const std::uint32_t whole = crc32c(0, as_bytes(bytes));
  for (int round = 0; round < 50; ++round) {
    std::uint32_t sum = 0;
    for (std::string_view left = bytes; !left.empty();) {
      const std::size_t count = std::min<std::size_t>(left.size(), random.below(300));
      sum =
          round % 2 == 0 ? crc32c(sum, as_bytes(left.substr(0, count))) : crc32c_portable(sum, as_bytes(left.substr(0, count)));
      left.remove_prefix(count);
    }
    ASSERT_EQ(sum, whole);
  }
}

TEST(Crc32c, EveryFlippedBitChangesTheSum) {
  std::string bytes = "Received: from a.example by b.example\r\n";
  const std::uint32_t sum = crc32c(0, as_bytes(bytes));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    EXPECT_NE(crc32c(0, as_bytes(bytes)), sum);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  }
}

}  // namespace
}  // namespace postern
