#include "engine/shard/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

namespace postern::shard {
namespace {

class CountingWaker final : public Waker {
 public:
  void wake() noexcept override { ++wakes; }
  std::atomic<int> wakes = 0;
};

struct Log {
  std::vector<int> seen;
};
struct Note {
  Log* log;
  int number;
};
Letter letter(Note& note) {
  return {[](void* argument) {
            const auto& n = *static_cast<Note*>(argument);
            n.log->seen.push_back(n.number);
          },
          &note};
}

TEST(Mailbox, KeepsOrderRefusesWhenFullAndGoesRound) {
  CountingWaker waker;
  Mailbox mailbox(4, waker);
  Log log;
  std::vector<Note> notes;
  for (int i = 0; i < 100; ++i) notes.push_back({&log, i});
  EXPECT_FALSE(mailbox.poll());
  for (std::size_t i = 0; i < 100; i += 4) {
    for (std::size_t k = 0; k < 4; ++k) EXPECT_TRUE(mailbox.post(letter(notes[i + k])));
    EXPECT_FALSE(mailbox.post(letter(notes[0]))) << "full";
    EXPECT_TRUE(mailbox.poll());
  }
  EXPECT_FALSE(mailbox.poll());
  ASSERT_EQ(log.seen.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(log.seen[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(waker.wakes, 0) << "nobody slept";
}

TEST(Mailbox, WakesASleeperOnce) {
  CountingWaker waker;
  Mailbox mailbox(8, waker);
  Log log;
  Note note{&log, 1};
  EXPECT_TRUE(mailbox.allows_sleep());
  EXPECT_TRUE(mailbox.post(letter(note)));
  EXPECT_TRUE(mailbox.post(letter(note)));
  EXPECT_EQ(waker.wakes, 1);
  EXPECT_FALSE(mailbox.allows_sleep()) << "there is a letter";
  EXPECT_TRUE(mailbox.poll());
  EXPECT_TRUE(mailbox.post(letter(note)));
  EXPECT_EQ(waker.wakes, 1) << "awake since the poll";
}

TEST(Mailbox, AFullMailboxStillWakes) {
  CountingWaker waker;
  Mailbox mailbox(2, waker);
  Log log;
  Note note{&log, 1};
  EXPECT_TRUE(mailbox.post(letter(note)));
  EXPECT_TRUE(mailbox.post(letter(note)));
  EXPECT_FALSE(mailbox.allows_sleep());
  EXPECT_FALSE(mailbox.post(letter(note)));
  EXPECT_TRUE(mailbox.poll());
  EXPECT_EQ(log.seen.size(), 2U);
}

// A letter that posts another must not keep the loop from its other pollers.
TEST(Mailbox, APollEndsAlthoughLettersBreed) {
  struct Breeder {
    Mailbox* mailbox;
    int opened = 0;
    Letter letter() {
      return {[](void* self) { static_cast<Breeder*>(self)->open(); }, this};
    }
    void open() {
      ++opened;
      if (opened < 1'000'000) EXPECT_TRUE(mailbox->post(letter()));
    }
  };
  CountingWaker waker;
  Mailbox mailbox(16, waker);
  Breeder breeder{&mailbox};
  EXPECT_TRUE(mailbox.post(breeder.letter()));
  EXPECT_TRUE(mailbox.poll());
  EXPECT_LE(breeder.opened, 16);
  EXPECT_FALSE(mailbox.allows_sleep());
}

// Sleeps until woken; a wake that never comes is a failed test and not one that hangs.
class SemaphoreWaker final : public Waker {
 public:
  void wake() noexcept override { semaphore_.release(); }
  [[nodiscard]] bool sleep() { return semaphore_.try_acquire_for(std::chrono::seconds(20)); }

 private:
  std::counting_semaphore<> semaphore_{0};
};

TEST(Mailbox, ManySendersLoseNothingAndWakeTheReceiver) {
  constexpr int kSenders = 4;
  constexpr int kEach = 20'000;
  SemaphoreWaker waker;
  Mailbox mailbox(64, waker);
  struct Parcel {
    std::atomic<int> opened = 0;
  };
  std::vector<Parcel> parcels(static_cast<std::size_t>(kSenders) * kEach);
  std::vector<std::jthread> senders;
  for (int s = 0; s < kSenders; ++s)
    senders.emplace_back([&, s] {
      for (int i = 0; i < kEach; ++i) {
        Parcel& parcel = parcels[static_cast<std::size_t>(s * kEach + i)];
        const Letter letter{[](void* p) { static_cast<Parcel*>(p)->opened.fetch_add(1, std::memory_order_relaxed); }, &parcel};
        while (!mailbox.post(letter)) std::this_thread::yield();
        if (i % 97 == 0) std::this_thread::yield();  // let the receiver fall asleep now and then
      }
    });
  int sleeps = 0;
  const auto all_open = [&] {
    for (const Parcel& parcel : parcels)
      if (parcel.opened.load(std::memory_order_relaxed) == 0) return false;
    return true;
  };
  for (;;) {
    if (mailbox.poll()) continue;
    if (!mailbox.allows_sleep()) continue;
    if (all_open()) break;
    ++sleeps;
    ASSERT_TRUE(waker.sleep()) << "a letter came and nobody woke the receiver";
  }
  for (const Parcel& parcel : parcels) ASSERT_EQ(parcel.opened, 1);
  EXPECT_GT(sleeps, 0);
}

// The receiver may go as soon as it has opened the letter it waited for, while the sender is still in post().
TEST(Mailbox, MayGoWhenTheLastLetterIsOpen) {
  for (int round = 0; round < 500; ++round) {
    auto waker = std::make_unique<CountingWaker>();
    auto mailbox = std::make_unique<Mailbox>(2, *waker);
    bool opened = false;
    const Letter letter{[](void* flag) { *static_cast<bool*>(flag) = true; }, &opened};
    std::atomic<bool> go = false;
    std::jthread sender([&] {
      while (!go) std::this_thread::yield();
      static_cast<void>(mailbox->post(letter));
    });
    static_cast<void>(mailbox->allows_sleep());
    Mailbox& ours = *mailbox;
    go = true;
    while (!opened) ours.poll();
    mailbox.reset();
    waker.reset();
  }
}

}  // namespace
}  // namespace postern::shard
