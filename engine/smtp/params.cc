#include "engine/smtp/params.h"

#include <charconv>
#include <limits>
#include <span>

#include "engine/base/utf8.h"
#include "engine/smtp/chars.h"

namespace postern::smtp {
namespace {

constexpr std::size_t kEnvidBytesMax = 100;  // decoded; RFC 3461 section 4.4
constexpr std::size_t kOrcptBytesMax = 500;  // as sent; RFC 3461 section 4.2
constexpr std::size_t kAuthBytesMax = 500;   // as sent; RFC 4954 section 5
constexpr std::size_t kSizeDigitsMax = 20;   // RFC 1870 section 3

// One decoded byte of xtext, and how many bytes it took; 0 when there is none.
struct XtextByte {
  std::size_t taken = 0;
  char byte = 0;
};

XtextByte decode_one(std::string_view text) noexcept {
  if (is(CharClass::xchar, text[0])) return {1, text[0]};
  if (text[0] != '+' || text.size() < 3 || !is(CharClass::hex, text[1]) || !is(CharClass::hex, text[2])) return {};
  return {3, static_cast<char>(hex_value(text[1]) << 4 | hex_value(text[2]))};
}

// xtext that means printable ASCII and no more than `decoded_bytes_max` bytes of it. Controls would travel on into header
// fields. UTF-8 may stand in it as it is (RFC 6531 section 3.3); whether the transaction allows that is for the caller.
bool is_printable_xtext(std::string_view text, std::size_t decoded_bytes_max) noexcept {
  std::size_t decoded_bytes = 0;
  while (!text.empty()) {
    const std::size_t utf8_bytes = is(CharClass::high, text[0]) ? utf8_sequence_length(text) : 0;
    const XtextByte one = utf8_bytes > 0 ? XtextByte{utf8_bytes, 'x'} : decode_one(text);
    if (one.taken == 0 || is(CharClass::control | CharClass::high, one.byte)) return false;
    text.remove_prefix(one.taken);
    ++decoded_bytes;
  }
  return decoded_bytes > 0 && decoded_bytes <= decoded_bytes_max;
}

// "\x{HEX}", RFC 6533 section 3: bytes taken, 0 when it is not one or stands for what no address holds.
std::size_t embedded_unicode(std::string_view text) noexcept {
  constexpr std::string_view kOpen = "\\x{";
  if (!text.starts_with(kOpen)) return 0;
  const std::string_view digits = text.substr(kOpen.size(), run_length(CharClass::hex, text.substr(kOpen.size())));
  if (digits.size() < 2 || digits.size() > 6 || !text.substr(kOpen.size() + digits.size()).starts_with('}')) return 0;
  std::uint32_t point = 0;
  for (const char c : digits) point = point << 4 | hex_value(c);
  const bool is_control = point < 0x20 || (point >= 0x7f && point < 0xa0);
  const bool is_surrogate = point >= 0xd800 && point < 0xe000;
  return is_control || is_surrogate || point > 0x10ffff ? 0 : kOpen.size() + digits.size() + 1;
}

// utf-8-addr-xtext or utf-8-addr-unitext, RFC 6533 section 3; a backslash stands only before x{HEX}.
bool is_utf8_address(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t run = text.find('\\');
    const std::string_view plain = text.substr(0, run);
    if (!plain.empty() && !is_printable_xtext(plain, kOrcptBytesMax)) return false;
    if (run == text.npos) return true;
    text.remove_prefix(run);
    const std::size_t taken = embedded_unicode(text);
    if (taken == 0) return false;
    text.remove_prefix(taken);
  }
  return true;
}

ParamErrorCode read_size(std::string_view value, MailParams& params) noexcept {
  if (value.size() > kSizeDigitsMax || !all_of(CharClass::digit, value)) return ParamErrorCode::value_bad;
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), size);
  params.size = error == std::errc::result_out_of_range ? std::numeric_limits<std::uint64_t>::max() : size;
  return ParamErrorCode::none;
}

ParamErrorCode read_body(std::string_view value, MailParams& params) noexcept {
  if (equal_ignoring_case(value, "7BIT")) {
    params.body = BodyType::seven_bit;
  } else if (equal_ignoring_case(value, "8BITMIME")) {
    params.body = BodyType::eight_bit_mime;
  } else if (equal_ignoring_case(value, "BINARYMIME")) {
    params.body = BodyType::binary_mime;
  } else {
    return ParamErrorCode::value_bad;
  }
  return ParamErrorCode::none;
}

