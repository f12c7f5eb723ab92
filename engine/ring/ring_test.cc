#include "engine/ring/ring.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "engine/base/random.h"
#include "engine/coro/event.h"
#include "engine/shard/loop.h"
#include "engine/shard/mailbox.h"
#include "engine/shard/shard_thread.h"

namespace postern::ring {
namespace {

std::unique_ptr<Ring> make_ring(const RingOptions& options = {.sq_entries = 64, .cq_entries = 256, .direct_descriptors = 16}) {
  auto ring = Ring::create(options);
  EXPECT_TRUE(ring.has_value());
  return std::move(*ring);
}

// Notes its completions.
class Probe final : public Operation {
 public:
  std::vector<Completion> seen;
  std::function<void()> then;

  void nop(Ring& ring) { io_uring_prep_nop(&ring.prepare(*this)); }
  void poll_input(Ring& ring, int descriptor) { io_uring_prep_poll_add(&ring.prepare(*this), descriptor, POLLIN); }
  void read(Ring& ring, int descriptor) { io_uring_prep_read(&ring.prepare(*this), descriptor, bytes_, sizeof bytes_, 0); }

 private:
  void on_completion(const Completion& completion) override {
    EXPECT_EQ(in_flight(), !completion.final());
    seen.push_back(completion);
    if (then) then();
  }
  char bytes_[16];
};

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe(ends_), 0); }
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  [[nodiscard]] int out() const { return ends_[0]; }
  void put() { EXPECT_EQ(::write(ends_[1], "x", 1), 1); }

 private:
  int ends_[2];
};

// Submits and reaps until `done`, at most for a while.
template <class Done>
void turn_until(Ring& ring, Done done) {
  const SystemClock clock;
  const Instant give_up = clock.now().plus_ms(20'000);
  while (!done() && clock.now() < give_up) {
    const Instant now = clock.now();
    ring.submit_and_sleep(now.plus_ms(50), now);
    ring.poll();
  }
  ASSERT_TRUE(done());
}

TEST(Ring, CompletesWhatIsSubmitted) {
  auto ring = make_ring();
  Probe probe;
  for (int i = 1; i <= 1000; ++i) {
    probe.nop(*ring);
    EXPECT_TRUE(probe.in_flight());
    turn_until(*ring, [&] { return !probe.in_flight(); });
    ASSERT_EQ(probe.seen.size(), static_cast<std::size_t>(i));
  }
  EXPECT_EQ(ring->operations_in_flight(), 1U) << "the wake-up read";
}

TEST(Ring, AFullSubmissionQueueIsSubmittedAndNothingIsLost) {
  auto ring = make_ring({.sq_entries = 4, .cq_entries = 1024, .direct_descriptors = 1});
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < 500; ++i) {
    probes.push_back(std::make_unique<Probe>());
    probes.back()->nop(*ring);
  }
  turn_until(*ring, [&] { return ring->operations_in_flight() == 1; });
  for (const auto& probe : probes) {
    ASSERT_EQ(probe->seen.size(), 1U);
    ASSERT_EQ(probe->seen[0].result, 0);
  }
}

TEST(Ring, AnOverflowingCompletionQueueIsCountedAndNothingIsLost) {
  auto ring = make_ring({.sq_entries = 4, .cq_entries = 8, .direct_descriptors = 1});
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < 500; ++i) {
    probes.push_back(std::make_unique<Probe>());
    probes.back()->nop(*ring);
  }
  ring->submit();
  turn_until(*ring, [&] { return ring->operations_in_flight() == 1; });
  for (const auto& probe : probes) ASSERT_EQ(probe->seen.size(), 1U);
  EXPECT_GT(ring->stats().overflows.get(), 0U);
  const std::uint64_t before = ring->stats().overflows.get();
  Probe probe;
  probe.nop(*ring);
  turn_until(*ring, [&] { return !probe.in_flight(); });
  EXPECT_EQ(ring->stats().overflows.get(), before) << "no overflow, no count";
}

TEST(Ring, HandlersMaySubmitAgainAndEndThemselves) {
  auto ring = make_ring({.sq_entries = 4, .cq_entries = 16, .direct_descriptors = 1});
  Probe again;
  int left = 5000;
  again.then = [&] {
    if (--left > 0) again.nop(*ring);
  };
  again.nop(*ring);
  auto gone = std::make_unique<Probe>();
  gone->then = [&] { gone.reset(); };
  gone->nop(*ring);
  turn_until(*ring, [&] { return left == 0 && gone == nullptr; });
}

TEST(Ring, CancelEndsAWait) {
  auto ring = make_ring();
  const Pipe pipe;
  Probe probe;
  probe.poll_input(*ring, pipe.out());
  ring->submit();
  ring->poll();
  EXPECT_TRUE(probe.in_flight());
  ring->cancel(probe);
  turn_until(*ring, [&] { return !probe.in_flight(); });
  ASSERT_EQ(probe.seen.size(), 1U);
  EXPECT_EQ(probe.seen[0].result, -ECANCELED);
  ring->cancel(probe);  // not in flight: nothing to do
  ring->submit();
  ring->poll();
  EXPECT_EQ(probe.seen.size(), 1U);
}

