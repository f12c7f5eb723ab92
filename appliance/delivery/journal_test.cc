#include "appliance/delivery/journal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "engine/io/fake_file_system.h"

namespace postern::delivery {
namespace {

constexpr spool::SegmentKey kSegment{5, 0x5eed};

struct Failures final : JournalReporter {
  int count = 0;
  void on_journal_failure(const Error&) override { ++count; }
};

// One life of the journal over a disk that outlives it.
class Life {
 public:
  Life(ManualScheduler& scheduler, FakeFileSystem& files, Random& random, JournalOptions options)
      : scheduler_(scheduler), journal_(files, "d", ledger_, random, failures_, options) {}

  Result<JournalDamage> start() {
    std::optional<Result<JournalDamage>> result;
    gate_.start(start_into(result));
    scheduler_.run();
    return result ? *result : failure(Errc::timed_out, "start");
  }
  // Runs turns until nothing moves any more.
  void settle(int ms = 8) {
    for (int i = 0; i < ms; ++i) {
      scheduler_.run();
      journal_.end_of_turn();
      scheduler_.advance_ms(1);
    }
  }
  void stop() {
    gate_.start(journal_.stop());
    settle(40);
    EXPECT_EQ(gate_.inside(), 0U);
  }
  Ledger& ledger() { return ledger_; }
  Journal& journal() { return journal_; }
  Failures& failures() { return failures_; }
  // Resumes when `ticket` is durable.
  void watch(Journal::Ticket ticket, bool& durable) { gate_.start(wait_for(ticket, durable)); }
  Gate& gate() { return gate_; }

 private:
  Task<void> start_into(std::optional<Result<JournalDamage>>& into) { into = co_await journal_.start(); }
  Task<void> wait_for(Journal::Ticket ticket, bool& durable) { durable = (co_await journal_.durable(ticket)).has_value(); }

  ManualScheduler& scheduler_;
  Ledger ledger_;
  Failures failures_;
  Journal journal_;
  Gate gate_;
};

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    gate_.start(make());
    scheduler_.run();
  }
  Task<void> make() {
    EXPECT_TRUE((co_await files_.make_directory("d", 0700)));
    EXPECT_TRUE((co_await files_.sync_directory("")));
  }
  std::unique_ptr<Life> begin(JournalOptions options = {.file_bytes = 64 * 1024}) {
    return std::make_unique<Life>(scheduler_, files_, random_, options);
  }

  ManualScheduler scheduler_;
  FakeFileSystem files_;
  SeededRandom random_{42};
  Gate gate_;
};

TEST_F(JournalTest, WhatWasDoneIsKnownInTheNextLife) {
  auto life = begin();
  ASSERT_TRUE(life->start());
  QueuedMessage* first = life->ledger().admit({kSegment, 8192}, 8300, 1);
  QueuedMessage* second = life->ledger().admit({kSegment, 8300}, 8400, 2);
  bool durable = false;
  life->journal().append(life->ledger().attempting(*first));
  life->journal().append(life->ledger().finish(*second, {1}));
  life->watch(life->journal().append(life->ledger().done(*first)), durable);
  EXPECT_FALSE(durable);
  life->settle();
  EXPECT_TRUE(durable);
  EXPECT_EQ(life->journal().stats().batches.get(), 1U);  // one write for the three
  life->stop();

  files_.restart(FakeFileSystem::Survival::none);
  auto next = begin();
  ASSERT_TRUE(next->start());
  EXPECT_EQ(next->ledger().admit({kSegment, 8192}, 8300, 1), nullptr);
  const QueuedMessage* left = next->ledger().admit({kSegment, 8300}, 8400, 2);
  ASSERT_NE(left, nullptr);
  EXPECT_TRUE(left->finished.contains(1));
  next->stop();
}

TEST_F(JournalTest, AFileThatIsFullIsFollowedByAShortOne) {
  auto life = begin();
  ASSERT_TRUE(life->start());
  std::uint64_t offset = 8192;
  for (int i = 0; i < 200; ++i, offset += 64) {
    QueuedMessage* message = life->ledger().admit({kSegment, offset}, offset + 64, 1);
    if (i % 50 == 0) continue;
    life->journal().append(life->ledger().done(*message));
    life->settle(3);
  }
  EXPECT_GT(life->journal().stats().files.get(), 10U);
  EXPECT_EQ(files_.bytes("d/journal").size(), 64U * 1024);
  EXPECT_FALSE(files_.exists("d/journal.new"));
  life->stop();
  auto next = begin();
  ASSERT_TRUE(next->start());
  // The last ones are met again in their segment, and known to be done.
  for (std::uint64_t at = next->ledger().scanned_to(kSegment); at < offset; at += 64)
    EXPECT_EQ(next->ledger().admit({kSegment, at}, at + 64, 1), nullptr);
  EXPECT_EQ(next->ledger().queued_in(kSegment), 4U);
  next->stop();
}

