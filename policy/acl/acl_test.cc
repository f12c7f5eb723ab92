#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "policy/acl/address_field.h"
#include "policy/acl/compile.h"
#include "policy/acl/header_changes.h"
#include "policy/acl/run.h"
#include "policy/expand/config_text_for_test.h"

namespace postern::acl {
namespace {

using expand::ConfigText;
using expand::ConfigTextForTest;
using expand::VariableId;

class FakeContext final : public expand::EvalContext {
 public:
  std::map<VariableId, std::string> values;
  const AclState* state = nullptr;
  std::vector<std::pair<std::string, std::string>> headers;

  std::string_view variable(VariableId id, std::string& scratch) const override {
    if (state != nullptr && id >= VariableId::acl_arg1 && id <= VariableId::acl_arg9) {
      const auto index = static_cast<std::size_t>(id) - static_cast<std::size_t>(VariableId::acl_arg1);
      return index < state->arguments.size() ? std::string_view(state->arguments[index].text) : std::string_view();
    }
    if (state != nullptr && id == VariableId::acl_narg) return scratch = std::to_string(state->arguments.size());
    if (state != nullptr && id == VariableId::acl_verify_message) return state->verify_message;
    if (state != nullptr && id == VariableId::sender_rate) return state->sender_rate;
    if (state != nullptr && id == VariableId::headers_added) {
      scratch.clear();
      state->headers.append_added(scratch);
      return scratch;
    }
    const auto found = values.find(id);
    return found == values.end() ? std::string_view() : std::string_view(found->second);
  }
  expand::Bytes bytes_of(VariableId id) const override {
    const auto index = static_cast<std::size_t>(id) - static_cast<std::size_t>(VariableId::acl_arg1);
    return state != nullptr && index < state->arguments.size() ? state->arguments[index].bytes : expand::Bytes::peers;
  }
  std::optional<expand::Held> acl_variable(std::string_view name) const override {
    if (state == nullptr) return std::nullopt;
    return (name.starts_with("acl_c") ? state->connection_variables : state->message_variables).get(name);
  }
  std::optional<std::string_view> header(std::string_view name, std::size_t& at) const override {
    while (at < headers.size()) {
      const auto& [key, value] = headers[at++];
      if (key == name) return value;
    }
    return std::nullopt;
  }
};

class FakeWorld final : public AclWorld {
 public:
  std::map<std::string, std::shared_ptr<const Acl>, std::less<>> acls;
  ratelimit::RateTable rates;
  ManualClock clock;
  std::string log;
  bool rates_wait = false;
  dnsbl::ZoneTable zone_table;
  std::vector<std::string_view> recipients = {"user@in.local"};
  std::optional<std::string> strange;
  lists::ListFacts list_facts;  // nothing can be asked
  lists::ListFacts* asked_facts = nullptr;

