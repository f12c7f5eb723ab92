// Every word of the lists in tests/data is known: built, or refused or warned of by its own name.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/config/config_testing.h"
#include "appliance/config/driver_tables.h"
#include "appliance/config/main_table.h"

namespace postern::config {
namespace {

using Words = std::vector<std::string>;

// The lines of a list, as words; comments left out.
std::vector<Words> read_list(const std::string& name) {
  const char* root = std::getenv("POSTERN_SOURCE_DIR");
  std::vector<Words> lines;
  if (root == nullptr) return lines;
  std::ifstream file(std::string(root) + "/tests/data/" + name);
  for (std::string line; std::getline(file, line);) {
    std::istringstream text(line);
    Words words;
    for (std::string word; text >> word;) words.push_back(word);
    if (!words.empty() && words.front() != "#") lines.push_back(std::move(words));
  }
  return lines;
}

template <class Target>
void check_option(std::span<const OptionDef<Target>> table, std::string_view name, bool may_refuse) {
  const auto* const row = find_option(table, name);
  ASSERT_NE(row, nullptr) << name << " is not known";
  EXPECT_TRUE(row->status != OptionStatus::refused || may_refuse)
      << name << " is refused, but mail would be the same without it";
}

TEST(KnownWords, EveryOptionOfExim) {
  const std::vector<Words> lines = read_list("options.txt");
  if (lines.empty()) GTEST_SKIP() << "POSTERN_SOURCE_DIR is not set (ctest sets it)";
  EXPECT_GT(lines.size(), 600U);
  for (const Words& words : lines) {
    const bool may_refuse = words.back() == "may-refuse";
    const std::string& name = words[words.size() - (may_refuse ? 2 : 1)];
    if (words.front() == "main") check_option(main_table(), name, may_refuse);
    if (words.front() == "router") check_option(router_table(words[1]), name, may_refuse);
    if (words.front() == "transport") check_option(transport_table(words[1]), name, may_refuse);
  }
}

TEST(KnownWords, ASlipIsToldWithTheNearestOption) {
  for (const Words& words : read_list("options.txt")) {
    if (words.front() != "main") continue;
    const std::string slip = words[1] + "q";
    const std::string said = MemoryLoad().said(slip + " = yes\n");
    EXPECT_NE(said.find(fmt::format("c:1:1: unknown main option \"{}\": did you mean \"", slip)), said.npos) << said;
  }
}

// A configuration that uses the word.
std::string use_of(std::string_view kind, std::string_view word) {
  const auto in_acl = [](std::string_view statement) {
    return fmt::format("acl_smtp_rcpt = a\nbegin acl\na:\n  {}\n  accept\n", statement);
  };
  if (kind == "main") return fmt::format("{} = 1\n", word);
  if (kind == "list") return fmt::format("{} a = b\n", word);
  if (kind == "verb") return in_acl(word);
  if (kind == "modifier") return in_acl(fmt::format("warn {}{}", word, word == "endpass" ? "" : " = x"));
  if (kind == "control") return in_acl(fmt::format("warn control = {}", word));
  if (kind == "verify") return in_acl(fmt::format("warn verify = {}", word));
  if (kind == "router") return fmt::format("begin routers\nr:\n  driver = {}\n", word);
  if (kind == "transport") return fmt::format("begin transports\nt:\n  driver = {}\n", word);
  if (kind == "variable") {
    const bool is_field = word.find("h_") <= 1 || (word.find("header_") <= 1 && word != "headers_added");
    return fmt::format("smtp_banner = ${{{}{}}}\n", word, is_field ? ":" : "");
  }
  if (kind == "operator") return fmt::format("smtp_banner = ${{{}:x}}\n", word);
  if (kind == "item") return fmt::format("smtp_banner = ${{{}{{a}}{{b}}{{c}}}}\n", word);
  if (kind == "condition") return fmt::format("smtp_banner = ${{if {}{{a}}{{b}}{{c}}}}\n", word);
  if (kind == "lookup") return fmt::format("smtp_banner = ${{lookup{{a}}{}{{/b}}}}\n", word);
  return {};
}

// Arguments may be called so: they are nonsense.
bool calls_unknown(std::string_view said, std::string_view word) {
  for (std::size_t at = said.find("unknown "); at != said.npos; at = said.find("unknown ", at + 1)) {
    const std::size_t quote = said.find('"', at);
    if (quote == said.npos) continue;
    std::string_view quoted = said.substr(quote + 1);
    if (quoted.starts_with("${")) quoted.remove_prefix(2);
    if (quoted.starts_with(word)) return true;
  }
  return false;
}

TEST(KnownWords, AnUnknownOneIsCalledSo) {
  for (const char* kind : {"main", "verb", "modifier", "router", "transport", "variable", "operator", "condition"})
    EXPECT_TRUE(calls_unknown(MemoryLoad().said(use_of(kind, "zzyzx")), "zzyzx")) << kind;
}

TEST(KnownWords, EveryWordOfTheVocabulary) {
  const std::vector<Words> lines = read_list("words.txt");
  if (lines.empty()) GTEST_SKIP() << "POSTERN_SOURCE_DIR is not set (ctest sets it)";
  EXPECT_GT(lines.size(), 350U);
  for (const Words& words : lines) {
    const std::string text = use_of(words[0], words[1]);
    ASSERT_FALSE(text.empty()) << words[0];
    const std::string said = MemoryLoad().said(text);
    EXPECT_FALSE(calls_unknown(said, words[1])) << words[0] << ' ' << said;
  }
}

}  // namespace
}  // namespace postern::config
