#include "policy/expand/text_addresses.h"

#include "engine/base/peer_text.h"
#include "engine/smtp/address.h"
#include "engine/smtp/chars.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

using smtp::CharClass;

constexpr bool is_atom_char(char c) noexcept { return smtp::is(CharClass::atext | CharClass::high, c); }

// Bytes of the quoted string, comment or single character at the start of `text`; all of it when it has no end.
std::size_t token_length(std::string_view text) noexcept {
  const char open = text.front();
  if (open != '"' && open != '(') return 1;
  std::size_t depth = 1;
  for (std::size_t at = 1; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\') {
      ++at;
    } else if (open == '"' ? c == '"' : c == ')') {
      if (--depth == 0) return at + 1;
    } else if (open == '(' && c == '(') {
      ++depth;
    }
  }
  return text.size();
}

class Parser {
 public:
  explicit Parser(std::string_view text) noexcept : rest_(text) {}

  std::optional<HeaderAddress> run() {
    if (!skip()) return std::nullopt;
    const std::string_view begin = rest_;
    if (skip_phrase() && at('<')) {
      rest_.remove_prefix(1);
      return in_angles();
    }
    rest_ = begin;
    return ends_with_nothing(read());
  }

 private:
  [[nodiscard]] bool at(char c) const noexcept { return rest_.starts_with(c); }

  // White space and comments (CFWS). False when a comment has no end.
  bool skip() noexcept {
    while (!rest_.empty()) {
      if (is_white(rest_.front())) {
        rest_.remove_prefix(1);
      } else if (at('(')) {
        if (!skip_comment()) return false;
      } else {
        break;
      }
    }
    return true;
  }

  bool skip_comment() noexcept {
    std::size_t depth = 0;
    std::size_t deepest = 0;
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
      } else if (rest_[i] == '(') {
        deepest = std::max(deepest, ++depth);
      } else if (rest_[i] == ')' && --depth == 0) {
        rest_.remove_prefix(i + 1);
        return deepest <= kCommentDepthMax;
      }
    }
    return false;
  }

  // Words and dots in front of an angle bracket.
  bool skip_phrase() noexcept {
    std::string ignored;
    while (skip() && !rest_.empty()) {
      if (at('.')) {
        rest_.remove_prefix(1);
      } else if (!take_word(ignored)) {
        break;
      }
    }
    return at('<');
  }

  bool take_word(std::string& out) {
    if (at('"')) {
      const std::size_t size = token_length(rest_);
      if (size < 2 || rest_[size - 1] != '"' || (size > 2 && ends_in_escape(size))) return false;
      out.append(rest_.substr(0, size));
      rest_.remove_prefix(size);
      return true;
    }
    std::size_t size = 0;
    while (size < rest_.size() && is_atom_char(rest_[size])) ++size;
    out.append(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return size != 0;
  }

  // The last quote of a string without an end belongs to a backslash.
  [[nodiscard]] bool ends_in_escape(std::size_t size) const noexcept {
    std::size_t backslashes = 0;
    while (backslashes + 2 < size && rest_[size - 2 - backslashes] == '\\') ++backslashes;
    return backslashes % 2 != 0;
  }

  std::optional<HeaderAddress> in_angles() {
    std::optional<HeaderAddress> address = read();
    if (!address || !at('>')) return std::nullopt;
    rest_.remove_prefix(1);
    return ends_with_nothing(std::move(address));
  }

  std::optional<HeaderAddress> ends_with_nothing(std::optional<HeaderAddress> address) noexcept {
    if (!skip() || !rest_.empty()) address.reset();
    return address;
  }

  // [route] local-part ["@" domain], white space and comments behind it taken too.
  std::optional<HeaderAddress> read() {
    HeaderAddress result;
    if (!skip() || !drop_route() || !take_local_part(result.local_part)) return std::nullopt;
    if (!at('@')) return result;
    rest_.remove_prefix(1);
    if (!skip() || !take_domain(result.domain)) return std::nullopt;
    return result;
  }

  // "@one,@two:".
  bool drop_route() {
    while (at('@')) {
      std::string ignored;
      rest_.remove_prefix(1);
      if (!skip() || !take_domain(ignored)) return false;
      if (at(':')) {
        rest_.remove_prefix(1);
        return skip();
      }
      if (!at(',')) return false;
      rest_.remove_prefix(1);
      if (!skip()) return false;
    }
    return true;
  }

  // Words with dots between; as Exim, also dots without words around them.
  bool take_local_part(std::string& out) {
    bool word_may_come = true;
    while (!rest_.empty()) {
      if (at('.')) {
        out.push_back('.');
        rest_.remove_prefix(1);
        word_may_come = true;
      } else if (word_may_come && take_word(out)) {
        word_may_come = false;
      } else {
        break;
      }
      if (!skip()) return false;
    }
    return !out.empty() && !out.ends_with('.');
  }

  bool take_domain(std::string& out) {
    if (at('[')) {
      const std::size_t end = rest_.find(']');
      if (end == rest_.npos) return false;
      out = rest_.substr(0, end + 1);
      rest_.remove_prefix(end + 1);
      for (const char c : std::string_view(out).substr(1, out.size() - 2))
        if (is_white(c) || c == '[' || c == '\\') return false;
      return out.size() > 2 && skip();
    }
    while (!rest_.empty()) {
      if (at('.')) {
        out.push_back('.');
        rest_.remove_prefix(1);
      } else if (out.empty() || out.ends_with('.')) {
        if (!take_word(out) || out.ends_with('"')) return false;
      } else {
        break;
      }
      if (!skip()) return false;
    }
    return smtp::is_domain(out, true);
  }

  std::string_view rest_;
};