  std::shared_ptr<const Acl> find_acl(std::string_view text, std::string& why) override {
    const auto found = acls.find(text);
    if (found != acls.end()) return found->second;
    why = "unknown ACL verb \"" + std::string(text) + "\" in \"" + std::string(text) + "\"";
    return nullptr;
  }
  Task<void> delay(std::int64_t ms, bool flush) override {
    log += "delay " + std::to_string(ms) + (flush ? ";" : " unflushed;");
    co_return;
  }
  std::optional<ratelimit::Verdict> ask_rate_now(const ratelimit::Question& question) override {
    if (rates_wait) return std::nullopt;
    log += question.key + ";";
    return rates.ask(question, clock.wall_now());
  }
  Task<std::optional<ratelimit::Verdict>> ask_rate(ratelimit::Question question) override {
    log += "asked elsewhere;";
    co_return rates.ask(question, clock.wall_now());
  }
  lists::ListFacts& facts() override { return asked_facts != nullptr ? *asked_facts : list_facts; }
  dns::Resolver* resolver() override { return nullptr; }
  dnsbl::ZoneTable& zones() override { return zone_table; }
  Wait wait() override { return {}; }
  Task<routing::AddressVerdict> verify_address(routing::VerifyRequest request) override {
    using Result = routing::AddressVerdict::Result;
    log += (request.is_recipient ? "to " : "from ") + request.address + (request.callout ? " by callout;" : ";");
    routing::AddressVerdict verdict{.has_called = request.callout.has_value(), .address_data = {"data of " + request.address}};
    if (request.address.starts_with("bad")) {
      verdict.result = Result::failed;
      verdict.message = verdict.log_message = "Unrouteable address";
    } else if (request.address.starts_with("later")) {
      verdict.result = Result::deferred;
      verdict.log_message = "no answer";
    }
    co_return verdict;
  }
  std::span<const std::string_view> envelope_recipients() override { return recipients; }
  std::optional<std::string> strange_header_name() override { return strange; }
};

class FakeListener final : public AclListener {
 public:
  std::string heard;
  void warning(std::string_view text) override { heard.append("W:").append(text).append(";"); }
  void skipped(std::string_view text) override { heard.append("S:").append(text).append(";"); }
  void trouble(std::string_view text) override { heard.append("T:").append(text).append(";"); }
  void note(LogTargets targets, std::string_view text) override {
    heard.append("N").append(targets.main ? "m" : "").append(targets.reject ? "r" : "").append(targets.panic ? "p" : "");
    heard.append(":").append(text).append(";");
  }
};

// Each line of `text` is a logical line, numbered from 1.
std::vector<ConfigText> lines(std::string_view text) {
  std::vector<ConfigText> made;
  for (std::uint32_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) made.push_back(ConfigTextForTest::line(text.substr(0, end), "acl.conf", number));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return made;
}

class FakeServices final : public expand::CompileServices {
 public:
  std::expected<Lookup, std::string> find_lookup(std::string_view) override { return std::unexpected("none here"); }
  bool is_lookup_type(std::string_view) override { return false; }
  std::expected<List, std::string> find_list(expand::ListKind, const ConfigText&) override {
    return std::unexpected("none here");
  }
  bool is_named_list(std::string_view) override { return false; }
};

struct Loaded {
  Acl acl;
  std::string complaints;
};

Loaded load(std::string_view text, std::optional<Phase> phase = std::nullopt) {
  expand::Diagnostics diagnostics;
  lists::ListCompiler lists({.primary_hostname = "mx.example.org"}, diagnostics);
  lists.define(lists::ListKind::domain, ConfigTextForTest::line("local_domains"), ConfigTextForTest::line("in.local"));
  FakeServices services;
  Loaded loaded{compile_acl("check_rcpt", lines(text), lists, diagnostics, &services), {}};
  if (phase) check_phase(loaded.acl, *phase, diagnostics);
  for (const auto& d : diagnostics.all())
    loaded.complaints += std::to_string(d.line) + ":" + std::to_string(d.column) + ": " + d.message + "\n";
  return loaded;
}

constexpr std::string_view name_of(AclVerdict verdict) {
  switch (verdict) {
    case AclVerdict::accept: return "accept";
    case AclVerdict::deny: return "deny";
    case AclVerdict::defer: return "defer";
    case AclVerdict::drop: return "drop";
    case AclVerdict::discard: return "discard";
  }
  return "?";
}

// By the machine, whether or not something waits.
AclOutcome outcome_of(const Acl& acl, const AclSubject& subject) {
  ManualScheduler scheduler;
  AclRun run(acl, subject);
  Gate gate;
  while (!run.advance()) {
    gate.start(run.wait());
    scheduler.run();
  }
  return run.take();
}

// ACLs that others may ask.
std::map<std::string, std::shared_ptr<const Acl>, std::less<>> named_acls() {
  std::map<std::string, std::shared_ptr<const Acl>, std::less<>> acls;
  const auto add = [&](std::string name, std::string_view text) {
    const Loaded loaded = load(text);
    EXPECT_EQ(loaded.complaints, "") << text;
    acls.emplace(std::move(name), std::make_shared<const Acl>(loaded.acl));
  };
  add("yes", "accept message = fine");
  add("no", "deny message = inner says no\n log_message = inner log");
  add("away", "defer message = inner later");
  add("end", "drop message = inner drop");
  add("gone", "discard");
  add("words", "warn logwrite = $acl_narg<$acl_arg1><$acl_arg2><$acl_arg9>\naccept");
  add("again", "deny acl = again");
  add("two", "warn acl = words x\n logwrite = back $acl_narg<$acl_arg1>\naccept");
  return acls;
}

// "verdict [message] [log message] what the listener heard", for user@in.local from <sender@example.net> at 192.0.2.7.
std::string judged(std::string_view text) {
  const Loaded loaded = load(text);
  EXPECT_EQ(loaded.complaints, "") << text;
  FakeContext context;
  context.values = {{VariableId::domain, "in.local"},
                    {VariableId::sender_address, "sender@example.net"},
                    {VariableId::sender_helo_name, "${if eq{a}{a}}"}};
  FakeListener listener;
  AclState state;
  context.state = &state;
  FakeWorld world;
  world.acls = named_acls();
  AclSubject subject{.variables = context,
                     .client = *IpAddress::parse("192.0.2.7"),
                     .sender = "sender@example.net",
                     .recipient = "user@in.local",
                     .local_part = "user",
                     .domain = "in.local",
                     .listener = &listener};
  subject.state = &state;
  subject.world = &world;
  const AclOutcome outcome = outcome_of(loaded.acl, subject);
  EXPECT_EQ(state.depth, 0u) << text;
  EXPECT_TRUE(state.arguments.empty()) << text;
  listener.heard += world.log;
  std::string result(name_of(outcome.verdict));
  result += " [" + outcome.message + "] [" + outcome.log_message + "]";
  return listener.heard.empty() ? result : result + " " + listener.heard;
}

struct Case {
  std::string_view acl;
  std::string_view outcome;
};

constexpr Case kCases[] = {
    {"", "deny [] []"},
    {"accept", "accept [] []"},
    {"deny\naccept", "deny [] []"},
    {"accept domains = other\n", "deny [] []"},
    {"accept domains = +local_domains", "accept [] []"},
    {"accept !domains = +local_domains\ndefer message = later", "defer [later] []"},
    {"accept ! domains = other", "accept [] []"},
    {"accept domains = !other", "accept [] []"},
    {"accept hosts = 192.0.2.0/24", "accept [] []"},
    {"accept\n hosts = 10.0.0.0/8\naccept hosts = !10.0.0.0/8", "accept [] []"},
    {"accept local_parts = USER : root", "accept [] []"},
    {"accept recipients = user@in.local", "accept [] []"},
    {"accept recipients = user@other", "deny [] []"},
    {"accept sender_domains = example.net", "accept [] []"},
    {"accept senders = *@example.net", "accept [] []"},
    {"accept senders = :", "deny [] []"},
    {"deny domains = +local_domains\n hosts = 10.0.0.1\n message = no\naccept", "accept [] []"},
    {"deny message = 550 5.7.1 go away, $domain\n log_message = said no", "deny [550 5.7.1 go away, in.local] [said no]"},
    {"deny message = one\\ntwo", "deny [one\ntwo] []"},
    {"deny message = first\n message = second", "deny [second] []"},
    {"drop message = bye", "drop [bye] []"},
    {"discard message = gone\n log_message = why", "discard [gone] [why]"},
    {"accept message = welcome\n log_message = noted", "accept [welcome] [noted]"},
    {"require message = first\n domains = in.local\n message = second\n hosts = 10.0.0.1\n message = third\naccept",
     "deny [second] []"},
    {"require domains = in.local\naccept", "accept [] []"},
    {"require !domains = in.local\naccept", "deny [] []"},
    {"accept domains = in.local\n endpass\n message = endpass says no\n hosts = 10.0.0.1", "deny [endpass says no] []"},
    {"accept domains = in.local\n endpass\n message = unused\n hosts = 192.0.2.7", "accept [] []"},
    {"accept domains = other\n endpass\n hosts = 10.0.0.1\ndefer", "defer [] []"},
    {"warn log_message = seen $domain\nwarn hosts = 10.0.0.1\n log_message = unseen\nwarn\naccept",
     "accept [] [] W:seen in.local;"},
    {"accept condition = yes", "accept [] []"},
    {"accept condition = ${if eq{$domain}{in.local}}", "accept [] []"},
    {"accept condition = ${if eq{$domain}{other}{1}{0}}\ndefer", "defer [] []"},
    {"accept !condition = 0", "accept [] []"},
    {"accept condition = 00\ndefer", "defer [] []"},
    {"accept condition =\ndefer", "defer [] []"},
    {"accept condition = maybe", "defer [] [invalid \"condition\" value \"maybe\"]"},
    {"accept condition = ${if = {x}{1}}",
     "defer [] [failed to expand ACL string \"${if = {x}{1}}\": integer expected but \"x\" found] T:failed to expand ACL "
     "string "
     "\"${if = {x}{1}}\": integer expected but \"x\" found;"},
    {"warn condition = ${if = {x}{1}}\naccept",
     "defer [] [failed to expand ACL string \"${if = {x}{1}}\": integer expected but \"x\" found] T:failed to expand ACL "
     "string "
     "\"${if = {x}{1}}\": integer expected but \"x\" found;"},
    {"accept condition = ${if eq{a}{b}{yes}fail}", "accept [] []"},  // a forced failure: as if it were not there
    {"accept !condition = ${if eq{a}{b}{yes}fail}", "accept [] []"},
    {"warn condition = maybe\n log_message = x\naccept",
     "accept [] [] S:ACL \"warn\" statement skipped: condition test deferred: invalid \"condition\" value \"maybe\";"},
    {"accept continue = ${lc:A}\n continue = ${if eq{a}{b}{}fail}", "accept [] []"},
    {"accept continue = ${if = {x}{1}}",
     "defer [] [failed to expand ACL string \"${if = {x}{1}}\": integer expected but \"x\" found] T:failed to expand ACL "
     "string "
     "\"${if = {x}{1}}\": integer expected but \"x\" found;"},
    {"deny message = ${if = {x}{1}}\n log_message = kept",
     "deny [] [kept] T:failed to expand ACL message \"${if = {x}{1}}\": integer expected but \"x\" found;"},
    {"deny message = ${if eq{a}{b}{}fail}", "deny [] []"},
    {"deny message = $sender_helo_name", "deny [${if eq{a}{a}}] []"},  // what a peer sent is not looked at again
};

constexpr Case kAskingCases[] = {
    {"accept acl = yes", "accept [] []"},  // what a condition says is forgotten by an acceptance
    {"deny acl = no\naccept", "accept [] []"},
    {"accept acl = no", "deny [] []"},
    {"require acl = no", "deny [inner says no] [inner log]"},
    {"require acl = no\n message = outer", "deny [inner says no] [inner log]"},
    {"require message = outer ($acl_verify_message)\n acl = no", "deny [outer (inner says no)] [inner log]"},
    {"deny !acl = no", "deny [inner says no] [inner log]"},
    {"require log_message = outer\n acl = no", "deny [inner says no] [outer: inner log]"},
    {"deny log_message = outer", "deny [] [outer]"},
    {"deny log_reject_target = main : nowhere",
     "deny [] [] T:unknown log name \"nowhere\" in \"log_reject_target\" in this ACL;"},
    {"accept logwrite =   blanks ${lc:B} ${if eq{a}{b}{x}}", "accept [] [] Nm:blanks b ;"},
    {"accept acl = away", "defer [inner later] [inner later]"},
    {"require acl = end", "drop [inner drop] []"},
    {"accept endpass\n acl = end", "drop [inner drop] []"},
    {"accept acl = gone", "discard [] []"},
    {"deny acl = gone",
     "defer [] [nested ACL returned \"discard\" for \"deny\" command (only allowed with \"accept\" or \"discard\")] T:nested "
     "ACL "
     "returned \"discard\" for \"deny\" command (only allowed with \"accept\" or \"discard\");"},
    {"accept acl = nope", "defer [] [unknown ACL verb \"nope\" in \"nope\"] T:unknown ACL verb \"nope\" in \"nope\";"},
    {"accept acl = $sender_helo_name",
     "defer [] [attempt to use tainted string \"${if eq{a}{a}}\" as the name of an ACL] T:attempt to use tainted string \"${if "
     "eq{a}{a}}\" as the name of an ACL;"},
    {"accept acl = again", "defer [] [ACL nested too deep: possible loop] T:ACL nested too deep: possible loop;"},
    {"accept acl = words", "accept [] [] Nm:0<><><>;"},
    {"accept acl = words a $domain 3 4 5 6 7 8 9", "accept [] [] Nm:9<a><in.local><9>;"},
    {"accept acl = words \"a b\" ${uc:x y}", "accept [] [] Nm:2<a b><X Y><>;"},
    {"accept acl = two q", "accept [] [] Nm:1<x><><>;Nm:back 1<q>;"},
    {"accept acl = ${if eq{a}{b}{x}fail}", "accept [] []"},
    {"warn set acl_m_x = 1\n set acl_c0 = $domain\naccept message = $acl_m_x ${acl_c0}", "accept [1 in.local] []"},
    {"warn set acl_m_x = ${if eq{a}{b}{x}fail}\naccept message = <$acl_m_x>", "accept [<>] []"},
    {"accept logwrite = :main,panic: to both\n logwrite = :reject:x", "accept [] [] Nmp:to both;Nr:x;"},
    {"accept logwrite = :nowhere: x",
     "defer [] [unknown log name \"nowhere\" in \"logwrite\" modifier] T:unknown log name \"nowhere\" in \"logwrite\" "
     "modifier;"},
    {"accept add_header = X-A: 1\n add_header = :at_start:X-B: 2\n message = $headers_added", "accept [X-A: 1\nX-B: 2] []"},
    {"warn message = no name here\naccept message = $headers_added", "accept [X-ACL-Warn: no name here] []"},
    {"accept delay = 1m30s", "accept [] [] delay 90000;"},
    {"accept control = no_delay_flush\n delay = 5s", "accept [] [] delay 5000 unflushed;"},
    {"accept delay = 0s", "accept [] []"},
    {"accept delay = soon",
     "defer [] [syntax error in argument for \"delay\" modifier: \"soon\" is not a time value] T:syntax error in argument for "
     "\"delay\" modifier: \"soon\" is not a time value;"},
    {"accept authenticated = *\ndefer", "defer [] []"},
    {"accept !encrypted = *", "accept [] []"},
    {"deny ratelimit = 2 / 1h / per_cmd\naccept message = $sender_rate", "accept [1.0] [] 1h/per_cmd/192.0.2.7;"},
    {"deny ratelimit = 1 / 1h / per_cmd / k\naccept", "deny [] [] 1h/per_cmd/k;"},
    {"warn ratelimit = 9 / 1h / strict / x\nwarn ratelimit = 9 / 1h / strict / x\naccept message = $sender_rate",
     "accept [1.0] [] 1h/per_mail/x;"},  // a message is counted once
    {"deny ratelimit = 5 / 1h / per_addr\naccept", "accept [] [] 1h/per_addr/unique/192.0.2.7;"},
    {"deny ratelimit = 5 / 1h / count=${if eq{a}{a}{6}{1}}\naccept", "deny [] [] 1h/per_mail/192.0.2.7;"},
    {"accept verify = sender", "accept [] [] from sender@example.net;"},
    {"accept verify = recipient", "accept [] [] to user@in.local;"},
    {"require verify = sender=bad@x", "deny [Sender verify failed] [Sender verify failed] from bad@x;"},
    {"require verify = sender=later@x", "defer [] [Could not complete sender verify] from later@x;"},
    {"require verify = sender=later@x/defer_ok\naccept", "accept [] [] from later@x;"},
    {"accept verify = not_blind", "deny [] []"},
    {"require verify = not_blind", "deny [bcc recipient detected] [bcc recipient detected]"},
    {"accept verify = header_syntax", "accept [] []"},
    {"require verify = helo", "deny [no HELO or EHLO was given] [no HELO or EHLO was given]"},
};

TEST(Acl, AsksAndDoes) {
  for (const Case& c : kAskingCases) EXPECT_EQ(judged(c.acl), c.outcome) << c.acl;
}

TEST(Acl, GoesOnAfterWaiting) {
  FakeContext context;
  AclState state;
  context.state = &state;
  FakeListener listener;
  FakeWorld world;
  world.rates_wait = true;
  world.acls = named_acls();
  AclSubject subject{.variables = context, .client = *IpAddress::parse("192.0.2.7"), .listener = &listener};
  subject.state = &state;
  subject.world = &world;
  world.acls.emplace(
      "slow", std::make_shared<const Acl>(load("accept ratelimit = 1 / 1h / per_cmd / $acl_arg1\n message = $acl_arg1").acl));
  const Loaded loaded = load("warn acl = slow one\n logwrite = $acl_narg\naccept acl = slow two\n message = done $acl_narg");
  EXPECT_EQ(run(loaded.acl, subject).verdict, AclVerdict::defer);  // one who cannot wait
  const AclOutcome outcome = outcome_of(loaded.acl, subject);
  EXPECT_EQ(outcome.verdict, AclVerdict::accept);
  EXPECT_EQ(outcome.message, "done 0");
  EXPECT_EQ(listener.heard, "Nm:0;");
  EXPECT_EQ(world.log, "asked elsewhere;asked elsewhere;");
}

class Tracer final : public AclListener {
 public:
  std::string heard;
  void warning(std::string_view) override {}
  void skipped(std::string_view) override {}
  void trouble(std::string_view) override {}
  [[nodiscard]] bool traces() const override { return true; }
  void begins(const Acl& acl, const Statement& statement, unsigned depth) override {
    heard.append(depth, '>').append(acl.name).append(": ").append(statement.source.view()).append("\n");
  }
  void did(const StepTrace& step, unsigned depth) override {
    heard.append(depth, '>').append("  ").append(step.source).append(" [").append(step.value).append("] ");
    heard.append(step.result).append(step.why.empty() ? "" : ": ").append(step.why).append("\n");
  }
  void judged(const Acl&, const Statement& statement, std::string_view result, unsigned depth) override {
    heard.append(depth, '>').append(" ").append(statement.source.view()).append(" is ").append(result).append("\n");
  }
  void ended(const Acl& acl, const AclOutcome& outcome, bool implicit, unsigned depth) override {
    heard.append(depth, '>').append(acl.name).append(implicit ? " falls off its end" : " ends");
    heard.append(outcome.message.empty() ? "" : ": ").append(outcome.message).append("\n");
  }
};

TEST(Acl, CanBeWatched) {
  FakeContext context;
  context.values = {{VariableId::domain, "in.local"}};
  FakeWorld world;
  world.acls.emplace("inner", std::make_shared<const Acl>(load("accept condition = $acl_narg").acl));
  Tracer tracer;
  AclState state;
  context.state = &state;
  AclSubject subject{.variables = context, .domain = "in.local", .listener = &tracer};
  subject.state = &state;
  subject.world = &world;
  const Loaded loaded =
      load("deny !domains = in.local\nwarn set acl_m_x = $domain\n acl = inner\naccept condition = ${uc:maybe}");
  static_cast<void>(outcome_of(loaded.acl, subject));
  EXPECT_EQ(tracer.heard,
            "check_rcpt: deny\n  !domains = in.local [in.local] true: matched \"in.local\"\n deny is false\n"
            "check_rcpt: warn\n  set acl_m_x = $domain [in.local] \n  acl = inner [inner] asked\n"
            ">check_rcpt: accept\n>  condition = $acl_narg [0] false\n> accept is false\n>check_rcpt falls off its end\n"
            "  acl = inner [] false\n warn is false\n"
            "check_rcpt: accept\n  condition = ${uc:maybe} [MAYBE] deferred: invalid \"condition\" value \"MAYBE\"\n"
            " accept is deferred\ncheck_rcpt ends\n");
}

TEST(Acl, TellsWhyAListMatched) {
  FakeContext context;
  const auto why = [&](std::string_view condition) {
    Tracer tracer;
    AclSubject subject{.variables = context,
                       .client = *IpAddress::parse("192.0.2.9"),
                       .sender = "me@x.example",
                       .recipient = "you@in.local",
                       .local_part = "you",
                       .domain = "in.local",
                       .listener = &tracer};
    static_cast<void>(outcome_of(load(std::string("deny ").append(condition)).acl, subject));
    const std::size_t begin = tracer.heard.find('[');
    return tracer.heard.substr(begin, tracer.heard.find('\n', begin) - begin);
  };
  EXPECT_EQ(why("hosts = 198.51.100.1 : 192.0.2.0/24"), "[192.0.2.9] true: matched \"192.0.2.0/24\"");
  EXPECT_EQ(why("hosts = !192.0.2.9 : *"), "[192.0.2.9] false: matched \"!192.0.2.9\"");
  EXPECT_EQ(why("hosts = *"), "[192.0.2.9] true: matched \"*\"");
  EXPECT_EQ(why("hosts ="), "[192.0.2.9] false: end of list");
  EXPECT_EQ(why("domains = out.local : *.local"), "[in.local] true: matched \"*.local\"");
  EXPECT_EQ(why("domains = out.local"), "[in.local] false: end of list");
  EXPECT_EQ(why("domains = !out.local"), "[in.local] true: end of list, whose last item is negative");
  EXPECT_EQ(why("domains = ^in"), "[in.local] true: matched \"^in\"");
  EXPECT_EQ(why("senders = *@x.example"), "[<me@x.example>] true: matched \"*@x.example\"");
  EXPECT_EQ(why("sender_domains = x.example"), "[x.example] true: matched \"x.example\"");
  EXPECT_EQ(why("recipients = you@in.local"), "[<you@in.local>] true: matched \"you@in.local\"");
  EXPECT_EQ(why("local_parts = me"), "[you] false: end of list");
}

TEST(Acl, TextsAreWatchedOnceTheyAreExpanded) {
  FakeContext context;
  context.values = {{VariableId::domain, "in.local"}};
  Tracer tracer;
  AclSubject subject{.variables = context, .domain = "in.local", .listener = &tracer};
  static_cast<void>(outcome_of(load("deny message = not $domain\n log_message = ${if eq{a}{b}{c}fail}").acl, subject));
  EXPECT_EQ(tracer.heard,
            "check_rcpt: deny\n deny is true\n  message = not $domain [not in.local] \n"
            "  log_message = ${if eq{a}{b}{c}fail} [] : \"if\" failed and \"fail\" requested\ncheck_rcpt ends: not in.local\n");
}

TEST(Acl, FindsMisplacedWordsWhenTheyWereNotFoundAtLoad) {
  FakeContext context;
  FakeListener listener;
  AclSubject subject{.variables = context, .listener = &listener};
  subject.phase = Phase::connect;
  EXPECT_EQ(run(load("warn senders = a@b\naccept").acl, subject).log_message,
            "cannot test senders condition in connection ACL");
  EXPECT_EQ(listener.heard, "T:cannot test senders condition in connection ACL;");
  EXPECT_EQ(run(load("accept add_header = X: y").acl, subject).log_message,
            "cannot use add_header condition in connection ACL");
  EXPECT_EQ(run(load("accept control = ${uc:x}").acl, subject).log_message, "unknown control \"X\"");
}

TEST(Acl, TheOutermostVerdictMayNotFitItsPhase) {
  FakeContext context;
  FakeListener listener;
  AclSubject subject{.variables = context, .listener = &listener};
  subject.phase = Phase::quit;
  const AclOutcome at_quit = run(load("deny message = stay").acl, subject);
  EXPECT_EQ(at_quit.verdict, AclVerdict::accept);
  EXPECT_EQ(at_quit.message, "stay");
  EXPECT_EQ(listener.heard,
            "T:ACL for QUIT returned ERROR: QUIT or not-QUIT toplevel ACL may not fail ('deny' verb used incorrectly);");
  listener.heard.clear();
  EXPECT_EQ(run(load("warn").acl, subject).verdict, AclVerdict::deny);
  EXPECT_EQ(listener.heard, "");

  subject.phase = Phase::predata;
  EXPECT_EQ(run(load("discard").acl, subject).verdict, AclVerdict::defer);
  EXPECT_EQ(listener.heard, "T:\"discard\" verb not allowed in PREDATA ACL;");
}

TEST(Acl, WhereThereIsNoMessageConnectionsAreCounted) {
  FakeContext context;
  FakeListener listener;
  AclState state;
  FakeWorld world;
  AclSubject subject{.variables = context, .listener = &listener};
  subject.state = &state;
  subject.world = &world;
  subject.client = *IpAddress::parse("192.0.2.7");
  subject.phase = Phase::connect;
  EXPECT_EQ(run(load("deny ratelimit = 1 / 1h\naccept").acl, subject).verdict, AclVerdict::deny);
  EXPECT_NE(world.log.find("1h/per_conn/192.0.2.7"), std::string::npos) << world.log;
  EXPECT_EQ(
      run(load("deny ratelimit = 1 / 1h / per_mail\naccept").acl, subject).log_message,
      "error in arguments to \"ratelimit\" condition: \"per_mail\" must not have /leaky or /strict option, or cannot be used "
      "in connection ACL");
}

TEST(HeaderChanges, ReadsFieldsAndPlaces) {
  HeaderChanges changes;
  EXPECT_TRUE(
      changes.add("\n\nX-A: one\n  more\nX-B: two\n\n:at_start_rfc: X-C: three\n:AT_END:X-D: 4\nplain text\nX-A: one\n  more"));
  const std::pair<AddedAt, std::string> expected[] = {{AddedAt::end, "X-A: one\n  more"},
                                                      {AddedAt::end, "X-B: two"},
                                                      {AddedAt::start_rfc, "X-C: three"},
                                                      {AddedAt::end, "X-D: 4"},
                                                      {AddedAt::end, "X-ACL-Warn: plain text"}};
  ASSERT_EQ(changes.added().size(), std::size(expected));
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(changes.added()[i].place, expected[i].first) << i;
    EXPECT_EQ(changes.added()[i].text, expected[i].second) << i;
  }
  EXPECT_TRUE(changes.remove("X-A : : Subject"));
  EXPECT_EQ(changes.removed(), (std::vector<std::string>{"X-A", "Subject"}));
  EXPECT_FALSE(changes.add(std::string(HeaderChanges::kBytesMax, 'x')));
  EXPECT_EQ(changes.added().size(), std::size(expected));
  HeaderChanges clean;
  EXPECT_TRUE(clean.add(std::string_view("X: a\r\0b\r\nY: c", 14)));
  ASSERT_EQ(clean.added().size(), 2u);
  EXPECT_EQ(clean.added()[0].text, "X: ab");
}

TEST(AddressField, ReadsWhatPeopleWrite) {
  const struct {
    std::string_view value;
    std::vector<std::string> addresses;
    std::string_view why;
  } cases[] = {
      {" a@b.example", {"a@b.example"}, ""},
      {"A B <a@b.example>, \"c, d\" <c@d.example> (x, y <z>)", {"a@b.example", "c@d.example"}, ""},
      {"friends: a@b.example, C <c@d.example>; , e@f.example", {"a@b.example", "c@d.example", "e@f.example"}, ""},
      {"undisclosed-recipients:;", {}, ""},
      {"<>", {}, "missing or malformed local part"},
      {"", {}, ""},
      {"a@[192.0.2.1]", {"a@[192.0.2.1]"}, ""},
      {"\"a b\"@c.example", {"\"a b\"@c.example"}, ""},
      {"a@[IPv6:2001:db8::1], b@c.example", {"a@[IPv6:2001:db8::1]", "b@c.example"}, ""},
      {"<@x.example,@y.example:a@b.example>, c@d.example", {"a@b.example", "c@d.example"}, ""},
      {"@x.example:a@b.example", {"a@b.example"}, ""},
      {"friends: a@b.example", {"a@b.example"}, ""},
      {"a@b.example (open", {"a@b.example"}, ""},
      {".a..b.@c.example", {".a..b.@c.example"}, ""},
      {"\"open <a@b.example>", {}, "unmatched doublequote in local part"},
      {"A <a@b.example", {}, "'>' missing at end of address"},
      {"user", {}, "unqualified address not permitted"},
      {"A, B <a@b.example>", {}, "unqualified address not permitted"},
      {"a@b.example, c d@e.example", {"a@b.example"}, "missing or malformed local part (expected word or \"<\")"},
      {"<<a@b.example>>", {}, "missing or malformed local part"},
      {"@b.example", {}, "no local part"},
      {"a@", {}, "domain missing or malformed"},
      {"a@b..c", {}, "domain missing or malformed"},
      {"a@[1.2.3", {}, "malformed domain literal"},
      {"a@b.example; c@d.example", {}, "malformed address: ; c@d.example may not follow a@b.example"},
      {"A <a@b.example> <c@d.example>", {}, "malformed address: <c@d.example> may not follow A <a@b.example> "},
      {"a: b: c@d.example", {}, "missing or malformed local part (expected word or \"<\")"},
  };
  for (const auto& c : cases) {
    const AddressField field = read_address_field(c.value);
    EXPECT_EQ(field.why, c.why) << c.value;
    EXPECT_EQ(field.addresses, c.addresses) << c.value;
    for (std::size_t cut = 0; cut <= c.value.size(); ++cut) static_cast<void>(read_address_field(c.value.substr(0, cut)));
  }
}

TEST(Acl, DecidesAsTheTableSays) {
  for (const Case& c : kCases) EXPECT_EQ(judged(c.acl), c.outcome) << c.acl;
}

TEST(Acl, ReportsEveryErrorWithItsPlace) {
  const Case cases[] = {
      {"acept", "1:1: unknown ACL verb \"acept\": did you mean \"accept\"?\n"},
      {"  hosts = 1.2.3.4", "1:3: unknown ACL verb \"hosts\"\n"},
      {"accept domain = x", "1:8: unknown ACL condition or modifier \"domain\": did you mean \"domains\"?\n"},
      {"accept\n denny", "2:2: unknown ACL condition or modifier \"denny\": did you mean \"deny\"?\n"},
      {"accept = x", "1:8: the name of a verb, a condition or a modifier is expected here\n"},
      {"accept hosts 1.2.3.4", "1:14: \"=\" is missing after \"hosts\"\n"},
      {"!accept", "1:1: a verb cannot be negated: remove the ! before \"accept\"\n"},
      {"accept !message = x", "1:8: \"message\" is a modifier and cannot be negated: remove the !\n"},
      {"accept verify = recipient/callout=5", ""},
      {"accept verify = recipient/callout=5s,hold", "1:17: verify: the callout option \"hold\" is not built\n"},
      {"accept verify = sender/callout=use_sender",
       "1:17: verify: the callout options \"use_sender\" and \"use_postmaster\" are for verify = recipient\n"},
      {"accept verify = sender/callout=mailfrom=a@b",
       "1:17: verify: the callout option \"mailfrom\" is for verify = header_sender\n"},
      {"accept verify = recipient/quota", "1:17: verify: quotas of mailboxes are not looked at here\n"},
      {"accept verify = recpient", "1:17: verify: unknown word \"recpient\": did you mean \"recipient\"?\n"},
      {"accept verify = helo/defer_ok", "1:17: verify = helo does not take the option \"defer_ok\"\n"},
      {"accept verify = certificate", "1:17: verify = certificate cannot be used: TLS is not built yet\n"},
      {"warn set acl_x_y = 1",
       "1:10: set: \"acl_x_y\" is no name of an ACL variable: it begins with acl_c or acl_m and goes on with a digit or an "
       "underscore\n"},
      {"warn set acl_m_x 1", "1:18: \"=\" is missing after \"acl_m_x\"\n"},
      {"warn set $acl_m_x = 1", "1:10: set: the name is written without $: set acl_m_x = ...\n"},
      {"warn !set acl_m_x = 1", "1:6: \"set\" is a modifier and cannot be negated: remove the !\n"},
      {"warn control = frobnicate", "1:16: unknown control \"frobnicate\"\n"},
      {"warn control = freze", "1:16: unknown control \"freze\": did you mean \"freeze\"?\n"},
      {"warn control = freeze/now", "1:16: control = freeze does not take the option \"now\"\n"},
      {"warn control = bmi_run", "1:16: control = bmi_run cannot be used: Brightmail is not built yet\n"},
      {"deny ratelimit = x / 1h", "1:18: error in arguments to \"ratelimit\" condition: \"x\" is not a positive number\n"},
      {"deny ratelimit = 1 / x", "1:18: error in arguments to \"ratelimit\" condition: \"x\" is not a time value\n"},
      {"deny ratelimit = 1 / 1h / strict / leaky",
       "1:18: error in arguments to \"ratelimit\" condition: conflicting update modes\n"},
      {"deny ratelimit = 1 / 1h / per_mail / per_cmd",
       "1:18: error in arguments to \"ratelimit\" condition: conflicting per_* options\n"},
      {"deny acl =", "1:11: acl: the name of an ACL is missing\n"},
      {"deny acl = \"x", "1:12: the doublequote at the end of the word is missing\n"},
      {"warn queue = x", "1:6: \"queue\" cannot be used: named queues are not built\n"},
      {"deny endpass", "1:6: \"endpass\" belongs to accept and discard only\n"},
      {"accept endpass = x", "1:16: \"endpass\" takes no value\n"},
      {"deny message = $doman", "1:16: unknown variable name \"doman\": did you mean \"$domain\"?\n"},
      {"accept hosts = 1.2.3.4 : +a\n domains = +x\n  frobnicate\naccept spam = x",
       "1:26: unknown named host list \"+a\"\n"
       "2:12: unknown named domain list \"+x\"\n"
       "3:3: unknown ACL condition or modifier \"frobnicate\"\n"
       "4:8: \"spam\" cannot be used: content scanning is not built yet\n"},
  };
  for (const Case& c : cases) EXPECT_EQ(load(c.acl).complaints, c.outcome) << c.acl;
}

// Names that come a while later.
class SlowNames final : public lists::ListFacts {
 public:
  dns::HostNames::Result result = dns::HostNames::Result::confirmed;
  int asked = 0;
  std::optional<dns::HostNames> host_names_now() override { return std::nullopt; }
  Task<dns::HostNames> host_names() override {
    ++asked;
    co_await Yield{};
    dns::HostNames names;
    names.result = result;
    if (result == dns::HostNames::Result::confirmed) names.name = PeerText("client.example");
    co_return names;
  }
};

struct ListCase {
  std::string_view acl;
  std::string_view confirmed;  // what comes of it when the client has a name
  std::string_view none;       // when it has none
};

TEST(Acl, ListsWait) {
  constexpr ListCase kLists[] = {
      {"accept hosts = *.example", "accept []", "deny []"},
      {"accept hosts = +include_unknown : *.example", "accept []", "accept []"},
      {"accept hosts = +ignore_unknown : *.other : 192.0.2.7", "accept []", "accept []"},
      {"accept !hosts = *.example", "deny []", "accept []"},
      {"accept hosts = 192.0.2.7 : *.example", "accept []", "accept []"},
      {"accept hosts = forward.example", "defer [DNS lookup of \"forward.example\" deferred]",
       "defer [DNS lookup of \"forward.example\" deferred]"},
      {"warn hosts = forward.example\naccept", "accept []", "accept []"},
  };
  for (const ListCase& c : kLists)
    for (const bool has_name : {true, false}) {
      const Loaded loaded = load(c.acl);
      EXPECT_EQ(loaded.complaints, "") << c.acl;
      SlowNames names;
      if (!has_name) names.result = dns::HostNames::Result::none;
      FakeWorld world;
      world.asked_facts = &names;
      AclState state;
      FakeContext context;
      AclSubject subject{.variables = context, .client = *IpAddress::parse("192.0.2.7")};
      subject.state = &state;
      subject.world = &world;
      const AclOutcome outcome = outcome_of(loaded.acl, subject);
      EXPECT_EQ(std::string(name_of(outcome.verdict)) + " [" + outcome.log_message + "]", has_name ? c.confirmed : c.none)
          << c.acl;
    }
}

TEST(Acl, ListsLeaveTheirData) {
  const Loaded loaded = load(
      "warn domains = ^(in).(local)\n local_parts = us*\nwarn senders = sender@example.net\nwarn hosts = "
      "192.0.2.7\nwarn recipients = *@in.local\naccept");
  AclState state;
  FakeContext context;
  FakeWorld world;
  AclSubject subject{.variables = context,
                     .client = *IpAddress::parse("192.0.2.7"),
                     .sender = "sender@example.net",
                     .recipient = "user@in.local",
                     .local_part = "user",
                     .domain = "in.local"};
  subject.state = &state;
  subject.world = &world;
  EXPECT_EQ(outcome_of(loaded.acl, subject).verdict, AclVerdict::accept);
  EXPECT_EQ(state.domain_data.text, "^(in).(local)");
  EXPECT_EQ(state.local_part_data.text, "") << "it did not match";
  EXPECT_TRUE(state.captures.empty()) << "they are the local part's";
  EXPECT_EQ(state.sender_data.text, "sender@example.net");
  EXPECT_EQ(state.recipient_data.text, "*@in.local");
  state.begin_command();
  EXPECT_EQ(state.domain_data.text, "");
  state.end_of_message();
  EXPECT_EQ(state.sender_data.text, "");
  EXPECT_EQ(outcome_of(load("accept domains = ^(in).(local)").acl, subject).verdict, AclVerdict::accept);
  EXPECT_EQ(state.captures, (std::vector<std::string>{"in.local", "in", "local"}));
}

TEST(Acl, KnowsItsPhases) {
  const struct {
    std::string_view acl;
    Phase phase;
    std::string_view complaint;
  } cases[] = {
      {"accept domains = a\n recipients = b@c", Phase::rcpt, ""},
      {"accept senders = a@b", Phase::data, ""},
      {"accept domains = a", Phase::data,
       "1:8: \"domains\" is not allowed in the ACL for DATA, and acl_smtp_data = check_rcpt makes this one\n"},
      {"accept !senders = a", Phase::connect,
       "1:9: \"senders\" is not allowed in the ACL for connection, and acl_smtp_connect = check_rcpt makes this one\n"},
      {"accept\ndiscard", Phase::predata,
       "2:1: \"discard\" is not allowed in the ACL for PREDATA, and acl_smtp_predata = check_rcpt makes this one\n"},
      {"deny", Phase::quit,
       "1:1: \"deny\" is not allowed in the ACL for QUIT, and acl_smtp_quit = check_rcpt makes this one\n"},
      {"warn hosts = *\naccept", Phase::quit, ""},
  };
  for (const auto& c : cases) EXPECT_EQ(load(c.acl, c.phase).complaints, c.complaint) << c.acl;
}

TEST(Acl, SplitsInlineTextAtLineEnds) {
  const auto made = lines_of(ConfigTextForTest::line("accept hosts = a\n  # comment\n\n deny"));
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(made[0].view(), "accept hosts = a");
  EXPECT_EQ(made[1].view(), "deny");
  EXPECT_TRUE(lines_of(ConfigTextForTest::line("")).empty());
}

}  // namespace
}  // namespace postern::acl
