#include "engine/io/fake_file_system.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"

namespace postern {
namespace {

constexpr std::size_t kBlock = 4096;
using Survival = FakeFileSystem::Survival;

template <class T>
Task<void> keep(Task<T> task, std::optional<T>& into) {
  into.emplace(co_await task);
}

Task<Result<std::size_t>> write(File& file, std::span<const std::byte> bytes, std::uint64_t offset, bool durable) {
  if (durable) co_return co_await file.write_durable(bytes, offset);
  co_return co_await file.write(bytes, offset);
}
Task<Result<std::size_t>> sync(File& file) { co_return co_await file.sync(); }
Task<Result<std::size_t>> read(File& file, std::span<std::byte> bytes, std::uint64_t offset) {
  co_return co_await file.read(bytes, offset);
}

class FakeFileSystemTest : public ::testing::Test {
 protected:
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    Gate gate;
    gate.start(keep(std::move(task), result));
    scheduler_.run();
    POSTERN_CHECK(result.has_value());
    return std::move(*result);
  }
  std::unique_ptr<File> open(const std::string& path, OpenMode mode = OpenMode::create) {
    auto file = run(files_.open(path, {.mode = mode}));
    return file ? std::move(*file) : nullptr;
  }
  bool put(File& file, std::string_view text, std::uint64_t offset, bool durable) {
    const auto written = run(write(file, std::as_bytes(std::span(text)), offset, durable));
    return written && *written == text.size();
  }
  std::string get(std::string_view path) {
    const auto bytes = files_.bytes(path);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  static std::string block(char c) { return std::string(kBlock, c); }

  ManualScheduler scheduler_;
  FakeFileSystem files_;
  SeededRandom random_{7};
};

TEST_F(FakeFileSystemTest, WritesAreVisibleAtOnceAndDurableAfterASync) {
  const auto file = open("f");
  ASSERT_TRUE(run(files_.sync_directory(".")));
  ASSERT_TRUE(put(*file, block('a'), 0, false));
  ASSERT_TRUE(run(sync(*file)));
  ASSERT_TRUE(put(*file, block('b'), 0, false));
  EXPECT_EQ(get("f"), block('b'));
  files_.cut_power();
  files_.restart(Survival::none);
  EXPECT_EQ(get("f"), block('a'));
  EXPECT_FALSE(put(*file, block('c'), 0, false));  // opened before the loss of power
}

TEST_F(FakeFileSystemTest, SlicesAreWrittenOneBehindTheOther) {
  const auto file = open("f");
  Chain chain;
  for (const std::string_view text : {"one", "two", "three"}) chain.append(Slice::literal(text));
  struct Write {
    static Task<Result<std::size_t>> go(File& file, const Chain& chain) { co_return co_await file.write(chain, 2); }
  };
  EXPECT_EQ(run(Write::go(*file, chain)).value_or(0), 11U);
  EXPECT_EQ(get("f"), std::string("\0\0onetwothree", 13));
}

TEST_F(FakeFileSystemTest, ADurableWriteIsDurableAlone) {
  const auto file = open("f");
  ASSERT_TRUE(run(files_.sync_directory(".")));
  ASSERT_TRUE(put(*file, block('a') + block('b'), 0, true));
  ASSERT_TRUE(put(*file, block('x'), 0, false));
  ASSERT_TRUE(put(*file, block('y'), kBlock, true));
  files_.cut_power();
  files_.restart(Survival::none);
  EXPECT_EQ(get("f"), block('a') + block('y'));
}

TEST_F(FakeFileSystemTest, UnsyncedBlocksStayOrGoByThemselves) {
  std::set<std::string> outcomes;
  for (int round = 0; round < 60; ++round) {
    const auto file = open("f");
    ASSERT_TRUE(put(*file, block('a') + block('a'), 0, true));
    ASSERT_TRUE(run(files_.sync_directory(".")));
    ASSERT_TRUE(put(*file, block('b') + block('b'), 0, false));
    files_.cut_power();
    files_.restart(Survival::random, &random_);
    const std::string text = get("f");
    outcomes.insert({text[0], text[kBlock]});
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"aa", "ab", "ba", "bb"}));
}

TEST_F(FakeFileSystemTest, AWriteInFlightIsTorn) {
  std::set<std::string> outcomes;
  for (int round = 0; round < 60; ++round) {
    const auto file = open("f");
    ASSERT_TRUE(put(*file, block('a') + block('a'), 0, true));
    ASSERT_TRUE(run(files_.sync_directory(".")));
    files_.cut_power_after(files_.changes());
    EXPECT_FALSE(put(*file, block('b') + block('b'), 0, true));
    files_.restart(Survival::random, &random_);
    const std::string text = get("f");
    outcomes.insert({text[0], text[kBlock]});
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"aa", "ab", "ba", "bb"}));
}

