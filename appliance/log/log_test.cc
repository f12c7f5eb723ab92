#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "appliance/log/line_ring.h"
#include "appliance/log/log_files.h"

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

TEST_F(LogFilesTest, AMissingDirectoryIsAnError) {
  LogFiles files(directory_ + "/nowhere/%slog");
  const auto appended = files.append(Stream::main, "a\n", {});
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Errc::not_found);
}

}  // namespace
}  // namespace postern::log
