#include "appliance/probe/standard_stream.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/ring/ring.h"
#include "net/transport/runtime.h"

namespace postern::probe {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe(ends) == 0) read = ends[0], write = ends[1];
  }
  ~Pipe() {
    ::close(read);
    close_write();
  }
  void close_write() {
    if (write >= 0) ::close(std::exchange(write, -1));
  }
  int read = -1;
  int write = -1;
};

class StandardStreamTest : public ::testing::Test {
 public:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    if (const std::string why = ring::explain_ring_support(); !why.empty()) GTEST_SKIP() << why;
    runtime_ = *transport::Runtime::create({.connections_max = 8, .small_buffers = 16, .large_buffers = 16});
    stream_ = std::make_unique<StandardStream>(runtime_->ring(), runtime_->blocks(), in_.read, out_.write, Endpoints{});
  }
  void TearDown() override {
    stream_.reset();
    runtime_.reset();
  }

  void type(std::string_view text) {
    ASSERT_EQ(::write(in_.write, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // Everything up to the end of the input.
  std::vector<std::string> read_all() {
    std::vector<std::string> lines;
    runtime_->loop().run(read_to_end(*stream_, lines));
    return lines;
  }
  static Task<void> read_to_end(StandardStream& stream, std::vector<std::string>& lines) {
    for (;;) {
      EXPECT_FALSE(stream.has_input());  // nothing counts as said before it is waited for
      const Result<Slice> read = co_await stream.read({});
      if (!read) break;
      lines.emplace_back(read->view());
    }
    co_await stream.close();
  }

  Pipe in_;
  Pipe out_;
  std::unique_ptr<transport::Runtime> runtime_;
  std::unique_ptr<StandardStream> stream_;
};

using Lines = std::vector<std::string>;

TEST_F(StandardStreamTest, GivesALineAtATimeWithItsEnd) {
  type("HELO x\nMAIL\r\n\n.\r\nQUIT");
  in_.close_write();
  EXPECT_EQ(read_all(), (Lines{"HELO x\r\n", "MAIL\r\n", "\r\n", ".\r\n", "QUIT\r\n"}));
}

TEST_F(StandardStreamTest, AnEmptyInputEndsAtOnce) {
  in_.close_write();
  EXPECT_EQ(read_all(), Lines{});
}

TEST_F(StandardStreamTest, LongLinesComeInPieces) {
  const std::string text(StandardStream::kLineBytesMax + 100, 'a');
  type(text + "\nb\n");
  in_.close_write();
  const Lines lines = read_all();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_LT(lines[0].size(), StandardStream::kLineBytesMax);
  EXPECT_EQ(lines[0] + lines[1], text + "\r\n");
  EXPECT_EQ(lines[2], "b\r\n");
}

TEST_F(StandardStreamTest, AWaitThatIsCutShortLosesNothing) {
  Lines lines;
  runtime_->loop().run([](StandardStreamTest& test, Lines& heard) -> Task<void> {
    const Result<Slice> early = co_await test.stream_->read({test.runtime_->loop().now().plus_ms(20), nullptr});
    EXPECT_EQ(early.error().code, Errc::timed_out);
    test.type("late\n");
    test.in_.close_write();
    co_await read_to_end(*test.stream_, heard);
  }(*this, lines));
  EXPECT_EQ(lines, Lines{"late\r\n"});
}

TEST_F(StandardStreamTest, WritesAtOnceAndTellsWhenNobodyListens) {
  runtime_->loop().run([](StandardStreamTest& test) -> Task<void> {
    EXPECT_TRUE(co_await test.stream_->write(Chain(Slice::literal("220 x\r\n")), {}));
    char bytes[16];
    EXPECT_EQ(::read(test.out_.read, bytes, sizeof bytes), 7);
    ::close(std::exchange(test.out_.read, ::dup(test.in_.read)));
    EXPECT_FALSE(co_await test.stream_->write(Chain(Slice::literal("250 x\r\n")), {}));
    co_await test.stream_->close();
  }(*this));
}

}  // namespace
}  // namespace postern::probe
