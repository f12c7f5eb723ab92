#include "policy/expand/header_text.h"

#include <algorithm>
#include <array>

#include "engine/smtp/chars.h"
#include "policy/expand/list_items.h"
#include "policy/expand/operators.h"

namespace postern::expand {

namespace {

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view trim_end(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// The lines of a folded field end with LF alone.
void unfold_line_ends(std::string& text, std::size_t from) {
  std::size_t to = from;
  for (std::size_t at = from; at < text.size(); ++at) {
    if (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n') continue;
    text[to++] = text[at];
  }
  text.resize(to);
}

// Several of these are one list of addresses.
bool holds_addresses(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 6> kNames = {"from", "to", "cc", "bcc", "sender", "reply-to"};
  return std::ranges::any_of(kNames, [&](std::string_view known) { return smtp::equal_ignoring_case(known, name); });
}

// RFC 2047's encoded words become what they stand for; a text in which one cannot be read stays as it is.
void decode(std::string& out) {
  const OperatorDef* const decoder = find_operator("rfc2047d");
  if (decoder == nullptr || decoder->apply == nullptr || out.find("=?") == out.npos) return;
  const std::string before = out;
  std::string why;
  if (!decoder->apply(out, 0, {}, why)) out = before;
}

}  // namespace

bool has_header(const EvalContext& context, std::string_view name) {
  std::size_t at = 0;
  return context.header(name, at).has_value();
}

bool append_header(const EvalContext& context, std::string_view name, HeaderForm form, std::size_t bytes_max,
                   std::string& out) {
  std::size_t at = 0;
  const std::size_t begin = out.size();
  bool first = true;
  const std::string_view between = holds_addresses(name) ? ",\n" : "\n";
  while (const auto field = context.header(name, at)) {
    if (out.size() + 2 * field->size() + 2 > bytes_max) return false;
    if (form == HeaderForm::raw) {
      out.append(*field).append("\n");
    } else if (form == HeaderForm::list) {
      append_item(out, trim_end(*field), ':', first);
    } else {
      if (!first) out.append(between);
      out.append(trim(*field));
    }
    first = false;
  }
  unfold_line_ends(out, begin);
  if (form == HeaderForm::decoded || form == HeaderForm::body) decode(out);
  return out.size() <= bytes_max;
}

}  // namespace postern::expand
