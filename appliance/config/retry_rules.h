// The retry section: how often, and for how long, a delivery that failed for now is tried again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/random.h"
#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"
#include "policy/lists/compile.h"
#include "policy/lists/list.h"

namespace postern::config {

// What can go wrong for a while.
enum class Trouble : std::uint8_t {
  other,  // matched by * only
  auth_failed,
  mail_4xx,  // the code is in TroubleFacts
  rcpt_4xx,
  data_4xx,
  lost_connection,
  lookup,
  refused,
  timeout_connect,
  timeout,  // after the connection was made
  tls_required,
  quota,  // the disk is full, for appendfile
};

struct TroubleFacts {
  Trouble trouble = Trouble::other;
  int smtp_code = 0;  // of the 4xx kinds
  bool host_from_mx = false;
};

// The second field of a rule.
struct RetryError {
  bool any = false;
  Trouble trouble = Trouble::other;  // timeout covers timeout_connect, too
  std::int8_t second_digit = -1;     // of the code; -1: any
  std::int8_t third_digit = -1;
  std::optional<bool> host_from_mx;  // unset: either

  [[nodiscard]] bool matches(const TroubleFacts& facts) const noexcept;
};

enum class RetryAlgorithm : std::uint8_t { fixed, geometric, randomized };

struct RetryStep {
  RetryAlgorithm algorithm = RetryAlgorithm::fixed;
  std::int64_t cutoff_s = 0;  // since the first failure; beyond it the next step counts
  std::int64_t interval_s = 0;
  std::int64_t factor_thousandths = 1000;
};

struct RetryRule {
  lists::AddressList pattern;
  RetryError error;
  std::optional<lists::AddressList> senders;
  std::vector<RetryStep> steps;  // empty: never try again

  // Since the first failure: then it is given up.
  [[nodiscard]] std::int64_t last_cutoff_s() const noexcept { return steps.empty() ? 0 : steps.back().cutoff_s; }
};

struct RetryDecision {
  bool expired = false;     // the last cutoff has passed: a permanent failure now
  std::int64_t wait_s = 0;  // until the next attempt
};

class RetryRules {
 public:
  // Each line of the section is a rule; what can be read is kept, errors are reported.
  void add(const expand::ConfigText& line, lists::ListCompiler& lists, expand::Diagnostics& diagnostics);

  // The first rule that matches `subject` or `alternate` ("local_part@domain", or "*@domain" for trouble with a host or a whole
  // domain; `alternate` may be empty), the trouble, and the sender (empty for bounces). Null: no rule, hence no second attempt.
  [[nodiscard]] const RetryRule* find(std::string_view subject, std::string_view alternate, const TroubleFacts& facts,
                                      std::string_view sender) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return rules_.empty(); }

 private:
  std::vector<RetryRule> rules_;
};

// The wait that led to an attempt at `now_s`, when the one before it was at `last_try_s` and set the time for the next: what
// was meant, or what it was when that is less.
[[nodiscard]] constexpr std::int64_t wait_before(std::int64_t last_try_s, std::int64_t next_try_s,
                                                 std::int64_t now_s) noexcept {
  return std::max<std::int64_t>(std::min(next_try_s, now_s) - last_try_s, 0);
}

// Times in seconds of one clock. `last_wait_s` is the wait that led to the attempt which has just failed (0: it was the first),
// and is what G and H grow from.
[[nodiscard]] RetryDecision next_attempt(const RetryRule& rule, std::int64_t since_first_failure_s, std::int64_t last_wait_s,
                                         std::int64_t retry_interval_max_s, Random& random);

}  // namespace postern::config
