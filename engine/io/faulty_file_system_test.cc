#include "engine/io/faulty_file_system.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "engine/io/fake_file_system.h"

namespace postern {
namespace {

constexpr std::size_t kBlock = File::kDirectAlignment;
constexpr std::int64_t kDelayUs = 5000;

// Time that passes when told to.
class ManualDelays final : public Delays {
 public:
  void start(DelayedCall& call, std::int64_t delay_us) override { pending_.push_back({now_us_ + delay_us, &call}); }
  void advance_us(std::int64_t us) {
    now_us_ += us;
    for (const auto& [due, call] : std::exchange(pending_, {}))
      if (due <= now_us_)
        call->on_delay_over();
      else
        pending_.push_back({due, call});
  }
  [[nodiscard]] std::size_t under_way() const { return pending_.size(); }

 private:
  std::int64_t now_us_ = 0;
  std::vector<std::pair<std::int64_t, DelayedCall*>> pending_;
};

template <class T>
Task<void> keep(Task<T> task, std::optional<T>& into) {
  into.emplace(co_await task);
}

Task<Result<std::size_t>> operate(File& file, FileRequest::Kind kind, std::span<std::byte> bytes) {
  if (kind == FileRequest::Kind::read) co_return co_await file.read(bytes, 0);
  if (kind == FileRequest::Kind::write) co_return co_await file.write(bytes, 0);
  if (kind == FileRequest::Kind::write_durable) co_return co_await file.write_durable(bytes, 0);
  co_return co_await file.sync();
}

class FaultyFileSystemTest : public ::testing::Test {
 protected:
  using Kind = FileRequest::Kind;
  using Done = std::optional<Result<std::size_t>>;

  void make(DiskFaults faults) {
    file_.reset();
    faulty_.emplace(below_, delays_, std::move(faults));
    file_ = std::move(*run(faulty_->open("f", {.mode = OpenMode::create})));
    bytes_.assign(4 * kBlock, std::byte{'n'});
  }
  // As much as happens without time passing.
  template <class T>
  std::optional<T> begin(Task<T> task) {
    std::optional<T> result;
    gate_.start(keep(std::move(task), result));
    scheduler_.run();
    return result;
  }
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    gate_.start(keep(std::move(task), result));
    for (int i = 0; i < 10 && !result; ++i) {
      scheduler_.run();
      delays_.advance_us(kDelayUs);
      scheduler_.run();
    }
    POSTERN_CHECK(result.has_value());
    return std::move(*result);
  }
  Result<std::size_t> run(Kind kind) { return run(operate(*file_, kind, bytes_)); }
  void start(Kind kind, Done& done) {
    gate_.start(keep(operate(*file_, kind, bytes_), done));
    scheduler_.run();
  }
  // How many bytes of the file are new.
  std::size_t landed() {
    const auto bytes = below_.bytes("f");
    return static_cast<std::size_t>(std::ranges::count(bytes, std::byte{'n'}));
  }