TEST(Ring, CancelBeforeTheFirstSubmit) {
  auto ring = make_ring();
  const Pipe pipe;
  Probe probe;
  probe.read(*ring, pipe.out());
  ring->cancel(probe);
  turn_until(*ring, [&] { return !probe.in_flight(); });
  EXPECT_EQ(probe.seen[0].result, -ECANCELED);
}

// The operation may complete, be cancelled, or both be under way: always one final completion, and a byte is never lost.
TEST(Ring, CancelOfWhatCompletesAtTheSameTime) {
  auto ring = make_ring();
  SeededRandom random(21);
  int cancelled = 0;
  int completed = 0;
  for (int round = 0; round < 2000; ++round) {
    Pipe pipe;
    Probe probe;
    probe.read(*ring, pipe.out());
    const std::uint64_t when = random.below(5);
    if (when == 0) pipe.put();
    if (random.below(2) == 0) ring->submit();
    if (when == 1) pipe.put();
    if (random.below(2) == 0) ring->poll();
    if (when == 2) pipe.put();
    ring->cancel(probe);
    if (random.below(2) == 0) ring->cancel(probe);
    if (when == 3) pipe.put();
    ring->submit();
    if (when == 4) pipe.put();
    turn_until(*ring, [&] { return !probe.in_flight(); });
    ASSERT_EQ(probe.seen.size(), 1U);
    const std::int32_t result = probe.seen[0].result;
    ASSERT_TRUE(result == 1 || result == -ECANCELED) << result;
    ++(result == 1 ? completed : cancelled);
    if (result == -ECANCELED) {
      char byte = 0;
      ASSERT_EQ(::read(pipe.out(), &byte, 1), 1) << "a cancelled read must not have eaten the byte";
    }
  }
  EXPECT_GT(cancelled, 0);
  EXPECT_GT(completed, 0);
}

// The cancel of an operation that has ended meanwhile must not hit the next one in its slot.
TEST(Ring, ALateCancelDoesNotHitTheSlotsNextUser) {
  auto ring = make_ring();
  Pipe first;
  const Pipe second;
  Probe a;
  Probe b;
  a.poll_input(*ring, first.out());
  ring->submit();
  first.put();
  turn_until(*ring, [&] { return !a.in_flight() || ring->operations_in_flight() == 1; });
  EXPECT_EQ(a.seen.size(), 1U);
  for (int i = 0; i < 100; ++i) {
    a.nop(*ring);
    ring->submit();  // completed in the kernel, not yet reaped
    ring->cancel(a);
    ring->poll();
    ASSERT_FALSE(a.in_flight());
    b.poll_input(*ring, second.out());  // takes over the slot, while the cancel is still in the submission queue
    ring->submit();
    ring->poll();
    ring->submit();
    ring->poll();
    ASSERT_TRUE(b.in_flight());
    ring->cancel(b);
    turn_until(*ring, [&] { return !b.in_flight(); });
  }
}

