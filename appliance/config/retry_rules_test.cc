#include "appliance/config/retry_rules.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "policy/expand/config_text_for_test.h"

namespace postern::config {
namespace {

using expand::ConfigTextForTest;

class Retry : public ::testing::Test {
 protected:
  Retry() : lists_({.primary_hostname = "mx.example.org"}, diagnostics_) {}

  void add(std::string_view line) { rules_.add(ConfigTextForTest::line(line), lists_, diagnostics_); }
  // The interval of the first step of the rule that was found, or -1.
  std::int64_t found(std::string_view subject, std::string_view alternate, const TroubleFacts& facts,
                     std::string_view sender = "s@x") {
    EXPECT_EQ(diagnostics_.errors(), 0u);
    const RetryRule* const rule = rules_.find(subject, alternate, facts, sender);
    return rule == nullptr ? -1 : rule->steps.empty() ? 0 : rule->steps[0].interval_s;
  }

  expand::Diagnostics diagnostics_;
  lists::ListCompiler lists_;
  RetryRules rules_;
};

TEST_F(Retry, FindsTheFirstRuleThatMatches) {
  add("alice@a.ex  *  F,1d,1s");
  add("a.ex  *  F,1d,2s");
  add("*.b.ex  *  F,1d,3s");
  add("\"192.0.2.1\"  *  F,1d,4s");
  add("!c.ex  quota");
  EXPECT_EQ(found("alice@a.ex", "", {}), 1);
  EXPECT_EQ(found("*@a.ex", "", {}), 2);
  EXPECT_EQ(found("bob@a.ex", "", {}), 2);
  EXPECT_EQ(found("*@x.b.ex", "*@a.ex", {}), 2);  // each rule is tried with both before the next one is
  EXPECT_EQ(found("*@192.0.2.1", "*@d.ex", {}), 4);
  EXPECT_EQ(found("u@d.ex", "", {}), -1);
  EXPECT_EQ(found("u@d.ex", "", {.trouble = Trouble::quota}), 0);
  EXPECT_EQ(found("u@c.ex", "", {.trouble = Trouble::quota}), -1);
}

TEST_F(Retry, LooksAtErrorsAndSenders) {
  add("* refused_MX  F,1d,1s");
  add("* refused_A   F,1d,2s");
  add("* timeout_connect F,1d,3s");
  add("* timeout     F,1d,4s");
  add("* rcpt_452    F,1d,5s");
  add("* rcpt_45x    F,1d,6s");
  add("* rcpt_4xx senders=: F,1d,7s");
  add("* rcpt_4xx senders = \"a@b : c@d\" F,1d,8s");
  add("* rcpt_4xx    F,1d,9s");
  add("* data_4xx    F,1d,10s");
  add("* lost_connection F,1d,11s");
  add("* tls_required F,1d,12s");
  EXPECT_EQ(found("*@a", "", {.trouble = Trouble::refused, .host_from_mx = true}), 1);
  EXPECT_EQ(found("*@a", "", {.trouble = Trouble::refused}), 2);
  EXPECT_EQ(found("*@a", "", {.trouble = Trouble::timeout_connect}), 3);
  EXPECT_EQ(found("*@a", "", {.trouble = Trouble::timeout}), 4);
  EXPECT_EQ(found("u@a", "", {.trouble = Trouble::rcpt_4xx, .smtp_code = 452}), 5);
  EXPECT_EQ(found("u@a", "", {.trouble = Trouble::rcpt_4xx, .smtp_code = 451}), 6);
  EXPECT_EQ(found("u@a", "", {.trouble = Trouble::rcpt_4xx, .smtp_code = 421}, ""), 7);
  EXPECT_EQ(found("u@a", "", {.trouble = Trouble::rcpt_4xx, .smtp_code = 421}, "c@d"), 8);
  EXPECT_EQ(found("u@a", "", {.trouble = Trouble::rcpt_4xx, .smtp_code = 421}), 9);
  EXPECT_EQ(found("u@a", "", {.trouble = Trouble::data_4xx, .smtp_code = 421}), 10);
  EXPECT_EQ(found("u@a", "", {.trouble = Trouble::lost_connection}), 11);
  EXPECT_EQ(found("u@a", "", {.trouble = Trouble::tls_required}), 12);
  EXPECT_EQ(found("u@a", "", {.trouble = Trouble::mail_4xx, .smtp_code = 450}), -1);
}

TEST_F(Retry, WaitsAsTheStepsSay) {
  add("* * F,2h,15m; G,16h,1h,1.5; F,4d,6h");
  const RetryRule& rule = *rules_.find("*@a", "", {}, "");
  SeededRandom random(1);
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  const auto wait = [&](std::int64_t since, std::int64_t last) {
    const RetryDecision decision = next_attempt(rule, since, last, 24 * kHour, random);
    return decision.expired ? -1 : decision.wait_s;
  };
  EXPECT_EQ(wait(0, 0), 15 * kMinute);
  EXPECT_EQ(wait(2 * kHour - 1, 15 * kMinute), 15 * kMinute);
  EXPECT_EQ(wait(2 * kHour, 15 * kMinute), kHour);  // the first of G
  EXPECT_EQ(wait(3 * kHour, kHour), 90 * kMinute);
  EXPECT_EQ(wait(5 * kHour, 90 * kMinute), 135 * kMinute);
  EXPECT_EQ(wait(16 * kHour, 5 * kHour), 6 * kHour);
  EXPECT_EQ(wait(96 * kHour - 1, 6 * kHour), 6 * kHour);
  EXPECT_EQ(wait(96 * kHour, 6 * kHour), -1);
}

TEST_F(Retry, BoundsAndSpreadsWaits) {
  add("* * G,900w,1h,100");
  add("x * H,900w,1h,2");
  add("never *");
  const RetryRule& growing = *rules_.find("*@a", "", {}, "");
  SeededRandom random(1);
  EXPECT_EQ(next_attempt(growing, 0, 0, 1800, random).wait_s, 1800);
  EXPECT_EQ(next_attempt(growing, 0, 1'000'000'000'000'000'000, 86400, random).wait_s, 86400);
  RetryRules others;
  others.add(ConfigTextForTest::line("x * H,900w,1h,2"), lists_, diagnostics_);
  others.add(ConfigTextForTest::line("* *"), lists_, diagnostics_);
  const RetryRule& spread = *others.find("*@x", "", {}, "");
  for (int i = 0; i < 100; ++i) {
    const std::int64_t wait = next_attempt(spread, 0, 3600, 86400, random).wait_s;
    EXPECT_GE(wait, 5400);
    EXPECT_LE(wait, 7200);
  }
  EXPECT_TRUE(next_attempt(*others.find("*@y", "", {}, ""), 0, 0, 86400, random).expired);
}

// A step that begins behind shorter waits: G begins with its interval, H with what the last wait grows to when that is more.
TEST_F(Retry, TheFirstWaitOfAStep) {
  add("g * F,1h,40m; G,9d,1h,3");
  add("h * F,1h,40m; H,9d,1h,3");
  SeededRandom random(1);
  EXPECT_EQ(next_attempt(*rules_.find("*@g", "", {}, ""), 3600, 2400, 86400, random).wait_s, 3600);
  std::int64_t least = INT64_MAX;
  std::int64_t most = 0;
  for (int i = 0; i < 200; ++i) {
    const std::int64_t wait = next_attempt(*rules_.find("*@h", "", {}, ""), 3600, 2400, 86400, random).wait_s;
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  EXPECT_GE(least, 5400);
  EXPECT_LE(most, 7200);
  EXPECT_LT(least, most);
  EXPECT_EQ(next_attempt(*rules_.find("*@h", "", {}, ""), 3600, 600, 86400, random).wait_s, 3600);
}

TEST(WaitBefore, IsWhatWasMeantOrWhatItWas) {
  EXPECT_EQ(wait_before(100, 160, 160), 60);
  EXPECT_EQ(wait_before(100, 160, 500), 60);
  EXPECT_EQ(wait_before(100, 160, 130), 30);
  EXPECT_EQ(wait_before(100, 160, 90), 0);  // the clock went back
}

}  // namespace
}  // namespace postern::config
