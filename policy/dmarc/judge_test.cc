// Cases of alignment and policy, each with the section of RFC 7489 (or another) that decides it.
#include "policy/dmarc/judge.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "policy/dmarc/evaluate.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

namespace postern::dmarc {
namespace {

using auth_results::Result;

std::shared_ptr<const psl::PublicSuffixList> suffixes() {
  static const auto list = [] {
    std::string error;
    return psl::PublicSuffixList::read("com\nnet\norg\nuk\nco.uk\n*.ck\n!www.ck\ngithub.io\nde\n", error);
  }();
  return list;
}

Result result_named(std::string_view word) {
  for (const Result result : {Result::none, Result::pass, Result::fail, Result::softfail, Result::neutral, Result::policy,
                              Result::temperror, Result::permerror})
    if (to_string(result) == word) return result;
  ADD_FAILURE() << word;
  return Result::none;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    pieces.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + separator.size(), text.size()));
  }
  return pieces;
}

struct Case {
  const char* section;
  const char* from;  // the value of From:; several fields have " && " between them
  // "domain record" has a DMARC record, "domain !" fails to say, "domain +" exists, "domain ?" fails to say whether it does; "
  // | " between them.
  const char* dns;
  const char* spf;   // "pass example.com"
  const char* dkim;  // "pass example.com", " | " between them
  // status, where the record is, the policy for the domain, what is aligned (SD), and the Authentication-Results
  const char* expected;
  unsigned roll = 0;
};

void add_to(dns::FakeResolver& resolver, std::string_view zone) {
  for (const std::string_view entry : split(zone, " | ")) {
    const std::size_t space = entry.find(' ');
    const std::string domain(entry.substr(0, space));
    const std::string_view what = entry.substr(space + 1);
    if (what == "!")
      resolver.fail("_dmarc." + domain, dns::Type::txt);
    else if (what == "+")
      resolver.add_address(domain, "192.0.2.1");
    else if (what == "?")
      resolver.fail(domain, dns::Type::a);
    else
      resolver.add_text("_dmarc." + domain, what);
  }
}

Facts facts_of(const Case& test) {
  Facts facts;
  const auto read = [](std::string_view text, Result& result, PeerText& domain) {
    const std::size_t space = std::min(text.find(' '), text.size());
    result = result_named(text.substr(0, space));
    domain = PeerText(text.substr(std::min(space + 1, text.size())));
  };
  if (*test.spf != '\0') read(test.spf, facts.spf.result, facts.spf.domain);
  for (const std::string_view signature : split(test.dkim, " | ")) {
    DkimFacts& dkim = facts.dkim.emplace_back();
    read(signature, dkim.result, dkim.domain);
  }
  return facts;
}

std::string summary(const Outcome& outcome) {
  std::string text =
      fmt::format("{} {} {} {}{} {}", to_string(outcome.status), outcome.used_domain.empty() ? "-" : outcome.used_domain,
                  outcome.domain_policy ? to_string(*outcome.domain_policy) : "-", outcome.spf_aligned ? "S" : "-",
                  outcome.dkim_aligned ? "D" : "-", to_string(outcome.authentication_result.result));
  if (!outcome.authentication_result.comment.empty()) text += fmt::format(" ({})", outcome.authentication_result.comment);
  return text;
}

