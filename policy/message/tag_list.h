// Tag lists, RFC 6376 section 3.2: "name=value; name=value", in DKIM and ARC signature fields and in key records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/peer_text.h"

namespace postern::message {

enum class TagListFault : std::uint8_t {
  too_long,   // more than TagList::kBytesMax
  too_many,   // more than TagList::kTagsMax tags
  syntax,     // not what the RFC's grammar says
  duplicate,  // a tag stands twice
};
[[nodiscard]] std::string_view to_string(TagListFault fault) noexcept;

struct Tag {
  PeerView name;
  PeerView value;  // without the white space around it; folds inside stay
  // All between "=" and ";" (or the end), as positions in the text: what is left out of a signature's own field.
  std::size_t value_begin = 0;
  std::size_t value_end = 0;
};

// Views into the text that was read. Names are case-sensitive. Unknown tags are kept; nobody asks for them.
class TagList {
 public:
  static constexpr std::size_t kBytesMax = 64 * 1024;
  static constexpr std::size_t kTagsMax = 64;

  // Values may hold bytes above 127 (RFC 8616 section 5); each tag has its own word on that.
  [[nodiscard]] static std::expected<TagList, TagListFault> read(PeerView text);

  // nullptr when it is not there; an empty value is there.
  [[nodiscard]] const Tag* find(std::string_view name) const noexcept;
  [[nodiscard]] const std::vector<Tag>& tags() const noexcept { return tags_; }

 private:
  std::vector<Tag> tags_;
};

// Blanks and line ends, of which folding white space is made.
[[nodiscard]] constexpr bool is_folding_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
[[nodiscard]] std::string_view trim_folding_space(std::string_view text) noexcept;

// Takes the next item of a list with `separator` off the front of `rest`, white space around it left out. False at the end; an
// empty text has one empty item, so begin with `more` true.
//   for (bool more = true; more;) { item = next_item(rest, ':', more); ... }
[[nodiscard]] std::string_view next_item(std::string_view& rest, char separator, bool& more) noexcept;

// dkim-quoted-printable (RFC 6376 section 2.11), white space left out. False, with `out` as it was, when it is none.
[[nodiscard]] bool append_unquoted(std::string& out, std::string_view text);

}  // namespace postern::message
