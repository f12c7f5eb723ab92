#include "policy/lookup/type.h"

#include <algorithm>
#include <array>

namespace postern::lookup {

namespace {

constexpr std::string_view kWithDelivery = "it comes with delivery's tables, and is not built yet";
constexpr std::string_view kNoDbm = "postern reads no DBM files: make the file with cdb instead, and write cdb";
constexpr std::string_view kNoNis = "postern speaks no NIS";

// By name.
constexpr auto kTypes = std::to_array<TypeDef>({
    {.name = "cdb", .id = TypeId::cdb},
    {.name = "dbm", .not_built = kNoDbm},
    {.name = "dbmjz", .not_built = kNoDbm},
    {.name = "dbmnz", .not_built = kNoDbm},
    {.name = "dnsdb", .id = TypeId::dnsdb, .style = Style::query, .peers_bytes = true},
    {.name = "dsearch", .id = TypeId::dsearch, .options = "ret filter key"},
    {.name = "ibase", .style = Style::query, .not_built = "postern has no client of InterBase"},
    {.name = "iplsearch", .id = TypeId::iplsearch, .options = "ret"},
    {.name = "json", .not_built = "it is not built yet; ${extract json} reads what ${readfile} gives"},
    {.name = "ldap", .style = Style::query, .not_built = kWithDelivery},
    {.name = "ldapdn", .style = Style::query, .not_built = kWithDelivery},
    {.name = "ldapm", .style = Style::query, .not_built = kWithDelivery},
    {.name = "lmdb", .id = TypeId::lmdb},
    {.name = "lsearch", .id = TypeId::lsearch, .options = "ret"},
    {.name = "mysql", .style = Style::query, .not_built = kWithDelivery},
    {.name = "nis", .not_built = kNoNis},
    {.name = "nis0", .not_built = kNoNis},
    {.name = "nisplus", .style = Style::query, .not_built = kNoNis},
    {.name = "nwildlsearch", .id = TypeId::nwildlsearch, .options = "ret"},
    {.name = "oracle", .style = Style::query, .not_built = "postern has no client of Oracle"},
    {.name = "passwd", .style = Style::query, .not_built = "a gateway knows no local users; use lsearch on a file of its own"},
    {.name = "pgsql", .style = Style::query, .not_built = kWithDelivery},
    {.name = "psl", .not_built = "the public suffix list is not built yet"},
    {.name = "readsock", .style = Style::query, .not_built = "it is not built yet; ${readsocket} asks a socket"},
    {.name = "redis", .id = TypeId::redis, .style = Style::query, .options = "servers"},
    {.name = "spf", .not_built = "SPF is not built yet"},
    {.name = "sqlite", .id = TypeId::sqlite, .style = Style::query, .options = "file"},
    {.name = "testdb", .style = Style::query, .not_built = "it is for Exim's own tests"},
    {.name = "whoson", .style = Style::query, .not_built = "postern has no client of Whoson"},
    {.name = "wildlsearch", .id = TypeId::wildlsearch, .options = "ret"},
});
static_assert(std::ranges::is_sorted(kTypes, {}, &TypeDef::name));

}  // namespace

const TypeDef* find_type(std::string_view name) noexcept {
  const auto found = std::ranges::lower_bound(kTypes, name, {}, &TypeDef::name);
  return found != kTypes.end() && found->name == name ? &*found : nullptr;
}

std::span<const TypeDef> all_types() noexcept { return kTypes; }

}  // namespace postern::lookup
