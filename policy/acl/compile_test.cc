#include "policy/acl/acl_testing.h"

namespace postern::acl {
namespace {

using expand::ConfigTextForTest;

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
      {"accept verify = recipient/callout=5s,hold",
       "1:17: verify: the callout option \"hold\" cannot be used: another process delivers, over connections of its own\n"},
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

TEST(Acl, WhatEximFindsLateFailsOnlyWhereItIsUsed) {
  const Case cases[] = {
      {"accept control = frobnicate", "defer unknown control \"frobnicate\""},
      {"accept control = freeze/now", "defer control = freeze does not take the option \"now\""},
      {"accept verify = nonsense", "defer verify: unknown word \"nonsense\""},
      {"accept ratelimit = x / 1h", "defer error in arguments to \"ratelimit\" condition: \"x\" is not a positive number"},
      {"accept domains = +nowhere", "defer unknown named domain list \"+nowhere\""},
      {"accept domains = in.local : +nowhere", "accept "},
      {"accept local_parts = ^(", "defer regular expression error in \"^(\": missing closing parenthesis at offset 2"},
      {"accept domains = ${lc:in.local", "defer failed to expand \"${lc:in.local\""},
  };
  for (const Case& c : cases) {
    const Loaded loaded = load(c.acl);
    EXPECT_TRUE(loaded.loads) << c.acl;
    EXPECT_NE(loaded.complaints, "") << c.acl;
    FakeContext context;
    FakeWorld world;
    AclSubject subject{.variables = context, .client = {}, .local_part = "user", .domain = "in.local"};
    subject.world = &world;
    const AclOutcome outcome = outcome_of(loaded.acl, subject);
    const std::string said = std::string(name_of(outcome.verdict)) + " " + outcome.log_message;
    EXPECT_TRUE(said.starts_with(c.outcome)) << c.acl << ": " << said;
  }
}

TEST(Acl, WhatIsNotBuiltDoesNotLoad) {
  for (const std::string_view text : {"accept control = bmi_run", "accept verify = certificate",
                                      "accept verify = recipient/quota", "accept verify = recipient/callout=5s,hold"})
    EXPECT_FALSE(load(text).loads) << text;
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
