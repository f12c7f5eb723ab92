// Replies and their form on the wire: RFC 5321 sections 4.2, 4.2.1 and 4.5.3.1.5, RFC 2034 section 4. Whatever the text holds
// (it may quote a stranger), what is written is one reply and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/smtp/enhanced.h"

namespace postern::smtp {

inline constexpr std::size_t kReplyLineBytesMax = 512;  // with code and CR LF, RFC 5321 section 4.5.3.1.5
inline constexpr std::size_t kReplyLinesMax = 100;      // text beyond it is dropped

// Borrowed text.
struct Reply {
  int code = 250;  // 200 to 599
  EnhancedCode enhanced;
  std::string_view text;  // LF or CR LF separates lines

  friend constexpr bool operator==(const Reply&, const Reply&) = default;
};

struct ReplyFormat {
  bool enhanced_codes = true;  // false: the peer was not offered ENHANCEDSTATUSCODES; Reply::enhanced is left out
  bool allow_utf8 = false;     // false: 8-bit bytes become '?', as broken UTF-8 always does (RFC 6531 section 3.7.4.2)
};

// Appends the reply, a line for each line of its text. Longer lines are broken, at a blank where one is near; controls become
// '?', tabs blanks.
void append_reply(std::string& out, const Reply& reply, ReplyFormat format = {});
// The same into a buffer: the bytes written, 0 when they do not fit (then the buffer holds a part of them).
[[nodiscard]] std::size_t write_reply(std::span<char> buffer, const Reply& reply, ReplyFormat format = {}) noexcept;

// A reply whose lines are made one by one: EHLO. No enhanced codes (RFC 2034 section 4).
class ReplyLines {
 public:
  // Appends to `out`, which outlives this object.
  ReplyLines(std::string& out, int code) noexcept : out_(out), code_(code) {}
  ReplyLines(const ReplyLines&) = delete;
  ReplyLines& operator=(const ReplyLines&) = delete;
  ~ReplyLines() { finish(); }

  // A line; what does not fit into one is cut off.
  void add(std::string_view text);
  // Makes the line added last the end of the reply.
  void finish() noexcept;

 private:
  std::string& out_;
  int code_;
  std::size_t separator_at_ = 0;  // where the '-' of the last line stands
  bool is_open_ = false;
};

}  // namespace postern::smtp
