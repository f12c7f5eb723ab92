#include "policy/expand/text_json.h"

#include <bitset>

#include "engine/smtp/chars.h"

namespace postern::expand {

namespace {

using smtp::CharClass;

// RFC 8259 section 2.
constexpr bool is_json_white(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::size_t white_length(std::string_view text) noexcept {
  std::size_t n = 0;
  while (n < text.size() && is_json_white(text[n])) ++n;
  return n;
}

// Section 7; quotes included, 0 when malformed.
std::size_t string_length(std::string_view text) noexcept {
  for (std::size_t at = 1; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') return at + 1;
    if (static_cast<unsigned char>(c) < ' ') return 0;
    if (c != '\\') continue;
    if (++at == text.size()) return 0;
    if (text[at] == 'u') {
      const std::string_view digits = text.substr(at + 1, 4);
      if (digits.size() != 4 || !smtp::all_of(CharClass::hex, digits)) return 0;
      at += 4;
    } else if (std::string_view("\"\\/bfnrt").find(text[at]) == std::string_view::npos) {
      return 0;
    }
  }
  return 0;
}

// Section 6.
std::size_t number_length(std::string_view text) noexcept {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const std::size_t digits = smtp::run_length(CharClass::digit, text.substr(at));
  if (digits == 0 || (digits > 1 && text[at] == '0')) return 0;
  at += digits;
  if (text.substr(at).starts_with('.')) {
    const std::size_t fraction = smtp::run_length(CharClass::digit, text.substr(at + 1));
    if (fraction == 0) return 0;
    at += 1 + fraction;
  }
  if (at < text.size() && smtp::lower(text[at]) == 'e') {
    std::size_t exponent_at = at + 1;
    if (exponent_at < text.size() && (text[exponent_at] == '+' || text[exponent_at] == '-')) ++exponent_at;
    const std::size_t exponent = smtp::run_length(CharClass::digit, text.substr(exponent_at));
    if (exponent == 0) return 0;
    at = exponent_at + exponent;
  }
  return at;
}

// A string, a number or a word.
std::size_t scalar_length(std::string_view text) noexcept {
  if (text.starts_with('"')) return string_length(text);
  for (const std::string_view word : {"true", "false", "null"})
    if (text.starts_with(word)) return word.size();
  return number_length(text);
}

// Brackets are kept on a stack of bits, and no function calls itself.
class Scanner {
 public:
  explicit Scanner(std::string_view text) noexcept : text_(text) {}

  std::size_t run() noexcept {
    while (true) {
      if (!read_value()) return 0;
      if (opened_) continue;
      if (!read_after_value()) return 0;
      if (depth_ == 0) return at_;
    }
  }

 private:
  void skip() noexcept { at_ += white_length(text_.substr(at_)); }
  bool take(char c) noexcept {
    if (!text_.substr(at_).starts_with(c)) return false;
    ++at_;
    return true;
  }

  // A value, or the bracket that opens one: opened_ then, unless it closes at once.
  bool read_value() noexcept {
    opened_ = false;
    const bool is_object = text_.substr(at_).starts_with('{');
    if (!is_object && !text_.substr(at_).starts_with('[')) {
      const std::size_t length = scalar_length(text_.substr(at_));
      at_ += length;
      return length != 0;
    }
    if (depth_ == kJsonDepthMax) return false;
    ++at_;
    skip();
    if (take(is_object ? '}' : ']')) return true;
    is_object_[depth_++] = is_object;
    opened_ = true;
    return !is_object || read_key();
  }

  bool read_key() noexcept {
    if (!text_.substr(at_).starts_with('"')) return false;
    const std::size_t length = string_length(text_.substr(at_));
    at_ += length;
    skip();
    if (length == 0 || !take(':')) return false;
    skip();
    return true;
  }

  // Closing brackets, then a comma and what must stand behind it; nothing when the outermost value has ended.
  bool read_after_value() noexcept {
    while (depth_ != 0) {
      const bool is_object = is_object_[depth_ - 1];
      skip();
      if (take(',')) {
        skip();
        return !is_object || read_key();
      }
      if (!take(is_object ? '}' : ']')) return false;
      --depth_;
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool opened_ = false;
  std::bitset<kJsonDepthMax> is_object_;
};

}  // namespace

std::size_t json_value_length(std::string_view text) noexcept { return Scanner(text).run(); }

JsonStep JsonReader::malformed(std::string_view why) noexcept {
  why_ = why;
  rest_ = {};
  return JsonStep::malformed;
}

JsonStep JsonReader::next(std::string_view& key, std::string_view& value) {
  const bool is_object = kind_ == Kind::object;
  const std::string_view missing_end = is_object ? "missing '}' wrapping object" : "missing ']' wrapping array";
  const char end = is_object ? '}' : ']';
  rest_.remove_prefix(white_length(rest_));
  if (!begun_) {
    if (!rest_.starts_with(is_object ? '{' : '['))
      return malformed(is_object ? "missing '{' wrapping object" : "missing '[' wrapping array");
    rest_.remove_prefix(1);
    rest_.remove_prefix(white_length(rest_));
    begun_ = true;
    if (rest_.starts_with(end)) return JsonStep::end;
  } else {
    if (rest_.starts_with(end)) return JsonStep::end;
    if (!rest_.starts_with(',')) return malformed(missing_end);
    rest_.remove_prefix(1);
    rest_.remove_prefix(white_length(rest_));
  }
  if (is_object) {
    const std::size_t length = rest_.starts_with('"') ? string_length(rest_) : 0;
    if (length == 0) return malformed("missing '\"' wrapping string key");
    key = rest_.substr(1, length - 2);
    rest_.remove_prefix(length);
    rest_.remove_prefix(white_length(rest_));
    if (!rest_.starts_with(':')) return malformed("missing object value-separator");
    rest_.remove_prefix(1);
    rest_.remove_prefix(white_length(rest_));
  }
  const std::size_t length = json_value_length(rest_);
  if (length == 0) return malformed("malformed value");
  value = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return JsonStep::value;
}

bool strip_json_quotes(std::string_view& value) noexcept {
  if (value.size() < 2 || !value.starts_with('"')) return false;
  value = value.substr(1, value.size() - 2);
  return true;
}

}  // namespace postern::expand
