#include "policy/routing/redirect_data.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace postern::routing {
namespace {

using Files = std::map<std::string, std::string, std::less<>>;

Redirection read_redirection(std::string_view data, const RedirectRules& rules, const Files& files = {}) {
  RedirectReader reader(std::string(data), rules);
  while (const auto file = reader.next_file()) {
    const auto found = files.find(*file);
    if (found != files.end())
      reader.include(found->second);
    else
      reader.fail("no " + *file);
  }
  return reader.take();
}

// "kind" and what it holds.
std::string read(std::string_view data, bool allowed = true, bool skip = false, const Files& files = {}) {
  const RedirectRules rules{.allow_fail = allowed,
                            .allow_defer = allowed,
                            .forbid_blackhole = !allowed,
                            .forbid_include = !allowed,
                            .skip_syntax_errors = skip,
                            .qualify_domain = "q.ex"};
  const Redirection redirection = read_redirection(data, rules, files);
  static constexpr std::string_view kKinds[] = {"nothing", "addresses", "discard", "fail", "defer", "local", "malformed"};
  std::string text(kKinds[static_cast<std::size_t>(redirection.kind)]);
  for (const std::string& address : redirection.addresses) text += " " + address;
  if (!redirection.text.empty()) text += " " + redirection.text;
  return text;
}

TEST(RedirectData, IsReadAsEximDoes) {
  const struct {
    std::string_view data;
    std::string_view read;
  } cases[] = {
      {"", "nothing"},
      {" ,\n, # only a comment, with a comma\n", "nothing"},
      {"a@b", "addresses a@b"},
      {"a@b, c@d\n\ne", "addresses a@b c@d e@q.ex"},
      {"# c\na@b # d@e", "malformed malformed address: # d@e may not follow a@b  in \"a@b # d@e\""},
      {"a@b\n# d@e", "addresses a@b"},
      {"Name, not <a@b>", "addresses Name@q.ex a@b"},
      {"\"Name, quoted\" <a@b> (a, comment)", "addresses a@b"},
      {"\"x, y\"@b", "addresses \"x, y\"@b"},
      {"\\x", "addresses x@q.ex"},
      {"\\\"x y\"@b", "addresses \"x y\"@b"},
      {":blackhole:", "discard"},
      {":blackhole:, a@b", "discard"},
      {"a@b, :blackhole: x, c d", "discard"},
      {"a@b, :unknown:, c@d", "addresses a@b c@d"},
      {":unknown: x", "malformed missing or malformed local part (expected word or \"<\") in \":unknown: x\""},
      {":fail: no, such, person", "fail no, such, person"},
      {":fail:", "fail"},
      {":fail:\nno", "fail no"},
      {":defer: not\nnow", "defer not\nnow"},
      {"a@b, :fail: no", "fail no"},
      {"/var/mail/x", "local"},
      {"|/bin/cat, a@b", "local a@b"},
      {"\"|/bin/cat a, b\"", "local"},
      {":include:/etc/x", "malformed no /etc/x"},
      {":include:", "malformed file name missing after :include:"},
      {":include:x", "malformed included file \"x\" is not an absolute path"},
      {"<>", "malformed missing or malformed local part in \"<>\""},
      {"a b c", "malformed missing or malformed local part (expected word or \"<\") in \"a b c\""},
      {"a@b, c d", "malformed missing or malformed local part (expected word or \"<\") in \"c d\""},
      {":freeze: x", "malformed missing or malformed local part (expected word or \"<\") in \":freeze: x\""},
  };
  for (const auto& c : cases) EXPECT_EQ(read(c.data), c.read) << c.data;
}

// Not even a backslash takes a line end into an item.
TEST(RedirectData, EndsItemsWithLines) {
  for (const char* data : {"\"\\\n.?\"", "\"a\nb\"@c", "a\\\n"})
    for (const std::string& address : read_redirection(data, {.skip_syntax_errors = true}).addresses)
      EXPECT_EQ(address.find('\n'), std::string::npos) << data;
}

TEST(RedirectData, Includes) {
  const Files files{
      {"/one", "x@y\n# comment"}, {"/two", "a@b, :include:/one, c@d"}, {"/none", ""}, {"/fail", ":fail: it\nsays"},
      {"/bad", "bad@"},           {"/loop", "a@b, :include:/loop"}};
  EXPECT_EQ(read(":include:/one", true, false, files), "addresses x@y");
  EXPECT_EQ(read("e@f, : g@h, \":include:/two\" \n i", true, true, files), "addresses e@f a@b x@y c@d i@q.ex");
  EXPECT_EQ(read(":include: /none", true, false, files), "nothing");
  EXPECT_EQ(read("a@b, :include:/fail, c@d", true, false, files), "fail it\nsays");
  EXPECT_EQ(read(":include:/bad, :fail: x", true, false, files), "malformed domain missing or malformed in \"bad@\"");
  EXPECT_EQ(read(":include:/bad, a@b", true, true, files), "addresses a@b");
  EXPECT_EQ(read("a@b, :include:/lost, :fail: x", true, true, files), "malformed no /lost");
  EXPECT_EQ(read(":include:/loop", true, false, files), "malformed there are too many included files");
  EXPECT_EQ(read(":include:/" + std::string(300, 'x'), true, false, files).substr(0, 30), "malformed included file name \"");
}

TEST(RedirectData, TellsFilters) {
  for (const char* yes : {"# Exim filter", "#Sieve filter\nkeep;", " \n#   exim FILTER  <<== do not edit"})
    EXPECT_TRUE(is_filter(yes)) << yes;
  for (const char* no : {"", "#", "# Exim", "Exim filter", "a@b\n# Exim filter"}) EXPECT_FALSE(is_filter(no)) << no;
}

TEST(RedirectData, WantsLeave) {
  EXPECT_EQ(read("a@b, :blackhole:", false), "malformed \":blackhole:\" is not permitted");
  EXPECT_EQ(read(":include:/one", false), "malformed included files not permitted");
  EXPECT_EQ(read(":fail: no, such", false), "malformed \":fail: no\" is not permitted");
  EXPECT_EQ(read(":defer: not\nnow", false), "malformed \":defer: not\" is not permitted");
}

TEST(RedirectData, SkipsMistakes) { EXPECT_EQ(read("a@, b@c, d e", true, true), "addresses b@c"); }

TEST(RedirectData, IsBounded) {
  std::string many;
  for (std::size_t i = 0; i < kRedirectAddressesMax; ++i) many += "a@b,";
  EXPECT_EQ(read_redirection(many, {}).addresses.size(), kRedirectAddressesMax);
  EXPECT_EQ(read(many + "a@b"), "malformed there are too many addresses");
}

TEST(RedirectData, CutAnywhereIsRead) {
  constexpr std::string_view kWhole = "\"a, \\\"b\"@c (d, (e) f) , <x@y>\n# g\n|h, :include:/k, \\i, :fail: j";
  for (std::size_t size = 0; size <= kWhole.size(); ++size) static_cast<void>(read(kWhole.substr(0, size)));
  EXPECT_EQ(read(kWhole, true, false, {{"/k", "l@m"}}), "fail j");
}

}  // namespace
}  // namespace postern::routing
