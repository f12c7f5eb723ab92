#include "policy/routing/callout.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/expand/compile.h"
#include "policy/expand/config_text_for_test.h"
#include "policy/lists/compile.h"
#include "policy/routing/verify_address.h"
#include "tests/fakes/fake_connector.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

namespace postern::routing {
namespace {

using smtp::testing::FakeConnector;
using smtp::testing::FakeServer;

TEST(CalloutWords, AreRead) {
  const auto read = [](std::string_view text) {
    std::string why;
    const auto words = read_callout(text, why);
    if (!words) return why;
    std::string shown =
        std::to_string(words->wait_ms) + " " + std::to_string(words->connect_ms) + " " + std::to_string(words->wait_max_ms);
    shown += words->defer_ok ? " defer_ok" : "";
    shown += words->random ? " random" : "";
    shown += words->postmaster ? " postmaster" : "";
    shown += words->fullpostmaster ? " full" : "";
    shown += words->no_cache ? " no_cache" : "";
    shown += words->from == CalloutSender::sender       ? " use_sender"
             : words->from == CalloutSender::postmaster ? " use_postmaster"
                                                        : "";
    return shown + " " + words->mailfrom + " " + words->postmaster_mailfrom;
  };
  EXPECT_EQ(read(""), "30000 30000 120000  ");
  EXPECT_EQ(read("5s"), "5000 5000 20000  ");
  EXPECT_EQ(read("1m30s, connect = 5, maxwait=2m"), "90000 5000 120000  ");
  EXPECT_EQ(read("maxwait=9s,10"), "10000 10000 9000  ");
  EXPECT_EQ(read("defer_ok,random,postmaster,no_cache,use_sender"),
            "30000 30000 120000 defer_ok random postmaster no_cache use_sender  ");
  EXPECT_EQ(read("fullpostmaster,use_postmaster"), "30000 30000 120000 postmaster full use_postmaster  ");
  EXPECT_EQ(read("mailfrom=a@b,postmaster_mailfrom=c@d"), "30000 30000 120000 postmaster a@b c@d");
  EXPECT_EQ(read("99999999d"), "3600000 3600000 14400000  ");
  std::string much;
  for (int i = 0; i < 20'000; ++i) much += "999999999w";
  EXPECT_EQ(read(much), "3600000 3600000 14400000  ");  // whatever it adds up to
  EXPECT_EQ(read("5x"), "verify: bad time value in callout option \"5x\"");
  EXPECT_EQ(read("0s"), "verify: bad time value in callout option \"0s\"");
  EXPECT_EQ(read("connect=soon"), "verify: bad time value in callout option \"connect=soon\"");
  EXPECT_EQ(read("connect"), "verify: the callout option \"connect\" wants a value");
  EXPECT_EQ(read("random=yes"), "verify: the callout option \"random\" takes no value");
  EXPECT_EQ(read("hold"),
            "verify: the callout option \"hold\" cannot be used: another process delivers, over connections of its own");
  EXPECT_EQ(read("postmater"), "verify: unknown callout option \"postmater\": did you mean \"postmaster\"?");
}

TEST(CalloutCache, BelievesForItsTimes) {
  CalloutCache cache({.domain_positive_s = 100, .domain_negative_s = 10, .positive_s = 50, .negative_s = 5}, 100);
  EXPECT_EQ(cache.address("a@b", 0), Known::unknown);
  cache.note_address("a@b", Known::accepts, 0);
  EXPECT_EQ(cache.address("a@b", 49), Known::accepts);
  EXPECT_EQ(cache.address("a@b", 50), Known::unknown);
  cache.note_address("a@b", Known::rejects, 60);
  EXPECT_EQ(cache.address("a@b", 64), Known::rejects);
  EXPECT_EQ(cache.address("a@b", 65), Known::unknown);
  cache.note_mail("B.ex", true, Known::rejects, 0);
  cache.note_random("b.ex", Known::accepts, 0);
  cache.note_postmaster("b.ex", Known::rejects, 0);
  const KnownDomain early = cache.domain("b.EX", 9);
  EXPECT_TRUE(early.rejects_null);
  EXPECT_FALSE(early.rejects_all);
  EXPECT_EQ(early.random, Known::accepts);
  EXPECT_EQ(early.postmaster, Known::rejects);
  const KnownDomain late = cache.domain("b.ex", 10);
  EXPECT_FALSE(late.rejects_null);
  EXPECT_EQ(late.random, Known::accepts);
  EXPECT_EQ(late.postmaster, Known::unknown);
  EXPECT_EQ(cache.domain("b.ex", 100).random, Known::unknown);
}

TEST(CalloutCache, IsBounded) {
  CalloutCache cache({}, 100);
  for (int i = 0; i < 1'000; ++i) {
    cache.note_address("a" + std::to_string(i), Known::accepts, 0);
    EXPECT_EQ(cache.address("a0", 0), Known::accepts);  // what is asked for stays
    EXPECT_LE(cache.size(), 100u);
  }
  EXPECT_EQ(cache.address("a500", 0), Known::unknown);
  EXPECT_EQ(cache.address("a999", 0), Known::accepts);
}

class NoVariables final : public expand::EvalContext {
 public:
  std::string_view variable(expand::VariableId id, std::string&) const override {
    return id == expand::VariableId::primary_hostname ? "gateway.ex" : "";
  }
};

class Callout : public ::testing::Test {
 protected:
  Callout() {
    local_.seal();
    helo_ = compiled("$primary_hostname");
    random_text_ = compiled("random");
    Router& router = routers_.emplace_back();
    router.name = "dns";
    router.driver = RouterDriver::dnslookup;
    router.transport = "remote";
    transports_.push_back({.name = "remote", .port = 25, .helo_data = helo_});
    resolver_.add_mx("a.ex", 10, "mx.a.ex");
    resolver_.add_address("mx.a.ex", "192.0.2.1");
    connector_.listen({*IpAddress::parse("192.0.2.1"), 25}, server_);
    server_.answer = [this](std::string_view step) -> std::optional<std::string> {
      for (const auto& [beginning, reply] : rules_)
        if (step.starts_with(beginning)) return reply;
      return std::nullopt;
    };
  }
  expand::Program compiled(std::string_view text) {
    return *expand::compile(expand::ConfigTextForTest::line(text), diagnostics_);
  }
  [[nodiscard]] VerifyWorld world() {
    return {.routers = routers_,
            .transports = transports_,
            .facts = {.local_addresses = local_, .resolver = &resolver_, .wait = {.stop = &stop_}},
            .variables = variables_,
            .sender = "s@x.ex",
            .qualify_domain = "gateway.ex",
            .qualify_recipient = "gateway.ex",
            .random_local_part = random_text_,
            .callouts = &callouts_};
  }
  AddressVerdict verdict(std::string_view address, std::string_view callout, bool is_recipient = false, std::int64_t ms = 0) {
    std::string why;
    const auto words = read_callout(callout, why);
    EXPECT_TRUE(words) << why;
    return testing::run_task(
        scheduler_, verify_address({.address = std::string(address), .is_recipient = is_recipient, .callout = words}, world()),
        ms);
  }
  // "result failure message|log", and what the server was told since.
  std::string verify(std::string_view address, std::string_view callout, bool is_recipient = false, std::int64_t ms = 0) {
    server_.commands.clear();
    const AddressVerdict found = verdict(address, callout, is_recipient, ms);
    static constexpr std::string_view kResults[] = {"ok", "failed", "deferred"};
    std::string shown(kResults[static_cast<std::size_t>(found.result)]);
    if (found.result == AddressVerdict::Result::failed) shown.append(" ").append(to_string(found.failure));
    if (!found.message.empty() || !found.log_message.empty()) shown += " " + found.message + "|" + found.log_message;
    EXPECT_EQ(server_.open_connections, 0u);
    return shown;
  }
  std::string told() {
    std::string all;
    for (const std::string& command : server_.commands) all += command + ";";
    return all;
  }

  ManualScheduler scheduler_;
  NoVariables variables_;
  dns::FakeResolver resolver_;
  expand::Diagnostics diagnostics_;
  lists::IpSet local_;
  std::vector<Router> routers_;
  std::vector<CalloutTransport> transports_;
  expand::Program helo_;
  expand::Program random_text_;
  FakeServer server_;
  std::vector<std::pair<std::string, std::string>> rules_;
  FakeConnector connector_;
  BlockPool pool_;
  StopSource stop_;
  std::unique_ptr<tls::Client> tls_ = std::move(*tls::Client::create({.verify_certificates = ""}));
  Callouts callouts_{connector_, pool_, CalloutTimes{}, *tls_};
};

TEST_F(Callout, AsksTheServer) {
  EXPECT_EQ(verify("u@a.ex", ""), "ok");
  EXPECT_EQ(told(), "EHLO gateway.ex;MAIL FROM:<>;RCPT TO:<u@a.ex>;QUIT;");
  EXPECT_EQ(verify("u@a.ex", ""), "ok");
  EXPECT_EQ(told(), "");
  EXPECT_EQ(verify("u@a.ex", "no_cache"), "ok");
  EXPECT_EQ(told(), "EHLO gateway.ex;MAIL FROM:<>;RCPT TO:<u@a.ex>;QUIT;");
}

TEST_F(Callout, HearsARefusal) {
  rules_ = {{"RCPT TO:<u@", "550-no such\n550 user"}};
  EXPECT_EQ(verify("u@a.ex", ""),
            "failed recipient Called:   192.0.2.1\nSent:     RCPT TO:<u@a.ex>\nResponse: 550-no such\n550 user|"
            "mx.a.ex [192.0.2.1] : SMTP error from remote mail server after RCPT TO:<u@a.ex>: 550-no such\n550 user");
  EXPECT_EQ(verify("u@a.ex", "", true), "failed recipient Previous (cached) callout verification failure|");
  EXPECT_EQ(verify("u@a.ex", "use_sender", true),
            "failed recipient Callout verification failed:\n550-no such\n550 user|"
            "mx.a.ex [192.0.2.1] : SMTP error from remote mail server after RCPT TO:<u@a.ex>: 550-no such\n550 user");
  EXPECT_EQ(told(), "EHLO gateway.ex;MAIL FROM:<s@x.ex>;RCPT TO:<u@a.ex>;QUIT;");
  EXPECT_EQ(verify("v@a.ex", "use_postmaster", true), "ok");
  EXPECT_EQ(told(), "EHLO gateway.ex;MAIL FROM:<postmaster@gateway.ex>;RCPT TO:<v@a.ex>;QUIT;");
}

TEST_F(Callout, HearsARefusalOfBounces) {
  rules_ = {{"MAIL FROM:<>", "550 no bounces"}};
  const AddressVerdict first = verdict("u@a.ex", "");
  EXPECT_TRUE(first.setup_failed);
  EXPECT_EQ(first.log_message, "mx.a.ex [192.0.2.1] : response to \"MAIL FROM:<>\" was: 550 no bounces");
  EXPECT_EQ(verify("other@A.EX", ""), "failed mail (result of an earlier callout reused).|");
  EXPECT_EQ(told(), "");
  EXPECT_EQ(verify("u@a.ex", "mailfrom=me@x.ex"), "ok");
}

TEST_F(Callout, DefersWhereNothingIsSaid) {
  const std::string why =
      "deferred Could not complete sender verify callout|Could not complete sender verify callout: mx.a.ex [192.0.2.1] : ";
  const auto with = [&](std::string step, std::string_view reply, std::int64_t ms = 0) {
    rules_ = {{std::move(step), std::string(reply)}};
    return verify("u@a.ex", "2s", false, ms);
  };
  EXPECT_EQ(with("RCPT", "450 later"), why + "SMTP error from remote mail server after RCPT TO:<u@a.ex>: 450 later");
  EXPECT_EQ(with("RCPT", FakeServer::kClose), why + "response to \"RCPT TO:<u@a.ex>\" was: connection dropped");
  EXPECT_EQ(with("RCPT", "hello"), why + "malformed SMTP reply from remote mail server after RCPT TO:<u@a.ex>");
  EXPECT_EQ(with("RCPT", "354 go on"), why + "malformed SMTP reply from remote mail server after RCPT TO:<u@a.ex>");
  EXPECT_EQ(with("RCPT", FakeServer::kSilent, 3'000), why + "SMTP timeout after RCPT TO:<u@a.ex>");
  EXPECT_EQ(with("connect", "421 busy"), why + "SMTP error from remote mail server after initial connection: 421 busy");
  EXPECT_EQ(with("connect", FakeServer::kSilent, 3'000), why + "SMTP timeout after initial connection");
  connector_.fail({*IpAddress::parse("192.0.2.1"), 25}, Errc::refused);
  EXPECT_EQ(verify("u@a.ex", "2s"), why + "Connection refused");
  EXPECT_EQ(verify("u@a.ex", "2s,defer_ok"), "ok");
}

TEST_F(Callout, EndsWithItsTimeOrItsClient) {
  rules_ = {{"RCPT", std::string(FakeServer::kSilent)}};
  EXPECT_EQ(verify("u@a.ex", "60s,maxwait=1s", false, 1'500),
            "deferred Could not complete sender verify callout|Could not complete sender verify callout: mx.a.ex [192.0.2.1] : "
            "no time was left after RCPT TO:<u@a.ex>");
  stop_.request_stop();
  server_.commands.clear();
  EXPECT_EQ(verdict("u@a.ex", "60s").result, AddressVerdict::Result::deferred);
  EXPECT_EQ(told(), "");
}

TEST_F(Callout, TriesTheNextHost) {
  FakeServer second;
  resolver_.add_mx("a.ex", 20, "mx2.a.ex");
  resolver_.add_address("mx2.a.ex", "192.0.2.2");
  connector_.listen({*IpAddress::parse("192.0.2.2"), 25}, second);
  rules_ = {{"RCPT", "450 later"}};
  EXPECT_EQ(verify("u@a.ex", ""), "ok");
  EXPECT_EQ(second.count_of("RCPT"), 1u);
  second.answer = [](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("RCPT")) return "550 no";
    return std::nullopt;
  };
  EXPECT_EQ(verdict("v@a.ex", "").log_message,
            "mx2.a.ex [192.0.2.2] : SMTP error from remote mail server after RCPT TO:<v@a.ex>: 550 no");
}

TEST_F(Callout, TriesARandomLocalPart) {
  EXPECT_EQ(verify("u@a.ex", "random"), "ok");
  EXPECT_EQ(told(), "EHLO gateway.ex;MAIL FROM:<>;RCPT TO:<random@a.ex>;QUIT;");
  EXPECT_EQ(verify("other@a.ex", "random"), "ok");
  EXPECT_EQ(told(), "");
  rules_ = {{"RCPT TO:<random", "550 no"}};
  EXPECT_EQ(verify("u@a.ex", "random,no_cache"), "ok");
  EXPECT_EQ(told(), "EHLO gateway.ex;MAIL FROM:<>;RCPT TO:<random@a.ex>;RSET;MAIL FROM:<>;RCPT TO:<u@a.ex>;QUIT;");
}

TEST_F(Callout, AsksAboutPostmasters) {
  rules_ = {{"RCPT TO:<postmaster@", "550 none"}};
  EXPECT_EQ(verify("u@a.ex", "postmaster,no_cache").substr(0, 17), "failed postmaster");
  EXPECT_EQ(told(), "EHLO gateway.ex;MAIL FROM:<>;RCPT TO:<u@a.ex>;RSET;MAIL FROM:<>;RCPT TO:<postmaster@a.ex>;QUIT;");
  EXPECT_EQ(verify("u@a.ex", "fullpostmaster,postmaster_mailfrom=me@x.ex"), "ok");
  EXPECT_EQ(told(),
            "EHLO gateway.ex;MAIL FROM:<>;RCPT TO:<u@a.ex>;RSET;MAIL FROM:<me@x.ex>;RCPT TO:<postmaster@a.ex>;RCPT "
            "TO:<postmaster>;QUIT;");
  EXPECT_EQ(verify("u@a.ex", "postmaster"), "ok");
  EXPECT_EQ(told(), "");
}

TEST_F(Callout, RemembersABadPostmaster) {
  rules_ = {{"RCPT TO:<postmaster", "550 none"}};
  EXPECT_EQ(verify("u@a.ex", "postmaster").substr(0, 17), "failed postmaster");
  EXPECT_EQ(verify("v@a.ex", "postmaster"), "failed postmaster (result of earlier verification reused).|");
  EXPECT_EQ(verify("v@a.ex", ""), "ok");
}

TEST_F(Callout, TellsNothingThatIsNotText) {
  rules_ = {{"RCPT", "550 a\x1b[31m\x80 b"}};
  const AddressVerdict found = verdict("u@a.ex", "");
  EXPECT_EQ(found.message.find('\x1b'), std::string::npos);
  EXPECT_EQ(found.log_message.find('\x1b'), std::string::npos);
  EXPECT_EQ(verdict("u@a.ex", "mailfrom=a>\nRCPT TO:<x@y").result, AddressVerdict::Result::deferred);
}

TEST_F(Callout, CallsNobodyForLocalTransports) {
  routers_[0].transport = "maildir";
  EXPECT_EQ(verify("u@a.ex", ""), "ok");
  EXPECT_EQ(told(), "");
}

TEST_F(Callout, LimitsHowManyAreUnderWay) {
  rules_ = {{"RCPT", std::string(FakeServer::kSilent)}};
  Gate gate;
  static constexpr auto kAsk = [](Callouts& callouts, const CalloutWords& words, std::vector<Host> hosts,
                                  std::size_t& ended) -> Task<void> {
    static_cast<void>(
        co_await callouts.ask({.address = "u@a.ex", .domain = "a.ex", .hosts = hosts, .helo_name = "x", .words = words}, {}));
    ++ended;
  };
  const CalloutWords words{.wait_ms = 10'000, .connect_ms = 10'000, .wait_max_ms = 2'000};
  const std::vector<Host> hosts{{.name = "h", .address = *IpAddress::parse("192.0.2.1")}};
  std::size_t ended = 0;
  for (std::size_t i = 0; i < kCalloutsMax + 10; ++i) gate.start(kAsk(callouts_, words, hosts, ended));
  scheduler_.run();
  EXPECT_EQ(server_.open_connections, kCalloutsMax);
  scheduler_.advance_ms(2'100);
  EXPECT_EQ(ended, kCalloutsMax + 10);
}

// ---- TLS ----

class CalloutTls : public Callout {
 protected:
  CalloutTls() { server_.offer = {"STARTTLS"}; }
  static std::string why(std::string_view what) {
    return fmt::format(
        "deferred Could not complete sender verify callout|Could not complete sender verify callout: mx.a.ex [192.0.2.1] : {}",
        what);
  }
  lists::HostList hosts(std::string_view text) {
    return lists::ListCompiler({.primary_hostname = "gateway.ex", .local_addresses = {}}, diagnostics_)
        .hosts(expand::ConfigTextForTest::line(text), "hosts");
  }
  TlsHosts& tls() { return transports_[0].tls; }
};

TEST_F(CalloutTls, GoesOnInClearWhereItIsRefused) {
  rules_ = {{"STARTTLS", "454 not now"}};
  EXPECT_EQ(verify("u@a.ex", "no_cache"), "ok");
  EXPECT_EQ(told(), "EHLO gateway.ex;STARTTLS;MAIL FROM:<>;RCPT TO:<u@a.ex>;QUIT;");
  tls().try_clear = false;
  EXPECT_EQ(verify("u@a.ex", "no_cache"), why("SMTP error from remote mail server after STARTTLS: 454 not now"));
  EXPECT_EQ(told(), "EHLO gateway.ex;STARTTLS;QUIT;");
  rules_ = {{"STARTTLS", "554 never"}};
  EXPECT_EQ(verify("u@a.ex", "no_cache"), "ok");
  tls().require = hosts("192.0.2.0/24");
  EXPECT_EQ(verify("u@a.ex", "no_cache"), why("SMTP error from remote mail server after STARTTLS: 554 never"));
}

TEST_F(CalloutTls, AsksOnceMoreInClearWhereItFails) {
  rules_ = {{"STARTTLS", "220 go ahead"}};  // and nobody there speaks TLS
  EXPECT_EQ(verify("u@a.ex", "2s,no_cache", false, 3'000), "ok");
  EXPECT_EQ(server_.connections, 2u);
  EXPECT_EQ(server_.count_of("EHLO"), 2u);
  EXPECT_EQ(server_.count_of("MAIL"), 1u);
  tls().require = hosts("192.0.2.0/24");
  EXPECT_EQ(verify("u@a.ex", "2s,no_cache", false, 3'000).substr(0, 8), "deferred");
  EXPECT_EQ(server_.count_of("MAIL"), 0u);
}

TEST_F(CalloutTls, BelievesNothingThatWasSaidBeforeIt) {
  rules_ = {{"STARTTLS", "220 go ahead\n250 and on"}};
  tls().require = hosts("*");
  EXPECT_EQ(verify("u@a.ex", "no_cache"), why("TLS session: the server said more than that it is ready"));
}

TEST_F(CalloutTls, IsAsTheTransportSays) {
  tls().verify_avoid = hosts("192.0.2.1");
  EXPECT_EQ(verify("u@a.ex", "no_cache"), "ok");
  EXPECT_EQ(server_.count_of("STARTTLS"), 0u);
  tls() = {.avoid = hosts("192.0.2.1"), .verify_avoid = {}, .require = {}};
  EXPECT_EQ(verify("u@a.ex", "no_cache"), "ok");
  EXPECT_EQ(server_.count_of("STARTTLS"), 0u);
  server_.offer.clear();
  tls().require = hosts("192.0.2.1");
  EXPECT_EQ(verify("u@a.ex", "no_cache"), why("a TLS session is required, but the server did not offer TLS support"));
  EXPECT_EQ(told(), "EHLO gateway.ex;QUIT;");
}

// ---- redirections ----

class Redirected : public Callout {
 protected:
  Redirected() {
    Router router;
    router.name = "red";
    router.driver = RouterDriver::redirect;
    router.domains = lists_.domains(expand::ConfigTextForTest::line("r.ex"), "domains");
    router.data = compiled("${if eq{$local_part}{two}{a@a.ex, b@a.ex}{${if eq{$local_part}{self}{self@r.ex}{u@a.ex}}}}");
    routers_.insert(routers_.begin(), std::move(router));
  }
  lists::ListCompiler lists_{{.primary_hostname = "gateway.ex", .local_addresses = {}}, diagnostics_};
};

TEST_F(Redirected, FollowsOneAddress) {
  rules_ = {{"RCPT TO:<u@", "550 no"}};
  EXPECT_EQ(verify("x@r.ex", "").substr(0, 16), "failed recipient");
  EXPECT_EQ(verify("two@r.ex", ""), "ok");
  EXPECT_EQ(verify("self@r.ex", ""), "failed route Unrouteable address|Unrouteable address");
  EXPECT_EQ(
      testing::run_task(scheduler_,
                        verify_address({.address = "x@r.ex", .success_on_redirect = true, .callout = CalloutWords{}}, world()))
          .result,
      AddressVerdict::Result::ok);
}

TEST_F(Redirected, FollowsAWidenedDomain) {
  routers_[1].widen_domains = {"ex"};
  EXPECT_EQ(testing::run_task(
                scheduler_, verify_address({.address = "u@a", .success_on_redirect = true, .callout = CalloutWords{}}, world()))
                .result,
            AddressVerdict::Result::ok);
  EXPECT_EQ(server_.count_of("RCPT TO:<u@a.ex>"), 1u);
}

TEST_F(Redirected, KeepsToAnAncestor) {
  routers_[0].domains = lists_.domains(expand::ConfigTextForTest::line("r.ex : s.ex"), "domains");
  routers_[0].data = compiled("${if eq{$domain}{r.ex}{a@s.ex}{a@r.ex}}");
  Router end;
  end.name = "end";
  end.driver = RouterDriver::redirect;
  end.allow_fail = true;
  end.data = compiled(":fail: the end of $local_part at $domain");
  routers_.insert(routers_.begin() + 1, std::move(end));
  EXPECT_EQ(verify("a@r.ex", ""), "failed route the end of a at r.ex|the end of a at r.ex");
  routers_[0].check_ancestor = true;
  EXPECT_EQ(verify("a@r.ex", ""), "failed route the end of a at s.ex|the end of a at s.ex");
}

TEST_F(Redirected, EndsSomewhere) {
  routers_[0].data = compiled("$local_part.x@r.ex");
  EXPECT_EQ(verify("x@r.ex", ""), "deferred |too many redirections of one address");
}

}  // namespace
}  // namespace postern::routing
