#include "policy/lookup/dnsdb.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "tests/fakes/fake_resolver.h"

namespace postern::lookup {
namespace {

using dns::Type;
using Status = expand::Answer::Status;

std::string wrong(std::string_view text) {
  const auto query = parse_dnsdb_query(text);
  return query ? "" : query.error();
}

TEST(DnsdbQuery, Forms) {
  EXPECT_EQ(parse_dnsdb_query("a.example")->type, DnsdbType::txt);
  EXPECT_EQ(parse_dnsdb_query("mx=a.example")->type, DnsdbType::mx);
  EXPECT_EQ(parse_dnsdb_query(" A+ = a.example")->type, DnsdbType::a_plus);
  const DnsdbQuery query =
      parse_dnsdb_query(">:,; defer_strict , dnssec_never,retrans_1m5s,retry_3, soa = a.example : b.example").value();
  EXPECT_EQ(query.separator, ':');
  EXPECT_EQ(query.field_separator, ";");
  EXPECT_EQ(query.defer, DnsdbQuery::Defer::strict);
  EXPECT_EQ(query.dnssec, DnsdbQuery::Dnssec::never);
  EXPECT_EQ(query.retrans_ms, 65'000);
  EXPECT_EQ(query.retry, 3U);
  EXPECT_EQ(query.names, (std::vector<std::string>{"a.example", "b.example"}));
  EXPECT_EQ(parse_dnsdb_query(">;; txt=x")->names, (std::vector<std::string>{"x"}));
  EXPECT_EQ(parse_dnsdb_query(">\n; txt=x")->field_separator, "");
  EXPECT_EQ(parse_dnsdb_query("ptr=2001:db8::1")->names, (std::vector<std::string>{"2001:db8::1"}));
  EXPECT_EQ(parse_dnsdb_query("ptr=<; 1.2.3.4 ; 2001:db8::1")->names, (std::vector<std::string>{"1.2.3.4", "2001:db8::1"}));
  EXPECT_TRUE(parse_dnsdb_query("")->names.empty());
}

TEST(DnsdbQuery, Refusals) {
  EXPECT_EQ(wrong("defer_x,a=b"), "unsupported dnsdb defer behaviour");
  EXPECT_EQ(wrong("dnssec_x,a=b"), "unsupported dnsdb dnssec behaviour");
  EXPECT_EQ(wrong("retrans_x,a=b"), "unsupported dnsdb retrans value");
  EXPECT_EQ(wrong("retry_x,a=b"), "unsupported dnsdb retry count");
  EXPECT_EQ(wrong("defer_lax a=b"), "dnsdb modifier syntax error");
  EXPECT_EQ(wrong("xyz=b"), "unsupported DNS record type");
  EXPECT_EQ(wrong("csa=b"), "csa records are not built for dnsdb yet");
  std::string many = "a=";
  for (std::size_t i = 0; i <= kDnsdbNamesMax; ++i) many += "x:";
  EXPECT_EQ(wrong(many), "more than 100 names in one dnsdb lookup");
  constexpr std::string_view kAll = ">:,; defer_strict,dnssec_lax,retrans_5s,retry_2,mx=a.example:b.example";
  for (std::size_t size = 0; size <= kAll.size(); ++size) (void)parse_dnsdb_query(kAll.substr(0, size));
}

class Dnsdb : public ::testing::Test {
 public:
  Dnsdb() {
    resolver_.add_address("h.example", "192.0.2.1");
    resolver_.add_address("h.example", "192.0.2.2");
    resolver_.add_address("h.example", "2001:db8::1");
    resolver_.add_mx("h.example", 10, "mx1.example");
    resolver_.add_mx("h.example", 20, "mx2.example");
    resolver_.add("t.example", Type::txt, dns::Text{{PeerText("one"), PeerText("two")}});
    resolver_.add("t.example", Type::txt, dns::Text{{PeerText("v=spf1"), PeerText(" -all")}});
    resolver_.add("_s._tcp.example", Type::srv, dns::Service{1, 2, 25, PeerText("s.example")});
    resolver_.add("_25._tcp.h.example", Type::tlsa, dns::TlsAssociation{3, 1, 1, PeerText("\x01\xab")});
    resolver_.add("example", Type::soa, dns::Authority{PeerText("ns.example"), PeerText("root.example"), 1, 2, 3, 4, 5});
    resolver_.add("example", Type::ns, dns::HostName{PeerText("ns.example")});
    resolver_.add("c.example", Type::cname, dns::HostName{PeerText("h.example")});
    resolver_.add_pointer("192.0.2.1", "h.example");
    resolver_.fail("bad.example", Type::a);
  }

  DnsdbOutcome run(std::string_view text) {
    DnsdbQuery query = parse_dnsdb_query(text).value();
    std::optional<DnsdbOutcome> outcome;
    Gate gate;
    gate.start(go(resolver_, std::move(query), outcome));
    scheduler_.advance_ms(1);
    EXPECT_TRUE(outcome);
    return outcome.value_or(DnsdbOutcome{});
  }
  std::string value(std::string_view text) {
    DnsdbOutcome outcome = run(text);
    switch (outcome.answer.status) {
      case Status::found: EXPECT_EQ(outcome.answer.bytes, expand::Bytes::peers); return "<" + outcome.answer.value + ">";
      case Status::not_found: return "-";
      default: break;
    }
    return "DEFER: " + outcome.answer.why;
  }

  ManualScheduler scheduler_;
  dns::FakeResolver resolver_;

 private:
  static Task<void> go(dns::Resolver& resolver, DnsdbQuery query, std::optional<DnsdbOutcome>& outcome) {
    outcome = co_await dnsdb_lookup(resolver, std::move(query), {});
  }
};

TEST_F(Dnsdb, Types) {
  EXPECT_EQ(value("a=h.example"), "<192.0.2.1\n192.0.2.2>");
  EXPECT_EQ(value(">: a=h.example"), "<192.0.2.1:192.0.2.2>");
  EXPECT_EQ(value(">; a+=h.example"), "<2001:db8::1;192.0.2.1;192.0.2.2>");
  EXPECT_EQ(value("mx=h.example"), "<10 mx1.example\n20 mx2.example>");
  EXPECT_EQ(value("mxh=h.example"), "<mx1.example\nmx2.example>");
  EXPECT_EQ(value(">|,/ mx=h.example"), "<10/mx1.example|20/mx2.example>");
  EXPECT_EQ(value("t.example"), "<one\nv=spf1>");
  EXPECT_EQ(value(">\n; t.example"), "<onetwo\nv=spf1 -all>");
  EXPECT_EQ(value(">\n,: t.example"), "<one:two\nv=spf1: -all>");
  EXPECT_EQ(value("spf=t.example"), "<v=spf1 -all>");
  EXPECT_EQ(value("srv=_s._tcp.example"), "<1 2 25 s.example>");
  EXPECT_EQ(value("tlsa=_25._tcp.h.example"), "<3 1 1 01ab>");
  EXPECT_EQ(value("soa=a.b.example"), "<ns.example>");
  EXPECT_EQ(value(">:,; soa=example"), "<ns.example;root.example;1;2;3;4;5>");
  EXPECT_EQ(value("zns=a.b.example"), "<ns.example>");
  EXPECT_EQ(value("ns=a.b.example"), "-");
  EXPECT_EQ(value("cname=c.example"), "<h.example>");
  EXPECT_EQ(value("ptr=192.0.2.1"), "<h.example>");
  EXPECT_EQ(value("ptr=1.2.0.192.in-addr.arpa"), "<h.example>");
  EXPECT_EQ(value("a=h.example:none.example"), "<192.0.2.1\n192.0.2.2>");
  EXPECT_EQ(value("a=none.example"), "-");
  EXPECT_EQ(value("zns=none.test"), "-");
}

TEST_F(Dnsdb, AFailureIsNeverAnAbsence) {
  constexpr std::string_view kWhy = "DEFER: DNS lookup of bad.example (A): SERVFAIL from [192.0.2.53]:53";
  EXPECT_EQ(value("a=bad.example"), kWhy);
  EXPECT_EQ(value("a=bad.example:h.example"), "<192.0.2.1\n192.0.2.2>");
  EXPECT_EQ(value("defer_strict,a=h.example:bad.example"), kWhy);
  EXPECT_EQ(value("defer_never,a=bad.example"), "-");
  EXPECT_EQ(run("a=bad.example").ttl_s, 0U);
  EXPECT_EQ(run("a=h.example").ttl_s, 300U);
}

TEST_F(Dnsdb, Dnssec) {
  EXPECT_EQ(value("dnssec_strict,mx=h.example"), "DEFER: DNS lookup of h.example (MX): the answer is not authenticated");
  EXPECT_FALSE(run("mx=h.example").dnssec);
  resolver_.authenticate("h.example", Type::mx);
  EXPECT_EQ(value("dnssec_strict,mx=h.example"), "<10 mx1.example\n20 mx2.example>");
  EXPECT_TRUE(run("mx=h.example").dnssec);
}

}  // namespace
}  // namespace postern::lookup
