#include "policy/spf/macro.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "net/dns/names.h"

namespace postern::spf {
namespace {

constexpr std::string_view kDelimiters = ".-+,/_=";
constexpr std::size_t kNameCharactersMax = 253;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
bool is_alpha(char c) noexcept { return is_upper(c) || (c >= 'a' && c <= 'z'); }
bool is_alphanum(char c) noexcept { return is_alpha(c) || is_digit(c); }
char lower(char c) noexcept { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

// "%{d2r-}": letter d, 2 parts, reversed, split at "-".
struct Macro {
  char letter = 0;
  std::size_t parts = 0;  // 0: all
  bool reversed = false;
  std::string_view delimiters;
};

// A run of literal characters, or one of what begins with a percent sign.
struct Piece {
  enum class Kind : std::uint8_t { literal, percent, space, url_space, macro };
  Kind kind = Kind::literal;
  std::string_view literal;
  Macro macro;
};

std::optional<Macro> read_macro(std::string_view inside) noexcept {
  constexpr std::size_t kPartsMax = 1000;  // no value has so many
  if (inside.empty()) return std::nullopt;
  Macro macro{.letter = inside.front()};
  if (std::string_view("slodiphcrtv").find(lower(macro.letter)) == std::string_view::npos) return std::nullopt;
  std::size_t at = 1;
  const std::size_t digits_at = at;
  for (; at < inside.size() && is_digit(inside[at]); ++at)
    macro.parts = std::min(kPartsMax, macro.parts * 10 + static_cast<std::size_t>(inside[at] - '0'));
  if (at > digits_at && macro.parts == 0) return std::nullopt;
  if (at < inside.size() && lower(inside[at]) == 'r') {
    macro.reversed = true;
    ++at;
  }
  macro.delimiters = inside.substr(at);
  if (macro.delimiters.find_first_not_of(kDelimiters) != std::string_view::npos) return std::nullopt;
  return macro;
}

// The piece at text[at], which steps over it; nothing for bad syntax. at < text.size().
std::optional<Piece> next_piece(std::string_view text, std::size_t& at) noexcept {
  if (text[at] != '%') {
    const std::size_t end = std::min(text.find('%', at), text.size());
    const Piece piece{.kind = Piece::Kind::literal, .literal = text.substr(at, end - at)};
    at = end;
    return piece;
  }
  if (at + 1 == text.size()) return std::nullopt;
  const char kind = text[at + 1];
  if (kind != '{') {
    at += 2;
    if (kind == '%') return Piece{.kind = Piece::Kind::percent};
    if (kind == '_') return Piece{.kind = Piece::Kind::space};
    if (kind == '-') return Piece{.kind = Piece::Kind::url_space};
    return std::nullopt;
  }
  const std::size_t end = text.find('}', at);
  if (end == std::string_view::npos) return std::nullopt;
  const std::optional<Macro> macro = read_macro(text.substr(at + 2, end - at - 2));
  if (!macro) return std::nullopt;
  at = end + 1;
  return Piece{.kind = Piece::Kind::macro, .macro = *macro};
}

bool are_literals(std::string_view text, MacroPlace place) noexcept {
  const char least = place == MacroPlace::explanation ? ' ' : '!';
  return std::ranges::all_of(text, [least](char c) { return c >= least && c <= '~'; });
}

// toplabel of RFC 7208 section 7.1
bool is_top_label(std::string_view label) noexcept {
  if (label.empty() || !is_alphanum(label.front()) || !is_alphanum(label.back())) return false;
  if (!std::ranges::all_of(label, [](char c) { return is_alphanum(c) || c == '-'; })) return false;
  return !std::ranges::all_of(label, is_digit);
}

bool ends_in_top_label(std::string_view literal) noexcept {
  if (literal.ends_with('.')) literal.remove_suffix(1);
  const std::size_t dot = literal.rfind('.');
  return dot != std::string_view::npos && is_top_label(literal.substr(dot + 1));
}

// The nibbles of an IPv6 address with dots between; the public test suite wants them in capitals.
std::string dotted(const IpAddress& address) {
  if (address.is_v4()) return address.to_string();
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const std::uint8_t byte : address.bytes()) {
    if (!out.empty()) out += '.';
    out += kDigits[byte >> 4U];
    out += '.';
    out += kDigits[byte & 15U];
  }
  return out;
}

std::string value_of(char letter, const MacroValues& values) {
  switch (letter) {
    case 's': return std::string(values.local_part).append("@").append(values.sender_domain);
    case 'l': return std::string(values.local_part);
    case 'o': return std::string(values.sender_domain);
    case 'd': return std::string(values.domain);
    case 'i': return dotted(values.client);
    case 'p': return std::string(values.name_of_client);
    case 'v': return values.client.is_v4() ? "in-addr" : "ip6";
    case 'h': return std::string(values.helo);
    case 'c': return values.client.to_string();
    case 'r': return values.receiver.empty() ? "unknown" : std::string(values.receiver);
    default: return std::to_string(values.unix_s);
  }
}

std::string transformed(std::string value, const Macro& macro) {
  if (macro.parts == 0 && !macro.reversed && macro.delimiters.empty()) return value;
  const std::string_view delimiters = macro.delimiters.empty() ? "." : macro.delimiters;
  std::vector<std::string_view> parts;
  for (std::string_view rest = value;;) {
    const std::size_t end = rest.find_first_of(delimiters);
    parts.push_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (macro.reversed) std::ranges::reverse(parts);
  const std::size_t first = macro.parts == 0 || macro.parts > parts.size() ? 0 : parts.size() - macro.parts;
  std::string out;
  for (std::size_t i = first; i < parts.size(); ++i) {
    if (i > first) out += '.';
    out += parts[i];
  }
  return out;
}

// All but the unreserved characters of RFC 3986 section 2.3 as %XX.
std::string url_escaped(std::string_view value) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : value) {
    if (is_alphanum(c) || std::string_view("-._~").find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

std::string text_of(const Piece& piece, const MacroValues& values) {
  switch (piece.kind) {
    case Piece::Kind::literal: return std::string(piece.literal);
    case Piece::Kind::percent: return "%";
    case Piece::Kind::space: return " ";
    case Piece::Kind::url_space: return "%20";
    case Piece::Kind::macro: break;
  }
  std::string value = transformed(value_of(lower(piece.macro.letter), values), piece.macro);
  return is_upper(piece.macro.letter) ? url_escaped(value) : value;
}

}  // namespace

bool is_macro_string(std::string_view text, MacroPlace place) noexcept {
  bool ends_well = place != MacroPlace::domain_spec;
  for (std::size_t at = 0; at < text.size();) {
    const std::optional<Piece> piece = next_piece(text, at);
    if (!piece) return false;
    if (piece->kind == Piece::Kind::literal) {
      if (!are_literals(piece->literal, place)) return false;
      if (place == MacroPlace::domain_spec) ends_well = ends_in_top_label(piece->literal);
      continue;
    }
    ends_well = true;
    const bool only_in_explanations = std::string_view("crt").find(lower(piece->macro.letter)) != std::string_view::npos;
    if (piece->kind == Piece::Kind::macro && only_in_explanations && place == MacroPlace::domain_spec) return false;
  }
  return ends_well;
}

bool asks_for_name_of_client(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const std::optional<Piece> piece = next_piece(text, at);
    if (!piece) return false;
    if (piece->kind == Piece::Kind::macro && lower(piece->macro.letter) == 'p') return true;
  }
  return false;
}

std::string expand(std::string_view text, const MacroValues& values, MacroPlace place) {
  const bool keep_first = place == MacroPlace::explanation;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::optional<Piece> piece = next_piece(text, at);
    if (!piece) break;
    out += text_of(*piece, values);
    if (out.size() <= kExpansionBytesMax) continue;
    if (keep_first) {
      out.resize(kExpansionBytesMax);
      break;
    }
    out.erase(0, out.size() - kExpansionBytesMax);
  }
  return out;
}

std::optional<std::string> name_to_ask(std::string_view domain) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  while (domain.size() > kNameCharactersMax) {
    const std::size_t dot = domain.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    domain.remove_prefix(dot + 1);
  }
  std::string name;
  for (;;) {
    const std::size_t dot = domain.find('.');
    const std::string_view label = domain.substr(0, dot);
    if (label.empty() || label.size() > dns::kLabelBytesMax) return std::nullopt;
    dns::append_label(name, label);
    if (dot == std::string_view::npos) return name;
    name += '.';
    domain.remove_prefix(dot + 1);
  }
}

}  // namespace postern::spf
