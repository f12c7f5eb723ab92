// Accepting when descriptors run out, and while accepting ends; connecting to those who do not answer.
#include "net/transport/listener.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "net/transport/transport_testing.h"
#include "net/transport/uring_connector.h"

namespace postern::transport {
namespace {

TEST(Listener, GoesOnWhenDescriptorsComeBack) {
  struct Test {
    static Task<void> go(Rig& rig) {
      std::vector<std::unique_ptr<RawPeer>> peers;
      for (int i = 0; i < 30; ++i) {
        peers.push_back(std::make_unique<RawPeer>(rig.address_));
        peers.back()->send(std::to_string(i));
      }
      std::vector<std::string> served;
      while (served.size() < peers.size()) {
        // All that can be had are taken before any is given back.
        std::vector<std::unique_ptr<Stream>> streams;
        co_await Rig::pause_ms(20);
        while (!rig.accepted_.empty()) streams.push_back(co_await rig.accept());
        EXPECT_LE(streams.size(), 8U);
        for (const auto& stream : streams) {
          served.emplace_back((*co_await stream->read(rig.soon())).view());
          co_await stream->close();
        }
        if (streams.empty()) co_await Rig::pause_ms(20);
      }
      for (int i = 0; i < 30; ++i) EXPECT_EQ(std::ranges::count(served, std::to_string(i)), 1);
    }
  };
  Rig rig({.direct_descriptors = 8, .accepts_at_once = 4});
  rig.run(Test::go(rig));
  EXPECT_EQ(rig.listener_->stats().accepts.get(), 30U);
}

TEST(Listener, EveryConnectionHasItsOwnPeer) {
  struct Test {
    static Task<void> go(Rig& rig) {
      std::vector<std::unique_ptr<RawPeer>> peers;
      for (int i = 0; i < 20; ++i) peers.push_back(std::make_unique<RawPeer>(rig.address_));
      std::vector<std::uint16_t> ports;
      for (int i = 0; i < 20; ++i) {
        const auto stream = co_await rig.accept();
        EXPECT_EQ(stream->endpoints().peer.address.to_string(), "127.0.0.1");
        EXPECT_EQ(stream->endpoints().local, rig.address_);
        ports.push_back(stream->endpoints().peer.port);
        co_await stream->close();
      }
      std::ranges::sort(ports);
      EXPECT_EQ(std::ranges::unique(ports).size(), 0U);
    }
  };
  Rig rig;
  rig.run(Test::go(rig));
}

TEST(Listener, StopsBeforeDuringAndAfterConnections) {
  struct Test {
    static Task<void> go(Rig& rig, int connections, bool turn_first) {
      std::vector<std::unique_ptr<RawPeer>> peers;
      for (int i = 0; i < connections; ++i) peers.push_back(std::make_unique<RawPeer>(rig.address_));
      if (turn_first) co_await Yield{};
      // What was accepted while stopping is closed by the rig.
    }
  };
  for (const int connections : {0, 1, 4, 9})
    for (const bool turn_first : {false, true}) {
      Rig rig;
      rig.run(Test::go(rig, connections, turn_first));
    }
}

TEST(Listener, PathsAreReplacedAndHaveTheirPermissions) {
  std::string directory = "/tmp/postern-listen-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/control";
  for (int i = 0; i < 2; ++i) {
    const auto descriptor = listen_on_path(path, 0660);
    ASSERT_TRUE(descriptor);
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0660U);
    EXPECT_TRUE(S_ISSOCK(status.st_mode));
    ::close(*descriptor);
  }
  EXPECT_FALSE(listen_on_path(directory + "/nowhere/control", 0600));
  EXPECT_FALSE(listen_on_path("/" + std::string(200, 'x'), 0600));
  std::filesystem::remove_all(directory);
}

TEST(UringConnector, ConnectsToUnixSockets) {
  struct Test {
    static Task<void> go(Rig& rig, const std::string& path) {
      UringConnector connector(*rig.pool_);
      const auto missing = co_await connector.connect_local(path, rig.soon());
      EXPECT_EQ(missing.error().code, Errc::not_found);
      const auto too_long = co_await connector.connect_local("/" + std::string(200, 'x'), rig.soon());
      EXPECT_EQ(too_long.error().code, Errc::invalid);

      Listener listener(*rig.pool_, *listen_on_path(path, 0600), SocketAddress{}, rig, 2);
      listener.start();
      auto ours = co_await connector.connect_local(path, rig.soon());
      EXPECT_TRUE(ours);
      const auto theirs = co_await rig.accept();
      EXPECT_TRUE(co_await (*ours)->write(rig.text("stats\n"), rig.soon()));
      EXPECT_EQ((*co_await theirs->read(rig.soon())).view(), "stats\n");
      EXPECT_TRUE(co_await theirs->write(rig.text("fine\n"), rig.soon()));
      EXPECT_TRUE(co_await theirs->drain(rig.soon()));
      EXPECT_EQ((*co_await (*ours)->read(rig.soon())).view(), "fine\n");
      co_await (*ours)->close();
      EXPECT_FALSE(co_await theirs->read(rig.soon()));
      co_await theirs->close();
      co_await listener.stop();
    }
  };
  std::string directory = "/tmp/postern-listen-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  {
    Rig rig;
    rig.run(Test::go(rig, directory + "/control"));
  }
  std::filesystem::remove_all(directory);
}

