#include "policy/dmarc/failure_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/base/utf8.h"
#include "engine/smtp/chars.h"

namespace postern::dmarc {

namespace {

using auth_results::Result;

constexpr std::size_t kValueBytesMax = 900;  // a line may have 998 bytes

// Nobody but the author of a field ends it.
std::string one_line(std::string_view text) {
  std::string line(text.substr(0, kValueBytesMax));
  std::ranges::replace_if(line, [](char c) { return smtp::is(smtp::CharClass::control, c); }, '?');
  return line;
}

bool did_fail(Result result) noexcept {
  return result == Result::fail || result == Result::softfail || result == Result::permerror;
}

// The signature a report is about: the first that did not pass, or the first.
const DkimFacts* signature_of(const Facts& facts) noexcept {
  const auto failed = std::ranges::find_if(facts.dkim, [](const DkimFacts& dkim) { return dkim.result != Result::pass; });
  if (failed != facts.dkim.end()) return &*failed;
  return facts.dkim.empty() ? nullptr : &facts.dkim.front();
}

std::string_view to_string(DeliveryResult result) noexcept {
  switch (result) {
    case DeliveryResult::delivered: return "delivered";
    case DeliveryResult::spam: return "spam";
    case DeliveryResult::policy: return "policy";
    case DeliveryResult::reject: return "reject";
    case DeliveryResult::other: return "other";
  }
  return "other";
}

// Section 7.3.1 of RFC 7489: the mechanisms that gave an aligned pass.
std::string_view identity_alignment(const Outcome& outcome) noexcept {
  if (outcome.dkim_aligned) return outcome.spf_aligned ? "dkim, spf" : "dkim";
  return outcome.spf_aligned ? "spf" : "none";
}

class Writer {
 public:
  explicit Writer(const FailureReport& report) : report_(report) {}

  std::string run() {
    part("text/plain; charset=utf-8", &Writer::text_for_people);
    part("message/feedback-report", &Writer::feedback);
    part("text/rfc822-headers", &Writer::original_header);
    line("--{}--", report_.boundary);
    const std::string body = std::exchange(out_, {});
    top(!is_ascii(body));
    return out_ + body;
  }

 private:
  template <class... Arguments>
  void line(fmt::format_string<Arguments...> form, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(out_), form, std::forward<Arguments>(arguments)...);
    out_ += "\r\n";
  }
  void field(std::string_view name, std::string_view value) {
    if (!value.empty()) line("{}: {}", name, one_line(value));
  }
  void encoding(bool is_8bit) {
    if (is_8bit) line("Content-Transfer-Encoding: 8bit");
  }
  void part(std::string_view type, void (Writer::*write)()) {
    std::string before = std::exchange(out_, {});
    (this->*write)();
    const std::string content = std::exchange(out_, std::move(before));
    line("--{}", report_.boundary);
    line("Content-Type: {}", type);
    encoding(!is_ascii(content));
    line("");
    out_ += content;
  }

  void top(bool is_8bit) {
    line("Auto-Submitted: auto-replied");
    line("From: {}", report_.from);
    line("To: {}", one_line(report_.to.view()));
    line("Subject: DMARC failure report for {} from IP {}", one_line(report_.outcome.header_from), report_.client_address);
    line("Message-Id: <{}@{}>", report_.id, report_.host);
    line("Date: {}", format_rfc5322_time(report_.now));
    line("MIME-Version: 1.0");
    line("Content-Type: multipart/report; report-type=feedback-report;\r\n\tboundary=\"{}\"", report_.boundary);
    encoding(is_8bit);
    line("");
  }

  void text_for_people() {
    line("This is a DMARC failure report, written by the mail gateway {}; nobody reads", report_.host);
    line("replies to it. It was asked for by the DMARC record of {}.", one_line(report_.outcome.used_domain));
    line("A message that claims to be from {} did not", one_line(report_.outcome.header_from));
    line("pass all checks of that policy. Its header is below.");
    line("");
    line("    Sender domain:   {}", one_line(report_.outcome.header_from));
    line("    Client address:  {}", report_.client_address);
    line("    Received:        {}", format_rfc5322_time(report_.received));
    line("    SPF alignment:   {}", report_.outcome.spf_aligned ? "yes" : "no");
    line("    DKIM alignment:  {}", report_.outcome.dkim_aligned ? "yes" : "no");
    line("    DMARC result:    {}", report_.outcome.text);
    line("");
  }

  void feedback() {
    // RFC 5965 section 3.1, RFC 6591 section 3.1.
    field("Feedback-Type", "auth-failure");
    field("User-Agent", report_.user_agent);
    field("Version", "1");
    line("Original-Mail-From: <{}>", one_line(report_.sender.view()));
    field("Original-Envelope-Id", report_.envelope_id.view());
    field("Arrival-Date", format_rfc5322_time(report_.received));
    field("Reporting-MTA", "dns; " + report_.host);
    field("Source-IP", report_.client_address);
    field("Reported-Domain", report_.outcome.header_from);
    authentication_results();
    field("Auth-Failure", "dmarc");
    field("Delivery-Result", to_string(report_.delivery_result));
    // RFC 7489 section 7.3.1.
    field("Identity-Alignment", identity_alignment(report_.outcome));
    dkim_fields();
    spf_fields();
    line("");
  }

  // As it was written; its folds are ours, and get this message's line ends.
  void authentication_results() {
    for (const char c : report_.authentication_results) {
      if (c == '\n') out_ += '\r';
      if (c != '\r') out_ += c;
    }
    line("");
  }

  void dkim_fields() {
    const DkimFacts* dkim = signature_of(report_.facts);
    if (dkim == nullptr) return;
    field("DKIM-Domain", dkim->domain.view());
    if (report_.dkim_identity.empty())
      line("DKIM-Identity: @{}", one_line(dkim->domain.view()));  // its default: RFC 6376 section 3.5
    else
      field("DKIM-Identity", report_.dkim_identity.view());
    field("DKIM-Selector", dkim->selector.view());
  }

  void spf_fields() {
    if (report_.spf_record.empty()) return;
    std::string record;
    for (const char c : one_line(report_.spf_record)) {
      if (c == '"' || c == '\\') record += '\\';
      record += c;
    }
    line("SPF-DNS: txt : {} : \"{}\"", one_line(report_.facts.spf.domain.view()), record);
  }

  void original_header() {
    std::string_view header = report_.header.view();
    if (header.size() > kReportHeaderBytesMax) {
      header = header.substr(0, kReportHeaderBytesMax);
      header = header.substr(0, header.rfind('\n') + 1);
    }
    out_ += header;
    if (!header.ends_with('\n')) line("");
  }

  const FailureReport& report_;
  std::string out_;
};

}  // namespace

bool wants_failure_report(const Outcome& outcome, const Facts& facts) noexcept {
  if (!outcome.record || outcome.record->failure_uris.empty() || !outcome.record->wants_afrf) return false;
  if (outcome.status == Status::temperror || outcome.status == Status::off) return false;
  const FailureOptions& wanted = outcome.record->failure_options;
  if (wanted.all_failed && !outcome.spf_aligned && !outcome.dkim_aligned) return true;
  if (wanted.any_failed && (!outcome.spf_aligned || !outcome.dkim_aligned)) return true;
  if (wanted.spf_failed && did_fail(facts.spf.result)) return true;
  return wanted.dkim_failed && std::ranges::any_of(facts.dkim, [](const DkimFacts& dkim) { return did_fail(dkim.result); });
}

std::string build_failure_report(const FailureReport& report) { return Writer(report).run(); }

}  // namespace postern::dmarc
