// check_host() of RFC 7208 section 4, with the records that include each other on a stack of its own.
#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "engine/coro/scheduler.h"
#include "net/dns/names.h"
#include "policy/spf/asker.h"
#include "policy/spf/macro.h"
#include "policy/spf/record.h"
#include "policy/spf/report.h"
#include "policy/spf/spf.h"

namespace postern::spf {
namespace {

constexpr std::size_t kDomainCharactersMax = 253;
constexpr std::string_view kUnknownName = "unknown";  // RFC 7208 section 7.3

// RFC 7208 section 4.3
bool can_have_record(std::string_view domain) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  return domain.size() <= kDomainCharactersMax && domain.find('.') != std::string_view::npos && !domain.starts_with('[') &&
         !IpAddress::parse(domain) && name_to_ask(domain);
}

// Both are text of net/dns/names.h.
bool is_in_domain(std::string_view name, std::string_view domain) noexcept {
  if (name.size() <= domain.size()) return dns::same_name(name, domain);
  const std::string_view end = name.substr(name.size() - domain.size());
  return name[name.size() - domain.size() - 1] == '.' && dns::same_name(end, domain);
}

// RFC 7208 section 4.5
std::vector<PeerText> records_in(const dns::Answer& answer) {
  std::vector<PeerText> records;
  answer.each<dns::Text>([&](const dns::Text& text) {
    PeerText joined = text.joined();
    if (is_record(joined.view())) records.push_back(std::move(joined));
  });
  return records;
}

bool advises_against(Result result) noexcept {
  return result == Result::fail || result == Result::softfail || result == Result::neutral;
}

class Check {
 public:
  Check(const Question& question, dns::Resolver& resolver, Wait wait) : question_(question), asker_(resolver, wait) {
    values_.client = question.client;
    values_.helo = question.helo.view();
    values_.receiver = question.receiver;
    values_.unix_s = Scheduler::current().wall_now().us / 1'000'000;
    values_.local_part = "postmaster";
    const std::string_view sender = question.sender.view();
    if (sender.empty()) {
      outcome_.identity = Identity::helo;
      values_.sender_domain = values_.helo;
      return;
    }
    const std::size_t at = sender.rfind('@');
    if (at == std::string_view::npos) return;
    if (at > 0) values_.local_part = sender.substr(0, at);
    values_.sender_domain = sender.substr(at + 1);
  }

  Task<void> run() {
    outcome_.domain = PeerText(one_line(values_.sender_domain, kDomainCharactersMax));
    co_await begin();
    while (!ended_) co_await step();
    if (outcome_.result == Result::fail) co_await explain();
    if (advises_against(outcome_.result)) co_await comment();
  }
  [[nodiscard]] Task<void> close() { return asker_.close(); }

  [[nodiscard]] Outcome take() {
    outcome_.terms = std::min(terms_, kTermsMax);
    outcome_.header_comment = PeerText(header_comment(question_, outcome_));
    outcome_.received = PeerText(received_field(question_, outcome_));
    return std::move(outcome_);
  }

 private:
  // One record under evaluation.
  struct Level {
    std::string domain;
    std::string text;
    Record record;  // borrows from text
    std::size_t next = 0;
    bool looked_ahead = false;
  };
  // A record that was asked for ahead.
  struct Included {
    const Asker::Asked* asked = nullptr;
    std::string domain;
    bool looked_ahead = false;
  };
  enum class Entered : std::uint8_t { yes, no_record, ended };
  enum class Addresses : std::uint8_t { match, others, none, ended };

  void end(Result result) {
    outcome_.result = result;
    ended_ = true;
  }
  void end_with(Result error, const std::string& problem) {
    outcome_.problem = PeerText(one_line(problem, kProblemBytesMax));
    end(error);
  }

  Task<void> begin() {
    if (!can_have_record(values_.sender_domain)) {
      end(Result::none);
      co_return;
    }
    const Entered entered = co_await enter(std::string(values_.sender_domain));
    if (entered != Entered::no_record) co_return;
    if (!question_.guess) {
      end(Result::none);
      co_return;
    }
    outcome_.guessed = true;
    push(std::string(values_.sender_domain), *question_.guess);
  }

