#include "engine/smtp/reply_parser.h"

#include <algorithm>

#include "engine/smtp/chars.h"

namespace postern::smtp {

ReplyParser::Step ReplyParser::feed(std::string_view input) {
  if (state_ == State::done) begin();
  if (state_ == State::failed) return {failure_, input.size()};
  for (std::size_t at = 0; at < input.size();) {
    if (state_ == State::text) at += take_text_run(input.substr(at));
    if (at == input.size()) break;
    const Byte outcome = take(input[at++]);
    if (outcome == Byte::taken) continue;
    if (outcome == Byte::reply_complete) return {ReplyStatus::complete, at};
    failure_ = outcome == Byte::too_long ? ReplyStatus::too_long : ReplyStatus::malformed;
    state_ = State::failed;
    return {failure_, input.size()};
  }
  return {ReplyStatus::need_more, input.size()};
}

EnhancedCode ReplyParser::enhanced() const noexcept {
  return parse_enhanced_prefix(std::string_view(text_).substr(0, text_.find('\n')), code_).code;
}

void ReplyParser::begin() noexcept {
  state_ = State::digits;
  is_last_line_ = had_bare_lf_ = false;
  code_ = line_code_ = 0;
  line_bytes_ = lines_ = 0;
  text_.clear();
}

ReplyParser::Byte ReplyParser::take(char c) {
  switch (state_) {
    case State::digits: return take_digit(c);
    case State::separator: return take_separator(c);
    case State::text: return take_text(c);
    case State::cr: return c == '\n' ? end_line() : Byte::malformed;
    case State::done:
    case State::failed: break;
  }
  return Byte::malformed;
}

// Reply-code = %x32-35 %x30-35 %x30-39; a second digit above 5 is let pass.
ReplyParser::Byte ReplyParser::take_digit(char c) noexcept {
  const bool fits = line_bytes_ == 0 ? c >= '2' && c <= '5' : is(CharClass::digit, c);
  if (!fits) return Byte::malformed;
  line_code_ = line_code_ * 10 + (c - '0');
  if (++line_bytes_ < 3) return Byte::taken;
  state_ = State::separator;
  if (lines_ == 0) code_ = line_code_;
  return line_code_ == code_ ? Byte::taken : Byte::malformed;
}

// A line may end right behind its code.
ReplyParser::Byte ReplyParser::take_separator(char c) {
  state_ = State::text;
  is_last_line_ = c != '-';
  if (lines_ > 0) text_.push_back('\n');
  if (c != '-' && c != ' ') return take_text(c);
  ++line_bytes_;
  return Byte::taken;
}

ReplyParser::Byte ReplyParser::take_text(char c) {
  if (c == '\r') {
    state_ = State::cr;
    return Byte::taken;
  }
  if (c == '\n') {
    had_bare_lf_ = true;
    return rules_.allow_bare_lf ? end_line() : Byte::malformed;
  }
  // Only text right behind the code, or beyond a limit, comes here byte by byte.
  return line_bytes_ < 4 ? Byte::malformed : Byte::too_long;
}

ReplyParser::Byte ReplyParser::end_line() {
  ++lines_;
  if (is_last_line_) {
    state_ = State::done;
    return Byte::reply_complete;
  }
  if (lines_ == rules_.limits.lines_max) return Byte::too_long;
  state_ = State::digits;
  line_code_ = 0;
  line_bytes_ = 0;
  return Byte::taken;
}

// Takes text up to a line end or a limit, at once.
std::size_t ReplyParser::take_text_run(std::string_view input) {
  if (line_bytes_ < 4) return 0;
  const ReplyLimits& limits = rules_.limits;
  const std::size_t line_room = limits.line_bytes_max - std::min(limits.line_bytes_max, line_bytes_);
  const std::size_t text_room = limits.text_bytes_max - std::min(limits.text_bytes_max, text_.size());
  const std::string_view window = input.substr(0, std::min(line_room, text_room));
  const std::string_view run = window.substr(0, window.find_first_of("\r\n"));
  text_ += run;
  line_bytes_ += run.size();
  return run.size();
}

}  // namespace postern::smtp