const Case kCases[] = {
    // --- DKIM alignment
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "pass example.com",
     "accept example.com reject -D pass (p=reject)"},
    {"3.1.1", "a@mail.example.com", "mail.example.com v=DMARC1; p=reject", "", "pass example.com",
     "accept mail.example.com reject -D pass (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "pass mail.example.com",
     "accept example.com reject -D pass (p=reject)"},
    {"3.1.1", "a@one.example.com", "one.example.com v=DMARC1; p=reject", "", "pass two.example.com",
     "accept one.example.com reject -D pass (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject; adkim=s", "", "pass example.com",
     "accept example.com reject -D pass (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject; adkim=s", "", "pass mail.example.com",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.1", "a@mail.example.com", "mail.example.com v=DMARC1; p=reject; adkim=s", "", "pass example.com",
     "reject mail.example.com reject -- fail (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject; adkim=r", "", "pass mail.example.com",
     "accept example.com reject -D pass (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "pass com",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.1", "a@example.co.uk", "example.co.uk v=DMARC1; p=reject", "", "pass co.uk",
     "reject example.co.uk reject -- fail (p=reject)"},
    {"3.1.1", "a@example.co.uk", "example.co.uk v=DMARC1; p=reject", "", "pass other.co.uk",
     "reject example.co.uk reject -- fail (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "pass example.net",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "pass example.net | pass example.com",
     "accept example.com reject -D pass (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "fail example.com | pass mail.example.com",
     "accept example.com reject -D pass (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "fail example.com | pass example.net",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "policy example.com",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "neutral example.com",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "permerror example.com",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "none example.com",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "pass EXAMPLE.com",
     "accept example.com reject -D pass (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject; adkim=s", "", "pass example.com.",
     "accept example.com reject -D pass (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "pass not a name",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "pass notexample.com",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.1", "a@example.com", "example.com v=DMARC1; p=reject", "", "pass example.com.example.net",
     "reject example.com reject -- fail (p=reject)"},
    {"3.2", "a@user.github.io", "user.github.io v=DMARC1; p=reject", "", "pass other.github.io",
     "reject user.github.io reject -- fail (p=reject)"},
    {"3.2", "a@x.y.ck", "x.y.ck v=DMARC1; p=reject", "", "pass z.x.y.ck", "accept x.y.ck reject -D pass (p=reject)"},
    {"3.2", "a@x.y.ck", "x.y.ck v=DMARC1; p=reject", "", "pass z.y.ck", "reject x.y.ck reject -- fail (p=reject)"},
    {"3.2", "a@mail.www.ck", "www.ck v=DMARC1; p=reject", "", "pass www.ck", "accept www.ck reject -D pass (p=reject)"},
    {"3.2", "a@a.unlisted", "a.unlisted v=DMARC1; p=reject", "", "pass b.a.unlisted",
     "accept a.unlisted reject -D pass (p=reject)"},
    {"3.2", "a@co.uk", "co.uk v=DMARC1; p=reject", "", "pass co.uk", "accept co.uk reject -D pass (p=reject)"},
    {"3.2", "a@co.uk", "co.uk v=DMARC1; p=reject", "", "pass example.co.uk", "reject co.uk reject -- fail (p=reject)"},
    // --- SPF alignment
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject", "pass example.com", "",
     "accept example.com reject S- pass (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject", "pass bounce.example.com", "",
     "accept example.com reject S- pass (p=reject)"},
    {"3.1.2", "a@sub.example.com", "sub.example.com v=DMARC1; p=reject", "pass example.com", "",
     "accept sub.example.com reject S- pass (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject; aspf=s", "pass example.com", "",
     "accept example.com reject S- pass (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject; aspf=s", "pass bounce.example.com", "",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.2", "a@sub.example.com", "sub.example.com v=DMARC1; p=reject; aspf=s", "pass example.com", "",
     "reject sub.example.com reject -- fail (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject", "pass example.net", "",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject", "fail example.com", "",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject", "softfail example.com", "",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject", "neutral example.com", "",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject", "none example.com", "",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject", "permerror example.com", "",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject", "pass", "", "reject example.com reject -- fail (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject", "pass Example.COM", "",
     "accept example.com reject S- pass (p=reject)"},
    {"3.1.2 HELO", "a@example.com", "example.com v=DMARC1; p=reject", "pass mx1.example.com", "",
     "accept example.com reject S- pass (p=reject)"},
    {"3.1.2 HELO", "a@example.com", "example.com v=DMARC1; p=reject; aspf=s", "pass mx1.example.com", "",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject; adkim=s; aspf=r", "pass b.example.com", "pass b.example.com",
     "accept example.com reject S- pass (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject; adkim=r; aspf=s", "pass b.example.com", "pass b.example.com",
     "accept example.com reject -D pass (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject; adkim=s; aspf=s", "pass b.example.com", "pass b.example.com",
     "reject example.com reject -- fail (p=reject)"},
    {"3.1.2", "a@example.com", "example.com v=DMARC1; p=reject", "pass example.com", "pass example.com",
     "accept example.com reject SD pass (p=reject)"},
    {"4.2", "a@example.com", "example.com v=DMARC1; p=reject", "pass example.com", "fail example.com",
     "accept example.com reject S- pass (p=reject)"},
    {"4.2", "a@example.com", "example.com v=DMARC1; p=reject", "fail example.com", "pass example.com",
     "accept example.com reject -D pass (p=reject)"},
    {"4.2", "a@example.com", "example.com v=DMARC1; p=reject", "", "", "reject example.com reject -- fail (p=reject)"},
    // --- the policy
    {"6.3 p", "a@example.com", "example.com v=DMARC1; p=none", "", "", "none example.com none -- fail (p=none)"},
    {"6.3 p", "a@example.com", "example.com v=DMARC1; p=quarantine", "", "",
     "quarantine example.com quarantine -- fail (p=quarantine)"},
    {"6.3 p", "a@example.com", "example.com v=DMARC1; p=reject", "", "", "reject example.com reject -- fail (p=reject)"},
    {"6.3 p", "a@example.com", "example.com v=DMARC1; p=REJECT", "", "", "reject example.com reject -- fail (p=reject)"},
    {"6.3 p", "a@example.com", "example.com v=DMARC1; p=none", "pass example.com", "",
     "accept example.com none S- pass (p=none)"},
    {"6.3 p", "a@example.com", "example.com v=DMARC1; p=quarantine", "", "pass example.com",
     "accept example.com quarantine -D pass (p=quarantine)"},
    {"6.3 sp", "a@example.com", "example.com v=DMARC1; p=none; sp=reject", "", "", "none example.com none -- fail (p=none)"},
    {"6.3 sp", "a@sub.example.com", "example.com v=DMARC1; p=none; sp=reject", "", "",
     "reject example.com reject -- fail (p=none sp=reject)"},
    {"6.3 sp", "a@sub.example.com", "example.com v=DMARC1; p=reject; sp=none", "", "",
     "none example.com none -- fail (p=reject sp=none)"},
    {"6.3 sp", "a@sub.example.com", "example.com v=DMARC1; p=reject; sp=quarantine", "", "",
     "quarantine example.com quarantine -- fail (p=reject sp=quarantine)"},
    {"6.3 sp", "a@sub.example.com", "example.com v=DMARC1; p=reject", "", "", "reject example.com reject -- fail (p=reject)"},
    {"6.3 sp", "a@sub.example.com", "example.com v=DMARC1; p=reject; sp=none", "", "pass example.com",
     "accept example.com none -D pass (p=reject sp=none)"},
    {"6.3 sp", "a@sub.example.com",
     "sub.example.com v=DMARC1; p=quarantine; sp=none | example.com v=DMARC1; p=reject; sp=reject", "", "",
     "quarantine sub.example.com quarantine -- fail (p=quarantine)"},
    {"6.3 sp", "a@a.b.c.example.com", "example.com v=DMARC1; p=none; sp=reject", "", "",
     "reject example.com reject -- fail (p=none sp=reject)"},
    {"6.3 adkim", "a@sub.example.com", "example.com v=DMARC1; p=reject; adkim=s", "", "pass example.com",
     "reject example.com reject -- fail (p=reject)"},
    {"6.3 adkim", "a@sub.example.com", "example.com v=DMARC1; p=reject; adkim=s", "", "pass sub.example.com",
     "accept example.com reject -D pass (p=reject)"},
    {"6.3 adkim", "a@example.com", "example.com v=DMARC1; p=reject; adkim=x", "", "pass sub.example.com",
     "accept example.com reject -D pass (p=reject)"},
    {"6.3 unknown", "a@example.com", "example.com v=DMARC1; p=reject; t=y; psd=n; x=1", "", "",
     "reject example.com reject -- fail (p=reject)"},
    // --- np
    {"9091 3.2", "a@gone.example.com", "example.com v=DMARC1; p=none; sp=none; np=reject", "", "",
     "reject example.com reject -- fail (p=none np=reject)"},
    {"9091 3.2", "a@here.example.com", "example.com v=DMARC1; p=none; sp=none; np=reject | here.example.com +", "", "",
     "none example.com none -- fail (p=none sp=none)"},
    {"9091 3.2", "a@gone.example.com", "example.com v=DMARC1; p=quarantine; np=reject", "", "",
     "reject example.com reject -- fail (p=quarantine np=reject)"},
    {"9091 3.2", "a@gone.example.com", "example.com v=DMARC1; p=reject; np=none", "", "",
     "none example.com none -- fail (p=reject np=none)"},
    {"9091 3.2", "a@gone.example.com", "example.com v=DMARC1; p=none; sp=quarantine", "", "",
     "quarantine example.com quarantine -- fail (p=none sp=quarantine)"},
    {"9091 3.2", "a@example.com", "example.com v=DMARC1; p=none; np=reject", "", "", "none example.com none -- fail (p=none)"},
    {"9091 3.2", "a@gone.example.com", "example.com v=DMARC1; p=reject; np=oops", "", "",
     "reject example.com reject -- fail (p=reject)"},
    {"9091 3.2", "a@odd.example.com", "example.com v=DMARC1; p=none; np=reject | odd.example.com ?", "", "",
     "temperror example.com none -- temperror (p=none)"},
    {"9091 3.2", "a@odd.example.com", "example.com v=DMARC1; p=reject; np=reject | odd.example.com ?", "", "",
     "reject example.com reject -- fail (p=reject np=reject)"},
    {"9091 3.2", "a@odd.example.com", "example.com v=DMARC1; p=none; np=reject | odd.example.com ?", "pass example.com", "",
     "accept example.com none S- pass (p=none)"},
    // --- pct
    {"6.6.4", "a@example.com", "example.com v=DMARC1; p=reject; pct=50", "", "", "reject example.com reject -- fail (p=reject)",
     49},
    {"6.6.4", "a@example.com", "example.com v=DMARC1; p=reject; pct=50", "", "",
     "quarantine example.com reject -- fail (p=reject)", 50},
    {"6.6.4", "a@example.com", "example.com v=DMARC1; p=quarantine; pct=50", "", "",
     "quarantine example.com quarantine -- fail (p=quarantine)", 49},
    {"6.6.4", "a@example.com", "example.com v=DMARC1; p=quarantine; pct=50", "", "",
     "none example.com quarantine -- fail (p=quarantine)", 50},
    {"6.6.4", "a@example.com", "example.com v=DMARC1; p=reject; pct=0", "", "",
     "quarantine example.com reject -- fail (p=reject)", 0},
    {"6.6.4", "a@example.com", "example.com v=DMARC1; p=quarantine; pct=0", "", "",
     "none example.com quarantine -- fail (p=quarantine)", 0},
    {"6.6.4", "a@example.com", "example.com v=DMARC1; p=reject; pct=100", "", "",
     "reject example.com reject -- fail (p=reject)", 99},
    {"6.6.4", "a@example.com", "example.com v=DMARC1; p=reject", "", "", "reject example.com reject -- fail (p=reject)", 99},
    {"6.6.4", "a@example.com", "example.com v=DMARC1; p=reject; pct=101", "", "",
     "reject example.com reject -- fail (p=reject)", 99},
    {"6.6.4", "a@example.com", "example.com v=DMARC1; p=none; pct=0", "", "", "none example.com none -- fail (p=none)", 99},
    {"6.6.4", "a@example.com", "example.com v=DMARC1; p=reject; pct=0", "pass example.com", "",
     "accept example.com reject S- pass (p=reject)", 99},
    {"6.6.4", "a@sub.example.com", "example.com v=DMARC1; p=none; sp=reject; pct=10", "", "",
     "quarantine example.com reject -- fail (p=none sp=reject)", 10},
    // --- discovery
    {"6.6.3 1", "a@example.com", "", "pass example.com", "pass example.com", "norecord example.com - -- none"},
    {"6.6.3 1", "a@sub.example.com", "", "pass example.com", "", "norecord sub.example.com - -- none"},
    {"6.6.3 2", "a@example.com", "example.com v=spf1 -all", "", "", "norecord example.com - -- none"},
    {"6.6.3 2", "a@example.com", "example.com v=spf1 -all | example.com v=DMARC1; p=reject", "", "",
     "reject example.com reject -- fail (p=reject)"},
    {"6.6.3 2", "a@example.com", "example.com v=DMARC2; p=reject", "", "", "norecord example.com - -- none"},
    {"6.6.3 2", "a@example.com", "example.com p=reject; v=DMARC1", "", "", "norecord example.com - -- none"},
    {"6.6.3 2", "a@example.com", "example.com v=dmarc1; p=reject", "", "", "norecord example.com - -- none"},
    {"6.6.3 3", "a@sub.example.com", "sub.example.com v=spf1 -all | example.com v=DMARC1; p=reject", "", "",
     "reject example.com reject -- fail (p=reject)"},
    {"6.6.3 3", "a@a.b.example.com", "b.example.com v=DMARC1; p=reject", "", "", "norecord a.b.example.com - -- none"},
    {"6.6.3 3", "a@example.com", "com v=DMARC1; p=reject", "", "", "norecord example.com - -- none"},
    {"6.6.3 5", "a@example.com", "example.com v=DMARC1; p=reject | example.com v=DMARC1; p=none", "", "",
     "norecord example.com - -- permerror"},
    {"6.6.3 5", "a@sub.example.com",
     "sub.example.com v=DMARC1; p=reject | sub.example.com v=DMARC1; p=none | example.com v=DMARC1; p=reject", "", "",
     "norecord sub.example.com - -- permerror"},
    {"6.6.3 6", "a@example.com", "example.com v=DMARC1; rua=mailto:a@example.com", "", "",
     "none example.com none -- fail (p=none)"},
    {"6.6.3 6", "a@example.com", "example.com v=DMARC1; p=oops; rua=mailto:a@example.com", "", "",
     "none example.com none -- fail (p=none)"},
    {"6.6.3 6", "a@example.com", "example.com v=DMARC1; p=reject; sp=oops; rua=mailto:a@example.com", "", "",
     "none example.com none -- fail (p=none)"},
    {"6.6.3 6", "a@example.com", "example.com v=DMARC1; p=reject; sp=oops", "", "", "norecord example.com - -- permerror"},
    {"6.6.3 6", "a@example.com", "example.com v=DMARC1; p=oops", "", "", "norecord example.com - -- permerror"},
    {"6.6.3 6", "a@example.com", "example.com v=DMARC1", "", "", "norecord example.com - -- permerror"},
    {"6376 3.2", "a@example.com", "example.com v=DMARC1; p=reject; p=none", "", "", "norecord example.com - -- permerror"},
    {"6.6.2", "a@example.com", "example.com !", "pass example.com", "", "temperror example.com - -- temperror"},
    {"6.6.2", "a@sub.example.com", "sub.example.com ! | example.com v=DMARC1; p=reject", "", "",
     "temperror sub.example.com - -- temperror"},
    {"6.6.2", "a@sub.example.com", "example.com !", "", "", "temperror sub.example.com - -- temperror"},
    // --- temporary errors of what DMARC stands on
    {"6.6.2", "a@example.com", "example.com v=DMARC1; p=reject", "temperror example.com", "",
     "temperror example.com reject -- temperror (p=reject)"},
    {"6.6.2", "a@example.com", "example.com v=DMARC1; p=reject", "", "temperror example.com",
     "temperror example.com reject -- temperror (p=reject)"},
    {"6.6.2", "a@example.com", "example.com v=DMARC1; p=reject", "temperror example.com", "pass example.com",
     "accept example.com reject -D pass (p=reject)"},
    {"6.6.2", "a@example.com", "example.com v=DMARC1; p=reject", "temperror example.net", "",
     "reject example.com reject -- fail (p=reject)"},
    {"6.6.2", "a@example.com", "example.com v=DMARC1; p=reject; adkim=s", "", "temperror sub.example.com",
     "reject example.com reject -- fail (p=reject)"},
    // --- From:
    {"6.6.1", "", "", "", "", "nofrom - - -- permerror"},
    {"6.6.1", "a", "", "", "", "nofrom - - -- permerror"},
    {"6.6.1", "a@b@c", "", "", "", "nofrom - - -- permerror"},
    {"6.6.1", "a@[192.0.2.1]", "", "", "", "nofrom - - -- permerror"},
    {"6.6.1", "Group:;", "", "", "", "nofrom - - -- permerror"},
    {"6.6.1", "\"x@bank.com\" <a@example.com>", "example.com v=DMARC1; p=reject", "", "",
     "reject example.com reject -- fail (p=reject)"},
    {"6.6.1", "<a@example.com> (b@example.net)", "example.com v=DMARC1; p=reject", "", "",
     "reject example.com reject -- fail (p=reject)"},
    {"6.6.1", "a@EXAMPLE.com", "example.com v=DMARC1; p=reject", "", "pass example.com",
     "accept example.com reject -D pass (p=reject)"},
    {"6.6.1 IDN", "a@müller.de", "xn--mller-kva.de v=DMARC1; p=reject", "", "pass xn--mller-kva.de",
     "accept xn--mller-kva.de reject -D pass (p=reject)"},
    {"6.6.1 IDN", "a@xn--mller-kva.de", "xn--mller-kva.de v=DMARC1; p=reject", "", "pass müller.de",
     "accept xn--mller-kva.de reject -D pass (p=reject)"},
    {"6.6.1 IDN", "a@MÜLLER.de", "xn--mller-kva.de v=DMARC1; p=reject; adkim=s", "", "pass MÜLLER.de",
     "accept xn--mller-kva.de reject -D pass (p=reject)"},
    {"6.6.1 several", "a@example.com, b@example.com", "example.com v=DMARC1; p=reject", "", "pass example.com",
     "accept example.com reject -D pass (p=reject)"},
    {"6.6.1 several", "a@example.com, b@example.net", "example.com v=DMARC1; p=none | example.net v=DMARC1; p=reject", "",
     "pass example.com", "reject example.net reject -- fail (p=reject)"},
    {"6.6.1 several", "a@example.com, b@example.net", "example.com v=DMARC1; p=quarantine | example.net v=DMARC1; p=reject", "",
     "pass example.net", "quarantine example.com quarantine -- fail (p=quarantine)"},
    {"6.6.1 several", "a@example.com, b@example.net", "example.com v=DMARC1; p=none | example.net v=DMARC1; p=reject", "", "",
     "reject example.net reject -- fail (p=reject)"},
    {"6.6.1 several", "a@example.com, b@example.net", "example.com v=DMARC1; p=reject | example.net v=DMARC1; p=reject",
     "pass example.com", "pass example.net", "accept example.com reject S- pass (p=reject)"},
    {"6.6.1 several", "a@example.com, b@example.net", "example.com v=DMARC1; p=reject", "", "pass example.com",
     "norecord example.net - -- none"},
    {"6.6.1 several", "a@example.com, b@example.net", "example.com v=DMARC1; p=reject | example.net !", "", "pass example.com",
     "temperror example.net - -- temperror"},
    {"6.6.1 several", "a@example.com, b@example.net", "example.com v=DMARC1; p=reject | example.net !", "", "",
     "reject example.com reject -- fail (p=reject)"},
    {"6.6.1 several", "a@example.com && b@example.net", "example.com v=DMARC1; p=reject | example.net v=DMARC1; p=none", "",
     "pass example.net", "reject example.com reject -- fail (p=reject)"},
    {"6.6.1 several", "a@example.com && ", "example.com v=DMARC1; p=reject", "", "pass example.com",
     "accept example.com reject -D pass (p=reject)"},
    {"6.6.1 several", "a@example.com && b@c@d", "example.com v=DMARC1; p=reject", "", "pass example.com",
     "nofrom - - -- permerror"},
    {"6.6.1 several", "nobody, <a@example.com>", "example.com v=DMARC1; p=reject", "", "pass example.com",
     "accept example.com reject -D pass (p=reject)"},
};

