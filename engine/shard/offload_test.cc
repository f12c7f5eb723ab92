#include "engine/shard/offload.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/shard/loop.h"
#include "engine/shard/loop_testing.h"
#include "engine/shard/placement.h"
#include "engine/shard/shard_thread.h"

namespace postern::shard {
namespace {

class OffloadTest : public ::testing::Test {
 public:
  OffloadTest() : loop_(clock_), mailbox_(256, sleeper_) {
    loop_.set_sleeper(sleeper_);
    loop_.add(mailbox_);
    Offload::set_home(&mailbox_);
  }
  ~OffloadTest() override { Offload::set_home(nullptr); }

  SystemClock clock_;
  TestSleeper sleeper_;
  Loop loop_;
  Mailbox mailbox_;
};

TEST_F(OffloadTest, RunsElsewhereAndComesBack) {
  struct Main {
    static Task<void> go(Offload& offload) {
      const auto here = std::this_thread::get_id();
      std::thread::id there;
      auto work = [&there]() -> Result<std::string> {
        there = std::this_thread::get_id();
        return std::string("done");
      };
      const Result<std::string> result = co_await offload.run(work);
      EXPECT_EQ(*result, "done");
      EXPECT_NE(there, here);
      EXPECT_EQ(std::this_thread::get_id(), here);
      auto fail = []() -> Result<void> { return failure(Errc::disk_full, "test"); };
      const Result<void> failed = co_await offload.run(fail);
      EXPECT_EQ(failed.error().code, Errc::disk_full);
      auto move_only = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
      EXPECT_EQ(**(co_await offload.run(move_only)), 7);
    }
  };
  Offload offload(2, 16);
  loop_.run(Main::go(offload));
}

TEST_F(OffloadTest, AFullQueueRefusesAtOnce) {
  struct Main {
    static Task<void> block(Offload& offload, std::latch& running, std::latch& release, int& done) {
      auto work = [&]() -> Result<void> {
        running.count_down();
        release.wait();
        return {};
      };
      EXPECT_TRUE(co_await offload.run(work));
      ++done;
    }
    static Task<void> go(Offload& offload, int& done) {
      std::latch running(1);
      std::latch release(1);
      Gate gate;
      gate.start(block(offload, running, release, done));
      running.wait();
      auto quick = []() -> Result<void> { return {}; };
      struct Queued {
        static Task<void> go(Offload& offload, int& done) {
          auto quick = []() -> Result<void> { return {}; };
          EXPECT_TRUE(co_await offload.run(quick));
          ++done;
        }
      };
      gate.start(Queued::go(offload, done));
      gate.start(Queued::go(offload, done));
      const Result<void> refused = co_await offload.run(quick);
      EXPECT_FALSE(refused);
      EXPECT_EQ(refused.error().code, Errc::too_large);
      EXPECT_EQ(done, 0);
      release.count_down();
      co_await gate.close();
      EXPECT_EQ(done, 3);
      EXPECT_TRUE(co_await offload.run(quick)) << "there is room again";
    }
  };
  int done = 0;
  Offload offload(1, 3);
  loop_.run(Main::go(offload, done));
}

TEST_F(OffloadTest, OneThreadKeepsOrder) {
  struct Main {
    static Task<void> one(Offload& offload, int number, std::vector<int>& ran, std::vector<int>& back) {
      auto work = [&ran, number]() -> Result<void> {
        ran.push_back(number);
        return {};
      };
      EXPECT_TRUE(co_await offload.run(work));
      back.push_back(number);
    }
    static Task<void> go(Offload& offload, std::vector<int>& ran, std::vector<int>& back) {
      Gate gate;
      for (int i = 0; i < 200; ++i) gate.start(one(offload, i, ran, back));
      co_await gate.close();
    }
  };
  std::vector<int> ran;
  std::vector<int> back;
  Offload offload(1, 200);
  loop_.run(Main::go(offload, ran, back));
  ASSERT_EQ(ran.size(), 200U);
  EXPECT_TRUE(std::ranges::is_sorted(ran));
  EXPECT_EQ(back, ran);
}

TEST_F(OffloadTest, ManyThreadsLoseNothing) {
  struct Main {
    static Task<void> worker(Offload& offload, std::atomic<int>& ran, int& back) {
      for (int i = 0; i < 200; ++i) {
        auto work = [&ran]() -> Result<int> { return ran.fetch_add(1); };
        EXPECT_TRUE(co_await offload.run(work));
        ++back;
      }
    }
    static Task<void> go(Offload& offload, std::atomic<int>& ran, int& back) {
      Gate gate;
      for (int i = 0; i < 30; ++i) gate.start(worker(offload, ran, back));
      co_await gate.close();
    }
  };
  std::atomic<int> ran = 0;
  int back = 0;
  Offload offload(4, 64);
  loop_.run(Main::go(offload, ran, back));
  EXPECT_EQ(ran, 6000);
  EXPECT_EQ(back, 6000);
}

class CountingJob final : public OffloadJob {
 public:
  explicit CountingJob(std::latch* wait_for = nullptr) : wait_for_(wait_for) {}
  std::atomic<bool> ran = false;
  bool done = false;

