#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "policy/expand/config_text_for_test.h"
#include "policy/lists/compile.h"
#include "policy/lists/list_text.h"

namespace postern::lists {
namespace {

using expand::ConfigTextForTest;

std::vector<std::string> items_of(std::string_view list, char separator = ':') {
  std::vector<std::string> items;
  ListReader reader(list, separator);
  for (std::string item; reader.next(item);) items.push_back(item);
  return items;
}

TEST(ListReader, SplitsAsEximDoes) {
  using Items = std::vector<std::string>;
  const struct {
    std::string_view list;
    Items items;
  } cases[] = {
      {"", {}},
      {"   ", {}},
      {"a", {"a"}},
      {" a : b ", {"a", "b"}},
      {"a:", {"a"}},
      {":", {""}},
      {": x", {"", "x"}},
      {"a : : b", {"a", "", "b"}},
      {"a::b", {"a:b"}},
      {"a:::b", {"a:", "b"}},
      {"127.0.0.1 : ::::1", {"127.0.0.1", "::1"}},
      {"127.0.0.1:::::1", {"127.0.0.1::", "1"}},
      {"<; a:b ; c", {"a:b", "c"}},
      {"<;a;;b;c;", {"a;b", "c"}},
      {"  <+ a + b", {"a", "b"}},
      {"<\n a \n\n b", {"a", "", "b"}},
      {"<a:b", {"<a", "b"}},
      {"<", {"<"}},
      {"<;", {}},
      {"<; ;", {""}},
  };
  for (const auto& c : cases) EXPECT_EQ(items_of(c.list), c.items) << c.list;
  EXPECT_EQ(items_of("* a:b ; c d", ';'), (Items{"* a:b", "c d"}));
}

TEST(ListReader, SaysWhereAnItemBegins) {
  ListReader reader("<;  ab ;; c;d");
  std::string item;
  ASSERT_TRUE(reader.next(item));
  EXPECT_EQ(item, "ab ; c");
  EXPECT_EQ(reader.offset(), 4u);
  ASSERT_TRUE(reader.next(item));
  EXPECT_EQ(reader.offset(), 12u);
}

// A list that was cut into pieces has the items it has in one piece.
TEST(ListReader, ReadsPieces) {
  using Items = std::vector<std::string>;
  const auto items = [](std::string_view text, Piece piece, char separator = ':') {
    Items all;
    ListReader reader(text, separator, piece);
    for (std::string item; reader.next(item);) all.push_back(item);
    return all;
  };
  EXPECT_EQ(items("", Piece::middle), (Items{""}));
  EXPECT_EQ(items(" ", Piece::middle), (Items{""}));
  EXPECT_EQ(items("a", Piece::middle), (Items{"a"}));
  EXPECT_EQ(items("a :", Piece::middle), (Items{"a", ""}));
  EXPECT_EQ(items("a::", Piece::middle), (Items{"a:"}));
  EXPECT_EQ(items("<; a", Piece::middle), (Items{"<; a"}));
  EXPECT_EQ(items("\n", Piece::middle, '\n'), (Items{"", ""}));
  EXPECT_EQ(items("", Piece::last), Items{});
  EXPECT_EQ(items("<; a : b :", Piece::last), (Items{"<; a", "b"}));
}

TEST(SplitRaw, FindsItemsBeforeTheyAreExpanded) {
  // Items between bars; $ behind those with variables, + behind those that may grow together with the next.
  const auto shown = [](std::string_view text) {
    const auto raw = split_raw(text);
    if (!raw) return std::string("?");
    std::string all(1, raw->separator);
    for (const RawItem& item : raw->items) {
      all += "|" + std::string(trim(text.substr(item.begin, item.end - item.begin)));
      all += std::string(item.has_variables ? "$" : "") + (item.touches_next ? "+" : "");
    }
    return all;
  };
  EXPECT_EQ(shown(""), ":|");
  EXPECT_EQ(shown("a : b"), ":|a|b");
  EXPECT_EQ(shown("a::b : $x : c"), ":|a::b|$x$|c");
  EXPECT_EQ(shown("a:$x:c"), ":|a+|$x$+|c");
  EXPECT_EQ(shown("a:${if eq{a:b}{:}{x : y}} :c"), ":|a+|${if eq{a:b}{:}{x : y}}$|c");
  EXPECT_EQ(shown("<; a ; \\N^$;\\N ; $y"), ";|a|\\N^$;\\N|$y$");
  EXPECT_EQ(shown("\\N^a:b$\\N : c"), ":|\\N^a:b$\\N|c");
  EXPECT_EQ(shown("a${\\}:}b:c"), ":|a${\\}:}b$+|c");
  EXPECT_EQ(shown("$x : a"), "?");
  EXPECT_EQ(shown("<\\n a"), "?");
  EXPECT_EQ(shown("<$x a"), "?");
  const std::string_view all = "<; a;;b ; ${if {x\\}}} ; \\N$;\\N ; $y;";
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    const auto raw = split_raw(all.substr(0, cut));
    ASSERT_TRUE(raw || cut == 1) << cut;
    if (raw) EXPECT_LE(raw->items.back().end, cut);
  }
}

class Lists : public ::testing::Test {
 protected:
  Lists() { environment_.values.set(expand::VariableId::primary_hostname, "mx.example.org"); }

