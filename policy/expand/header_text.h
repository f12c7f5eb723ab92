// The header forms of variables: $h_name (decoded), $rh_name (raw), $bh_name (decoded as far as bytes), $lh_name (a list of the
// raw ones).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "policy/expand/eval_context.h"
#include "policy/expand/instruction.h"

namespace postern::expand {

[[nodiscard]] bool has_header(const EvalContext& context, std::string_view name);

// Appends to `out`, which is empty before. False when it would be longer than `bytes_max`.
[[nodiscard]] bool append_header(const EvalContext& context, std::string_view name, HeaderForm form, std::size_t bytes_max,
                                 std::string& out);

}  // namespace postern::expand