TEST_F(FakeFileSystemTest, NamesAreDurableAfterASyncOfEveryDirectoryTheyTouch) {
  ASSERT_TRUE(run(files_.make_directory("d", 0700)));
  ASSERT_TRUE(run(files_.make_directory("e", 0700)));
  ASSERT_TRUE(run(files_.sync_directory(".")));
  ASSERT_NE(open("d/f"), nullptr);
  ASSERT_TRUE(run(files_.sync_directory("d")));
  ASSERT_TRUE(run(files_.rename("d/f", "e/f")));
  ASSERT_TRUE(run(files_.sync_directory("d")));
  files_.cut_power();
  files_.restart(Survival::none);
  EXPECT_TRUE(files_.exists("d/f") && !files_.exists("e/f"));
  ASSERT_TRUE(run(files_.rename("d/f", "e/f")));
  ASSERT_TRUE(run(files_.sync_directory("d")));
  ASSERT_TRUE(run(files_.sync_directory("e")));
  files_.cut_power();
  files_.restart(Survival::none);
  EXPECT_TRUE(!files_.exists("d/f") && files_.exists("e/f"));
}

TEST_F(FakeFileSystemTest, NoNameSurvivesWithoutWhatItDependsOn) {
  for (int round = 0; round < 60; ++round) {
    const std::string d = "d" + std::to_string(round);
    ASSERT_TRUE(run(files_.make_directory(d, 0700)));
    ASSERT_NE(open(d + "/a"), nullptr);
    ASSERT_TRUE(run(files_.rename(d + "/a", d + "/b")));
    files_.cut_power();
    files_.restart(Survival::random, &random_);
    if (files_.exists(d + "/a") || files_.exists(d + "/b")) {
      EXPECT_TRUE(files_.exists(d));
    }
    EXPECT_FALSE(files_.exists(d + "/a") && files_.exists(d + "/b"));
  }
  // A sync makes durable what the synced names depend on.
  ASSERT_TRUE(run(files_.make_directory("deep", 0700)));
  ASSERT_NE(open("deep/f"), nullptr);
  ASSERT_TRUE(run(files_.sync_directory("deep")));
  files_.cut_power();
  files_.restart(Survival::none);
  EXPECT_TRUE(files_.exists("deep/f"));
}

TEST_F(FakeFileSystemTest, ReplaceIsAllOrNothing) {
  ASSERT_TRUE(run(files_.replace("f", "old")));
  for (std::uint64_t step = 0; step < 6; ++step) {
    files_.cut_power_after(files_.changes() + step);
    const bool replaced = run(files_.replace("f", "new")).has_value();
    if (files_.has_power()) files_.cut_power();
    files_.restart(Survival::random, &random_);
    const std::string text = get("f");
    EXPECT_TRUE(text == "old" || text == "new") << text;
    if (replaced) {
      EXPECT_EQ(text, "new");
    }
    ASSERT_TRUE(run(files_.replace("f", "old")));
  }
}

TEST_F(FakeFileSystemTest, FailsAsTold) {
  const auto file = open("f");
  files_.inject({.op = FakeOp::write, .path_contains = "f", .skip = 1, .count = 2});
  EXPECT_TRUE(put(*file, "1", 0, false));
  EXPECT_FALSE(put(*file, "2", 0, false));
  EXPECT_FALSE(put(*file, "3", 0, false));
  EXPECT_EQ(get("f"), "1");
  EXPECT_TRUE(put(*file, "4", 0, false));
  files_.inject({.op = FakeOp::write_durable, .is_short = true, .transferred = 2, .effective = 3});
  const auto written = run(write(*file, std::as_bytes(std::span(std::string_view("abcd"))), 0, true));
  ASSERT_TRUE(written);
  EXPECT_EQ(*written, 2U);
  EXPECT_EQ(get("f"), "abc");
  files_.inject({.op = FakeOp::open, .path_contains = "g", .error = {Errc::denied, 13, "test"}});
  EXPECT_EQ(run(files_.open("g", {.mode = OpenMode::create})).error().code, Errc::denied);
}

