#include "policy/expand/header_addresses.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/smtp/address.h"
#include "engine/smtp/chars.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

using smtp::CharClass;

constexpr bool is_atom_char(char c) noexcept { return smtp::is(CharClass::atext | CharClass::high, c); }

// Bytes of the quoted string, comment, domain literal or single character at the start of `text`; all of it when it has no end.
std::size_t token_length(std::string_view text) noexcept {
  const char open = text.front();
  if (open == '[') return std::min(text.find(']'), text.size() - 1) + 1;
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
  explicit Parser(std::string_view text) noexcept : text_(text), rest_(text) {}

  // Why is only to be asked for when there is none.
  std::optional<HeaderAddress> run() {
    HeaderAddress address;
    if (!skip()) return std::nullopt;
    const std::string_view begin = rest_;
    const bool has_angles = skip_phrase();
    if (has_angles)
      rest_.remove_prefix(1);
    else
      rest_ = begin;
    if (!read(address, !has_angles) || (has_angles && !take_angle()) || !ends_with_nothing()) return std::nullopt;
    return address;
  }

  [[nodiscard]] std::string& why() noexcept { return why_; }

 private:
  [[nodiscard]] bool at(char c) const noexcept { return rest_.starts_with(c); }

  bool fail(std::string_view why) {
    if (why_.empty()) why_ = why;
    return false;
  }

  // White space and comments (CFWS); a comment without an end reaches to the end. False when comments are nested too deeply.
  bool skip() {
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

  bool skip_comment() {
    std::size_t depth = 0;
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
      } else if (rest_[i] == '(') {
        if (++depth > kCommentDepthMax) return fail("comments are nested too deeply");
      } else if (rest_[i] == ')' && --depth == 0) {
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    rest_ = {};
    return true;
  }

  // Words and dots in front of an angle bracket.
  bool skip_phrase() {
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
      if (size < 2 || rest_[size - 1] != '"' || (size > 2 && ends_in_escape(size)))
        return fail("unmatched doublequote in local part");
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

  bool take_angle() {
    if (!at('>')) return fail(rest_.empty() ? "'>' missing at end of address" : "malformed address: \">\" expected");
    rest_.remove_prefix(1);
    return true;
  }

  bool ends_with_nothing() {
    if (!skip()) return false;
    if (rest_.empty()) return true;
    const std::string_view before = text_.substr(0, text_.size() - rest_.size());
    return fail(fmt::format("malformed address: {} may not follow {}", rest_.substr(0, 32), before));
  }

  // [route] local-part ["@" domain], white space and comments behind it taken too.
  bool read(HeaderAddress& address, bool may_have_name) {
    if (!skip()) return false;
    const std::string_view begin = rest_;
    if (at('@') && !drop_route()) {
      rest_ = begin;
      return fail("no local part");
    }
    if (!take_local_part(address.local_part))
      return fail(may_have_name ? "missing or malformed local part (expected word or \"<\")"
                                : "missing or malformed local part");
    if (!at('@')) return !may_have_name || rest_.empty() || fail("missing or malformed local part (expected word or \"<\")");
    rest_.remove_prefix(1);
    if (!skip()) return false;
    const bool is_literal = at('[');
    return take_domain(address.domain) || fail(is_literal ? "malformed domain literal" : "domain missing or malformed");
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
    return !out.empty();
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

  std::string_view text_;
  std::string_view rest_;
  std::string why_;
};

}  // namespace

std::optional<HeaderAddress> parse_header_address(std::string_view text, std::string* why) {
  Parser parser(text);
  std::optional<HeaderAddress> address = parser.run();
  if (!address && why != nullptr) *why = std::move(parser.why());
  return address;
}

bool HeaderAddresses::next(std::string_view& address) noexcept {
  if (rest_.empty()) return false;
  const std::string_view text = rest_;
  std::size_t begin = 0;
  bool in_angles = false;
  bool in_route = trim_white(text).starts_with('@');
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '<') in_angles = true;
    if (c == '>') in_angles = false;
    if (c == ':' && in_route) {
      in_route = false;
    } else if (c == ':' && !in_angles && !in_group_) {
      begin = at + 1;
      in_group_ = true;
    } else if (!in_angles && !in_route && (c == ',' || (c == ';' && in_group_))) {
      if (c == ';') in_group_ = false;
      address = text.substr(begin, at - begin);
      rest_.remove_prefix(at + 1);
      return true;
    }
    at += token_length(text.substr(at));
  }
  address = text.substr(begin);
  rest_ = {};
  return true;
}

}  // namespace postern::expand