  // The next directive of the record, or what stands at its end.
  Task<void> step() {
    Level& level = levels_.back();
    const std::vector<Directive>& directives = level.record.directives;
    while (level.next < directives.size() && is_no_match_at_once(directives[level.next])) ++level.next;
    if (level.next == directives.size()) {
      if (level.record.redirect.empty())
        leave(Result::neutral, {});
      else
        co_await follow_redirect();
      co_return;
    }
    const Directive directive = directives[level.next++];
    if (directive.mechanism == Mechanism::include) {
      co_await include(directive);
      co_return;
    }
    const bool matched = directive.asks_dns() ? co_await matches(directive) : matches_at_once(directive);
    if (matched) leave(directive.result, directive.text);
  }

  // The record gives `result`; RFC 7208 section 5.2 says what it is to the one that included it.
  void leave(Result result, std::string_view matched) {
    while (levels_.size() > 1) {
      levels_.pop_back();
      if (result != Result::pass) return;
      const Level& level = levels_.back();
      const Directive& directive = level.record.directives[level.next - 1];
      result = directive.result;
      matched = directive.text;
    }
    outcome_.matched = PeerText(matched);
    end(result);
  }

  // Fetches the record of a domain and puts it on top.
  Task<Entered> enter(std::string domain) {
    const std::optional<std::string> name = name_to_ask(domain);
    if (!name) co_return Entered::no_record;
    const dns::Answer& answer = *co_await ask(*name, dns::Type::txt);
    if (fails_for_now(answer, *name, dns::Type::txt)) co_return Entered::ended;
    const std::vector<PeerText> records = records_in(answer);
    if (records.empty()) co_return Entered::no_record;
    if (records.size() > 1) {
      end_with(Result::permerror, "there are " + std::to_string(records.size()) + " SPF records at " + *name);
      co_return Entered::ended;
    }
    push(std::move(domain), std::string(records.front().view()));
    co_return ended_ ? Entered::ended : Entered::yes;
  }

  void push(std::string domain, std::string text) {
    Level& level = levels_.emplace_back();
    level.domain = std::move(domain);
    level.text = std::move(text);
    RecordError error;
    std::optional<Record> record = read_record(level.text, error);
    if (record)
      level.record = std::move(*record);
    else
      end_with(Result::permerror, "in the record of " + level.domain + " " + error.message);
  }

  // RFC 7208 section 5.2
  Task<void> include(Directive directive) {
    if (!counts_term()) co_return;
    std::string target = co_await target_of(directive.domain_spec);
    const Entered entered = co_await enter(target);
    if (entered == Entered::no_record)
      end_with(Result::permerror, "there is no SPF record at " + target + ", which is included");
  }

  // RFC 7208 section 6.1: the record gives way to the other one, and so does its explanation.
  Task<void> follow_redirect() {
    if (!counts_term()) co_return;
    std::string target = co_await target_of(levels_.back().record.redirect);
    levels_.pop_back();
    const Entered entered = co_await enter(target);
    if (entered == Entered::no_record)
      end_with(Result::permerror, "there is no SPF record at " + target + ", the target of a redirect");
  }

  [[nodiscard]] bool matches_at_once(const Directive& directive) const noexcept {
    const bool v4 = question_.client.is_v4();
    switch (directive.mechanism) {
      case Mechanism::all: return true;
      case Mechanism::ip4: return v4 && question_.client.shares_prefix(directive.address, directive.ip4_bits);
      case Mechanism::ip6: return !v4 && question_.client.shares_prefix(directive.address, directive.ip6_bits);
      default: return false;
    }
  }

  [[nodiscard]] bool is_no_match_at_once(const Directive& directive) const noexcept {
    return !directive.asks_dns() && !matches_at_once(directive);
  }

