#include "policy/spf/spf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "engine/base/utf8.h"
#include "engine/coro/manual_scheduler.h"
#include "policy/spf/macro.h"
#include "policy/spf/record.h"
#include "policy/spf/report.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

namespace postern::spf {
namespace {

class SpfTest : public ::testing::Test {
 protected:
  Outcome ask(std::int64_t ms = 0, Wait wait = {}) {
    resolver_.asked.clear();
    return testing::run_task(scheduler_, check(question_, resolver_, wait), ms);
  }
  Outcome ask_with(std::string_view record) {
    resolver_ = {};
    resolver_.add_text("x.example", record);
    return ask();
  }
  void record(std::string_view domain, std::string_view text) { resolver_.add_text(domain, text); }
  [[nodiscard]] std::size_t times_asked(std::string_view name, dns::Type type) const {
    return static_cast<std::size_t>(std::ranges::count(resolver_.asked, std::pair(std::string(name), type)));
  }

  ManualScheduler scheduler_;
  dns::FakeResolver resolver_;
  Question question_{.client = IpAddress::v4(0xc0000201),
                     .sender = PeerText("user@x.example"),
                     .helo = PeerText("mail.x.example"),
                     .receiver = "mx.here.example"};
};

TEST(SpfResultNames, EveryNameAndTheOldOnes) {
  for (const Result result :
       {Result::none, Result::neutral, Result::pass, Result::fail, Result::softfail, Result::temperror, Result::permerror}) {
    const auto named = result_named(to_string(result));
    ASSERT_TRUE(named);
    EXPECT_EQ(named->result, result);
    EXPECT_FALSE(named->old);
  }
  EXPECT_EQ(result_named("SoftFail")->result, Result::softfail);
  EXPECT_EQ(result_named("err_temp")->result, Result::temperror);
  EXPECT_EQ(result_named("err_perm")->result, Result::permerror);
  EXPECT_TRUE(result_named("err_perm")->old);
  for (const char* none : {"", "passed", "err", "pass "}) EXPECT_FALSE(result_named(none)) << none;
}

TEST_F(SpfTest, WhatIsSaidOfEachResult) {
  Outcome outcome = ask_with("v=spf1 ip4:192.0.2.0/24 -all");
  EXPECT_EQ(outcome.result, Result::pass);
  EXPECT_EQ(outcome.matched.view(), "ip4:192.0.2.0/24");
  EXPECT_EQ(outcome.header_comment.view(), "mx.here.example: domain of x.example designates 192.0.2.1 as permitted sender");
  EXPECT_EQ(outcome.received.view(),
            "Received-SPF: pass (mx.here.example: domain of x.example designates 192.0.2.1 as permitted sender) "
            "client-ip=192.0.2.1; envelope-from=user@x.example; helo=mail.x.example; identity=mailfrom; "
            "receiver=mx.here.example; mechanism=ip4:192.0.2.0/24;");
  EXPECT_EQ(outcome.smtp_comment.view(), "");
  EXPECT_EQ(authentication_result(outcome).view(), "spf=pass smtp.mailfrom=x.example");

  outcome = ask_with("v=spf1 -all");
  EXPECT_EQ(outcome.header_comment.view(),
            "mx.here.example: domain of x.example does not designate 192.0.2.1 as permitted sender");
  EXPECT_EQ(outcome.explanation.view(), "Please see http://www.open-spf.org/Why");
  EXPECT_FALSE(outcome.explained);
  EXPECT_EQ(outcome.smtp_comment.view(), "Please see http://www.open-spf.org/Why : Reason: mechanism");
  EXPECT_EQ(authentication_result(outcome).view(), "spf=fail smtp.mailfrom=x.example");

  outcome = ask_with("v=spf1 ~all");
  EXPECT_EQ(outcome.header_comment.view(),
            "mx.here.example: transitioning domain of x.example does not designate 192.0.2.1 as permitted sender");
  EXPECT_EQ(outcome.explanation.view(), "");
  EXPECT_EQ(outcome.smtp_comment.view(), "Please see http://www.open-spf.org/Why : Reason: mechanism");

  outcome = ask_with("v=spf1");
  EXPECT_EQ(outcome.result, Result::neutral);
  EXPECT_EQ(outcome.header_comment.view(), "mx.here.example: 192.0.2.1 is neither permitted nor denied by domain of x.example");
  EXPECT_EQ(outcome.smtp_comment.view(), "Please see http://www.open-spf.org/Why : Reason: default");
  EXPECT_TRUE(outcome.received.view().ends_with("receiver=mx.here.example; mechanism=default;"));

  outcome = ask_with("something else");
  EXPECT_EQ(outcome.result, Result::none);
  EXPECT_EQ(outcome.header_comment.view(), "mx.here.example: domain of x.example does not provide an SPF record");
  EXPECT_TRUE(outcome.received.view().ends_with("receiver=mx.here.example;"));

  outcome = ask_with("v=spf1 moo");
  EXPECT_EQ(outcome.result, Result::permerror);
  EXPECT_EQ(outcome.header_comment.view(),
            "mx.here.example: error in processing during lookup of domain of x.example: in the record of x.example the term "
            "\"moo\" is no mechanism");
  EXPECT_TRUE(
      outcome.received.view().ends_with(" problem=\"in the record of x.example the term \\\"moo\\\" is no mechanism\";"));
  EXPECT_EQ(outcome.smtp_comment.view(), "");
}

TEST_F(SpfTest, TheHeloNameStandsInForTheNullSender) {
  question_.sender = {};
  record("mail.x.example", "v=spf1 exists:%{l}.%{o}.%{d} -all");
  resolver_.add_address("postmaster.mail.x.example.mail.x.example", "127.0.0.2");
  Outcome outcome = ask();
  EXPECT_EQ(outcome.result, Result::pass);
  EXPECT_EQ(outcome.identity, Identity::helo);
  EXPECT_EQ(outcome.domain.view(), "mail.x.example");
  EXPECT_EQ(authentication_result(outcome).view(), "spf=pass smtp.helo=mail.x.example");
  EXPECT_NE(outcome.received.view().find("; envelope-from=postmaster@mail.x.example; helo=mail.x.example; identity=helo;"),
            std::string_view::npos);
  question_.helo = {};
  outcome = ask();
  EXPECT_EQ(outcome.result, Result::none);
  EXPECT_EQ(authentication_result(outcome).view(), "spf=none smtp.mailfrom=<>");
  EXPECT_TRUE(resolver_.asked.empty());
}

TEST_F(SpfTest, WhatCanHaveNoRecordIsNotAskedFor) {
  for (const char* sender :
       {"user", "user@", "user@[192.0.2.1]", "user@localhost", "user@a..example", "user@192.0.2.1", "user@."}) {
    question_.sender = PeerText(sender);
    EXPECT_EQ(ask().result, Result::none) << sender;
    EXPECT_TRUE(resolver_.asked.empty()) << sender;
  }
  question_.sender = PeerText("user@" + std::string(260, 'a') + ".example");
  EXPECT_EQ(ask().result, Result::none);
}

TEST_F(SpfTest, TemporaryFailuresAreNeverAbsence) {
  resolver_.fail("x.example", dns::Type::txt);
  Outcome outcome = ask();
  EXPECT_EQ(outcome.result, Result::temperror);
  EXPECT_EQ(outcome.problem.view(), "TXT of x.example: SERVFAIL from [192.0.2.53]:53");
  for (const auto& [term, name, type] :
       {std::tuple("a:f.example", "f.example", dns::Type::a), std::tuple("mx:f.example", "f.example", dns::Type::mx),
        std::tuple("exists:f.example", "f.example", dns::Type::a), std::tuple("include:f.example", "f.example", dns::Type::txt),
        std::tuple("redirect=f.example", "f.example", dns::Type::txt)}) {
    resolver_ = {};
    record("x.example", std::string("v=spf1 ") + term);
    resolver_.fail(name, type);
    EXPECT_EQ(ask().result, Result::temperror) << term;
  }
  resolver_ = {};
  record("x.example", "v=spf1 mx -all");
  resolver_.add_mx("x.example", 1, "mx.x.example");
  resolver_.fail("mx.x.example", dns::Type::a);
  EXPECT_EQ(ask().result, Result::temperror);
}

TEST_F(SpfTest, FailuresThatTheRfcMakesLittleOf) {
  record("x.example", "v=spf1 ptr -all exp=why.example");
  resolver_.fail("1.2.0.192.in-addr.arpa", dns::Type::ptr);
  resolver_.fail("why.example", dns::Type::txt);
  Outcome outcome = ask();
  EXPECT_EQ(outcome.result, Result::fail);
  EXPECT_FALSE(outcome.explained);
  resolver_ = {};
  record("x.example", "v=spf1 ptr -all");
  resolver_.add_pointer("192.0.2.1", "one.x.example");
  resolver_.add_pointer("192.0.2.1", "two.x.example");
  resolver_.fail("one.x.example", dns::Type::a);
  resolver_.add_address("two.x.example", "192.0.2.1");
  EXPECT_EQ(ask().result, Result::pass);
}

TEST_F(SpfTest, TheDeadlineGivesTemperror) {
  record("x.example", "v=spf1 include:slow.example -all");
  resolver_.delay("slow.example", dns::Type::txt, 5000);
  const Wait wait{.deadline = scheduler_.now().plus_ms(1000)};
  const Outcome outcome = ask(1000, wait);
  EXPECT_EQ(outcome.result, Result::temperror);
  EXPECT_EQ(outcome.problem.view(), "TXT of slow.example: no answer in time");
}

TEST_F(SpfTest, AStopGivesTemperror) {
  record("x.example", "v=spf1 include:slow.example include:other.example -all");
  resolver_.delay("slow.example", dns::Type::txt, 5000);
  resolver_.delay("other.example", dns::Type::txt, 5000);
  StopSource stop;
  std::optional<Outcome> outcome;
  Gate gate;
  static constexpr auto kKeep = [](Task<Outcome> task, std::optional<Outcome>& kept) -> Task<void> { kept = co_await task; };
  gate.start(kKeep(check(question_, resolver_, {.stop = &stop}), outcome));
  scheduler_.advance_ms(10);
  EXPECT_FALSE(outcome);
  stop.request_stop();
  scheduler_.run();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->result, Result::temperror);
}

TEST_F(SpfTest, WhatARecordAsksItAsksTogether) {
  record("x.example",
         "v=spf1 include:1.example include:2.example a:3.example mx:4.example exists:5.example redirect=6.example");
  record("1.example", "v=spf1 a:1a.example");
  record("2.example", "v=spf1 a:2a.example");
  record("6.example", "v=spf1 -all");
  resolver_.delay("x.example", dns::Type::txt, 50);
  for (const char* name : {"1.example", "2.example", "6.example"}) resolver_.delay(name, dns::Type::txt, 50);
  for (const char* name : {"1a.example", "2a.example", "3.example"}) {
    resolver_.add_address(name, "192.0.2.9");
    resolver_.delay(name, dns::Type::a, 50);
  }
  resolver_.add_mx("4.example", 1, "4m.example");
  resolver_.add_address("4m.example", "192.0.2.9");
  resolver_.delay("4.example", dns::Type::mx, 50);
  resolver_.delay("5.example", dns::Type::a, 50);
  // The record; then all that it asks; then what the included records ask.
  EXPECT_EQ(ask(3 * 50 + 10).result, Result::fail);
  for (const auto& [name, type] : resolver_.asked) EXPECT_EQ(times_asked(name, type), 1U) << name;
}

TEST_F(SpfTest, NothingIsAskedAheadOfWhatDecidesAlready) {
  record("x.example", "v=spf1 a:1.example ip4:192.0.2.1 include:2.example");
  resolver_.delay("1.example", dns::Type::a, 50);
  EXPECT_EQ(ask(50).result, Result::pass);
  EXPECT_EQ(times_asked("2.example", dns::Type::txt), 0U);
  resolver_ = {};
  resolver_.know_at_once(true);
  record("x.example", "v=spf1 a:1.example include:2.example -all");
  resolver_.add_address("1.example", "192.0.2.1");
  EXPECT_EQ(ask().result, Result::pass);
  EXPECT_TRUE(resolver_.asked.empty()) << "what is known at once needs no question";
}

TEST_F(SpfTest, QuestionsAskedAheadEndWithTheCheck) {
  record("x.example", "v=spf1 a:1.example include:slow.example -all");
  resolver_.add_address("1.example", "192.0.2.1");
  resolver_.delay("1.example", dns::Type::a, 10);
  resolver_.delay("slow.example", dns::Type::txt, 60'000);
  EXPECT_EQ(ask(10).result, Result::pass);
  EXPECT_EQ(times_asked("slow.example", dns::Type::txt), 1U);
}

TEST_F(SpfTest, NeverMoreQuestionsThanTermsAllow) {
  // Each record asks for ten more; none may be asked beyond what ten terms and ten questions ahead can need.
  std::string text = "v=spf1";
  for (int i = 0; i < 10; ++i) text += " include:" + std::to_string(i) + ".%{d}";
  record("x.example", text);
  for (int i = 0; i < 10; ++i) {
    std::string domain = std::to_string(i) + ".x.example";
    resolver_.delay(domain, dns::Type::txt, 10);
    for (int depth = 0; depth < 12; ++depth) {
      record(domain, text);
      resolver_.delay("0." + domain, dns::Type::txt, 10);
      domain = "0." + domain;
    }
  }
  const Outcome outcome = ask(1000);
  EXPECT_EQ(outcome.result, Result::permerror);
  EXPECT_EQ(outcome.problem.view(), "more than 10 mechanisms and modifiers that ask the DNS");
  EXPECT_EQ(outcome.terms, kTermsMax);
  EXPECT_LE(resolver_.asked.size(), 1 + 2 * kTermsMax);
}

TEST_F(SpfTest, VoidLookups) {
  record("x.example", "v=spf1 a:1.example mx:2.example -all");
  Outcome outcome = ask();
  EXPECT_EQ(outcome.result, Result::fail);
  EXPECT_EQ(outcome.void_lookups, 2U);
  resolver_ = {};
  record("x.example", "v=spf1 a:1.example mx:2.example exists:3.example -all");
  outcome = ask();
  EXPECT_EQ(outcome.result, Result::permerror);
  EXPECT_EQ(outcome.problem.view(), "more than 2 terms whose names have no records");
  resolver_ = {};
  record("x.example", "v=spf1 mx a:1.example mx:y.example -all");
  for (int i = 0; i < 3; ++i) {
    resolver_.add_mx("x.example", 1, std::to_string(i) + ".nowhere.example");
    resolver_.add_mx("y.example", 1, std::to_string(i) + ".somewhere.example");
  }
  resolver_.add_address("2.somewhere.example", "192.0.2.9");
  outcome = ask();
  EXPECT_EQ(outcome.result, Result::fail);
  EXPECT_EQ(outcome.void_lookups, 2U) << "exchangers without addresses are one void term, and none when one has an address";
  EXPECT_EQ(ask_with("v=spf1 a:a..example mx:b..example exists:c..example -all").result, Result::fail)
      << "what is no name is not looked up";
}

TEST_F(SpfTest, ExchangersAndNamesOfTheClientAreBounded) {
  record("x.example", "v=spf1 mx -all");
  for (std::size_t i = 0; i <= kExchangersMax; ++i) {
    const std::string name = "m" + std::to_string(i) + ".example";
    resolver_.add_mx("x.example", 1, name);
    resolver_.add_address(name, "192.0.2.1");
  }
  EXPECT_EQ(ask().result, Result::permerror);
  resolver_ = {};
  record("x.example", "v=spf1 ptr -all");
  for (std::size_t i = 0; i <= kClientNamesMax; ++i) {
    const std::string name = "p" + std::to_string(i) + ".x.example";
    resolver_.add_pointer("192.0.2.1", name);
    if (i == kClientNamesMax) resolver_.add_address(name, "192.0.2.1");
  }
  EXPECT_EQ(ask().result, Result::fail) << "the eleventh name is not looked at";
  EXPECT_EQ(resolver_.asked.size(), 2 + kClientNamesMax);
}

TEST_F(SpfTest, TheExchangerOfLeastPreferenceIsAskedFirst) {
  record("x.example", "v=spf1 mx -all");
  resolver_.add_mx("x.example", 20, "b.example");
  resolver_.add_mx("x.example", 10, "a.example");
  resolver_.add_address("a.example", "192.0.2.1");
  resolver_.fail("b.example", dns::Type::a);
  EXPECT_EQ(ask().result, Result::pass);
}

TEST_F(SpfTest, TheNameOfTheClientIsLookedUpOnce) {
  record("x.example", "v=spf1 exists:%{p}.1.example exists:%{p}.2.example ptr:other.example -all exp=why.x.example");
  record("why.x.example", "%{p} is %{c}, not of %{o}");
  resolver_.add_pointer("192.0.2.1", "host.other.test");
  resolver_.add_pointer("192.0.2.1", "host.x.example");
  resolver_.add_address("host.other.test", "192.0.2.1");
  resolver_.add_address("host.x.example", "192.0.2.1");
  const Outcome outcome = ask();
  EXPECT_EQ(outcome.result, Result::fail);
  EXPECT_EQ(outcome.explanation.view(), "host.x.example is 192.0.2.1, not of x.example");
  EXPECT_EQ(outcome.smtp_comment, outcome.explanation);
  EXPECT_EQ(times_asked("1.2.0.192.in-addr.arpa", dns::Type::ptr), 1U);
  EXPECT_EQ(times_asked("host.x.example", dns::Type::a), 1U);
}

TEST_F(SpfTest, AMappedClientIsIpv4) {
  question_.client = IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1});
  EXPECT_EQ(ask_with("v=spf1 ip6:::/0 ip4:192.0.2.1 -all").matched.view(), "ip4:192.0.2.1");
}

