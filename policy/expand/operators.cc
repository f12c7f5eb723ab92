#include "policy/expand/operators.h"

#include <algorithm>
#include <array>

#include "policy/expand/text_addresses.h"
#include "policy/expand/text_arithmetic.h"
#include "policy/expand/text_base64.h"
#include "policy/expand/text_digits.h"
#include "policy/expand/text_hash.h"
#include "policy/expand/text_idna.h"
#include "policy/expand/text_ip.h"
#include "policy/expand/text_lists.h"
#include "policy/expand/text_quote.h"
#include "policy/expand/text_rfc2047.h"
#include "policy/expand/text_substring.h"
#include "policy/expand/text_time.h"
#include "policy/expand/text_utf8.h"

namespace postern::expand {

namespace {

constexpr OperatorDef later(std::string_view name) { return {name, nullptr, "this operator is not built yet"}; }
constexpr OperatorDef with_arguments(std::string_view name, OperatorFn apply) { return {name, apply, {}, true}; }

constexpr auto kOperators = std::to_array<OperatorDef>({
    {"address", address},
    {"addresses", addresses},
    {"base32", base32},
    {"base32d", base32d},
    {"base62", base62},
    {"base62d", base62d},
    {"base64", base64},
    {"base64d", base64d},
    {"bless", nullptr, "a peer's bytes stay a peer's; Exim has it for its own tests only"},
    {"domain", domain},
    {"escape", escape},
    {"escape8bit", escape8bit},
    {"eval", eval},
    {"eval10", eval10},
    later("expand"),
    {"from_utf8", from_utf8},
    with_arguments("h", hash),
    with_arguments("hash", hash),
    with_arguments("headerwrap", headerwrap),
    {"hex2b64", hex2b64},
    {"hexquote", hexquote},
    {"ipv6denorm", ipv6denorm},
    {"ipv6norm", ipv6norm},
    with_arguments("l", length),
    {"lc", to_lower},
    with_arguments("length", length),
    {"listcount", listcount},
    {"listnamed", nullptr, "only the compiler of expansions reads it", true},
    {"local_part", local_part},
    with_arguments("mask", mask),
    {"md5", md5},
    with_arguments("nh", nhash),
    with_arguments("nhash", nhash),
    {"quote", quote},
    {"quote_cdb", quote_nothing},
    {"quote_dbm", quote_nothing},
    {"quote_dbmjz", quote_nothing},
    {"quote_dbmnz", quote_nothing},
    {"quote_dnsdb", quote_nothing},
    {"quote_dsearch", quote_nothing},
    {"quote_iplsearch", quote_nothing},
    {"quote_json", quote_nothing},
    {"quote_ldap", quote_ldap},
    {"quote_ldap_dn", quote_ldap_dn},
    {"quote_lmdb", quote_nothing},
    {"quote_local_part", quote_local_part},
    {"quote_lsearch", quote_nothing},
    {"quote_mysql", quote_mysql},
    {"quote_nwildlsearch", quote_nothing},
    {"quote_passwd", quote_nothing},
    {"quote_pgsql", quote_pgsql},
    {"quote_redis", quote_redis},
    {"quote_spf", quote_nothing},
    {"quote_sqlite", quote_sqlite},
    {"quote_wildlsearch", quote_nothing},
    later("randint"),
    {"reverse_ip", reverse_ip},
    {"rfc2047", rfc2047},
    {"rfc2047d", rfc2047d},
    {"rxquote", rxquote},
    with_arguments("s", substr),
    {"sha1", sha1},
    with_arguments("sha2", sha2),
    {"sha256", sha2},
    with_arguments("sha3", sha3),
    {"stat", nullptr, "only the compiler of expansions reads it"},
    {"str2b64", base64},
    {"strlen", string_length},
    with_arguments("substr", substr),
    {"time_eval", time_eval},
    {"time_interval", time_interval},
    {"uc", to_upper},
    {"utf8_domain_from_alabel", utf8_domain_from_alabel},
    {"utf8_domain_to_alabel", utf8_domain_to_alabel},
    {"utf8_localpart_from_alabel", utf8_localpart_from_alabel},
    {"utf8_localpart_to_alabel", utf8_localpart_to_alabel},
    {"utf8clean", utf8clean},
    {"xtextd", xtextd},
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
  const OperatorDef* const stem = find_exact(name.substr(0, name.find('_')));
  return stem != nullptr && stem->has_arguments ? stem : nullptr;
}

std::string_view operator_arguments(std::string_view name, const OperatorDef& row) noexcept {
  return name.size() > row.name.size() ? name.substr(row.name.size() + 1) : std::string_view();
}

}  // namespace postern::expand
