// Canonical forms of header fields and bodies, RFC 6376 section 3.4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/smtp/header_view.h"

namespace postern::message {

enum class Canon : std::uint8_t { simple, relaxed };
[[nodiscard]] std::string_view to_string(Canon canon) noexcept;

// Appends the field in its canonical form, CR LF at its end included (sections 3.4.1 and 3.4.2). The field is as HeaderView
// gives it: name and value lie in one piece.
void append_canonical(std::string& out, Canon canon, const smtp::HeaderField& field);
// The same without the CR LF, and with the bytes from `cut_begin` to `cut_end` of the value left out: a signature's own field,
// whose b= counts as empty (section 3.7).
void append_canonical_signature(std::string& out, Canon canon, const smtp::HeaderField& field, std::size_t cut_begin,
                                std::size_t cut_end);

// Takes canonical bytes, in order. They are borrowed for the call.
class CanonicalSink {
 public:
  virtual ~CanonicalSink() = default;
  virtual void canonical(std::string_view bytes) = 0;
};

// The canonical form of a body that passes in pieces, cut anywhere (sections 3.4.3 and 3.4.4). Line ends are CR LF; a CR or LF
// that stands alone is a byte like others.
class BodyCanonicalizer {
 public:
  // The sink is borrowed for life.
  BodyCanonicalizer(Canon canon, CanonicalSink& sink) noexcept : sink_(&sink), canon_(canon) {}

  void feed(std::string_view bytes);
  // The body has ended. Once.
  void finish();

 private:
  void feed_simple(std::string_view bytes);
  void feed_relaxed(std::string_view bytes);
  void put(std::string_view bytes);
  void put_line_ends();
  void flush();

  static constexpr std::size_t kBufferBytes = 2048;

  CanonicalSink* sink_;
  Canon canon_;
  bool held_cr_ = false;          // the last byte so far; what follows says what it is
  bool held_blank_ = false;       // relaxed: blanks that may end the line
  bool has_content_ = false;      // something other than line ends was there
  std::uint64_t held_lines_ = 0;  // line ends that may end the body
  std::size_t buffered_ = 0;      // relaxed
  std::array<char, kBufferBytes> buffer_;
};

}  // namespace postern::message
