#include "engine/buffer/line_scan.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace postern::inline buffer {
namespace {

constexpr std::size_t kBlock = 64;

// The plain form, byte by byte. Everything else is held to it by tests.
std::size_t scan_plain(LineScan& scan, std::string_view text, ScanStop stop) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_bare = (c == '\n') != scan.after_cr;
    if (is_bare && stop != ScanStop::dot) return i;
    if (c == '.' && scan.at_line_start && stop != ScanStop::bare) return i;
    scan.at_line_start = scan.after_cr && c == '\n';
    scan.after_cr = c == '\r';
    scan.has_8bit |= static_cast<unsigned char>(c) > 127;
    scan.has_nul |= c == '\0';
    ++scan.line_bytes;
    if (scan.at_line_start) {
      ++scan.lines;
      scan.line_bytes_max = std::max(scan.line_bytes_max, scan.line_bytes - 2);
      scan.line_bytes = 0;
    }
  }
  return text.size();
}

// 64 bytes as one value. The compiler splits it into the registers that the function around it may use: four of 16 bytes, or
// two of 32 where the function is compiled for AVX2.
using Bytes [[gnu::vector_size(kBlock)]] = unsigned char;
using Flags = bool __attribute__((ext_vector_type(kBlock)));

// One bit for each byte of a block.
struct Masks {
  std::uint64_t cr;
  std::uint64_t lf;
  std::uint64_t dot;
};

[[gnu::always_inline]] inline void load(Bytes& to, const char* from) noexcept { std::memcpy(&to, from, kBlock); }

[[gnu::always_inline]] inline std::uint64_t equal_mask(const Bytes& bytes, unsigned char value) noexcept {
  return std::bit_cast<std::uint64_t>(__builtin_convertvector(bytes == value, Flags));
}

template <ScanStop kStop>
[[gnu::always_inline]] inline Masks find_marks(const Bytes& bytes) noexcept {
  return {equal_mask(bytes, '\r'), equal_mask(bytes, '\n'), kStop == ScanStop::bare ? 0 : equal_mask(bytes, '.')};
}

// What one block's marks mean, given the two bits carried from the block before it.
struct BlockLines {
  std::uint64_t ends;   // LF behind CR
  std::uint64_t stops;  // where the caller's ScanStop applies
};

template <ScanStop kStop>
[[gnu::always_inline]] inline BlockLines find_lines(const Masks& marks, std::uint64_t after_cr,
                                                    std::uint64_t at_line_start) noexcept {
  const std::uint64_t behind_cr = marks.cr << 1 | after_cr;
  const std::uint64_t ends = marks.lf & behind_cr;
  std::uint64_t stops = 0;
  if constexpr (kStop != ScanStop::dot) stops |= marks.lf ^ behind_cr;
  if constexpr (kStop != ScanStop::bare) stops |= marks.dot & (ends << 1 | at_line_start);
  return {ends, stops};
}

// Counts the lines of `count` bytes (at most 64) whose ends are given. The inner lines of a block are shorter than 62 bytes, so
// they are looked at only until some line was longer.
[[gnu::always_inline]] inline void count_lines(LineScan& scan, std::uint64_t ends, std::size_t count) noexcept {
  if (ends == 0) {
    scan.line_bytes += count;
    return;
  }
  const auto first = static_cast<std::size_t>(std::countr_zero(ends));
  const auto last = static_cast<std::size_t>(std::bit_width(ends)) - 1;
  scan.lines += static_cast<unsigned>(std::popcount(ends));
  scan.line_bytes_max = std::max(scan.line_bytes_max, scan.line_bytes + first - 1);
  if (scan.line_bytes_max < kBlock) {
    std::size_t previous = first;
    for (std::uint64_t rest = ends & (ends - 1); rest != 0; rest &= rest - 1) {
      const auto next = static_cast<std::size_t>(std::countr_zero(rest));
      scan.line_bytes_max = std::max<std::uint64_t>(scan.line_bytes_max, next - previous - 2);
      previous = next;
    }
  }
  scan.line_bytes = count - 1 - last;
}

