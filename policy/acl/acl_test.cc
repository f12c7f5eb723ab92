#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/acl/compile.h"
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
  std::string_view variable(VariableId id, std::string&) const override {
    const auto found = values.find(id);
    return found == values.end() ? std::string_view() : std::string_view(found->second);
  }
};

class FakeListener final : public AclListener {
 public:
  std::string heard;
  void warning(std::string_view text) override { heard.append("W:").append(text).append(";"); }
  void skipped(std::string_view text) override { heard.append("S:").append(text).append(";"); }
  void trouble(std::string_view text) override { heard.append("T:").append(text).append(";"); }
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

struct Loaded {
  Acl acl;
  std::string complaints;
};

Loaded load(std::string_view text, std::optional<Phase> phase = std::nullopt) {
  expand::Diagnostics diagnostics;
  lists::ListCompiler lists({.primary_hostname = "mx.example.org"}, diagnostics);
  lists.define(lists::ListKind::domain, ConfigTextForTest::line("local_domains"), ConfigTextForTest::line("in.local"));
  Loaded loaded{compile_acl("check_rcpt", lines(text), lists, diagnostics), {}};
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

// "verdict [message] [log message] what the listener heard", for user@in.local from <sender@example.net> at 192.0.2.7.
std::string judged(std::string_view text) {
  const Loaded loaded = load(text);
  EXPECT_EQ(loaded.complaints, "") << text;
  FakeContext context;
  context.values = {{VariableId::domain, "in.local"},
                    {VariableId::sender_address, "sender@example.net"},
                    {VariableId::sender_helo_name, "${if eq{a}{a}}"}};
  FakeListener listener;
  const AclOutcome outcome = run(loaded.acl, {.variables = context,
                                              .client = *IpAddress::parse("192.0.2.7"),
                                              .sender = "sender@example.net",
                                              .recipient = "user@in.local",
                                              .local_part = "user",
                                              .domain = "in.local",
                                              .listener = &listener});
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
     "defer [] [failed to expand ACL string \"${if = {x}{1}}\": integer expected but \"x\" found]"},
    {"accept condition = ${if eq{a}{b}{yes}fail}", "accept [] []"},  // a forced failure: as if it were not there
    {"accept !condition = ${if eq{a}{b}{yes}fail}", "accept [] []"},
    {"warn condition = maybe\n log_message = x\naccept",
     "accept [] [] S:ACL \"warn\" statement skipped: condition test deferred: invalid \"condition\" value \"maybe\";"},
    {"accept continue = ${lc:A}\n continue = ${if eq{a}{b}{}fail}", "accept [] []"},
    {"accept continue = ${if = {x}{1}}",
     "defer [] [failed to expand ACL string \"${if = {x}{1}}\": integer expected but \"x\" found]"},
    {"deny message = ${if = {x}{1}}\n log_message = kept",
     "deny [] [kept] T:failed to expand ACL message \"${if = {x}{1}}\": integer expected but \"x\" found;"},
    {"deny message = ${if eq{a}{b}{}fail}", "deny [] []"},
    {"deny message = $sender_helo_name", "deny [${if eq{a}{a}}] []"},  // what a peer sent is not looked at again
};

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
      {"accept verify = recipient", "1:8: \"verify\" cannot be used: verification is not built yet\n"},
      {"warn set acl_m_x = 1", "1:6: \"set\" cannot be used: ACL variables are not built yet\n"},
      {"warn message = X-Header: y", "1:6: \"message\" adds a header line when it stands in warn, which is not built yet\n"},
      {"deny endpass", "1:6: \"endpass\" belongs to accept and discard only\n"},
      {"accept endpass = x", "1:16: \"endpass\" takes no value\n"},
      {"deny message = $doman", "1:16: unknown variable name \"doman\": did you mean \"$domain\"?\n"},
      {"accept hosts = 1.2.3.4 : a.b\n domains = +x\n  frobnicate\naccept verify = x",
       "1:26: \"a.b\" is a host name and needs DNS, for which hosts cannot wait\n"
       "2:12: unknown named domain list \"+x\"\n"
       "3:3: unknown ACL condition or modifier \"frobnicate\"\n"
       "4:8: \"verify\" cannot be used: verification is not built yet\n"},
  };
  for (const Case& c : cases) EXPECT_EQ(load(c.acl).complaints, c.outcome) << c.acl;
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