void append_item(std::string& out, const HeaderAddress& item, char separator) {
  for (const std::string* part : {&item.local_part, &item.domain}) {
    if (part == &item.domain && !part->empty()) out.push_back('@');
    for (const char c : *part) {
      if (c == separator) out.push_back(c);
      out.push_back(c);
    }
  }
}

}  // namespace

std::optional<HeaderAddress> parse_header_address(std::string_view text) { return Parser(text).run(); }

std::string_view take_header_address(std::string_view& list) noexcept {
  std::size_t begin = 0;
  bool in_angles = false;
  for (std::size_t at = 0; at < list.size();) {
    const char c = list[at];
    if (c == '<') in_angles = true;
    if (c == '>') in_angles = false;
    if (c == ':' && !in_angles) begin = at + 1;  // the name of a group
    if ((c == ',' || c == ';') && !in_angles) {
      const std::string_view item = list.substr(begin, at - begin);
      list.remove_prefix(at + 1);
      return item;
    }
    at += token_length(list.substr(at));
  }
  const std::string_view item = list.substr(begin);
  list = {};
  return item;
}

bool address(std::string& out, std::size_t from, std::string_view, std::string&) {
  const std::optional<HeaderAddress> parsed = parse_header_address(take_operand(out, from));
  if (!parsed) return true;
  out.append(parsed->local_part);
  if (!parsed->domain.empty()) out.append("@").append(parsed->domain);
  return true;
}

bool addresses(std::string& out, std::size_t from, std::string_view, std::string& why) {
  const std::string operand = take_operand(out, from);
  std::string_view list = operand;
  char separator = ':';
  while (!list.empty() && is_white(list.front())) list.remove_prefix(1);
  if (list.starts_with('>')) {
    if (list.size() == 1) return refuse(why, "output separator missing in expanding ${addresses:>}");
    separator = list[1];
    list.remove_prefix(2);
  }
  while (!list.empty()) {
    const std::optional<HeaderAddress> item = parse_header_address(take_header_address(list));
    if (!item) continue;
    if (out.size() != from) out.push_back(separator);
    append_item(out, *item, separator);
  }
  return true;
}

bool domain(std::string& out, std::size_t from, std::string_view, std::string&) {
  const std::optional<HeaderAddress> parsed = parse_header_address(take_operand(out, from));
  if (parsed) out.append(parsed->domain);
  return true;
}

bool local_part(std::string& out, std::size_t from, std::string_view, std::string&) {
  const std::optional<HeaderAddress> parsed = parse_header_address(take_operand(out, from));
  if (parsed) out.append(parsed->local_part);
  return true;
}

}  // namespace postern::expand
