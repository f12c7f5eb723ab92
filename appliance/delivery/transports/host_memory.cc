#include "appliance/delivery/transports/host_memory.h"

#include <algorithm>
#include <string>

#include "appliance/delivery/transports/problem.h"

namespace postern::delivery {

namespace {

// Without a rule a host is not spared: each message finds out by itself, and fails.
constexpr std::int64_t kNoRest = 0;

}  // namespace

HostMemory::Standing HostMemory::standing(const NextHop& hop, std::uint32_t now_s) const {
  const auto found = hosts_.find(hop);
  if (found == hosts_.end()) return {};
  const Entry& entry = found->second;
  return {entry.times.next_try_s > now_s, entry.given_up, entry.times.next_try_s, entry.cutoff_s};
}

void HostMemory::note_failure(const NextHop& hop, std::string_view name, std::string_view domain, std::string_view sender,
                              const Problem& problem, std::uint32_t now_s) {
  if (!hosts_.contains(hop)) make_room();
  Entry& entry = hosts_[hop];
  if (!entry.times.has_failed()) entry.times = {now_s, now_s, now_s};
  const std::int64_t last_wait = config::wait_before(entry.times.last_try_s, entry.times.next_try_s, now_s);
  entry.times.last_try_s = now_s;
  const std::string of_host = hop.is_socket() ? std::string() : "*@" + std::string(name);
  const config::RetryRule* rule = rules_->find("*@" + std::string(domain), of_host, trouble_of(problem), sender);
  std::int64_t wait = kNoRest;
  entry.given_up = true;
  if (rule != nullptr && !rule->steps.empty()) {
    const std::int64_t failing_for = std::int64_t{now_s} - entry.times.first_failed_s;
    entry.cutoff_s = rule->last_cutoff_s();
    entry.given_up = failing_for >= entry.cutoff_s;
    wait = config::next_attempt(*rule, std::min(failing_for, entry.cutoff_s - 1), last_wait, retry_interval_max_s_, random_)
               .wait_s;
  }
  entry.times.next_try_s = static_cast<std::uint32_t>(std::int64_t{now_s} + wait);
}

void HostMemory::make_room() {
  if (hosts_.size() < kHostsMax) return;
  const auto older = [](const auto& a, const auto& b) { return a.second.times.last_try_s < b.second.times.last_try_s; };
  hosts_.erase(std::ranges::min_element(hosts_, older));
}

}  // namespace postern::delivery
