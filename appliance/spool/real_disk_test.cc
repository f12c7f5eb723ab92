// The spool over io_uring and a real file system: what the fake disk cannot tell.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "appliance/spool/message_ids.h"
#include "appliance/spool/spool_testing.h"
#include "appliance/spool/writer.h"
#include "engine/ring/ring.h"
#include "engine/ring/uring_file_system.h"
#include "engine/shard/loop.h"
#include "engine/shard/mailbox.h"
#include "engine/shard/offload.h"

namespace postern::spool {
namespace {

namespace fs = std::filesystem;

class Machine {
 public:
  explicit Machine(const std::string& directory) : loop_(clock_) {
    ring_ = std::move(ring::Ring::create({.sq_entries = 64, .cq_entries = 256, .direct_descriptors = 16}).value());
    mailbox_.emplace(64, ring_->waker());
    loop_.add(*ring_);
    loop_.add(*mailbox_);
    loop_.set_sleeper(*ring_);
    shard::Offload::set_home(&*mailbox_);
    offload_.emplace(2, 32);
    files.emplace(*ring_, *offload_, ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Machine() {
    files.reset();
    offload_.reset();
    shard::Offload::set_home(nullptr);
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void run(Task<void> main, SegmentWriter* writer = nullptr) {
    if (writer != nullptr) loop_.add(*writer);
    loop_.run(std::move(main));
    if (writer != nullptr) loop_.remove(*writer);
  }

  SystemRandom random;
  testing::CollectingReporter reporter;
  std::optional<ring::UringFileSystem> files;

 private:
  SystemClock clock_;
  shard::Loop loop_;
  std::unique_ptr<ring::Ring> ring_;
  std::optional<shard::Mailbox> mailbox_;
  std::optional<shard::Offload> offload_;
};

class RealDiskTest : public ::testing::TestWithParam<const char*> {
 protected:
  RealDiskTest() {
    directory_ = std::string(GetParam()) + "/postern-spool-XXXXXX";
    POSTERN_CHECK(::mkdtemp(directory_.data()) != nullptr);
  }
  ~RealDiskTest() override { fs::remove_all(directory_); }
  std::string directory_;
};

INSTANTIATE_TEST_SUITE_P(OnDisk, RealDiskTest, ::testing::Values("/tmp"));
INSTANTIATE_TEST_SUITE_P(OnTmpfs, RealDiskTest, ::testing::Values("/dev/shm"));

Task<void> session(SegmentWriter& writer, BlockPool& pool, std::uint32_t first, std::uint32_t count) {
  for (std::uint32_t number = first; number < first + count; ++number) {
    const testing::TestMessage message = testing::make_message(number, 100 + number * 37 % 9000);
    const Chain content = message.make_chain(pool, 2);
    const CommitInput input{.id = message.id, .sender = PeerView(std::string_view(message.sender)), .content = &content};
    EXPECT_TRUE(co_await writer.commit(input));
  }
}

Task<void> write_many(SegmentWriter& writer, BlockPool& pool, std::uint32_t sessions, std::uint32_t each) {
  EXPECT_TRUE(co_await writer.start());
  Gate gate;
  for (std::uint32_t i = 0; i < sessions; ++i) gate.start(session(writer, pool, i * each, each));
  co_await gate.close();
}

Task<void> stop_writer(SegmentWriter& writer) { co_await writer.stop(); }

Task<void> read_back(Machine& machine, std::vector<bool>& seen) {
  const SegmentDirectory directory(*machine.files, "07");
  const auto listed = co_await directory.list();
  EXPECT_TRUE(listed);
  ReadPool pool;
  for (const SegmentInfo& info : *listed) {
    const auto end = final_end(info, *listed);
    EXPECT_TRUE(end) << info.path;
    if (!end) continue;
    const auto reader = co_await SegmentReader::open(*machine.files, info.path, info.header.key, pool, machine.reporter);
    EXPECT_TRUE(reader);
    for (;;) {
      while (const auto record = (*reader)->take()) {
        const auto view = parse_message(record->kind, record->bytes());
        EXPECT_TRUE(view);
        const std::uint32_t number = view->id.parts().counter;
        EXPECT_EQ(view->content, testing::make_message(number, 100 + number * 37 % 9000).content);
        EXPECT_FALSE(seen.at(number));
        seen[number] = true;
      }
      const auto more = co_await (*reader)->fetch(*end);
      EXPECT_TRUE(more);
      if (!more || !*more) break;
    }
    EXPECT_TRUE(co_await directory.hand_back(info.header.key));
  }
}

Task<void> recover(Machine& machine, RecoveryReport& report) {
  EXPECT_TRUE(co_await recover_directory(*machine.files, "07", machine.reporter, report));
}

TEST_P(RealDiskTest, WhatIsCommittedIsReadBack) {
  constexpr std::uint32_t kSessions = 20;
  constexpr std::uint32_t kEach = 50;
  for (const bool stopped : {true, false}) {
    BlockPool pool;
    {
      Machine machine(directory_);
      SegmentWriter writer(*machine.files, "07", testing::small_options(1 << 20, 256 * 1024), machine.random, machine.reporter);
      machine.run(write_many(writer, pool, kSessions, kEach), &writer);
      EXPECT_EQ(writer.stats().commits.get(), kSessions * kEach);
      EXPECT_LT(writer.stats().batches.get(), kSessions * kEach / 2);
      EXPECT_GT(writer.stats().rotations.get(), 2U);
      machine.run(stop_writer(writer), &writer);
    }
    Machine machine(directory_);
    if (!stopped) {
      // As after a kill: what the stop sealed is unsealed again.
      for (const auto& entry : fs::directory_iterator(directory_ + "/07")) {
        if (entry.path().extension() != ".seg") continue;
        const int fd = ::open(entry.path().c_str(), O_WRONLY | O_CLOEXEC);
        const std::string zeros(kBlockBytes, '\0');
        EXPECT_EQ(::pwrite(fd, zeros.data(), zeros.size(), kSealOffset), static_cast<ssize_t>(zeros.size()));
        ::close(fd);
      }
      RecoveryReport report;
      machine.run(recover(machine, report));
      EXPECT_GT(report.sealed, 2U);
      EXPECT_EQ(report.records, kSessions * kEach);
    }
    std::vector<bool> seen(kSessions * kEach);
    machine.run(read_back(machine, seen));
    EXPECT_EQ(std::ranges::count(seen, true), kSessions * kEach);
    EXPECT_TRUE(machine.reporter.seen.empty());
  }
}

Task<void> take_ids(MessageIds& ids, MessageId& last) {
  EXPECT_TRUE(co_await ids.start());
  for (int i = 0; i < 100; ++i) {
    const auto id = ids.next();
    EXPECT_TRUE(id && *id > last);
    if (id) last = *id;
  }
  co_await ids.stop();
}

TEST_P(RealDiskTest, IdsGoOnOverRestarts) {
  MessageId last;
  for (std::uint64_t boot = 1; boot <= 3; ++boot) {
    Machine machine(directory_);
    MessageIds ids(*machine.files, ".", ShardId{1});
    machine.run(take_ids(ids, last));
    EXPECT_EQ(ids.boot(), boot);
  }
}

}  // namespace
}  // namespace postern::spool
