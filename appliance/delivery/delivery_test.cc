#include "appliance/delivery/delivery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "appliance/delivery/delivery_testing.h"

namespace postern::delivery {
namespace {

using smtp::testing::FakeServer;
using ::testing::HasSubstr;
using testing::MessageSpec;
using testing::Stage;

SocketAddress at(std::string_view address) { return {IpAddress::parse(address).value(), 25}; }

std::string text_of(std::uint32_t number) { return "Subject: " + std::to_string(number) + "\r\n\r\nbody\r\n"; }

class DeliveryTest : public ::testing::Test {
 protected:
  void begin() {
    stage.network.listen(at("192.0.2.1"), server);
    ASSERT_TRUE(stage.start_ingress());
    ASSERT_TRUE(stage.start_delivery());
  }
  bool accept(std::uint32_t number, std::vector<std::string> to = {"r@rcpt.example"}, std::string from = "s@send.example") {
    return stage.accept({.sender = std::move(from), .recipients = std::move(to), .content = text_of(number)}, number);
  }
  FakeServer server;
  FakeServer second;
  Stage stage;
};

TEST_F(DeliveryTest, AMessageGoesAllTheWay) {
  begin();
  ASSERT_TRUE(accept(1));
  stage.advance_ms(100);
  ASSERT_EQ(server.mails.size(), 1U);
  EXPECT_EQ(server.mails[0].text, "Received: by us\r\n" + text_of(1));
  EXPECT_EQ(stage.log.main,
            (std::vector<std::string>{
                Stage::id_of(1) + " => r@rcpt.example R=smart T=out H=192.0.2.1 [192.0.2.1] C=\"250 OK id=fake\"",
                Stage::id_of(1) + " Completed"}));
  EXPECT_TRUE(stage.log.panic.empty());
  EXPECT_EQ(stage.stats().delivered.get(), 1U);
  EXPECT_EQ(stage.stats().completed.get(), 1U);
}

TEST_F(DeliveryTest, RecipientsGoTheirWays) {
  begin();
  stage.network.listen(at("192.0.2.2"), second);
  ASSERT_TRUE(accept(1, {"a@one.example", "b@one.example", "c@two.example", "d@box.example"}));
  stage.advance_ms(100);
  ASSERT_EQ(server.mails.size(), 1U);
  EXPECT_EQ(server.mails[0].recipients.size(), 2U);
  ASSERT_EQ(second.mails.size(), 1U);
  EXPECT_EQ(stage.names_in("/mail/box/new").size(), 1U);
  EXPECT_EQ(stage.log.count("=> a@one.example R=smart T=out"), 1U);
  EXPECT_EQ(stage.log.count("-> b@one.example R=smart T=out"), 1U);
  EXPECT_EQ(stage.log.count("=> d <d@box.example> R=box T=mailbox"), 1U);
  EXPECT_EQ(stage.log.count("Completed"), 1U);
}

TEST_F(DeliveryTest, ManyMessagesUseFewConnectionsAndLeaveNothing) {
  begin();
  for (std::uint32_t i = 0; i < 300; ++i) ASSERT_TRUE(accept(i));
  stage.advance_ms(300);
  EXPECT_EQ(server.mails.size(), 300U);
  EXPECT_LE(server.connections, 20U);
  std::set<std::string> texts;
  for (const FakeServer::Mail& mail : server.mails) texts.insert(mail.text);
  EXPECT_EQ(texts.size(), 300U);
  stage.stop_ingress();
  stage.advance_ms(5'000);
  EXPECT_TRUE(stage.names_in("ingress/00").empty()) << "all segments were handed back";
  EXPECT_EQ(stage.delivery().stats().queued.get(), 0U);
}

TEST_F(DeliveryTest, WhatFailsForNowIsTriedAgainByItsRule) {
  server.answer = [](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("RCPT TO:<later@")) return "451 4.2.1 greylisted";
    return std::nullopt;
  };
  begin();
  ASSERT_TRUE(accept(1, {"later@x.example", "now@x.example"}));
  stage.advance_ms(200);
  EXPECT_EQ(stage.log.count("== later@x.example R=smart T=out defer (-44) H=192.0.2.1 [192.0.2.1]: SMTP error from remote "
                            "mail server after RCPT TO:<later@x.example>: 451 4.2.1 greylisted"),
            1U);
  EXPECT_EQ(stage.log.count("=> now@x.example"), 1U);
  EXPECT_EQ(stage.log.count("Completed"), 0U);
  stage.skip_s(14 * 60);
  EXPECT_EQ(stage.log.count("== later@"), 1U);
  stage.skip_s(60);
  EXPECT_EQ(stage.log.count("== later@"), 2U);
  server.answer = nullptr;
  stage.skip_s(16 * 60);
  EXPECT_EQ(stage.log.count("=> later@x.example"), 1U);
  EXPECT_EQ(stage.log.count("Completed"), 1U);
  EXPECT_EQ(server.mails.size(), 2U);
  EXPECT_EQ(server.mails[1].recipients.size(), 1U);
}

TEST_F(DeliveryTest, AHostThatIsDownIsTriedByOneMessage) {
  ASSERT_TRUE(stage.start_ingress());
  ASSERT_TRUE(stage.start_delivery());
  for (std::uint32_t i = 0; i < 50; ++i) ASSERT_TRUE(accept(i));
  stage.advance_ms(500);
  EXPECT_LE(stage.network.attempts[at("192.0.2.1")], 20);
  const int at_first = stage.network.attempts[at("192.0.2.1")];
  EXPECT_GE(stage.log.count("H=192.0.2.1 [192.0.2.1] Connection refused"), 1U);
  EXPECT_EQ(stage.log.count("== r@rcpt.example"), 50U);
  stage.skip_s(16 * 60);
  EXPECT_LE(stage.network.attempts[at("192.0.2.1")], at_first + 2);
  stage.network.listen(at("192.0.2.1"), server);
  stage.skip_s(16 * 60);
  stage.advance_ms(2'000);
  EXPECT_EQ(server.mails.size(), 50U);
  EXPECT_EQ(stage.log.count("Completed"), 50U);
}

TEST_F(DeliveryTest, APermanentFailureReachesTheSender) {
  server.answer = [](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("RCPT TO:<no@")) return "550 5.1.1 unknown";
    return std::nullopt;
  };
  begin();
  ASSERT_TRUE(accept(1, {"no@x.example", "yes@x.example"}));
  stage.advance_ms(200);
  ASSERT_EQ(server.mails.size(), 2U);
  const FakeServer::Mail& bounce = server.mails[1];
  EXPECT_THAT(bounce.sender, HasSubstr("MAIL FROM:<>"));
  EXPECT_THAT(bounce.recipients.at(0), HasSubstr("RCPT TO:<s@send.example>"));
  EXPECT_THAT(bounce.text, HasSubstr("X-Failed-Recipients: no@x.example\r\n"));
  EXPECT_THAT(bounce.text, HasSubstr("Final-Recipient: rfc822;no@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"));
  EXPECT_THAT(bounce.text, HasSubstr("\r\nReceived: by us\r\nSubject: 1\r\n"));
  EXPECT_TRUE(bounce.text.starts_with("Received: from mail by gw.example with local\r\n"));
  EXPECT_EQ(stage.log.count("** no@x.example R=smart T=out H=192.0.2.1 [192.0.2.1]: SMTP error from remote mail server"), 1U);
  EXPECT_EQ(stage.log.count(" <= <> R=" + Stage::id_of(1) + " U=mail P=local S="), 1U);
  EXPECT_EQ(stage.log.count("Completed"), 2U);
  EXPECT_EQ(stage.stats().bounced.get(), 1U);
}

TEST_F(DeliveryTest, WhatCannotBeRoutedFails) {
  begin();
  ASSERT_TRUE(accept(1, {"a@nowhere.example"}));
  stage.advance_ms(200);
  EXPECT_EQ(stage.log.count(Stage::id_of(1) + " ** a@nowhere.example: Unrouteable address"), 1U);
  ASSERT_EQ(server.mails.size(), 1U);
  EXPECT_THAT(server.mails[0].text, HasSubstr("    Unrouteable address\r\n"));
}

// Lookups, and lists that ask while they are matched.
TEST(AskingDelivery, RoutesByFiles) {
  const std::string hosts = ::testing::TempDir() + "hosts";
  const std::string denied = ::testing::TempDir() + "denied";
  std::ofstream(hosts) << "a.example: 192.0.2.1\nb.example: 192.0.2.2\n";
  std::ofstream(denied) << "no@a.example\n";
  FakeServer first;
  FakeServer second;
  FakeServer third;
  Stage stage(
      "primary_hostname = gw.example\nqualify_domain = example\n"
      "domainlist known = lsearch;" +
      hosts +
      "\n"
      "begin routers\n"
      "denied:\n  driver = accept\n  transport = out\n"
      "  condition = ${lookup{$local_part@$domain}lsearch{" +
      denied +
      "}{yes}{no}}\n"
      "byfile:\n  driver = manualroute\n  domains = +known\n  transport = out\n"
      "  senders = ! lsearch;" +
      denied +
      "\n"
      "  route_data = ${lookup{$domain}lsearch{" +
      hosts +
      "}{$value}fail}\n"
      "broken:\n  driver = accept\n  domains = ${lookup{x}lsearch{/nowhere/at/all}}\n  transport = out\n"
      "begin transports\nout:\n  driver = smtp\n  hosts = 192.0.2.3\n"
      "begin retry\n* * F,2h,15m\n");
  const language::ShardNeeds needs{.clock = stage.scheduler.clock()};
  stage.needs = &needs;
  stage.network.listen(at("192.0.2.1"), first);
  stage.network.listen(at("192.0.2.2"), second);
  stage.network.listen(at("192.0.2.3"), third);
  ASSERT_TRUE(stage.start_ingress());
  ASSERT_TRUE(stage.start_delivery());
  const std::vector<std::string> recipients{"u@a.example", "u@b.example", "no@a.example", "u@c.example"};
  ASSERT_TRUE(stage.accept({.sender = "s@send.example", .recipients = recipients, .content = text_of(1)}, 1));
  stage.advance_ms(200);
  EXPECT_EQ(stage.log.count("=> u@a.example R=byfile T=out H=192.0.2.1 "), 1U);
  EXPECT_EQ(stage.log.count("=> u@b.example R=byfile T=out H=192.0.2.2 "), 1U);
  EXPECT_EQ(stage.log.count("=> no@a.example R=denied T=out H=192.0.2.3 "), 1U);
  EXPECT_EQ(stage.log.count("== u@c.example R=broken defer"), 1U) << ::testing::PrintToString(stage.log.main);
}

TEST_F(DeliveryTest, ABounceThatFailsIsNotBounced) {
  server.answer = [](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("RCPT")) return "550 no";
    return std::nullopt;
  };
  begin();
  ASSERT_TRUE(accept(1, {"no@x.example"}));
  ASSERT_TRUE(accept(2, {"no@x.example"}, ""));
  stage.advance_ms(300);
  EXPECT_EQ(stage.stats().bounced.get(), 1U);
  EXPECT_EQ(stage.stats().discarded.get(), 2U);
  EXPECT_EQ(stage.log.count("error ignored (=discarded)"), 2U);
  EXPECT_EQ(stage.log.count("Completed"), 3U);
  EXPECT_EQ(stage.stats().completed.get(), 3U);
}

TEST_F(DeliveryTest, NotifyNeverIsHonoured) {
  server.answer = [](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("RCPT")) return "550 no";
    return std::nullopt;
  };
  begin();
  MessageSpec spec;
  spec.recipient_attributes = {{spool::Attribute::number(spool::attribute::kNotify, smtp::kNotifyNever)}};
  ASSERT_TRUE(stage.accept(spec, 1));
  stage.advance_ms(200);
  EXPECT_EQ(stage.stats().bounced.get(), 0U);
  EXPECT_EQ(stage.log.count("Completed"), 1U);
}

