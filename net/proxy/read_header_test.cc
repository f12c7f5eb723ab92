#include "net/proxy/read_header.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "net/proxy/header_testing.h"
#include "tests/fakes/fake_stream.h"

namespace postern::proxy {
namespace {

class ProxyStream : public ::testing::Test {
 protected:
  ~ProxyStream() override {
    stop_.request_stop();
    scheduler_.run();
    gate_.start(closing(*this));
    scheduler_.run();
  }

  static Task<void> reading(ProxyStream& test) {
    const Wait wait{test.scheduler_.now().plus_ms(3000), &test.stop_};
    test.outcome_ = co_await read_header(*test.stream_, test.pool_, wait, test.header_);
  }
  static Task<void> closing(ProxyStream& test) { co_await test.stream_->close(); }
  static Task<void> take(ProxyStream& test) {
    while (test.stream_->has_input()) {
      const Result<Slice> slice = co_await test.stream_->read({});
      if (!slice) co_return;
      test.unread_ += slice->view();
    }
  }

  void start() {
    gate_.start(reading(*this));
    scheduler_.run();
  }
  void send(std::string_view bytes) {
    peer_.send(bytes);
    scheduler_.run();
  }
  // What the session would find on the stream.
  std::string left() {
    gate_.start(take(*this));
    scheduler_.run();
    return std::exchange(unread_, {});
  }

  ManualScheduler scheduler_;
  smtp::FakePeer peer_;
  std::unique_ptr<Stream> stream_ = peer_.make_stream();
  BlockPool pool_;
  StopSource stop_;
  Gate gate_;
  Header header_;
  std::optional<ReadOutcome> outcome_;
  std::string unread_;
};

const SocketAddress kClient{*IpAddress::parse("192.0.2.9"), 4321};
const SocketAddress kTarget{*IpAddress::parse("198.51.100.7"), 25};

TEST_F(ProxyStream, WhatLiesBehindIsUnread) {
  start();
  send(version_1(kClient, kTarget) + "EHLO client.example\r\n");
  EXPECT_EQ(outcome_, ReadOutcome::read);
  EXPECT_EQ(header_.client, kClient);
  EXPECT_EQ(left(), "EHLO client.example\r\n");
}

TEST_F(ProxyStream, NothingBehindIsNoInput) {
  start();
  send(version_2(kClient, kTarget));
  EXPECT_EQ(outcome_, ReadOutcome::read);
  EXPECT_FALSE(stream_->has_input());
}

TEST_F(ProxyStream, ByteByByte) {
  start();
  const std::string header = version_2(kClient, kTarget, tlv(0x05, "id"));
  for (const char& c : header) {
    EXPECT_FALSE(outcome_);
    send({&c, 1});
  }
  EXPECT_EQ(outcome_, ReadOutcome::read);
  EXPECT_EQ(header_, (Header{Subject::client, kClient, kTarget, "id"}));
}

TEST_F(ProxyStream, CutInTwoAtEveryByte) {
  for (const std::string& header :
       {version_1(kClient, kTarget), version_2(kClient, kTarget, tlv(0xe0, std::string(3000, 'f')))})
    for (std::size_t cut = 0; cut <= header.size(); ++cut) {
      outcome_.reset();
      header_ = {};
      start();
      send(std::string_view(header).substr(0, cut));
      send(header.substr(cut) + "QUIT\r\n");
      EXPECT_EQ(outcome_, ReadOutcome::read);
      EXPECT_EQ(header_.client, kClient);
      EXPECT_EQ(left(), "QUIT\r\n");
    }
}

TEST_F(ProxyStream, OtherBytesAreAllUnread) {
  const std::string bytes = "\r\n\r\nEHLO client.example\r\n";
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    outcome_.reset();
    start();
    send(std::string_view(bytes).substr(0, cut));
    send(std::string_view(bytes).substr(cut));
    EXPECT_EQ(outcome_, ReadOutcome::absent);
    EXPECT_EQ(left(), bytes);
  }
}

TEST_F(ProxyStream, MalformedOnesAreTakenOff) {
  const std::string bad = "PROXY TCP4 192.0.2.1 198.51.100.7 0 25\r\n";
  for (std::size_t cut = 0; cut < bad.size(); ++cut) {
    outcome_.reset();
    start();
    send(bad.substr(0, cut));
    send(bad.substr(cut) + "EHLO a\r\n");
    EXPECT_EQ(outcome_, ReadOutcome::failed);
    EXPECT_EQ(header_, Header());
    EXPECT_EQ(left(), "EHLO a\r\n");
  }
}

TEST_F(ProxyStream, TimeEndsTheWait) {
  start();
  send("PROXY TCP4 192.0.2.1");
  scheduler_.advance_ms(2990);
  EXPECT_FALSE(outcome_);
  scheduler_.advance_ms(20);
  EXPECT_EQ(outcome_, ReadOutcome::failed);
  EXPECT_FALSE(stream_->has_input());
}

TEST_F(ProxyStream, StopEndsTheWait) {
  start();
  stop_.request_stop();
  scheduler_.run();
  EXPECT_EQ(outcome_, ReadOutcome::failed);
}

TEST_F(ProxyStream, TheEndOfTheStream) {
  start();
  send("PROXY");
  peer_.fail_input(Errc::closed);
  scheduler_.run();
  EXPECT_EQ(outcome_, ReadOutcome::failed);
}

}  // namespace
}  // namespace postern::proxy
