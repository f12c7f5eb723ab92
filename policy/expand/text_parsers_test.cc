// The parsers behind the operators: their bounds, and their inputs cut at every byte.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/utf8.h"
#include "policy/expand/header_addresses.h"
#include "policy/expand/operators.h"
#include "policy/expand/regex.h"
#include "policy/expand/text_base64.h"
#include "policy/expand/text_json.h"
#include "policy/expand/text_prvs.h"
#include "policy/expand/text_punycode.h"
#include "policy/expand/text_rfc2047.h"

namespace postern::expand {
namespace {

TEST(Operators, ArgumentsFollowTheFirstUnderscore) {
  const OperatorDef* const row = find_operator("length_4");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->name, "length");
  EXPECT_EQ(operator_arguments("length_4", *row), "4");
  EXPECT_EQ(operator_arguments("length", *row), "");
  EXPECT_EQ(find_operator("quote_local_part")->name, "quote_local_part");
  EXPECT_EQ(find_operator("lc_4"), nullptr);
  EXPECT_EQ(find_operator("quote_nosuch"), nullptr);
  EXPECT_EQ(find_operator("bless")->apply, nullptr);
}

// Whatever the operand, an operator keeps what stands before it, and stays within what it promises.
TEST(Operators, KeepTheirBoundsOnOperandsCutAnywhere) {
  const std::string_view operand =
      "=?utf-8?q?a=C3=A4?= \"a\\\"b\" <x(y)@[::1]>, 1+(2*3)/0x4 \xe2\x82\xac\xff xn--a-b 10.0.0.1/8 1w2d";
  for (const OperatorDef& row : operators()) {
    if (row.apply == nullptr) continue;
    for (const std::string_view arguments : {"", "7", "3_5", "n", "256"})
      for (std::size_t size = 0; size <= operand.size(); ++size) {
        std::string out = "kept";
        std::string why;
        out.append(operand.substr(0, size));
        const bool good = row.apply(out, 4, arguments, why);
        EXPECT_TRUE(out.starts_with("kept")) << row.name;
        EXPECT_EQ(good, why.empty()) << row.name << ' ' << arguments << ' ' << size << ' ' << why;
        EXPECT_LE(out.size(), 4 + std::max(kOperatorOutputMin, 16 * size)) << row.name;
      }
  }
}

std::string joined(std::string_view text) {
  const std::optional<HeaderAddress> address = parse_header_address(text);
  return address ? address->local_part + "|" + address->domain : "none";
}

TEST(HeaderAddress, IsFoundAmongNamesAndComments) {
  EXPECT_EQ(joined("\"Doe, J.\" (x (y)) <j.doe (z) @ example . org> (end)"), "j.doe|example.org");
  EXPECT_EQ(joined("<@a.example,@b.example:c@d.example>"), "c|d.example");
  EXPECT_EQ(joined("postmaster"), "postmaster|");
  EXPECT_EQ(joined("\"a\\\\\"@b.example"), "\"a\\\\\"|b.example");
  EXPECT_EQ(joined("\"a\\\"@b.example"), "none");
  EXPECT_EQ(joined("<a@b.example> more"), "none");
}

TEST(HeaderAddress, CommentsNestWithinABound) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '(') + std::string(depth, ')') + "a@b.example"; };
  EXPECT_EQ(joined(nested(kCommentDepthMax)), "a|b.example");
  EXPECT_EQ(joined(nested(kCommentDepthMax + 1)), "none");
}

TEST(HeaderAddress, CutAnywhereItIsAnAddressOrNone) {
  const std::string_view whole = "\"Doe \\\" J.\" (x (y\\)) z) <@r.example:\"j d\".doe(z)@[192.0.2.1]> (end)";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::optional<HeaderAddress> address = parse_header_address(whole.substr(0, size));
    if (address) EXPECT_FALSE(address->local_part.empty());
  }
  EXPECT_EQ(joined(whole), "\"j d\".doe|[192.0.2.1]");
}