ParamErrorCode read_ret(std::string_view value, MailParams& params) noexcept {
  if (equal_ignoring_case(value, "FULL")) {
    params.ret = DsnReturn::full;
  } else if (equal_ignoring_case(value, "HDRS")) {
    params.ret = DsnReturn::headers;
  } else {
    return ParamErrorCode::value_bad;
  }
  return ParamErrorCode::none;
}

ParamErrorCode read_envid(std::string_view value, MailParams& params) noexcept {
  if (!is_printable_xtext(value, std::numeric_limits<std::size_t>::max())) return ParamErrorCode::value_bad;
  if (!is_printable_xtext(value, kEnvidBytesMax)) return ParamErrorCode::value_too_long;
  params.envid = value;
  return ParamErrorCode::none;
}

ParamErrorCode read_auth(std::string_view value, MailParams& params) noexcept {
  if (value.size() > kAuthBytesMax) return ParamErrorCode::value_too_long;
  if (value != "<>" && !is_printable_xtext(value, kAuthBytesMax)) return ParamErrorCode::value_bad;
  params.auth = value;
  return ParamErrorCode::none;
}

ParamErrorCode read_notify(std::string_view value, RcptParams& params) noexcept {
  if (equal_ignoring_case(value, "NEVER")) {
    params.notify = kNotifyNever;
    return ParamErrorCode::none;
  }
  for (;;) {
    const std::size_t comma = value.find(',');
    const std::string_view word = value.substr(0, comma);
    if (equal_ignoring_case(word, "SUCCESS")) {
      params.notify |= kNotifySuccess;
    } else if (equal_ignoring_case(word, "FAILURE")) {
      params.notify |= kNotifyFailure;
    } else if (equal_ignoring_case(word, "DELAY")) {
      params.notify |= kNotifyDelay;
    } else {
      return ParamErrorCode::value_bad;
    }
    if (comma == value.npos) return ParamErrorCode::none;
    value.remove_prefix(comma + 1);
  }
}

// "ORCPT=" original-recipient-address = addr-type ";" xtext
ParamErrorCode read_orcpt(std::string_view value, RcptParams& params) noexcept {
  if (value.size() > kOrcptBytesMax) return ParamErrorCode::value_too_long;
  const std::size_t semicolon = value.find(';');
  if (semicolon == value.npos) return ParamErrorCode::value_bad;
  const std::string_view type = value.substr(0, semicolon);
  const std::string_view address = value.substr(semicolon + 1);
  if (type.empty() || !all_of(CharClass::atext, type) || address.empty()) return ParamErrorCode::value_bad;
  const bool is_good = equal_ignoring_case(type, "utf-8") ? is_utf8_address(address)
                                                          : is_ascii(address) && is_printable_xtext(address, kOrcptBytesMax);
  if (!is_good) return ParamErrorCode::value_bad;
  params.orcpt = value;
  return ParamErrorCode::none;
}

// A row for each parameter. Without `read` it takes no value and sets `flag`.
template <class Params>
struct ParamDef {
  std::string_view keyword;
  Extension extension;
  const char* rfc;
  const char* bad_value;  // the reply's text, in Exim's words where Exim has some
  ParamErrorCode (*read)(std::string_view value, Params& params) noexcept;
  bool Params::* flag;
};

constexpr ParamDef<MailParams> kMailParams[] = {
    {"SIZE", Extension::size, "RFC 1870 section 6.1", "invalid data for SIZE", read_size, nullptr},
    {"BODY", Extension::eight_bit_mime, "RFC 6152 section 2", "invalid data for BODY", read_body, nullptr},
    {"SMTPUTF8", Extension::smtputf8, "RFC 6531 section 3.4", "", nullptr, &MailParams::smtputf8},
    {"RET", Extension::dsn, "RFC 3461 section 4.3", "Value for RET is invalid", read_ret, nullptr},
    {"ENVID", Extension::dsn, "RFC 3461 section 4.4", "invalid data for ENVID", read_envid, nullptr},
    {"AUTH", Extension::auth, "RFC 4954 section 5", "invalid data for AUTH", read_auth, nullptr},
    {"REQUIRETLS", Extension::require_tls, "RFC 8689 section 2", "", nullptr, &MailParams::require_tls},
    {"PRDR", Extension::prdr, "draft-hall-prdr", "", nullptr, &MailParams::prdr},
};

constexpr ParamDef<RcptParams> kRcptParams[] = {
    {"NOTIFY", Extension::dsn, "RFC 3461 section 4.1", "Invalid value for NOTIFY parameter", read_notify, nullptr},
    {"ORCPT", Extension::dsn, "RFC 3461 section 4.2", "invalid data for ORCPT", read_orcpt, nullptr},
};

