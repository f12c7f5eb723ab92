#include "policy/dmarc/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace postern::dmarc {

namespace {

using auth_results::Result;

constexpr std::size_t kWordBytesMax = 255;
constexpr std::size_t kSignaturesMax = 64;
constexpr std::size_t kArcSetsMax = 50;  // RFC 8617 section 4.2.1
constexpr int kUnused = 1;

// One word, fit for JSON as it is; "-" where there is none, for words may not be missing.
std::string word(std::string_view text) {
  if (text.empty()) return "-";
  std::string out(text.substr(0, kWordBytesMax));
  std::ranges::replace_if(out, [](char c) { return c <= ' ' || c >= 127 || c == '"' || c == '\\'; }, '?');
  return out;
}

// OpenDMARC's ARES_RESULT_*.
int code_of(Result result) noexcept {
  switch (result) {
    case Result::pass: return 0;
    case Result::softfail: return 2;
    case Result::neutral: return 3;
    case Result::temperror: return 4;
    case Result::permerror: return 5;
    case Result::none: return 6;
    case Result::fail: return 7;
    case Result::policy: return 8;
  }
  return 6;
}

// DMARC_POLICY_*.
int code_of(Status status) noexcept {
  switch (status) {
    case Status::accept: return 15;
    case Status::reject: return 16;
    case Status::quarantine: return 17;
    case Status::none: return 18;
    default: return 14;
  }
}

// DMARC_RECORD_P_*; 0 is unspecified.
int code_of(std::optional<Policy> policy) noexcept {
  if (!policy) return 0;
  switch (*policy) {
    case Policy::none: return 'n';
    case Policy::quarantine: return 'q';
    case Policy::reject: return 'r';
  }
  return 0;
}

int code_of(AlignmentMode mode) noexcept { return mode == AlignmentMode::strict ? 's' : 'r'; }
// DMARC_POLICY_*_ALIGNMENT_PASS and FAIL.
int code_of(bool aligned) noexcept { return aligned ? 4 : 5; }

class Lines {
 public:
  template <class Value>
  void add(std::string_view key, const Value& value) {
    fmt::format_to(std::back_inserter(text_), "{} {}\n", key, value);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void add_checks(Lines& lines, const Facts& facts) {
  lines.add("spf", code_of(facts.spf.result));
  for (std::size_t i = 0; i < std::min(facts.dkim.size(), kSignaturesMax); ++i) {
    const DkimFacts& dkim = facts.dkim[i];
    lines.add("dkim", fmt::format("{} {} {}", word(dkim.domain.view()), word(dkim.selector.view()), code_of(dkim.result)));
  }
}

void add_record(Lines& lines, const Record& record) {
  for (const ReportUri& uri : record.aggregate_uris) lines.add("rua", uri.uri);
  if (record.aggregate_uris.empty()) lines.add("rua", "-");
  lines.add("pct", record.percent);
  lines.add("adkim", code_of(record.dkim_alignment));
  lines.add("aspf", code_of(record.spf_alignment));
}

void add_arc(Lines& lines, const HistoryMessage& message) {
  const bool is_checked = message.arc != Result::none;
  lines.add("arc", is_checked ? code_of(message.arc) : kUnused);
  std::string sets;
  for (std::size_t i = 0; i < std::min(message.arc_sets.size(), kArcSetsMax); ++i) {
    const ArcSet& set = message.arc_sets[i];
    sets += fmt::format(R"({}{{"i":{},"d":"{}","s":"{}","ip":"{}"}})", i == 0 ? "" : ",", set.instance, word(set.domain.view()),
                        word(set.selector.view()), set.ip.empty() ? set.ip : word(set.ip));
  }
  // 0 pass, 1 unused, 2 fail.
  const int policy = message.arc == Result::pass ? 0 : is_checked ? 2 : kUnused;
  lines.add("arc_policy", fmt::format("{} json:[{}]", policy, sets));
}

}  // namespace

Action action_of(const Outcome& outcome) noexcept {
  switch (outcome.status) {
    case Status::reject: return Action::reject;
    case Status::quarantine: return Action::quarantine;
    case Status::temperror: return Action::tempfail;
    default: return Action::accept;
  }
}

std::string history_entry(const HistoryMessage& message) {
  const Outcome& outcome = message.outcome;
  if (outcome.header_from.empty()) return {};
  const Record record = outcome.record.value_or(Record{});
  Lines lines;
  lines.add("job", word(message.id));
  lines.add("reporter", word(message.reporter));
  lines.add("received", message.received.seconds());
  lines.add("ipaddr", word(message.client_address));
  lines.add("from", word(outcome.header_from));
  // opendmarc-import leaves out a message whose mfrom is "-".
  lines.add("mfrom", message.sender_domain.empty() ? "unknown" : word(message.sender_domain.view()));
  add_checks(lines, message.facts);
  lines.add("pdomain", word(outcome.used_domain));
  lines.add("policy", code_of(outcome.status));
  add_record(lines, record);
  lines.add("p", outcome.record ? code_of(std::optional(record.policy)) : 0);
  lines.add("sp", code_of(record.subdomain_policy));
  lines.add("align_dkim", code_of(outcome.dkim_aligned));
  lines.add("align_spf", code_of(outcome.spf_aligned));
  lines.add("action", static_cast<int>(message.action));
  add_arc(lines, message);
  return lines.take();
}

}  // namespace postern::dmarc
