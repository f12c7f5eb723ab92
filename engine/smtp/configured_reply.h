// Reply texts from configuration, which may bring their own codes: "550 5.7.1 Go away".
#pragma once

#include <string_view>

#include "engine/smtp/reply.h"

namespace postern::smtp {

struct ConfiguredReply {
  Reply reply;
  bool has_own_enhanced = false;  // from the text: it is written whether or not the peer was offered such codes
};

// The reply code at the front of a text, and the bytes of it, of an enhanced code of the same class behind it, and of the
// blanks. Without a reply code the enhanced one is of class 5.
struct CodePrefix {
  int code = 0;  // 0: there is none
  std::size_t bytes = 0;
};
[[nodiscard]] CodePrefix code_prefix(std::string_view text) noexcept;

// `text` in the place of `built_in`. A code at its front counts when its first digit is that of the built-in code, or
// `any_class`; otherwise it is taken off and the built-in one stays. Without an enhanced code of its own the text gets the
// built-in's, or "other" (x.0.0) when it brought another reply code. An empty text leaves the built-in reply.
[[nodiscard]] ConfiguredReply configured_reply(std::string_view text, const Reply& built_in, bool any_class = false) noexcept;

}  // namespace postern::smtp
