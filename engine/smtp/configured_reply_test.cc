#include "engine/smtp/configured_reply.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::smtp {
namespace {

constexpr Reply kDenied{550, {5, 7, 1}, "Administrative prohibition"};

struct ConfiguredCase {
  std::string_view text;
  bool any_class;
  std::string_view with_codes;     // what a peer sees that was offered enhanced codes
  std::string_view without_codes;  // and one that was not
};

constexpr ConfiguredCase kCases[] = {
    {"", false, "550 5.7.1 Administrative prohibition\r\n", "550 Administrative prohibition\r\n"},
    {"go away", false, "550 5.7.1 go away\r\n", "550 go away\r\n"},
    {"550 go away", false, "550 5.7.1 go away\r\n", "550 go away\r\n"},
    {"553 go away", false, "553 5.0.0 go away\r\n", "553 go away\r\n"},
    {"550 5.1.1 unknown", false, "550 5.1.1 unknown\r\n", "550 5.1.1 unknown\r\n"},
    {"5.1.1 unknown", false, "550 5.1.1 unknown\r\n", "550 5.1.1 unknown\r\n"},
    {"450 4.1.1 later", false, "550 5.7.1 4.1.1 later\r\n", "550 4.1.1 later\r\n"},
    {"450 later", true, "450 4.0.0 later\r\n", "450 later\r\n"},
    {"550 4.1.1 odd", false, "550 5.7.1 4.1.1 odd\r\n", "550 4.1.1 odd\r\n"},
    {"550", false, "550 5.7.1 550\r\n", "550 550\r\n"},
    {"550-x", false, "550 5.7.1 550-x\r\n", "550 550-x\r\n"},
    {"999 x", false, "550 5.7.1 999 x\r\n", "550 999 x\r\n"},
    {"550 one\ntwo", false, "550-5.7.1 one\r\n550 5.7.1 two\r\n", "550-one\r\n550 two\r\n"},
    {"550 5.2.0 one\ntwo", false, "550-5.2.0 one\r\n550 5.2.0 two\r\n", "550-5.2.0 one\r\n550 5.2.0 two\r\n"},
};

std::string written(const ConfiguredReply& configured, bool offered) {
  std::string out;
  append_reply(out, configured.reply, {.enhanced_codes = offered || configured.has_own_enhanced});
  return out;
}

TEST(ConfiguredReply, BringsItsOwnCodesOrTakesTheBuiltInOnes) {
  for (const ConfiguredCase& c : kCases) {
    const ConfiguredReply configured = configured_reply(c.text, kDenied, c.any_class);
    EXPECT_EQ(written(configured, true), c.with_codes) << c.text;
    EXPECT_EQ(written(configured, false), c.without_codes) << c.text;
  }
}

TEST(ConfiguredReply, WhatStandsInFrontOfTheText) {
  struct Front {
    std::string_view text;
    int code;
    std::string_view rest;
  };
  for (const Front& c :
       {Front{"450 4.7.1 later", 450, "later"}, Front{"450 later", 450, "later"}, Front{"450 5.7.1 x", 450, "5.7.1 x"},
        Front{"450 ", 450, ""}, Front{"5.7.1 x", 0, "x"}, Front{"4.7.1 x", 0, "4.7.1 x"}, Front{"450", 0, "450"},
        Front{"650 x", 0, "650 x"}, Front{"", 0, ""}}) {
    const CodePrefix prefix = code_prefix(c.text);
    EXPECT_EQ(prefix.code, c.code) << c.text;
    EXPECT_EQ(c.text.substr(prefix.bytes), c.rest) << c.text;
  }
}

}  // namespace
}  // namespace postern::smtp
