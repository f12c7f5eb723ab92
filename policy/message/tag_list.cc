#include "policy/message/tag_list.h"

#include <algorithm>

#include "engine/smtp/chars.h"

namespace postern::message {

namespace {

using smtp::CharClass;

constexpr bool is_name_char(char c) noexcept { return smtp::is(CharClass::let_dig, c) || c == '_'; }

bool is_name(std::string_view text) noexcept {
  return !text.empty() && smtp::is(CharClass::alpha, text.front()) && std::ranges::all_of(text, is_name_char);
}

bool is_value(std::string_view text) noexcept {
  return std::ranges::none_of(text, [](char c) { return smtp::is(CharClass::control, c) && !is_folding_space(c); });
}

}  // namespace

std::string_view to_string(TagListFault fault) noexcept {
  switch (fault) {
    case TagListFault::too_long: return "the tag list is too long";
    case TagListFault::too_many: return "too many tags";
    case TagListFault::syntax: return "syntax error in the tag list";
    case TagListFault::duplicate: return "a tag stands twice";
  }
  return "";
}

std::string_view trim_folding_space(std::string_view text) noexcept {
  while (!text.empty() && is_folding_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_folding_space(text.back())) text.remove_suffix(1);
  return text;
}

std::expected<TagList, TagListFault> TagList::read(PeerView peer_text) {
  const std::string_view text = peer_text.view();
  if (text.size() > kBytesMax) return std::unexpected(TagListFault::too_long);
  TagList list;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(';', at), text.size());
    const std::string_view spec = text.substr(at, end - at);
    // One semicolon may stand behind the last tag.
    if (end == text.size() && !list.tags_.empty() && trim_folding_space(spec).empty()) break;
    const std::size_t equals = spec.find('=');
    if (equals == spec.npos) return std::unexpected(TagListFault::syntax);
    const std::string_view name = trim_folding_space(spec.substr(0, equals));
    const std::string_view value = trim_folding_space(spec.substr(equals + 1));
    if (!is_name(name) || !is_value(value)) return std::unexpected(TagListFault::syntax);
    if (list.find(name) != nullptr) return std::unexpected(TagListFault::duplicate);
    if (list.tags_.size() == kTagsMax) return std::unexpected(TagListFault::too_many);
    list.tags_.push_back({PeerView(name), PeerView(value), at + equals + 1, end});
    at = end + 1;
  }
  return list;
}

const Tag* TagList::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find(tags_, name, [](const Tag& tag) { return tag.name.view(); });
  return found == tags_.end() ? nullptr : &*found;
}

std::string_view next_item(std::string_view& rest, char separator, bool& more) noexcept {
  const std::size_t end = rest.find(separator);
  more = end != rest.npos;
  const std::string_view item = trim_folding_space(rest.substr(0, end));
  rest.remove_prefix(more ? end + 1 : rest.size());
  return item;
}

bool append_unquoted(std::string& out, std::string_view text) {
  const std::size_t before = out.size();
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_folding_space(text[at])) continue;
    if (text[at] != '=') {
      out.push_back(text[at]);
      continue;
    }
    const std::string_view digits = text.substr(at + 1, 2);
    if (digits.size() != 2 || !smtp::all_of(CharClass::hex, digits)) {
      out.resize(before);
      return false;
    }
    out.push_back(static_cast<char>(smtp::hex_value(digits[0]) << 4 | smtp::hex_value(digits[1])));
    at += 2;
  }
  return true;
}

}  // namespace postern::message
