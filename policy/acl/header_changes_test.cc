#include "policy/acl/header_changes.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace postern::acl {
namespace {

TEST(HeaderChanges, ReadsFieldsAndPlaces) {
  HeaderChanges changes;
  EXPECT_TRUE(
      changes.add("\n\nX-A: one\n  more\nX-B: two\n\n:at_start_rfc: X-C: three\n:AT_END:X-D: 4\nplain text\nX-A: one\n  more"));
  const std::pair<AddedAt, std::string> expected[] = {{AddedAt::end, "X-A: one\n  more"},
                                                      {AddedAt::end, "X-B: two"},
                                                      {AddedAt::start_rfc, "X-C: three"},
                                                      {AddedAt::end, "X-D: 4"},
                                                      {AddedAt::end, "X-ACL-Warn: plain text"}};
  ASSERT_EQ(changes.added().size(), std::size(expected));
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(changes.added()[i].place, expected[i].first) << i;
    EXPECT_EQ(changes.added()[i].text, expected[i].second) << i;
  }
  EXPECT_TRUE(changes.remove("X-A : : Subject"));
  EXPECT_EQ(changes.removed(), (std::vector<std::string>{"X-A", "Subject"}));
  EXPECT_FALSE(changes.add(std::string(HeaderChanges::kBytesMax, 'x')));
  EXPECT_EQ(changes.added().size(), std::size(expected));
  HeaderChanges clean;
  EXPECT_TRUE(clean.add(std::string_view("X: a\r\0b\r\nY: c", 14)));
  ASSERT_EQ(clean.added().size(), 2u);
  EXPECT_EQ(clean.added()[0].text, "X: ab");
}

}  // namespace
}  // namespace postern::acl
