#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "appliance/log/line_ring.h"
#include "appliance/log/log_files.h"
#include "appliance/log/log_line.h"

namespace postern::log {
namespace {

TEST(LineRing, KeepsOrderAndRefusesWhatDoesNotFit) {
  LineRing ring(256);
  EXPECT_TRUE(ring.push(Stream::main, "1 ", "one"));
  EXPECT_TRUE(ring.push(Stream::reject, "2 ", "two"));
  EXPECT_FALSE(ring.push(Stream::main, "", std::string(250, 'x')));
  std::string main, reject, panic;
  EXPECT_TRUE(ring.pop(main, reject, panic));
  EXPECT_TRUE(ring.pop(main, reject, panic));
  EXPECT_FALSE(ring.pop(main, reject, panic));
  EXPECT_EQ(main, "1 one\n");
  EXPECT_EQ(reject, "2 two\n");
  EXPECT_EQ(panic, "");
}

TEST(LineRing, WrapsAtEveryOffset) {
  LineRing ring(128);
  for (std::size_t i = 0; i < 1000; ++i) {
    const std::string line(i % 60, static_cast<char>('a' + i % 26));
    ASSERT_TRUE(ring.push(Stream::main, line, "!"));
    std::string main, reject, panic;
    ASSERT_TRUE(ring.pop(main, reject, panic));
    ASSERT_EQ(main, line + "!\n");
  }
}

TEST(LineRing, TwoThreadsSeeEveryLineOnceAndInOrder) {
  LineRing ring(1024);
  constexpr int kLines = 50'000;
  std::jthread producer([&ring] {
    for (int i = 0; i < kLines;)
      if (ring.push(Stream::main, "", std::to_string(i))) ++i;
  });
  std::string all, unused;
  for (int seen = 0; seen < kLines;)
    if (ring.pop(all, unused, unused)) ++seen;
  std::istringstream lines(all);
  for (int i = 0, value = 0; i < kLines; ++i) {
    lines >> value;
    ASSERT_EQ(value, i);
  }
}

class LogFilesTest : public ::testing::Test {
 protected:
  LogFilesTest() {
    char name[] = "/tmp/postern-log-XXXXXX";
    directory_ = ::mkdtemp(name);
  }
  ~LogFilesTest() override { std::filesystem::remove_all(directory_); }
  static std::string content(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::string directory_;
};

TEST_F(LogFilesTest, EachStreamHasItsFile) {
  LogFiles files(directory_ + "/%slog");
  EXPECT_TRUE(files.append(Stream::main, "a\n", {}));
  EXPECT_TRUE(files.append(Stream::reject, "b\n", {}));
  EXPECT_TRUE(files.append(Stream::main, "c\n", {}));
  EXPECT_EQ(content(directory_ + "/mainlog"), "a\nc\n");
  EXPECT_EQ(content(directory_ + "/rejectlog"), "b\n");
}

TEST_F(LogFilesTest, ARenamedFileIsOpenedAnewAfterASecond) {
  LogFiles files(directory_ + "/%slog");
  Instant now{1'000'000'000};
  EXPECT_TRUE(files.append(Stream::main, "old\n", now));
  std::filesystem::rename(directory_ + "/mainlog", directory_ + "/mainlog.1");
  EXPECT_TRUE(files.append(Stream::main, "still old\n", now.plus_ms(10)));
  EXPECT_TRUE(files.append(Stream::main, "new\n", now.plus_ms(1'001)));
  EXPECT_EQ(content(directory_ + "/mainlog.1"), "old\nstill old\n");
  EXPECT_EQ(content(directory_ + "/mainlog"), "new\n");
}

TEST_F(LogFilesTest, MovesToAnotherPlaceOrStays) {
  LogFiles files(directory_ + "/%slog");
  EXPECT_TRUE(files.append(Stream::main, "a\n", {}));
  EXPECT_FALSE(files.move_to(directory_ + "/nowhere/%slog"));
  EXPECT_TRUE(files.append(Stream::main, "b\n", {}));
  EXPECT_TRUE(files.move_to(directory_ + "/new-%slog"));
  EXPECT_TRUE(files.append(Stream::main, "c\n", {}));
  EXPECT_TRUE(files.append(Stream::panic, "d\n", {}));
  EXPECT_EQ(content(directory_ + "/mainlog"), "a\nb\n");
  EXPECT_EQ(content(directory_ + "/new-mainlog"), "c\n");
  EXPECT_EQ(content(directory_ + "/new-paniclog"), "d\n");
}

TEST(TimeTaken, AsEximWritesIt) {
  struct Case {
    std::int64_t us;
    bool millisec;
    const char* expected;
  };
  for (const Case& c : {Case{0, false, "0s"}, Case{-5, false, "0s"}, Case{999'999, false, "0s"}, Case{1'000'000, false, "1s"},
                        Case{61'000'000, false, "1m1s"}, Case{3'600'000'000, false, "1h"},
                        Case{694'861'000'000, false, "1w1d1h1m1s"}, Case{0, true, "0.000s"}, Case{1'234'567, true, "1.234s"},
                        Case{4'999'999, true, "4.999s"}, Case{5'000'000, true, "5s"}}) {
    std::string out;
    append_time_taken(out, c.us, c.millisec);
    EXPECT_EQ(out, c.expected);
  }
}

TEST(LogLine, KnowsItsPartsAndForgetsThem) {
  LogLine line;
  line.field("H=", "host", "a");
  line.field(" S=", "size", "5");
  EXPECT_EQ(line.text, "H=a S=5");
  ASSERT_EQ(line.fields(), 2U);
  EXPECT_EQ(line.at(1).name, "size");
  EXPECT_EQ(line.at(1).value, "5");
  for (int i = 0; i < 100; ++i) line.mark("more", 0);
  EXPECT_EQ(line.fields(), LogLine::kFieldsMax);
  line.clear();
  EXPECT_EQ(line.fields(), 0U);
  EXPECT_EQ(line.text, "");
}

TEST_F(LogFilesTest, AMissingDirectoryIsAnError) {
  LogFiles files(directory_ + "/nowhere/%slog");
  const auto appended = files.append(Stream::main, "a\n", {});
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Errc::not_found);
}

}  // namespace
}  // namespace postern::log
