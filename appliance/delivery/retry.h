// When a recipient that could not be delivered to is tried again, and when that is given up.
#pragma once

#include <cstdint>
#include <string_view>

#include "appliance/config/retry_rules.h"
#include "appliance/delivery/transports/outcome.h"
#include "appliance/delivery/transports/retry_times.h"
#include "engine/base/random.h"

namespace postern::delivery {

// Times are seconds since 1970.
struct RetryVerdict {
  bool gives_up = false;
  std::uint32_t next_try_s = 0;
};

struct RetryQuestion {
  const Problem& problem;    // temporary
  std::string_view address;  // of the recipient
  std::string_view sender;   // empty: null reverse-path
  std::uint32_t received_s;  // when the message came
  RetryTimes times;          // of the message, before this attempt
  std::uint32_t now_s = 0;
};

// As Exim decides. Which rule counts:
//   trouble with a host, 4xx to MAIL, DATA or the text     the first for the host's name or for the recipient's domain
//   a router's                                             the first for the domain
//   4xx to RCPT (in LMTP to the text, too); trouble on     the first for the whole address
//   this machine, UNIX sockets included
// Waits grow from the first failure; in what concerns the message, and in giving up, from its arrival when that was earlier.
// What no rule covers is given up at once. A host whose time has not come is waited for.
[[nodiscard]] RetryVerdict judge_retry(const config::RetryRules& rules, std::int64_t retry_interval_max_s,
                                       const RetryQuestion& question, Random& random);

// The times to keep when the message is next tried at `next_try_s`.
[[nodiscard]] RetryTimes next_times(const RetryTimes& times, std::uint32_t now_s, std::uint32_t next_try_s) noexcept;

}  // namespace postern::delivery
