#include "policy/expand/text_rfc2047.h"

#include <algorithm>
#include <optional>

#include "engine/base/peer_text.h"
#include "engine/base/utf8.h"
#include "engine/smtp/chars.h"
#include "policy/expand/text_base64.h"
#include "policy/expand/text_charset.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

constexpr std::string_view kPrefix = "=?UTF-8?Q?";
constexpr std::string_view kSuffix = "?=";

// What has a meaning in some place where a phrase may stand (section 5).
constexpr bool is_plain(char c) noexcept {
  return c > ' ' && c < 127 && std::string_view("?=()<>@,;:\\\".[]_").find(c) == std::string_view::npos;
}

void append_q(std::string& out, char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (c == ' ') {
    out.push_back('_');
  } else if (is_plain(c)) {
    out.push_back(c);
  } else {
    out.append({'=', kDigits[static_cast<unsigned char>(c) >> 4], kDigits[static_cast<unsigned char>(c) & 15]});
  }
}

struct EncodedWord {
  std::string_view charset;
  char encoding;
  std::string_view text;
  std::size_t length;  // of the whole
};

// The encoded word at the start of `text`.
std::optional<EncodedWord> read_word(std::string_view text) noexcept {
  if (!text.starts_with("=?")) return std::nullopt;
  text = text.substr(0, kEncodedWordMax);
  const std::size_t charset_end = text.find('?', 2);
  if (charset_end == text.npos || charset_end + 2 >= text.size() || text[charset_end + 2] != '?') return std::nullopt;
  const std::size_t begin = charset_end + 3;
  const std::size_t end = text.find('?', begin);
  if (end == text.npos || !text.substr(end).starts_with("?=")) return std::nullopt;
  const std::string_view encoded = text.substr(begin, end - begin);
  if (!std::ranges::all_of(encoded, [](char c) { return c > ' ' && c < 127; })) return std::nullopt;
  return EncodedWord{.charset = text.substr(2, charset_end - 2),
                     .encoding = smtp::lower(text[charset_end + 1]),
                     .text = encoded,
                     .length = end + 2};
}

// Section 4.2.
bool decode_q(std::string& out, std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '=') {
      out.push_back(text[at] == '_' ? ' ' : text[at]);
      continue;
    }
    const std::string_view digits = text.substr(at + 1, 2);
    if (digits.size() != 2 || !smtp::all_of(smtp::CharClass::hex, digits)) return false;
    out.push_back(static_cast<char>(smtp::hex_value(digits[0]) << 4 | smtp::hex_value(digits[1])));
    at += 2;
  }
  return true;
}

bool decode_bytes(std::string& out, const EncodedWord& word) {
  if (word.encoding == 'q') return decode_q(out, word.text);
  return word.encoding == 'b' && append_base64_decoded(out, word.text);
}

void append_decoded(std::string& out, const EncodedWord& word, std::string_view bytes, std::string& why) {
  const std::size_t before = out.size();
  const CharsetOutcome outcome = append_as_utf8(out, word.charset, bytes);
  if (outcome != CharsetOutcome::converted) out.append(bytes);
  if (outcome == CharsetOutcome::unknown_charset && why.empty()) {
    why = "iconv_open(\"UTF-8\", \"" + printable(word.charset, 64) +
          "\") failed: Invalid argument (maybe unsupported conversion)";
  }
  std::replace(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(), '\0', '?');
}

}  // namespace

void append_rfc2047(std::string& out, std::string_view text) {
  if (std::ranges::all_of(text, [](char c) { return c == ' ' || is_plain(c); })) {
    out.append(text);
    return;
  }
  out.append(kPrefix);
  for (std::size_t begin = out.size(); !text.empty();) {
    std::string character;
    const std::size_t bytes = std::max<std::size_t>(utf8_sequence_length(text), 1);
    for (const char c : text.substr(0, bytes)) append_q(character, c);
    if (out.size() - begin + character.size() + kPrefix.size() + kSuffix.size() > kEncodedWordMax) {
      out.append(kSuffix).append(" ").append(kPrefix);
      begin = out.size();
    }
    out.append(character);
    text.remove_prefix(bytes);
  }
  out.append(kSuffix);
}

bool append_rfc2047_decoded(std::string& out, std::string_view text, std::string& why) {
  why.clear();
  std::string bytes;
  std::string_view between;  // white space behind an encoded word
  bool after_word = false;
  while (!text.empty()) {
    const std::optional<EncodedWord> word = read_word(text);
    bytes.clear();
    if (word && decode_bytes(bytes, *word)) {
      append_decoded(out, *word, bytes, why);
      text.remove_prefix(word->length);
      std::size_t white = 0;
      while (white < text.size() && is_white(text[white])) ++white;
      between = text.substr(0, white);
      text.remove_prefix(white);
      after_word = true;
      continue;
    }
    if (after_word) out.append(between);
    after_word = false;
    between = {};
    const std::size_t next = std::min(text.find("=?", 1), text.size());
    out.append(text.substr(0, next));
    text.remove_prefix(next);
  }
  if (after_word) out.append(between);
  return why.empty();
}

bool rfc2047(std::string& out, std::size_t from, std::string_view, std::string&) {
  append_rfc2047(out, take_operand(out, from));
  return true;
}

bool rfc2047d(std::string& out, std::size_t from, std::string_view, std::string& why) {
  return append_rfc2047_decoded(out, take_operand(out, from), why);
}

}  // namespace postern::expand
