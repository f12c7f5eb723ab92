#include "appliance/delivery/retry.h"

#include <gtest/gtest.h>

#include <algorithm>
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

// What a host says or does, unless the kind has nothing to do with hosts.
Problem problem(ProblemKind kind, int reply_code = 0) {
  Problem made;
  made.kind = kind;
  made.reply_code = reply_code;
  made.is_of_recipient = kind == ProblemKind::rcpt_rejected;
  const bool has_host = made.is_of_host() || reply_code != 0 || kind == ProblemKind::data_lost;
  if (has_host) made.host = HostSeen{"mx.example", {}, false};
  return made;
}

// The same over a UNIX socket.
Problem at_a_socket(Problem problem) {
  problem.host = HostSeen{"/run/lmtp", {{}, "/run/lmtp"}, false};
  return problem;
}
Problem of_recipient(Problem problem) {
  problem.is_of_recipient = true;
  return problem;
}

constexpr std::uint32_t kNow = 1'700'000'000;

RetryVerdict judge(const config::RetryRules& rules, const Problem& problem, RetryTimes times = {}, std::uint32_t now = kNow,
                   std::string_view sender = "s@x", std::uint32_t received = kNow) {
  SeededRandom random(1);
  return judge_retry(rules, 24 * 3600, {problem, "a@rcpt.example", sender, received, times, now}, random);
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

// What a rule's pattern is held against, for each kind of trouble.
TEST(Retry, TheSubjectOfARuleDependsOnTheTrouble) {
  enum Subject : std::uint8_t { host, domain, address };
  struct {
    const char* what;
    Problem problem;
    std::vector<Subject> found_by;
  } const cases[] = {
      {"no connection", problem(ProblemKind::refused), {host, domain}},
      {"no connection in time", problem(ProblemKind::connect_timed_out), {host, domain}},
      {"no answer in time", problem(ProblemKind::timed_out), {host, domain}},
      {"4xx in the greeting", problem(ProblemKind::host_rejected, 450), {host, domain}},
      {"connection lost", problem(ProblemKind::connection_lost), {host, domain}},
      {"4xx to MAIL", problem(ProblemKind::mail_rejected, 451), {host, domain}},
      {"4xx to the text", problem(ProblemKind::data_rejected, 451), {host, domain}},
      {"no answer to the text", problem(ProblemKind::data_lost), {host, domain}},
      {"4xx to RCPT", problem(ProblemKind::rcpt_rejected, 451), {domain, address}},
      {"4xx to the text in LMTP", of_recipient(problem(ProblemKind::data_rejected, 451)), {domain, address}},
      {"no such socket", at_a_socket(problem(ProblemKind::unreachable)), {domain, address}},
      {"4xx to MAIL over a socket", at_a_socket(problem(ProblemKind::mail_rejected, 451)), {domain, address}},
      {"disk full", problem(ProblemKind::disk_full), {domain, address}},
      {"a file that cannot be written", problem(ProblemKind::local), {domain, address}},
      {"a router defers", problem(ProblemKind::routing), {domain}},
  };
  const config::RetryRules rules[] = {rules_of({"mx.example * F,1h,1m"}), rules_of({"rcpt.example * F,1h,1m"}),
                                      rules_of({"a@rcpt.example * F,1h,1m"})};
  for (const auto& c : cases)
    for (const Subject subject : {host, domain, address})
      EXPECT_EQ(!judge(rules[subject], c.problem).gives_up,
                std::find(c.found_by.begin(), c.found_by.end(), subject) != c.found_by.end())
          << c.what << ", " << subject;
}

TEST(Retry, AnErrorsNameIsWhatEximCallsIt) {
  struct {
    const char* name;
    Problem problem;
    bool matches;
  } const cases[] = {
      {"refused", problem(ProblemKind::refused), true},
      {"refused_A", problem(ProblemKind::refused), true},  // hosts come from route_list: not from MX records
      {"refused_MX", problem(ProblemKind::refused), false},
      {"timeout_connect", problem(ProblemKind::connect_timed_out), true},
      {"timeout_connect_A", problem(ProblemKind::connect_timed_out), true},
      {"timeout_connect_MX", problem(ProblemKind::connect_timed_out), false},
      {"timeout", problem(ProblemKind::connect_timed_out), true},
      {"timeout", problem(ProblemKind::timed_out), true},
      {"timeout_A", problem(ProblemKind::timed_out), true},
      {"timeout_connect", problem(ProblemKind::timed_out), false},
      {"lost_connection", problem(ProblemKind::connection_lost), true},
      {"lost_connection", problem(ProblemKind::data_lost), true},
      {"lost_connection", problem(ProblemKind::malformed), false},
      {"mail_4xx", problem(ProblemKind::mail_rejected, 451), true},
      {"mail_45x", problem(ProblemKind::mail_rejected, 451), true},
      {"mail_452", problem(ProblemKind::mail_rejected, 451), false},
      {"rcpt_4xx", problem(ProblemKind::mail_rejected, 451), false},
      {"rcpt_451", problem(ProblemKind::rcpt_rejected, 451), true},
      {"data_4xx", problem(ProblemKind::data_rejected, 451), true},
      {"data_4xx", of_recipient(problem(ProblemKind::data_rejected, 452)), true},
      {"quota", problem(ProblemKind::disk_full), true},
      {"quota", problem(ProblemKind::local), false},
      {"*", problem(ProblemKind::local), true},
      {"*", problem(ProblemKind::host_rejected, 450), true},
  };
  for (const auto& c : cases)
    EXPECT_EQ(!judge(rules_of({std::string("* ") + c.name + " F,1h,1m"}), c.problem).gives_up, c.matches)
        << c.name << " " << static_cast<int>(c.problem.kind);
}

// A message that came long ago is given up when it fails, whatever was tried meanwhile; in what concerns it, its waits grow
// from its arrival.
TEST(Retry, TheAgeOfTheMessageCounts) {
  const config::RetryRules rules = rules_of({"* * F,2h,15m; F,4d,6h"});
  constexpr std::uint32_t kHour = 3600;
  for (const ProblemKind kind : {ProblemKind::refused, ProblemKind::rcpt_rejected, ProblemKind::data_rejected}) {
    EXPECT_TRUE(judge(rules, problem(kind, 451), {}, kNow, "s@x", kNow - 96 * kHour).gives_up);
    EXPECT_FALSE(judge(rules, problem(kind, 451), {}, kNow, "s@x", kNow - 96 * kHour + 1).gives_up);
  }
  const std::uint32_t three_hours_ago = kNow - 3 * kHour;
  EXPECT_EQ(judge(rules, problem(ProblemKind::refused), {}, kNow, "s@x", three_hours_ago).next_try_s, kNow + 900);
  EXPECT_EQ(judge(rules, problem(ProblemKind::rcpt_rejected, 451), {}, kNow, "s@x", three_hours_ago).next_try_s, kNow + 900);
  EXPECT_EQ(judge(rules, problem(ProblemKind::mail_rejected, 451), {}, kNow, "s@x", three_hours_ago).next_try_s,
            kNow + 6 * kHour);
  EXPECT_EQ(judge(rules, problem(ProblemKind::disk_full), {}, kNow, "s@x", three_hours_ago).next_try_s, kNow + 6 * kHour);
}

// An attempt that somebody asked for before its time does not make the next wait longer.
TEST(Retry, WaitsGrowFromTheWaitThatWas) {
  const config::RetryRules rules = rules_of({"* * G,5d,1h,2"});
  constexpr std::uint32_t kHour = 3600;
  const RetryTimes times{kNow - 10 * kHour, kNow - 8 * kHour, kNow};
  EXPECT_EQ(judge(rules, problem(ProblemKind::refused), times).next_try_s, kNow + 16 * kHour);
  EXPECT_EQ(judge(rules, problem(ProblemKind::refused), times, kNow + 100).next_try_s, kNow + 100 + 16 * kHour);
  EXPECT_EQ(judge(rules, problem(ProblemKind::refused), times, kNow - 6 * kHour).next_try_s, kNow - 6 * kHour + 4 * kHour);
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
