// ${name:operand}: one row an operator. An operator works in place on the end of the output, where its operand was expanded.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace postern::expand {

// Replaces out[from, end) by the result. `arguments` is what follows the underscore in "length_4"; empty when there is none.
// False, with `why` in Exim's words, when the operand or the arguments cannot be understood; out[from, end) is then anything.
using OperatorFn = bool (*)(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

struct OperatorDef {
  std::string_view name;
  OperatorFn apply = nullptr;  // null: known and not built
  std::string_view not_built = {};
};

[[nodiscard]] std::span<const OperatorDef> operators() noexcept;
// `name` as written before the colon: "lc", or "length_4" whose arguments follow an underscore. Null when unknown.
[[nodiscard]] const OperatorDef* find_operator(std::string_view name) noexcept;

}  // namespace postern::expand
