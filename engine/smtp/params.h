// The parameters of MAIL and RCPT, RFC 5321 section 4.1.1.11. MAIL and RCPT have the same group of functions: parse, write.
// Views are borrowed from the line; whoever keeps parameters copies them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::smtp {

// The extensions whose parameters are known here; a set says which ones were advertised to the peer, or by it.
enum class Extension : std::uint16_t {
  size = 1 << 0,            // RFC 1870: SIZE
  eight_bit_mime = 1 << 1,  // RFC 6152: BODY=7BIT, BODY=8BITMIME
  binary_mime = 1 << 2,     // RFC 3030: BODY=BINARYMIME
  smtputf8 = 1 << 3,        // RFC 6531: SMTPUTF8
  dsn = 1 << 4,             // RFC 3461: RET, ENVID, NOTIFY, ORCPT
  auth = 1 << 5,            // RFC 4954: AUTH
  require_tls = 1 << 6,     // RFC 8689: REQUIRETLS
  prdr = 1 << 7,            // draft-hall-prdr: PRDR
};

class ExtensionSet {
 public:
  constexpr ExtensionSet() = default;
  constexpr ExtensionSet(Extension one) noexcept : bits_(static_cast<std::uint16_t>(one)) {}  // implicit: one is a set
  [[nodiscard]] constexpr bool has(Extension one) const noexcept { return (bits_ & static_cast<std::uint16_t>(one)) != 0; }
  constexpr void add(ExtensionSet more) noexcept { bits_ |= more.bits_; }
  constexpr void remove(ExtensionSet less) noexcept { bits_ &= static_cast<std::uint16_t>(~less.bits_); }
  friend constexpr ExtensionSet operator|(ExtensionSet a, ExtensionSet b) noexcept {
    a.add(b);
    return a;
  }
  friend constexpr bool operator==(ExtensionSet, ExtensionSet) = default;

 private:
  std::uint16_t bits_ = 0;
};
[[nodiscard]] constexpr ExtensionSet operator|(Extension a, Extension b) noexcept { return ExtensionSet(a) | ExtensionSet(b); }

enum class ParamErrorCode : std::uint8_t {
  none,
  unknown,         // 555 5.5.4: nobody knows this keyword here
  not_advertised,  // 555 5.5.4: it belongs to an extension that was not offered
  malformed,       // 501 5.5.4: not keyword[=value] at all
  duplicate,       // 501 5.5.4
  value_missing,   // 501 5.5.4
  value_unwanted,  // 501 5.5.4
  value_bad,       // 501 5.5.4
  value_too_long,  // 501 5.5.4
};

struct ParamError {
  ParamErrorCode code = ParamErrorCode::none;
  std::string_view keyword;  // as sent; borrowed
  const char* rfc = "";      // where the parameter is defined: "RFC 3461 section 4.3"

  // 555 or 501; 0 without an error.
  [[nodiscard]] int reply_code() const noexcept;
};

// Appends the text of the reply behind its code: "RET can be specified once only".
void append_reason(std::string& out, const ParamError& error);

enum class BodyType : std::uint8_t { unstated, seven_bit, eight_bit_mime, binary_mime };
enum class DsnReturn : std::uint8_t { unstated, full, headers };

struct MailParams {
  std::optional<std::uint64_t> size;  // RFC 1870 section 6.1; a number beyond 64 bits is the greatest there is
  BodyType body = BodyType::unstated;
  bool smtputf8 = false;                  // RFC 6531 section 3.4
  DsnReturn ret = DsnReturn::unstated;    // RFC 3461 section 4.3
  std::optional<std::string_view> envid;  // RFC 3461 section 4.4: xtext, as sent; what it means is printable ASCII
  std::optional<std::string_view> auth;   // RFC 4954 section 5: xtext, as sent, or "<>"
  bool require_tls = false;               // RFC 8689 section 2
  bool prdr = false;
};

struct MailParamsStep {
  ParamError error;
  MailParams params;  // meaningful without an error
};

// `text` is what follows the path: empty, or blanks and parameters. The path was parsed before it was known whether SMTPUTF8 is
// asked for: a caller whose mailbox has 8-bit bytes refuses it unless `smtputf8` is set here.
[[nodiscard]] MailParamsStep parse_mail_params(std::string_view text, ExtensionSet advertised) noexcept;
// Appends " KEYWORD=value" for each parameter that is set and belongs to an extension in `offered`; the others are left out.
void append_mail_params(std::string& out, const MailParams& params, ExtensionSet offered);

// RFC 3461 section 4.1, as a bit set; 0 when NOTIFY was not given.
using NotifySet = std::uint8_t;
inline constexpr NotifySet kNotifyNever = 1 << 0;  // stands alone
inline constexpr NotifySet kNotifySuccess = 1 << 1;
inline constexpr NotifySet kNotifyFailure = 1 << 2;
inline constexpr NotifySet kNotifyDelay = 1 << 3;

struct RcptParams {
  NotifySet notify = 0;
  std::optional<std::string_view> orcpt;  // RFC 3461 section 4.2, RFC 6533 section 3: "type;address" as sent
};

struct RcptParamsStep {
  ParamError error;
  RcptParams params;  // meaningful without an error
};

// `smtputf8` says that MAIL asked for SMTPUTF8; only then may values hold UTF-8.
[[nodiscard]] RcptParamsStep parse_rcpt_params(std::string_view text, ExtensionSet advertised, bool smtputf8) noexcept;
void append_rcpt_params(std::string& out, const RcptParams& params, ExtensionSet offered);

// RFC 3461 section 4: xtext = *( xchar / hexchar ). Lower-case hexadecimal digits are read too, and never written.
[[nodiscard]] bool is_xtext(std::string_view text) noexcept;
// Appends what `text` means. False, and nothing appended, when it is not xtext.
[[nodiscard]] bool append_xtext_decoded(std::string& out, std::string_view text);
// Appends `bytes`, any bytes, as xtext.
void append_xtext(std::string& out, std::string_view bytes);

}  // namespace postern::smtp