Outcome run(const Case& test) {
  ManualScheduler scheduler;
  dns::FakeResolver resolver;
  add_to(resolver, test.dns);
  std::vector<std::string_view> fields = split(test.from, " && ");
  if (fields.empty()) fields.emplace_back();
  return postern::testing::run_task(
      scheduler, evaluate({.author = read_author(fields), .facts = facts_of(test), .suffixes = suffixes(), .roll = test.roll},
                          resolver, {}));
}

TEST(JudgeTest, EveryCase) {
  EXPECT_GE(std::size(kCases), 100U);
  for (const Case& test : kCases)
    EXPECT_EQ(summary(run(test)), test.expected) << test.section << ": " << test.from << " / " << test.dns << " / " << test.spf
                                                 << " / " << test.dkim << " / " << test.roll;
}

TEST(JudgeTest, TextsAreExims) {
  const auto text = [](const char* record, const char* spf) { return run({"", "a@example.com", record, spf, "", ""}).text; };
  EXPECT_EQ(text("example.com v=DMARC1; p=reject", "pass example.com"), "Accept");
  EXPECT_EQ(text("example.com v=DMARC1; p=reject", ""), "Reject");
  EXPECT_EQ(text("example.com v=DMARC1; p=quarantine", ""), "Quarantine");
  EXPECT_EQ(text("example.com v=DMARC1; p=none", ""), "None, Accept");
  EXPECT_EQ(text("", ""), "No DMARC record");
  EXPECT_EQ(run({"", "", "", "", "", ""}).text, "No From: domain found");
  EXPECT_EQ(to_string(switched_off().status), "off");
}

