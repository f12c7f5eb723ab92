#include "engine/smtp/header_view.h"

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"
#include "engine/smtp/chars.h"

namespace postern::smtp {
namespace {

constexpr std::string_view kReceived = "received:";

bool names_received(std::string_view line_start) noexcept { return equal_ignoring_case(line_start, kReceived); }

// Bytes up to and with the next LF; all of them when there is none.
std::size_t line_bytes(std::string_view text) noexcept {
  const void* line_feed = text.empty() ? nullptr : std::memchr(text.data(), '\n', text.size());
  if (line_feed == nullptr) return text.size();
  return static_cast<std::size_t>(static_cast<const char*>(line_feed) - text.data()) + 1;
}

bool is_name_char(char c) noexcept { return c > ' ' && c < 127 && c != ':'; }

std::string_view without_line_end(std::string_view line) noexcept {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

// Hops from line feed to line feed, with a look at what stands behind each.
std::size_t HeaderScanner::step(std::string_view text) noexcept {
  static_assert(kReceived.size() == kLineStartBytes);
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* at = begin;
  while (at < end && !complete_) {
    const auto left = static_cast<std::size_t>(end - at);
    if (!in_line_ && (left < kLineStartBytes || line_start_bytes_ > 0 || *at == '\r')) {
      at += step_line_start({at, left});
      continue;
    }
    if (!in_line_ && (*at | 0x20) == 'r' && names_received({at, kLineStartBytes})) ++received_;
    const void* const line_feed = std::memchr(at, '\n', left);
    in_line_ = line_feed == nullptr;
    at = in_line_ ? end : static_cast<const char*>(line_feed) + 1;
  }
  const auto taken = static_cast<std::size_t>(at - begin);
  bytes_ += taken;
  return taken;
}

// The start of a line in pieces, or a line too short to be told apart by its first bytes: byte by byte.
std::size_t HeaderScanner::step_line_start(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    line_start_[line_start_bytes_++] = c;
    const std::string_view start(line_start_.data(), line_start_bytes_);
    if (c == '\n') {
      complete_ = start == "\r\n";
      line_start_bytes_ = 0;
      return at + 1;
    }
    if (line_start_bytes_ == kLineStartBytes) {
      received_ += names_received(start) ? 1 : 0;
      line_start_bytes_ = 0;
      in_line_ = true;
      return at + 1;
    }
  }
  return text.size();
}

PeerView HeaderField::trimmed() const noexcept {
  std::string_view text = value.view();
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return PeerView(text);
}

PeerView HeaderView::block() const {
  if (bytes_ == 0) return {};
  const Slice& first = (*text_)[0];
  if (first.size() >= bytes_) return PeerView(first.view().substr(0, bytes_));
  if (joined_ == nullptr) join();
  return PeerView(std::string_view(joined_, bytes_));
}

void HeaderView::join() const {
  POSTERN_CHECK(text_->size() >= bytes_);
  char* to = nullptr;
  if (bytes_ <= BlockPool::kLargest) {
    Block& block = pool_->acquire(bytes_);
    pooled_ = Slice(block, block.bytes(), bytes_);
    to = block.bytes();
  } else {
    large_ = std::make_unique_for_overwrite<char[]>(bytes_);
    to = large_.get();
  }
  joined_ = to;
  for (std::size_t left = bytes_, i = 0; left > 0; ++i) {
    const std::string_view piece = (*text_)[i].view().substr(0, left);
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
    left -= piece.size();
  }
}

std::optional<HeaderField> HeaderView::next_field(std::string_view& rest) noexcept {
  if (rest.empty() || rest.starts_with("\r\n")) return std::nullopt;
  std::size_t end = line_bytes(rest);
  while (end < rest.size() && is(CharClass::blank, rest[end])) end += line_bytes(rest.substr(end));
  const std::string_view field = without_line_end(rest.substr(0, end));
  rest.remove_prefix(end);

  std::size_t name_bytes = 0;
  while (name_bytes < field.size() && is_name_char(field[name_bytes])) ++name_bytes;
  const std::size_t colon = name_bytes + run_length(CharClass::blank, field.substr(name_bytes));
  if (name_bytes == 0 || colon == field.size() || field[colon] != ':') return HeaderField{{}, PeerView(field)};
  return HeaderField{PeerView(field.substr(0, name_bytes)), PeerView(field.substr(colon + 1))};
}

std::optional<HeaderField> HeaderView::find(std::string_view name) const {
  std::string_view rest = block().view();
  while (std::optional<HeaderField> field = next_field(rest))
    if (equal_ignoring_case(field->name.view(), name)) return field;
  return std::nullopt;
}

}  // namespace postern::smtp
