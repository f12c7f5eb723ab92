#include "policy/expand/text_quote.h"

#include <algorithm>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

using smtp::CharClass;

void append_octal(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out.push_back('\\');
  for (const unsigned shift : {6U, 3U, 0U}) out.push_back(static_cast<char>('0' + (byte >> shift & 7)));
}

// The letter that stands for `c` behind a backslash; 0 when there is none.
constexpr char escape_letter(char c) noexcept {
  switch (c) {
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '\v': return 'v';
    default: return 0;
  }
}

// Puts double quotes around the operand, and a backslash before each of its quotes and backslashes.
void put_in_quotes(std::string& out, std::size_t from) {
  const std::string operand = take_operand(out, from);
  out.push_back('"');
  for (const char c : operand) {
    if (c == '\n' || c == '\r') {
      out.push_back('\\');
      out.push_back(escape_letter(c));
      continue;
    }
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

// A backslash before each character of `specials`, and before a letter for each control character in `controls`.
void put_backslashes(std::string& out, std::size_t from, std::string_view specials, std::string_view controls) {
  for (const char c : take_operand(out, from)) {
    const bool is_control = controls.find(c) != controls.npos;
    if (is_control || specials.find(c) != specials.npos) out.push_back('\\');
    out.push_back(!is_control ? c : c == '\0' ? '0' : escape_letter(c));
  }
}

void double_quotes(std::string& out, std::size_t from) {
  for (const char c : take_operand(out, from)) {
    if (c == '\'') out.push_back('\'');
    out.push_back(c);
  }
}

void append_percent(std::string& out, char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out.push_back('%');
  out.push_back(kDigits[byte >> 4]);
  out.push_back(kDigits[byte & 15]);
}

// RFC 3986: what means nothing in a URL stands as it is.
void append_url(std::string& out, char c) {
  constexpr std::string_view kPlain = "!$'-._()*+";
  if (smtp::is(CharClass::let_dig, c) || kPlain.find(c) != kPlain.npos) {
    out.push_back(c);
  } else {
    append_percent(out, c);
  }
}

}  // namespace

bool escape(std::string& out, std::size_t from, std::string_view, std::string&) {
  for (const char c : take_operand(out, from)) {
    if (c == '\t' || (static_cast<unsigned char>(c) >= ' ' && static_cast<unsigned char>(c) < 127)) {
      out.push_back(c);
    } else if (const char letter = escape_letter(c)) {
      out.push_back('\\');
      out.push_back(letter);
    } else {
      append_octal(out, c);
    }
  }
  return true;
}

bool escape8bit(std::string& out, std::size_t from, std::string_view, std::string&) {
  for (const char c : take_operand(out, from)) {
    if (static_cast<unsigned char>(c) >= 127 || c == '\\') {
      append_octal(out, c);
    } else {
      out.push_back(c);
    }
  }
  return true;
}

// Quoted when it is empty or holds anything but letters, digits, underscores, dots and hyphens.
bool quote(std::string& out, std::size_t from, std::string_view, std::string&) {
  const auto plain = [](char c) { return smtp::is(CharClass::ldh, c) || c == '_' || c == '.'; };
  const std::string_view operand = operand_view(out, from);
  if (operand.empty() || !std::ranges::all_of(operand, plain)) put_in_quotes(out, from);
  return true;
}

// RFC 5322 section 3.4.1: a dot-atom stands as it is, anything else becomes a quoted string.
bool quote_local_part(std::string& out, std::size_t from, std::string_view, std::string&) {
  const std::string_view operand = operand_view(out, from);
  bool needs_quotes = operand.empty() || operand.front() == '.' || operand.back() == '.';
  for (std::size_t i = 0; i < operand.size() && !needs_quotes; ++i) {
    const char c = operand[i];
    const bool doubled_dot = c == '.' && i > 0 && operand[i - 1] == '.';
    needs_quotes = doubled_dot || (c != '.' && !smtp::is(CharClass::atext, c));
  }
  if (needs_quotes) put_in_quotes(out, from);
  return true;
}

bool rxquote(std::string& out, std::size_t from, std::string_view, std::string&) {
  for (const char c : take_operand(out, from)) {
    if (!smtp::is(CharClass::let_dig, c)) out.push_back('\\');
    out.push_back(c);
  }
  return true;
}

bool xtextd(std::string& out, std::size_t from, std::string_view, std::string& why) {
  const std::string operand = take_operand(out, from);
  for (std::size_t at = 0; at < operand.size(); ++at) {
    if (operand[at] != '+') {
      out.push_back(operand[at]);
      continue;
    }
    const std::string_view digits = std::string_view(operand).substr(at + 1, 2);
    if (digits.size() != 2 || !smtp::all_of(CharClass::hex, digits))
      return refuse(why, "string \"" + printable(operand, 64) + "\" is not well-formed for \"xtextd\" operator");
    out.push_back(static_cast<char>(smtp::hex_value(digits[0]) << 4 | smtp::hex_value(digits[1])));
    at += 2;
  }
  return true;
}

bool quote_nothing(std::string&, std::size_t, std::string_view, std::string&) { return true; }

bool quote_ldap(std::string& out, std::size_t from, std::string_view, std::string&) {
  for (const char c : take_operand(out, from)) {
    switch (c) {
      case '*': out.append("%5C2A"); break;
      case '(': out.append("%5C28"); break;
      case ')': out.append("%5C29"); break;
      case '\\': out.append("%5C5C"); break;
      case '\0': out.append("%5C00"); break;
      default: append_url(out, c);
    }
  }
  return true;
}

bool quote_ldap_dn(std::string& out, std::size_t from, std::string_view, std::string&) {
  const std::string operand = take_operand(out, from);
  const std::size_t spaces_in_front = std::min(operand.find_first_not_of(' '), operand.size());
  const std::size_t last = operand.find_last_not_of(' ');
  for (std::size_t at = 0; at < operand.size(); ++at) {
    const char c = operand[at];
    const bool at_an_end = c == ' ' && (at < spaces_in_front || last == operand.npos || at > last);
    if (c == '\0') {
      out.append("%5C00");
      continue;
    }
    if (at_an_end || (c == '#' && at == 0) || std::string_view(",+\"\\<>;").find(c) != std::string_view::npos)
      out.append("%5C");
    append_url(out, c);
  }
  return true;
}

bool quote_mysql(std::string& out, std::size_t from, std::string_view, std::string&) {
  put_backslashes(out, from, "'\"\\", {"\n\t\r\b\0", 5});
  return true;
}

bool quote_pgsql(std::string& out, std::size_t from, std::string_view, std::string&) {
  double_quotes(out, from);
  put_backslashes(out, from, "\"\\", "\n\t\r\b");
  return true;
}

bool quote_redis(std::string& out, std::size_t from, std::string_view, std::string&) {
  put_backslashes(out, from, " \t\n\v\f\r\\", {});
  return true;
}

bool quote_sqlite(std::string& out, std::size_t from, std::string_view, std::string&) {
  double_quotes(out, from);
  return true;
}

}  // namespace postern::expand
