#include "appliance/delivery/retry.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "policy/expand/config_text_for_test.h"
#include "policy/lists/compile.h"

namespace postern::delivery {
namespace {

config::RetryRules rules_of(std::vector<std::string> lines) {
  expand::Diagnostics diagnostics;
  lists::ListCompiler lists({}, diagnostics);
  config::RetryRules rules;
  for (const std::string& line : lines) rules.add(expand::ConfigTextForTest::line(line), lists, diagnostics);
  return rules;
}

Problem problem(ProblemKind kind, int reply_code = 0) {
  Problem made;
  made.kind = kind;
  made.reply_code = reply_code;
  if (made.is_of_host()) made.host = HostSeen{"mx.example", {}, false};
  return made;
}

constexpr std::uint32_t kNow = 1'700'000'000;

RetryVerdict judge(const config::RetryRules& rules, const Problem& problem, RetryTimes times = {}, std::uint32_t now = kNow,
                   std::string_view sender = "s@x") {
  SeededRandom random(1);
  return judge_retry(rules, 24 * 3600, {problem, "a@rcpt.example", sender, times, now}, random);
}

TEST(Retry, TheUsualRuleOverFiveDays) {
  const config::RetryRules rules = rules_of({"* * F,2h,15m; G,16h,1h,1.5; F,4d,6h"});
  RetryTimes times;
  std::uint32_t now = kNow;
  std::vector<std::uint32_t> waits;
  for (;;) {
    const RetryVerdict verdict = judge(rules, problem(ProblemKind::refused), times, now);
    if (verdict.gives_up) break;
    waits.push_back(verdict.next_try_s - now);
    times = next_times(times, now, verdict.next_try_s);
    now = verdict.next_try_s;
    ASSERT_LT(waits.size(), 100U);
  }
  const std::vector<std::uint32_t> first(waits.begin(), waits.begin() + 12);
  EXPECT_EQ(first, (std::vector<std::uint32_t>{900, 900, 900, 900, 900, 900, 900, 900, 3600, 5400, 8100, 12150}));
  EXPECT_EQ(waits.back(), 6U * 3600);
  EXPECT_GE(now - kNow, 4U * 24 * 3600);
  EXPECT_LT(now - kNow, 4U * 24 * 3600 + 6 * 3600);
  EXPECT_EQ(times.first_failed_s, kNow);
}

TEST(Retry, RulesAreChosenByHostDomainAddressAndError) {
  const config::RetryRules rules = rules_of({"mx.example refused F,1h,1m", "a@rcpt.example rcpt_4xx F,1h,2m",
                                             "rcpt.example mail_45x F,1h,3m", "* quota", "* timeout F,1h,4m"});
  struct {
    Problem problem;
    std::uint32_t wait_s;  // 0: given up
  } const cases[] = {
      {problem(ProblemKind::refused), 60},
      {problem(ProblemKind::rcpt_rejected, 450), 120},
      {problem(ProblemKind::mail_rejected, 451), 180},
      {problem(ProblemKind::mail_rejected, 421), 0},
      {problem(ProblemKind::disk_full), 0},
      {problem(ProblemKind::timed_out), 240},
      {problem(ProblemKind::connect_timed_out), 240},
      {problem(ProblemKind::connection_lost), 0},
      {problem(ProblemKind::local), 0},
  };
  for (const auto& c : cases) {
    const RetryVerdict verdict = judge(rules, c.problem);
    EXPECT_EQ(verdict.gives_up, c.wait_s == 0) << static_cast<int>(c.problem.kind);
    if (c.wait_s != 0) EXPECT_EQ(verdict.next_try_s, kNow + c.wait_s) << static_cast<int>(c.problem.kind);
  }
}

TEST(Retry, WithoutARuleTheFirstFailureIsTheLast) {
  EXPECT_TRUE(judge(config::RetryRules(), problem(ProblemKind::refused)).gives_up);
}

TEST(Retry, AHostThatRestsIsWaitedFor) {
  Problem resting = problem(ProblemKind::host_resting);
  resting.not_before_s = kNow + 77;
  EXPECT_EQ(judge(config::RetryRules(), resting).next_try_s, kNow + 77);
  resting.not_before_s = kNow - 5;
  EXPECT_EQ(judge(config::RetryRules(), resting).next_try_s, kNow + 1);
  EXPECT_FALSE(judge(config::RetryRules(), resting).gives_up);
}

TEST(Retry, AClockThatWentBackIsNoTrouble) {
  const config::RetryRules rules = rules_of({"* * F,2h,15m"});
  const RetryTimes ahead{kNow + 5000, kNow + 5000, kNow + 5900};
  EXPECT_EQ(judge(rules, problem(ProblemKind::refused), ahead).next_try_s, kNow + 900);
}

}  // namespace
}  // namespace postern::delivery