  Task<bool> matches(Directive directive) {
    if (!counts_term()) co_return false;
    const std::optional<std::string> name = name_to_ask(co_await target_of(directive.domain_spec));
    if (!name) co_return false;
    switch (directive.mechanism) {
      case Mechanism::a: co_return co_await address_matches(*name, directive);
      case Mechanism::mx: co_return co_await exchanger_matches(*name, directive);
      case Mechanism::ptr: co_return co_await client_is_in(*name);
      default: co_return co_await exists(*name);
    }
  }

  // RFC 7208 section 5.3
  Task<bool> address_matches(std::string name, Directive directive) {
    const Addresses found = co_await addresses_of(std::move(name), directive);
    if (found == Addresses::none) static_cast<void>(counts_void());
    co_return found == Addresses::match;
  }
  Task<Addresses> addresses_of(std::string name, Directive directive) {
    const dns::Answer& answer = *co_await ask(name, address_type());
    if (fails_for_now(answer, name, address_type())) co_return Addresses::ended;
    if (!answer.found()) co_return Addresses::none;
    const unsigned bits = question_.client.is_v4() ? directive.ip4_bits : directive.ip6_bits;
    bool matched = false;
    answer.each<dns::Address>(
        [&](const dns::Address& found) { matched = matched || question_.client.shares_prefix(found.address, bits); });
    co_return matched ? Addresses::match : Addresses::others;
  }

  // RFC 7208 section 5.4. It is one void term, whether it has no exchanger or none of them an address.
  Task<bool> exchanger_matches(std::string name, Directive directive) {
    const dns::Answer& answer = *co_await ask(name, dns::Type::mx);
    if (fails_for_now(answer, name, dns::Type::mx) || is_void(answer)) co_return false;
    if (answer.records.size() > kExchangersMax) {
      end_with(Result::permerror, name + " has more than " + std::to_string(kExchangersMax) + " MX records");
      co_return false;
    }
    std::vector<std::pair<std::uint16_t, std::string>> exchangers;
    answer.each<dns::MailExchanger>([&](const dns::MailExchanger& mx) {
      if (mx.exchange.view() != ".") exchangers.emplace_back(mx.preference, mx.exchange.view());
    });
    std::ranges::sort(exchangers);
    for (const auto& [preference, exchange] : exchangers) static_cast<void>(asker_.start(exchange, address_type()));
    bool all_void = !exchangers.empty();
    for (const auto& [preference, exchange] : exchangers) {
      const Addresses found = co_await addresses_of(exchange, directive);
      if (found == Addresses::match) co_return true;
      if (found == Addresses::ended) co_return false;
      all_void = all_void && found == Addresses::none;
    }
    if (all_void) static_cast<void>(counts_void());
    co_return false;
  }

  // RFC 7208 section 5.5
  Task<bool> client_is_in(std::string domain) {
    co_await find_names_of_client();
    if (client_has_no_name_ && counts_void()) co_return false;
    co_return std::ranges::any_of(names_of_client_, [&](const std::string& name) { return is_in_domain(name, domain); });
  }

  // RFC 7208 section 5.7: an A record, whatever the client's family.
  Task<bool> exists(std::string name) {
    const dns::Answer& answer = *co_await ask(name, dns::Type::a);
    co_return !fails_for_now(answer, name, dns::Type::a) && !is_void(answer);
  }

  // The names that the DNS has for the client and that lead back to it. Failures are passed over.
  Task<void> find_names_of_client() {
    if (std::exchange(names_found_, true)) co_return;
    const dns::Answer& answer = *co_await ask(dns::reverse_name(question_.client), dns::Type::ptr);
    client_has_no_name_ = answer.absent();
    std::vector<std::string> names;
    answer.each<dns::HostName>([&](const dns::HostName& host) {
      if (names.size() < kClientNamesMax) names.emplace_back(host.name.view());
    });
    for (const std::string& name : names) static_cast<void>(asker_.start(name, address_type()));
    for (const std::string& name : names) {
      bool confirmed = false;
      (*co_await ask(name, address_type())).each<dns::Address>([&](const dns::Address& found) {
        confirmed = confirmed || found.address == question_.client;
      });
      if (confirmed) names_of_client_.push_back(name);
    }
  }

