#include "policy/auth_results/read.h"

#include <algorithm>

#include "engine/smtp/chars.h"

namespace postern::auth_results {

namespace {

constexpr std::uint32_t kVersionMax = 999'999;

bool is_white(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// method, result, ptype and property are words of letters, digits and hyphens, which begin and end with one that is none
// (Keyword, RFC 5321 section 4.1.2); underscores are seen.
bool is_keyword_char(char c) noexcept { return smtp::is(smtp::CharClass::ldh, c) || c == '_'; }
bool is_id_char(char c) noexcept {
  constexpr std::string_view kEnds = "()<>@,;:\\\"/[]?=";
  return !is_white(c) && !smtp::is(smtp::CharClass::control, c) && kEnds.find(c) == kEnds.npos;
}
bool is_value_char(char c) noexcept {
  return !is_white(c) && !smtp::is(smtp::CharClass::control, c) && c != ';' && c != '(' && c != ')' && c != '"';
}

std::string lower_case(std::string_view text) {
  std::string out;
  smtp::append_lower(out, text);
  return out;
}

class Reader {
 public:
  explicit Reader(std::string_view text, std::size_t comment_depth_max) noexcept
      : rest_(text), comment_depth_max_(comment_depth_max) {}

  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

  bool take(char c) noexcept {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Blanks, folds and comments. False for a comment without an end, or nested too deeply.
  bool skip() noexcept {
    while (!rest_.empty()) {
      if (is_white(rest_.front()))
        rest_.remove_prefix(1);
      else if (rest_.front() != '(')
        return true;
      else if (!skip_comment())
        return false;
    }
    return true;
  }

  template <class Is>
  std::string_view take_run(Is is) noexcept {
    const auto end = std::ranges::find_if_not(rest_, is);
    const std::string_view run = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(run.size());
    return run;
  }

  // Without its quotes and escapes. False when it does not end; `out` then has all that there was.
  bool take_quoted(std::string& out) {
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (c == '\\') {
        if (rest_.empty()) return false;
        out += rest_.front();
        rest_.remove_prefix(1);
      } else if (c != '\r' && c != '\n') {
        out += c;
      }
    }
    return false;
  }

  bool take_number(std::uint32_t& number) noexcept {
    const std::string_view digits = take_run([](char c) { return smtp::is(smtp::CharClass::digit, c); });
    if (digits.empty()) return false;
    number = 0;
    for (const char c : digits) {
      number = number * 10 + static_cast<std::uint32_t>(c - '0');
      if (number > kVersionMax) return false;
    }
    return true;
  }

 private:
  bool skip_comment() noexcept {
    std::size_t depth = 0;
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
      } else if (rest_[i] == '(') {
        if (++depth > comment_depth_max_) return false;
      } else if (rest_[i] == ')' && --depth == 0) {
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    return false;
  }

  std::string_view rest_;
  std::size_t comment_depth_max_;
};

// value: a token or a quoted string. False when there is none.
bool take_id(Reader& reader, std::string& id) {
  if (reader.rest().starts_with('"')) return reader.take_quoted(id);
  id = reader.take_run(is_id_char);
  return !id.empty();
}

// pvalue: a value, or an address whose local part may be quoted. It may be an empty quoted string, but not absent.
bool take_pvalue(Reader& reader, std::string& value) {
  if (!reader.rest().starts_with('"')) {
    value = reader.take_run(is_value_char);
    return !value.empty();
  }
  if (!reader.take_quoted(value)) return false;
  if (reader.rest().starts_with('@')) value += reader.take_run(is_value_char);
  return true;
}

bool take_keyword(Reader& reader, std::string& word) {
  word = lower_case(reader.take_run(is_keyword_char));
  return !word.empty();
}

bool take_equals(Reader& reader) noexcept { return reader.skip() && reader.take('=') && reader.skip(); }

bool at_end_of_result(const Reader& reader) noexcept { return reader.at_end() || reader.rest().starts_with(';'); }

// What stands behind method and result: reason=value, and ptype.property=pvalue.
bool take_details(Reader& reader, MethodResult& result) {
  while (reader.skip()) {
    if (at_end_of_result(reader)) return true;
    std::string word;
    std::string value;
    if (!take_keyword(reader, word) || !reader.skip()) return false;
    if (!reader.take('.')) {
      if (word != "reason" || !take_equals(reader) || !take_pvalue(reader, value)) return false;
      result.reason = PeerText(std::move(value));
      continue;
    }
    Property property{.type = std::move(word), .name = {}, .value = {}};
    if (!reader.skip() || !take_keyword(reader, property.name) || !take_equals(reader) || !take_pvalue(reader, value))
      return false;
    if (result.properties.size() == kPropertiesMax) return false;
    property.value = PeerText(std::move(value));
    result.properties.push_back(std::move(property));
  }
  return false;
}

bool take_result(Reader& reader, MethodResult& result) {
  const std::string_view begin = reader.rest();
  if (!take_keyword(reader, result.method) || !reader.skip()) return false;
  if (reader.take('/') && (!reader.skip() || !reader.take_number(result.version))) return false;
  if (!take_equals(reader) || !take_keyword(reader, result.result) || !take_details(reader, result)) return false;
  std::string_view text = begin.substr(0, begin.size() - reader.rest().size());
  while (is_white(text.back())) text.remove_suffix(1);
  result.text = PeerView(text);
  return true;
}

// "none" and nothing else.
bool take_none(Reader& reader) noexcept {
  Reader ahead = reader;
  if (!smtp::equal_ignoring_case(ahead.take_run(is_keyword_char), "none") || !ahead.skip() || !ahead.at_end()) return false;
  reader = ahead;
  return true;
}

std::string_view without_dot(std::string_view id) noexcept {
  if (id.ends_with('.')) id.remove_suffix(1);
  return id;
}

}  // namespace

std::optional<PeerView> MethodResult::find(std::string_view type, std::string_view name) const noexcept {
  for (const Property& property : properties)
    if (property.type == type && property.name == name) return PeerView(property.value);
  return std::nullopt;
}

std::optional<Field> read_field(std::string_view value) {
  if (value.size() > kFieldBytesMax) return std::nullopt;
  Reader reader(value, kCommentDepthMax);
  Field field;
  std::string id;
  if (!reader.skip() || !take_id(reader, id) || !reader.skip()) return std::nullopt;
  field.id = PeerText(std::move(id));
  if (!reader.rest().starts_with(';') && (!reader.take_number(field.version) || !reader.skip())) return std::nullopt;
  if (reader.at_end()) return std::nullopt;
  while (!reader.at_end()) {
    if (!reader.take(';') || !reader.skip()) return std::nullopt;
    if (field.results.empty() && take_none(reader)) return field;
    // A semicolon behind the last result is seen.
    if (reader.at_end() && !field.results.empty()) break;
    if (field.results.size() == kResultsMax || !take_result(reader, field.results.emplace_back())) return std::nullopt;
  }
  return field;
}

std::optional<PeerText> read_id(std::string_view value) {
  // Whoever reads it may have other bounds, and be content with a quoted string that does not end.
  Reader reader(value, value.size());
  std::string id;
  if (!reader.skip()) return std::nullopt;
  if (!take_id(reader, id) && id.empty()) return std::nullopt;
  return PeerText(std::move(id));
}

bool claims(std::string_view value, std::span<const std::string> ids) {
  const std::optional<PeerText> id = read_id(value);
  if (!id) return false;
  return std::ranges::any_of(ids, [&](std::string_view ours) {
    return smtp::equal_ignoring_case(without_dot(smtp::trim_blanks(id->view())), without_dot(ours));
  });
}

}  // namespace postern::auth_results
