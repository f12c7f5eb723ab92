#include "engine/smtp/line_ends.h"

#include <algorithm>

namespace postern::smtp {

BodyStep BodyLines::take(std::string_view input, bool stop_at_dots) noexcept {
  at_dot_ = false;
  if (discarding_ && !stop_at_dots) {
    wire_bytes_ += input.size();
    return {BodyStatus::need_more, input.size(), 0, {}};
  }
  const ScanStop stop = discarding_ ? ScanStop::dot : stop_at_dots ? ScanStop::bare_or_dot : ScanStop::bare;
  const std::size_t clean = stopped_ ? scan_lines_near(scan_, input, stop) : scan_lines(scan_, input, stop);
  wire_bytes_ += clean;
  stopped_ = clean < input.size();
  if (stopped_ && !discarding_) {
    if (scan_.after_cr) return mend_bare_cr(clean);
    if (input[clean] == '\n') return mend_bare_lf(clean);
  }
  at_dot_ = stopped_;
  const std::size_t keep_bytes = discarding_ ? 0 : clean;
  stored_bytes_ += keep_bytes;
  return {stopped_ ? BodyStatus::more : BodyStatus::need_more, clean, keep_bytes, {}};
}

// The CR is stored already, perhaps out of an earlier input, so that only its LF is missing.
BodyStep BodyLines::mend_bare_cr(std::size_t clean) noexcept {
  note_bare(bare_cr_, wire_bytes_ - 1);
  stored_bytes_ += clean;
  if (discarding_) return {BodyStatus::more, clean, clean, {}};
  end_line(scan_.line_bytes - 1);
  return {BodyStatus::more, clean, clean, store("\n")};
}

BodyStep BodyLines::mend_bare_lf(std::size_t clean) noexcept {
  note_bare(bare_lf_, wire_bytes_);
  stored_bytes_ += clean;
  if (discarding_) return {BodyStatus::more, clean, clean, {}};
  end_line(scan_.line_bytes);
  ++wire_bytes_;
  return {BodyStatus::more, clean + 1, clean, store("\r\n")};
}

std::string_view BodyLines::empty_line_with_bare_cr() noexcept {
  if (!discarding_) note_bare(bare_cr_, wire_bytes_ - 1);
  if (discarding_) return {};
  end_line(0);
  return store("\r\n");
}

std::string_view BodyLines::finish() noexcept {
  if (!discarding_ && scan_.after_cr) {
    note_bare(bare_cr_, wire_bytes_ - 1);
    if (discarding_) return {};
    end_line(scan_.line_bytes - 1);
    return store("\n");
  }
  if (discarding_ || scan_.line_bytes == 0) return {};
  end_line(scan_.line_bytes);
  return store("\r\n");
}

void BodyLines::note_bare(std::uint64_t& counter, std::uint64_t at) noexcept {
  if (bare_cr_ + bare_lf_ == 0) first_bare_at_ = at;
  ++counter;
  if (policy_ == BareNewline::reject) discarding_ = true;
}

// A mended line end. What follows is not a line start in the wire's sense: its dots are text.
void BodyLines::end_line(std::uint64_t line_bytes) noexcept {
  ++scan_.lines;
  scan_.line_bytes_max = std::max(scan_.line_bytes_max, line_bytes);
  scan_.line_bytes = 0;
  scan_.after_cr = false;
  scan_.at_line_start = false;
}

std::string_view BodyLines::store(std::string_view literal) noexcept {
  stored_bytes_ += literal.size();
  return literal;
}

BodyStats BodyLines::stats() const noexcept {
  return {.wire_bytes = wire_bytes_,
          .stored_bytes = stored_bytes_,
          .lines = scan_.lines,
          .line_bytes_max = scan_.line_bytes_max,
          .bare_cr = bare_cr_,
          .bare_lf = bare_lf_,
          .first_bare_at = first_bare_at_,
          .has_8bit = scan_.has_8bit,
          .has_nul = scan_.has_nul};
}

}  // namespace postern::smtp