// esmtp-param = esmtp-keyword [ "=" esmtp-value ]
struct RawParam {
  std::string_view keyword;
  std::string_view value;
  bool has_value = false;
  bool is_well_formed = false;
};

RawParam split_param(std::string_view word) noexcept {
  RawParam raw;
  raw.keyword = word.substr(0, run_length(CharClass::ldh, word));
  raw.has_value = raw.keyword.size() < word.size();
  const bool has_keyword = !raw.keyword.empty() && !raw.keyword.starts_with('-');
  const bool has_equals = !raw.has_value || word[raw.keyword.size()] == '=';
  if (raw.has_value) raw.value = word.substr(raw.keyword.size() + 1);
  raw.is_well_formed = has_keyword && has_equals && all_of(CharClass::esmtp_value | CharClass::high, raw.value);
  if (!has_keyword) raw.keyword = word;
  return raw;
}

// What holds for any parameter, then its own function.
template <class Params>
ParamErrorCode read_param(const ParamDef<Params>& def, const RawParam& raw, ExtensionSet advertised, Params& params) noexcept {
  if (!advertised.has(def.extension)) return ParamErrorCode::not_advertised;
  if (def.read == nullptr) {
    if (raw.has_value) return ParamErrorCode::value_unwanted;
    params.*def.flag = true;
    return ParamErrorCode::none;
  }
  if (raw.value.empty()) return ParamErrorCode::value_missing;
  if (!is_utf8(raw.value)) return ParamErrorCode::value_bad;
  return def.read(raw.value, params);
}

template <class Params>
struct ParamsResult {
  ParamError error;
  Params params;
  ParamError first_8bit;  // named as an error, for the caller to raise when UTF-8 is not allowed
};

template <class Params>
ParamsResult<Params> parse_params(std::string_view text, std::span<const ParamDef<Params>> defs,
                                  ExtensionSet advertised) noexcept {
  ParamsResult<Params> result;
  std::uint32_t seen = 0;
  for (text = trim_blanks(text); !text.empty(); text = trim_blanks(text)) {
    std::size_t word_bytes = 0;
    while (word_bytes < text.size() && !is(CharClass::blank, text[word_bytes])) ++word_bytes;
    const RawParam raw = split_param(text.substr(0, word_bytes));
    text.remove_prefix(word_bytes);

    std::size_t row = 0;
    while (row < defs.size() && !equal_ignoring_case(defs[row].keyword, raw.keyword)) ++row;
    ParamError found{ParamErrorCode::none, raw.keyword, row < defs.size() ? defs[row].rfc : "RFC 5321 section 4.1.1.11"};
    if (!raw.is_well_formed) {
      found.code = ParamErrorCode::malformed;
    } else if (row == defs.size()) {
      found.code = ParamErrorCode::unknown;
    } else if ((seen >> row & 1) != 0) {
      found.code = ParamErrorCode::duplicate;
    } else {
      found.code = read_param(defs[row], raw, advertised, result.params);
    }
    if (found.code != ParamErrorCode::none) {
      result.error = found;
      return result;
    }
    seen |= 1U << row;
    if (result.first_8bit.code == ParamErrorCode::none && !is_ascii(raw.value)) {
      result.first_8bit = found;
      result.first_8bit.code = ParamErrorCode::value_bad;
    }
  }
  return result;
}

const char* bad_value_text(std::string_view keyword) noexcept {
  for (const auto& def : kMailParams)
    if (equal_ignoring_case(def.keyword, keyword)) return def.bad_value;
  for (const auto& def : kRcptParams)
    if (equal_ignoring_case(def.keyword, keyword)) return def.bad_value;
  return "";
}

void append_value(std::string& out, std::string_view keyword, std::string_view value) {
  out.push_back(' ');
  out += keyword;
  out.push_back('=');
  out += value;
}

std::string_view body_word(BodyType body) noexcept {
  switch (body) {
    case BodyType::unstated: return {};
    case BodyType::seven_bit: return "7BIT";
    case BodyType::eight_bit_mime: return "8BITMIME";
    case BodyType::binary_mime: return "BINARYMIME";
  }
  return {};
}

void append_notify(std::string& out, NotifySet notify) {
  struct Word {
    NotifySet bit;
    std::string_view text;
  };
  constexpr Word kWords[] = {
      {kNotifyNever, "NEVER"}, {kNotifySuccess, "SUCCESS"}, {kNotifyFailure, "FAILURE"}, {kNotifyDelay, "DELAY"}};
  char separator = '=';
  out += " NOTIFY";
  for (const Word& word : kWords) {
    if ((notify & word.bit) == 0) continue;
    out.push_back(separator);
    out += word.text;
    separator = ',';
  }
}

}  // namespace

