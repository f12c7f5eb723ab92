#include "policy/spf/result.h"

#include <array>
#include <utility>

#include "net/dns/names.h"

namespace postern::spf {
namespace {

struct Named {
  std::string_view name;
  Result result;
  bool old = false;
};
constexpr std::array<Named, 9> kNames{{
    {"none", Result::none},
    {"neutral", Result::neutral},
    {"pass", Result::pass},
    {"fail", Result::fail},
    {"softfail", Result::softfail},
    {"temperror", Result::temperror},
    {"permerror", Result::permerror},
    {"err_temp", Result::temperror, true},
    {"err_perm", Result::permerror, true},
}};

}  // namespace

std::string_view to_string(Result result) noexcept { return kNames[std::to_underlying(result)].name; }

std::optional<ResultName> result_named(std::string_view name) noexcept {
  for (const Named& known : kNames)
    if (dns::same_name(name, known.name)) return ResultName{known.result, known.old};
  return std::nullopt;
}

}  // namespace postern::spf
