#include "policy/dmarc/report_destinations.h"

#include <algorithm>
#include <utility>

#include "engine/coro/gate.h"
#include "engine/smtp/address.h"
#include "engine/smtp/chars.h"
#include "policy/dmarc/domain.h"

namespace postern::dmarc {

namespace {

// The URI is checked: two hexadecimal digits stand behind each %.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(smtp::hex_value(text[i + 1]) << 4U | smtp::hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

struct Candidate {
  ReportUri uri;
  std::optional<Destination> destination;
  std::string refused;  // why
};

// What a domain that consents says in place of the URI; the URI's own destination when it says nothing of that kind.
std::optional<Destination> overridden(const ReportAuthorization& authorization, const Destination& asked) {
  if (authorization.failure_uris.empty()) return asked;
  for (const ReportUri& uri : authorization.failure_uris)
    // Section 7.1 step 7: the same host, lest reports be sent on a tour.
    if (auto other = read_mailto(uri); other && other->domain == asked.domain) return other;
  return std::nullopt;
}

Task<void> ask_consent(dns::Resolver& resolver, Candidate& candidate, std::string name, Wait wait) {
  const dns::Answer answer = co_await resolver.query(name, dns::Type::txt, {.wait = wait});
  const Destination asked = *std::exchange(candidate.destination, std::nullopt);
  if (answer.status == dns::Status::temporary_failure) {
    candidate.refused = "the consent of " + asked.domain + " is not known: " + answer.why;
    co_return;
  }
  candidate.refused = asked.domain + " has not consented: " + name + " has no record";
  answer.each<dns::Text>([&](const dns::Text& text) {
    if (candidate.destination) return;
    const auto authorization = read_report_authorization(text.joined().view());
    if (!authorization) return;
    candidate.destination = overridden(*authorization, asked);
    candidate.refused = candidate.destination ? std::string() : asked.domain + " consents to reports to another place only";
  });
}

}  // namespace

std::optional<Destination> read_mailto(const ReportUri& uri) {
  constexpr std::string_view kScheme = "mailto:";
  std::string_view text = uri.uri;
  if (!smtp::starts_with_ignoring_case(text, kScheme)) return std::nullopt;
  text.remove_prefix(kScheme.size());
  std::string mailbox = percent_decoded(text.substr(0, text.find('?')));
  const smtp::PathStep step = smtp::parse_address(mailbox, smtp::AddressRules{});
  if (step.error != smtp::AddressError::none || !step.rest.empty() || mailbox.starts_with('<')) return std::nullopt;
  std::optional<std::string> domain = plain_domain(step.mailbox.domain);
  if (!domain) return std::nullopt;
  return Destination{PeerText(std::move(mailbox)), *std::move(domain), uri.bytes_max};
}

Task<Destinations> find_destinations(std::vector<ReportUri> uris, std::string used_domain,
                                     std::shared_ptr<const psl::PublicSuffixList> suffixes, dns::Resolver& resolver,
                                     Wait wait) {
  if (uris.size() > kDestinationsMax) uris.resize(kDestinationsMax);
  const std::string organisational = suffixes->organisational(used_domain);
  std::vector<Candidate> candidates(uris.size());
  Gate gate;
  for (std::size_t i = 0; i < uris.size(); ++i) {
    Candidate& candidate = candidates[i];
    candidate.uri = std::move(uris[i]);
    candidate.destination = read_mailto(candidate.uri);
    if (!candidate.destination)
      candidate.refused = candidate.uri.uri + " is no mailbox that a report could be sent to";
    else if (suffixes->organisational(candidate.destination->domain) != organisational)
      gate.start(ask_consent(resolver, candidate, used_domain + "._report._dmarc." + candidate.destination->domain, wait));
  }
  co_await gate.close();
  Destinations destinations;
  for (Candidate& candidate : candidates) {
    if (candidate.destination)
      destinations.allowed.push_back(*std::move(candidate.destination));
    else
      destinations.refused.push_back(std::move(candidate.refused));
  }
  co_return destinations;
}

bool ReportRates::allow(std::string_view domain, Instant now) {
  std::string key(domain);
  if (const auto known = hours_.find(key); known != hours_.end() && known->second.ends > now) {
    if (known->second.reports >= reports_max_) return false;
    ++known->second.reports;
    return true;
  }
  if (reports_max_ == 0) return false;
  if (hours_.size() >= kDomainsMax) std::erase_if(hours_, [now](const auto& entry) { return entry.second.ends <= now; });
  if (hours_.size() >= kDomainsMax) return false;
  hours_.insert_or_assign(std::move(key), Hour{now.plus_ms(kPeriodMs), 1});
  return true;
}

}  // namespace postern::dmarc