TEST_F(JournalTest, ALedgerLargerThanTheFileGetsALongerOne) {
  auto life = begin();
  ASSERT_TRUE(life->start());
  QueuedMessage* last = nullptr;
  for (std::uint64_t offset = 8192; offset < 8192 + 64 * 3000; offset += 64)
    last = life->ledger().admit({kSegment, offset}, offset + 64, 1);
  for (int i = 0; i < 40; ++i) {
    life->journal().append(life->ledger().attempting(*last));
    life->settle(3);
  }
  life->stop();
  EXPECT_GT(files_.bytes("d/journal").size(), 500'000U);
  auto next = begin();
  ASSERT_TRUE(next->start());
  EXPECT_EQ(next->ledger().queued_in(kSegment), 3000U);
  next->stop();
}

TEST_F(JournalTest, AFailedWriteIsMadeGoodByANewFile) {
  for (const FakeOp op : {FakeOp::write_durable, FakeOp::rename, FakeOp::sync, FakeOp::fill, FakeOp::sync_directory}) {
    auto life = begin({.file_bytes = 64 * 1024, .batch_gap_ms = 1, .repair_gap_ms = 5});
    ASSERT_TRUE(life->start());
    QueuedMessage* message = life->ledger().admit({kSegment, 8192}, 8300, 1);
    if (op != FakeOp::write_durable) files_.inject({.op = FakeOp::write_durable});
    files_.inject({.op = op, .count = 2});
    bool durable = false;
    life->watch(life->journal().append(life->ledger().done(*message)), durable);
    life->settle(40);
    EXPECT_GE(life->failures().count, op == FakeOp::write_durable ? 1 : 3);
    EXPECT_TRUE(durable) << static_cast<int>(op);
    life->stop();
    files_.clear_faults();
    auto next = begin();
    ASSERT_TRUE(next->start());
    EXPECT_EQ(next->ledger().scanned_to(kSegment), 8300U);
    EXPECT_EQ(next->ledger().queued(), 0U);
    next->stop();
    std::optional<Result<void>> removed;
    gate_.start([](FakeFileSystem& files, std::optional<Result<void>>& into) -> Task<void> {
      into = co_await files.remove("d/journal");
    }(files_, removed));
    scheduler_.run();
    ASSERT_TRUE(removed && *removed);
  }
}

TEST_F(JournalTest, StopDoesNotWaitForADeadDisk) {
  auto life = begin();
  ASSERT_TRUE(life->start());
  files_.inject({.op = FakeOp::write_durable, .count = UINT64_MAX});
  files_.inject({.op = FakeOp::fill, .count = UINT64_MAX});
  life->journal().append(life->ledger().done(*life->ledger().admit({kSegment, 8192}, 8300, 1)));
  life->settle();
  life->stop();
  EXPECT_GE(life->failures().count, 1);
}

TEST_F(JournalTest, AJournalThatDoesNotReadStopsTheStart) {
  {
    auto life = begin();
    ASSERT_TRUE(life->start());
    life->stop();
  }
  files_.bytes("d/journal")[0] ^= std::byte{1};
  auto next = begin();
  const Result<JournalDamage> started = next->start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::bad_format);
}

// Power goes after each single change of a run in which one file follows another.
TEST_F(JournalTest, NoChangeIsTheWrongOneToLosePowerAfter) {
  for (const auto survival :
       {FakeFileSystem::Survival::none, FakeFileSystem::Survival::all, FakeFileSystem::Survival::random}) {
    std::uint64_t files_begun = 0;
    for (std::uint64_t cut = 0; !HasFailure(); ++cut) {
      SCOPED_TRACE(cut);
      FakeFileSystem files;
      SeededRandom random(cut + 1);
      Gate gate;
      gate.start([](FakeFileSystem& disk) -> Task<void> {
        EXPECT_TRUE((co_await disk.make_directory("d", 0700)));
        EXPECT_TRUE((co_await disk.sync_directory("")));
      }(files));
      scheduler_.run();
      const JournalOptions options{.file_bytes = 20 * 1024, .batch_gap_ms = 1, .repair_gap_ms = 5};
      std::map<std::uint64_t, Journal::Ticket> tickets;  // of the done records, by offset
      std::set<std::uint64_t> done;
      std::uint64_t end = 8192;
      {
        Life life(scheduler_, files, random, options);
        ASSERT_TRUE(life.start());
        files.cut_power_after(files.changes() + cut);
        for (; end < 8192 + 64 * 24; end += 64) {
          QueuedMessage* message = life.ledger().admit({kSegment, end}, end + 64, 3);
          if (end % 192 == 0) {
            life.journal().append(life.ledger().finish(*message, {1}));
            life.journal().append(life.ledger().defer(*message, {1, 2, 3}));
          } else {
            tickets[end] = life.journal().append(life.ledger().done(*message));
          }
          life.settle(2);
        }
        for (const auto& [offset, ticket] : tickets)
          if (life.journal().is_durable(ticket)) done.insert(offset);
        files_begun = life.journal().stats().files.get();
        const bool was_cut = !files.has_power();
        files.cut_power();
        life.stop();
        files.restart(survival, &random);
        if (!was_cut && survival == FakeFileSystem::Survival::none) EXPECT_EQ(done.size(), tickets.size());
        if (!was_cut) cut = UINT64_MAX - 1;
      }
      Life next(scheduler_, files, random, options);
      const Result<JournalDamage> started = next.start();
      ASSERT_TRUE(started) << describe(started.error());
      EXPECT_EQ(started->unreadable_bytes, 0U);
      next.ledger().for_each_queued(kSegment, [&](const QueuedMessage& message) {
        EXPECT_FALSE(done.contains(message.key.offset));
        EXPECT_EQ(message.key.offset % 192, 0U);
      });
      for (std::uint64_t at = std::max<std::uint64_t>(next.ledger().scanned_to(kSegment), 8192); at < end; at += 64)
        EXPECT_FALSE(next.ledger().admit({kSegment, at}, at + 64, 3) != nullptr && done.contains(at)) << at;
      next.stop();
      if (cut == UINT64_MAX - 1) break;
    }
    EXPECT_GT(files_begun, 5U);
  }
}

