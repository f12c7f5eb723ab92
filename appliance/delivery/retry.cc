#include "appliance/delivery/retry.h"

#include <algorithm>
#include <string>

#include "appliance/delivery/transports/problem.h"
#include "appliance/delivery/variables.h"

namespace postern::delivery {

RetryVerdict judge_retry(const config::RetryRules& rules, std::int64_t retry_interval_max_s, const RetryQuestion& question,
                         Random& random) {
  const Problem& problem = question.problem;
  if (problem.kind == ProblemKind::host_resting) return {false, std::max(problem.not_before_s, question.now_s + 1)};

  const std::string of_domain = "*@" + std::string(domain_of(question.address));
  const bool is_of_host = problem.is_of_host() && problem.host && !problem.host->hop.is_socket();
  const std::string of_host = is_of_host ? "*@" + problem.host->name : std::string();
  const std::string_view subject = is_of_host ? std::string_view(of_host) : question.address;
  const config::RetryRule* rule = rules.find(subject, of_domain, trouble_of(problem), question.sender);
  if (rule == nullptr) return {true, 0};

  const RetryTimes& times = question.times;
  const std::int64_t since = times.has_failed() ? std::int64_t{question.now_s} - times.first_failed_s : 0;
  const std::int64_t last_wait = times.has_failed() ? std::int64_t{times.next_try_s} - times.last_try_s : 0;
  const config::RetryDecision decision = config::next_attempt(
      *rule, std::max<std::int64_t>(since, 0), std::max<std::int64_t>(last_wait, 0), retry_interval_max_s, random);
  if (decision.expired) return {true, 0};
  return {false, static_cast<std::uint32_t>(question.now_s + std::max<std::int64_t>(decision.wait_s, 1))};
}

RetryTimes next_times(const RetryTimes& times, std::uint32_t now_s, std::uint32_t next_try_s) noexcept {
  return {times.has_failed() ? times.first_failed_s : now_s, now_s, next_try_s};
}

}  // namespace postern::delivery
