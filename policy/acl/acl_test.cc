#include "policy/acl/acl_testing.h"

namespace postern::acl {
namespace {

using expand::VariableId;

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
    {"require verify = not_blind", "deny [] [bcc recipient detected]"},
    {"accept verify = header_syntax", "accept [] []"},
    {"require verify = helo", "deny [] [no HELO or EHLO was given]"},
};

TEST(Acl, DecidesAsTheTableSays) {
  for (const Case& c : kCases) EXPECT_EQ(judged(c.acl), c.outcome) << c.acl;
}

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

}  // namespace
}  // namespace postern::acl