// The first `count` bytes of a block (1 to 64), up to a stop among them; returns how many it covered. The slow way, for the
// ragged end of the text and for the block with the stop in it.
template <ScanStop kStop>
[[gnu::always_inline]] inline std::size_t finish_block(LineScan& scan, const char* from, std::size_t count) noexcept {
  Bytes bytes;
  if (count == kBlock) {
    load(bytes, from);
  } else {
    alignas(kBlock) char padded[kBlock] = {};
    std::memcpy(padded, from, count);
    load(bytes, padded);
  }
  const std::uint64_t valid = ~std::uint64_t{0} >> (kBlock - count);
  const Masks marks = find_marks<kStop>(bytes);
  const BlockLines lines = find_lines<kStop>(marks, scan.after_cr ? 1 : 0, scan.at_line_start ? 1 : 0);
  const std::uint64_t stops = lines.stops & valid;
  const std::size_t covered = stops == 0 ? count : static_cast<std::size_t>(std::countr_zero(stops));
  if (covered == 0) return 0;
  const std::uint64_t kept = ~std::uint64_t{0} >> (kBlock - covered);
  const std::uint64_t last = std::uint64_t{1} << (covered - 1);
  count_lines(scan, lines.ends & kept, covered);
  scan.after_cr = (marks.cr & last) != 0;
  scan.at_line_start = (lines.ends & last) != 0;
  scan.has_8bit |= (std::bit_cast<std::uint64_t>(__builtin_convertvector(bytes > 127, Flags)) & kept) != 0;
  scan.has_nul |= (equal_mask(bytes, 0) & kept) != 0;
  return covered;
}

template <ScanStop kStop>
[[gnu::always_inline]] inline std::size_t scan_blocks(LineScan& given, std::string_view text) noexcept {
  LineScan scan = given;
  Bytes all = {};             // the bitwise or of all bytes: its top bits say 8-bit
  Bytes smallest = ~Bytes{};  // the smallest byte at each place: zero says NUL
  const char* const begin = text.data();
  const char* at = begin;
  const char* const end = begin + text.size();
  for (; end - at >= static_cast<std::ptrdiff_t>(kBlock); at += kBlock) {
    Bytes bytes;
    load(bytes, at);
    const Masks marks = find_marks<kStop>(bytes);
    const BlockLines lines = find_lines<kStop>(marks, scan.after_cr ? 1 : 0, scan.at_line_start ? 1 : 0);
    if (lines.stops != 0) break;
    all |= bytes;
    smallest = __builtin_elementwise_min(smallest, bytes);
    count_lines(scan, lines.ends, kBlock);
    scan.after_cr = marks.cr >> (kBlock - 1) != 0;
    scan.at_line_start = lines.ends >> (kBlock - 1) != 0;
  }
  scan.has_8bit |= std::bit_cast<std::uint64_t>(__builtin_convertvector(all > 127, Flags)) != 0;
  scan.has_nul |= equal_mask(smallest, 0) != 0;
  if (at != end) at += finish_block<kStop>(scan, at, std::min(kBlock, static_cast<std::size_t>(end - at)));
  given = scan;
  return static_cast<std::size_t>(at - begin);
}

[[gnu::always_inline]] inline std::size_t scan_any(LineScan& scan, std::string_view text, ScanStop stop) noexcept {
  if (text.empty()) return 0;
  switch (stop) {
    case ScanStop::bare: return scan_blocks<ScanStop::bare>(scan, text);
    case ScanStop::bare_or_dot: return scan_blocks<ScanStop::bare_or_dot>(scan, text);
    case ScanStop::dot: break;
  }
  return scan_blocks<ScanStop::dot>(scan, text);
}

std::size_t scan_baseline(LineScan& scan, std::string_view text, ScanStop stop) noexcept { return scan_any(scan, text, stop); }

[[gnu::target("avx2,bmi,bmi2,lzcnt,popcnt")]] std::size_t scan_avx2(LineScan& scan, std::string_view text,
                                                                    ScanStop stop) noexcept {
  return scan_any(scan, text, stop);
}

using ScanFunction = std::size_t (*)(LineScan&, std::string_view, ScanStop) noexcept;

ScanFunction function_of(ScanKernel kernel) noexcept {
  switch (kernel) {
    case ScanKernel::plain: return scan_plain;
    case ScanKernel::baseline: return scan_baseline;
    case ScanKernel::avx2: break;
  }
  return scan_avx2;
}

}  // namespace

bool is_available(ScanKernel kernel) noexcept {
  return kernel != ScanKernel::avx2 ||
         (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi2") != 0 && __builtin_cpu_supports("lzcnt") != 0);
}

std::size_t scan_lines_with(ScanKernel kernel, LineScan& scan, std::string_view text, ScanStop stop) noexcept {
  return function_of(kernel)(scan, text, stop);
}

std::size_t scan_lines(LineScan& scan, std::string_view text, ScanStop stop) noexcept {
  static const ScanFunction best = function_of(is_available(ScanKernel::avx2) ? ScanKernel::avx2 : ScanKernel::baseline);
  return best(scan, text, stop);
}

std::size_t scan_lines_near(LineScan& scan, std::string_view text, ScanStop stop) noexcept {
  constexpr std::size_t kNear = 16;
  const std::string_view near = text.substr(0, kNear);
  const std::size_t at = scan_plain(scan, near, stop);
  return at < near.size() || near.size() == text.size() ? at : at + scan_lines(scan, text.substr(at), stop);
}

}  // namespace postern::inline buffer