TEST_F(SpfTest, TheTermOfTheOwnRecordIsWhatMatched) {
  record("x.example", "v=spf1 ?include:y.example -all");
  record("y.example", "v=spf1 redirect=z.example");
  record("z.example", "v=spf1 -ip4:192.0.2.9 ip4:192.0.2.1");
  const Outcome outcome = ask();
  EXPECT_EQ(outcome.result, Result::neutral);
  EXPECT_EQ(outcome.matched.view(), "?include:y.example");
  EXPECT_EQ(outcome.terms, 2U);
}

TEST_F(SpfTest, AGuessTakesThePlaceOfARecordThatIsNotThere) {
  question_.guess = kGuessRecord;
  resolver_.add_address("x.example", "192.0.2.77");
  Outcome outcome = ask();
  EXPECT_EQ(outcome.result, Result::pass);
  EXPECT_TRUE(outcome.guessed);
  EXPECT_EQ(outcome.matched.view(), "a/24");
  EXPECT_EQ(authentication_result(outcome).view(), "spf=pass (best guess record for domain) smtp.mailfrom=x.example");
  record("x.example", "v=spf1 -all");
  outcome = ask();
  EXPECT_EQ(outcome.result, Result::fail);
  EXPECT_FALSE(outcome.guessed);
  resolver_ = {};
  question_.guess = "v=spf1 a/33";
  outcome = ask();
  EXPECT_EQ(outcome.result, Result::permerror);
  question_.guess = kGuessRecord;
  resolver_.fail("x.example", dns::Type::txt);
  EXPECT_EQ(ask().result, Result::temperror) << "a failure is no absence";
}

