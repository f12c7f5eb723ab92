#include "net/dns/names.h"

#include <algorithm>

namespace postern::dns {
namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// The byte after a backslash at text[at], which steps over it.
std::optional<char> unescape(std::string_view text, std::size_t& at) {
  if (at >= text.size()) return std::nullopt;
  if (!is_digit(text[at])) return text[at++];
  if (text.size() - at < 3 || !is_digit(text[at + 1]) || !is_digit(text[at + 2])) return std::nullopt;
  const int value = (text[at] - '0') * 100 + (text[at + 1] - '0') * 10 + (text[at + 2] - '0');
  if (value > 255) return std::nullopt;
  at += 3;
  return static_cast<char>(value);
}

}  // namespace

std::optional<std::string> name_to_wire(std::string_view text) {
  if (text == ".") return std::string(1, '\0');
  if (text.empty() || text.size() > kNameTextMax) return std::nullopt;
  std::string wire;
  wire.reserve(text.size() + 2);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length_at = wire.size();
    wire += '\0';
    while (at < text.size() && text[at] != '.') {
      char byte = text[at++];
      if (byte == '\\') {
        const std::optional<char> escaped = unescape(text, at);
        if (!escaped) return std::nullopt;
        byte = *escaped;
      }
      wire += byte;
    }
    ++at;  // the dot
    const std::size_t length = wire.size() - length_at - 1;
    if (length == 0 || length > kLabelBytesMax || wire.size() >= kNameBytesMax) return std::nullopt;
    wire[length_at] = static_cast<char>(length);
  }
  wire += '\0';
  return wire;
}

void append_label(std::string& text, std::string_view label) {
  for (const char c : label) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '.' || c == '\\') {
      text += '\\';
      text += c;
    } else if (byte > 0x20 && byte < 0x7f) {
      text += c;
    } else {
      text += '\\';
      text += static_cast<char>('0' + byte / 100);
      text += static_cast<char>('0' + byte / 10 % 10);
      text += static_cast<char>('0' + byte % 10);
    }
  }
}

bool same_name(std::string_view left, std::string_view right) noexcept {
  return std::ranges::equal(left, right, [](char a, char b) { return lower(a) == lower(b); });
}

std::string lower_case(std::string_view name) {
  std::string out(name);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

std::string reverse_labels(const IpAddress& address) {
  std::string out;
  if (address.is_v4()) {
    for (unsigned i = 4; i-- > 0;) {
      out += std::to_string(address.bytes()[i]);
      if (i > 0) out += '.';
    }
    return out;
  }
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (unsigned i = 16; i-- > 0;) {
    out += kDigits[address.bytes()[i] & 15U];
    out += '.';
    out += kDigits[address.bytes()[i] >> 4U];
    if (i > 0) out += '.';
  }
  return out;
}

std::string reverse_name(const IpAddress& address) {
  return reverse_labels(address) + (address.is_v4() ? ".in-addr.arpa" : ".ip6.arpa");
}

}  // namespace postern::dns