  ListCompiler& compiler() {
    if (!compiler_) {
      environment_.files = &files_;
      compiler_.emplace(environment_, diagnostics_);
    }
    return *compiler_;
  }
  void define(ListKind kind, std::string_view name, std::string_view text) {
    compiler().define(kind, ConfigTextForTest::line(name), ConfigTextForTest::line(text));
  }
  std::string complaints() {
    std::string all;
    for (const auto& d : diagnostics_.take()) {
      if (!all.empty()) all += " | ";
      all += (d.severity == expand::Severity::warning ? "warning " : "") + d.file + ":" + std::to_string(d.line) + ":" +
             std::to_string(d.column) + ": " + d.message;
    }
    return all;
  }
  bool in_domains(std::string_view list, std::string_view domain) {
    return compiler().domains(ConfigTextForTest::line(list), "domains").matches(domain);
  }
  bool in_hosts(std::string_view list, std::string_view address) {
    return compiler().hosts(ConfigTextForTest::line(list), "hosts").matches(*IpAddress::parse(address));
  }
  bool in_addresses(std::string_view list, std::string_view address) {
    return compiler().addresses(ConfigTextForTest::line(list), "senders").matches(address);
  }
  bool in_local_parts(std::string_view list, std::string_view local_part) {
    return compiler().local_parts(ConfigTextForTest::line(list), "local_parts").matches(local_part);
  }

