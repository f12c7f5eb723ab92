#include "policy/message/canonical.h"

#include <algorithm>
#include <cstring>

#include "engine/smtp/chars.h"
#include "policy/message/tag_list.h"

namespace postern::message {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

// All of the field as it stands, from the name to the end of the value.
std::string_view whole(const smtp::HeaderField& field) noexcept {
  const std::string_view name = field.name.view();
  const std::string_view value = field.value.view();
  return {name.data(), static_cast<std::size_t>(value.data() - name.data()) + value.size()};
}

// Relaxes a value that comes in pieces: unfolds it, makes one space of blanks, and none where it begins and ends.
class ValueRelaxer {
 public:
  explicit ValueRelaxer(std::string& out) noexcept : out_(out) {}

  void add(std::string_view piece) {
    for (std::size_t at = 0; at < piece.size(); ++at) {
      const char c = piece[at];
      if (is_blank(c)) {
        held_blank_ = begun_;
        continue;
      }
      if (piece.substr(at, 2) == kLineEnd) {
        ++at;
        continue;
      }
      if (held_blank_) out_.push_back(' ');
      held_blank_ = false;
      begun_ = true;
      out_.push_back(c);
    }
  }

 private:
  std::string& out_;
  bool begun_ = false;
  bool held_blank_ = false;
};

void append_pieces(std::string& out, Canon canon, const smtp::HeaderField& field, std::string_view first,
                   std::string_view second) {
  if (canon == Canon::simple) {
    const std::string_view all = whole(field);
    out += all.substr(0, all.size() - field.value.size());
    out += first;
    out += second;
    return;
  }
  smtp::append_lower(out, field.name.view());
  out += ':';
  ValueRelaxer relaxer(out);
  relaxer.add(first);
  relaxer.add(second);
}

}  // namespace

std::string_view to_string(Canon canon) noexcept { return canon == Canon::simple ? "simple" : "relaxed"; }

void append_canonical(std::string& out, Canon canon, const smtp::HeaderField& field) {
  append_pieces(out, canon, field, field.value.view(), {});
  out += kLineEnd;
}

void append_canonical_signature(std::string& out, Canon canon, const smtp::HeaderField& field, std::size_t cut_begin,
                                std::size_t cut_end) {
  const std::string_view value = field.value.view();
  append_pieces(out, canon, field, value.substr(0, cut_begin), value.substr(cut_end));
}

void BodyCanonicalizer::feed(std::string_view bytes) {
  if (bytes.empty()) return;
  if (canon_ == Canon::simple)
    feed_simple(bytes);
  else
    feed_relaxed(bytes);
}

// Whole pieces pass as they are; only the line ends at their ends are held back.
void BodyCanonicalizer::feed_simple(std::string_view bytes) {
  if (held_cr_ && bytes.front() == '\n') {
    ++held_lines_;
    bytes.remove_prefix(1);
  } else if (held_cr_) {
    put_line_ends();
    sink_->canonical("\r");
    has_content_ = true;
  }
  held_cr_ = bytes.ends_with('\r');
  if (held_cr_) bytes.remove_suffix(1);
  std::uint64_t lines = 0;
  for (; bytes.ends_with(kLineEnd); ++lines) bytes.remove_suffix(kLineEnd.size());
  if (!bytes.empty()) {
    put_line_ends();
    sink_->canonical(bytes);
    has_content_ = true;
  }
  held_lines_ += lines;
}

void BodyCanonicalizer::feed_relaxed(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const char c = bytes[at];
    if (held_cr_) {
      held_cr_ = false;
      if (c == '\n') {
        held_blank_ = false;
        ++held_lines_;
        ++at;
        continue;
      }
      put("\r");
    }
    if (is_blank(c)) {
      held_blank_ = true;
      ++at;
    } else if (c == '\r') {
      held_cr_ = true;
      ++at;
    } else {
      const std::size_t from = at;
      while (at < bytes.size() && bytes[at] != '\r' && !is_blank(bytes[at])) ++at;
      put(bytes.substr(from, at - from));
    }
  }
}

// Content: what was held stands before it.
void BodyCanonicalizer::put(std::string_view bytes) {
  if (held_lines_ > 0) put_line_ends();
  if (buffered_ + bytes.size() + 1 > buffer_.size()) flush();
  if (held_blank_) buffer_[buffered_++] = ' ';
  held_blank_ = false;
  has_content_ = true;
  if (buffered_ + bytes.size() > buffer_.size()) {
    flush();
    sink_->canonical(bytes);
    return;
  }
  std::memcpy(&buffer_[buffered_], bytes.data(), bytes.size());
  buffered_ += bytes.size();
}

void BodyCanonicalizer::put_line_ends() {
  for (; held_lines_ > 0; --held_lines_) {
    if (buffered_ + kLineEnd.size() > buffer_.size()) flush();
    std::memcpy(&buffer_[buffered_], kLineEnd.data(), kLineEnd.size());
    buffered_ += kLineEnd.size();
  }
  if (canon_ == Canon::simple) flush();
}

void BodyCanonicalizer::flush() {
  if (buffered_ > 0) sink_->canonical({buffer_.data(), buffered_});
  buffered_ = 0;
}

void BodyCanonicalizer::finish() {
  if (held_cr_) put("\r");
  held_cr_ = false;
  flush();
  // Simple: also of a body that is empty. Relaxed: only behind content.
  if (canon_ == Canon::simple || has_content_) sink_->canonical(kLineEnd);
}

}  // namespace postern::message
