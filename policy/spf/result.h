// The results of RFC 7208 section 2.6, and their names.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::spf {

enum class Result : std::uint8_t { none, neutral, pass, fail, softfail, temperror, permerror };
[[nodiscard]] std::string_view to_string(Result result) noexcept;

struct ResultName {
  Result result = Result::none;
  bool old = false;  // err_temp or err_perm, the names before Exim 4.83
};
// A result by its name, in letters of either case: "softfail"; err_temp is temperror and err_perm is permerror.
[[nodiscard]] std::optional<ResultName> result_named(std::string_view name) noexcept;

}  // namespace postern::spf
