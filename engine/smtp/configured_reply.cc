#include "engine/smtp/configured_reply.h"

#include "engine/smtp/chars.h"

namespace postern::smtp {
namespace {

// Three digits and a blank at the front; 0 when they are not there.
int code_at_front(std::string_view text) noexcept {
  const bool has_code = text.size() > 3 && all_of(CharClass::digit, text.substr(0, 3)) && is(CharClass::blank, text[3]);
  if (!has_code || text[0] < '2' || text[0] > '5') return 0;
  return (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
}

EnhancedCode other_status(int code) noexcept {
  const auto status_class = static_cast<std::uint8_t>(code / 100);
  return status_class == 3 ? EnhancedCode{} : EnhancedCode{status_class, 0, 0};
}

}  // namespace

CodePrefix code_prefix(std::string_view text) noexcept {
  const int code = code_at_front(text);
  std::string_view rest = code != 0 ? trim_blanks(text.substr(4)) : text;
  if (const EnhancedPrefix own = parse_enhanced_prefix(rest, code != 0 ? code : 550); own.bytes > 0)
    rest = trim_blanks(rest.substr(own.bytes));
  return {code, rest.empty() ? text.size() : static_cast<std::size_t>(rest.data() - text.data())};
}

ConfiguredReply configured_reply(std::string_view text, const Reply& built_in, bool any_class) noexcept {
  if (text.empty()) return {built_in, false};
  ConfiguredReply configured{{built_in.code, built_in.enhanced, text}, false};
  if (const int code = code_at_front(text); code != 0) {
    configured.reply.text = trim_blanks(text.substr(4));
    const bool counts = any_class || code / 100 == built_in.code / 100;
    if (counts && code != built_in.code) {
      configured.reply.code = code;
      configured.reply.enhanced = other_status(code);
    }
    const EnhancedPrefix own = parse_enhanced_prefix(configured.reply.text, configured.reply.code);
    if (own.bytes > 0) {
      configured.reply.enhanced = own.code;
      configured.reply.text = trim_blanks(configured.reply.text.substr(own.bytes));
      configured.has_own_enhanced = true;
    }
  } else if (const EnhancedPrefix own = parse_enhanced_prefix(text, built_in.code); own.bytes > 0) {
    configured.reply.enhanced = own.code;
    configured.reply.text = trim_blanks(text.substr(own.bytes));
    configured.has_own_enhanced = true;
  }
  return configured;
}

}  // namespace postern::smtp