  // The value of the macro p in a record of `domain`.
  [[nodiscard]] std::string_view name_of_client(std::string_view domain) const {
    const std::string current = name_to_ask(domain).value_or("");
    const auto is_domain = [&](const std::string& name) { return dns::same_name(name, current); };
    const auto is_below = [&](const std::string& name) { return is_in_domain(name, current); };
    auto chosen = std::ranges::find_if(names_of_client_, is_domain);
    if (chosen == names_of_client_.end()) chosen = std::ranges::find_if(names_of_client_, is_below);
    if (chosen == names_of_client_.end()) chosen = names_of_client_.begin();
    return chosen == names_of_client_.end() ? kUnknownName : *chosen;
  }

  [[nodiscard]] std::string expanded(std::string_view text, std::string_view domain, MacroPlace place) const {
    MacroValues values = values_;
    values.domain = domain;
    if (asks_for_name_of_client(text)) values.name_of_client = name_of_client(domain);
    return expand(text, values, place);
  }
  [[nodiscard]] std::string_view domain_here() const noexcept {
    return levels_.empty() ? values_.sender_domain : levels_.back().domain;
  }
  // `text` is the record's, or the question's.
  Task<std::string> expand_here(std::string_view text, MacroPlace place) {
    if (asks_for_name_of_client(text)) co_await find_names_of_client();
    co_return expanded(text, domain_here(), place);
  }
  Task<std::string> target_of(std::string_view domain_spec) {
    if (domain_spec.empty()) co_return levels_.back().domain;
    co_return co_await expand_here(domain_spec, MacroPlace::domain_spec);
  }

  // RFC 7208 section 6.2: whatever goes wrong, it is as if there were no exp=.
  Task<void> explain() {
    const std::string_view domain_spec = levels_.back().record.explanation;
    if (domain_spec.empty()) co_return;
    const std::optional<std::string> name = name_to_ask(co_await target_of(domain_spec));
    if (!name) co_return;
    const dns::Answer& answer = *co_await ask(*name, dns::Type::txt);
    if (answer.records.size() != 1) co_return;
    PeerText text;
    answer.each<dns::Text>([&](const dns::Text& found) { text = found.joined(); });
    if (text.empty() || text.size() > kRecordBytesMax || !is_macro_string(text.view(), MacroPlace::explanation)) co_return;
    const std::string words = co_await expand_here(text.view(), MacroPlace::explanation);
    outcome_.explanation = PeerText(one_line(words, kExpansionBytesMax));
    outcome_.explained = true;
  }

  // What the sender is told where its domain has no words for it; the reason as Exim gives it.
  Task<void> comment() {
    if (outcome_.explained) {
      outcome_.smtp_comment = outcome_.explanation;
      co_return;
    }
    if (!is_smtp_comment(question_.smtp_comment)) co_return;
    const std::string words =
        one_line(co_await expand_here(question_.smtp_comment, MacroPlace::explanation), kExpansionBytesMax);
    outcome_.smtp_comment = PeerText(words + " : Reason: " + (outcome_.matched.empty() ? "default" : "mechanism"));
    if (outcome_.result == Result::fail) outcome_.explanation = PeerText(words);
  }

  // The answer; borrowed from asker_. While it is waited for, what will be asked next is asked too.
  Task<const dns::Answer*> ask(std::string name, dns::Type type) {
    const Asker::Asked& asked = asker_.start(std::move(name), type);
    while (!asked.done) {
      asker_.arrival().clear();
      look_ahead();
      // The question's own wait ends it, and its answer says so.
      static_cast<void>(co_await asker_.arrival().wait());
    }
    co_return &asked.answer;
  }

