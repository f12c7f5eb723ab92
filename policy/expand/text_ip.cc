#include "policy/expand/text_ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "engine/base/peer_text.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

// As it was written: unlike IpAddress, an IPv4-mapped address stays one.
struct Address {
  std::array<std::uint8_t, 16> bytes{};
  bool is_v4 = false;  // in the first four bytes

  [[nodiscard]] unsigned bits() const noexcept { return is_v4 ? 32 : 128; }
};

std::optional<Address> parse(std::string_view text) {
  Address address;
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != text.npos) return std::nullopt;
  const std::string terminated(text);
  address.is_v4 = text.find(':') == text.npos;
  if (inet_pton(address.is_v4 ? AF_INET : AF_INET6, terminated.c_str(), address.bytes.data()) != 1) return std::nullopt;
  return address;
}

Address mapped(const Address& address) noexcept {
  if (!address.is_v4) return address;
  Address result;
  result.bytes[10] = result.bytes[11] = 0xff;
  std::copy_n(address.bytes.begin(), 4, result.bytes.begin() + 12);
  return result;
}

unsigned group(const Address& address, std::size_t i) noexcept {
  return address.bytes[2 * i] * 256U + address.bytes[2 * i + 1];
}

void append_group(std::string& out, unsigned value, bool all_digits) {
  for (unsigned shift : {12U, 8U, 4U, 0U})
    if (all_digits || shift == 0 || value >> shift != 0) out.push_back(kDigits[value >> shift & 15]);
}

void append_whole(std::string& out, const Address& address, char separator) {
  for (std::size_t i = 0; i < 8; ++i) {
    if (i != 0) out.push_back(separator);
    append_group(out, group(address, i), true);
  }
}

// The longest run of zero groups, the first of equal ones, is left out; a single one too.
void append_normal(std::string& out, const Address& address) {
  std::size_t best = 0;
  std::size_t best_count = 0;
  for (std::size_t i = 0, count = 0; i < 8; ++i) {
    count = group(address, i) == 0 ? count + 1 : 0;
    if (count <= best_count) continue;
    best_count = count;
    best = i + 1 - count;
  }
  for (std::size_t i = 0; i < 8; ++i) {
    if (best_count != 0 && i == best) {
      out.append("::");
      i += best_count - 1;
      continue;
    }
    if (i != 0 && !out.ends_with("::")) out.push_back(':');
    append_group(out, group(address, i), false);
  }
}

void append_dotted(std::string& out, const Address& address) {
  for (std::size_t i = 0; i < 4; ++i) {
    if (i != 0) out.push_back('.');
    append_number(out, static_cast<unsigned>(address.bytes[i]));
  }
}

void clear_bits(Address& address, unsigned keep) noexcept {
  for (unsigned bit = keep; bit < address.bits(); ++bit)
    address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
}

bool not_an_address(std::string& why, std::string_view text) {
  return refuse(why, '"' + printable(text, 64) + "\" is not an IP address");
}

}  // namespace

bool ipv6denorm(std::string& out, std::size_t from, std::string_view, std::string& why) {
  const std::string text = take_operand(out, from);
  const std::optional<Address> address = parse(text);
  if (!address) return not_an_address(why, text);
  append_whole(out, mapped(*address), ':');
  return true;
}

bool ipv6norm(std::string& out, std::size_t from, std::string_view, std::string& why) {
  const std::string text = take_operand(out, from);
  const std::optional<Address> address = parse(text);
  if (!address) return not_an_address(why, text);
  std::string normal;
  append_normal(normal, mapped(*address));
  out.append(normal);
  return true;
}

bool mask(std::string& out, std::size_t from, std::string_view arguments, std::string& why) {
  const std::string text = take_operand(out, from);
  const std::size_t slash = text.rfind('/');
  if (slash == text.npos && parse(text)) return refuse(why, "missing mask value in \"" + text + '"');
  const std::string_view digits = slash == text.npos ? std::string_view() : std::string_view(text).substr(slash + 1);
  std::optional<Address> address = parse(std::string_view(text).substr(0, slash));
  const std::optional<std::uint64_t> bits = digits.empty() ? std::uint64_t{0} : read_digits(digits);
  if (!address || !bits) return not_an_address(why, text);
  if (*bits > address->bits()) return refuse(why, "mask value too big in \"" + printable(text, 64) + '"');
  clear_bits(*address, static_cast<unsigned>(*bits));
  std::string masked;
  if (address->is_v4) {
    append_dotted(masked, *address);
  } else if (arguments == "n") {
    append_normal(masked, *address);
  } else {
    append_whole(masked, *address, '.');
  }
  out.append(masked).push_back('/');
  append_number(out, *bits);
  return true;
}

bool reverse_ip(std::string& out, std::size_t from, std::string_view, std::string& why) {
  const std::string text = take_operand(out, from);
  const std::optional<Address> address = parse(text);
  if (!address) return refuse(why, "reverse_ip() not given an IP address [" + printable(text, 64) + ']');
  for (std::size_t i = address->bits() / 8; i-- > 0;) {
    const std::uint8_t byte = address->bytes[i];
    if (address->is_v4) {
      append_number(out, static_cast<unsigned>(byte));
    } else {
      out.append({kDigits[byte & 15], '.', kDigits[byte >> 4]});
    }
    if (i != 0) out.push_back('.');
  }
  return true;
}

}  // namespace postern::expand