 private:
  void run_on_pool() override {
    if (wait_for_ != nullptr) wait_for_->wait();
    ran = true;
  }
  void done_on_shard() override { done = true; }
  std::latch* wait_for_;
};

TEST_F(OffloadTest, EndsWithWhatIsQueued) {
  std::latch release(1);
  CountingJob first(&release);
  std::vector<std::unique_ptr<CountingJob>> queued;
  for (int i = 0; i < 20; ++i) queued.push_back(std::make_unique<CountingJob>());
  {
    Offload offload(2, 32);
    ASSERT_TRUE(offload.submit(first, mailbox_));
    for (const auto& job : queued) ASSERT_TRUE(offload.submit(*job, mailbox_));
    release.count_down();
  }
  EXPECT_TRUE(first.ran);
  for (const auto& job : queued) EXPECT_TRUE(job->ran);
  EXPECT_FALSE(first.done);
  mailbox_.poll();
  EXPECT_TRUE(first.done);
  for (const auto& job : queued) EXPECT_TRUE(job->done);
}

TEST(OffloadThreads, AMailboxMayGoRightAfterItsLastLetter) {
  Offload offload(2, 16);
  for (int round = 0; round < 1000; ++round) {
    TestSleeper sleeper;
    Mailbox mailbox(4, sleeper);
    CountingJob job;
    ASSERT_TRUE(offload.submit(job, mailbox));
    while (!job.done) mailbox.poll();
  }
}

TEST(OffloadThreads, ServesSeveralShardsWithOnePool) {
  Offload offload(2, 64);
  struct Main {
    static Task<void> go(Offload& offload, std::thread::id here, int& back) {
      for (int i = 0; i < 300; ++i) {
        auto work = [i]() -> Result<int> { return i; };
        const Result<int> result = co_await offload.run(work);
        EXPECT_EQ(*result, i);
        EXPECT_EQ(std::this_thread::get_id(), here);
        ++back;
      }
    }
  };
  std::array<int, 3> back{};
  {
    std::vector<std::unique_ptr<ShardThread>> threads;
    for (std::size_t i = 0; i < back.size(); ++i)
      threads.push_back(std::make_unique<ShardThread>(std::nullopt, [&, i] {
        SystemClock clock;
        TestSleeper sleeper;
        Loop loop(clock);
        Mailbox mailbox(64, sleeper);
        loop.set_sleeper(sleeper);
        loop.add(mailbox);
        Offload::set_home(&mailbox);
        loop.run(Main::go(offload, std::this_thread::get_id(), back[i]));
        Offload::set_home(nullptr);
      }));
  }
  for (const int count : back) EXPECT_EQ(count, 300);
}

TEST(StartLine, WaitsForAllAndTellsOfFailures) {
  for (const bool last_ready : {true, false}) {
    StartLine line(3);
    std::vector<std::unique_ptr<ShardThread>> threads;
    for (int i = 0; i < 3; ++i)
      threads.push_back(
          std::make_unique<ShardThread>(std::nullopt, [&line, i, last_ready] { line.arrive(i != 2 || last_ready); }));
    EXPECT_EQ(line.wait_for_all(), last_ready);
  }
  StartLine none(0);
  EXPECT_TRUE(none.wait_for_all());
}

TEST(StartLine, MayGoAsSoonAsAllHaveArrived) {
  for (int round = 0; round < 500; ++round) {
    auto line = std::make_unique<StartLine>(2);
    StartLine& ours = *line;
    const ShardThread a(std::nullopt, [&ours] { ours.arrive(true); });
    const ShardThread b(std::nullopt, [&ours] { ours.arrive(true); });
    EXPECT_TRUE(ours.wait_for_all());
    line.reset();
  }
}

TEST(Placement, ThreadsRunWhereTheyAreTied) {
  const std::vector<unsigned> cpus = allowed_cpus();
  ASSERT_FALSE(cpus.empty());
  EXPECT_TRUE(std::ranges::is_sorted(cpus));
  std::vector<unsigned> there;
  {
    const ShardThread thread(cpus.back(), [&there] { there = allowed_cpus(); });
  }
  EXPECT_EQ(there, std::vector<unsigned>{cpus.back()});
  EXPECT_EQ(allowed_cpus(), cpus) << "only the new thread is tied";
  bool ran = false;
  {
    const ShardThread thread(100'000, [&ran] { ran = true; });
  }
  EXPECT_TRUE(ran) << "a CPU that cannot be had is not an error";
  EXPECT_FALSE(pin_to_cpu(100'000));
}

}  // namespace
}  // namespace postern::shard
