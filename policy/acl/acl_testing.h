// What tests of ACLs share: a world in memory, and an ACL's way through it.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "policy/acl/compile.h"
#include "policy/acl/no_services_testing.h"
#include "policy/acl/run.h"
#include "policy/expand/config_text_for_test.h"

namespace postern::acl {

class FakeContext final : public expand::EvalContext {
 public:
  std::map<expand::VariableId, std::string> values;
  const AclState* state = nullptr;
  std::vector<std::pair<std::string, std::string>> headers;

  std::string_view variable(expand::VariableId id, std::string& scratch) const override {
    if (state != nullptr && id >= expand::VariableId::acl_arg1 && id <= expand::VariableId::acl_arg9) {
      const auto index = static_cast<std::size_t>(id) - static_cast<std::size_t>(expand::VariableId::acl_arg1);
      return index < state->arguments.size() ? std::string_view(state->arguments[index].text) : std::string_view();
    }
    if (state != nullptr && id == expand::VariableId::acl_narg) return scratch = std::to_string(state->arguments.size());
    if (state != nullptr && id == expand::VariableId::acl_verify_message) return state->verify_message;
    if (state != nullptr && id == expand::VariableId::sender_rate) return state->sender_rate;
    if (state != nullptr && id == expand::VariableId::headers_added) {
      scratch.clear();
      state->headers.append_added(scratch);
      return scratch;
    }
    const auto found = values.find(id);
    return found == values.end() ? std::string_view() : std::string_view(found->second);
  }
  expand::Bytes bytes_of(expand::VariableId id) const override {
    const auto index = static_cast<std::size_t>(id) - static_cast<std::size_t>(expand::VariableId::acl_arg1);
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
inline std::vector<expand::ConfigText> lines(std::string_view text) {
  std::vector<expand::ConfigText> made;
  for (std::uint32_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) made.push_back(expand::ConfigTextForTest::line(text.substr(0, end), "acl.conf", number));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return made;
}

struct Loaded {
  Acl acl;
  std::string complaints;
  bool loads = true;  // no complaint is more than a late one
};

inline Loaded load(std::string_view text, std::optional<Phase> phase = std::nullopt) {
  expand::Diagnostics diagnostics;
  lists::ListCompiler lists({.primary_hostname = "mx.example.org"}, diagnostics);
  lists.define(lists::ListKind::domain, expand::ConfigTextForTest::line("local_domains"),
               expand::ConfigTextForTest::line("in.local"));
  NoServices services;
  Loaded loaded{compile_acl("check_rcpt", lines(text), lists, diagnostics, &services), {}};
  if (phase) check_phase(loaded.acl, *phase, diagnostics);
  loaded.loads = diagnostics.errors() == 0;
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
inline AclOutcome outcome_of(const Acl& acl, const AclSubject& subject) {
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
inline std::map<std::string, std::shared_ptr<const Acl>, std::less<>> named_acls() {
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
inline std::string judged(std::string_view text) {
  const Loaded loaded = load(text);
  EXPECT_EQ(loaded.complaints, "") << text;
  FakeContext context;
  context.values = {{expand::VariableId::domain, "in.local"},
                    {expand::VariableId::sender_address, "sender@example.net"},
                    {expand::VariableId::sender_helo_name, "${if eq{a}{a}}"}};
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

// An ACL and what comes of it.
struct Case {
  std::string_view acl;
  std::string_view outcome;
};

}  // namespace postern::acl
