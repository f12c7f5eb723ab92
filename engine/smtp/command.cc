#include "engine/smtp/command.h"

#include <cstring>

#include "engine/smtp/chars.h"

namespace postern::smtp {
namespace {

constexpr std::uint64_t repeat_byte(std::uint8_t byte) noexcept { return 0x0101010101010101U * byte; }

// Bytes at the start that need no look: neither controls nor 8-bit. Eight at a time: commands are short, so that a function
// call to something wider costs more than it saves.
std::size_t plain_run(std::string_view text) noexcept {
  std::size_t at = 0;
  for (; text.size() - at >= 8; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    // The top bit of a byte is set when the byte is below 0x20 (the subtraction borrows) or above 0x7f.
    if ((((word - repeat_byte(0x20)) | word) & repeat_byte(0x80)) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) - 0x20U < 0x60U) ++at;
  return at;
}

LineStep ended(LineStep step, ParseStatus status, std::string_view line, std::size_t consumed) noexcept {
  step.status = status;
  step.line = line;
  step.consumed = consumed;
  return step;
}

LineStep unended(LineStep step, std::string_view window, bool is_full) noexcept {
  step.line = window;
  if (!is_full) return step;
  // A CR stays for the skipper, who may find its LF behind the limit.
  step.status = ParseStatus::too_long;
  step.consumed = window.ends_with('\r') ? window.size() - 1 : window.size();
  return step;
}

// Four letters as a number, in lower case. Bit 0x20 maps exactly the two cases of a letter to its lower one.
constexpr std::uint32_t four(std::string_view letters) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<unsigned char>(letters[i])} << (8 * i);
  return value | 0x20202020U;
}

Verb four_letter_verb(std::string_view word) noexcept {
  switch (four(word)) {
    case four("mail"): return Verb::mail;
    case four("rcpt"): return Verb::rcpt;
    case four("data"): return Verb::data;
    case four("bdat"): return Verb::bdat;
    case four("ehlo"): return Verb::ehlo;
    case four("helo"): return Verb::helo;
    case four("lhlo"): return Verb::lhlo;
    case four("rset"): return Verb::rset;
    case four("noop"): return Verb::noop;
    case four("quit"): return Verb::quit;
    case four("vrfy"): return Verb::vrfy;
    case four("expn"): return Verb::expn;
    case four("help"): return Verb::help;
    case four("etrn"): return Verb::etrn;
    case four("auth"): return Verb::auth;
    default: return Verb::unknown;
  }
}

Command split_line(std::string_view line) noexcept {
  std::size_t word_bytes = 0;
  while (word_bytes < line.size() && !is(CharClass::blank, line[word_bytes])) ++word_bytes;
  Command command;
  command.word = line.substr(0, word_bytes);
  command.args = trim_blanks(line.substr(word_bytes));
  command.verb = verb_from(command.word);
  return command;
}

}  // namespace

std::string_view to_string(Verb verb) noexcept {
  switch (verb) {
    case Verb::unknown: return "unknown";
    case Verb::ehlo: return "EHLO";
    case Verb::helo: return "HELO";
    case Verb::mail: return "MAIL";
    case Verb::rcpt: return "RCPT";
    case Verb::data: return "DATA";
    case Verb::rset: return "RSET";
    case Verb::noop: return "NOOP";
    case Verb::vrfy: return "VRFY";
    case Verb::expn: return "EXPN";
    case Verb::help: return "HELP";
    case Verb::quit: return "QUIT";
    case Verb::lhlo: return "LHLO";
    case Verb::bdat: return "BDAT";
    case Verb::etrn: return "ETRN";
    case Verb::starttls: return "STARTTLS";
    case Verb::auth: return "AUTH";
    case Verb::xclient: return "XCLIENT";
  }
  return "unknown";
}

Verb verb_from(std::string_view word) noexcept {
  if (word.size() == 4) return four_letter_verb(word);
  if (equal_ignoring_case(word, "STARTTLS")) return Verb::starttls;
  if (equal_ignoring_case(word, "XCLIENT")) return Verb::xclient;
  return Verb::unknown;
}

bool takes_argument(Verb verb) noexcept {
  return verb != Verb::data && verb != Verb::rset && verb != Verb::quit && verb != Verb::starttls;
}

LineStep parse_line(std::string_view input, std::size_t line_bytes_max, LineEnds ends) noexcept {
  const std::string_view window = input.substr(0, line_bytes_max);
  LineStep step;
  for (std::size_t at = 0;; ++at) {
    at += plain_run(window.substr(at));
    const bool at_end = at == window.size();
    if (at_end || (window[at] == '\r' && at + 1 == window.size()))
      return unended(step, window, window.size() == line_bytes_max);
    const char c = window[at];
    const std::string_view line = window.substr(0, at);
    if (c == '\r') {
      const bool is_line_end = window[at + 1] == '\n';
      return is_line_end ? ended(step, ParseStatus::complete, line, at + 2)
                         : ended(step, ParseStatus::bad_line_end, line, at + 1);
    }
    if (c == '\n') {
      step.ended_bare = ends == LineEnds::bare_lf_ends_line;
      return ended(step, step.ended_bare ? ParseStatus::complete : ParseStatus::bad_line_end, line, at + 1);
    }
    step.has_nul |= c == '\0';
    step.has_8bit |= is(CharClass::high, c);
  }
}

ParseStep parse_command(std::string_view input, std::size_t line_bytes_max, LineEnds ends) noexcept {
  const LineStep line = parse_line(input, line_bytes_max, ends);
  ParseStep step{.status = line.status,
                 .consumed = line.consumed,
                 .line = line.line,
                 .has_nul = line.has_nul,
                 .has_8bit = line.has_8bit,
                 .ended_bare = line.ended_bare};
  if (line.status == ParseStatus::complete) step.command = split_line(line.line);
  return step;
}

std::optional<std::string_view> behind_keyword(std::string_view args, std::string_view keyword) noexcept {
  if (!starts_with_ignoring_case(args, keyword)) return std::nullopt;
  return trim_blanks(args.substr(keyword.size()));
}

LineSkipper::Step LineSkipper::skip(std::string_view input) noexcept {
  for (std::size_t lf = input.find('\n'); lf != input.npos; lf = input.find('\n', lf + 1)) {
    const bool behind_cr = lf > 0 ? input[lf - 1] == '\r' : after_cr_;
    if (!behind_cr && ends_ == LineEnds::strict) continue;
    after_cr_ = false;
    return {true, lf + 1};
  }
  if (!input.empty()) after_cr_ = input.back() == '\r';
  return {false, input.size()};
}

}  // namespace postern::smtp
