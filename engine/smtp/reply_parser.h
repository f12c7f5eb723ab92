// A server's reply as it arrives: RFC 5321 sections 4.2 and 4.2.1, RFC 2034 section 4. For the sending side, which reads from
// strangers too: every length is bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/smtp/enhanced.h"

namespace postern::smtp {

struct ReplyLimits {
  std::size_t line_bytes_max = 4096;  // without the line end; RFC 5321 allows 512, real servers send more
  std::size_t lines_max = 128;
  std::size_t text_bytes_max = 65536;  // of all lines
};

struct ReplyRules {
  bool allow_bare_lf = false;  // a LF without CR ends a line; a bare CR never does
  ReplyLimits limits;
};

enum class ReplyStatus : std::uint8_t {
  complete,
  need_more,
  malformed,  // not a reply, lines of several codes, or a bare newline
  too_long,   // a limit is reached
};

// One reply after the other. What follows malformed or too_long cannot be understood: the connection is of no more use.
class ReplyParser {
 public:
  explicit ReplyParser(ReplyRules rules = {}) noexcept : rules_(rules) {}

  struct Step {
    ReplyStatus status = ReplyStatus::need_more;
    std::size_t consumed = 0;  // the whole input unless complete: behind it may stand the next reply
  };
  // Bytes may come in any portions; they are not kept. After `complete`, the next call begins a new reply.
  [[nodiscard]] Step feed(std::string_view input);

  // What follows is meaningful once a reply is complete, and lasts until the next call of feed() or begin().
  [[nodiscard]] int code() const noexcept { return code_; }
  [[nodiscard]] bool is_positive() const noexcept { return code_ < 400; }
  // Of the first line; none when it does not begin with one that fits the code.
  [[nodiscard]] EnhancedCode enhanced() const noexcept;
  // The lines without their codes (enhanced ones stay), joined by LF. A stranger's bytes: printable() before they are logged.
  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] std::size_t line_count() const noexcept { return lines_; }
  [[nodiscard]] bool had_bare_lf() const noexcept { return had_bare_lf_; }

  // Forgets what was read, keeping the memory.
  void begin() noexcept;

 private:
  enum class State : std::uint8_t { digits, separator, text, cr, done, failed };
  enum class Byte : std::uint8_t { taken, reply_complete, malformed, too_long };
  [[nodiscard]] Byte take(char c);
  [[nodiscard]] Byte take_digit(char c) noexcept;
  [[nodiscard]] Byte take_separator(char c);
  [[nodiscard]] Byte take_text(char c);
  [[nodiscard]] Byte end_line();
  [[nodiscard]] std::size_t take_text_run(std::string_view input);

  ReplyRules rules_;
  State state_ = State::digits;
  ReplyStatus failure_ = ReplyStatus::malformed;
  bool is_last_line_ = false;
  bool had_bare_lf_ = false;
  int code_ = 0;
  int line_code_ = 0;
  std::size_t line_bytes_ = 0;
  std::size_t lines_ = 0;
  std::string text_;
};

}  // namespace postern::smtp
