#include "bench/limit/dialogue.h"

#include <cstring>

namespace postern::limit {
namespace {

constexpr std::string_view kEndOfText = "\r\n.\r\n";
// A text begins as if behind a line's end: it may be empty.
constexpr std::size_t kLineEndMatched = 2;

// The first four letters as one number, without their case.
constexpr std::uint32_t verb_of(std::string_view line) {
  std::uint32_t verb = 0;
  for (std::size_t i = 0; i < 4 && i < line.size(); ++i) verb = verb << 8 | (static_cast<unsigned char>(line[i]) & 0xDFU);
  return verb;
}

}  // namespace

std::size_t Dialogue::read(std::string_view input, std::string& replies) {
  std::size_t taken = 0;
  while (taken < input.size() && state_ == State::commands) {
    const std::string_view rest = input.substr(taken);
    taken += in_text_ ? read_text(rest) : read_line(rest, replies);
  }
  return taken;
}

void Dialogue::answer(std::string_view reply, std::string& replies) {
  replies += reply;
  message_.clear();
  in_text_ = false;
  state_ = State::commands;
}

std::size_t Dialogue::read_line(std::string_view input, std::string& replies) {
  const std::size_t end = input.find('\n');
  const std::size_t taken = end == std::string_view::npos ? input.size() : end + 1;
  if (line_.size() + taken > kLineBytesMax) {
    state_ = State::broken;
    return taken;
  }
  if (end == std::string_view::npos) {
    line_ += input;
  } else if (line_.empty()) {
    obey(input.substr(0, taken), replies);
  } else {
    line_ += input.substr(0, taken);
    obey(line_, replies);
    line_.clear();
  }
  return taken;
}

void Dialogue::obey(std::string_view line, std::string& replies) {
  switch (verb_of(line)) {
    case verb_of("EHLO"): replies += "250-limit\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"; return;
    case verb_of("HELO"):
    case verb_of("MAIL"):
    case verb_of("RCPT"):
    case verb_of("RSET"):
    case verb_of("NOOP"): replies += "250 2.0.0 Ok\r\n"; return;
    case verb_of("DATA"):
      replies += "354 go\r\n";
      in_text_ = true;
      matched_ = kLineEndMatched;
      return;
    case verb_of("QUIT"): replies += "221 2.0.0 bye\r\n"; return;
    default: replies += "500 5.5.1 what\r\n";
  }
}

std::size_t Dialogue::read_text(std::string_view input) {
  std::size_t at = 0;
  while (at < input.size() && matched_ < kEndOfText.size()) {
    if (matched_ == 0) {
      const std::size_t cr = input.find('\r', at);
      if (cr == std::string_view::npos) {
        at = input.size();
        break;
      }
      at = cr + 1;
      matched_ = 1;
      continue;
    }
    const char byte = input[at++];
    matched_ = byte == kEndOfText[matched_] ? matched_ + 1 : byte == '\r' ? 1 : 0;
  }
  message_ += input.substr(0, at);
  if (matched_ == kEndOfText.size()) {
    message_.resize(message_.size() - std::strlen(".\r\n"));
    state_ = State::complete;
  } else if (message_.size() > kMessageBytesMax) {
    state_ = State::broken;
  }
  return at;
}

}  // namespace postern::limit
