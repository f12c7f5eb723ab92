#include "policy/expand/text_utf8.h"

#include "engine/base/utf8.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

constexpr bool is_continuation(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// What a first byte promises; 1 for one that begins nothing.
constexpr std::size_t promised_length(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  if (byte < 0xc2 || byte > 0xf7) return 1;
  return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

// Bytes of the ill-formed sequence at the start of `text`.
std::size_t broken_length(std::string_view text) noexcept {
  const std::size_t promised = promised_length(text.front());
  std::size_t length = 1;
  while (length < promised && length < text.size() && is_continuation(text[length])) ++length;
  return length;
}

}  // namespace

bool utf8clean(std::string& out, std::size_t from, std::string_view, std::string&) {
  const std::string operand = take_operand(out, from);
  for (std::string_view rest = operand; !rest.empty();) {
    const std::size_t good = utf8_sequence_length(rest);
    out.append(good != 0 ? rest.substr(0, good) : std::string_view("?"));
    rest.remove_prefix(good != 0 ? good : broken_length(rest));
  }
  return true;
}

bool from_utf8(std::string& out, std::size_t from, std::string_view, std::string&) {
  const std::string operand = take_operand(out, from);
  for (std::string_view rest = operand; !rest.empty();) {
    const std::size_t good = utf8_sequence_length(rest);
    const auto first = static_cast<unsigned char>(rest.front());
    if (good == 1) {
      out.push_back(rest.front());
    } else if (good == 2 && first <= 0xc3) {
      out.push_back(static_cast<char>((first & 3) << 6 | (static_cast<unsigned char>(rest[1]) & 0x3f)));
    } else {
      out.push_back('_');
    }
    rest.remove_prefix(good != 0 ? good : broken_length(rest));
  }
  return true;
}

}  // namespace postern::expand