TEST(HeaderAddress, ListsEndWhateverIsInThem) {
  const std::string_view list = "a@b.example, grp: c@d.example, (,) \"e,f\"@g.example; <h,i@j.example>, \"k, l";
  std::vector<std::string_view> items;
  HeaderAddresses reader(list);
  for (std::string_view item; reader.next(item);) items.push_back(item);
  EXPECT_EQ(items, (std::vector<std::string_view>{"a@b.example", " c@d.example", " (,) \"e,f\"@g.example", " <h,i@j.example>",
                                                  " \"k, l"}));
}

constexpr std::string_view kJson = R"( {"a" : [1, -2.5e+3, {"x":"}\"\u00e4"}, [], {}], "b":true,"c":null} rest)";

TEST(Json, ValuesAreViewsIntoTheText) {
  JsonReader reader(kJson, JsonReader::Kind::object);
  std::string_view key;
  std::string_view value;
  ASSERT_EQ(reader.next(key, value), JsonStep::value);
  EXPECT_EQ(key, "a");
  EXPECT_EQ(value, R"([1, -2.5e+3, {"x":"}\"\u00e4"}, [], {}])");
  ASSERT_EQ(reader.next(key, value), JsonStep::value);
  ASSERT_EQ(reader.next(key, value), JsonStep::value);
  EXPECT_EQ(key, "c");
  EXPECT_EQ(value, "null");
  EXPECT_EQ(reader.next(key, value), JsonStep::end);
  EXPECT_EQ(reader.next(key, value), JsonStep::end);
}

TEST(Json, CutAnywhereItIsMalformed) {
  const std::size_t whole = kJson.size() - std::string_view(" rest").size();
  for (std::size_t size = 0; size <= whole; ++size) {
    JsonReader reader(kJson.substr(0, size), JsonReader::Kind::object);
    std::string_view key;
    std::string_view value;
    JsonStep step = JsonStep::value;
    while (step == JsonStep::value) step = reader.next(key, value);
    EXPECT_EQ(step, size == whole ? JsonStep::end : JsonStep::malformed) << size;
    EXPECT_EQ(reader.why().empty(), size == whole);
  }
}

TEST(Json, IsReadStrictly) {
  for (const std::string_view good :
       {"0", "-0", "1.5", "1e9", "\"\"", "\"\\/\"", "true", "[]", "{}", "[[1],{\"a\":[]}]", "{\"a\" : 1 }"})
    EXPECT_EQ(json_value_length(good), good.size()) << good;
  for (const std::string_view bad :
       {"",  "01",   "-",    "1.",    ".5",    "1e",      "\"",       "\"\\x\"",    "\"\\u12\"", "\"\n\"", "tru",
        "[", "[1,]", "[,1]", "[1 2]", "{1:2}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[}",        "{]",     "'a'"})
    EXPECT_EQ(json_value_length(bad), 0u) << bad;
}