// A model of many messages and lives: power goes at any change the disk makes, and whatever a wait said was durable is known in
// the next life.
TEST_F(JournalTest, NothingThatWasDurableIsForgottenWhateverThePowerDoes) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    FakeFileSystem files;
    SeededRandom random(seed);
    Gate gate;
    gate.start([](FakeFileSystem& disk) -> Task<void> {
      EXPECT_TRUE((co_await disk.make_directory("d", 0700)));
      EXPECT_TRUE((co_await disk.sync_directory("")));
    }(files));
    scheduler_.run();

    std::set<std::uint64_t> done;                               // offsets whose done record was durable
    std::map<std::uint64_t, std::set<std::uint32_t>> finished;  // recipients likewise
    std::uint64_t end = 8192;
    for (int lives = 0; lives < 6; ++lives) {
      Life life(scheduler_, files, random, {.file_bytes = 32 * 1024, .batch_gap_ms = 1, .repair_gap_ms = 5});
      const Result<JournalDamage> started = life.start();
      ASSERT_TRUE(started) << describe(started.error());
      EXPECT_EQ(started->unreadable_bytes, 0U);

      // Every message of the segment so far is met again, or known.
      std::vector<QueuedMessage*> open;
      for (std::uint64_t offset = 8192; offset < end; offset += 64) {
        if (offset < life.ledger().scanned_to(kSegment)) continue;
        QueuedMessage* message = life.ledger().admit({kSegment, offset}, offset + 64, 8);
        EXPECT_FALSE(message != nullptr && done.contains(offset)) << offset;
      }
      life.ledger().for_each_queued(kSegment, [&](QueuedMessage& message) {
        EXPECT_FALSE(done.contains(message.key.offset));
        for (const std::uint32_t recipient : finished[message.key.offset]) EXPECT_TRUE(message.finished.contains(recipient));
        open.push_back(&message);
      });

      files.cut_power_after(files.changes() + random.below(60));
      std::vector<std::tuple<Journal::Ticket, std::uint64_t, std::optional<std::uint32_t>>> waiting;
      for (int step = 0; step < 60; ++step) {
        if (random.below(3) == 0 || open.empty()) {
          open.push_back(life.ledger().admit({kSegment, end}, end + 64, 8));
          end += 64;
        } else {
          const std::size_t at = random.below(open.size());
          QueuedMessage& message = *open[at];
          const std::uint64_t offset = message.key.offset;
          const auto recipient = static_cast<std::uint32_t>(random.below(8));
          switch (random.below(4)) {
            case 0: life.journal().append(life.ledger().attempting(message)); break;
            case 1: life.journal().append(life.ledger().defer(message, {1, 2, 3})); break;
            case 2:
              waiting.emplace_back(life.journal().append(life.ledger().finish(message, {recipient})), offset, recipient);
              break;
            default:
              waiting.emplace_back(life.journal().append(life.ledger().done(message)), offset, std::nullopt);
              open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
          }
        }
        if (random.below(2) == 0) life.settle(1);
        std::erase_if(waiting, [&](const auto& waits) {
          const auto& [ticket, offset, recipient] = waits;
          if (!life.journal().is_durable(ticket)) return false;
          if (recipient)
            finished[offset].insert(*recipient);
          else
            done.insert(offset);
          return true;
        });
      }
      files.cut_power();
      life.stop();
      files.restart(FakeFileSystem::Survival::random, &random);
    }
  }
}

}  // namespace
}  // namespace postern::delivery