TEST_F(SpfTest, PeersCannotWriteIntoTheField) {
  question_.sender = PeerText("\"a) b\\\r\n\x01;\"@x.example");
  question_.helo = PeerText("evil\r\nX-Header: 1");
  record("x.example", "v=spf1 -all exp=why.example");
  record("why.example", "%{l}");
  const Outcome outcome = ask();
  EXPECT_EQ(outcome.explanation.view(), "\"a) b\\???;\"");
  for (const PeerText* text : {&outcome.received, &outcome.header_comment, &outcome.smtp_comment})
    EXPECT_TRUE(std::ranges::all_of(text->view(), [](char c) { return c >= ' ' && c <= '~'; })) << text->view();
  EXPECT_NE(outcome.received.view().find("; helo=\"evil??X-Header: 1\";"), std::string_view::npos) << outcome.received.view();
  EXPECT_NE(outcome.received.view().find("envelope-from=\"\\\"a) b\\\\???;\\\"@x.example\";"), std::string_view::npos)
      << outcome.received.view();
  question_.sender = PeerText("user@(x).example");
  EXPECT_NE(ask().received.view().find("domain of \\(x\\).example does"), std::string_view::npos);
}

TEST_F(SpfTest, TheFieldStaysWithinALine) {
  const std::string labels = std::string(60, '(') + "." + std::string(60, ')') + "." + std::string(60, '\\') + ".example";
  question_.sender = PeerText(std::string(5000, '"') + "@" + labels);
  question_.helo = PeerText(std::string(5000, '"'));
  question_.receiver = std::string(250, 'r');
  record(name_to_ask(labels).value(), "v=spf1 " + std::string(5000, 'x'));
  const Outcome outcome = ask();
  EXPECT_EQ(outcome.result, Result::permerror);
  EXPECT_LE(outcome.received.size(), kFieldBytesMax);
  EXPECT_TRUE(outcome.received.view().starts_with("Received-SPF: permerror (rrr")) << outcome.received.view();
}

TEST_F(SpfTest, TextsThatAreCutKeepWholeCharacters) {
  for (std::size_t length = 0; length < 12; ++length) {
    const std::string text = one_line(std::string(length, 'a') + "\u00e4\u20ac\u00e4\u20ac\u00e4\u20ac", 12);
    EXPECT_LE(text.size(), 12U);
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  EXPECT_EQ(one_line("a\u0085\u2028\xff\t\u00e4", 100), "a????\u00e4");
}

TEST_F(SpfTest, ABadCommentIsNone) {
  question_.smtp_comment = "100% ours";
  EXPECT_FALSE(is_smtp_comment(question_.smtp_comment));
  EXPECT_TRUE(is_smtp_comment(kSmtpComment));
  const Outcome outcome = ask_with("v=spf1 -all");
  EXPECT_EQ(outcome.result, Result::fail);
  EXPECT_EQ(outcome.smtp_comment.view(), "");
}

}  // namespace
}  // namespace postern::spf
