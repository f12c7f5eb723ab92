// Paths, mailboxes and domains: RFC 5321 sections 4.1.2, 4.1.3 and 4.5.3.1, RFC 6531 section 3.3. Strict unless the caller
// names a leniency. Parsing owns nothing and allocates nothing; Address is what is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/ip_address.h"

namespace postern::smtp {

struct AddressLimits {
  std::size_t local_part_bytes_max = 64;  // RFC 5321 section 4.5.3.1.1, as sent: quotes count
  std::size_t domain_bytes_max = 255;     // section 4.5.3.1.2
  std::size_t path_bytes_max = 256;       // section 4.5.3.1.3, with angle brackets and without a source route
};

// What Exim and others let pass: local parts of that size exist.
inline constexpr AddressLimits kWideAddressLimits{.local_part_bytes_max = 255, .domain_bytes_max = 255, .path_bytes_max = 1024};

enum class AddressRole : std::uint8_t {
  sender,     // MAIL: <> is an address
  recipient,  // RCPT: <postmaster> needs no domain (RFC 5321 section 4.1.1.3)
  other,      // neither
};

struct AddressRules {
  AddressRole role = AddressRole::other;
  bool smtputf8 = false;                // UTF-8 in local parts and domains
  bool allow_literals = false;          // [192.0.2.1], [IPv6:2001:db8::1]
  bool allow_unqualified = false;       // a local part alone
  bool allow_missing_brackets = false;  // MAIL FROM:a@example.org
  bool allow_empty_atoms = false;       // a..b@, .a@, a.@
  bool strip_trailing_dot = false;      // a@example.org. means a@example.org; otherwise it is an error
  AddressLimits limits;
};

enum class AddressError : std::uint8_t {
  none,
  empty_address,            // no text
  local_part_malformed,     // none, or a byte that may not stand there; also <> where there must be an address
  unmatched_quote,          // the quoted string has no end
  at_expected,              // something other than @ or . behind the local part
  domain_malformed,         // none, an empty label, one that starts or ends with a hyphen or is longer than 63 bytes
  literal_malformed,        // [...] without an IP address in it; general address literals are refused
  literal_not_allowed,      //
  opening_bracket_missing,  //
  closing_bracket_missing,  //
  route_malformed,          // @one,@two without the colon
  route_without_address,    // <@example.org>
  route_without_domain,     // <@example.org:a>
  trailing_text,            // something that is not a blank stands behind it
  invalid_utf8,             //
  non_ascii,                // UTF-8 where the rules do not allow it
  local_part_too_long,      //
  domain_too_long,          //
  path_too_long,            //
  unqualified,              // no domain
};

// Views into the text that was parsed.
struct Mailbox {
  std::string_view local_part;  // as sent, quotes included
  std::string_view domain;      // as sent; a literal with its brackets; empty when there is none
  bool is_quoted = false;       // the local part is a quoted string
  bool is_literal = false;      // the domain is an address literal
  bool has_8bit = false;        // valid UTF-8; the transaction needs SMTPUTF8