TEST_F(DeliveryTest, RetriesEndWithABounce) {
  begin();
  int sent = 0;
  server.answer = [&](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("RCPT TO:<r@")) return ++sent, "450 4.7.1 never";
    return std::nullopt;
  };
  ASSERT_TRUE(accept(1));
  stage.advance_ms(100);
  for (int hour = 0; hour < 24 * 5 && server.mails.empty(); ++hour) stage.skip_s(3600);
  EXPECT_EQ(stage.log.count("** r@rcpt.example: retry timeout exceeded"), 1U);
  ASSERT_EQ(server.mails.size(), 1U);
  EXPECT_THAT(server.mails[0].text, HasSubstr("Status: 5.4.7\r\n"));
  EXPECT_GT(sent, 15);
  EXPECT_LT(sent, 40);
}

TEST_F(DeliveryTest, WithoutADoorbellOnlySealedSegmentsAreRead) {
  stage.has_doorbell = false;
  begin();
  ASSERT_TRUE(accept(1));
  stage.advance_ms(5'000);
  EXPECT_TRUE(server.mails.empty());
  stage.stop_ingress();
  stage.advance_ms(3'000);
  EXPECT_EQ(server.mails.size(), 1U);
}

TEST_F(DeliveryTest, DirectoriesOfShardsThatAreGoneAreDrained) {
  stage.ingress_directory = "ingress/07";
  ASSERT_TRUE(stage.start_ingress());
  ASSERT_TRUE(accept(1));
  stage.stop_ingress();
  stage.network.listen(at("192.0.2.1"), server);
  ASSERT_TRUE(stage.start_delivery());
  stage.advance_ms(3'000);
  EXPECT_EQ(server.mails.size(), 1U);
  EXPECT_TRUE(stage.names_in("ingress/07").empty());
  EXPECT_TRUE(stage.names_in("ingress/07/free").empty());  // nobody will write there again
}

TEST_F(DeliveryTest, ANewLifeKnowsWhatTheOldOneDid) {
  server.answer = [](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("RCPT TO:<later@")) return "451 later";
    return std::nullopt;
  };
  begin();
  for (std::uint32_t i = 0; i < 20; ++i) ASSERT_TRUE(accept(i));
  ASSERT_TRUE(accept(20, {"later@x.example", "now@x.example"}));
  stage.advance_ms(300);
  EXPECT_EQ(server.mails.size(), 21U);
  for (int life = 0; life < 3; ++life) {
    stage.stop_delivery();
    ASSERT_TRUE(stage.start_delivery());
    stage.advance_ms(3'000);
    EXPECT_EQ(server.mails.size(), 21U) << "nothing is sent twice";
  }
  EXPECT_EQ(stage.log.count("== later@"), 1U) << "nor tried before its time";
  server.answer = nullptr;
  stage.skip_s(16 * 60);
  EXPECT_EQ(server.mails.size(), 22U);
  EXPECT_EQ(stage.log.count("possible duplicate"), 0U);
}

TEST_F(DeliveryTest, ASegmentThatIngressTakesBackMeanwhileIsNoTrouble) {
  begin();
  ASSERT_TRUE(accept(1));
  stage.stop_delivery();
  // Looked at once, for its header; gone when it is to be read.
  stage.files.inject({.op = FakeOp::open,
                      .path_contains = "ingress/00/",
                      .offset = {},
                      .skip = 2,
                      .error = {Errc::not_found, ENOENT, "fake file: open"}});
  ASSERT_TRUE(stage.start_delivery());
  stage.advance_ms(2'000);
  EXPECT_TRUE(stage.log.panic.empty()) << stage.log.panic.front();
  EXPECT_EQ(server.mails.size(), 1U);
}

TEST_F(DeliveryTest, StopLetsAnAttemptFinishWithinItsGrace) {
  begin();
  stage.network.delay_ms = 1'000;
  ASSERT_TRUE(accept(1));
  stage.advance_ms(50);
  stage.stop_delivery();
  EXPECT_EQ(server.mails.size(), 1U);
  EXPECT_EQ(stage.log.count("Completed"), 1U);
}

TEST_F(DeliveryTest, StopCutsWhatTakesTooLong) {
  stage.options.stop_grace_ms = 100;
  begin();
  server.answer = [](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("MAIL")) return std::string(FakeServer::kSilent);
    return std::nullopt;
  };
  ASSERT_TRUE(accept(1));
  stage.advance_ms(50);
  stage.stop_delivery();
  EXPECT_EQ(stage.log.count("== "), 0U);
  server.answer = nullptr;
  ASSERT_TRUE(stage.start_delivery());
  stage.advance_ms(200);
  EXPECT_EQ(server.mails.size(), 1U);
  EXPECT_EQ(stage.log.count("possible duplicate"), 1U);
}

TEST_F(DeliveryTest, AnIdleStageStopsAtOnce) {
  begin();
  stage.advance_ms(100);
  const Instant before = stage.scheduler.now();
  stage.stop_delivery();
  EXPECT_LT(stage.scheduler.now().ns - before.ns, 500'000'000);
}

TEST_F(DeliveryTest, ASlowDestinationKeepsNobodyWaiting) {
  stage.options.destinations = {.attempts_max = 40, .attempts_per_destination_max = 5, .waiting_per_destination_max = 20};
  stage.options.parked_max = 2'000;
  begin();
  stage.network.listen(at("192.0.2.2"), second);
  server.answer = [](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("MAIL")) return std::string(FakeServer::kSilent);
    return std::nullopt;
  };
  for (std::uint32_t i = 0; i < 200; ++i) ASSERT_TRUE(accept(i));
  for (std::uint32_t i = 200; i < 210; ++i) ASSERT_TRUE(accept(i, {"r@two.example"}));
  stage.advance_ms(500);
  EXPECT_EQ(second.mails.size(), 10U);
  server.answer = nullptr;
  stage.skip_s(301);  // those that were stuck time out, and the host rests
  for (int i = 0; i < 6 && server.mails.size() < 200; ++i) stage.skip_s(16 * 60);
  EXPECT_EQ(server.mails.size(), 200U);
}

TEST_F(DeliveryTest, AFullQueueParksAndComesBack) {
  stage.options.destinations = {.attempts_max = 4, .attempts_per_destination_max = 2, .waiting_per_destination_max = 8};
  stage.options.fresh_max = 50;
  stage.options.parked_max = 100;
  begin();
  for (std::uint32_t i = 0; i < 500; ++i) ASSERT_TRUE(accept(i));
  stage.advance_ms(5'000);
  EXPECT_EQ(server.mails.size(), 500U);
  std::set<std::string> texts;
  for (const FakeServer::Mail& mail : server.mails) texts.insert(mail.text);
  EXPECT_EQ(texts.size(), 500U);
}

TEST_F(DeliveryTest, WhatWaitsLongDoesNotFillTheMemory) {
  stage.writer_options = testing::small_segments(1 << 20);
  stage.writer_options.batch_bytes = 256 * 1024;
  stage.options.record_bytes_max = 2 << 20;
  begin();
  stage.network.listen(at("192.0.2.2"), second);
  server.answer = [](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("MAIL")) return std::string(FakeServer::kSilent);
    return std::nullopt;
  };
  const std::string large = "Subject: l\r\n\r\n" + std::string(40'000, 'x') + "\r\n";
  for (std::uint32_t i = 0; i < 120; ++i) {
    ASSERT_TRUE(stage.accept({.content = large}, i));
    stage.advance_ms(10);
  }
  ASSERT_TRUE(accept(200, {"r@two.example"}));
  stage.advance_ms(1'000);
  EXPECT_EQ(second.mails.size(), 1U) << "five megabytes wait for another host";
  server.answer = nullptr;
  for (int i = 0; i < 8 && server.mails.size() < 120; ++i) stage.skip_s(16 * 60);
  EXPECT_EQ(server.mails.size(), 120U);
  EXPECT_EQ(server.mails.back().text.size(), large.size() + 17);
}

// ---- LMTP over a socket ----

class SocketDeliveryTest : public ::testing::Test {
 protected:
  SocketDeliveryTest() { store.lmtp = true; }
  void begin() {
    stage.network.listen(at("192.0.2.1"), server);
    ASSERT_TRUE(stage.start_ingress());
    ASSERT_TRUE(stage.start_delivery());
  }
  bool accept(std::uint32_t number, std::vector<std::string> to) {
    return stage.accept({.recipients = std::move(to), .content = text_of(number)}, number);
  }
  FakeServer server;
  FakeServer store;
  Stage stage{testing::kStoreBehindASocket};
};

TEST_F(SocketDeliveryTest, EachRecipientHasItsOwnEnd) {
  store.answer = [](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with("RCPT TO:<no@")) return "550 5.1.1 unknown";
    if (step.starts_with(".RCPT TO:<full@")) return "452 4.2.2 full";
    if (step.starts_with(".RCPT TO:<b@")) return "250 2.0.0 stored for b";
    return std::nullopt;
  };
  stage.network.listen("/run/lmtp", store);
  begin();
  ASSERT_TRUE(accept(1, {"a@box.example", "full@box.example", "b@box.example"}));
  ASSERT_TRUE(accept(2, {"no@box.example", "c@box.example"}));
  stage.advance_ms(200);
  EXPECT_EQ(stage.log.count(Stage::id_of(1) + " => a <a@box.example> R=store T=store C=\"250 2.0.0 saved\""), 1U);
  EXPECT_EQ(stage.log.count(Stage::id_of(1) + " -> b <b@box.example> R=store T=store C=\"250 2.0.0 stored for b\""), 1U);
  EXPECT_EQ(stage.log.count(Stage::id_of(1) + " == full@box.example R=store T=store defer (-46): LMTP error after end of data: "
                                              "452 4.2.2 full"),
            1U);
  EXPECT_EQ(stage.log.count(Stage::id_of(2) + " ** no@box.example R=store T=store: LMTP error after RCPT TO:<no@box.example>: "
                                              "550 5.1.1 unknown"),
            1U);
  EXPECT_EQ(stage.log.count("Completed"), 2U);  // the second, and the bounce
  ASSERT_EQ(server.mails.size(), 1U);
  const std::string& bounce = server.mails[0].text;
  EXPECT_THAT(bounce, HasSubstr("X-Failed-Recipients: no@box.example\r\n"));
  EXPECT_THAT(bounce, HasSubstr("Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 unknown\r\n"));
  EXPECT_THAT(bounce, ::testing::Not(HasSubstr("Remote-MTA")));
  EXPECT_THAT(bounce, ::testing::Not(HasSubstr("/run/lmtp")));
  EXPECT_THAT(bounce, ::testing::Not(HasSubstr("c@box.example")));

  store.answer = nullptr;
  stage.skip_s(16 * 60);
  EXPECT_EQ(stage.log.count("=> full <full@box.example>"), 1U);
  EXPECT_EQ(store.mails.back().recipients, std::vector<std::string>{"RCPT TO:<full@box.example>"});
  EXPECT_EQ(stage.log.count("Completed"), 3U);
}

TEST_F(SocketDeliveryTest, RecipientsShareACopyUpToBatchMax) {
  stage.network.listen("/run/lmtp", store);
  begin();
  std::vector<std::string> to;
  for (int i = 0; i < 8; ++i) to.push_back("r" + std::to_string(i) + "@box.example");
  ASSERT_TRUE(accept(1, to));
  stage.advance_ms(100);
  std::vector<std::size_t> sizes;
  for (const FakeServer::Mail& mail : store.mails) sizes.push_back(mail.recipients.size());
  EXPECT_THAT(sizes, ::testing::UnorderedElementsAre(3, 3, 2));
  EXPECT_EQ(stage.log.count(" => r"), 3U);
  EXPECT_EQ(stage.log.count(" -> r"), 5U);

  store.mails.clear();
  ASSERT_TRUE(accept(2, {"x@each.example", "y@each.example"}));
  stage.advance_ms(100);
  ASSERT_EQ(store.mails.size(), 2U);
  for (const FakeServer::Mail& mail : store.mails) {
    ASSERT_EQ(mail.recipients.size(), 1U);
    const std::string address = mail.recipients[0].substr(9, 14);
    EXPECT_THAT(mail.text, ::testing::StartsWith("Envelope-to: " + address + "\r\nReceived: "));
  }
}

TEST_F(SocketDeliveryTest, ManyMessagesUseFewConnections) {
  stage.network.listen("/run/lmtp", store);
  begin();
  for (std::uint32_t i = 0; i < 300; ++i) ASSERT_TRUE(accept(i, {"r@box.example"}));
  stage.advance_ms(300);
  EXPECT_EQ(store.mails.size(), 300U);
  EXPECT_LE(store.connections, 20U);
}

TEST_F(SocketDeliveryTest, AMissingSocketIsTriedByOneMessage) {
  begin();
  for (std::uint32_t i = 0; i < 50; ++i) ASSERT_TRUE(accept(i, {"r@box.example"}));
  stage.advance_ms(500);
  EXPECT_LE(stage.network.local_attempts["/run/lmtp"], 20);
  EXPECT_GE(
      stage.log.count(" == r@box.example R=store T=store defer (2): No such file or directory: failed to connect to socket "
                      "/run/lmtp"),
      1U);
  EXPECT_EQ(stage.log.count("== r@box.example"), 50U);
  EXPECT_EQ(stage.log.count(" H="), 0U);
  stage.network.listen("/run/lmtp", store);
  stage.skip_s(16 * 60);
  stage.advance_ms(2'000);
  EXPECT_EQ(store.mails.size(), 50U);
}

TEST_F(SocketDeliveryTest, OnlyWhatWasNotAnsweredIsSentAgain) {
  store.answer = [](std::string_view step) -> std::optional<std::string> {
    if (step.starts_with(".RCPT TO:<b@")) return std::string(FakeServer::kClose);
    return std::nullopt;
  };
  stage.network.listen("/run/lmtp", store);
  begin();
  ASSERT_TRUE(accept(1, {"a@box.example", "b@box.example", "c@box.example"}));
  stage.advance_ms(100);
  EXPECT_EQ(stage.log.count(" => a <a@box.example>"), 1U);
  EXPECT_EQ(stage.log.count(" defer (-18): LMTP connection closed after end of data"), 2U);
  store.answer = nullptr;
  stage.skip_s(16 * 60);
  EXPECT_EQ(store.mails.back().recipients, (std::vector<std::string>{"RCPT TO:<b@box.example>", "RCPT TO:<c@box.example>"}));
  EXPECT_EQ(stage.log.count("Completed"), 1U);
}

TEST_F(SocketDeliveryTest, MoreRecipientsThanMayWait) {
  stage.options.destinations = {.attempts_max = 4, .attempts_per_destination_max = 2, .waiting_per_destination_max = 8};
  stage.network.listen("/run/lmtp", store);
  begin();
  std::vector<std::string> to;
  for (int i = 0; i < 100; ++i) to.push_back("r" + std::to_string(i) + "@each.example");
  ASSERT_TRUE(accept(1, to));
  stage.advance_ms(20'000);
  std::set<std::string> served;
  for (const FakeServer::Mail& mail : store.mails) served.insert(mail.recipients.at(0));
  EXPECT_EQ(served.size(), 100U);
  EXPECT_EQ(store.mails.size(), 100U);
  EXPECT_EQ(stage.log.count("Completed"), 1U);
}

TEST_F(DeliveryTest, ADamagedJournalStopsTheStart) {
  begin();
  stage.stop_delivery();
  stage.files.bytes("delivery/journal")[9] ^= std::byte{1};
  const Result<void> started = stage.start_delivery();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::bad_format);
}

TEST_F(DeliveryTest, SegmentsThatAreGoneAreForgotten) {
  stage.writer_options.free_segments_max = 2;
  begin();
  for (std::uint32_t i = 0; i < 400; ++i) ASSERT_TRUE(accept(i));
  stage.advance_ms(2'000);
  EXPECT_EQ(server.mails.size(), 400U);
  stage.advance_ms(70'000);
  stage.stop_delivery();
  // What the journal still speaks of is of the order of the files there are.
  EXPECT_LT(stage.files.bytes("delivery/journal").size(), 20U << 20);
  ASSERT_TRUE(stage.start_delivery());
  stage.advance_ms(100);
  EXPECT_EQ(server.mails.size(), 400U);
}

}  // namespace
}  // namespace postern::delivery
