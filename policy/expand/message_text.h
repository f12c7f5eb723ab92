// What variables show of a message's text, RFC 5322 section 2, from its bytes as they are stored: each line ends with CR LF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::expand {

// message_body_visible, message_body_newlines.
struct BodyShown {
  static constexpr std::uint32_t kCharactersMax = 65'536;

  std::uint32_t characters = 500;  // a line end is one
  bool newlines = false;           // line ends are shown as such, and not as blanks
};

// The beginning and the end of a body that goes by, for $message_body, $message_body_end and $body_zerocount. Holds at most six
// bytes for each character that is shown. One shard.
class BodyEnds {
 public:
  explicit BodyEnds(BodyShown shown) noexcept : shown_(shown) {}

  // The next bytes, in order.
  void feed(std::string_view bytes);

  // Zero bytes are shown as blanks.
  void append_start(std::string& out) const;
  void append_end(std::string& out) const;
  [[nodiscard]] std::uint64_t zero_bytes() const noexcept { return zero_bytes_; }

 private:
  // A character takes two bytes at most.
  [[nodiscard]] std::size_t bytes_kept() const noexcept { return std::size_t{2} * shown_.characters; }

  BodyShown shown_;
  std::string start_;
  std::string end_;  // and what stands before it, to twice what is kept
  std::uint64_t zero_bytes_ = 0;
};

// Of the fields of a header one after the other, each ended by LF, what $message_headers is and $message_headers_raw is not:
// encoded words decoded, without white space at the end.
void decode_header(std::string& fields);

}  // namespace postern::expand
