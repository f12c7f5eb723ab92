#include "appliance/probe/trace_printer.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace postern::probe {
namespace {

class TracePrinterTest : public ::testing::Test {
 protected:
  std::string take() { return std::exchange(heard_, {}); }

  std::string heard_;
  TracePrinter printer_{[this](std::string_view line) { heard_ += line; }};
  acl::Acl acl_{.name = "check", .statements = {}};
};

TEST_F(TracePrinterTest, AConditionIsShownWithWhatItLookedAt) {
  printer_.did({.source = "hosts = +relay", .value = "192.0.2.1", .result = "true", .why = "matched \"192.0.2.0/24\""}, 0);
  EXPECT_EQ(take(), ">>>   check hosts = +relay\n>>>     \"192.0.2.1\"? yes (matched \"192.0.2.0/24\")\n");
  printer_.did({.source = "!hosts = +relay", .value = "192.0.2.1", .result = "false", .why = "end of list", .negated = true},
               1);
  EXPECT_EQ(take(), ">>>       check !hosts = +relay\n>>>         \"192.0.2.1\"? no (end of list), and with ! yes\n");
  printer_.did({.source = "verify = helo", .value = "", .result = "deferred", .why = "no answer"}, 0);
  EXPECT_EQ(take(), ">>>   check verify = helo? deferred (no answer)\n");
  printer_.did({.source = "encrypted = *", .value = "", .result = "false", .why = ""}, 0);
  EXPECT_EQ(take(), ">>>   check encrypted = *? no\n");
}

TEST_F(TracePrinterTest, AModifierIsShownWithItsText) {
  printer_.did({.source = "message = $domain", .value = "a\r\nb\x1b", .result = "", .why = ""}, 0);
  EXPECT_EQ(take(), ">>>   message = $domain\n>>>     \"a\\r\\nb\\033\"\n");
  printer_.did({.source = "message = ${", .value = "", .result = "", .why = "no"}, 0);
  EXPECT_EQ(take(), ">>>   message = ${\n>>>     \"\" (no)\n");
}

TEST_F(TracePrinterTest, AnAclBeginsAndEnds) {
  printer_.asks(acl::Phase::rcpt, acl_);
  EXPECT_EQ(take(), ">>> using ACL \"check\" for RCPT\n");
  printer_.ended(acl_, {.verdict = acl::AclVerdict::deny}, true, 0);
  EXPECT_EQ(take(), ">>> end of ACL \"check\": implicit DENY\n");
  printer_.ended(acl_, {.verdict = acl::AclVerdict::discard}, false, 1);
  EXPECT_EQ(take(), ">>>     end of ACL \"check\": DISCARD\n");
}

TEST_F(TracePrinterTest, LogLinesSayWhichLog) {
  printer_.write(log::Stream::main, "a");
  printer_.write(log::Stream::reject, "b");
  printer_.write(log::Stream::panic, "c");
  printer_.delay(1'500);
  EXPECT_EQ(take(), "LOG: main: a\nLOG: reject: b\nLOG: panic: c\n>>>   delay of 1.500s passed over\n");
}

}  // namespace
}  // namespace postern::probe