TEST(Sockets, PortsAreSharedOnlyWhenAsked) {
  const SocketAddress any{IpAddress::v4(0x7f000001), 0};
  const auto shared = listen_on(any, {.share_port = true});
  const SocketAddress address = *bound_address(*shared);
  EXPECT_NE(address.port, 0);
  const auto again = listen_on(address, {.share_port = true});
  EXPECT_TRUE(again);
  const auto alone = listen_on(address, {});
  EXPECT_FALSE(alone);
  EXPECT_EQ(alone.error().code, Errc::busy);
  EXPECT_FALSE(port_is_free(address));
  ::close(*shared);
  ::close(*again);
  EXPECT_TRUE(port_is_free(address));
}

// It listened for a moment once, and a client that came just then was dropped.
TEST(Sockets, LookingAtAPortTakesNobodyIn) {
  const auto probe = listen_on({IpAddress::v4(0x7f000001), 0}, {});
  const SocketAddress address = *bound_address(*probe);
  ::close(*probe);
  std::atomic<bool> done = false;
  std::thread looking([&] {
    for (int i = 0; i < 3'000; ++i) EXPECT_TRUE(port_is_free(address));
    done = true;
  });
  sockaddr_storage to{};
  const unsigned length = address.to_sockaddr(to);
  sockaddr_storage from{};  // of another address, so that no client connects to itself
  const unsigned from_length = SocketAddress{IpAddress::v4(0x7f000002), 0}.to_sockaddr(from);
  int taken_in = 0;
  while (!done) {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(client, reinterpret_cast<sockaddr*>(&from), from_length), 0);
    if (::connect(client, reinterpret_cast<sockaddr*>(&to), length) == 0) ++taken_in;
    ::close(client);
  }
  looking.join();
  EXPECT_EQ(taken_in, 0);
}

// A listener whose queue is full does not answer.
class Deaf {
 public:
  Deaf() : descriptor_(*listen_on({IpAddress::v4(0x7f000001), 0}, {.backlog = 0})), address_(*bound_address(descriptor_)) {
    for (int i = 0; i < 4; ++i) {
      const int filler = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      sockaddr_storage to{};
      const unsigned length = address_.to_sockaddr(to);
      static_cast<void>(::connect(filler, reinterpret_cast<sockaddr*>(&to), length));
      fillers_.push_back(filler);
    }
  }
  ~Deaf() {
    ::close(descriptor_);
    for (const int filler : fillers_) ::close(filler);
  }
  Deaf(const Deaf&) = delete;
  Deaf& operator=(const Deaf&) = delete;
  [[nodiscard]] SocketAddress address() const { return address_; }

 private:
  int descriptor_;
  SocketAddress address_;
  std::vector<int> fillers_;
};

TEST(UringConnector, GivesUpByDeadlineAndByStop) {
  struct Test {
    static Task<void> go(Rig& rig) {
      const Deaf deaf;
      UringConnector connector(*rig.pool_);
      const auto late = co_await connector.connect(deaf.address(), std::nullopt, rig.within_ms(30));
      EXPECT_FALSE(late);
      if (!late) EXPECT_EQ(late.error().code, Errc::timed_out);
      StopSource stop;
      stop.request_stop();
      const auto stopped = co_await connector.connect(deaf.address(), std::nullopt, {Instant::never(), &stop});
      EXPECT_FALSE(stopped);
      if (!stopped) EXPECT_EQ(stopped.error().code, Errc::stopped);
    }
  };
  Rig rig;
  rig.run(Test::go(rig));
}

TEST(UringConnector, ConnectsFromTheAddressGiven) {
  struct Test {
    static Task<void> go(Rig& rig) {
      UringConnector connector(*rig.pool_);
      auto ours = co_await connector.connect(rig.address_, IpAddress::v4(0x7f000002), rig.soon());
      EXPECT_TRUE(ours);
      const auto theirs = co_await rig.accept();
      EXPECT_EQ(theirs->endpoints().peer.address.to_string(), "127.0.0.2");
      EXPECT_EQ((*ours)->endpoints().peer, rig.address_);
      EXPECT_EQ((*ours)->endpoints().local.address.to_string(), "127.0.0.2");
      co_await (*ours)->close();
      co_await theirs->close();
      const auto foreign = co_await connector.connect(rig.address_, IpAddress::v4(0xc0000201), rig.soon());
      EXPECT_FALSE(foreign) << "not an address of this machine";
    }
  };
  Rig rig;
  rig.run(Test::go(rig));
}

TEST(UringConnector, SaysSoWhenDescriptorsRunOut) {
  struct Test {
    static Task<void> go(Rig& rig) {
      UringConnector connector(*rig.pool_);
      std::vector<int> taken;
      for (int slot = rig.ring_->take_slot(); slot >= 0; slot = rig.ring_->take_slot()) taken.push_back(slot);
      const auto refused = co_await connector.connect(rig.address_, std::nullopt, rig.soon());
      EXPECT_FALSE(refused);
      EXPECT_EQ(refused.error().code, Errc::too_large);
      for (const int slot : taken) rig.ring_->give_slot(slot);
    }
  };
  Rig rig;
  rig.run(Test::go(rig));
}

}  // namespace
}  // namespace postern::transport
