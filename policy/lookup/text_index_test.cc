// The tables of results are those of Debian's Exim 4.96 (exim -be '${lookup{KEY}TYPE{FILE}}').
#include "policy/lookup/text_index.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/lookup/lsearch_text.h"
#include "policy/lookup/matching.h"

namespace postern::lookup {
namespace {

using Outcome = TextIndex::Outcome;

// What Exim prints: the value; nothing when it is not found; "DEFER: why".
std::string look_up(TypeId type, std::string_view file, std::string_view key, bool full = false) {
  std::string value;
  std::string why;
  switch (TextIndex::make(type, std::string(file))->find(key, full, value, why)) {
    case Outcome::found: return "<" + value + ">";
    case Outcome::not_found: return "-";
    case Outcome::deferred: break;
  }
  return "DEFER: " + why;
}

constexpr std::string_view kFile =
    "# comment\n"
    "key1: data one  \n"
    "key2 data two\n"
    "key3\n"
    "key4:\n"
    "key5 :  five\n  continued\t \n# in between\n\n\t  more\n"
    "key6::fail: no\n"
    "key7: :fail: no\n"
    "\"quoted key\": qd\n"
    "\"q\\\"uote:\\x41\": qd2\n"
    "\"unclosed: x\n"
    "KeY8: case\n"
    "key1: second\n"
    "\"plain\" pd\n"
    "\"nocolon\"x junk\n"
    "key9:data9:with:colons\n"
    "key10\t:\ttab\n leading: cont of key10\n"
    "key11: a\\\n  b\n"
    "key12:\n   only cont\n"
    "key13: \"data quoted\"\n"
    "key14#x: hash\n"
    "key15:   \n"
    "key16 : : two\n"
    "key17: cr\r\n"
    ":emptykey\n"
    "\"\": emptyquoted\n"
    "\"qq\" : spaced\n"
    "key20: x\n   # not a comment\n"
    "#key21: commented\n"
    "key22: end without newline";

TEST(Lsearch, AsEximReadsIt) {
  struct Row {
    std::string_view key;
    std::string_view data;
    std::string_view full;
  };
  const std::vector<Row> rows = {
      {"key1", "<data one>", "<key1: data one>"},
      {"key2", "<data two>", "<key2 data two>"},
      {"key3", "<>", "<key3>"},
      {"key4", "<>", "<key4:>"},
      {"key5", "<five continued>", "<key5 :  five continued>"},
      {"key6", "<:fail: no>", "<key6::fail: no>"},
      {"key7", "<:fail: no>", "<key7: :fail: no>"},
      {"quoted key", "<qd>", "<quoted key: qd>"},
      {"q\"uote:A", "<qd2>", "<q\"uote:A: qd2>"},
      {"unclosed: x", "<>", "<unclosed: x>"},
      {"key8", "<case>", "<KeY8: case>"},
      {"KEY8", "<case>", "<KeY8: case>"},
      {"plain", "<pd>", "<plain pd>"},
      {"nocolon", "<x junk>", "<nocolonx junk>"},
      {"key9", "<data9:with:colons>", "<key9:data9:with:colons>"},
      {"key10", "<tab leading: cont of key10>", "<key10\t:\ttab leading: cont of key10>"},
      {"leading", "-", "-"},
      {"key11", "<a\\ b>", "<key11: a\\ b>"},
      {"key12", "< only cont>", "<key12: only cont>"},
      {"key13", "<\"data quoted\">", "<key13: \"data quoted\">"},
      {"key14#x", "<hash>", "<key14#x: hash>"},
      {"key14", "-", "-"},
      {"key15", "<>", "<key15:>"},
      {"key16", "<: two>", "<key16 : : two>"},
      {"key17", "<cr>", "<key17: cr>"},
      {"qq", "<spaced>", "<qq : spaced>"},
      {"key20", "<x # not a comment>", "<key20: x # not a comment>"},
      {"key21", "-", "-"},
      {"#key21", "-", "-"},
      {"key22", "<end without newline>", "<key22: end without newline>"},
      {"\"plain\"", "-", "-"},
      {"\"plain", "-", "-"},
      {"key1:", "-", "-"},
      {"", "-", "-"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(look_up(TypeId::lsearch, kFile, row.key), row.data) << row.key;
    EXPECT_EQ(look_up(TypeId::lsearch, kFile, row.key, true), row.full) << row.key;
  }
}

TEST(Lsearch, WhatEndsAnItem) {
  const auto a = [](std::string_view file) { return look_up(TypeId::lsearch, file, "a"); };
  EXPECT_EQ(a("a: 1\n# c\n  2\n"), "<1>");
  EXPECT_EQ(a("a: 1\n\n  2\n"), "<1>");
  EXPECT_EQ(a("a: 1\n 2\n# x\n 3\n"), "<1 2>");
  EXPECT_EQ(a("a: 1\n \n 3\n"), "<1>");
  EXPECT_EQ(a("a: 1\n \t\n"), "<1>");
  EXPECT_EQ(a("a:\n  b\n  c\n"), "< b c>");
  EXPECT_EQ(a("a:  \n  b\n"), "< b>");
  EXPECT_EQ(a("#\n\n a: no\na: 1"), "<1>");
  EXPECT_EQ(a("b: 1\n a: 2\n"), "-");
  EXPECT_EQ(a("\"k\n z: y\na: x"), "<x>");
  EXPECT_EQ(a("i:   :  j\na:   :  j\n"), "<:  j>");
  EXPECT_EQ(a("a\"b\" c\n"), "-");
  EXPECT_EQ(a(""), "-");
}

TEST(Lsearch, CutAtEveryByte) {
  for (std::size_t size = 0; size <= kFile.size(); ++size) {
    const auto index = TextIndex::make(TypeId::lsearch, std::string(kFile.substr(0, size)));
    std::string value;
    std::string why;
    const Outcome first = index->find("key1", false, value, why);
    EXPECT_EQ(first == Outcome::found, size >= std::string_view("# comment\nkey1").size());
    EXPECT_TRUE(std::string_view("data one").starts_with(value));
  }
}

TEST(Wildlsearch, AsEximReadsIt) {
  constexpr std::string_view kWild =
      "exact.example: e\n*.dom.example: sub\n*fish: f\n^\\N\\d+\\.re\\N: re\n^^x: caret\n^(?-i)CaSe: cs\n*cat: "
      "c\n*.dom.example: later\n";
  const auto wild = [&](std::string_view key) { return look_up(TypeId::wildlsearch, kWild, key); };
  EXPECT_EQ(wild("exact.example"), "<e>");
  EXPECT_EQ(wild("EXACT.example"), "<e>");
  EXPECT_EQ(wild("a.dom.example"), "<sub>");
  EXPECT_EQ(wild(".dom.example"), "<sub>");
  EXPECT_EQ(wild("dom.example"), "-");
  EXPECT_EQ(wild("fish"), "<f>");
  EXPECT_EQ(wild("catFISH"), "<f>");
  EXPECT_EQ(wild("12.re"), "<re>");
  EXPECT_EQ(wild("12.reX"), "<re>");
  EXPECT_EQ(wild("CaSe"), "<cs>");
  EXPECT_EQ(wild("case"), "-");
  EXPECT_EQ(look_up(TypeId::wildlsearch, kWild, "a.dom.example", true), "<*.dom.example: sub>");
  EXPECT_EQ(look_up(TypeId::nwildlsearch, "*: any\na: never\n", "a"), "<any>");
  EXPECT_EQ(look_up(TypeId::nwildlsearch, "^\\d+\\.re: nre\n", "12.re"), "<nre>");
  EXPECT_EQ(look_up(TypeId::nwildlsearch, "\\Nabc\\N: n\n", "\\Nabc\\N"), "<n>");
  EXPECT_EQ(look_up(TypeId::wildlsearch, "\\Nabc\\N: n\n", "abc"), "<n>");
  EXPECT_EQ(look_up(TypeId::wildlsearch, "a\\x2e\\142: n\n", "A.B"), "<n>");
  EXPECT_EQ(look_up(TypeId::nwildlsearch, "+list: plus\n", "+list"), "<plus>");
}

TEST(Wildlsearch, TheFirstInTheFileDecides) {
  EXPECT_EQ(look_up(TypeId::nwildlsearch, "^a: regex\na.b: literal\n*.b: ending\n", "a.b"), "<regex>");
  EXPECT_EQ(look_up(TypeId::nwildlsearch, "a.b: literal\n^a: regex\n*.b: ending\n", "a.b"), "<literal>");
  EXPECT_EQ(look_up(TypeId::nwildlsearch, "*.b: ending\na.b: literal\n^a: regex\n", "a.b"), "<ending>");
  EXPECT_EQ(look_up(TypeId::nwildlsearch, "*b: short\n*.b: long\n", "a.b"), "<short>");
}

// What Exim answers there with its panic log and a temporary error.
TEST(Wildlsearch, WhatCannotBeUnderstoodDefersWhenItIsReached) {
  constexpr std::string_view kBad = "first: 1\n^(unclosed: bad\nlast: 2\n";
  EXPECT_EQ(look_up(TypeId::nwildlsearch, kBad, "first"), "<1>");
  EXPECT_EQ(look_up(TypeId::nwildlsearch, kBad, "last").substr(0, 22), "DEFER: line 2: regular");
  EXPECT_EQ(look_up(TypeId::nwildlsearch, "lsearch;/f: x\na: 1\n", "a").substr(0, 13), "DEFER: line 1");
  EXPECT_EQ(look_up(TypeId::wildlsearch, "a: 1\n*$tail: x\n", "a"), "<1>");
  EXPECT_EQ(look_up(TypeId::wildlsearch, "a: 1\n*$tail: x\n", "b").substr(0, 13), "DEFER: line 2");
  EXPECT_EQ(look_up(TypeId::nwildlsearch, "^(a+)+$: slow\n", std::string(200, 'a') + "!").substr(0, 13), "DEFER: line 1");
}

TEST(Iplsearch, AsEximReadsIt) {
  constexpr std::string_view kNets =
      "1.2.3.4: exact\n1.2.0.0/16: net\n1.2.3.0/24: never\n\"2001:db8::/32\": six\n\"::1\": loop\n10.0.0.0/33: badmask\n"
      "10.0.0.1/8: unmasked\njunk: junk\n*: star\n0.0.0.0/0 all\n";
  const auto net = [&](std::string_view key, bool full = false) { return look_up(TypeId::iplsearch, kNets, key, full); };
  EXPECT_EQ(net("1.2.3.4"), "<exact>");
  EXPECT_EQ(net("1.2.9.9"), "<net>");
  EXPECT_EQ(net("1.2.3.9"), "<net>");
  EXPECT_EQ(net("2001:db8::5"), "<six>");
  EXPECT_EQ(net("2001:0DB8:0::5"), "<six>");
  EXPECT_EQ(net("::1"), "<loop>");
  EXPECT_EQ(net("0:0::1"), "<loop>");
  EXPECT_EQ(net("10.1.1.1"), "<unmasked>");
  EXPECT_EQ(net("10.0.0.0"), "<badmask>");
  EXPECT_EQ(net("9.9.9.9"), "<all>");
  EXPECT_EQ(net("*"), "<star>");
  EXPECT_EQ(net("::ffff:1.2.3.4"), "<exact>");
  EXPECT_EQ(net("2001:db9::1"), "-");
  EXPECT_EQ(net("1.2.9.9", true), "<1.2.0.0/16: net>");
  EXPECT_EQ(net("2001:db8::5", true), "<2001:db8::/32: six>");
  EXPECT_EQ(
      net("junk"),
      "DEFER: \"junk\" is not a valid iplsearch key (an IP address, with optional CIDR mask, is wanted): in a host list, use "
      "net-iplsearch as the search type");
}

TEST(Matching, AsEximDoes) {
  constexpr std::string_view kPartial =
      "*.a.b: stara.b\n*.b: starb\n*.x.y.: trail\n.p.q: dotpq\n*: star\n*@dom: atdom\nr.s: rs\n.: dot\n";
  const auto index = TextIndex::make(TypeId::lsearch, std::string(kPartial));
  const auto look = [&](std::string_view key, std::string_view written_as) -> std::string {
    const Written written = parse_written(written_as).value();
    KeySequence keys(written, key);
    std::string_view one;
    while (keys.next(one)) {
      std::string value;
      std::string why;
      if (one.empty() || index->find(one, false, value, why) != Outcome::found) continue;
      const std::optional<Wild> wild = keys.wild();
      if (!wild) return value + "||";
      return value + "|" + std::string(key.substr(0, wild->wild_end)) + "|" + std::string(key.substr(wild->fixed_begin));
    }
    return "";
  };
  EXPECT_EQ(look("z.a.b", "partial-lsearch"), "stara.b|z|a.b");
  EXPECT_EQ(look("a.b", "partial-lsearch"), "stara.b||a.b");
  EXPECT_EQ(look("k.z.a.b", "partial-lsearch"), "stara.b|k.z|a.b");
  EXPECT_EQ(look("c.b", "partial-lsearch"), "");
  EXPECT_EQ(look("c.b", "partial1-lsearch"), "starb|c|b");
  EXPECT_EQ(look("c.b", "partial0-lsearch"), "starb|c|b");
  EXPECT_EQ(look("c.d", "partial0-lsearch"), "star|c.|");
  EXPECT_EQ(look("c.d", "partial0(.)lsearch"), "dot|c.|");
  EXPECT_EQ(look("n.p.q", "partial(.)lsearch"), "dotpq|n|p.q");
  EXPECT_EQ(look("n.r.s", "partial()lsearch"), "rs|n|r.s");
  EXPECT_EQ(look("n.r.t", "partial0()lsearch"), "");
  EXPECT_EQ(look("u@dom", "lsearch*@"), "atdom|u|");
  EXPECT_EQ(look("u@other", "lsearch*@"), "star|u@other|");
  EXPECT_EQ(look("u@other", "lsearch*"), "star|u@other|");
  EXPECT_EQ(look("@dom", "lsearch*@"), "star|@dom|");
  EXPECT_EQ(look("x.y.", "partial-lsearch"), "trail||x.y.");
  EXPECT_EQ(look("w.x.y.", "partial-lsearch"), "trail|w|x.y.");
  EXPECT_EQ(look("w..a.b", "partial-lsearch"), "stara.b|w.|a.b");
  EXPECT_EQ(look("Q.A.B", "partial-lsearch"), "stara.b|Q|A.B");
  EXPECT_EQ(look("b", "partial-lsearch"), "starb||b");
  EXPECT_EQ(look("b", "partial1-lsearch"), "starb||b");
}

TEST(Matching, TheKeysInTheirOrder) {
  const auto keys_of = [](std::string_view key, std::string_view written_as) {
    const Written written = parse_written(written_as).value();
    KeySequence keys(written, key);
    std::string all;
    std::string_view one;
    while (keys.next(one)) all.append(one).append(" ");
    return all;
  };
  EXPECT_EQ(keys_of("2250.dates.fict.example", "partial-lsearch"),
            "2250.dates.fict.example *.2250.dates.fict.example *.dates.fict.example *.fict.example ");
  EXPECT_EQ(keys_of("a.b.c", "partial(.)lsearch"), "a.b.c .a.b.c .b.c ");
  EXPECT_EQ(keys_of("a.b.c", "partial1()cdb"), "a.b.c b.c c ");
  EXPECT_EQ(keys_of("a.b", "partial0-lsearch*@"), "a.b *.a.b *.b * * ");
  EXPECT_EQ(keys_of("jane@eyre.example", "lsearch*@"), "jane@eyre.example *@eyre.example * ");
  EXPECT_EQ(keys_of("x", "lsearch"), "x ");
}

}  // namespace
}  // namespace postern::lookup