  expand::MemoryFileSource files_;
  ListEnvironment environment_{.primary_hostname = "mx.example.org",
                               .local_addresses = {*IpAddress::parse("192.0.2.1"), *IpAddress::parse("2001:db8::1")}};
  expand::Diagnostics diagnostics_;
  std::optional<ListCompiler> compiler_;
};

struct Case {
  std::string_view list;
  std::string_view subject;
  bool in;
};

// Exim gives the same answers: ${if match_domain{subject}{list}}.
constexpr Case kDomains[] = {
    {"", "a.example", false},
    {"a.example", "a.example", true},
    {"A.Example", "a.eXAMPLE", true},
    {"a.example", "b.a.example", false},
    {"a.example", "", false},
    {":", "", true},
    {": x", "", true},
    {"b : a.example", "a.example", true},
    {"*.example", "a.example", true},
    {"*.example", "example", false},
    {"*.example", "a.b.Example", true},
    {"*key.ex", "donkey.ex", true},
    {"*key.ex", "cipher.key.ex", true},
    {"*key.ex", "key.ex", true},
    {"*key.ex", "ey.ex", false},
    {"*", "anything", true},
    {"*", "", true},
    {"*.a : *.b : *.longer.b", "x.longer.b", true},
    {"*.longer.b : *.b", "x.short.b", true},
    {"@", "MX.example.org", true},
    {"@", "example.org", false},
    {"$primary_hostname", "mx.example.org", true},
    {"@[]", "[192.0.2.1]", true},
    {"@[]", "[192.0.2.2]", false},
    {"@[]", "192.0.2.1", false},
    {"@[]", "[IPv6:2001:db8::1]", true},
    {"!a.b.c : *.b.c", "a.b.c", false},
    {"!a.b.c : *.b.c", "x.b.c", true},
    {"!a.b.c : *.b.c", "x.y.z", false},
    {"! a.b.c", "x.y.z", true},
    {"!a.b.c", "a.b.c", false},
    {"a.b.c : !x.y.z", "q", true},
    {"*.c : !a.c", "a.c", true},
    {"!*.c : a.c : !b", "a.c", false},
    {"a : !b : c : !d", "e", true},
    {"a : !b : c : !d : e", "f", false},
    {"!c.d : !a.b : *", "a.b", false},
    {"+local", "in.local", true},
    {"+local", "x", false},
    {"!+local", "in.local", false},
    {"!+local", "x", true},
    {"! +local : *", "x", true},
    {"+not_ab", "x.y", true},
    {"+not_ab : *.b", "a.b", true},  // a negation within a named list stays inside it
    {"+not_ab : c", "a.b", false},
    {"+nested", "in.local", true},
    {"+nested", "third", true},
    {"/list", "plain.file", true},
    {"/list", "x.wild.file", true},
    {"/list", "not.wild.file", false},
    {"/list", "other", false},
    {"!/list", "plain.file", false},
    {"!/list", "not.wild.file", true},
    {"!/list", "other", true},
    {"a : !/empty", "other", true},
    {"!a : /empty", "other", false},
    {"/ends_negated", "other", true},
    {"!/ends_negated", "other", false},
    {"a : /list : b", "b", true},
};

TEST_F(Lists, Domains) {
  files_.put("/list", "# a comment\n\nplain.file # another\n!not.wild.file\n  *.wild.file\n");
  files_.put("/empty", "# nothing\n");
  files_.put("/ends_negated", "a\n!b");
  define(ListKind::domain, "local", "in.local : *.in.local");
  define(ListKind::domain, "not_ab", "!a.b");
  define(ListKind::domain, "nested", "+local : third");
  for (const Case& c : kDomains) EXPECT_EQ(in_domains(c.list, c.subject), c.in) << c.list << " ~ " << c.subject;
  EXPECT_EQ(complaints(), "");
}

constexpr Case kHosts[] = {
    {"", "192.0.2.1", false},
    {"*", "192.0.2.1", true},
    {"*", "::1", true},
    {":", "192.0.2.1", false},
    {"192.0.2.1", "192.0.2.1", true},
    {"192.0.2.1", "192.0.2.2", false},
    {"10.11.42.0/24", "10.11.42.255", true},
    {"10.11.42.0/24", "10.11.43.0", false},
    {"192.168.23.236/31", "192.168.23.237", true},
    {"192.168.23.237/31", "192.168.23.236", true},
    {"0.0.0.0/0", "1.2.3.4", true},
    {"0.0.0.0/0", "::1", false},
    {"::::/0", "::1", true},
    {"3ffe::ffff::836f::::/48", "3ffe:ffff:836f:1::5", true},
    {"<; 172.16.0.0/12; 3ffe:ffff:836f::/48", "172.31.255.255", true},
    {"<; 172.16.0.0/12; 3ffe:ffff:836f::/48", "3ffe:ffff:8370::", false},
    {"<; ::1", "::1", true},
    {"@[]", "192.0.2.1", true},
    {"@[]", "2001:db8::1", true},
    {"@[]", "192.0.2.9", false},
    {"localhost", "127.0.0.1", true},
    {"localhost", "::1", true},
    {"localhost", "127.0.0.2", false},
    {"!192.0.2.5 : 192.0.2.0/24", "192.0.2.5", false},
    {"!192.0.2.5 : 192.0.2.0/24", "192.0.2.6", true},
    {"192.0.2.0/24 : !192.0.2.5", "192.0.2.5", true},
    {"!192.0.2.5", "10.0.0.1", true},
    {"+relays", "10.1.2.3", true},
    {"!+relays", "10.1.2.3", false},
    {"+relays : !*", "192.0.2.9", false},
    {"/hosts", "2001:db8:5::1", true},
    {"/hosts", "10.9.8.8", true},
    {"/hosts", "10.9.8.7", false},
    {"+ignore_unknown : 1.2.3.4", "1.2.3.4", true},
    {"10.0.0.0/9 : 10.128.0.0/9 : 10.0.0.0/30 : 10.64.0.0/10", "10.200.1.1", true},
    {"10.0.0.0/9 : 10.128.0.0/9 : 10.0.0.0/30 : 10.64.0.0/10", "11.0.0.0", false},
    {"255.255.255.255 : 0.0.0.0", "255.255.255.255", true},
    {"255.255.255.254/31 : 0.0.0.0", "0.0.0.0", true},
};

TEST_F(Lists, Hosts) {
  files_.put("/hosts", "!10.9.8.7   # not this one\n10.9.8.0/24\n2001:db8:5::/48\n");
  define(ListKind::host, "relays", "10.0.0.0/8 : 192.0.3.0/24");
  for (const Case& c : kHosts) EXPECT_EQ(in_hosts(c.list, c.subject), c.in) << c.list << " ~ " << c.subject;
  EXPECT_EQ(complaints(), "");
}

// Exim gives the same answers: ${if match_address{subject}{list}}.
constexpr Case kAddresses[] = {
    {"", "a@b", false},
    {":", "", true},
    {":", "a@b", false},
    {"", "", false},
    {"*", "", false},
    {"*", "a@b", true},
    {"!a@b", "", true},
    {"a@b", "a@b", true},
    {"a@b", "A@B", true},
    {"a@b", "a@c", false},
    {"*@b", "x@b", true},
    {"*@*.b", "x@y.b", true},
    {"*@*.b", "x@b", false},
    {"b", "x@b", true},
    {"b", "x@a.b", false},
    {"*.b", "x@a.b", true},
    {"*b", "x@ab", true},
    {"*x@b", "wax@b", true},
    {"*x@b", "way@b", false},
    {"a@*.b", "A@c.b", true},
    {"a@*.b", "x@c.b", false},
    {"a@+locals", "a@in.local", true},
    {"a@+locals", "b@in.local", false},
    {"*@+locals", "b@in.local", true},
    {"+friends", "friend@example.net", true},
    {"!+friends : *", "friend@example.net", false},
    {"+friends", "x@y", false},
    {"+caseful : A@b", "A@B", true},
    {"+caseful : A@b", "a@b", false},
    {"A@b : +caseful : X@b", "a@b", true},
    {"A@b : +caseful : X@b", "x@b", false},
    {"+caseful : *X@b", "aX@b", true},
    {"+caseful : *X@b", "ax@b", false},
    {"/addresses", "not#comment@x.y.z", true},
    {"/addresses", "second@x.y.z", true},
    {"/addresses", "", false},
    {"@b", "@b", true},
};

TEST_F(Lists, Addresses) {
  files_.put("/addresses", "not#comment@x.y.z   # but this is one\n# so is this\nsecond@x.y.z\t#and this\n");
  define(ListKind::domain, "locals", "in.local");
  define(ListKind::address, "friends", "friend@example.net : @example.com");
  for (const Case& c : kAddresses) EXPECT_EQ(in_addresses(c.list, c.subject), c.in) << c.list << " ~ " << c.subject;
  EXPECT_EQ(complaints(), "");
}

constexpr Case kLocalParts[] = {
    {"", "a", false},
    {"a", "A", true},
    {"*-request", "list-REQUEST", true},
    {"!root : *", "root", false},
    {"!root : *", "user", true},
    {"a : +caseful : B : c", "A", true},
    {"a : +caseful : B : c", "b", false},
    {"a : +caseful : B : c", "B", true},
    {"a : +caseful : B : c", "C", false},
    {"+caseful : !Root", "root", true},
    {"+system", "postmaster", true},
    {"/parts", "we#ird", true},
};

TEST_F(Lists, LocalParts) {
  files_.put("/parts", "we#ird # comment\n");
  define(ListKind::local_part, "system", "postmaster : abuse");
  for (const Case& c : kLocalParts) EXPECT_EQ(in_local_parts(c.list, c.subject), c.in) << c.list << " ~ " << c.subject;
  EXPECT_EQ(complaints(), "");
}

TEST_F(Lists, RefuseWhatIsNotBuiltAndWhatIsWrong) {
  files_.put("/bad", "ok\n/other\n  +named\n");
  define(ListKind::domain, "local_domains", "a");
  define(ListKind::domain, "loop", "a : +loop2");
  define(ListKind::domain, "loop2", "+loop");
  const auto domains = [&](std::string_view list) {
    (void)compiler().domains(ConfigTextForTest::line(list), "domains");
    return complaints();
  };
  const auto hosts = [&](std::string_view list) {
    (void)compiler().hosts(ConfigTextForTest::line(list), "hosts");
    return complaints();
  };
  EXPECT_EQ(domains("a : +local_domain"),
            "test.conf:1:5: unknown named domain list \"+local_domain\": did you mean \"+local_domains\"?");
  EXPECT_EQ(domains("+zz"), "test.conf:1:1: unknown named domain list \"+zz\"");
  EXPECT_EQ(domains("+loop"),
            "test.conf:1:1: the named domain list \"loop\" refers to itself | test.conf:1:1: \"+loop\" holds an item that "
            "cannot be read");
  EXPECT_EQ(domains("a:\\N^(b$\\N"),
            "test.conf:1:5: regular expression error in \"^(b$\": missing closing parenthesis at offset 4");
  EXPECT_EQ(domains("partial-lsearch*;/x"), "test.conf:1:1: \"partial-lsearch*;/x\": lookups cannot be used here");
  EXPECT_EQ(domains("@mx_any"), "test.conf:1:1: \"@mx_any\" needs DNS, for which domains cannot wait");
  EXPECT_EQ(domains("@mx_most"),
            "warning test.conf:1:1: \"@mx_most\" is taken as the name of a domain: there are @mx_any, @mx_primary, "
            "@mx_secondary");
  EXPECT_EQ(
      domains("a.b c.d"),
      "warning test.conf:1:1: the item \"a.b c.d\" holds a blank, so nothing will match it: items are separated by colons");
  EXPECT_EQ(domains("$domain"),
            "test.conf:1:1: domains uses $domain, which is known only when mail arrives: this is not built yet here");
  EXPECT_EQ(domains("/missing"), "test.conf:1:1: cannot read the list file \"/missing\": open: not found");
  EXPECT_EQ(domains("/bad"),
            "/bad:2:1: \"/other\": a list file cannot name another file | /bad:3:3: \"+named\": a list file cannot refer to a "
            "named list");
  EXPECT_EQ(hosts("1.2.3"),
            "test.conf:1:1: malformed IPv4 address or address mask \"1.2.3\": write all four numbers, and a mask of 0 to 32");
  EXPECT_EQ(
      hosts("1.2.3.4/33"),
      "test.conf:1:1: malformed IPv4 address or address mask \"1.2.3.4/33\": write all four numbers, and a mask of 0 to 32");
  EXPECT_EQ(
      hosts("::1"),
      "test.conf:1:1: \":1\" is not an IP address: in a list separated by colons those of an IPv6 address are doubled, or "
      "the list begins with \"<;\" and is separated by semicolons");
  EXPECT_EQ(hosts("mail.example"), "test.conf:1:1: \"mail.example\" is a host name and needs DNS, for which hosts cannot wait");
  EXPECT_EQ(hosts("*.example"),
            "test.conf:1:1: \"*.example\" matches host names and needs reverse DNS, for which hosts cannot wait");
  EXPECT_EQ(hosts("^m"), "test.conf:1:1: \"^m\" matches host names and needs reverse DNS, for which hosts cannot wait");
  EXPECT_EQ(hosts("@"),
            "test.conf:1:1: \"@\" is this host's name, and that needs DNS (\"@[]\" does not), for which hosts cannot wait");
  EXPECT_EQ(hosts("net-cdb;/x"), "test.conf:1:1: \"net-cdb;/x\": lookups cannot be used here");
  EXPECT_EQ(hosts("+defer_unknown"), "test.conf:1:1: unknown named host list \"+defer_unknown\"");
  define(ListKind::host, "names", "192.0.2.1 : *.example");
  EXPECT_EQ(hosts("+names"), "test.conf:1:1: \"+names\" holds \"*.example\", for which hosts cannot wait");
  (void)compiler().addresses(ConfigTextForTest::line("a@lsearch;/x"), "senders");
  EXPECT_EQ(complaints(), "test.conf:1:1: \"lsearch;/x\": lookups cannot be used here");
  define(ListKind::domain, "local_domains", "b");
  EXPECT_EQ(complaints(), "test.conf:1:1: the named list \"local_domains\" was defined before, at test.conf:1:1");
}

TEST_F(Lists, FindErrorsInNamedListsThatNothingUses) {
  define(ListKind::host, "unused", "1.2.3");
  compiler().compile_named();
  EXPECT_NE(complaints(), "");
}

TEST_F(Lists, BoundTheDepthOfNamedLists) {
  for (int i = 0; i < 40; ++i) define(ListKind::domain, "l" + std::to_string(i), "+l" + std::to_string(i + 1));
  define(ListKind::domain, "l40", "deep");
  EXPECT_FALSE(in_domains("+l0", "deep"));
  EXPECT_EQ(
      complaints(),
      "test.conf:1:1: named lists within named lists: \"l32\" are more than 32 deep | test.conf:1:1: \"+l0\" holds an item "
      "that cannot be read");
}

// What lists promise about size: a large file is hashed once, and asking it does not depend on how large it is.
TEST_F(Lists, HoldManyItems) {
  std::string file;
  for (int i = 0; i < 20000; ++i) file += "d" + std::to_string(i) + ".example\n*.w" + std::to_string(i) + ".example\n";
  files_.put("/many", file);
  const DomainList list = compiler().domains(ConfigTextForTest::line("/many"), "domains");
  for (int i = 0; i < 20000; i += 7) {
    EXPECT_TRUE(list.matches("d" + std::to_string(i) + ".example"));
    EXPECT_TRUE(list.matches("x.W" + std::to_string(i) + ".example"));
    EXPECT_FALSE(list.matches("w" + std::to_string(i) + ".example"));
    EXPECT_FALSE(list.matches("e" + std::to_string(i) + ".example"));
  }
}

TEST(IpSet, AgreesWithItsNetworksOneByOne) {
  const std::vector<std::string_view> networks = {"10.0.0.0/8",       "10.1.0.0/16", "192.0.2.128/25",  "192.0.2.64/26",
                                                  "198.51.100.7",     "0.0.0.0/32",  "255.255.255.255", "2001:db8::/32",
                                                  "2001:db8:ffff::1", "fe80::/10",   "::/128"};
  IpSet set;
  for (const auto text : networks) set.add(*IpNetwork::parse(text));
  set.seal();
  for (const auto text : {"10.0.0.0",
                          "9.255.255.255",
                          "10.255.255.255",
                          "11.0.0.0",
                          "192.0.2.63",
                          "192.0.2.64",
                          "192.0.2.127",
                          "192.0.2.128",
                          "192.0.2.255",
                          "192.0.3.0",
                          "198.51.100.6",
                          "198.51.100.7",
                          "198.51.100.8",
                          "0.0.0.0",
                          "0.0.0.1",
                          "255.255.255.255",
                          "255.255.255.254",
                          "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
                          "2001:db8::",
                          "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                          "2001:db9::",
                          "fe80::1",
                          "febf::1",
                          "fec0::1",
                          "::",
                          "::2"}) {
    const IpAddress address = *IpAddress::parse(text);
    bool expected = false;
    for (const auto network : networks) expected = expected || IpNetwork::parse(network)->contains(address);
    EXPECT_EQ(set.contains(address), expected) << text;
  }
}

}  // namespace
}  // namespace postern::lists