TEST(Ring, SlotsOfDirectDescriptors) {
  auto ring = make_ring({.sq_entries = 8, .cq_entries = 16, .direct_descriptors = 3});
  EXPECT_EQ(ring->free_slots(), 3U);
  std::vector<int> slots;
  for (int i = 0; i < 3; ++i) slots.push_back(ring->take_slot());
  EXPECT_EQ(ring->take_slot(), -1);
  EXPECT_NE(slots[0], slots[1]);
  Pipe pipe;
  EXPECT_TRUE(ring->install(slots[1], pipe.out()));
  pipe.put();
  Probe probe;
  char byte = 0;
  io_uring_sqe& sqe = ring->prepare(probe);
  io_uring_prep_read(&sqe, slots[1], &byte, 1, 0);
  sqe.flags |= IOSQE_FIXED_FILE;
  turn_until(*ring, [&] { return !probe.in_flight(); });
  EXPECT_EQ(probe.seen[0].result, 1);
  EXPECT_TRUE(ring->install(slots[1], -1));
  EXPECT_FALSE(ring->install(slots[1], 999'999)) << "no such descriptor";
  for (const int slot : slots) ring->give_slot(slot);
  EXPECT_EQ(ring->free_slots(), 3U);
}

TEST(Ring, SleepsToTheDeadline) {
  auto ring = make_ring();
  const SystemClock clock;
  ring->submit();
  const Instant start = clock.now();
  ring->submit_and_sleep(start.plus_ms(30), start);
  EXPECT_GE(clock.now().ns - start.ns, 29'000'000);
  EXPECT_LT(clock.now().ns - start.ns, 5'000'000'000);
  const Instant again = clock.now();
  ring->submit_and_sleep(again.plus_ms(-5), again);
  EXPECT_LT(clock.now().ns - again.ns, 5'000'000'000) << "a deadline in the past does not sleep";
}

TEST(Ring, CompletionsEndItsSleep) {
  auto ring = make_ring();
  const SystemClock clock;
  Pipe pipe;
  Probe probe;
  probe.read(*ring, pipe.out());
  std::jthread writer([&pipe] {
    ::usleep(20'000);
    pipe.put();
  });
  ring->submit_and_sleep(Instant::never(), clock.now());
  ring->poll();
  EXPECT_FALSE(probe.in_flight());
}

TEST(Ring, TheEventfdEndsItsSleepAgainAndAgain) {
  auto ring = make_ring();
  const SystemClock clock;
  for (int i = 0; i < 50; ++i) {
    std::jthread waker([&ring] { ring->waker().wake(); });  // a thread without a ring
    const Instant start = clock.now();
    ring->submit_and_sleep(start.plus_ms(20'000), start);
    EXPECT_TRUE(ring->poll());
    ASSERT_LT(clock.now().ns - start.ns, 10'000'000'000);
  }
}

TEST(Ring, OneRingForAThread) {
  EXPECT_EQ(Ring::current(), nullptr);
  {
    auto ring = make_ring();
    EXPECT_EQ(Ring::current(), ring.get());
  }
  EXPECT_EQ(Ring::current(), nullptr);
}

TEST(RingDeathTest, OurOwnMistakesAreChecked) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto ring = make_ring();
        Probe probe;
        probe.nop(*ring);
        probe.nop(*ring);
      },
      "check failed");
  EXPECT_DEATH(
      {
        auto ring = make_ring();
        const Pipe pipe;
        Probe probe;
        probe.read(*ring, pipe.out());
      },
      "check failed");
}

TEST(Ring, SupportIsExplainedWhereItIsMissing) { EXPECT_EQ(explain_ring_support(), ""); }

// A shard as the appliance builds it.
struct Shard {
  Shard() : loop(clock), ring(make_ring()), mailbox(64, ring->waker()) {
    loop.add(*ring);
    loop.add(mailbox);
    loop.set_sleeper(*ring);
  }
  SystemClock clock;
  shard::Loop loop;
  std::unique_ptr<Ring> ring;
  shard::Mailbox mailbox;
};

// Two shards throw a ball. Every throw finds the other asleep or about to be: a lost wake-up ends the test by its deadline.
TEST(Shards, WakeEachOtherByMessage) {
  constexpr int kThrows = 3000;
  struct Player {
    Shard* shard = nullptr;
    Player* other = nullptr;
    Event* caught = nullptr;
    int catches = 0;
    static void open(void* argument) {
      auto& player = *static_cast<Player*>(argument);
      ++player.catches;
      player.caught->set();
    }
    void throw_ball() { EXPECT_TRUE(other->shard->mailbox.post({&Player::open, other})); }
    static Task<void> play(Player& player, bool first) {
      Event caught;
      player.caught = &caught;
      for (int i = 0; i < kThrows; ++i) {
        if (first || i > 0) player.throw_ball();
        const Result<void> got = co_await caught.wait({Scheduler::current().now().plus_ms(20'000), nullptr});
        EXPECT_TRUE(got);
        if (!got) co_return;
        caught.clear();
      }
      if (!first) player.throw_ball();
    }
  };
  std::array<Player, 2> players;
  players[0].other = &players[1];
  players[1].other = &players[0];
  std::latch made(2);
  std::latch done(2);
  {
    std::vector<std::unique_ptr<shard::ShardThread>> threads;
    for (std::size_t i = 0; i < 2; ++i)
      threads.push_back(std::make_unique<shard::ShardThread>(std::nullopt, [&, i] {
        Shard shard;
        players[i].shard = &shard;
        Event early;  // in case the ball comes before play() has begun
        players[i].caught = &early;
        made.arrive_and_wait();
        shard.loop.run(Player::play(players[i], i == 0));
        done.arrive_and_wait();
      }));
  }
  EXPECT_EQ(players[0].catches, kThrows);
  EXPECT_EQ(players[1].catches, kThrows);
}

// The last thing a shard does is to tell another one.
TEST(Shards, TheLastWordOfAnEndingShardIsHeard) {
  for (int round = 0; round < 20; ++round) {
    Shard shard;
    struct Listener {
      Event event;
      static void open(void* argument) { static_cast<Listener*>(argument)->event.set(); }
      static Task<void> wait(Listener& listener, bool& heard) {
        heard = (co_await listener.event.wait({Scheduler::current().now().plus_ms(20'000), nullptr})).has_value();
      }
      static Task<void> tell(shard::Mailbox& mailbox, Listener& listener) {
        static_cast<void>(co_await sleep_until(Scheduler::current().now().plus_ms(5)));  // until the other one sleeps
        EXPECT_TRUE(mailbox.post({&Listener::open, &listener}));
      }
    };
    Listener listener;
    bool heard = false;
    std::latch heard_it(1);
    const SystemClock clock;
    const Instant start = clock.now();
    const shard::ShardThread teller(std::nullopt, [&] {
      Shard own;
      own.loop.run(Listener::tell(shard.mailbox, listener));
      heard_it.wait();  // its ring lives on: what it did not submit stays where it is
    });
    shard.loop.run(Listener::wait(listener, heard));
    EXPECT_TRUE(heard);
    EXPECT_LT(clock.now().ns - start.ns, 10'000'000'000);
    heard_it.count_down();
  }
}

}  // namespace
}  // namespace postern::ring
