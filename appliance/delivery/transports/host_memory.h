// Hosts and sockets that could not be used lately. A host that refuses is tried by one message at its time, not by every
// message for it.
//
// A host's time comes by the retry rule for its name, or for the domain it was wanted for, counted from its first failure in a
// row. When the rule's last cutoff has passed the host is given up: what is addressed to it fails at once, but for one attempt
// each interval.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

#include "appliance/config/retry_rules.h"
#include "appliance/delivery/transports/next_hop.h"
#include "appliance/delivery/transports/outcome.h"
#include "appliance/delivery/transports/retry_times.h"
#include "engine/base/random.h"

namespace postern::delivery {

// One shard; the rules in use and random outlive it. Times are seconds since 1970.
class HostMemory {
 public:
  static constexpr std::size_t kHostsMax = 10'000;  // beyond it the one tried longest ago is forgotten

  HostMemory(const config::RetryRules& rules, std::int64_t retry_interval_max_s, Random& random)
      : rules_(&rules), retry_interval_max_s_(retry_interval_max_s), random_(random) {}

  // Failures from now on are judged by these. What is known of hosts stays.
  void use(const config::RetryRules& rules, std::int64_t retry_interval_max_s) noexcept {
    rules_ = &rules;
    retry_interval_max_s_ = retry_interval_max_s;
  }

  struct Standing {
    bool resting = false;  // its time has not come
    bool given_up = false;
    std::uint32_t next_try_s = 0;  // meaningful while resting
    std::int64_t cutoff_s = 0;     // likewise: the last one of the rule that lets it rest
  };
  [[nodiscard]] Standing standing(const NextHop& hop, std::uint32_t now_s) const;
  // It failed, and has not worked since.
  [[nodiscard]] bool remembers(const NextHop& hop) const { return hosts_.contains(hop); }
  // It could not be used, for mail of `sender` to `domain`. `name` is what rules know a host by; for a socket it does not
  // count.
  void note_failure(const NextHop& hop, std::string_view name, std::string_view domain, std::string_view sender,
                    const Problem& problem, std::uint32_t now_s);
  // It took commands.
  void note_success(const NextHop& hop) { hosts_.erase(hop); }

  [[nodiscard]] std::size_t size() const noexcept { return hosts_.size(); }

 private:
  struct Entry {
    RetryTimes times;
    std::int64_t cutoff_s = 0;
    bool given_up = false;
  };
  void make_room();

  const config::RetryRules* rules_;
  std::int64_t retry_interval_max_s_;
  Random& random_;
  std::map<NextHop, Entry> hosts_;
};

}  // namespace postern::delivery
