#include "engine/smtp/data_reader.h"

namespace postern::smtp {

BodyStep DataReader::step(std::string_view input) noexcept {
  if (state_ == State::ended) return {BodyStatus::complete, 0, 0, {}};
  if (input.empty()) return {};
  switch (state_) {
    case State::dot: return step_behind_dot(input);
    case State::dot_cr: return step_behind_dot_cr(input);
    default: return step_text(input);
  }
}

BodyStep DataReader::step_text(std::string_view input) noexcept {
  BodyStep step = lines_.take(input, true);
  if (!lines_.at_dot()) return step;
  lines_.skip_wire(1);
  ++step.consumed;
  state_ = State::dot;
  return step;
}

BodyStep DataReader::step_behind_dot(std::string_view input) noexcept {
  if (input.starts_with("\r\n")) return end(2);
  if (input.front() == '\r') {
    lines_.skip_wire(1);
    state_ = State::dot_cr;
    return {BodyStatus::more, 1, 0, {}};
  }
  lines_.leave_line_start();
  state_ = State::text;
  return step_text(input);
}

BodyStep DataReader::step_behind_dot_cr(std::string_view input) noexcept {
  if (input.front() == '\n') return end(1);
  lines_.leave_line_start();
  state_ = State::text;
  return {BodyStatus::more, 0, 0, lines_.empty_line_with_bare_cr()};
}

BodyStep DataReader::end(std::size_t consumed) noexcept {
  lines_.skip_wire(consumed);
  state_ = State::ended;
  return {BodyStatus::complete, consumed, 0, {}};
}

}  // namespace postern::smtp
