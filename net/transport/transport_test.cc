// Streams, listener and connector over a real ring on loopback.
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/gate.h"
#include "engine/ring/buffer_group.h"
#include "engine/ring/ring.h"
#include "engine/shard/loop.h"
#include "net/transport/listener.h"
#include "net/transport/socket.h"
#include "net/transport/uring_connector.h"

namespace postern::transport {
namespace {

constexpr SocketAddress loopback(std::uint16_t port) { return {IpAddress::v4(0x7f000001), port}; }

class TransportTest : public ::testing::Test, public ConnectionHandler {
 public:
  TransportTest() : loop_(clock_) {
    ring_ = std::move(*ring::Ring::create({.sq_entries = 64, .cq_entries = 512, .direct_descriptors = 64}));
    small_ = std::move(*ring::BufferGroup::create(*ring_, 1, 64, 2048));
    large_ = std::move(*ring::BufferGroup::create(*ring_, 2, 16, 32768));
    loop_.add(*ring_);
    loop_.set_sleeper(*ring_);
    pool_.emplace(StreamPool{*ring_, *small_, *large_});
    connector_.emplace(*pool_);
    const int descriptor = *listen_on(loopback(0), {});
    address_ = *bound_address(descriptor);
    listener_.emplace(*pool_, descriptor, address_, *this, 4);
  }

  // Runs `client` against a server that runs `server` for each connection.
  using Server = Task<void> (*)(TransportTest&, Stream&);
  void run(Server server, Server client) {
    server_ = server;
    loop_.run(play(*this, client));
  }
  static Task<void> play(TransportTest& test, Server client) {
    test.listener_->start();
    auto stream = co_await test.connector_->connect(test.address_, std::nullopt, test.soon());
    EXPECT_TRUE(stream.has_value());
    if (stream) {
      EXPECT_TRUE(co_await test.accepted_.wait(test.soon()));
      co_await client(test, **stream);
      co_await (*stream)->close();
    }
    co_await test.gate_.close();
    co_await test.listener_->stop();
  }
  void on_connection(std::unique_ptr<Stream> stream) override {
    accepted_.set();
    gate_.start(serve(*this, std::move(stream)));
  }
  static Task<void> serve(TransportTest& test, std::unique_ptr<Stream> stream) {
    co_await test.server_(test, *stream);
    co_await stream->close();
  }
  Wait soon() { return {loop_.now().plus_ms(10'000), nullptr}; }

  static Task<std::string> read_all(TransportTest& test, Stream& stream) {
    std::string all;
    for (;;) {
      Result<Slice> slice = co_await stream.read(test.soon());
      if (!slice) break;
      all.append(slice->view());
    }
    co_return all;
  }
  Chain text(std::string_view bytes) {
    Chain chain;
    for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 1000)))
      chain.append(copy_to_slice(blocks_, bytes.substr(0, 1000)));
    return chain;
  }