  // In the record under evaluation, and in those that it includes and that are here already.
  void look_ahead() {
    if (!levels_.empty() && !std::exchange(levels_.back().looked_ahead, true)) {
      const Level& level = levels_.back();
      ask_ahead(level.record, level.next, level.domain);
    }
    for (std::size_t i = 0; i < included_.size(); ++i)
      if (included_[i].asked->done && !std::exchange(included_[i].looked_ahead, true)) look_into(included_[i]);
  }
  void look_into(Included included) {
    const std::vector<PeerText> records = records_in(included.asked->answer);
    if (records.size() != 1) return;
    RecordError error;
    if (const std::optional<Record> record = read_record(records.front().view(), error)) ask_ahead(*record, 0, included.domain);
  }
  void ask_ahead(const Record& record, std::size_t first, const std::string& domain) {
    for (std::size_t i = first; i < record.directives.size(); ++i) {
      const Directive& directive = record.directives[i];
      if (matches_at_once(directive)) return;
      if (directive.asks_dns()) ask_ahead(directive.mechanism, directive.domain_spec, domain);
    }
    if (!record.redirect.empty()) ask_ahead(Mechanism::include, record.redirect, domain);
  }
  // Never more questions than terms may be evaluated, in all records together.
  void ask_ahead(Mechanism mechanism, std::string_view domain_spec, const std::string& domain) {
    if (asked_ahead_ == kTermsMax || asks_for_name_of_client(domain_spec)) return;
    std::string target = domain_spec.empty() ? domain : expanded(domain_spec, domain, MacroPlace::domain_spec);
    std::optional<std::string> name = name_to_ask(target);
    if (mechanism == Mechanism::ptr) name = dns::reverse_name(question_.client);
    if (!name || asker_.find(*name, type_asked(mechanism)) != nullptr) return;
    ++asked_ahead_;
    const Asker::Asked& asked = asker_.start(*std::move(name), type_asked(mechanism));
    if (mechanism == Mechanism::include) included_.push_back({&asked, std::move(target)});
  }

  [[nodiscard]] dns::Type address_type() const noexcept { return question_.client.is_v4() ? dns::Type::a : dns::Type::aaaa; }
  [[nodiscard]] dns::Type type_asked(Mechanism mechanism) const noexcept {
    switch (mechanism) {
      case Mechanism::include: return dns::Type::txt;
      case Mechanism::mx: return dns::Type::mx;
      case Mechanism::ptr: return dns::Type::ptr;
      case Mechanism::exists: return dns::Type::a;
      default: return address_type();
    }
  }

  // True when the answer is a temporary failure, which ends the check.
  bool fails_for_now(const dns::Answer& answer, const std::string& name, dns::Type type) {
    if (answer.status != dns::Status::temporary_failure) return false;
    end_with(Result::temperror, dns::to_string(type) + " of " + name + ": " + answer.why);
    return true;
  }
  // True when there is no record. RFC 7208 section 4.6.4 counts terms of which this is so; one too many ends the check.
  bool is_void(const dns::Answer& answer) {
    if (answer.found()) return false;
    static_cast<void>(counts_void());
    return true;
  }
  // True when this void lookup ends the check.
  bool counts_void() {
    if (++outcome_.void_lookups <= kVoidLookupsMax) return false;
    end_with(Result::permerror, "more than " + std::to_string(kVoidLookupsMax) + " terms whose names have no records");
    return true;
  }
  bool counts_term() {
    if (++terms_ <= kTermsMax) return true;
    end_with(Result::permerror, "more than " + std::to_string(kTermsMax) + " mechanisms and modifiers that ask the DNS");
    return false;
  }

  const Question& question_;
  Asker asker_;
  MacroValues values_;
  std::deque<Level> levels_;
  std::vector<Included> included_;
  std::vector<std::string> names_of_client_;  // confirmed
  bool names_found_ = false;
  bool client_has_no_name_ = false;
  std::size_t terms_ = 0;
  std::size_t asked_ahead_ = 0;
  bool ended_ = false;
  Outcome outcome_;
};

}  // namespace

bool is_smtp_comment(std::string_view text) noexcept {
  return text.size() <= kRecordBytesMax && is_macro_string(text, MacroPlace::explanation);
}

Task<Outcome> check(Question question, dns::Resolver& resolver, Wait wait) {
  if (question.client.is_v6()) question.client = IpAddress::fold_mapped(question.client.bytes());
  Check check(question, resolver, wait);
  co_await check.run();
  co_await check.close();
  co_return check.take();
}

}  // namespace postern::spf
