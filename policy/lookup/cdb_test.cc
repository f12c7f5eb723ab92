#include "policy/lookup/cdb.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::lookup {
namespace {

class Memory final : public CdbSource {
 public:
  explicit Memory(std::string bytes) : bytes_(std::move(bytes)) {}
  Read read(std::uint64_t offset, std::span<char> into) const override {
    if (answer != Read::ok) return answer;
    EXPECT_LE(offset + into.size(), bytes_.size());
    std::ranges::copy(std::string_view(bytes_).substr(offset, into.size()), into.begin());
    return Read::ok;
  }
  std::uint64_t size() const override { return bytes_.size(); }
  Read answer = Read::ok;

 private:
  std::string bytes_;
};

void put32(std::string& out, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i));
}
void put32_at(std::string& out, std::size_t at, std::uint32_t value) {
  std::string bytes;
  put32(bytes, value);
  out.replace(at, 4, bytes);
}

// A database, made as its description says.
std::string make(const std::vector<std::pair<std::string, std::string>>& records) {
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t at = 0;
  };
  std::string file(kCdbHeaderBytes, '\0');
  std::array<std::vector<Slot>, 256> tables;
  for (const auto& [key, value] : records) {
    std::uint32_t hash = 5381;
    for (const char c : key) hash = (hash * 33) ^ static_cast<std::uint8_t>(c);
    tables[hash % 256].push_back({hash, static_cast<std::uint32_t>(file.size())});
    put32(file, static_cast<std::uint32_t>(key.size()));
    put32(file, static_cast<std::uint32_t>(value.size()));
    file += key + value;
  }
  for (std::size_t i = 0; i < tables.size(); ++i) {
    std::vector<Slot> slots(tables[i].size() * 2);
    for (const Slot& one : tables[i]) {
      std::size_t at = one.hash / 256 % slots.size();
      while (slots[at].at != 0) at = (at + 1) % slots.size();
      slots[at] = one;
    }
    put32_at(file, i * 8, static_cast<std::uint32_t>(file.size()));
    put32_at(file, i * 8 + 4, static_cast<std::uint32_t>(slots.size()));
    for (const Slot& slot : slots) {
      put32(file, slot.hash);
      put32(file, slot.at);
    }
  }
  return file;
}

std::string find(const CdbSource& file, std::string_view key, std::size_t value_max = 1000) {
  std::string value;
  std::string why;
  switch (cdb_find(file, key, value_max, value, why)) {
    case CdbOutcome::found: return "<" + value + ">";
    case CdbOutcome::not_found: return "-";
    case CdbOutcome::would_wait: return "would wait";
    case CdbOutcome::malformed: return "malformed: " + why;
    case CdbOutcome::failed: break;
  }
  return "failed: " + why;
}

std::vector<std::pair<std::string, std::string>> many() {
  std::vector<std::pair<std::string, std::string>> records;
  for (int i = 0; i < 2000; ++i) records.emplace_back("key" + std::to_string(i), "value " + std::to_string(i));
  return records;
}

TEST(Cdb, FindsWhatIsThere) {
  const Memory file(make(many()));
  for (int i = 0; i < 2000; ++i) EXPECT_EQ(find(file, "key" + std::to_string(i)), "<value " + std::to_string(i) + ">");
  EXPECT_EQ(find(file, "key2000"), "-");
  EXPECT_EQ(find(file, "KEY1"), "-") << "case counts";
  EXPECT_EQ(find(file, ""), "-");
}

TEST(Cdb, TheFirstOfEqualKeysAndOddValues) {
  const std::string long_key(1000, 'k');
  const Memory file(make(
      {{"a", "first"}, {"a", "second"}, {"empty", ""}, {std::string("n\0l", 3), std::string("x\0y", 3)}, {long_key, "long"}}));
  EXPECT_EQ(find(file, "a"), "<first>");
  EXPECT_EQ(find(file, "empty"), "<>");
  EXPECT_EQ(find(file, std::string_view("n\0l", 3)), std::string("<x\0y>", 5));
  EXPECT_EQ(find(file, long_key), "<long>");
  EXPECT_EQ(find(file, "a", 4), "malformed: a value is too long");
}

TEST(Cdb, WhatCannotBeReadIsNotAbsent) {
  Memory file(make({{"a", "x"}}));
  file.answer = CdbSource::Read::would_wait;
  EXPECT_EQ(find(file, "a"), "would wait");
  file.answer = CdbSource::Read::failed;
  EXPECT_EQ(find(file, "a"), "failed: it cannot be read");
}

TEST(Cdb, CutAtEveryByteAndWithEveryByteWrong) {
  const std::string whole = make({{"a", "x"}, {"b", "yy"}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string found = find(Memory(whole.substr(0, size)), "a");
    EXPECT_TRUE(found == "<x>" || found == "-" || found.starts_with("malformed")) << found;
    if (size < kCdbHeaderBytes) EXPECT_EQ(found, "malformed: it is shorter than its header");
  }
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const char wrong : {'\0', '\x7f', '\xff'}) {
      std::string bytes = whole;
      bytes[at] = wrong;
      EXPECT_FALSE(find(Memory(std::move(bytes)), "a").empty());
    }
}

TEST(Cdb, AFullTableEnds) {
  std::string file = make({{"a", "x"}});
  // Every slot of every table in use by others: the search ends after one round.
  for (std::size_t i = 0; i < 256; ++i) {
    put32_at(file, i * 8, static_cast<std::uint32_t>(kCdbHeaderBytes));
    put32_at(file, i * 8 + 4, 1);
  }
  EXPECT_EQ(find(Memory(file), "zz"), "-");
}

}  // namespace
}  // namespace postern::lookup