  SystemClock clock_;
  shard::Loop loop_;
  std::unique_ptr<ring::Ring> ring_;
  std::unique_ptr<ring::BufferGroup> small_;
  std::unique_ptr<ring::BufferGroup> large_;
  BlockPool blocks_;
  std::optional<StreamPool> pool_;
  std::optional<UringConnector> connector_;
  std::optional<Listener> listener_;
  SocketAddress address_;
  Gate gate_;
  Event accepted_;
  Server server_ = nullptr;
  std::string received_;
};

std::string noise(std::size_t size) {
  SeededRandom random(size);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.next());
  return bytes;
}

TEST_F(TransportTest, BytesArriveInOrderAndTheEndIsSeen) {
  run([](TransportTest& test, Stream& stream) -> Task<void> { test.received_ = co_await read_all(test, stream); },
      [](TransportTest& test, Stream& stream) -> Task<void> {
        EXPECT_TRUE(co_await stream.write(test.text("hello, "), test.soon()));
        EXPECT_TRUE(co_await stream.write(test.text("world"), test.soon()));
        EXPECT_TRUE(co_await stream.drain(test.soon()));
        stream.shutdown();
        EXPECT_EQ(co_await read_all(test, stream), "");
      });
  EXPECT_EQ(received_, "hello, world");
}

TEST_F(TransportTest, EndpointsNameThePeer) {
  run(
      [](TransportTest& test, Stream& stream) -> Task<void> {
        test.received_ = stream.endpoints().peer.address.to_string();
        EXPECT_NE(stream.endpoints().peer.port, 0);
        EXPECT_EQ(stream.endpoints().local, test.address_);
        co_return;
      },
      [](TransportTest&, Stream&) -> Task<void> { co_return; });
  EXPECT_EQ(received_, "127.0.0.1");
}

TEST_F(TransportTest, MegabytesThroughFewBuffersWithBulk) {
  run(
      [](TransportTest& test, Stream& stream) -> Task<void> {
        stream.expect_bulk(true);
        test.received_ = co_await read_all(test, stream);
      },
      [](TransportTest& test, Stream& stream) -> Task<void> {
        EXPECT_TRUE(co_await stream.write(test.text(noise(8'000'000)), test.soon()));
        EXPECT_TRUE(co_await stream.drain(test.soon()));
      });
  EXPECT_EQ(received_, noise(8'000'000));
}

TEST_F(TransportTest, AReaderThatKeepsEverySliceStillGetsAllAsBuffersReturn) {
  run(
      [](TransportTest& test, Stream& stream) -> Task<void> {
        // More than both groups hold, kept in pieces: reading stops for want of buffers until some are given back.
        std::vector<Slice> kept;
        for (;;) {
          Result<Slice> slice = co_await stream.read({Scheduler::current().now().plus_ms(50), nullptr});
          if (!slice && slice.error().code == Errc::timed_out) {
            for (const Slice& s : kept) test.received_.append(s.view());
            kept.clear();
            continue;
          }
          if (!slice) break;
          kept.push_back(std::move(*slice));
        }
        for (const Slice& s : kept) test.received_.append(s.view());
      },
      [](TransportTest& test, Stream& stream) -> Task<void> {
        EXPECT_TRUE(co_await stream.write(test.text(noise(400'000)), test.soon()));
        EXPECT_TRUE(co_await stream.drain(test.soon()));
      });
  EXPECT_EQ(received_, noise(400'000));
}

TEST_F(TransportTest, UnreadInputIsCappedAndGoesOn) {
  run(
      [](TransportTest& test, Stream& stream) -> Task<void> {
        EXPECT_TRUE(co_await sleep_until(test.loop_.now().plus_ms(100)));
        std::size_t at_hand = 0;
        Result<Slice> slice = co_await stream.read(test.soon());
        while (slice) {
          at_hand += slice->size();
          test.received_.append(slice->view());
          if (!stream.has_input()) break;
          slice = co_await stream.read(test.soon());
        }
        EXPECT_LT(at_hand, 2 * UringStream::kUnreadBytesMax + 64 * 2048);
        test.received_ += co_await read_all(test, stream);
      },
      [](TransportTest& test, Stream& stream) -> Task<void> {
        EXPECT_TRUE(co_await stream.write(test.text(noise(3'000'000)), test.soon()));
        EXPECT_TRUE(co_await stream.drain(test.soon()));
      });
  EXPECT_EQ(received_, noise(3'000'000));
}

TEST_F(TransportTest, ReadsEndByDeadlineAndByStopAndTheStreamStaysGood) {
  run(
      [](TransportTest& test, Stream& stream) -> Task<void> {
        const auto late = co_await stream.read({test.loop_.now().plus_ms(5), nullptr});
        EXPECT_FALSE(late);
        EXPECT_EQ(late.error().code, Errc::timed_out);
        StopSource stop;
        stop.request_stop();
        const auto stopped = co_await stream.read({Instant::never(), &stop});
        EXPECT_FALSE(stopped);
        EXPECT_EQ(stopped.error().code, Errc::stopped);
        EXPECT_TRUE(co_await stream.write(test.text("go"), test.soon()));
        test.received_ = co_await read_all(test, stream);
      },
      [](TransportTest& test, Stream& stream) -> Task<void> {
        const auto go = co_await stream.read(test.soon());
        EXPECT_TRUE(go);
        EXPECT_TRUE(co_await stream.write(test.text("done"), test.soon()));
        EXPECT_TRUE(co_await stream.drain(test.soon()));
      });
  EXPECT_EQ(received_, "done");
}

TEST_F(TransportTest, UnreadBytesComeFirst) {
  run(
      [](TransportTest& test, Stream& stream) -> Task<void> {
        Result<Slice> first = co_await stream.read(test.soon());
        EXPECT_TRUE(first);
        stream.unread(first->sub(3, first->size() - 3));
        EXPECT_TRUE(stream.has_input());
        test.received_ = co_await read_all(test, stream);
      },
      [](TransportTest& test, Stream& stream) -> Task<void> {
        EXPECT_TRUE(co_await stream.write(test.text("abcdef"), test.soon()));
        EXPECT_TRUE(co_await stream.drain(test.soon()));
      });
  EXPECT_EQ(received_, "def");
}

TEST_F(TransportTest, APeerThatDoesNotReadHoldsTheWriterUntilItsDeadline) {
  run(
      [](TransportTest& test, Stream& stream) -> Task<void> {
        Errc last{};
        for (int i = 0; i < 100; ++i) {
          const auto written =
              co_await stream.write(test.text(std::string(100'000, 'x')), {test.loop_.now().plus_ms(50), nullptr});
          if (written) continue;
          last = written.error().code;
          break;
        }
        EXPECT_EQ(last, Errc::timed_out);
      },
      [](TransportTest& test, Stream&) -> Task<void> { EXPECT_TRUE(co_await sleep_until(test.loop_.now().plus_ms(300))); });
}

TEST_F(TransportTest, ConnectingToAClosedPortIsRefused) {
  struct Probe {
    static Task<void> connect(TransportTest& test) {
      const int descriptor = *listen_on(loopback(0), {});
      const SocketAddress nobody = *bound_address(descriptor);
      ::close(descriptor);
      const auto stream = co_await test.connector_->connect(nobody, std::nullopt, test.soon());
      EXPECT_FALSE(stream);
      EXPECT_EQ(stream.error().code, Errc::refused);
    }
  };
  loop_.run(Probe::connect(*this));
}

TEST_F(TransportTest, ConnectingToAUnixSocket) {
  struct Probe {
    static Task<void> play(TransportTest& test, std::string path) {
      auto stream = co_await test.connector_->connect_path(path, test.soon());
      EXPECT_TRUE(stream) << describe(stream.error());
      if (!stream) co_return;
      EXPECT_TRUE(co_await test.accepted_.wait(test.soon()));
      EXPECT_TRUE(co_await (*stream)->write(test.text("hello"), test.soon()));
      EXPECT_TRUE(co_await (*stream)->drain(test.soon()));
      (*stream)->shutdown();
      EXPECT_EQ(co_await read_all(test, **stream), "");
      co_await (*stream)->close();
      co_await test.gate_.close();
      co_await test.listener_->stop();
      const auto missing = co_await test.connector_->connect_path(path + ".none", test.soon());
      EXPECT_FALSE(missing);
      if (!missing) EXPECT_EQ(missing.error().code, Errc::not_found);
      EXPECT_FALSE(co_await test.connector_->connect_path(path + std::string(200, 'x'), test.soon()));
    }
  };
  const std::size_t slots = ring_->free_slots();
  const std::string path = "transport_test." + std::to_string(::getpid());
  listener_.emplace(*pool_, *listen_on_path(path, 0600), SocketAddress{}, *this, 4);
  listener_->start();
  server_ = [](TransportTest& test, Stream& stream) -> Task<void> { test.received_ = co_await read_all(test, stream); };
  loop_.run(Probe::play(*this, path));
  ::unlink(path.c_str());
  EXPECT_EQ(received_, "hello");
  EXPECT_EQ(ring_->free_slots(), slots);
}

TEST_F(TransportTest, AllSlotsAndBuffersComeBack) {
  const std::size_t slots = ring_->free_slots();
  run([](TransportTest& test, Stream& stream) -> Task<void> { test.received_ = co_await read_all(test, stream); },
      [](TransportTest& test, Stream& stream) -> Task<void> {
        EXPECT_TRUE(co_await stream.write(test.text(noise(100'000)), test.soon()));
        EXPECT_TRUE(co_await stream.drain(test.soon()));
      });
  EXPECT_EQ(ring_->free_slots(), slots);
  EXPECT_EQ(small_->free_buffers(), small_->buffers());
  EXPECT_EQ(large_->free_buffers(), large_->buffers());
  EXPECT_EQ(ring_->operations_in_flight(), 1U) << "only the ring's own wake-up read";
}

}  // namespace
}  // namespace postern::transport