  // The reverse-path <>.
  [[nodiscard]] bool is_null() const noexcept { return local_part.empty() && domain.empty(); }
};

struct PathStep {
  AddressError error = AddressError::none;
  Mailbox mailbox;          // meaningful without an error; a source route is dropped (RFC 5321 appendix C)
  std::string_view rest;    // behind the path: empty, or a blank and the parameters. With an error: where it was found
  std::string_view before;  // with an error: the text in front of `rest`
};

// A path at the start of `text`, as behind "MAIL FROM:" and "RCPT TO:".
[[nodiscard]] PathStep parse_path(std::string_view text, const AddressRules& rules) noexcept;
// An address that is all of `text`, with or without angle brackets.
[[nodiscard]] PathStep parse_address(std::string_view text, AddressRules rules) noexcept;

// Appends why `step` failed, in Exim's words: "domain missing or malformed". The words may quote what was sent. The reply is
// "501 <what was sent>: <reason>".
void append_reason(std::string& out, const PathStep& step, AddressRole role);

// The parts of "local_part@domain" as they stand; without an @ all of it is the local part.
[[nodiscard]] constexpr std::string_view local_part_of(std::string_view address) noexcept {
  return address.substr(0, address.rfind('@'));
}
[[nodiscard]] constexpr std::string_view domain_of(std::string_view address) noexcept {
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

// An address that is kept. The bytes are a stranger's: never expanded, printable() before they reach a log line.
class Address {
 public:
  // The null address, <>.
  Address() = default;
  explicit Address(const Mailbox& mailbox) { assign(mailbox); }
  // Keeps the memory, so that an envelope that is reused does not allocate. The views must not be into this object.
  void assign(const Mailbox& mailbox);
  void clear() noexcept { *this = Address(std::move(bytes_)); }

  [[nodiscard]] bool is_null() const noexcept { return local_part_bytes_ == 0 && domain_bytes_ == 0; }
  // "local@domain" as sent, without brackets and route; the local part alone when there is no domain; "" when null.
  [[nodiscard]] std::string_view text() const noexcept;
  // Without quotes: the bytes that are meant.
  [[nodiscard]] std::string_view local_part() const noexcept;
  [[nodiscard]] std::string_view local_part_as_sent() const noexcept { return view(0, local_part_bytes_); }
  // As sent; a literal with its brackets.
  [[nodiscard]] std::string_view domain() const noexcept;
  [[nodiscard]] bool is_literal() const noexcept { return is_literal_; }
  [[nodiscard]] bool has_8bit() const noexcept { return has_8bit_; }

  // The same mailbox: equal local parts, quoted or not, and equal domains but for their case.
  friend bool operator==(const Address& a, const Address& b) noexcept;

 private:
  explicit Address(std::string room) noexcept : bytes_(std::move(room)) { bytes_.clear(); }
  [[nodiscard]] std::string_view view(std::size_t at, std::size_t count) const noexcept {
    return std::string_view(bytes_).substr(at, count);
  }

  std::string bytes_;  // local part, @ and domain as sent; then, when the local part is quoted, its bytes without quotes
  std::uint32_t local_part_bytes_ = 0;
  std::uint32_t domain_bytes_ = 0;
  bool has_domain_ = false;
  bool is_quoted_ = false;
  bool is_literal_ = false;
  bool has_8bit_ = false;
};

// "<local@domain>" as sent, "<>" when null.
void append_path(std::string& out, const Address& address);
// A key for comparing and counting: the local part quoted only where it must be, the domain in lower case.
void append_canonical(std::string& out, const Address& address);
// A local part that is not in wire form, quoted if it must be. False, and nothing appended, when it has bytes that no local
// part can carry (controls, broken UTF-8).
[[nodiscard]] bool append_local_part(std::string& out, std::string_view meaning);
// The meaning of a local part in wire form: quotes and backslashes removed.
void append_unquoted(std::string& out, std::string_view local_part);

// ASCII letters compare without case; a U-label and its A-label are not the same here.
[[nodiscard]] bool domain_equal(std::string_view a, std::string_view b) noexcept;
// The address in "[192.0.2.1]" or "[IPv6:2001:db8::1]".
[[nodiscard]] std::optional<IpAddress> literal_address(std::string_view domain) noexcept;
// Dot-separated labels as a Mailbox may have them: RFC 5321 section 4.1.2.
[[nodiscard]] bool is_domain(std::string_view text, bool allow_utf8 = false) noexcept;
// What EHLO and HELO may say (RFC 5321 section 4.1.1.1), read as loosely as Exim does: letters, digits, dots and hyphens in any
// order, or an IP address in brackets, with or without "IPv6:". `more_chars` are let pass too (helo_allow_chars).
[[nodiscard]] bool is_helo_argument(std::string_view text, std::string_view more_chars = {}) noexcept;

}  // namespace postern::smtp