TEST(Json, NestsWithinABound) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + "1" + std::string(depth, ']'); };
  EXPECT_EQ(json_value_length(nested(kJsonDepthMax)), 2 * kJsonDepthMax + 1);
  EXPECT_EQ(json_value_length(nested(kJsonDepthMax + 1)), 0u);
  EXPECT_EQ(json_value_length(std::string(100'000, '[')), 0u);
}

TEST(Rfc2047, WordsAreShortAndCharactersWhole) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "\xe2\x82\xac x";
  std::string encoded;
  append_rfc2047(encoded, text);
  std::size_t words = 0;
  for (std::size_t at = 0; at < encoded.size(); ++words) {
    const std::size_t end = std::min(encoded.find(' ', at), encoded.size());
    EXPECT_LE(end - at, kEncodedWordMax);
    std::string one;
    std::string why;
    EXPECT_TRUE(append_rfc2047_decoded(one, std::string_view(encoded).substr(at, end - at), why));
    EXPECT_TRUE(is_utf8(one));
    at = end + 1;
  }
  EXPECT_GT(words, 10u);
  std::string decoded;
  std::string why;
  EXPECT_TRUE(append_rfc2047_decoded(decoded, encoded, why));
  EXPECT_EQ(decoded, text);
}

TEST(Rfc2047, CutAnywhereTheRestStays) {
  const std::string_view whole = "a =?utf-8?q?b=C3=A4?= \n\t=?iso-8859-1?B?5A==?= c";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    std::string out = "kept";
    std::string why;
    EXPECT_TRUE(append_rfc2047_decoded(out, whole.substr(0, size), why)) << why;
    EXPECT_TRUE(out.starts_with("kepta") || size == 0);
  }
  std::string out;
  std::string why;
  EXPECT_TRUE(append_rfc2047_decoded(out, whole, why));
  EXPECT_EQ(out, "a b\xc3\xa4\xc3\xa4 c");
}

TEST(Rfc2047, AStrangersCharacterSetIsNotLoaded) {
  std::string out;
  std::string why;
  EXPECT_FALSE(append_rfc2047_decoded(out, "=?ISO-2022-CN-EXT?q?a?= =?utf-8?q?b?=", why));
  EXPECT_EQ(out, "ab");
  EXPECT_NE(why.find("ISO-2022-CN-EXT"), why.npos);
  out.clear();
  EXPECT_FALSE(append_rfc2047_decoded(out, "=?../../tmp/x//?q?a?=", why));
}

TEST(Rfc2047, BytesThatAreNotOfTheCharacterSetStay) {
  std::string out;
  std::string why;
  EXPECT_TRUE(append_rfc2047_decoded(out, "=?utf-16le?q?=41?= =?euc-jp?q?=FFz?= =?windows-1252?q?=80?=", why));
  EXPECT_EQ(out, "A\xffz\xe2\x82\xac");
}

TEST(Base64, DecodesWhatItEncodes) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    std::string encoded;
    std::string decoded = "kept";
    append_base64(encoded, bytes);
    EXPECT_EQ(encoded.size(), (bytes.size() + 2) / 3 * 4);
    EXPECT_TRUE(append_base64_decoded(decoded, encoded));
    EXPECT_EQ(decoded, "kept" + bytes);
    for (std::size_t size = 1; size < encoded.size(); ++size) {
      std::string cut;
      EXPECT_EQ(append_base64_decoded(cut, std::string_view(encoded).substr(0, size)), size % 4 == 0) << i << ' ' << size;
    }
    bytes.push_back(static_cast<char>(i * 7));
    if (i > 30) i += 40;
  }
}

struct Label {
  std::string_view utf8;
  std::string_view punycode;
};
// RFC 3492 section 7.1, and short ones.
constexpr Label kLabels[] = {
    {"m\xc3\xbcnchen", "mnchen-3ya"},
    {"\xe4\xbb\x96\xe4\xbb\xac\xe4\xb8\xba\xe4\xbb\x80\xe4\xb9\x88\xe4\xb8\x8d\xe8\xaf\xb4\xe4\xb8\xad\xe6\x96\x87",
     "ihqwcrb4cv8a8dqg056pqjye"},
    {"3\xe5\xb9\xb4"
     "B\xe7\xb5\x84\xe9\x87\x91\xe5\x85\xab\xe5\x85\x88\xe7\x94\x9f",
     "3B-ww4c5e180e575a65lsy2b"},
    {"-> $1.00 <-", "-> $1.00 <--"},
    {"\xf0\x9f\x98\x80", "e28h"},
    {"", ""},
};

TEST(Punycode, IsThatOfTheRfc) {
  for (const Label& label : kLabels) {
    std::string encoded;
    std::string decoded;
    EXPECT_TRUE(append_punycode(encoded, label.utf8));
    EXPECT_EQ(encoded, label.punycode);
    EXPECT_TRUE(append_punycode_decoded(decoded, label.punycode));
    EXPECT_EQ(decoded, label.utf8);
  }
}

TEST(Punycode, CutAnywhereItGivesUtf8OrNothing) {
  const std::string_view whole = "3B-ww4c5e180e575a65lsy2b";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    std::string out;
    if (append_punycode_decoded(out, whole.substr(0, size))) {
      EXPECT_TRUE(is_utf8(out));
    } else {
      EXPECT_TRUE(out.empty());
    }
  }
  std::string out;
  EXPECT_FALSE(append_punycode_decoded(out, "99999999999999"));
  EXPECT_FALSE(append_punycode(out, std::string(kPunycodeBytesMax + 1, 'a')));
  EXPECT_FALSE(append_punycode_decoded(out, "a\xc3\xa4"));
  EXPECT_TRUE(out.empty());
}

