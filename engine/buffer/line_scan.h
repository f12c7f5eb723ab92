// One pass of wide registers over message text: how far it is clean, and what was seen on the way. Written once over 64-byte
// vectors and compiled for each CPU; the plain form states what the others must find.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postern::inline buffer {

// What the scan knows of the text so far; carried from call to call. The start value is that of a message's first byte. Who
// leaves bytes out of the text or puts others in adjusts it.
struct LineScan {
  bool after_cr = false;             // the last byte was CR
  bool at_line_start = true;         // the last two bytes were CR LF, or there was no byte yet
  bool has_8bit = false;             // a byte above 127
  bool has_nul = false;              //
  std::uint64_t lines = 0;           // ended by CR LF
  std::uint64_t line_bytes = 0;      // since the last line end, a CR that may be the next one's first half included
  std::uint64_t line_bytes_max = 0;  // of the ended lines, line ends not counted

  friend bool operator==(const LineScan&, const LineScan&) = default;
};

// What ends the clean stretch. A CR without LF is known only by the byte behind it, so that byte is where the scan stops, with
// `after_cr` set; a CR at the end of the text is clean until the next byte comes.
enum class ScanStop : std::uint8_t {
  bare,         // CR without LF, LF without CR
  bare_or_dot,  // those, and a dot behind CR LF or at the start
  dot,          // only that dot; bare CR and LF are ordinary bytes
};

// Scans `text` up to the first byte that `stop` names, and returns the number of bytes before it (text.size() when there is
// none). `scan` covers the bytes before it and no others.
[[nodiscard]] std::size_t scan_lines(LineScan& scan, std::string_view text, ScanStop stop) noexcept;

// The same, for text whose stop is probably a few bytes away: looks at those one by one before it takes up wide registers,
// which nearly halves the cost of text that is nothing but bare newlines (mend_bare_newlines in
// engine/smtp/data_reader_bench.cc).
[[nodiscard]] std::size_t scan_lines_near(LineScan& scan, std::string_view text, ScanStop stop) noexcept;

enum class ScanKernel : std::uint8_t { plain, baseline, avx2 };
// scan_lines() with a given kernel, for tests and benches; `kernel` must be available.
[[nodiscard]] std::size_t scan_lines_with(ScanKernel kernel, LineScan& scan, std::string_view text, ScanStop stop) noexcept;
[[nodiscard]] bool is_available(ScanKernel kernel) noexcept;

}  // namespace postern::inline buffer
