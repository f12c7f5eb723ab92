// ${name:operand}: one row an operator. An operator works in place on the end of the output, where its operand was expanded.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace postern::expand {

// Replaces out[from, end) by the result. `arguments` is what follows the underscore in "length_4"; empty when there is none.
// False, with `why` in Exim's words, when the operand or the arguments cannot be understood; out[from, end) is then anything.
// The result is at most sixteen times as long as the operand, or kOperatorOutputMin when that is more: the caller checks it.
using OperatorFn = bool (*)(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

struct OperatorDef {
  std::string_view name;
  OperatorFn apply = nullptr;  // null: known and not built
  std::string_view not_built = {};
  bool has_arguments = false;  // "_4" may follow the name
};

inline constexpr std::size_t kOperatorOutputMin = 4096;  // bytes

[[nodiscard]] std::span<const OperatorDef> operators() noexcept;
// `name` as written before the colon: "lc", or "length_4" whose arguments follow an underscore. Null when unknown.
[[nodiscard]] const OperatorDef* find_operator(std::string_view name) noexcept;
// The "4" of "length_4": `name` as written, of which `row` was found.
[[nodiscard]] std::string_view operator_arguments(std::string_view name, const OperatorDef& row) noexcept;

}  // namespace postern::expand
