#include "engine/smtp/address.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/base/utf8.h"

namespace postern::smtp {
namespace {

using namespace std::string_view_literals;

constexpr AddressRules kSender{.role = AddressRole::sender};
constexpr AddressRules kRecipient{.role = AddressRole::recipient};
constexpr AddressRules kUtf8{.role = AddressRole::sender, .smtputf8 = true};
constexpr AddressRules kLiterals{.role = AddressRole::sender, .allow_literals = true};
constexpr AddressRules kNoBrackets{.role = AddressRole::sender, .allow_missing_brackets = true};
constexpr AddressRules kUnqualified{.role = AddressRole::sender, .allow_unqualified = true};
constexpr AddressRules kEmptyAtoms{.role = AddressRole::sender, .allow_empty_atoms = true};
constexpr AddressRules kTrailingDot{.role = AddressRole::sender, .strip_trailing_dot = true};

struct GoodCase {
  AddressRules rules;
  std::string_view path;
  std::string_view local_part;
  std::string_view domain;
};

const GoodCase kGood[] = {
    {kSender, "<a@example.org>", "a", "example.org"},
    {kSender, "<>", "", ""},
    {kSender, "<first.last+tag@mx-1.Example.ORG>", "first.last+tag", "mx-1.Example.ORG"},
    {kSender, "<!#$%&'*+-/=?^_`{|}~@example.org>", "!#$%&'*+-/=?^_`{|}~", "example.org"},
    {kSender, "<\"a b\"@example.org>", "\"a b\"", "example.org"},
    {kSender, "<\"a\\\"b\\\\c\\ d\"@example.org>", "\"a\\\"b\\\\c\\ d\"", "example.org"},
    {kSender, "<\"a@b>c\"@example.org>", "\"a@b>c\"", "example.org"},
    {kSender, "<\"\"@example.org>", "\"\"", "example.org"},
    {kSender, "<a@x>", "a", "x"},
    {kSender, "<a@1.2.3.4>", "a", "1.2.3.4"},
    {kSender, "<a@xn--bcher-kva.example>", "a", "xn--bcher-kva.example"},
    {kSender, "<@relay.example:a@example.org>", "a", "example.org"},
    {kSender, "<@one.example,@two.example:a@example.org>", "a", "example.org"},
    {kRecipient, "<postmaster>", "postmaster", ""},
    {kRecipient, "<PostMaster>", "PostMaster", ""},
    {kRecipient, "<a@example.org>", "a", "example.org"},
    {kUtf8,
     "<\xc3\xbc@b\xc3\xbc"
     "cher.example>",
     "\xc3\xbc",
     "b\xc3\xbc"
     "cher.example"},
    {kUtf8, "<\"\xe4\xb8\xad \xe6\x96\x87\"@\xe4\xbe\x8b.\xe5\xad\x90>", "\"\xe4\xb8\xad \xe6\x96\x87\"",
     "\xe4\xbe\x8b.\xe5\xad\x90"},
    {kUtf8, "<a@example.org>", "a", "example.org"},
    {kUtf8, "<@b\xc3\xbc.example:a@example.org>", "a", "example.org"},
    {kLiterals, "<a@[192.0.2.1]>", "a", "[192.0.2.1]"},
    {kLiterals, "<a@[IPv6:2001:db8::1]>", "a", "[IPv6:2001:db8::1]"},
    {kLiterals, "<a@[ipv6:::ffff:192.0.2.1]>", "a", "[ipv6:::ffff:192.0.2.1]"},
    {kNoBrackets, "a@example.org", "a", "example.org"},
    {kNoBrackets, "<a@example.org>", "a", "example.org"},
    {kUnqualified, "<a>", "a", ""},
    {kEmptyAtoms, "<a..b@example.org>", "a..b", "example.org"},
    {kEmptyAtoms, "<.a.@example.org>", ".a.", "example.org"},
    {kTrailingDot, "<a@example.org.>", "a", "example.org"},
    {kTrailingDot, "<a@example.org>", "a", "example.org"},
};

TEST(ParsePath, GoodPaths) {
  for (const GoodCase& c : kGood) {
    SCOPED_TRACE(c.path);
    for (const std::string_view behind : {"", " ", " SIZE=100", "\tBODY=7BIT"}) {
      const std::string text = std::string(c.path) + std::string(behind);
      const PathStep step = parse_path(text, c.rules);
      ASSERT_EQ(step.error, AddressError::none);
      EXPECT_EQ(step.mailbox.local_part, c.local_part);
      EXPECT_EQ(step.mailbox.domain, c.domain);
      EXPECT_EQ(step.mailbox.is_null(), c.path == "<>");
      EXPECT_EQ(step.mailbox.has_8bit, !is_ascii(c.local_part) || !is_ascii(c.domain));
      EXPECT_EQ(step.rest, behind);
    }
  }
}

// A path that is cut off is never a good one; where brackets are required, at least.
TEST(ParsePath, CutPathsAreErrors) {
  for (const GoodCase& c : kGood) {
    if (c.rules.allow_missing_brackets) continue;
    for (std::size_t cut = 0; cut < c.path.size(); ++cut)
      EXPECT_NE(parse_path(c.path.substr(0, cut), c.rules).error, AddressError::none) << c.path.substr(0, cut);
  }
}

struct BadCase {
  AddressRules rules;
  std::string_view path;
  AddressError error;
  std::string_view reason;
};

const BadCase kBad[] = {
    {kSender, "", AddressError::empty_address, "empty address"},
    {kSender, "a@example.org", AddressError::opening_bracket_missing, "'<' missing at start of address"},
    {kSender, "<a@example.org", AddressError::closing_bracket_missing, "'>' missing at end of address"},
    {kSender, "<a", AddressError::closing_bracket_missing, "'>' missing at end of address"},
    {kSender, "<", AddressError::local_part_malformed, "missing or malformed local part"},
    {kRecipient, "<>", AddressError::local_part_malformed, "missing or malformed local part"},
    {kSender, "<@>", AddressError::domain_malformed, "domain missing or malformed"},
    {kSender, "< a@example.org>", AddressError::local_part_malformed, "missing or malformed local part"},
    {kSender, "<a@example.org >", AddressError::trailing_text, "malformed address: > may not follow <a@example.org"},
    {kSender, "<a b@example.org>", AddressError::at_expected, "\"@\" or \".\" expected after \"a\""},
    {kSender, "<a..b@example.org>", AddressError::local_part_malformed, "missing or malformed local part"},
    {kSender, "<.a@example.org>", AddressError::local_part_malformed, "missing or malformed local part"},
    {kSender, "<a.@example.org>", AddressError::local_part_malformed, "missing or malformed local part"},
    {kSender, "<\"a@example.org>", AddressError::unmatched_quote, "unmatched doublequote in local part"},
    {kSender, "<\"a\\", AddressError::unmatched_quote, "unmatched doublequote in local part"},
    {kSender, "<\"a\"b@example.org>", AddressError::at_expected, "\"@\" or \".\" expected after \"\"a\"\""},
    {kSender, "<\"a\tb\"@example.org>", AddressError::local_part_malformed, "missing or malformed local part"},
    {kSender, "<\"a\0b\"@example.org>"sv, AddressError::local_part_malformed, "missing or malformed local part"},
    {kSender, "<a@>", AddressError::domain_malformed, "domain missing or malformed"},
    {kSender, "<a@example..org>", AddressError::domain_malformed, "domain missing or malformed"},
    {kSender, "<a@.example.org>", AddressError::domain_malformed, "domain missing or malformed"},
    {kSender, "<a@example.org.>", AddressError::domain_malformed, "domain missing or malformed"},
    {kTrailingDot, "<a@example.org..>", AddressError::domain_malformed, "domain missing or malformed"},
    {kTrailingDot, "<a@.>", AddressError::domain_malformed, "domain missing or malformed"},
    {kSender, "<a@-example.org>", AddressError::domain_malformed, "domain missing or malformed"},
    {kSender, "<a@example-.org>", AddressError::domain_malformed, "domain missing or malformed"},
    {kSender, "<a@exam_ple.org>", AddressError::trailing_text, "malformed address: _ple.org> may not follow <a@exam"},
    {kSender, "<a@b@c>", AddressError::trailing_text, "malformed address: @c> may not follow <a@b"},
    {kSender, "<a@b>c", AddressError::trailing_text, "malformed address: c may not follow <a@b>"},
    {kSender, "<a@b><c@d>", AddressError::trailing_text, "malformed address: <c@d> may not follow <a@b>"},
    {kSender, "<<a@b>>", AddressError::local_part_malformed, "missing or malformed local part"},
    {kNoBrackets, "a@b>", AddressError::trailing_text, "malformed address: > may not follow a@b"},
    {kNoBrackets, "Name <a@b>", AddressError::unqualified, "sender address must contain a domain"},
    {kSender, "<a>", AddressError::unqualified, "sender address must contain a domain"},
    {kRecipient, "<a>", AddressError::unqualified, "recipient address must contain a domain"},
    {kSender, "<postmaster>", AddressError::unqualified, "sender address must contain a domain"},
    {AddressRules{}, "<postmaster>", AddressError::unqualified, "address must contain a domain"},
    {kSender, "<@relay.example>", AddressError::route_without_address, "no local part"},
    {kSender, "<@a.example,@b.example a@c>", AddressError::route_malformed, "colon expected after route list"},
    {kSender, "<@a.example,b.example:a@c>", AddressError::route_malformed, "colon expected after route list"},
    {kUnqualified, "<@relay.example:a>", AddressError::route_without_domain, "domain missing in source-routed address"},
    {kSender, "<@relay.example:>", AddressError::local_part_malformed, "missing or malformed local part"},
    {kSender, "<a@[192.0.2.1]>", AddressError::literal_not_allowed, "domain literals not allowed"},
    {kLiterals, "<a@[192.0.2.1>", AddressError::literal_malformed, "malformed domain literal"},
    {kLiterals, "<a@[192.0.2]>", AddressError::literal_malformed, "malformed domain literal"},
    {kLiterals, "<a@[192.0.2.256]>", AddressError::literal_malformed, "malformed domain literal"},
    {kLiterals, "<a@[2001:db8::1]>", AddressError::literal_malformed, "malformed domain literal"},
    {kLiterals, "<a@[IPv6:192.0.2.1]>", AddressError::literal_malformed, "malformed domain literal"},
    {kLiterals, "<a@[IPv6:2001:db8::g]>", AddressError::literal_malformed, "malformed domain literal"},
    {kLiterals, "<a@[x400:c=de]>", AddressError::literal_malformed, "malformed domain literal"},
    {kLiterals, "<a@[]>", AddressError::literal_malformed, "malformed domain literal"},
    {kLiterals, "<a@[192.0.2.1]x>", AddressError::trailing_text, "malformed address: x> may not follow <a@[192.0.2.1]"},
    {kSender, "<\xc3\xbc@example.org>", AddressError::non_ascii, "non-ASCII address without SMTPUTF8"},
    {kSender, "<a@b\xc3\xbc.example>", AddressError::non_ascii, "non-ASCII address without SMTPUTF8"},
    {kUtf8, "<\xfc@example.org>", AddressError::invalid_utf8, "invalid UTF-8 byte sequence"},
    {kUtf8, "<\xc3@example.org>", AddressError::invalid_utf8, "invalid UTF-8 byte sequence"},
    {kUtf8, "<\xc0\xae@example.org>", AddressError::invalid_utf8, "invalid UTF-8 byte sequence"},
    {kUtf8, "<\xed\xa0\x80@example.org>", AddressError::invalid_utf8, "invalid UTF-8 byte sequence"},
    {kUtf8, "<\xc2\x85@example.org>", AddressError::invalid_utf8, "invalid UTF-8 byte sequence"},
    {kUtf8, "<a@\xe4\xb8>", AddressError::invalid_utf8, "invalid UTF-8 byte sequence"},
    {kUtf8, "<\"\\\xc3\xbc\"@example.org>", AddressError::local_part_malformed, "missing or malformed local part"},
};

TEST(ParsePath, BadPathsAndTheirReasons) {
  for (const BadCase& c : kBad) {
    SCOPED_TRACE(::testing::PrintToString(c.path));
    const PathStep step = parse_path(c.path, c.rules);
    EXPECT_EQ(step.error, c.error);
    EXPECT_TRUE(step.mailbox.is_null());
    EXPECT_EQ(std::string(step.before) + std::string(step.rest), c.path);
    std::string reason;
    append_reason(reason, step, c.rules.role);
    EXPECT_EQ(reason, c.reason);
  }
}

TEST(ParsePath, Limits) {
  const auto error_of = [](std::size_t local_bytes, std::size_t labels, const AddressLimits& limits) {
    std::string domain = "d";
    for (std::size_t i = 0; i < labels; ++i) domain += "." + std::string(49, 'd');
    AddressRules rules = kSender;
    rules.limits = limits;
    return parse_path("<" + std::string(local_bytes, 'l') + "@" + domain + ">", rules).error;
  };
  const AddressLimits rfc;
  EXPECT_EQ(error_of(64, 1, rfc), AddressError::none);
  EXPECT_EQ(error_of(65, 1, rfc), AddressError::local_part_too_long);
  EXPECT_EQ(error_of(65, 1, kWideAddressLimits), AddressError::none);
  EXPECT_EQ(error_of(2, 5, rfc), AddressError::none);           // 2 + 251 and <@>: 256
  EXPECT_EQ(error_of(3, 5, rfc), AddressError::path_too_long);  //
  EXPECT_EQ(error_of(1, 6, rfc), AddressError::domain_too_long);
  EXPECT_EQ(error_of(255, 5, kWideAddressLimits), AddressError::none);
  EXPECT_EQ(error_of(256, 5, kWideAddressLimits), AddressError::local_part_too_long);
  EXPECT_EQ(parse_path("<a@" + std::string(63, 'd') + ">", kSender).error, AddressError::none);
  EXPECT_EQ(parse_path("<a@" + std::string(64, 'd') + ">", kSender).error, AddressError::domain_malformed);
}

TEST(ParseAddress, TakesTheWholeText) {
  EXPECT_EQ(parse_address("a@example.org", {}).error, AddressError::none);
  EXPECT_EQ(parse_address("<a@example.org>", {}).error, AddressError::none);
  EXPECT_EQ(parse_address("a@example.org b", {}).error, AddressError::trailing_text);
  EXPECT_EQ(parse_address("a@example.org ", {}).error, AddressError::trailing_text);
  EXPECT_EQ(parse_address("<>", {}).error, AddressError::local_part_malformed);
}

Address make_address(std::string_view path) {
  const AddressRules rules{.role = AddressRole::sender,
                           .smtputf8 = true,
                           .allow_literals = true,
                           .allow_unqualified = true,
                           .allow_empty_atoms = true};
  const PathStep step = parse_path(path, rules);
  EXPECT_EQ(step.error, AddressError::none) << path;
  return Address(step.mailbox);
}

struct StoredCase {
  std::string_view path;
  std::string_view text;
  std::string_view local_part;
  std::string_view domain;
  std::string_view canonical;
};

constexpr StoredCase kStored[] = {
    {"<>", "", "", "", ""},
    {"<a@Example.ORG>", "a@Example.ORG", "a", "Example.ORG", "a@example.org"},
    {"<A@b>", "A@b", "A", "b", "A@b"},
    {"<\"a\"@b>", "\"a\"@b", "a", "b", "a@b"},
    {"<\"a.b\"@c>", "\"a.b\"@c", "a.b", "c", "a.b@c"},
    {"<\"a b\"@c>", "\"a b\"@c", "a b", "c", "\"a b\"@c"},
    {"<\"a\\\"\\\\\\x\"@c>", "\"a\\\"\\\\\\x\"@c", "a\"\\x", "c", "\"a\\\"\\\\x\"@c"},
    {"<\"\"@c>", "\"\"@c", "", "c", "\"\"@c"},
    {"<\"a@b\"@c>", "\"a@b\"@c", "a@b", "c", "\"a@b\"@c"},
    {"<a..b@c>", "a..b@c", "a..b", "c", "\"a..b\"@c"},
    {"<a>", "a", "a", "", "a"},
    {"<@r:a@b>", "a@b", "a", "b", "a@b"},
    {"<a@[IPv6:2001:DB8::1]>", "a@[IPv6:2001:DB8::1]", "a", "[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"},
    {"<\xc3\xbc@b>", "\xc3\xbc@b", "\xc3\xbc", "b", "\xc3\xbc@b"},
};

TEST(Address, StoresAsSentAndAsMeant) {
  Address reused;
  for (const StoredCase& c : kStored) {
    SCOPED_TRACE(c.path);
    const Address address = make_address(c.path);
    EXPECT_EQ(address.text(), c.text);
    EXPECT_EQ(address.local_part(), c.local_part);
    EXPECT_EQ(address.domain(), c.domain);
    EXPECT_EQ(address.is_null(), c.path == "<>");
    EXPECT_EQ(address.has_8bit(), c.path.find('\xc3') != c.path.npos);
    std::string canonical;
    append_canonical(canonical, address);
    EXPECT_EQ(canonical, c.canonical);
    std::string path;
    append_path(path, address);
    EXPECT_EQ(path, "<" + std::string(c.text) + ">");
    EXPECT_TRUE(make_address(path) == address);
    EXPECT_TRUE(make_address("<" + canonical + ">") == address);
    reused = address;
    reused.clear();
    EXPECT_TRUE(reused.is_null());
    EXPECT_EQ(reused.text(), "");
    EXPECT_TRUE(reused == Address());
  }
}

TEST(Address, Equality) {
  EXPECT_TRUE(make_address("<a@Example.org>") == make_address("<\"a\"@EXAMPLE.ORG>"));
  EXPECT_FALSE(make_address("<a@example.org>") == make_address("<A@example.org>"));
  EXPECT_FALSE(make_address("<a@example.org>") == make_address("<a>"));
  EXPECT_FALSE(make_address("<>") == make_address("<a@b>"));
}

TEST(Address, ReuseKeepsMemory) {
  const std::string path = "<" + std::string(60, 'l') + "@example.org>";
  Address address = make_address(path);
  const char* const before = address.text().data();
  address.clear();
  address.assign(parse_path("<short@example.org>", {}).mailbox);
  EXPECT_EQ(address.text(), "short@example.org");
  EXPECT_EQ(address.text().data(), before);
}

TEST(AppendLocalPart, QuotesWhatMustBe) {
  const auto wire = [](std::string_view meaning) {
    std::string out;
    return append_local_part(out, meaning) ? out : "refused: " + out;
  };
  EXPECT_EQ(wire("a.b"), "a.b");
  EXPECT_EQ(wire(""), "\"\"");
  EXPECT_EQ(wire("a b"), "\"a b\"");
  EXPECT_EQ(wire("a\"b\\"), "\"a\\\"b\\\\\"");
  EXPECT_EQ(wire(".a"), "\".a\"");
  EXPECT_EQ(wire("a@b"), "\"a@b\"");
  EXPECT_EQ(wire("\xc3\xbc"), "\xc3\xbc");
  EXPECT_EQ(wire("a\r\nb"), "refused: ");
  EXPECT_EQ(wire("a\x7f"), "refused: ");
  EXPECT_EQ(wire("\xfc"), "refused: ");
}

TEST(Domains, EqualAndValid) {
  EXPECT_TRUE(domain_equal("Example.ORG", "example.org"));
  EXPECT_FALSE(domain_equal("example.org", "example.com"));
  EXPECT_TRUE(is_domain("example.org"));
  EXPECT_TRUE(is_domain("x"));
  EXPECT_TRUE(is_domain(std::string(62, 'a') + ".b"));
  EXPECT_FALSE(is_domain(""));
  EXPECT_FALSE(is_domain("example.org."));
  EXPECT_FALSE(is_domain("example org"));
  EXPECT_FALSE(is_domain("[192.0.2.1]"));
  EXPECT_FALSE(is_domain("b\xc3\xbc.example"));
  EXPECT_TRUE(is_domain("b\xc3\xbc.example", true));
  std::string longest = "a";
  while (longest.size() < 255) longest += ".a";
  EXPECT_TRUE(is_domain(longest));
  EXPECT_FALSE(is_domain(longest + ".a"));
}

TEST(Domains, Literals) {
  EXPECT_EQ(literal_address("[192.0.2.1]"), IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(literal_address("[IPv6:2001:db8::1]"), IpAddress::parse("2001:db8::1"));
  EXPECT_EQ(literal_address("[IPv6:::1]"), IpAddress::parse("::1"));
  EXPECT_EQ(literal_address("192.0.2.1"), std::nullopt);
  EXPECT_EQ(literal_address("[::1]"), std::nullopt);
  EXPECT_EQ(literal_address("[IPv6:1.2.3.4]"), std::nullopt);
  EXPECT_EQ(literal_address("[192.0.2.1"), std::nullopt);
  EXPECT_EQ(literal_address(""), std::nullopt);
}

TEST(HeloArgument, AsLooseAsExim) {
  for (const std::string_view good : {"mx.example.org", "localhost", "-x", "a.", "..", "[192.0.2.1]", "[IPv6:::1]", "[::1]"})
    EXPECT_TRUE(is_helo_argument(good)) << good;
  for (const std::string_view bad : {"", "a b", "a_b", "[1.2.3]", "[mx]", "a\tb", "\xc3\xbc", "<a>", "a@b"})
    EXPECT_FALSE(is_helo_argument(bad)) << bad;
  EXPECT_TRUE(is_helo_argument("a_b", "_"));
  EXPECT_FALSE(is_helo_argument("a_b c", "_"));
}

}  // namespace
}  // namespace postern::smtp