// Exim 4.96 signed these on day 20785.
constexpr std::int64_t kToday = 20785;

std::string signed_address(std::string_view address, std::string_view secret, std::string_view key_number) {
  std::string result;
  std::string why;
  return prvs_sign(address, secret, key_number, kToday, result, why) ? result : "Failed: " + why;
}

TEST(Prvs, SignsAsExim) {
  EXPECT_EQ(signed_address("user@example.org", "secret", ""), "prvs=0792d0c6af=user@example.org");
  EXPECT_EQ(signed_address("user@example.org", "secret", "5"), "prvs=5792bb50e4=user@example.org");
  EXPECT_EQ(signed_address("user@example.org", "", ""), "prvs=0792f29621=user@example.org");
  EXPECT_EQ(signed_address("a=b@x@y", "k", ""), "prvs=0792849594=a=b@x@y");
  for (const std::string_view bad : {"user", "", "@y", "a@"})
    EXPECT_EQ(signed_address(bad, "k", ""), "Failed: prvs first argument must be a qualified email address");
  for (const std::string_view bad : {"x", "10", "-"})
    EXPECT_EQ(signed_address("a@b", "k", bad), "Failed: prvs third argument must be a single digit");
}

bool is_valid(std::string_view text, std::string_view secret, std::int64_t today) {
  const std::optional<PrvsAddress> parsed = prvs_parse(text);
  return parsed && prvs_is_valid(*parsed, secret, today);
}

TEST(Prvs, IsGoodForSevenDays) {
  const std::string_view text = "prvs=5792bb50e4=user@example.org";
  for (std::int64_t day = kToday - 600; day < kToday + 600; ++day)
    EXPECT_EQ(is_valid(text, "secret", day), day >= kToday && day <= kToday + kPrvsDays) << day;
  EXPECT_FALSE(is_valid(text, "other", kToday));
  EXPECT_FALSE(is_valid("prvs=5792bb50e5=user@example.org", "secret", kToday));
  EXPECT_FALSE(is_valid("prvs=4792bb50e4=user@example.org", "secret", kToday));
  EXPECT_FALSE(is_valid("prvs=5792bb50e4=user@EXAMPLE.org", "secret", kToday));
}

TEST(Prvs, OverTheTurnOfTheThousandDays) {
  std::string result;
  std::string why;
  for (std::int64_t day = 20990; day < 21010; ++day) {
    ASSERT_TRUE(prvs_sign("a@b", "k", "", day, result, why));
    EXPECT_TRUE(is_valid(result, "k", day));
    EXPECT_TRUE(is_valid(result, "k", day + kPrvsDays));
    EXPECT_FALSE(is_valid(result, "k", day + kPrvsDays + 1));
  }
}

TEST(Prvs, ParsesOnlyItsOwnForm) {
  const std::optional<PrvsAddress> parsed = prvs_parse("PRVS=5792BB50E4=user@example.org");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->address, "user@example.org");
  EXPECT_EQ(parsed->key_number, '5');
  const std::string_view whole = "prvs=5792bb50e4=u@e";
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(prvs_parse(whole.substr(0, size))) << size;
  for (const std::string_view bad :
       {"prvs=57x2bb50e4=u@e", "prvs=5792bb50g4=u@e", "prvs=5792bb50e4=@e", "prvs=5792bb50e4u@e", "user@example.org"})
    EXPECT_FALSE(prvs_parse(bad)) << bad;
}

// PCRE2's own limit counts anew at each byte where a match may begin; these steps do not.
TEST(Regex, StepsAreCountedOverTheWholeSubject) {
  const auto regex = Regex::compile("(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)[yz]");
  ASSERT_TRUE(regex);
  Regex::Captures captures;
  std::uint64_t steps = 100'000;
  EXPECT_EQ((*regex)->match(std::string(100'000, 'a'), 0, captures, steps), Regex::Outcome::gave_up);
  EXPECT_EQ(steps, 0u);
  steps = 100'000;
  EXPECT_EQ((*regex)->match("aaaaaaaaz", 0, captures, steps), Regex::Outcome::match);
  EXPECT_GT(steps, 90'000u);
  EXPECT_LT(steps, 100'000u);
}

}  // namespace
}  // namespace postern::expand
