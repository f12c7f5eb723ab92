#include "policy/dcc/reply.h"

#include <algorithm>
#include <utility>

namespace postern::dcc {

namespace {

constexpr std::string_view kFieldStart = "X-DCC";

bool is_field_byte(char c) noexcept { return c == '\t' || (c >= ' ' && c <= '~'); }

bool begins_field(std::string_view line) noexcept {
  return line.starts_with(kFieldStart) && line.find(':') < line.find_first_of(" \t");
}

bool is_recipient_letter(char c) noexcept { return c == 'A' || c == 'R' || c == 'G'; }

}  // namespace

void ReplyReader::break_off(std::string_view why) noexcept {
  state_ = State::broken;
  why_ = why;
}

// A byte more than is good, so that too long a line is told from one that just fits; and one for a CR.
std::size_t ReplyReader::kept_bytes_max() const noexcept {
  switch (part_) {
    case Part::overall: return kOverallBytesMax;
    case Part::recipients: return recipients_ + 2;
    case Part::header: return kHeaderBytesMax + 2;
    case Part::rest: break;
  }
  return 2;
}

ReplyReader::State ReplyReader::feed(std::string_view bytes) {
  while (state_ == State::more && !bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    const std::size_t kept = std::min(piece.size(), kept_bytes_max() - line_.size());
    line_.append(piece.substr(0, kept));
    if (kept < piece.size()) cut_ = true;
    const std::size_t consumed = end == std::string_view::npos ? piece.size() : piece.size() + 1;
    bytes.remove_prefix(consumed);
    bytes_ += consumed;
    if (bytes_ > recipients_ + kReplyBytesMax) break_off("its reply is too long");
    if (end != std::string_view::npos && state_ == State::more) take_line();
  }
  return state_;
}

void ReplyReader::take_line() {
  if (!cut_ && line_.ends_with('\r')) line_.pop_back();
  switch (part_) {
    case Part::overall:
      reply_.overall = std::exchange(line_, {});
      part_ = Part::recipients;
      break;
    case Part::recipients:
      if (!cut_ && line_.size() == recipients_ && std::ranges::all_of(line_, is_recipient_letter)) reply_.recipients = line_;
      part_ = Part::header;
      break;
    case Part::header: take_header_line(); break;
    case Part::rest:
      if (line_.empty()) state_ = State::complete;
      break;
  }
  line_.clear();
  cut_ = false;
}

void ReplyReader::take_header_line() {
  const bool continues = !header_.empty() && (line_.starts_with(' ') || line_.starts_with('\t'));
  if (!continues && (!header_.empty() || !begins_field(line_))) {
    part_ = Part::rest;
    if (line_.empty()) state_ = State::complete;
    return;
  }
  if (cut_ || header_.size() + line_.size() >= kHeaderBytesMax || !std::ranges::all_of(line_, is_field_byte))
    header_is_bad_ = true;
  if (!header_is_bad_ || header_.empty()) header_.append(line_).push_back('\n');
}

ReplyReader::State ReplyReader::end() {
  if (state_ != State::more) return state_;
  if (part_ == Part::overall || part_ == Part::recipients) {
    break_off("it hung up before it had answered");
    return state_;
  }
  // A field whose end did not come is no field.
  if (part_ == Part::header && (!line_.empty() || cut_)) header_is_bad_ = true;
  return state_ = State::complete;
}

Reply ReplyReader::take() {
  if (!header_is_bad_) reply_.header = PeerText(std::move(header_));
  return std::move(reply_);
}

Result judge(Reply reply) {
  Result result{.status = Status::defer,
                .letter = "T",
                .header = std::move(reply.header),
                .recipients = std::move(reply.recipients),
                .text = "Unknown DCC response",
                .log = {}};
  const char overall = reply.overall.size() == 1 ? reply.overall.front() : '\0';
  switch (overall) {
    case 'A':
      result.status = Status::accept;
      result.letter = "A";
      result.text = "Mail accepted by DCC";
      break;
    case 'S':
      result.status = Status::accept;
      result.letter = "A";
      result.text = "Not all recipients accepted by DCC";
      break;
    case 'R':
      result.status = Status::reject;
      result.letter = "R";
      result.text = "Rejected by DCC";
      result.log = "rejected by DCC";
      break;
    case 'G':
      result.status = Status::reject;
      result.letter = "G";
      result.text = "Greylisted by DCC";
      break;
    case 'T':
      result.text = "Temporary error with DCC";
      result.log = "Temporary error with DCC: T";
      break;
    default: result.log = "Unknown DCC response: " + printable(reply.overall, kOverallBytesMax); break;
  }
  return result;
}

Result failed(std::string why) {
  Result result;
  result.text = "Temporary error with DCC";
  result.log = "DCC: " + std::move(why);
  return result;
}

std::string added_fields(const Result& result, std::string_view extra) {
  std::string fields(result.header.view());
  fields.append(extra);
  if (!extra.empty() && !extra.ends_with('\n')) fields.push_back('\n');
  return fields;
}

}  // namespace postern::dcc