int ParamError::reply_code() const noexcept {
  switch (code) {
    case ParamErrorCode::none: return 0;
    case ParamErrorCode::unknown:
    case ParamErrorCode::not_advertised: return 555;
    default: return 501;
  }
}

void append_reason(std::string& out, const ParamError& error) {
  constexpr std::size_t kQuotedBytesMax = 40;
  const std::string_view keyword = error.keyword.substr(0, kQuotedBytesMax);
  const auto say = [&](std::string_view before, std::string_view behind) {
    out += before;
    out += keyword;
    out += behind;
  };
  switch (error.code) {
    case ParamErrorCode::none: return;
    case ParamErrorCode::unknown: return say("", ": parameter not recognized");
    case ParamErrorCode::not_advertised: return say("", " used when not advertised");
    case ParamErrorCode::malformed: return say("malformed parameter ", "");
    case ParamErrorCode::duplicate: return say("", " can be specified once only");
    case ParamErrorCode::value_missing: return say("", " needs a value");
    case ParamErrorCode::value_unwanted: return say("", " takes no value");
    case ParamErrorCode::value_too_long: return say("value for ", " is too long");
    case ParamErrorCode::value_bad: out += bad_value_text(error.keyword);
  }
}

MailParamsStep parse_mail_params(std::string_view text, ExtensionSet advertised) noexcept {
  const auto result = parse_params<MailParams>(text, kMailParams, advertised);
  MailParamsStep step{result.error, result.params};
  if (step.error.code != ParamErrorCode::none) return step;
  if (!step.params.smtputf8) step.error = result.first_8bit;
  if (step.params.body == BodyType::binary_mime && !advertised.has(Extension::binary_mime))
    step.error = {ParamErrorCode::not_advertised, "BODY=BINARYMIME", "RFC 3030 section 3"};
  return step;
}

RcptParamsStep parse_rcpt_params(std::string_view text, ExtensionSet advertised, bool smtputf8) noexcept {
  const auto result = parse_params<RcptParams>(text, kRcptParams, advertised);
  RcptParamsStep step{result.error, result.params};
  if (step.error.code == ParamErrorCode::none && !smtputf8) step.error = result.first_8bit;
  return step;
}

void append_mail_params(std::string& out, const MailParams& params, ExtensionSet offered) {
  if (params.size && offered.has(Extension::size)) {
    char digits[std::numeric_limits<std::uint64_t>::digits10 + 1];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, *params.size);
    append_value(out, "SIZE", {digits, static_cast<std::size_t>(end - digits)});
  }
  const Extension body_extension = params.body == BodyType::binary_mime ? Extension::binary_mime : Extension::eight_bit_mime;
  if (params.body != BodyType::unstated && offered.has(body_extension)) append_value(out, "BODY", body_word(params.body));
  if (params.smtputf8 && offered.has(Extension::smtputf8)) out += " SMTPUTF8";
  if (params.ret != DsnReturn::unstated && offered.has(Extension::dsn))
    append_value(out, "RET", params.ret == DsnReturn::full ? "FULL" : "HDRS");
  if (params.envid && offered.has(Extension::dsn)) append_value(out, "ENVID", *params.envid);
  if (params.auth && offered.has(Extension::auth)) append_value(out, "AUTH", *params.auth);
  if (params.require_tls && offered.has(Extension::require_tls)) out += " REQUIRETLS";
  if (params.prdr && offered.has(Extension::prdr)) out += " PRDR";
}

void append_rcpt_params(std::string& out, const RcptParams& params, ExtensionSet offered) {
  if (!offered.has(Extension::dsn)) return;
  if (params.notify != 0) append_notify(out, params.notify);
  if (params.orcpt) append_value(out, "ORCPT", *params.orcpt);
}

bool is_xtext(std::string_view text) noexcept {
  while (!text.empty()) {
    const XtextByte one = decode_one(text);
    if (one.taken == 0) return false;
    text.remove_prefix(one.taken);
  }
  return true;
}

bool append_xtext_decoded(std::string& out, std::string_view text) {
  if (!is_xtext(text)) return false;
  while (!text.empty()) {
    const XtextByte one = decode_one(text);
    out.push_back(one.byte);
    text.remove_prefix(one.taken);
  }
  return true;
}

void append_xtext(std::string& out, std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : bytes) {
    if (is(CharClass::xchar, c)) {
      out.push_back(c);
      continue;
    }
    out.push_back('+');
    out.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
    out.push_back(kHex[static_cast<unsigned char>(c) & 15]);
  }
}

}  // namespace postern::smtp
