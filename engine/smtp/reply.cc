#include "engine/smtp/reply.h"

#include <algorithm>
#include <charconv>

#include "engine/base/check.h"
#include "engine/base/utf8.h"
#include "engine/smtp/chars.h"

namespace postern::smtp {
namespace {

// Code, separator, enhanced code and its blank: "250-2.1.5 ".
struct Prefix {
  static constexpr std::size_t kBytesMax = 4 + 10;  // "5.999.999 " is 10
  char bytes[kBytesMax];
  std::size_t size = 0;

  void put(char c) noexcept { bytes[size++] = c; }
  void put_number(unsigned value) noexcept {
    const auto [end, error] = std::to_chars(bytes + size, bytes + kBytesMax, value);
    size = static_cast<std::size_t>(end - bytes);
  }
};

constexpr std::size_t kSeparatorAt = 3;

Prefix make_prefix(int code, EnhancedCode enhanced) noexcept {
  POSTERN_CHECK(code >= 200 && code <= 599);
  POSTERN_CHECK(enhanced.is_none() || enhanced.status_class == code / 100);
  POSTERN_CHECK(enhanced.subject <= 999 && enhanced.detail <= 999);
  Prefix prefix;
  prefix.put_number(static_cast<unsigned>(code));
  prefix.put('-');
  if (enhanced.is_none()) return prefix;
  prefix.put_number(enhanced.status_class);
  prefix.put('.');
  prefix.put_number(enhanced.subject);
  prefix.put('.');
  prefix.put_number(enhanced.detail);
  prefix.put(' ');
  return prefix;
}

// Where the bytes go. append() is false when there is no room.
class StringOut {
 public:
  explicit StringOut(std::string& out) noexcept : out_(out) {}
  bool append(std::string_view bytes) {
    out_ += bytes;
    return true;
  }
  [[nodiscard]] std::size_t size() const noexcept { return out_.size(); }
  void set(std::size_t at, char c) noexcept { out_[at] = c; }

 private:
  std::string& out_;
};

class BufferOut {
 public:
  explicit BufferOut(std::span<char> buffer) noexcept : buffer_(buffer) {}
  bool append(std::string_view bytes) noexcept {
    if (bytes.size() > buffer_.size() - size_) return false;
    std::copy(bytes.begin(), bytes.end(), buffer_.data() + size_);
    size_ += bytes.size();
    return true;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  void set(std::size_t at, char c) noexcept { buffer_[at] = c; }

 private:
  std::span<char> buffer_;
  std::size_t size_ = 0;
};

// `text` (one line) with nothing in it that is not text.
template <class Out>
bool append_safe(Out& out, std::string_view text, bool allow_utf8) {
  while (!text.empty()) {
    std::size_t run = 0;
    while (run < text.size() && !is(CharClass::control | CharClass::high, text[run])) ++run;
    if (run > 0 && !out.append(text.substr(0, run))) return false;
    text.remove_prefix(run);
    if (text.empty()) break;
    const std::size_t utf8_bytes = allow_utf8 && is(CharClass::high, text[0]) ? utf8_sequence_length(text) : 0;
    // The C1 controls are controls in UTF-8 too.
    const bool is_c1 = utf8_bytes == 2 && text[0] == '\xc2' && static_cast<unsigned char>(text[1]) < 0xa0;
    const std::string_view safe = utf8_bytes > 0 && !is_c1 ? text.substr(0, utf8_bytes) : text[0] == '\t' ? " " : "?";
    if (!out.append(safe)) return false;
    text.remove_prefix(std::max<std::size_t>(utf8_bytes, 1));
  }
  return true;
}

// How much of `text` goes into one line of `room` bytes: up to a blank in the second half if there is one, and never half a
// UTF-8 sequence.
std::size_t fitting(std::string_view text, std::size_t room) noexcept {
  if (text.size() <= room) return text.size();
  const std::size_t blank = text.substr(0, room + 1).rfind(' ');
  if (blank != text.npos && blank >= room / 2) return blank;
  std::size_t count = room;
  while (count > room - 4 && (static_cast<unsigned char>(text[count]) & 0xc0) == 0x80) --count;
  return count;
}

// The first line of `text` is taken from it.
std::string_view take_line(std::string_view& text) noexcept {
  const std::size_t lf = text.find('\n');
  std::string_view line = text.substr(0, lf);
  if (line.ends_with('\r')) line.remove_suffix(1);
  text.remove_prefix(lf == text.npos ? text.size() : lf + 1);
  return line;
}

// Every line is written as one that others follow; the last one is put right when it is known.
template <class Out>
bool write_lines(Out& out, const Reply& reply, ReplyFormat format) {
  const Prefix prefix = make_prefix(reply.code, format.enhanced_codes ? reply.enhanced : EnhancedCode{});
  const std::size_t room = kReplyLineBytesMax - prefix.size - 2;
  std::string_view text = reply.text;
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  std::size_t separator_at = 0;
  std::size_t lines = 0;
  do {
    std::string_view line = take_line(text);
    do {
      const std::size_t count = fitting(line, room);
      separator_at = out.size() + kSeparatorAt;
      if (!out.append({prefix.bytes, prefix.size})) return false;
      if (!append_safe(out, line.substr(0, count), format.allow_utf8) || !out.append("\r\n")) return false;
      line.remove_prefix(count);
      if (line.starts_with(' ')) line.remove_prefix(1);
      ++lines;
    } while (!line.empty() && lines < kReplyLinesMax);
  } while (!text.empty() && lines < kReplyLinesMax);
  out.set(separator_at, ' ');
  return true;
}

}  // namespace

void append_reply(std::string& out, const Reply& reply, ReplyFormat format) {
  StringOut to(out);
  static_cast<void>(write_lines(to, reply, format));
}

std::size_t write_reply(std::span<char> buffer, const Reply& reply, ReplyFormat format) noexcept {
  BufferOut to(buffer);
  return write_lines(to, reply, format) ? to.size() : 0;
}

void ReplyLines::add(std::string_view text) {
  const Prefix prefix = make_prefix(code_, {});
  separator_at_ = out_.size() + kSeparatorAt;
  out_.append(prefix.bytes, prefix.size);
  StringOut to(out_);
  static_cast<void>(append_safe(to, text.substr(0, fitting(text, kReplyLineBytesMax - prefix.size - 2)), false));
  out_ += "\r\n";
  is_open_ = true;
}

void ReplyLines::finish() noexcept {
  if (is_open_) out_[separator_at_] = ' ';
  is_open_ = false;
}

}  // namespace postern::smtp
