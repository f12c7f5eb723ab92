#include "appliance/delivery/retry.h"

#include <algorithm>
#include <string>

#include "appliance/delivery/transports/problem.h"
#include "appliance/delivery/variables.h"

namespace postern::delivery {

namespace {

bool is_of_message(const Problem& problem) {
  switch (problem.kind) {
    case ProblemKind::mail_rejected:
    case ProblemKind::data_rejected:
    case ProblemKind::data_lost:
    case ProblemKind::disk_full: return true;
    default: return false;
  }
}

const config::RetryRule* find_rule(const config::RetryRules& rules, const RetryQuestion& question) {
  const Problem& problem = question.problem;
  const std::string of_domain = "*@" + std::string(domain_of(question.address));
  const config::TroubleFacts trouble = trouble_of(problem);
  if (problem.kind == ProblemKind::routing || problem.kind == ProblemKind::unrouteable)
    return rules.find(of_domain, {}, trouble, question.sender);
  const bool met_at_a_host = problem.host && !problem.host->hop.is_socket();
  if (!met_at_a_host || problem.is_of_recipient) return rules.find(question.address, {}, trouble, question.sender);
  return rules.find("*@" + problem.host->name, of_domain, trouble, question.sender);
}

}  // namespace

RetryVerdict judge_retry(const config::RetryRules& rules, std::int64_t retry_interval_max_s, const RetryQuestion& question,
                         Random& random) {
  const Problem& problem = question.problem;
  if (problem.kind == ProblemKind::host_resting) return {false, std::max(problem.not_before_s, question.now_s + 1)};

  const config::RetryRule* rule = find_rule(rules, question);
  if (rule == nullptr) return {true, 0};

  const RetryTimes& times = question.times;
  const std::int64_t now = question.now_s;
  const std::int64_t failing_since = times.has_failed() ? std::int64_t{times.first_failed_s} : now;
  const std::int64_t queued_since = std::min<std::int64_t>(failing_since, question.received_s);
  if (now - queued_since >= rule->last_cutoff_s()) return {true, 0};
  const std::int64_t since = is_of_message(problem) ? queued_since : failing_since;
  const std::int64_t last_wait = times.has_failed() ? config::wait_before(times.last_try_s, times.next_try_s, now) : 0;
  const config::RetryDecision decision =
      config::next_attempt(*rule, std::max<std::int64_t>(now - since, 0), last_wait, retry_interval_max_s, random);
  if (decision.expired) return {true, 0};
  return {false, static_cast<std::uint32_t>(question.now_s + std::max<std::int64_t>(decision.wait_s, 1))};
}

RetryTimes next_times(const RetryTimes& times, std::uint32_t now_s, std::uint32_t next_try_s) noexcept {
  return {times.has_failed() ? times.first_failed_s : now_s, now_s, next_try_s};
}

}  // namespace postern::delivery
