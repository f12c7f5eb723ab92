#include "policy/dmarc/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "policy/dmarc/domain.h"

namespace postern::dmarc {

namespace {

using auth_results::Result;

// What one domain's record asks for.
struct Applicable {
  Policy policy = Policy::none;
  std::string_view tag = "p";
};

// Section 6.3: sp, and before it np, hold for subdomains of the domain that has the record.
Applicable applicable(const Discovered& found, bool exists) {
  const Record& record = *found.record;
  if (found.used == found.author) return {record.policy, "p"};
  if (!exists && record.nonexistent_policy) return {*record.nonexistent_policy, "np"};
  if (record.subdomain_policy) return {*record.subdomain_policy, "sp"};
  return {record.policy, "p"};
}

// The policy that holds, unless it depends on what is not known.
std::optional<Applicable> applicable(const Discovered& found) {
  const Applicable when_there = applicable(found, true);
  const Applicable when_absent = applicable(found, false);
  if (found.existence == Existence::exists) return when_there;
  if (found.existence == Existence::absent || when_there.policy == when_absent.policy) return when_absent;
  return std::nullopt;
}

// Section 6.6.4: those that the sample leaves out are treated by the next milder policy.
Policy milder(Policy policy) noexcept { return policy == Policy::reject ? Policy::quarantine : Policy::none; }

struct Alignment {
  bool spf = false;
  bool dkim = false;
  bool may_yet = false;  // an aligned identifier has a temporary error
};

Alignment align(const Discovered& found, const Facts& facts, const psl::PublicSuffixList& suffixes) {
  Alignment alignment;
  const auto judge_one = [&](Result result, const PeerText& domain, AlignmentMode mode, bool& aligned) {
    if (result != Result::pass && result != Result::temperror) return;
    if (!is_aligned(domain.view(), found.author, mode, suffixes)) return;
    (result == Result::pass ? aligned : alignment.may_yet) = true;
  };
  judge_one(facts.spf.result, facts.spf.domain, found.record->spf_alignment, alignment.spf);
  for (const DkimFacts& dkim : facts.dkim) judge_one(dkim.result, dkim.domain, found.record->dkim_alignment, alignment.dkim);
  return alignment;
}

void set(Outcome& outcome, Status status, std::string_view text, Result result) {
  outcome.status = status;
  outcome.text = text;
  outcome.authentication_result.result = result;
}

void set_temporary(Outcome& outcome, std::string why) {
  set(outcome, Status::temperror, "Temporary error", Result::temperror);
  outcome.why = std::move(why);
}

void enforce(Outcome& outcome, Policy policy) {
  switch (policy) {
    case Policy::none: return set(outcome, Status::none, "None, Accept", Result::fail);
    case Policy::quarantine: return set(outcome, Status::quarantine, "Quarantine", Result::fail);
    case Policy::reject: return set(outcome, Status::reject, "Reject", Result::fail);
  }
}

void judge_record(Outcome& outcome, const Discovered& found, const Facts& facts, const psl::PublicSuffixList& suffixes,
                  unsigned roll) {
  outcome.record = found.record;
  const Alignment alignment = align(found, facts, suffixes);
  outcome.spf_aligned = alignment.spf;
  outcome.dkim_aligned = alignment.dkim;
  const std::optional<Applicable> asked = applicable(found);
  const Applicable shown = asked.value_or(applicable(found, true));
  outcome.domain_policy = shown.policy;
  std::string& comment = outcome.authentication_result.comment;
  comment = "p=" + std::string(to_string(found.record->policy));
  if (shown.tag != "p") comment.append(" ").append(shown.tag).append("=").append(to_string(shown.policy));
  if (alignment.spf || alignment.dkim) return set(outcome, Status::accept, "Accept", Result::pass);
  // Section 6.6.2: a policy is not applied to what could still have passed.
  if (alignment.may_yet) return set_temporary(outcome, "an aligned identifier has a temporary error");
  if (!asked) return set_temporary(outcome, "it is not known whether " + found.author + " exists");
  outcome.sampled_out = asked->policy != Policy::none && roll >= found.record->percent;
  enforce(outcome, outcome.sampled_out ? milder(asked->policy) : asked->policy);
}

Outcome judge_one(const Discovered& found, const Facts& facts, const psl::PublicSuffixList& suffixes, unsigned roll) {
  Outcome outcome;
  outcome.header_from = found.author;
  outcome.used_domain = found.used;
  outcome.authentication_result.from = PeerText(found.author);
  switch (found.state) {
    case Discovered::State::no_record: set(outcome, Status::norecord, "No DMARC record", Result::none); break;
    case Discovered::State::several: set(outcome, Status::norecord, "Several DMARC records", Result::permerror); break;
    case Discovered::State::unreadable: set(outcome, Status::norecord, "Invalid DMARC record", Result::permerror); break;
    case Discovered::State::temporary_failure: set_temporary(outcome, found.why); break;
    case Discovered::State::record: judge_record(outcome, found, facts, suffixes, roll); break;
  }
  return outcome;
}

// Beside a domain that passes, one that says nothing of itself is what the message stands on.
unsigned strictness(Status status) noexcept {
  switch (status) {
    case Status::reject: return 6;
    case Status::quarantine: return 5;
    case Status::temperror: return 4;
    case Status::none: return 3;
    case Status::norecord: return 2;
    default: return 1;
  }
}

}  // namespace

std::string_view to_string(Status status) noexcept {
  switch (status) {
    case Status::accept: return "accept";
    case Status::reject: return "reject";
    case Status::quarantine: return "quarantine";
    case Status::none: return "none";
    case Status::norecord: return "norecord";
    case Status::nofrom: return "nofrom";
    case Status::temperror: return "temperror";
    case Status::off: return "off";
  }
  return "none";
}

bool is_aligned(std::string_view domain, std::string_view author, AlignmentMode mode, const psl::PublicSuffixList& suffixes) {
  const std::optional<std::string> name = plain_domain(domain);
  if (!name) return false;
  if (*name == author) return true;
  return mode == AlignmentMode::relaxed && suffixes.organisational(*name) == suffixes.organisational(author);
}

Outcome judge(const Discovery& discovery, const Facts& facts, const psl::PublicSuffixList& suffixes, unsigned roll) {
  std::optional<Outcome> strictest;
  for (const Discovered& found : discovery.domains) {
    Outcome outcome = judge_one(found, facts, suffixes, roll);
    if (!strictest || strictness(outcome.status) > strictness(strictest->status)) strictest = std::move(outcome);
  }
  if (strictest) return *std::move(strictest);
  Outcome outcome;
  set(outcome, Status::nofrom, "No From: domain found", Result::permerror);
  outcome.why = discovery.problem;
  return outcome;
}

Outcome switched_off() {
  Outcome outcome;
  set(outcome, Status::off, "", Result::none);
  return outcome;
}

std::string log_line(const Outcome& outcome, const Facts& facts) {
  if (!outcome.record) return {};
  const auto word = [](bool aligned) { return aligned ? "yes" : "no"; };
  return fmt::format("DMARC results: spf_domain={} dmarc_domain={} spf_align={} dkim_align={} enforcement='{}'",
                     printable(facts.spf.domain), outcome.used_domain, word(outcome.spf_aligned), word(outcome.dkim_aligned),
                     outcome.text);
}

}  // namespace postern::dmarc
