#include "net/tls/tls_stream.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <optional>
#include <string>

#include "engine/coro/manual_scheduler.h"
#include "net/tls/client.h"
#include "net/tls/tls_testing.h"
#include "tests/fakes/fake_stream.h"

namespace postern::tls {
namespace {

const Certificate& certificate() {
  static const Certificate made("DNS:redis.example, IP:192.0.2.1");
  return made;
}

// A client of ours, and a server made of OpenSSL, on one wire.
class Scene {
 public:
  ~Scene() {
    if (secured_ && secured_->stream) close();
    if (!authorities_.empty()) ::unlink(authorities_.c_str());
  }

  // Both ends say what they have to say, in pieces of `piece` bytes, until neither has anything.
  void exchange(TestEnd& other, std::size_t piece = 64 * 1024) {
    for (int silent = 0; silent < 2;) {
      scheduler_.run();
      const std::string ours = peer_.received();
      for (std::size_t at = 0; at < ours.size(); at += piece) other.take(std::string_view(ours).substr(at, piece));
      if (ours.empty()) other.take({});
      const std::string theirs = other.wire();
      for (std::size_t at = 0; at < theirs.size(); at += piece) {
        peer_.send(std::string_view(theirs).substr(at, piece));
        scheduler_.run();
      }
      silent = ours.empty() && theirs.empty() ? silent + 1 : 0;
    }
  }
  void connect(const std::string& server, bool verifies = true, Instant deadline = Instant::never()) {
    if (verifies) authorities_ = certificate().write_file();
    client_ = Client::create({.verify_certificates = authorities_}).value();
    gate_.start(secure(*this, server, deadline));
    scheduler_.run();
  }
  static Task<void> secure(Scene& test, std::string server, Instant deadline) {
    test.secured_ =
        co_await test.client_->secure(test.peer_.make_stream(), std::move(server), test.pool_, {.deadline = deadline});
  }
  // Handshake and all.
  [[nodiscard]] bool establish(TestEnd& server) {
    connect("redis.example");
    exchange(server);
    return secured_ && secured_->stream;
  }
  void start_read() { gate_.start(read_all(*this)); }
  static Task<void> read_all(Scene& test) {
    for (;;) {
      Result<Slice> bytes = co_await test.stream().read({.stop = &test.stop_});
      if (!bytes) {
        test.end_ = bytes.error();
        co_return;
      }
      test.read_.append(bytes->view());
    }
  }
  void close() {
    stop_.request_stop();
    scheduler_.run();
    gate_.start(close_stream(*this));
    scheduler_.run();
    secured_->stream.reset();
  }
  static Task<void> close_stream(Scene& test) { co_await test.stream().close(); }
  Stream& stream() { return *secured_->stream; }
  void write(std::string_view text) {
    Chain chain;
    // In pieces, as replies are.
    for (; !text.empty(); text.remove_prefix(std::min<std::size_t>(text.size(), 20'000)))
      chain.append(copy_to_slice(pool_, text.substr(0, 20'000)));
    static_cast<void>(stream().write(std::move(chain), {}));
  }

  ManualScheduler scheduler_;
  BlockPool pool_;
  smtp::FakePeer peer_;
  std::unique_ptr<Client> client_;
  std::string authorities_;
  std::optional<Secured> secured_;
  std::string read_;
  std::optional<Error> end_;
  StopSource stop_;
  Gate gate_;
};

TEST(TlsStream, BytesGoBothWaysInAnyPieces) {
  const std::string large(100'000, 'x');
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{64 * 1024}}) {
      SCOPED_TRACE(std::to_string(version) + " " + std::to_string(piece));
      Scene one;
      TestEnd server(&certificate(), version);
      one.connect("redis.example");
      one.exchange(server, piece);
      ASSERT_TRUE(one.secured_ && one.secured_->stream) << (one.secured_ ? one.secured_->why : "unfinished");
      EXPECT_TRUE(one.stream().security().encrypted);
      EXPECT_EQ(one.stream().security().protocol, version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
      EXPECT_STREQ(SSL_get_servername(server.ssl(), TLSEXT_NAMETYPE_host_name), "redis.example");
      one.start_read();
      one.write("PING\r\n");
      server.say("hello ");
      server.say(large);
      one.exchange(server, piece);
      one.write(large);
      one.exchange(server, piece);
      EXPECT_EQ(one.read_, "hello " + large);
      EXPECT_EQ(server.clear(), "PING\r\n" + large);
      server.end();
      one.exchange(server, piece);
      ASSERT_TRUE(one.end_);
      EXPECT_EQ(one.end_->code, Errc::closed);
      one.stream().shutdown();
      one.exchange(server, piece);
      EXPECT_TRUE(server.was_ended());
    }
}

TEST(TlsStream, WhomTheCertificateIsFor) {
  const struct {
    const char* server;
    const char* why;
  } cases[] = {{"redis.example", ""},
               {"192.0.2.1", ""},
               {"other.example", "certificate verify failed (hostname mismatch)"},
               {"192.0.2.2", "certificate verify failed (IP address mismatch)"}};
  for (const auto& c : cases) {
    Scene one;
    TestEnd server(&certificate());
    one.connect(c.server);
    one.exchange(server);
    ASSERT_TRUE(one.secured_) << c.server;
    EXPECT_EQ(one.secured_->stream != nullptr, *c.why == '\0') << c.server;
    EXPECT_EQ(one.secured_->why, c.why);
    EXPECT_EQ(one.peer_.is_closed(), one.secured_->stream == nullptr);
  }
}

TEST(TlsStream, AStrangersCertificateIsRefusedUnlessNobodyIsVerified) {
  const Certificate strangers("DNS:redis.example");
  for (const bool verifies : {true, false}) {
    Scene one;
    TestEnd server(&strangers);
    one.connect("redis.example", verifies);
    one.exchange(server);
    ASSERT_TRUE(one.secured_);
    EXPECT_EQ(one.secured_->stream == nullptr, verifies);
    EXPECT_EQ(one.secured_->why, verifies ? "certificate verify failed (self-signed certificate)" : "");
  }
}

TEST(TlsStream, WhatIsNoTlsIsSaid) {
  Scene one;
  one.connect("redis.example");
  one.peer_.send("-ERR unknown command\r\n");
  one.scheduler_.run();
  ASSERT_TRUE(one.secured_);
  EXPECT_EQ(one.secured_->stream, nullptr);
  EXPECT_EQ(one.secured_->error.code, Errc::bad_format);
  EXPECT_EQ(one.secured_->why, "wrong version number");
}

TEST(TlsStream, AHandshakeThatBreaksOff) {
  Scene one;
  one.connect("redis.example");
  one.peer_.fail_input(Errc::reset);
  one.scheduler_.run();
  ASSERT_TRUE(one.secured_);
  EXPECT_EQ(one.secured_->error.code, Errc::reset);
  EXPECT_EQ(one.secured_->why, "");
}

TEST(TlsStream, AHandshakeThatTakesTooLong) {
  Scene one;
  one.connect("redis.example", true, one.scheduler_.now().plus_ms(1'000));
  one.scheduler_.advance_ms(900);
  EXPECT_FALSE(one.secured_);
  one.scheduler_.advance_ms(200);
  ASSERT_TRUE(one.secured_);
  EXPECT_EQ(one.secured_->error.code, Errc::timed_out);
  EXPECT_TRUE(one.peer_.is_closed());
}

TEST(TlsStream, AReaderThatIsAwayStopsTheInput) {
  Scene one;
  TestEnd server(&certificate());
  ASSERT_TRUE(one.establish(server));
  const std::string record(16'000, 'x');
  std::size_t sent = 0;
  for (int i = 0; i < 40; ++i) {
    server.say(record);
    sent += record.size();
  }
  one.exchange(server);
  EXPECT_FALSE(one.peer_.has_waiting_reader());
  EXPECT_LT(one.pool_.used_bytes(), 3 * TlsStream::kUnreadBytesMax);
  one.start_read();
  one.exchange(server);
  EXPECT_EQ(one.read_.size(), sent);
  EXPECT_TRUE(one.peer_.has_waiting_reader());
}

TEST(TlsStream, DamagedRecordsEndTheStream) {
  Scene one;
  TestEnd server(&certificate());
  ASSERT_TRUE(one.establish(server));
  one.start_read();
  server.say("good");
  one.exchange(server);
  server.say("bad");
  std::string wire = server.wire();
  wire.back() = static_cast<char>(~wire.back());
  one.peer_.send(wire);
  one.scheduler_.run();
  EXPECT_EQ(one.read_, "good");
  ASSERT_TRUE(one.end_);
  EXPECT_EQ(one.end_->code, Errc::bad_format);
}

TEST(TlsStream, BytesPutBackComeFirst) {
  Scene one;
  TestEnd server(&certificate());
  ASSERT_TRUE(one.establish(server));
  server.say("second");
  one.exchange(server);
  one.stream().unread(copy_to_slice(one.pool_, "first "));
  one.start_read();
  one.scheduler_.run();
  EXPECT_EQ(one.read_, "first second");
}

}  // namespace
}  // namespace postern::tls
