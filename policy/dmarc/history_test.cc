#include "policy/dmarc/history.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace postern::dmarc {
namespace {

using auth_results::Result;

HistoryMessage message() {
  HistoryMessage message;
  message.id = "1abcde-000001-00";
  message.reporter = "mx.example";
  message.received = {1'700'000'000'000'000};
  message.client_address = "2001:db8::1";
  message.sender_domain = PeerText("bounce.example.com");
  message.facts.spf = {Result::softfail, PeerText("bounce.example.com")};
  message.facts.dkim = {{Result::pass, PeerText("example.com"), PeerText("s1")}, {Result::fail, PeerText("example.net"), {}}};
  message.outcome.status = Status::accept;
  message.outcome.header_from = "mail.example.com";
  message.outcome.used_domain = "example.com";
  message.outcome.dkim_aligned = true;
  message.outcome.record =
      read_record("v=DMARC1; p=reject; sp=quarantine; adkim=s; pct=50; rua=mailto:a@example.com!1m,mailto:b@example.com");
  return message;
}

TEST(HistoryTest, OneMessage) {
  HistoryMessage one = message();
  one.arc = Result::pass;
  one.arc_sets = {{1, PeerText("one.example"), PeerText("a"), "192.0.2.1"}, {2, PeerText("two.example"), PeerText("b"), ""}};
  EXPECT_EQ(history_entry(one),
            "job 1abcde-000001-00\n"
            "reporter mx.example\n"
            "received 1700000000\n"
            "ipaddr 2001:db8::1\n"
            "from mail.example.com\n"
            "mfrom bounce.example.com\n"
            "spf 2\n"
            "dkim example.com s1 0\n"
            "dkim example.net - 7\n"
            "pdomain example.com\n"
            "policy 15\n"
            "rua mailto:a@example.com\n"
            "rua mailto:b@example.com\n"
            "pct 50\n"
            "adkim 115\n"
            "aspf 114\n"
            "p 114\n"
            "sp 113\n"
            "align_dkim 4\n"
            "align_spf 5\n"
            "action 2\n"
            "arc 0\n"
            "arc_policy 0 json:[{\"i\":1,\"d\":\"one.example\",\"s\":\"a\",\"ip\":\"192.0.2.1\"},"
            "{\"i\":2,\"d\":\"two.example\",\"s\":\"b\",\"ip\":\"\"}]\n");
}

TEST(HistoryTest, WithoutARecord) {
  HistoryMessage one = message();
  one.outcome.record.reset();
  one.outcome.status = Status::norecord;
  one.outcome.dkim_aligned = false;
  one.facts.dkim.clear();
  one.sender_domain = PeerText();
  const std::string text = history_entry(one);
  EXPECT_NE(text.find("\nmfrom unknown\n"), text.npos) << text;
  EXPECT_NE(text.find("policy 14\nrua -\npct 100\nadkim 114\naspf 114\np 0\nsp 0\nalign_dkim 5\n"), text.npos) << text;
  EXPECT_NE(text.find("arc 1\narc_policy 1 json:[]\n"), text.npos) << text;
}

TEST(HistoryTest, WithoutAnAuthorThereIsNoPlaceForIt) {
  HistoryMessage one = message();
  one.outcome.header_from.clear();
  EXPECT_EQ(history_entry(one), "");
}

TEST(HistoryTest, NoValueEndsItsLineOrWord) {
  const std::string evil = "a\nfrom b\r\t c\"\\\x01\xc3\xbc";
  HistoryMessage one = message();
  one.id = one.reporter = one.client_address = one.outcome.header_from = one.outcome.used_domain = evil;
  one.sender_domain = PeerText(evil);
  one.facts.dkim = {{Result::pass, PeerText(evil), PeerText(evil)}};
  one.arc = Result::fail;
  one.arc_sets = {{1, PeerText(evil), PeerText(evil), evil}};
  const std::string text = history_entry(one);
  const std::string plain = history_entry(message());
  EXPECT_EQ(std::ranges::count(text, '\n'), std::ranges::count(plain, '\n') - 1) << text;
  EXPECT_NE(text.find("\nfrom a?from?b???c?????\n"), text.npos) << text;
  EXPECT_NE(text.find("\nmfrom a?from?b???c?????\n"), text.npos) << text;
  EXPECT_NE(text.find("\ndkim a?from?b???c????? a?from?b???c????? 0\n"), text.npos) << text;
}

TEST(HistoryTest, WhatWasAskedFor) {
  Outcome outcome;
  const auto action = [&](Status status) {
    outcome.status = status;
    return action_of(outcome);
  };
  EXPECT_EQ(action(Status::reject), Action::reject);
  EXPECT_EQ(action(Status::quarantine), Action::quarantine);
  EXPECT_EQ(action(Status::temperror), Action::tempfail);
  for (const Status status : {Status::accept, Status::none, Status::norecord, Status::nofrom, Status::off})
    EXPECT_EQ(action(status), Action::accept);
}

}  // namespace
}  // namespace postern::dmarc
