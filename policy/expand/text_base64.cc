#include "policy/expand/text_base64.h"

#include <cstdint>
#include <optional>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::optional<std::uint32_t> value_of(char c) noexcept {
  if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a' + 26);
  if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0' + 52);
  if (c == '+') return 62;
  if (c == '/') return 63;
  return std::nullopt;
}

std::uint32_t byte_at(std::string_view bytes, std::size_t at) noexcept {
  return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0;
}

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::uint32_t group = byte_at(bytes, at) << 16 | byte_at(bytes, at + 1) << 8 | byte_at(bytes, at + 2);
    const std::size_t left = bytes.size() - at;
    out.push_back(kAlphabet[group >> 18]);
    out.push_back(kAlphabet[group >> 12 & 63]);
    out.push_back(left > 1 ? kAlphabet[group >> 6 & 63] : '=');
    out.push_back(left > 2 ? kAlphabet[group & 63] : '=');
  }
}

bool append_base64_decoded(std::string& out, std::string_view text) {
  const std::size_t before = out.size();
  std::uint32_t group = 0;
  std::size_t digits = 0;
  std::size_t pads = 0;
  for (const char c : text) {
    if (is_white(c)) continue;
    if (c == '=') {
      ++pads;
      continue;
    }
    const std::optional<std::uint32_t> value = value_of(c);
    if (!value || pads != 0) {
      out.resize(before);
      return false;
    }
    group = group << 6 | *value;
    if (++digits % 4 != 0) continue;
    for (const unsigned shift : {16U, 8U, 0U}) out.push_back(static_cast<char>(group >> shift & 255));
  }
  const std::size_t rest = digits % 4;
  if ((rest + pads) % 4 != 0 || rest == 1 || (rest == 0 && pads != 0)) {
    out.resize(before);
    return false;
  }
  if (rest == 2) out.push_back(static_cast<char>(group >> 4 & 255));
  if (rest == 3) {
    out.push_back(static_cast<char>(group >> 10 & 255));
    out.push_back(static_cast<char>(group >> 2 & 255));
  }
  return true;
}

bool base64(std::string& out, std::size_t from, std::string_view, std::string&) {
  append_base64(out, take_operand(out, from));
  return true;
}

bool base64d(std::string& out, std::size_t from, std::string_view, std::string& why) {
  const std::string text = take_operand(out, from);
  return append_base64_decoded(out, text) ||
         refuse(why, "string \"" + printable(text, 64) + "\" is not well-formed for \"base64d\" operator");
}

bool hex2b64(std::string& out, std::size_t from, std::string_view, std::string& why) {
  const std::string text = take_operand(out, from);
  if (!smtp::all_of(smtp::CharClass::hex, text)) return refuse(why, '"' + printable(text, 64) + "\" is not a hex string");
  if (text.size() % 2 != 0) return refuse(why, '"' + text.substr(0, 64) + "\" contains an odd number of characters");
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes.push_back(static_cast<char>(smtp::hex_value(text[i]) << 4 | smtp::hex_value(text[i + 1])));
  append_base64(out, bytes);
  return true;
}

bool hexquote(std::string& out, std::size_t from, std::string_view, std::string&) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : take_operand(out, from)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > ' ' && byte < 127) {
      out.push_back(c);
      continue;
    }
    out.append("\\x");
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return true;
}

}  // namespace postern::expand
