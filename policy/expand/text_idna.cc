#include "policy/expand/text_idna.h"

#include <idn2.h>

#include "engine/base/peer_text.h"
#include "engine/base/utf8.h"
#include "policy/expand/text_operand.h"
#include "policy/expand/text_punycode.h"

namespace postern::expand {

namespace {

constexpr std::string_view kPrefix = "xn--";

bool refuse_to(std::string& why, std::string_view text, std::string_view reason) {
  return refuse(why, std::string("error converting utf8 (").append(printable(text, 64)).append(") to alabel: ").append(reason));
}

bool refuse_from(std::string& why, std::string_view text, std::string_view reason) {
  return refuse(why, std::string("error converting alabel (").append(printable(text, 64)).append(") to utf8: ").append(reason));
}

// What the library allocated.
class Converted {
 public:
  Converted() = default;
  Converted(const Converted&) = delete;
  Converted& operator=(const Converted&) = delete;
  ~Converted() { idn2_free(text_); }

  [[nodiscard]] char** out() noexcept { return &text_; }
  [[nodiscard]] std::string_view view() const noexcept { return text_; }

 private:
  char* text_ = nullptr;
};

bool has_nothing_to_convert(std::string_view text) noexcept {
  return text.empty() || (is_ascii(text) && text.find('\0') == text.npos);
}

// The library takes terminated strings and wants time for long ones.
bool is_convertible(std::string_view text) noexcept { return text.size() <= kIdnaBytesMax && text.find('\0') == text.npos; }

}  // namespace

bool utf8_domain_to_alabel(std::string& out, std::size_t from, std::string_view, std::string& why) {
  if (has_nothing_to_convert(operand_view(out, from))) return true;
  const std::string text = take_operand(out, from);
  if (!is_convertible(text)) return refuse_to(why, text, idn2_strerror(IDN2_TOO_BIG_DOMAIN));
  Converted converted;
  const int status = idn2_to_ascii_8z(text.c_str(), converted.out(), IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
  if (status != IDN2_OK) return refuse_to(why, text, idn2_strerror(status));
  out.append(converted.view());
  return true;
}

bool utf8_domain_from_alabel(std::string& out, std::size_t from, std::string_view, std::string& why) {
  const std::string text = take_operand(out, from);
  if (!is_convertible(text)) return refuse_from(why, text, idn2_strerror(IDN2_TOO_BIG_DOMAIN));
  if (text.empty()) return true;
  Converted converted;
  const int status = idn2_to_unicode_8z8z(text.c_str(), converted.out(), 0);
  if (status != IDN2_OK) return refuse_from(why, text, idn2_strerror(status));
  out.append(converted.view());
  return true;
}

bool utf8_localpart_to_alabel(std::string& out, std::size_t from, std::string_view, std::string& why) {
  if (has_nothing_to_convert(operand_view(out, from))) return true;
  const std::string text = take_operand(out, from);
  if (text.size() > kPunycodeBytesMax) return refuse_to(why, text, "local part too long");
  out.append(kPrefix);
  return append_punycode(out, text) || refuse_to(why, text, "l_u2a: bad UTF-8 input");
}

bool utf8_localpart_from_alabel(std::string& out, std::size_t from, std::string_view, std::string& why) {
  const std::string text = take_operand(out, from);
  if (!text.starts_with(kPrefix)) return refuse_from(why, text, "bad alabel prefix");
  return append_punycode_decoded(out, std::string_view(text).substr(kPrefix.size())) || refuse_from(why, text, "Invalid input");
}

}  // namespace postern::expand
