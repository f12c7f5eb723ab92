#include "appliance/log/log_writer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <latch>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "engine/coro/gate.h"
#include "engine/shard/loop.h"
#include "engine/shard/loop_testing.h"

namespace postern::log {
namespace {

class LogWriterTest : public ::testing::Test {
 public:
  LogWriterTest() : loop_(clock_), mailbox_(64, sleeper_) {
    directory_ = "/tmp/postern-log-XXXXXX";
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    loop_.set_sleeper(sleeper_);
    loop_.add(mailbox_);
    shard::Offload::set_home(&mailbox_);
  }
  ~LogWriterTest() override {
    shard::Offload::set_home(nullptr);
    std::filesystem::remove_all(directory_);
  }
  [[nodiscard]] std::vector<std::string> lines(const std::string& name) const {
    std::ifstream file(directory_ + "/" + name);
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }

  SystemClock clock_;
  shard::TestSleeper sleeper_;
  shard::Loop loop_;
  shard::Mailbox mailbox_;
  std::string directory_;
};

TEST_F(LogWriterTest, LinesReachTheirFilesInOrderWithTheirTime) {
  struct Main {
    static Task<void> go(LogWriter& writer) {
      for (int i = 0; i < 20'000; ++i) {
        writer.write(i % 10 == 0 ? Stream::reject : Stream::main, "line " + std::to_string(i));
        if (i % 1000 == 0) static_cast<void>(co_await sleep_until(Scheduler::current().now().plus_ms(3)));
      }
      writer.write(Stream::panic, "help");
      co_await writer.close();
      co_await writer.close();
    }
  };
  shard::Offload offload(1, 8);
  LogFiles files(directory_ + "/%slog");
  LogWriter writer(files, offload, clock_);
  loop_.run(Main::go(writer));
  EXPECT_EQ(writer.stats().lines.get(), 20'001U);
  EXPECT_EQ(writer.stats().dropped.get(), 0U);
  const auto main = lines("mainlog");
  const auto reject = lines("rejectlog");
  ASSERT_EQ(main.size(), 18'000U);
  ASSERT_EQ(reject.size(), 2'000U);
  ASSERT_EQ(lines("paniclog").size(), 1U);
  std::size_t in_main = 0;
  for (std::size_t i = 0; i < 20'000; ++i) {
    const std::string& line = i % 10 == 0 ? reject[i / 10] : main[in_main++];
    ASSERT_EQ(line.substr(19), " line " + std::to_string(i));
    ASSERT_EQ(line.substr(0, 2), "20");
  }
}

TEST_F(LogWriterTest, ALineLeavesSoonWithoutCompany) {
  struct Main {
    static Task<void> go(LogWriterTest& test, LogWriter& writer) {
      writer.write(Stream::main, "alone");
      const Instant give_up = test.clock_.now().plus_ms(10'000);
      while (test.lines("mainlog").empty() && test.clock_.now() < give_up)
        static_cast<void>(co_await sleep_until(Scheduler::current().now().plus_ms(2)));
      EXPECT_EQ(test.lines("mainlog").size(), 1U);
      co_await writer.close();
    }
  };
  shard::Offload offload(1, 8);
  LogFiles files(directory_ + "/%slog");
  LogWriter writer(files, offload, clock_);
  loop_.run(Main::go(*this, writer));
}

// Holds the pool's thread until released.
class Blocker final : public shard::OffloadJob {
 public:
  std::latch running{1};
  std::latch release{1};

 private:
  void run_on_pool() override {
    running.count_down();
    release.wait();
  }
  void done_on_shard() override {}
};

TEST_F(LogWriterTest, WhatFindsNoRoomIsCountedAndTheRestIsWritten) {
  struct Main {
    static Task<void> go(LogWriter& writer, Blocker& blocker) {
      const std::string line(1000, 'x');
      for (int i = 0; i < 3000; ++i) writer.write(Stream::main, line);  // three times what the ring holds
      blocker.release.count_down();
      co_await writer.close();
    }
  };
  shard::Offload offload(1, 8);
  LogFiles files(directory_ + "/%slog");
  LogWriter writer(files, offload, clock_);
  Blocker blocker;
  ASSERT_TRUE(offload.submit(blocker, mailbox_));
  blocker.running.wait();
  loop_.run(Main::go(writer, blocker));
  EXPECT_GT(writer.stats().dropped.get(), 1000U);
  EXPECT_GT(writer.stats().lines.get(), 900U);
  EXPECT_EQ(writer.stats().lines.get() + writer.stats().dropped.get(), 3000U);
  EXPECT_EQ(lines("mainlog").size(), writer.stats().lines.get());
}

struct StyledLine {
  // One line, to main and reject.
  static Task<void> go(LogWriter& writer, LogStyle style, LogLine& line) {
    writer.set_style(std::move(style));
    writer.write_line(Stream::main, line);
    writer.write(Stream::reject, "plain");
    co_await writer.close();
  }
};

TEST_F(LogWriterTest, TheStyleOfTimes) {
  const std::string time = R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)";
  const std::string pid = R"(\[)" + std::to_string(::getpid()) + R"(\])";
  struct Case {
    LogStyle style;
    std::string expected;
  };
  int number = 0;
  for (const Case& c : {Case{{}, time}, Case{{.millisec = true}, time + R"(\.\d{3})"},
                        Case{{.timezone = true}, time + R"( [+-]\d{4})"}, Case{{.pid = true}, time + " " + pid},
                        Case{{.millisec = true, .timezone = true, .pid = true}, time + R"(\.\d{3} [+-]\d{4} )" + pid}}) {
    shard::Offload offload(1, 8);
    const std::string name = std::to_string(++number);
    LogFiles files(directory_ + "/" + name + "%slog");
    LogWriter writer(files, offload, clock_);
    LogLine line;
    line.text = "text";
    loop_.run(StyledLine::go(writer, c.style, line));
    const auto all = lines(name + "mainlog");
    ASSERT_EQ(all.size(), 1U);
    EXPECT_TRUE(std::regex_match(all[0], std::regex(c.expected + " text"))) << all[0];
  }
}

TEST_F(LogWriterTest, Json) {
  shard::Offload offload(1, 8);
  LogFiles files(directory_ + "/%slog");
  LogWriter writer(files, offload, clock_);
  LogLine line;
  line.event = "arrival";
  line.field("", "id", "1w");
  line.field(" T=\"", "subject", "a \\\"b\\\" \xff");
  loop_.run(StyledLine::go(writer, {.format = LogStyle::Format::json, .process = "ingress"}, line));
  const auto object = nlohmann::ordered_json::parse(lines("mainlog").at(0));
  EXPECT_TRUE(
      std::regex_match(object["time"].get<std::string>(), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d)")));
  EXPECT_EQ(object["log"], "main");
  EXPECT_EQ(object["process"], "ingress");
  EXPECT_EQ(object["event"], "arrival");
  EXPECT_EQ(object["id"], "1w");
  EXPECT_EQ(object["subject"], "a \\\"b\\\" \xef\xbf\xbd");
  EXPECT_EQ(object["text"], "1w T=\"a \\\"b\\\" \xef\xbf\xbd");
  EXPECT_EQ(nlohmann::ordered_json::parse(lines("rejectlog").at(0))["text"], "plain");
}

TEST_F(LogWriterTest, AnObjectThatIsTooLongIsStillOne) {
  shard::Offload offload(1, 8);
  LogFiles files(directory_ + "/%slog");
  LogWriter writer(files, offload, clock_);
  LogLine line;
  line.text = std::string(100'000, '\x01');
  loop_.run(StyledLine::go(writer, {.format = LogStyle::Format::json, .process = "ingress"}, line));
  const std::string whole = lines("mainlog").at(0);
  EXPECT_LE(whole.size(), 32U * 1024);
  EXPECT_EQ(nlohmann::ordered_json::parse(whole)["cut"], true);
}

TEST_F(LogWriterTest, ARejectLogThatIsNotWanted) {
  shard::Offload offload(1, 8);
  LogFiles files(directory_ + "/%slog");
  LogWriter writer(files, offload, clock_);
  LogLine line;
  line.text = "text";
  loop_.run(StyledLine::go(writer, {.reject_log = false}, line));
  EXPECT_EQ(lines("mainlog").size(), 1U);
  EXPECT_EQ(lines("rejectlog").size(), 0U);
}

TEST_F(LogWriterTest, AFullOffloadQueueOnlyDelays) {
  struct Main {
    static Task<void> go(LogWriter& writer, Blocker& blocker) {
      writer.write(Stream::main, "one");
      static_cast<void>(co_await sleep_until(Scheduler::current().now().plus_ms(40)));
      writer.write(Stream::main, "two");
      blocker.release.count_down();
      co_await writer.close();
    }
  };
  shard::Offload offload(1, 1);
  LogFiles files(directory_ + "/%slog");
  LogWriter writer(files, offload, clock_);
  Blocker blocker;
  ASSERT_TRUE(offload.submit(blocker, mailbox_));
  loop_.run(Main::go(writer, blocker));
  EXPECT_EQ(lines("mainlog").size(), 2U);
}

TEST_F(LogWriterTest, FilesThatCannotBeWrittenAreCountedAndDoNotHoldUpTheEnd) {
  struct Main {
    static Task<void> go(LogWriter& writer) {
      writer.write(Stream::main, "one");
      writer.write(Stream::reject, "two");
      co_await writer.close();
    }
  };
  shard::Offload offload(1, 8);
  LogFiles files(directory_ + "/nowhere/%slog");
  LogWriter writer(files, offload, clock_);
  loop_.run(Main::go(writer));
  EXPECT_EQ(writer.stats().write_errors.get(), 2U);
}

TEST_F(LogWriterTest, LongLinesAreCut) {
  struct Main {
    static Task<void> go(LogWriter& writer) {
      writer.write(Stream::main, std::string(100'000, 'x'));
      writer.write(Stream::main, "");
      co_await writer.close();
    }
  };
  shard::Offload offload(1, 8);
  LogFiles files(directory_ + "/%slog");
  LogWriter writer(files, offload, clock_);
  loop_.run(Main::go(writer));
  const auto main = lines("mainlog");
  ASSERT_EQ(main.size(), 2U);
  EXPECT_EQ(main[0].size(), 20U + 32 * 1024);
  EXPECT_EQ(main[1].size(), 20U);
}

// Several shards share the one thread: a shard that never stops writing must not have it for itself.
TEST_F(LogWriterTest, ABusyWriterLeavesTurnsToOthers) {
  struct Main {
    static Task<void> go(LogWriterTest& test, LogWriter& busy, LogWriter& other) {
      const std::string line(200, 'x');
      for (int i = 0; i < 3000; ++i) busy.write(Stream::reject, line);  // more than half full: its drain has begun
      for (int i = 0; i < 3000; ++i) other.write(Stream::main, line);
      const Instant give_up = test.clock_.now().plus_ms(10'000);
      // Not a turn of the loop goes by, so the busy writer's drain is never told to stop.
      while (test.lines("other-mainlog").empty() && test.clock_.now() < give_up)
        for (int i = 0; i < 20'000; ++i) busy.write(Stream::reject, line);
      EXPECT_FALSE(test.lines("other-mainlog").empty());
      co_await busy.close();
      co_await other.close();
    }
  };
  shard::Offload offload(1, 8);
  LogFiles busy_files(directory_ + "/busy-%slog");
  LogFiles other_files(directory_ + "/other-%slog");
  LogWriter busy(busy_files, offload, clock_);
  LogWriter other(other_files, offload, clock_);
  loop_.run(Main::go(*this, busy, other));
  EXPECT_EQ(lines("busy-rejectlog").size(), busy.stats().lines.get());
}

}  // namespace
}  // namespace postern::log
