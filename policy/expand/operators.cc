#include "policy/expand/operators.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/smtp/chars.h"

namespace postern::expand {

namespace {

bool to_lower(std::string& out, std::size_t from, std::string_view, std::string&) {
  for (std::size_t i = from; i < out.size(); ++i) out[i] = smtp::lower(out[i]);
  return true;
}

bool to_upper(std::string& out, std::size_t from, std::string_view, std::string&) {
  for (std::size_t i = from; i < out.size(); ++i) out[i] = smtp::upper(out[i]);
  return true;
}

// Puts a backslash before each byte that `needs` one, and double quotes around the whole.
template <class Needs>
void quote_with(std::string& out, std::size_t from, Needs needs) {
  const std::string operand = out.substr(from);
  out.resize(from);
  out.push_back('"');
  for (const char c : operand) {
    if (c == '\n') {
      out.append("\\n");
      continue;
    }
    if (c == '\r') {
      out.append("\\r");
      continue;
    }
    if (needs(c)) out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

constexpr bool is_quote_or_backslash(char c) noexcept { return c == '"' || c == '\\'; }

// Quoted when it is empty or holds anything but letters, digits, underscores, dots and hyphens.
bool quote(std::string& out, std::size_t from, std::string_view, std::string&) {
  const auto plain = [](char c) { return smtp::is(smtp::CharClass::ldh, c) || c == '_' || c == '.'; };
  if (from < out.size() && std::all_of(out.begin() + static_cast<std::ptrdiff_t>(from), out.end(), plain)) return true;
  quote_with(out, from, is_quote_or_backslash);
  return true;
}

// RFC 5322 section 3.4.1: a dot-atom stands as it is, anything else becomes a quoted string.
bool quote_local_part(std::string& out, std::size_t from, std::string_view, std::string&) {
  const std::string_view operand = std::string_view(out).substr(from);
  bool needs_quotes = operand.empty() || operand.front() == '.' || operand.back() == '.';
  for (std::size_t i = 0; i < operand.size() && !needs_quotes; ++i) {
    const char c = operand[i];
    const bool doubled_dot = c == '.' && i > 0 && operand[i - 1] == '.';
    needs_quotes = doubled_dot || (c != '.' && !smtp::is(smtp::CharClass::atext, c));
  }
  if (needs_quotes) quote_with(out, from, is_quote_or_backslash);
  return true;
}

bool string_length(std::string& out, std::size_t from, std::string_view, std::string&) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), out.size() - from).ptr;
  out.resize(from);
  out.append(digits.data(), end);
  return true;
}

constexpr OperatorDef later(std::string_view name) { return {name, nullptr, "this operator is not built yet"}; }

constexpr auto kOperators = std::to_array<OperatorDef>({
    later("address"),
    later("addresses"),
    later("base32"),
    later("base32d"),
    later("base62"),
    later("base62d"),
    later("base64"),
    later("base64d"),
    later("bless"),
    later("domain"),
    later("escape"),
    later("escape8bit"),
    later("eval"),
    later("eval10"),
    later("expand"),
    later("from_utf8"),
    later("h"),
    later("hash"),
    later("headerwrap"),
    later("hex2b64"),
    later("hexquote"),
    later("ipv6denorm"),
    later("ipv6norm"),
    later("l"),
    {"lc", to_lower, {}},
    later("length"),
    later("listcount"),
    later("listnamed"),
    later("local_part"),
    later("mask"),
    later("md5"),
    later("nh"),
    later("nhash"),
    {"quote", quote, {}},
    {"quote_local_part", quote_local_part, {}},
    later("randint"),
    later("reverse_ip"),
    later("rfc2047"),
    later("rfc2047d"),
    later("rxquote"),
    later("s"),
    later("sha1"),
    later("sha2"),
    later("sha256"),
    later("sha3"),
    later("stat"),
    later("str2b64"),
    {"strlen", string_length, {}},
    later("substr"),
    later("time_eval"),
    later("time_interval"),
    {"uc", to_upper, {}},
    later("utf8_domain_from_alabel"),
    later("utf8_domain_to_alabel"),
    later("utf8_localpart_from_alabel"),
    later("utf8_localpart_to_alabel"),
    later("utf8clean"),
    later("xtextd"),
});
static_assert(std::ranges::is_sorted(kOperators, {}, &OperatorDef::name));
static_assert(std::ranges::all_of(kOperators,
                                  [](const OperatorDef& o) { return (o.apply != nullptr) == o.not_built.empty(); }));

const OperatorDef* find_exact(std::string_view name) noexcept {
  const auto* const found = std::ranges::lower_bound(kOperators, name, {}, &OperatorDef::name);
  return found != kOperators.end() && found->name == name ? found : nullptr;
}

}  // namespace

std::span<const OperatorDef> operators() noexcept { return kOperators; }

const OperatorDef* find_operator(std::string_view name) noexcept {
  if (const OperatorDef* const whole = find_exact(name)) return whole;
  // Arguments follow the first underscore ("mask_n", "substr_1_2", "quote_pgsql"); only operators not built yet have any.
  const OperatorDef* const stem = find_exact(name.substr(0, name.find('_')));
  if (stem == nullptr) return nullptr;
  static constexpr OperatorDef kWithArguments{"", nullptr, "operators with arguments are not built yet"};
  return stem->apply == nullptr ? stem : name.starts_with("quote_") ? &kWithArguments : nullptr;
}

}  // namespace postern::expand
