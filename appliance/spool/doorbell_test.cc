#include "appliance/spool/doorbell.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <thread>
#include <vector>

namespace postern::spool {
namespace {

constexpr SegmentKey kFirst{1, 0xaaaa};
constexpr SegmentKey kSecond{2, 0xbbbb};

// The page as a hostile neighbour sees it.
class Mapping {
 public:
  explicit Mapping(const Doorbell& bell)
      : slots_(static_cast<DoorbellSlot*>(
            ::mmap(nullptr, sizeof(DoorbellSlot), PROT_READ | PROT_WRITE, MAP_SHARED, bell.memory_fd(), 0))) {}
  ~Mapping() { ::munmap(slots_, sizeof(DoorbellSlot)); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  DoorbellSlot* operator->() const noexcept { return slots_; }

 private:
  DoorbellSlot* slots_;
};

bool is_rung(int event_fd) {
  pollfd poll{event_fd, POLLIN, 0};
  return ::poll(&poll, 1, 0) == 1;
}

class DoorbellTest : public ::testing::Test {
 protected:
  DoorbellTest() : bell_(Doorbell::create(2)), publisher_(bell_->publisher(0)), subscriber_(bell_->subscriber(0)) {}
  std::optional<DurablePosition> read() {
    const auto read = subscriber_.read();
    EXPECT_TRUE(read);
    return read ? *read : std::nullopt;
  }
  Result<Doorbell> bell_;
  Publisher publisher_;
  Subscriber subscriber_;
};

TEST_F(DoorbellTest, ShowsThePublishedPosition) {
  EXPECT_FALSE(read());
  const DurablePosition positions[] = {{kFirst, 8192}, {kFirst, 12288}, {kFirst, 12288}, {kFirst, 1 << 20}, {kSecond, 8192}};
  for (const DurablePosition& position : positions) {
    publisher_.publish(position);
    EXPECT_EQ(read(), position);
  }
}

TEST_F(DoorbellTest, SlotsAreApart) {
  publisher_.publish({kFirst, 8192});
  auto other = bell_->subscriber(1);
  const auto seen = other.read();
  ASSERT_TRUE(seen);
  EXPECT_FALSE(*seen);
}

TEST_F(DoorbellTest, RingsOnlyForASleeper) {
  publisher_.publish({kFirst, 8192});
  EXPECT_FALSE(is_rung(subscriber_.event_fd()));
  read();
  ASSERT_TRUE(subscriber_.try_sleep());
  publisher_.publish({kFirst, 12288});
  EXPECT_TRUE(is_rung(subscriber_.event_fd()));
  publisher_.publish({kFirst, 16384});
  EXPECT_EQ(publisher_.wake_ups().get(), 1U);
  subscriber_.wake();
  EXPECT_FALSE(is_rung(subscriber_.event_fd()));
  EXPECT_EQ(read()->offset, 16384U);
}

TEST_F(DoorbellTest, DoesNotSleepOverNews) {
  ASSERT_TRUE(subscriber_.try_sleep());  // nothing was ever published
  subscriber_.wake();
  publisher_.publish({kFirst, 8192});
  EXPECT_FALSE(subscriber_.try_sleep());
  read();
  EXPECT_TRUE(subscriber_.try_sleep());
  subscriber_.wake();
  publisher_.publish({kSecond, 8192});
  EXPECT_FALSE(subscriber_.try_sleep());
}

TEST_F(DoorbellTest, ASuccessorGoesOn) {
  publisher_.publish({kFirst, 8192});
  read();
  // A writer that died while it changed segments leaves the number odd.
  const Mapping page(*bell_);
  page->sequence.fetch_add(1);
  const auto between = subscriber_.read();
  ASSERT_FALSE(between);
  EXPECT_EQ(between.error().code, Errc::busy);
  EXPECT_FALSE(subscriber_.try_sleep());
  auto successor = bell_->publisher(0);
  successor.publish({kSecond, 12288});
  EXPECT_EQ(read(), (DurablePosition{kSecond, 12288}));
}

TEST_F(DoorbellTest, NonsenseIsBadFormat) {
  publisher_.publish({kSecond, 16384});
  read();
  const Mapping page(*bell_);
  const struct {
    std::uint64_t number, incarnation, offset;
  } cases[] = {{2, 0xbbbb, 16385},                    // between blocks
               {2, 0xbbbb, 0},                        // before the first batch
               {2, 0xbbbb, 4096},                     //
               {2, 0xbbbb, kSegmentBytesMax + 4096},  // beyond any segment
               {2, 0xbbbb, UINT64_MAX & ~4095ULL},    //
               {2, 0xbbbb, 12288},                    // back
               {1, 0xcccc, 16384},                    // an earlier segment
               {2, 0xcccc, 16384}};                   // the same number in another use
  for (const auto& c : cases) {
    page->number.store(c.number);
    page->incarnation.store(c.incarnation);
    page->offset.store(c.offset);
    const auto seen = subscriber_.read();
    ASSERT_FALSE(seen) << c.number << ' ' << c.offset;
    EXPECT_EQ(seen.error().code, Errc::bad_format);
  }
  page->sequence.store(0);
  page->number.store(2);
  page->incarnation.store(0xbbbb);
  page->offset.store(16384);
  EXPECT_EQ(read(), (DurablePosition{kSecond, 16384}));  // only the words count once something was seen
}

TEST_F(DoorbellTest, AttachesToTheSamePage) {
  const int events[] = {::dup(bell_->event_fd(0)), ::dup(bell_->event_fd(1))};
  auto other = Doorbell::attach(::dup(bell_->memory_fd()), events);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->slots(), 2U);
  auto subscriber = other->subscriber(0);
  publisher_.publish({kFirst, 8192});
  EXPECT_EQ(subscriber.read()->value(), (DurablePosition{kFirst, 8192}));
}

TEST_F(DoorbellTest, RefusesAPageThatCouldGoAway) {
  const auto attach = [](int memory, int events) {
    std::vector<int> fds;
    fds.reserve(static_cast<std::size_t>(events));
    for (int i = 0; i < events; ++i) fds.push_back(::eventfd(0, EFD_CLOEXEC));
    return Doorbell::attach(memory, fds).has_value();
  };
  EXPECT_TRUE(attach(::dup(bell_->memory_fd()), 2));
  EXPECT_FALSE(attach(::dup(bell_->memory_fd()), 3));  // too small
  EXPECT_FALSE(attach(::dup(bell_->memory_fd()), 0));
  const int unsealed = ::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ASSERT_EQ(::ftruncate(unsealed, 4096), 0);
  EXPECT_FALSE(attach(unsealed, 1));
  EXPECT_NE(::ftruncate(bell_->memory_fd(), 0), 0);
}

// Two threads as two processes: no wake-up is lost, no torn triple is seen, and nothing goes back.
TEST_F(DoorbellTest, LosesNoWakeUp) {
  constexpr std::uint64_t kSegments = 300;
  constexpr std::uint64_t kBatches = 40;
  const auto incarnation_of = [](std::uint64_t number) { return number * 0x9e3779b97f4a7c15; };
  std::thread writer([&] {
    auto publisher = bell_->publisher(0);
    for (std::uint64_t number = 1; number <= kSegments; ++number)
      for (std::uint64_t batch = 0; batch <= kBatches; ++batch)
        publisher.publish({{number, incarnation_of(number)}, kFirstBatchOffset + batch * kBlockBytes});
  });
  const DurablePosition last{{kSegments, incarnation_of(kSegments)}, kFirstBatchOffset + kBatches * kBlockBytes};
  DurablePosition now;
  while (now != last) {
    const auto seen = subscriber_.read();
    if (!seen) {
      EXPECT_EQ(seen.error().code, Errc::busy);
      std::this_thread::yield();
      continue;
    }
    if (*seen) {
      now = **seen;
      EXPECT_EQ(now.segment.incarnation, incarnation_of(now.segment.number));
    }
    if (now == last || !subscriber_.try_sleep()) continue;
    pollfd poll{subscriber_.event_fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&poll, 1, 10'000), 1) << "a wake-up was lost";
    subscriber_.wake();
  }
  writer.join();
}

}  // namespace
}  // namespace postern::spool