TEST(JudgeTest, WhyStaysForTheLog) {
  EXPECT_EQ(run({"", "a@example.com", "example.com !", "", "", ""}).why, "SERVFAIL from [192.0.2.53]:53");
  EXPECT_EQ(run({"", "a@b@c", "", "", "", ""}).why, "malformed address in From:");
}

TEST(JudgeTest, EximsLogLine) {
  const Facts facts{.spf = {Result::pass, PeerText("mail.example.com\n")}, .dkim = {}};
  EXPECT_EQ(log_line(run({"", "a@example.com", "example.com v=DMARC1; p=none", "pass mail.example.com", "", ""}), facts),
            "DMARC results: spf_domain=mail.example.com\\n dmarc_domain=example.com spf_align=yes dkim_align=no "
            "enforcement='Accept'");
  EXPECT_EQ(log_line(run({"", "a@example.com", "", "", "", ""}), facts), "");
}

TEST(JudgeTest, TheAuthenticationResult) {
  const Outcome outcome = run({"", "a@sub.example.com", "example.com v=DMARC1; p=reject; sp=quarantine", "", "", ""});
  auth_results::Checks checks;
  checks.dmarc = outcome.authentication_result;
  EXPECT_EQ(auth_results::write("mx.example", checks),
            "Authentication-Results: mx.example;\n\tdmarc=fail (p=reject sp=quarantine) header.from=sub.example.com");
}

}  // namespace
}  // namespace postern::dmarc
