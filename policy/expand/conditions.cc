#include "policy/expand/conditions.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/base/ip_address.h"
#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/crypteq.h"

namespace postern::expand {

namespace {

using smtp::CharClass;
using smtp::equal_ignoring_case;

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::int64_t unit_of(char c) noexcept {
  switch (smtp::lower(c)) {
    case 'k': return 1024;
    case 'm': return 1024 * 1024;
    case 'g': return 1024 * 1024 * 1024;
    default: return 0;
  }
}

int compare_ignoring_case(std::string_view a, std::string_view b) noexcept {
  const std::size_t common = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < common; ++i) {
    const auto left = static_cast<unsigned char>(smtp::lower(a[i]));
    const auto right = static_cast<unsigned char>(smtp::lower(b[i]));
    if (left != right) return left < right ? -1 : 1;
  }
  return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

std::optional<bool> lax_bool(std::string_view text, std::string&) {
  const std::string_view value = trim(text);
  return !(value.empty() || value == "0" || equal_ignoring_case(value, "no") || equal_ignoring_case(value, "false"));
}

std::optional<bool> is_ip(std::string_view text, std::string&) { return IpAddress::parse(text).has_value(); }
std::optional<bool> is_ip4(std::string_view text, std::string&) {
  const auto address = IpAddress::parse(text);
  return address && address->is_v4() && text.find(':') == text.npos;
}
std::optional<bool> is_ip6(std::string_view text, std::string&) {
  return IpAddress::parse(text).has_value() && text.find(':') != text.npos;
}

// "{md5}...", "{sha1}...", "{crypt}..." or a crypt string. Digests stand in hexadecimal or in base64.
std::optional<bool> crypt_equal(std::string_view text, std::string_view encrypted, std::string& why) {
  return matches_encrypted(text, encrypted, why);
}

constexpr ConditionDef one(std::string_view name, TestOne test) {
  return {.name = name, .shape = Shape::one_string, .one = test};
}
constexpr ConditionDef two(std::string_view name, TestTwo test) {
  return {.name = name, .shape = Shape::two_strings, .two = test};
}
constexpr ConditionDef numbers(std::string_view name, TestNumbers test) {
  return {.name = name, .shape = Shape::two_numbers, .numbers = test};
}
constexpr ConditionDef later(std::string_view name, std::string_view why) { return {.name = name, .not_built = why}; }
constexpr ConditionDef list(std::string_view name, ListKind kind) {
  return {.name = name, .shape = Shape::matches_list, .kind = kind};
}

constexpr std::string_view kUsers = "there are no users to check here: use a lookup";

constexpr auto kConditions = std::to_array<ConditionDef>({
    numbers("<", [](std::int64_t a, std::int64_t b) { return a < b; }),
    numbers("<=", [](std::int64_t a, std::int64_t b) { return a <= b; }),
    numbers("=", [](std::int64_t a, std::int64_t b) { return a == b; }),
    numbers("==", [](std::int64_t a, std::int64_t b) { return a == b; }),
    numbers(">", [](std::int64_t a, std::int64_t b) { return a > b; }),
    numbers(">=", [](std::int64_t a, std::int64_t b) { return a >= b; }),
    {.name = "acl", .shape = Shape::acl},
    {.name = "and", .shape = Shape::conditions, .any = false},
    one("bool", read_bool),
    one("bool_lax", lax_bool),
    {.name = "crypteq", .shape = Shape::two_strings, .fallible = crypt_equal},
    {.name = "def", .shape = Shape::variable},
    two("eq", [](std::string_view a, std::string_view b) { return a == b; }),
    two("eqi", [](std::string_view a, std::string_view b) { return equal_ignoring_case(a, b); }),
    {.name = "exists", .shape = Shape::exists},
    {.name = "first_delivery", .shape = Shape::nothing, .op = Op::test_first_delivery},
    {.name = "forall", .shape = Shape::each, .any = false},
    {.name = "forall_json", .shape = Shape::each, .any = false, .items = Items::json},
    {.name = "forall_jsons", .shape = Shape::each, .any = false, .items = Items::json_strings},
    {.name = "forany", .shape = Shape::each, .any = true},
    {.name = "forany_json", .shape = Shape::each, .any = true, .items = Items::json},
    {.name = "forany_jsons", .shape = Shape::each, .any = true, .items = Items::json_strings},
    two("ge", [](std::string_view a, std::string_view b) { return a >= b; }),
    two("gei", [](std::string_view a, std::string_view b) { return compare_ignoring_case(a, b) >= 0; }),
    two("gt", [](std::string_view a, std::string_view b) { return a > b; }),
    two("gti", [](std::string_view a, std::string_view b) { return compare_ignoring_case(a, b) > 0; }),
    {.name = "inbound_srs", .shape = Shape::srs},
    {.name = "inlist", .shape = Shape::in_list},
    {.name = "inlisti", .shape = Shape::in_list, .ignore_case = true},
    one("isip", is_ip),
    one("isip4", is_ip4),
    one("isip6", is_ip6),
    later("ldapauth", "LDAP is not built yet"),
    two("le", [](std::string_view a, std::string_view b) { return a <= b; }),
    two("lei", [](std::string_view a, std::string_view b) { return compare_ignoring_case(a, b) <= 0; }),
    two("lt", [](std::string_view a, std::string_view b) { return a < b; }),
    two("lti", [](std::string_view a, std::string_view b) { return compare_ignoring_case(a, b) < 0; }),
    {.name = "match", .shape = Shape::match},
    list("match_address", ListKind::address),
    list("match_domain", ListKind::domain),
    list("match_ip", ListKind::ip),
    list("match_local_part", ListKind::local_part),
    {.name = "or", .shape = Shape::conditions, .any = true},
    later("pam", kUsers),
    later("pwcheck", kUsers),
    {.name = "queue_running", .shape = Shape::nothing, .op = Op::test_queue_running},
    later("radius", kUsers),
    later("saslauthd", kUsers),
});
static_assert(std::ranges::is_sorted(kConditions, {}, &ConditionDef::name));

}  // namespace

std::span<const ConditionDef> conditions() noexcept { return kConditions; }

const ConditionDef* find_condition(std::string_view name) noexcept {
  const auto* const found = std::ranges::lower_bound(kConditions, name, {}, &ConditionDef::name);
  return found != kConditions.end() && found->name == name ? found : nullptr;
}

std::optional<std::int64_t> read_integer(std::string_view text, std::string& why) {
  std::string_view digits = trim(text);
  if (digits.empty()) return 0;
  if (digits.front() == '+') digits.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) {
    why = "absolute value of integer \"" + printable(text, 64) + "\" is too large (overflow)";
    return std::nullopt;
  }
  if (error != std::errc()) {
    why = "integer expected but \"" + printable(text, 64) + "\" found";
    return std::nullopt;
  }
  std::string_view rest(end, static_cast<std::size_t>(digits.data() + digits.size() - end));
  if (!rest.empty() && unit_of(rest.front()) != 0) {
    if (__builtin_mul_overflow(value, unit_of(rest.front()), &value)) {
      why = "absolute value of integer \"" + printable(text, 64) + "\" is too large (overflow)";
      return std::nullopt;
    }
    rest.remove_prefix(1);
  }
  if (!rest.empty()) {
    why = "invalid integer \"" + printable(text, 64) + "\"";
    return std::nullopt;
  }
  return value;
}

std::optional<bool> read_bool(std::string_view text, std::string& why) {
  std::string_view value = trim(text);
  if (value.empty()) return false;
  std::string_view digits = value;
  if (digits.front() == '-') digits.remove_prefix(1);
  if (!digits.empty() && smtp::all_of(CharClass::digit, digits)) return digits.find_first_not_of('0') != digits.npos;
  if (equal_ignoring_case(value, "true") || equal_ignoring_case(value, "yes")) return true;
  if (equal_ignoring_case(value, "false") || equal_ignoring_case(value, "no")) return false;
  why = "unrecognised boolean value \"" + printable(value, 64) + "\"";
  return std::nullopt;
}

}  // namespace postern::expand