  ManualScheduler scheduler_;
  FakeFileSystem below_;
  ManualDelays delays_;
  std::optional<FaultyFileSystem> faulty_;
  std::unique_ptr<File> file_;
  std::vector<std::byte> bytes_;
  Gate gate_;
};

TEST_F(FaultyFileSystemTest, WithoutFaultsItIsTheDiskBelow) {
  make({});
  for (const Kind kind : {Kind::write, Kind::write_durable, Kind::read, Kind::sync}) {
    Done done;
    start(kind, done);
    ASSERT_TRUE(done) << "no delay";
    EXPECT_EQ(**done, kind == Kind::sync ? 0U : bytes_.size());
  }
  EXPECT_TRUE(run(faulty_->make_directory("d", 0700)));
  EXPECT_TRUE(run(faulty_->fill_with_zeros("d/z", kBlock)));
  EXPECT_TRUE(run(faulty_->rename("d/z", "d/y")));
  EXPECT_TRUE(run(faulty_->link_new("d/y", "d/x")));
  EXPECT_EQ(run(faulty_->list("d"))->size(), 2U);
  EXPECT_TRUE(run(faulty_->remove("d/x")));
  EXPECT_TRUE(run(faulty_->replace("d/r", "text")));
  EXPECT_EQ(*run(faulty_->read_all("d/r", 10)), "text");
  EXPECT_TRUE(run(faulty_->sync_directory("d")));
  EXPECT_TRUE(run(faulty_->space("d")));
  EXPECT_FALSE(run(faulty_->open("none", {})));
}

TEST_F(FaultyFileSystemTest, AFlushCompletesLaterByOnceTheDelay) {
  make({.flush_delay_us = kDelayUs, .faults = {}});
  for (const Kind kind : {Kind::write_durable, Kind::sync}) {
    Done done;
    start(kind, done);
    EXPECT_EQ(delays_.under_way(), 1U);
    delays_.advance_us(kDelayUs - 1);
    scheduler_.run();
    EXPECT_FALSE(done);
    delays_.advance_us(1);
    scheduler_.run();
    ASSERT_TRUE(done);
    EXPECT_TRUE(*done);
  }
  EXPECT_EQ(landed(), bytes_.size());
}

TEST_F(FaultyFileSystemTest, ReadsAndPlainWritesAreNotDelayed) {
  make({.flush_delay_us = kDelayUs, .faults = {}});
  for (const Kind kind : {Kind::write, Kind::read}) {
    Done done;
    start(kind, done);
    EXPECT_TRUE(done && *done);
  }
}

TEST_F(FaultyFileSystemTest, FlushesSideBySideTakeNoLongerThanOne) {
  make({.flush_delay_us = kDelayUs, .faults = {}});
  Done one;
  Done other;
  Done third;
  start(Kind::write_durable, one);
  start(Kind::sync, other);
  delays_.advance_us(kDelayUs / 2);
  start(Kind::write_durable, third);
  delays_.advance_us(kDelayUs / 2);
  scheduler_.run();
  EXPECT_TRUE(one && other);
  EXPECT_FALSE(third);
  delays_.advance_us(kDelayUs / 2);
  scheduler_.run();
  EXPECT_TRUE(third);
}

TEST_F(FaultyFileSystemTest, OperationsThatFlushWithinAreDelayedForEachFlush) {
  make({.flush_delay_us = kDelayUs, .faults = {}});
  const auto delayed_by = [this](Task<Result<void>> task) {
    std::optional<Result<void>> done;
    gate_.start(keep(std::move(task), done));
    int flushes = 0;
    for (scheduler_.run(); !done && flushes < 5; ++flushes) {
      delays_.advance_us(kDelayUs);
      scheduler_.run();
    }
    EXPECT_TRUE(done && *done);
    return flushes;
  };
  EXPECT_EQ(delayed_by(faulty_->make_directory("d", 0700)), 0);
  EXPECT_EQ(delayed_by(faulty_->fill_with_zeros("d/z", kBlock)), 1);
  EXPECT_EQ(delayed_by(faulty_->sync_directory("d")), 1);
  EXPECT_EQ(delayed_by(faulty_->replace("d/r", "text")), 2);
  EXPECT_EQ(delayed_by(faulty_->rename("d/z", "d/y")), 0);
}

TEST_F(FaultyFileSystemTest, TheNthOperationOfAKindFails) {
  make({.flush_delay_us = 0, .faults = *parse_disk_faults("durable:EIO:skip=2:count=2,sync:ENOSPC:skip=1")});
  std::string outcomes;
  for (int i = 0; i < 5; ++i) {
    const auto outcome = run(Kind::write_durable);
    outcomes += outcome ? 'y' : outcome.error().os_errno == EIO ? 'n' : '?';
    EXPECT_TRUE(run(Kind::write)) << "another kind";
  }
  EXPECT_EQ(outcomes, "yynny");
  EXPECT_TRUE(run(Kind::sync));
  EXPECT_EQ(run(Kind::sync).error().code, Errc::disk_full);
  EXPECT_TRUE(run(Kind::sync));
}

TEST_F(FaultyFileSystemTest, AFailedWriteLandsOnlyWhenToldTo) {
  make({.flush_delay_us = 0, .faults = *parse_disk_faults("durable:EIO,durable:EIO:lands")});
  EXPECT_FALSE(run(Kind::write_durable));
  EXPECT_EQ(landed(), 0U);
  EXPECT_FALSE(run(Kind::write_durable)) << "the second fault comes when the first is used up";
  EXPECT_EQ(landed(), bytes_.size());
  EXPECT_TRUE(run(Kind::write_durable));
}

TEST_F(FaultyFileSystemTest, AFailedSyncMakesNothingDurable) {
  make({.flush_delay_us = 0, .faults = *parse_disk_faults("sync:EIO")});
  ASSERT_TRUE(run(faulty_->sync_directory(".")));
  ASSERT_TRUE(run(Kind::write));
  EXPECT_FALSE(run(Kind::sync));
  below_.cut_power();
  below_.restart(FakeFileSystem::Survival::none);
  EXPECT_EQ(landed(), 0U);
}

TEST_F(FaultyFileSystemTest, AShortWriteIsHalfInWholeBlocks) {
  make({.flush_delay_us = 0, .faults = *parse_disk_faults("durable:short,write:short,durable:short")});
  EXPECT_EQ(*run(Kind::write_durable), 2 * kBlock);
  EXPECT_EQ(landed(), 2 * kBlock);
  bytes_.resize(3 * kBlock);
  EXPECT_EQ(*run(Kind::write), kBlock);
  bytes_.resize(kBlock);
  EXPECT_EQ(*run(Kind::write_durable), 0U);
}

TEST_F(FaultyFileSystemTest, AFailureNeverComesFromWithinAndIsDelayedLikeAFlush) {
  make({.flush_delay_us = kDelayUs, .faults = *parse_disk_faults("durable:EIO,write:EIO")});
  Done durable;
  start(Kind::write_durable, durable);
  Done plain;
  start(Kind::write, plain);
  EXPECT_FALSE(durable || plain);
  delays_.advance_us(0);
  scheduler_.run();
  EXPECT_TRUE(plain && !*plain);
  EXPECT_FALSE(durable);
  delays_.advance_us(kDelayUs);
  scheduler_.run();
  EXPECT_TRUE(durable && !*durable);
}

TEST_F(FaultyFileSystemTest, FillingNamesAndReplacingFail) {
  make({.flush_delay_us = 0,
        .faults = *parse_disk_faults("fill:ENOSPC,directory:EIO,replace:EIO:skip=1,fill:EIO:skip=1:lands")});
  EXPECT_EQ(run(faulty_->fill_with_zeros("z", kBlock)).error().code, Errc::disk_full);
  EXPECT_FALSE(below_.exists("z"));
  EXPECT_EQ(run(faulty_->fill_with_zeros("z", kBlock)).error().code, Errc::io);
  EXPECT_TRUE(below_.exists("z"));
  EXPECT_FALSE(run(faulty_->sync_directory(".")));
  EXPECT_TRUE(run(faulty_->sync_directory(".")));
  EXPECT_TRUE(run(faulty_->replace("r", "a")));
  EXPECT_FALSE(run(faulty_->replace("r", "b")));
  EXPECT_EQ(*run(faulty_->read_all("r", 10)), "a");
}

}  // namespace
}  // namespace postern
