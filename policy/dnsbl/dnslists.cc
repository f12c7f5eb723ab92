#include "policy/dnsbl/dnslists.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/coro/stop.h"
#include "net/dns/names.h"

namespace postern::dnsbl {
namespace {

constexpr std::size_t kTextBytesMax = 511;

const IpNetwork& loopback() {
  static const IpNetwork network{IpAddress::v4(0x7f000000), 8};
  return network;
}
// RFC 5782 section 2.1 lists from 127.0.0.2; the operators of the large lists say "you may not ask" and the like in these.
const IpNetwork& error_codes() {
  static const IpNetwork network{IpAddress::v4(0x7fffff00), 24};
  return network;
}

// What a zone said of a key.
struct Finding {
  std::vector<IpAddress> addresses;  // listings only
  std::string problem;               // of a failure, or of an answer that was only errors
  bool failed = false;
  bool refused = false;
};

Finding judge(const dns::Answer& answer) {
  Finding finding;
  if (answer.status == dns::Status::temporary_failure) {
    finding.failed = true;
    finding.problem = answer.why;
    return finding;
  }
  answer.each<dns::Address>([&](const dns::Address& a) {
    if (loopback().contains(a.address) && !error_codes().contains(a.address))
      finding.addresses.push_back(a.address);
    else if (finding.problem.empty())
      finding.problem = a.address.to_string();
  });
  finding.refused = finding.addresses.empty() && !finding.problem.empty();
  return finding;
}

std::uint32_t as_number(const IpAddress& address) {
  const auto& b = address.bytes();
  return std::uint32_t{b[0]} << 24U | std::uint32_t{b[1]} << 16U | std::uint32_t{b[2]} << 8U | b[3];
}

bool meets(const DnslistItem& item, const IpAddress& found) {
  return std::ranges::any_of(item.constraints, [&](const IpAddress& wanted) {
    if (!item.bitmask) return found == wanted;
    return (as_number(found) & as_number(wanted)) == as_number(wanted);
  });
}

bool listed(const DnslistItem& item, const Finding& finding) {
  if (finding.addresses.empty()) return false;
  if (item.constraints.empty()) return true;
  const auto meets_one = [&](const IpAddress& found) { return meets(item, found); };
  const bool met =
      item.all ? std::ranges::all_of(finding.addresses, meets_one) : std::ranges::any_of(finding.addresses, meets_one);
  return met != item.negated;
}

std::string in_zone(std::string_view key, std::string_view zone) {
  const auto address = IpAddress::parse(key);
  std::string name = address ? dns::reverse_labels(*address) : std::string(key);
  if (name.ends_with('.')) name.pop_back();
  name += '.';
  name += zone;
  return name;
}

std::string joined(const std::vector<IpAddress>& addresses) {
  std::string all;
  for (const IpAddress& address : addresses) {
    if (!all.empty()) all += ", ";
    all += address.to_string();
  }
  return all;
}

// One zone asked about one key.
struct Probe {
  const DnslistItem* item = nullptr;
  std::string key;
  std::string name;
  dns::Answer answer;
  Event done;
};

Task<void> ask(dns::Resolver& resolver, Probe& probe, Wait wait) {
  if (const dns::Answer* known = resolver.cached(probe.name, dns::Type::a))
    probe.answer = *known;
  else
    probe.answer = co_await resolver.query(probe.name, dns::Type::a, {.wait = wait});
  probe.done.set();
}

class Check {
 public:
  Check(dns::Resolver& resolver, ZoneTable& zones, Wait wait) noexcept : resolver_(resolver), zones_(zones), wait_(wait) {}

  void add_probes(const Dnslists& lists, std::optional<IpAddress> client) {
    for (const DnslistItem& item : lists.items) {
      if (item.keys)
        for (const std::string& key : *item.keys) add(item, key);
      else if (client)
        add(item, client->to_string());
    }
  }

  Task<void> start_and_decide(Gate& gate, StopSource& stop) {
    if (unasked_ > 0)
      outcome_.log_lines.push_back("dnslists: " + std::to_string(unasked_) + " questions beyond the first " +
                                   std::to_string(kQuestionsMax) + " of one condition were not asked");
    for (const auto& probe : probes_) gate.start(ask(resolver_, *probe, {wait_.deadline, &stop}));
    for (const auto& probe : probes_) {
      // The question's own wait ends it, and an answer then says so.
      static_cast<void>(co_await probe->done.wait());
      if (co_await decides(*probe)) co_return;
    }
  }

  [[nodiscard]] DnslistOutcome take() { return std::move(outcome_); }

 private:
  void add(const DnslistItem& item, std::string key) {
    if (probes_.size() == kQuestionsMax) {
      ++unasked_;
      return;
    }
    auto probe = std::make_unique<Probe>();
    probe->item = &item;
    probe->name = in_zone(key, item.zone);
    probe->key = std::move(key);
    probes_.push_back(std::move(probe));
  }

