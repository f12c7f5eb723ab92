// Where failure reports go: the mailboxes of ruf, those elsewhere only with the consent of their domain (RFC 7489 section 7.1),
// and not too many of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/peer_text.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "net/dns/resolver.h"
#include "policy/dmarc/record.h"
#include "policy/psl/public_suffix_list.h"

namespace postern::dmarc {

inline constexpr std::size_t kDestinationsMax = 4;  // of one report; further URIs are not looked at

struct Destination {
  PeerText mailbox;    // "a@example.com", one that MAIL could name
  std::string domain;  // its domain, as plain_domain() makes it
  std::optional<std::uint64_t> bytes_max;

  [[nodiscard]] bool takes(std::size_t bytes) const noexcept { return !bytes_max || bytes <= *bytes_max; }
};

// The mailbox of a mailto URI (RFC 6068), its %-escapes resolved; a subject and what else stands behind ? is dropped. Nothing
// for another scheme, several mailboxes, or what is no mailbox. Pure.
[[nodiscard]] std::optional<Destination> read_mailto(const ReportUri& uri);

struct Destinations {
  std::vector<Destination> allowed;
  std::vector<std::string> refused;  // why the others are not, for a log
};

// `used_domain` is where the record with these URIs was found. A destination below another organisational domain is asked for
// its consent at <used_domain>._report._dmarc.<its domain>; without an answer it has not consented. Suspends until all have
// been asked or `wait` ends. The resolver outlives the call.
[[nodiscard]] Task<Destinations> find_destinations(std::vector<ReportUri> uris, std::string used_domain,
                                                   std::shared_ptr<const psl::PublicSuffixList> suffixes,
                                                   dns::Resolver& resolver, Wait wait);

// How many reports a domain has been sent in the last hour. One shard.
class ReportRates {
 public:
  static constexpr std::size_t kDomainsMax = 4096;
  static constexpr std::int64_t kPeriodMs = 3'600'000;

  explicit ReportRates(std::uint32_t reports_max) noexcept : reports_max_(reports_max) {}

  // Counts a report to `domain`. False when it has had its share of this hour, or when more domains are known than may be: then
  // none is sent, for strangers choose these names.
  [[nodiscard]] bool allow(std::string_view domain, Instant now);
  [[nodiscard]] std::size_t domains() const noexcept { return hours_.size(); }

 private:
  struct Hour {
    Instant ends;
    std::uint32_t reports = 0;
  };
  std::uint32_t reports_max_;
  std::unordered_map<std::string, Hour> hours_;
};

}  // namespace postern::dmarc
