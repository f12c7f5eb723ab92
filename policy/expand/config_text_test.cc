#include "policy/expand/config_text.h"

#include <gtest/gtest.h>

#include <string>

#include "policy/expand/config_text_for_test.h"
#include "policy/expand/nearest.h"
#include "policy/expand/variables.h"

namespace postern::expand {
namespace {

TEST(ConfigText, KnowsWhereABytesStood) {
  const ConfigText text = ConfigTextForTest::line("abcdef", "a.conf", 7);
  EXPECT_EQ(text.position(0).file, "a.conf");
  EXPECT_EQ(text.position(0).line, 7u);
  EXPECT_EQ(text.position(0).column, 1u);
  EXPECT_EQ(text.position(3).column, 4u);
  EXPECT_EQ(text.position(6).column, 7u);    // just behind the last byte
  EXPECT_EQ(text.position(100).column, 7u);  // and no further
}

TEST(ConfigText, SlicesKeepTheirPlaces) {
  const ConfigText part = ConfigTextForTest::line("abcdef").slice(2, 3);
  EXPECT_EQ(part.view(), "cde");
  EXPECT_EQ(part.position(0).column, 3u);
  EXPECT_EQ(part.position(2).column, 5u);
  const ConfigText empty = ConfigTextForTest::line("abcdef").slice(4, 0);
  EXPECT_TRUE(empty.empty());
  EXPECT_EQ(empty.position(0).column, 5u);
  EXPECT_EQ(ConfigTextForTest::line("abc").slice(10).view(), "");
  EXPECT_EQ(ConfigText().position(3).line, 0u);
}

TEST(EditDistance, CountsChangesUpToItsLimit) {
  struct Case {
    std::string_view a, b;
    std::size_t limit, distance;
  };
  for (const Case& c : {Case{"abc", "abc", 3, 0}, Case{"abc", "abd", 3, 1}, Case{"abc", "acb", 3, 1}, Case{"abc", "ab", 3, 1},
                        Case{"abc", "xabc", 3, 1}, Case{"abc", "xyz", 2, 3}, Case{"", "abc", 3, 3}, Case{"a", "abcdef", 2, 3},
                        Case{"smtp_acept_max", "smtp_accept_max", 4, 1}})
    EXPECT_EQ(edit_distance(c.a, c.b, c.limit), c.distance) << c.a << ' ' << c.b;
}

TEST(Nearest, KeepsTheFirstOfTheNearest) {
  Nearest nearest("smtp_acept_max");
  nearest.offer("smtp_accept_queue");
  nearest.offer("smtp_accept_max");
  nearest.offer("smtp_accept_max_nonmail");
  EXPECT_EQ(nearest.question(), ": did you mean \"smtp_accept_max\"?");
  Nearest far("zzz");
  far.offer("smtp_accept_max");
  EXPECT_EQ(far.question(), "");
  Nearest wholly("q");
  wholly.offer("h");  // one letter against one letter is no likeness
  EXPECT_EQ(wholly.question(), "");
}

TEST(Variables, AreFoundByExactName) {
  ASSERT_NE(find_variable("domain"), nullptr);
  EXPECT_EQ(find_variable("domain")->id, VariableId::domain);
  EXPECT_EQ(find_variable("domain")->bytes, Bytes::peers);
  EXPECT_EQ(find_variable("Domain"), nullptr);
  EXPECT_EQ(find_variable(""), nullptr);
  EXPECT_FALSE(find_variable("exim_path")->not_built.empty());
  EXPECT_FALSE(refused_family("regex2").empty());
  EXPECT_FALSE(refused_family("r_x").empty());
  EXPECT_TRUE(refused_family("h_").empty());
  EXPECT_TRUE(refused_family("host").empty());
}

}  // namespace
}  // namespace postern::expand
