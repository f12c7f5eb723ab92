#include "engine/ring/buffer_group.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/clock.h"

namespace postern::ring {
namespace {

constexpr std::uint32_t kBuffers = 16;
constexpr std::uint32_t kBytesEach = 256;

// Receives from one end of a socket pair into a group's buffers.
class Receiver final : public Operation {
 public:
  Receiver() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends_), 0); }
  ~Receiver() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  void start(Ring& ring, BufferGroup& group) {
    group_ = &group;
    io_uring_sqe& sqe = ring.prepare(*this);
    io_uring_prep_recv_multishot(&sqe, ends_[0], nullptr, 0, 0);
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.buf_group = group.id();
  }
  void send(std::string_view packet) { EXPECT_EQ(::send(ends_[1], packet.data(), packet.size(), 0), std::ssize(packet)); }

  std::vector<Slice> slices;
  std::int32_t last_error = 0;

 private:
  void on_completion(const Completion& completion) override {
    if (completion.result > 0)
      slices.push_back(group_->take(completion));
    else
      last_error = completion.result;
  }
  int ends_[2];
  BufferGroup* group_ = nullptr;
};

class Waiting final : public BufferWaiter {
 public:
  explicit Waiting(std::string& log, char name) : log_(log), name_(name) {}
  std::function<void()> then;

 private:
  void buffers_back() override {
    log_ += name_;
    if (then) then();
  }
  std::string& log_;
  char name_;
};

class BufferGroupTest : public ::testing::Test {
 protected:
  BufferGroupTest() {
    ring_ = std::move(*Ring::create({.sq_entries = 64, .cq_entries = 256, .direct_descriptors = 4}));
    group_ = std::move(*BufferGroup::create(*ring_, 1, kBuffers, kBytesEach));
  }
  void turn() {
    const Instant now = clock_.now();
    ring_->submit_and_sleep(now.plus_ms(20), now);
    ring_->poll();
  }
  void end(Receiver& receiver) {
    ring_->cancel(receiver);
    while (receiver.in_flight()) turn();
  }

  SystemClock clock_;
  std::unique_ptr<Ring> ring_;
  std::unique_ptr<BufferGroup> group_;
};

TEST_F(BufferGroupTest, BuffersGoOutAndComeBack) {
  Receiver receiver;
  receiver.start(*ring_, *group_);
  for (int round = 0; round < 200; ++round) {
    const std::string packet = "packet " + std::to_string(round);
    receiver.send(packet);
    while (receiver.slices.empty()) turn();
    ASSERT_EQ(receiver.slices[0].view(), packet);
    ASSERT_EQ(group_->free_buffers(), kBuffers - 1);
    receiver.slices.clear();
    ASSERT_EQ(group_->free_buffers(), kBuffers);
  }
  end(receiver);
}

TEST_F(BufferGroupTest, ExhaustionEndsTheReceiveAndLosesNothing) {
  Receiver receiver;
  receiver.start(*ring_, *group_);
  for (std::uint32_t i = 0; i < kBuffers + 4; ++i) receiver.send("packet " + std::to_string(i));
  while (receiver.in_flight()) turn();
  EXPECT_EQ(receiver.last_error, -ENOBUFS);
  EXPECT_EQ(receiver.slices.size(), kBuffers);
  EXPECT_EQ(group_->free_buffers(), 0U);
  EXPECT_TRUE(group_->scarce());
  std::vector<Slice> kept = std::move(receiver.slices);
  receiver.slices.clear();
  kept.erase(kept.begin() + 4, kept.end());  // gives twelve back
  EXPECT_FALSE(group_->scarce());
  receiver.start(*ring_, *group_);
  while (receiver.slices.size() < 4) turn();
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(kept[i].view(), "packet " + std::to_string(i)) << "what is held is not overwritten";
    EXPECT_EQ(receiver.slices[i].view(), "packet " + std::to_string(kBuffers + i));
  }
  end(receiver);
}

class Exhausted : public BufferGroupTest {
 protected:
  Exhausted() {
    receiver_.start(*ring_, *group_);
    for (std::uint32_t i = 0; i < kBuffers + 1; ++i) receiver_.send("x");
    while (receiver_.in_flight()) turn();
    held_ = std::move(receiver_.slices);
  }
  Receiver receiver_;
  std::vector<Slice> held_;
};

TEST_F(Exhausted, WaitersAreWokenInOrderWhenAnEighthIsFree) {
  std::string log;
  Waiting a(log, 'a'), b(log, 'b'), c(log, 'c'), d(log, 'd');
  for (Waiting* waiter : {&a, &b, &c, &d}) group_->wait_for_buffers(*waiter);
  group_->wait_for_buffers(a);  // it waits already
  held_.pop_back();
  EXPECT_EQ(log, "") << "one of sixteen is less than an eighth";
  held_.pop_back();
  EXPECT_EQ(log, "ab") << "no more than there are buffers";
  held_.pop_back();
  EXPECT_EQ(log, "abcd");
  held_.clear();
  EXPECT_EQ(log, "abcd") << "each once";
}

TEST_F(Exhausted, WaitersMayBeForgottenAndWaitAgain) {
  std::string log;
  Waiting a(log, 'a'), b(log, 'b'), c(log, 'c');
  for (Waiting* waiter : {&a, &b, &c}) group_->wait_for_buffers(*waiter);
  group_->forget(c);  // the last
  group_->forget(a);  // the first
  group_->forget(a);
  group_->wait_for_buffers(a);  // behind b now
  held_.resize(held_.size() - 3);
  EXPECT_EQ(log, "ba");
  group_->forget(b);
}

TEST_F(Exhausted, AWaiterMayWaitAgainFromWithin) {
  std::string log;
  Waiting a(log, 'a');
  int again = 3;
  a.then = [&] {
    if (--again > 0) group_->wait_for_buffers(a);
  };
  group_->wait_for_buffers(a);
  held_.clear();
  EXPECT_EQ(log, "aaa");
}

// All buffers came back between the moment the kernel found none and the moment we hear of it. Nothing more will come back, so
// who waits for that would wait for ever.
TEST_F(BufferGroupTest, WhoComesWhenBuffersAreBackAlreadyIsNotKeptWaiting) {
  std::string log;
  Waiting a(log, 'a');
  group_->wait_for_buffers(a);
  EXPECT_EQ(log, "a");
}

TEST_F(Exhausted, WhoComesLateIsServedAfterThoseWhoWait) {
  std::string log;
  Waiting a(log, 'a'), b(log, 'b');
  group_->wait_for_buffers(a);
  held_.resize(held_.size() - 1);
  EXPECT_EQ(log, "");
  group_->wait_for_buffers(b);
  held_.clear();
  EXPECT_EQ(log, "ab");
}

TEST_F(BufferGroupTest, TwoGroupsDoNotMix) {
  auto other = std::move(*BufferGroup::create(*ring_, 2, 4, 1024));
  EXPECT_EQ(other->bytes_each(), 1024U);
  Receiver receiver;
  receiver.start(*ring_, *other);
  receiver.send(std::string(1000, 'x'));
  while (receiver.slices.empty()) turn();
  EXPECT_EQ(receiver.slices[0].size(), 1000U);
  EXPECT_EQ(other->free_buffers(), 3U);
  EXPECT_EQ(group_->free_buffers(), kBuffers);
  EXPECT_FALSE(BufferGroup::create(*ring_, 2, 4, 1024)) << "the number is taken";
  end(receiver);
  receiver.slices.clear();
}

}  // namespace
}  // namespace postern::ring