TEST_F(FakeFileSystemTest, FillsUpAndIsFull) {
  files_.set_capacity(3 * kBlock);
  ASSERT_TRUE(run(files_.fill_with_zeros("a", 2 * kBlock)));
  const auto full = run(files_.fill_with_zeros("b", 2 * kBlock));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::disk_full);
  EXPECT_EQ(run(files_.space(".")).value().free_bytes, 0U);  // half of it is there
  ASSERT_TRUE(run(files_.remove("b")));
  EXPECT_EQ(run(files_.space(".")).value().free_bytes, kBlock);
  ASSERT_TRUE(run(files_.fill_with_zeros("a", kBlock)));
  EXPECT_EQ(files_.bytes("a").size(), kBlock);
}

TEST_F(FakeFileSystemTest, TakesItsTime) {
  files_.set_delay_ms(10);
  std::optional<Result<void>> made;
  Gate gate;
  gate.start(keep(files_.make_directory("d", 0700), made));
  scheduler_.advance_ms(5);
  EXPECT_FALSE(made);
  scheduler_.advance_ms(8);
  EXPECT_TRUE(made);
}

TEST_F(FakeFileSystemTest, HeldOperationsWait) {
  const auto file = open("f");
  files_.hold(FakeOp::write);
  files_.hold_at(kBlock);
  std::array<std::optional<Result<std::size_t>>, 3> done;
  const std::string text = block('x');
  const auto bytes = std::as_bytes(std::span(text));
  Gate gate;
  gate.start(keep(write(*file, bytes, 0, false), done[0]));
  gate.start(keep(write(*file, bytes, kBlock, true), done[1]));
  gate.start(keep(write(*file, bytes, 2 * kBlock, true), done[2]));
  scheduler_.run();
  EXPECT_TRUE(!done[0] && !done[1] && done[2]);
  EXPECT_EQ(files_.in_flight(), 2U);
  files_.let_go_at(kBlock);
  scheduler_.run();
  EXPECT_TRUE(!done[0] && done[1]);
  files_.let_go();
  scheduler_.run();
  EXPECT_TRUE(done[0]);
}

TEST_F(FakeFileSystemTest, ReordersBySeed) {
  const auto file = open("f");
  files_.set_reorder(&random_);
  std::set<std::string> orders;
  for (int round = 0; round < 40; ++round) {
    const std::string a = "a";
    const std::string b = "b";
    std::array<std::optional<Result<std::size_t>>, 2> done;
    Gate gate;
    gate.start(keep(write(*file, std::as_bytes(std::span(a)), 0, false), done[0]));
    gate.start(keep(write(*file, std::as_bytes(std::span(b)), 0, false), done[1]));
    scheduler_.run();
    orders.insert(get("f"));
  }
  EXPECT_EQ(orders, (std::set<std::string>{"a", "b"}));
}

TEST_F(FakeFileSystemTest, ListsAndOpensAsADirectoryTreeDoes) {
  ASSERT_TRUE(run(files_.make_directory("d", 0700)));
  ASSERT_TRUE(run(files_.make_directory("d", 0700)));
  ASSERT_TRUE(run(files_.make_directory("d/e", 0700)));
  ASSERT_NE(open("d/f"), nullptr);
  ASSERT_NE(open("d/e/g"), nullptr);
  const auto listed = run(files_.list("d"));
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 2U);
  EXPECT_EQ((*listed)[0].name, "e");
  EXPECT_TRUE((*listed)[0].is_directory);
  EXPECT_EQ((*listed)[1].name, "f");
  EXPECT_EQ(run(files_.list("x")).error().code, Errc::not_found);
  EXPECT_EQ(open("x/y"), nullptr);
  EXPECT_EQ(open("d/h", OpenMode::read), nullptr);
  EXPECT_EQ(run(files_.open("d/f", {.mode = OpenMode::create_new})).error().code, Errc::exists);
  ASSERT_TRUE(run(files_.link_new("d/f", "d/l")));
  EXPECT_EQ(run(files_.link_new("d/f", "d/l")).error().code, Errc::exists);
  EXPECT_EQ(run(files_.read_all("d/l", 10)).value(), "");
  const auto file = open("d/l");
  ASSERT_TRUE(put(*file, "shared", 0, true));
  EXPECT_EQ(run(files_.read_all("d/f", 10)).value(), "shared");
  EXPECT_EQ(run(files_.read_all("d/f", 5)).error().code, Errc::too_large);
  std::vector<std::byte> bytes(4);
  EXPECT_EQ(run(read(*file, bytes, 4)).value(), 2U);
  EXPECT_EQ(run(read(*file, bytes, 6)).value(), 0U);
}

}  // namespace
}  // namespace postern
