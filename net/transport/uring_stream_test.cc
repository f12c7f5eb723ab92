// Streams whose peers reset, stall, dribble and leave.
#include "net/transport/uring_stream.h"

#include <gtest/gtest.h>

#include "net/transport/transport_testing.h"

namespace postern::transport {
namespace {

Task<std::string> read_to_end(Rig& rig, Stream& stream, Errc& why) {
  std::string all;
  for (;;) {
    Result<Slice> slice = co_await stream.read(rig.soon());
    if (!slice) {
      why = slice.error().code;
      co_return all;
    }
    EXPECT_FALSE(slice->empty());
    all.append(slice->view());
  }
}

TEST(UringStream, APeerThatResetsWhileWeRead) {
  struct Test {
    static Task<void> go(Rig& rig) {
      RawPeer peer(rig.address_);
      const auto stream = co_await rig.accept();
      peer.send("MAIL");
      EXPECT_EQ((*co_await stream->read(rig.soon())).view(), "MAIL");
      peer.reset();
      for (int i = 0; i < 3; ++i) {
        const auto read = co_await stream->read(rig.soon());
        EXPECT_FALSE(read);
        EXPECT_EQ(read.error().code, Errc::reset) << "now and for ever";
        EXPECT_TRUE(stream->has_input());
      }
      Result<void> written = co_await stream->write(rig.text("250 OK\r\n"), rig.soon());
      if (written) written = co_await stream->drain(rig.soon());
      EXPECT_FALSE(written);
      EXPECT_EQ(written.error().code, Errc::reset);
      EXPECT_FALSE(co_await stream->write(rig.text("250 OK\r\n"), rig.soon()));
      co_await stream->close();
    }
  };
  Rig rig;
  rig.run(Test::go(rig));
}

TEST(UringStream, BytesBeforeAResetAreStillRead) {
  struct Test {
    static Task<void> go(Rig& rig) {
      RawPeer peer(rig.address_);
      const auto stream = co_await rig.accept();
      peer.send("QUIT\r\n");
      co_await Rig::pause_ms(20);
      peer.reset();
      co_await Rig::pause_ms(20);
      Errc why{};
      EXPECT_EQ(co_await read_to_end(rig, *stream, why), "QUIT\r\n");
      EXPECT_EQ(why, Errc::reset);
      co_await stream->close();
    }
  };
  Rig rig;
  rig.run(Test::go(rig));
}

TEST(UringStream, APeerThatResetsWhileWeWrite) {
  struct Test {
    static Task<void> fill(Rig& rig, Stream& stream, std::optional<Error>& error) {
      while (!error) {
        const Result<void> written = co_await stream.write(rig.text(std::string(60'000, 'x')), rig.soon());
        if (!written) error = written.error();
      }
    }
    static Task<void> go(Rig& rig) {
      RawPeer peer(rig.address_);
      const auto stream = co_await rig.accept();
      std::optional<Error> error;
      Gate gate;
      gate.start(fill(rig, *stream, error));
      co_await Rig::pause_ms(50);
      EXPECT_FALSE(error) << "waits for a peer that does not read";
      peer.reset();
      co_await gate.close();
      EXPECT_EQ(error->code, Errc::reset);
      const Result<void> drained = co_await stream->drain(rig.soon());
      EXPECT_EQ(drained.error().code, Errc::reset);
      EXPECT_EQ(rig.blocks_.used_bytes(), 0U) << "what cannot be sent is let go";
      co_await stream->close();
    }
  };
  Rig rig;
  rig.run(Test::go(rig));
}

TEST(UringStream, ThePeersEndIsNotOurs) {
  // The answer is larger than any socket buffer, so the peer has to read while we write.
  struct HalfClosed {
    static Task<void> answer(Rig& rig, Stream& stream, const std::string& text) {
      EXPECT_TRUE(co_await stream.write(rig.text(text), rig.soon()));
      EXPECT_TRUE(co_await stream.drain(rig.soon()));
      stream.shutdown();
    }
    static Task<void> go(Rig& rig) {
      RawPeer peer(rig.address_);
      const auto stream = co_await rig.accept();
      peer.send("over");
      peer.shutdown();
      Errc why{};
      EXPECT_EQ(co_await read_to_end(rig, *stream, why), "over");
      EXPECT_EQ(why, Errc::closed);
      EXPECT_EQ(co_await read_to_end(rig, *stream, why), "") << "the end stays";
      EXPECT_EQ(why, Errc::closed);
      const std::string text = pattern(3'000'000);
      Gate gate;
      gate.start(answer(rig, *stream, text));
      std::string received;
      while (!peer.ended) {
        received += peer.receive();
        co_await Rig::pause_ms(1);
      }
      co_await gate.close();
      EXPECT_TRUE(received == text) << received.size();
      co_await stream->close();
    }
  };
  Rig rig;
  rig.run(HalfClosed::go(rig));
}

TEST(UringStream, OurEndIsNotThePeers) {
  struct Test {
    static Task<void> go(Rig& rig) {
      RawPeer peer(rig.address_);
      const auto stream = co_await rig.accept();
      EXPECT_TRUE(co_await stream->write(rig.text("bye"), rig.soon()));
      stream->shutdown();  // after what is queued
      stream->shutdown();
      while (!peer.ended) {
        const std::string got = peer.receive();
        EXPECT_TRUE(got.empty() || got == "bye");
        co_await Rig::pause_ms(1);
      }
      peer.send("still here");
      EXPECT_EQ((*co_await stream->read(rig.soon())).view(), "still here");
      co_await stream->close();
    }
  };
  Rig rig;
  rig.run(Test::go(rig));
}

TEST(UringStream, ClosesWhateverIsUnderWay) {
  struct Test {
    static Task<void> go(Rig& rig, SeededRandom& random) {
      for (int round = 0; round < 60; ++round) {
        RawPeer peer(rig.address_);
        const auto stream = co_await rig.accept();
        if (random.below(2) == 0) peer.send(std::string(random.below(100'000), 'x'));
        if (random.below(3) == 0) stream->expect_bulk(true);
        if (random.below(2) == 0)
          static_cast<void>(
              (co_await stream->write(rig.text(std::string(random.below(2'000'000), 'y')), rig.within_ms(2))).has_value());
        if (random.below(2) == 0) co_await Rig::pause_ms(static_cast<std::int64_t>(random.below(4)));
        if (random.below(3) == 0) stream->unread(Slice::literal("put back"));
        if (random.below(3) == 0) stream->shutdown();
        if (random.below(4) == 0) peer.reset();
        if (random.below(4) == 0) co_await Yield{};
        co_await stream->close();
        EXPECT_EQ(rig.blocks_.used_bytes(), 0U);
      }
    }
  };
  Rig rig;
  SeededRandom random(31);
  rig.run(Test::go(rig, random));
}

TEST(UringStream, BytesStayQueuedWhenAWriteIsCutShort) {
  struct Test {
    static Task<void> go(Rig& rig) {
      RawPeer peer(rig.address_);
      const auto stream = co_await rig.accept();
      const std::string text = pattern(8'000'000);
      const auto late = co_await stream->write(rig.text(text), rig.within_ms(5));
      EXPECT_FALSE(late);
      EXPECT_EQ(late.error().code, Errc::timed_out);
      StopSource stop;
      stop.request_stop();
      const auto stopped = co_await stream->write(rig.text("the end"), {Instant::never(), &stop});
      EXPECT_FALSE(stopped);
      EXPECT_EQ(stopped.error().code, Errc::stopped);
      std::string received;
      while (received.size() < text.size() + 7) {
        received += peer.receive();
        co_await Rig::pause_ms(1);
      }
      EXPECT_TRUE(received == text + "the end") << received.size();
      EXPECT_TRUE(co_await stream->drain(rig.soon()));
      EXPECT_TRUE(co_await stream->write(Chain(), rig.soon()));
      co_await stream->close();
    }
  };
  Rig rig;
  rig.run(Test::go(rig));
}

// Deadlines and stops that fall into the very turn in which bytes arrive must not cost any.
TEST(UringStream, ReadsCutShortLoseNothing) {
  struct Test {
    static Task<void> go(Rig& rig) {
      SeededRandom random(32);
      RawPeer peer(rig.address_);
      const auto stream = co_await rig.accept();
      const std::string text = pattern(30'000);
      std::string received;
      int cut_short = 0;
      for (std::size_t sent = 0; received.size() < text.size();) {
        if (sent < text.size()) sent += peer.send(std::string_view(text).substr(sent, 1 + random.below(60)));
        StopSource stop;
        if (random.below(4) == 0) stop.request_stop();
        Result<Slice> slice =
            co_await stream->read({rig.loop_.now().plus_ms(static_cast<std::int64_t>(random.below(3)) - 1), &stop});
        if (!slice) {
          EXPECT_TRUE(slice.error().code == Errc::timed_out || slice.error().code == Errc::stopped);
          ++cut_short;
          continue;
        }
        received.append(slice->view());
        if (random.below(5) == 0) {
          received.resize(received.size() - slice->size());
          stream->unread(std::move(*slice));
        }
      }
      EXPECT_TRUE(received == text) << received.size();
      EXPECT_GT(cut_short, 0);
      co_await stream->close();
    }
  };
  Rig rig;
  rig.run(Test::go(rig));
}

TEST(UringStream, ManyPiecesPutBackComeInOrder) {
  struct Test {
    static Task<void> go(Rig& rig) {
      RawPeer peer(rig.address_);
      const auto stream = co_await rig.accept();
      std::string model;
      for (int i = 10'000; i > 0; --i) {
        const std::string piece = std::to_string(i) + ",";
        stream->unread(copy_to_slice(rig.blocks_, piece));
        model.insert(0, piece);
        if (i % 1000 == 0) {
          Result<Slice> first = co_await stream->read(rig.soon());
          EXPECT_EQ(first->view(), piece);
          stream->unread(std::move(*first));
        }
      }
      peer.send("the rest");
      std::string received;
      while (received.size() < model.size() + 8) received.append((*co_await stream->read(rig.soon())).view());
      EXPECT_TRUE(received == model + "the rest") << received.size();
      EXPECT_FALSE(stream->has_input());
      co_await stream->close();
    }
  };
  Rig rig;
  rig.run(Test::go(rig));
}

// A peer that sends byte by byte to a session that is busy must not take the shard's buffers one for each byte.
TEST(UringStream, CrumbsDoNotPinBuffers) {
  struct Test {
    static Task<void> go(Rig& rig) {
      RawPeer peer(rig.address_);
      const auto stream = co_await rig.accept();
      const std::string text = pattern(2'000);
      std::uint32_t least_free = rig.small_->buffers();
      for (const char& c : text) {
        EXPECT_EQ(peer.send({&c, 1}), 1U);
        co_await Yield{};
        least_free = std::min(least_free, rig.small_->free_buffers());
      }
      co_await Rig::pause_ms(50);
      EXPECT_GE(std::min(least_free, rig.small_->free_buffers()), rig.small_->buffers() * 3 / 4);
      EXPECT_FALSE(stream->input_scarce());
      std::string received;
      while (received.size() < text.size()) received.append((*co_await stream->read(rig.soon())).view());
      EXPECT_TRUE(received == text) << received.size();
      co_await stream->close();
    }
  };
  Rig rig({.small_buffers = 64});
  rig.run(Test::go(rig));
}

// What a reader still holds is not overwritten by what arrives and is joined with it.
TEST(UringStream, SlicesHeldOrPutBackStayAsTheyAre) {
  struct Test {
    static Task<void> go(Rig& rig) {
      SeededRandom random(33);
      RawPeer peer(rig.address_);
      const auto stream = co_await rig.accept();
      const std::string text = pattern(20'000);
      std::vector<std::pair<std::size_t, Slice>> held;
      std::size_t read = 0;
      for (std::size_t sent = 0; read < text.size();) {
        for (std::uint64_t i = random.below(8); i > 0 && sent < text.size(); --i) {
          sent += peer.send(std::string_view(text).substr(sent, 1 + random.below(5)));
          co_await Yield{};
        }
        if (!stream->has_input()) {
          co_await Yield{};
          continue;
        }
        Slice slice = std::move(*co_await stream->read(rig.soon()));
        EXPECT_EQ(slice.view(), std::string_view(text).substr(read, slice.size()));
        // Part of it is put back; another part is kept for a while.
        const std::size_t taken = random.below(slice.size()) + 1;
        held.emplace_back(read, slice.sub(0, taken));
        if (taken < slice.size()) stream->unread(slice.sub(taken, slice.size() - taken));
        read += taken;
        if (held.size() > 20) held.erase(held.begin(), held.begin() + 15);
        for (const auto& [at, kept] : held) EXPECT_EQ(kept.view(), std::string_view(text).substr(at, kept.size()));
      }
      held.clear();
      co_await stream->close();
    }
  };
  Rig rig;
  rig.run(Test::go(rig));
}

// Many connections over few buffers, changing between small and large ones: each gets all its bytes.
constexpr std::size_t kConnections = 12;
constexpr std::size_t kBytes = 300'000;

TEST(UringStream, FewBuffersAndChangingGroupsStarveNobody) {
  struct Test {
    static Task<void> serve(Rig& rig, std::unique_ptr<Stream> stream, std::uint64_t seed, std::size_t& finished) {
      SeededRandom random(seed);
      std::string received;
      Errc why{};
      while (why == Errc{}) {
        if (random.below(6) == 0) stream->expect_bulk(random.below(2) == 0);
        Result<Slice> slice = co_await stream->read(rig.soon());
        if (!slice) {
          why = slice.error().code;
          EXPECT_EQ(why, Errc::closed) << describe(slice.error());
          break;
        }
        received.append(slice->view());
        if (random.below(10) == 0) co_await Yield{};
      }
      const std::size_t number = received.empty() ? 0 : static_cast<std::size_t>(received[0] - 'a');
      EXPECT_TRUE(received.substr(1) == pattern(kBytes, number)) << received.size();
      ++finished;
      co_await stream->close();
    }
    static Task<void> feed(RawPeer& peer, std::size_t number) {
      const std::string text = std::string(1, static_cast<char>('a' + number)) + pattern(kBytes, number);
      for (std::size_t sent = 0; sent < text.size();) {
        const std::size_t count = peer.send(std::string_view(text).substr(sent, 20'000));
        sent += count;
        if (count == 0)
          co_await Rig::pause_ms(1);
        else
          co_await Yield{};
      }
      peer.shutdown();
    }
    static Task<void> go(Rig& rig) {
      Gate gate;
      std::size_t finished = 0;
      std::vector<std::unique_ptr<RawPeer>> peers;
      for (std::size_t i = 0; i < kConnections; ++i) {
        peers.push_back(std::make_unique<RawPeer>(rig.address_));
        gate.start(serve(rig, co_await rig.accept(), i, finished));
        gate.start(feed(*peers.back(), i));
      }
      co_await gate.close();
      EXPECT_EQ(finished, kConnections);
    }
  };
  Rig rig({.small_buffers = 4, .large_buffers = 2});
  rig.run(Test::go(rig));
}

// The receive on small buffers is being cancelled in favour of large ones when the small ones run out: waiting for large ones,
// which are all there, would be waiting for ever.
TEST(UringStream, RunningOutOfBuffersWhileChangingGroups) {
  struct Test {
    static Task<void> go(Rig& rig) {
      for (int round = 0; round < 30; ++round) {
        RawPeer peer(rig.address_);
        const auto stream = co_await rig.accept();
        const std::string text = pattern(40'000, static_cast<std::uint64_t>(round));
        stream->expect_bulk(true);
        // Enough at once to pass the amount after which large buffers are taken, and to run out of small ones.
        EXPECT_EQ(peer.send(text), text.size());
        peer.shutdown();
        if (round % 2 == 0) co_await Rig::pause_ms(2);
        Errc why{};
        const std::string received = co_await read_to_end(rig, *stream, why);
        EXPECT_TRUE(received == text) << received.size() << " of " << text.size();
        EXPECT_EQ(why, Errc::closed);
        co_await stream->close();
      }
    }
  };
  Rig rig({.small_buffers = 8, .large_buffers = 4});
  rig.run(Test::go(rig));
}

// One connection's bytes fill all buffers and are dropped as it closes; another finds none in that very turn.
TEST(UringStream, BuffersOfAClosingConnectionServeTheOthers) {
  struct Test {
    static Task<void> go(Rig& rig) {
      for (int round = 0; round < 30; ++round) {
        RawPeer greedy(rig.address_);
        const auto first = co_await rig.accept();
        RawPeer modest(rig.address_);
        const auto second = co_await rig.accept();
        greedy.send(std::string(60'000, 'x'));
        modest.send("hello");
        if (round % 3 == 0) co_await Yield{};
        co_await first->close();
        const auto read = co_await second->read(rig.soon());
        EXPECT_TRUE(read);
        if (read) EXPECT_EQ(read->view(), "hello");
        co_await second->close();
      }
    }
  };
  Rig rig({.small_buffers = 8, .large_buffers = 4});
  rig.run(Test::go(rig));
}

TEST(UringStream, ManySlicesInOneWrite) {
  struct Test {
    static Task<void> go(Rig& rig) {
      RawPeer peer(rig.address_);
      const auto stream = co_await rig.accept();
      const std::string text = pattern(20'000);
      Chain chain = rig.text(text, 7);
      EXPECT_GT(chain.slice_count(), 2000U);
      EXPECT_TRUE(co_await stream->write(std::move(chain), rig.soon()));
      for (int i = 0; i < 500; ++i) EXPECT_TRUE(co_await stream->write(rig.text(std::to_string(i)), rig.soon()));
      EXPECT_TRUE(co_await stream->drain(rig.soon()));
      EXPECT_EQ(rig.blocks_.used_bytes(), 0U);
      std::string expected = text;
      for (int i = 0; i < 500; ++i) expected += std::to_string(i);
      EXPECT_TRUE(peer.receive() == expected);
      co_await stream->close();
    }
  };
  Rig rig;
  rig.run(Test::go(rig));
}

TEST(UringStreamDeathTest, OurOwnMistakesAreChecked) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  struct Test {
    static Task<void> forget_to_close(Rig& rig) {
      RawPeer peer(rig.address_);
      const auto stream = co_await rig.accept();
    }
    static Task<void> close_twice(Rig& rig) {
      RawPeer peer(rig.address_);
      const auto stream = co_await rig.accept();
      co_await stream->close();
      co_await stream->close();
    }
  };
  EXPECT_DEATH(
      {
        Rig rig;
        rig.run(Test::forget_to_close(rig));
      },
      "check failed");
  EXPECT_DEATH(
      {
        Rig rig;
        rig.run(Test::close_twice(rig));
      },
      "check failed");
}

}  // namespace
}  // namespace postern::transport
