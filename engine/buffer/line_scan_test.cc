#include "engine/buffer/line_scan.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace postern {
namespace {

constexpr ScanKernel kKernels[] = {ScanKernel::plain, ScanKernel::baseline, ScanKernel::avx2};
constexpr ScanStop kStops[] = {ScanStop::bare, ScanStop::bare_or_dot, ScanStop::dot};

struct StopCase {
  std::string_view text;
  std::size_t bare;
  std::size_t bare_or_dot;
  std::size_t dot;
};

constexpr StopCase kCases[] =
    {
        {"", 0, 0, 0},          {"a", 1, 1, 1},       {".", 1, 0, 0},     {"a.b\r\n", 5, 5, 5},
        {"a\r\n.b", 5, 3, 3},   {"a\nb", 1, 1, 3},    {"\n", 0, 0, 1},    {"a\r", 2, 2, 2},
        {"a\rb", 2, 2, 3},      {"a\r\r\n", 2, 2, 4}, {"a\n.b", 1, 1, 4},  // a bare LF starts no line
        {"a\r.b", 2, 2, 4},                                                //
        {"a\n\r\n.b", 1, 1, 4},                                            // CR LF does, whatever stood before it
        {"a\r\r\n.b", 2, 2, 4},
};

TEST(LineScan, StopsWhereItSays) {
  // Before the text stand whole lines, so that every place in a block is tried.
  for (std::size_t padding = 0; padding <= 130; ++padding) {
    std::string before(padding, 'x');
    if (padding >= 2) before.replace(padding - 2, 2, "\r\n");
    if (padding == 1) continue;
    for (const StopCase& c : kCases) {
      const std::string text = before + std::string(c.text);
      for (const ScanKernel kernel : kKernels) {
        if (!is_available(kernel)) continue;
        const auto stop_at = [&](ScanStop stop) {
          LineScan scan;
          return scan_lines_with(kernel, scan, text, stop);
        };
        EXPECT_EQ(stop_at(ScanStop::bare), padding + c.bare) << text;
        EXPECT_EQ(stop_at(ScanStop::bare_or_dot), padding + c.bare_or_dot) << text;
        EXPECT_EQ(stop_at(ScanStop::dot), padding + c.dot) << text;
      }
    }
  }
}

TEST(LineScan, CountsLines) {
  for (const ScanKernel kernel : kKernels) {
    if (!is_available(kernel)) continue;
    LineScan scan;
    std::string text =
        "\r\n" + std::string(10, 'a') + "\r\n" + std::string(3, 'b') + "\r\n" + std::string(200, 'c') + "\r\nrest";
    ASSERT_EQ(scan_lines_with(kernel, scan, text, ScanStop::bare_or_dot), text.size());
    EXPECT_EQ(scan.lines, 4U);
    EXPECT_EQ(scan.line_bytes_max, 200U);
    EXPECT_EQ(scan.line_bytes, 4U);
    EXPECT_FALSE(scan.at_line_start);
    EXPECT_FALSE(scan.has_8bit);
    EXPECT_FALSE(scan.has_nul);
    text = std::string(100, 'd') + '\0' + "\r";
    ASSERT_EQ(scan_lines_with(kernel, scan, text, ScanStop::bare_or_dot), text.size());
    EXPECT_TRUE(scan.has_nul);
    EXPECT_TRUE(scan.after_cr);
    ASSERT_EQ(scan_lines_with(kernel, scan, "\n\xff", ScanStop::bare_or_dot), 2U);
    EXPECT_TRUE(scan.has_8bit);
    EXPECT_EQ(scan.lines, 5U);
    EXPECT_EQ(scan.line_bytes_max, 200U);
    EXPECT_EQ(scan.line_bytes, 1U);
  }
}

// What lies behind the stop belongs to somebody else and must leave no trace.
TEST(LineScan, SeesNothingBehindTheStop) {
  for (const ScanKernel kernel : kKernels) {
    if (!is_available(kernel)) continue;
    LineScan scan;
    const std::string text = std::string(20, 'a') + "\r\n." + std::string(1, '\0') + "\xff" + std::string(100, '\xff');
    ASSERT_EQ(scan_lines_with(kernel, scan, text, ScanStop::bare_or_dot), 22U);
    EXPECT_FALSE(scan.has_8bit);
    EXPECT_FALSE(scan.has_nul);
    EXPECT_TRUE(scan.at_line_start);
    EXPECT_EQ(scan.lines, 1U);
  }
}

std::string random_text(std::mt19937& random, std::size_t bytes_max) {
  // Rich in what matters: line ends, whole and torn, dots, and a rare NUL or 8-bit byte.
  static constexpr std::string_view kCommon = "abcdefghijklmnopqrstuvwxyz";
  std::string text;
  const unsigned wildness = random() % 4;
  while (text.size() < bytes_max) {
    switch (random() % 40) {
      case 0: text += "\r\n"; break;
      case 1: text += "\r\n."; break;
      case 2: text += wildness > 1 ? "\r" : "r"; break;
      case 3: text += wildness > 1 ? "\n" : "n"; break;
      case 4: text += wildness > 2 ? '\0' : '0'; break;
      case 5: text += wildness > 2 ? '\x80' : '8'; break;
      case 6: text += '.'; break;
      default: text += kCommon[random() % kCommon.size()];
    }
  }
  text.resize(random() % (bytes_max + 1));
  return text;
}

TEST(LineScan, KernelsAgree) {
  std::mt19937 random(20261121);
  for (int round = 0; round < 20000; ++round) {
    const std::string text = random_text(random, round % 10 == 0 ? 1000 : 200);
    const ScanStop stop = kStops[random() % std::size(kStops)];
    LineScan start;
    start.after_cr = random() % 4 == 0;
    start.at_line_start = !start.after_cr && random() % 2 == 0;
    start.line_bytes = start.after_cr ? 1 + random() % 100 : start.at_line_start ? 0 : random() % 100;
    LineScan expected = start;
    const std::size_t expected_at = scan_lines_with(ScanKernel::plain, expected, text, stop);
    for (const ScanKernel kernel : kKernels) {
      if (!is_available(kernel)) continue;
      LineScan scan = start;
      ASSERT_EQ(scan_lines_with(kernel, scan, text, stop), expected_at);
      ASSERT_TRUE(scan == expected);
    }
    LineScan scan = start;
    ASSERT_EQ(scan_lines(scan, text, stop), expected_at);
    ASSERT_TRUE(scan == expected);
    scan = start;
    ASSERT_EQ(scan_lines_near(scan, text, stop), expected_at);
    ASSERT_TRUE(scan == expected);
  }
}

TEST(LineScan, CutAnywhereGivesTheSame) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const std::string text = random_text(random, 150);
    const ScanStop stop = kStops[random() % std::size(kStops)];
    LineScan whole;
    const std::size_t whole_at = scan_lines(whole, text, stop);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      LineScan scan;
      std::size_t at = scan_lines(scan, std::string_view(text).substr(0, cut), stop);
      if (at == cut) at += scan_lines(scan, std::string_view(text).substr(cut), stop);
      ASSERT_EQ(at, whole_at);
      ASSERT_TRUE(scan == whole);
    }
  }
}

}  // namespace
}  // namespace postern
