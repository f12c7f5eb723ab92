// Side files on a disk in memory: what is promised, what is left behind, and when the writer is asked to wait.
#include "appliance/spool/side_file.h"

#include <gtest/gtest.h>

#include "appliance/spool/side_file_reader.h"
#include "appliance/spool/side_file_sweep.h"
#include "appliance/spool/spool_testing.h"

namespace postern::spool {
namespace {

using Survival = FakeFileSystem::Survival;

constexpr std::string_view kDirectory = "spool/07";
constexpr std::string_view kLarge = "spool/07/large";
constexpr std::size_t kPiece = 32 * 1024;

MessageId id_of(std::uint32_t number) {
  return MessageId({.seconds = 1'700'000'000, .shard = 7, .counter = number, .boot = 1});
}

std::string text_of(std::size_t bytes, std::uint64_t seed) {
  SeededRandom random(seed);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random.next());
  return text;
}

class SideFileTest : public ::testing::Test {
 protected:
  SideFileTest() {
    POSTERN_CHECK(world_.make_directory("spool"));
    POSTERN_CHECK(world_.make_directory(std::string(kDirectory)));
  }
  void TearDown() override { EXPECT_EQ(budget_.used(), 0U); }

  Slice piece(std::string_view text, std::size_t at) {
    return copy_to_slice(world_.blocks, text.substr(at, std::min(kPiece, text.size() - at)));
  }
  std::unique_ptr<SideFile> begin(std::uint32_t number, MessageBuffer& first, std::size_t keep) {
    return std::make_unique<SideFile>(shared_, world_.blocks, budget_, id_of(number), first, keep);
  }
  // A whole file as a session writes it: what was held when it began, then the rest, waiting when told to.
  Task<Result<SideFileView>> write(SideFile& file, const std::string& text, std::size_t from) {
    for (std::size_t at = from; at < text.size(); at += kPiece) {
      const Result<bool> must_wait = file.append(piece(text, at), false);
      if (!must_wait) co_return failure(must_wait.error());
      if (!*must_wait) continue;
      if (const auto room = co_await file.room(); !room) co_return failure(room.error());
    }
    co_return co_await file.finish();
  }
  // What make() left on the disk, read with what its record says.
  Result<std::string> read(std::uint32_t number, std::uint64_t bytes, std::uint32_t crc) {
    const std::string name(id_of(number).view());
    auto reader = world_.run(
        SideFileReader::open(world_.files, side_file_path(kDirectory, name), SideFileView{name, bytes, crc}, world_.blocks));
    if (!reader) return failure(reader.error());
    std::string text;
    for (;;) {
      const Result<Slice> next = world_.run((*reader)->next());
      if (!next) return failure(next.error());
      if (next->empty()) return text;
      text += next->view();
    }
  }
  std::vector<std::string> names() {
    const auto listed = world_.run(list_side_files(world_.files, std::string(kDirectory)));
    return listed ? *listed : std::vector<std::string>{"?"};
  }

  testing::World world_;
  MemoryBudget budget_{8UL << 20};
  SideFiles shared_{world_.files, std::string(kDirectory)};
};

TEST_F(SideFileTest, HoldsWhatTheRecordDoesNotAndSurvivesALossOfPower) {
  const std::string text = text_of(1'000'000, 1);
  MessageBuffer first(world_.blocks, budget_);
  for (std::size_t at = 0; at < 3 * kPiece; at += kPiece) ASSERT_TRUE(first.append(piece(text, at)));
  const auto file = begin(1, first, kPiece + 1);
  EXPECT_EQ(first.size(), kPiece + 1);
  const auto finished = world_.run(write(*file, text, 3 * kPiece));
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->bytes, text.size() - kPiece - 1);
  EXPECT_EQ(finished->name, id_of(1).view());
  world_.files.cut_power();
  world_.files.restart(Survival::none);
  EXPECT_EQ(first.chain().to_string() + read(1, finished->bytes, finished->crc).value_or(""), text);
  first.clear();
}

TEST_F(SideFileTest, NothingIsCopiedAndLittleIsHeld) {
  const std::string text = text_of(4'000'000, 2);
  MessageBuffer first(world_.blocks, budget_);
  ASSERT_TRUE(first.append(piece(text, 0)));
  world_.files.hold(FakeOp::write);
  const auto file = begin(1, first, 0);
  std::size_t at = kPiece;
  for (bool wait = false; !wait; at += kPiece) wait = file->append(piece(text, at), false).value();
  EXPECT_LE(at, SideFile::kHeldBytesMax + 2 * kPiece);
  EXPECT_EQ(budget_.used() / kPiece, 2 * at / kPiece) << "blocks of 64 KiB hold pieces of 32";
  world_.files.let_go();
  ASSERT_TRUE(world_.run(file->room()));
  EXPECT_EQ(budget_.used(), 0U);
  world_.run(file->discard());
}

TEST_F(SideFileTest, WhatIsScarceIsWrittenAtOnce) {
  MessageBuffer first(world_.blocks, budget_);
  const auto file = begin(1, first, 0);
  EXPECT_FALSE(file->append(copy_to_slice(world_.blocks, std::string(2000, 'a')), false).value());
  world_.settle();
  EXPECT_EQ(file->written_bytes(), 0U);
  EXPECT_TRUE(file->append(copy_to_slice(world_.blocks, std::string(2000, 'b')), true).value());
  world_.settle();
  EXPECT_EQ(file->written_bytes(), 4000U);
  world_.run(file->discard());
}

TEST_F(SideFileTest, ManySlicesGoInSeveralWrites) {
  const std::string text = text_of(300'000, 3);
  MessageBuffer first(world_.blocks, budget_);
  // Pieces of one block with holes between them, as unstuffed dots leave them.
  std::string kept;
  for (std::size_t at = 0; at < text.size(); at += 60'000) {
    const Slice whole = copy_to_slice(world_.blocks, text.substr(at, 60'000));
    ASSERT_TRUE(first.append(whole.sub(0, 20'000)));
    kept += whole.view().substr(0, 20'000);
    for (std::size_t in = 20'000; in + 150 < whole.size(); in += 150) {
      ASSERT_TRUE(first.append(whole.sub(in + 1, 149)));
      kept += whole.view().substr(in + 1, 149);
    }
  }
  ASSERT_GT(first.chain().slice_count(), File::kGatherSlicesMax);
  const auto file = begin(1, first, 0);
  const auto finished = world_.run(file->finish());
  ASSERT_TRUE(finished);
  EXPECT_EQ(shared_.stats().writes.get(), 2U);
  EXPECT_EQ(read(1, finished->bytes, finished->crc).value_or(""), kept);
}

TEST_F(SideFileTest, AnErrorIsToldWhereverItIsMetAndTheFileGoes) {
  const std::string text = text_of(2'000'000, 4);
  const FakeFault faults[] = {{.op = FakeOp::open, .path_contains = "large"},
                              {.op = FakeOp::write, .path_contains = "large", .skip = 2},
                              {.op = FakeOp::write, .path_contains = "large", .is_short = true, .transferred = 10},
                              {.op = FakeOp::sync, .path_contains = "large"},
                              {.op = FakeOp::sync_directory, .path_contains = "large"}};
  std::uint32_t number = 0;
  for (const FakeFault& fault : faults) {
    SCOPED_TRACE(number);
    MessageBuffer first(world_.blocks, budget_);
    world_.files.inject(fault);
    const auto file = begin(++number, first, 0);
    const auto finished = world_.run(write(*file, text, 0));
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().code, fault.is_short ? Errc::disk_full : Errc::io);
    world_.run(file->discard());
    EXPECT_EQ(names(), std::vector<std::string>());
  }
  EXPECT_EQ(shared_.stats().open.get(), 0U);
  EXPECT_EQ(shared_.stats().files.get(), 0U);
}

TEST_F(SideFileTest, MemoryThatIsUsedUpIsSaid) {
  MemoryBudget small(100'000);
  MessageBuffer first(world_.blocks, small);
  world_.files.hold(FakeOp::open);
  SideFile file(shared_, world_.blocks, small, id_of(1), first, 0);
  EXPECT_TRUE(file.append(copy_to_slice(world_.blocks, std::string(kPiece, 'a')), false).value()) << "half of it is used";
  const auto more = file.append(copy_to_slice(world_.blocks, std::string(kPiece, 'a')), false);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Errc::too_large);
  world_.files.let_go();
  world_.run(file.discard());
  EXPECT_EQ(small.used(), 0U);
}

TEST_F(SideFileTest, NamesThatComeTogetherShareASync) {
  std::vector<std::unique_ptr<SideFile>> files;
  std::vector<std::optional<Result<SideFileView>>> finished(20);
  Gate gate;
  MessageBuffer first(world_.blocks, budget_);
  const std::uint64_t before = world_.files.changes();
  for (std::uint32_t i = 0; i < finished.size(); ++i) {
    files.push_back(begin(i, first, 0));
    ASSERT_TRUE(files.back()->append(copy_to_slice(world_.blocks, "x"), false));
    gate.start(testing::keep_result(files.back()->finish(), finished[i]));
  }
  world_.settle();
  ASSERT_EQ(gate.inside(), 0U);
  for (const auto& one : finished) EXPECT_TRUE(one && one->has_value());
  // Each is created, written and synced; the directory is made and its own name synced; names are synced a few times only.
  EXPECT_LE(world_.files.changes() - before, 3 * finished.size() + 4);
  world_.files.cut_power();
  world_.files.restart(Survival::none);
  EXPECT_EQ(names().size(), finished.size());
}

TEST_F(SideFileTest, PowerMayGoAtEveryPoint) {
  const std::string text = text_of(400'000, 5);
  for (const Survival survival : {Survival::none, Survival::all, Survival::random}) {
    bool was_cut = true;
    for (std::uint64_t cut = 0; was_cut; ++cut) {
      testing::World world(cut + 1);
      POSTERN_CHECK(world.make_directory("spool") && world.make_directory(std::string(kDirectory)));
      POSTERN_CHECK(world.run(world.files.sync_directory("spool")) && world.run(world.files.sync_directory("")));
      SideFiles shared(world.files, std::string(kDirectory));
      MessageBuffer first(world.blocks, budget_);
      world.files.cut_power_after(world.files.changes() + cut);
      std::optional<SideFileView> promised;
      {
        SideFile file(shared, world.blocks, budget_, id_of(1), first, 0);
        const auto finished = world.run(write(file, text, 0));
        if (finished) promised = SideFileView{id_of(1).view(), finished->bytes, finished->crc};
        was_cut = !world.files.has_power();
        if (!finished) world.run(file.discard());
      }
      world.files.cut_power();
      world.files.restart(survival, &world.random);
      ASSERT_EQ(promised.has_value(), !was_cut);
      if (!promised) continue;
      const std::string name(id_of(1).view());
      const auto reader = world.run(SideFileReader::open(world.files, side_file_path(kDirectory, name),
                                                         {name, promised->bytes, promised->crc}, world.blocks));
      ASSERT_TRUE(reader);
    }
  }
}

TEST_F(SideFileTest, AReaderFindsWhatIsWrongBeforeItGivesTheLastBytes) {
  const std::string text = text_of(200'000, 6);
  MessageBuffer first(world_.blocks, budget_);
  const auto file = begin(1, first, 0);
  const auto finished = world_.run(write(*file, text, 0));
  ASSERT_TRUE(finished);
  const std::string path = side_file_path(kDirectory, id_of(1).view());
  EXPECT_EQ(read(1, finished->bytes, finished->crc).value_or(""), text);
  EXPECT_EQ(read(1, finished->bytes + 1, finished->crc).error().code, Errc::bad_format) << "too short";
  EXPECT_EQ(read(1, finished->bytes - 1, finished->crc).error().code, Errc::bad_format) << "another length";
  EXPECT_EQ(read(2, finished->bytes, finished->crc).error().code, Errc::not_found);
  world_.files.bytes(path)[123'456] ^= std::byte{1};
  EXPECT_EQ(read(1, finished->bytes, finished->crc).error().code, Errc::bad_format);
}

TEST_F(SideFileTest, ASweepRemovesWhatNoRecordNames) {
  SegmentWriter writer(world_.files, std::string(kDirectory), testing::small_options(), world_.random, world_.reporter);
  world_.writer = &writer;
  ASSERT_TRUE(world_.run(writer.start()));
  const std::string text = text_of(100'000, 7);
  for (std::uint32_t number = 1; number <= 6; ++number) {
    MessageBuffer first(world_.blocks, budget_);
    const auto file = begin(number, first, 0);
    const auto finished = world_.run(write(*file, text, 0));
    ASSERT_TRUE(finished);
    if (number % 2 == 0) continue;
    CommitInput input;
    input.id = id_of(number);
    input.side_file = *finished;
    struct Commit {
      static Task<Result<CommitReceipt>> go(SegmentWriter& writer, const CommitInput& input) {
        co_return co_await writer.commit(input);
      }
    };
    ASSERT_TRUE(world_.run(Commit::go(writer, input)));
  }
  world_.run(writer.stop());
  world_.writer = nullptr;
  StopSource stop;
  const std::vector<std::string> before = names();
  ASSERT_EQ(before.size(), 6U);
  const auto swept = world_.run(sweep_side_files(world_.files, std::string(kDirectory), before, stop));
  EXPECT_EQ(swept.value_or(0), 3U);
  EXPECT_EQ(names(), (std::vector<std::string>{before[0], before[2], before[4]}));

  // A segment that does not read may name any of them.
  const auto listed = world_.run(SegmentDirectory(world_.files, std::string(kDirectory)).list());
  ASSERT_TRUE(listed);
  world_.files.bytes(listed->front().path)[kFirstBatchOffset + 100] ^= std::byte{1};
  std::vector<std::string> more = names();
  ASSERT_TRUE(world_.run(world_.files.open(std::string(kLarge) + "/stray", {.mode = OpenMode::create_new})));
  more.emplace_back("stray");
  EXPECT_EQ(world_.run(sweep_side_files(world_.files, std::string(kDirectory), more, stop)).error().code, Errc::bad_format);
  EXPECT_EQ(names().size(), 4U);
}

}  // namespace
}  // namespace postern::spool