  // True when this probe ends the check.
  Task<bool> decides(Probe& probe) {
    Finding finding = judge(probe.answer);
    note(probe.item->zone, finding);
    if (finding.failed) note_failure(probe.name, probe.item->unknown);
    if (finding.failed && probe.item->unknown == Unknown::include) {
      outcome_.result = DnslistOutcome::Result::listed;
      outcome_.domain = PeerText(probe.item->text_zone);
      outcome_.matched = PeerText(probe.key);
      co_return true;
    }
    // That a zone will not talk to us says nothing about the client, whatever is included.
    if ((finding.failed || finding.refused) && probe.item->unknown == Unknown::defer) {
      outcome_.result = DnslistOutcome::Result::deferred;
      co_return true;
    }
    if (!listed(*probe.item, finding)) co_return false;
    if (probe.item->text_zone != probe.item->zone) {
      const std::string name = in_zone(probe.key, probe.item->text_zone);
      finding = judge(co_await resolver_.query(name, dns::Type::a, {.wait = wait_}));
      note(probe.item->text_zone, finding);
      if (finding.failed) note_failure(name, probe.item->unknown);
      if (finding.failed && probe.item->unknown == Unknown::defer) {
        outcome_.result = DnslistOutcome::Result::deferred;
        co_return true;
      }
      const bool counts = !finding.addresses.empty() || (finding.failed && probe.item->unknown == Unknown::include);
      if (!counts) co_return false;
    }
    outcome_.result = DnslistOutcome::Result::listed;
    outcome_.domain = PeerText(probe.item->text_zone);
    outcome_.matched = PeerText(probe.key);
    outcome_.value = PeerText(joined(finding.addresses));
    outcome_.text = co_await text_of(in_zone(probe.key, probe.item->text_zone));
    co_return true;
  }

  Task<PeerText> text_of(std::string name) {
    const dns::Answer answer = co_await resolver_.query(std::move(name), dns::Type::txt, {.wait = wait_});
    PeerText first;
    answer.each<dns::Text>([&](const dns::Text& text) {
      if (first.empty() && !text.strings.empty()) first = PeerText(text.strings.front().view().substr(0, kTextBytesMax));
    });
    co_return first;
  }

  void note_failure(const std::string& name, Unknown unknown) {
    std::string line = "DNS list lookup defer (probably timeout) for " + printable(name) + ": ";
    switch (unknown) {
      case Unknown::exclude: line += "assumed not in list"; break;
      case Unknown::include: line += "assumed in list"; break;
      case Unknown::defer: line += "returned DEFER"; break;
    }
    outcome_.defer_lines.push_back(std::move(line));
  }

  void note(const std::string& zone, const Finding& finding) {
    ZoneHealth* health = zones_.of(zone);
    if (health == nullptr) return;
    if (finding.failed)
      ++health->failures;
    else if (finding.refused)
      ++health->errors;
    else
      ++(finding.addresses.empty() ? health->not_listed : health->listed);
    ZoneHealth::State state = ZoneHealth::State::answering;
    if (finding.failed) state = ZoneHealth::State::failing;
    if (finding.refused) state = ZoneHealth::State::refusing;
    if (!finding.problem.empty()) health->last_problem = finding.problem;
    const ZoneHealth::State before = std::exchange(health->state, state);
    if (before == state) return;
    if (state == ZoneHealth::State::failing)
      outcome_.log_lines.push_back("dnslists: " + zone + " does not answer: " + finding.problem);
    else if (state == ZoneHealth::State::refusing)
      outcome_.log_lines.push_back("dnslists: " + zone + " returned " + finding.problem +
                                   ", which is no listing, and is passed over");
    else if (before != ZoneHealth::State::unknown)
      outcome_.log_lines.push_back("dnslists: " + zone + " answers again");
  }

  dns::Resolver& resolver_;
  ZoneTable& zones_;
  Wait wait_;
  std::vector<std::unique_ptr<Probe>> probes_;
  std::size_t unasked_ = 0;
  DnslistOutcome outcome_;
};

}  // namespace

ZoneHealth* ZoneTable::of(std::string_view zone) {
  if (const auto found = zones_.find(zone); found != zones_.end()) return &found->second;
  if (zones_.size() == kZonesMax) return nullptr;
  return &zones_[std::string(zone)];
}

Task<DnslistOutcome> check(dns::Resolver& resolver, ZoneTable& zones, Dnslists lists, std::optional<IpAddress> client,
                           Wait wait) {
  Check check(resolver, zones, wait);
  check.add_probes(lists, client);
  StopSource own;
  std::optional<LinkedStopSource> linked;
  if (wait.stop != nullptr) linked.emplace(*wait.stop);
  StopSource& stop = linked ? linked->source() : own;
  Gate gate;
  co_await check.start_and_decide(gate, stop);
  stop.request_stop();  // what comes behind the one that decided
  co_await gate.close();
  co_return check.take();
}

}  // namespace postern::dnsbl
