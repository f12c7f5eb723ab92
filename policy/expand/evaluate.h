// Running a Program. What a variable holds is appended as it is and never looked at again: a peer's bytes stay data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "policy/expand/program.h"

namespace postern::expand {

// What surrounds an expansion: implemented by whoever has the facts (session, routing, delivery).
class EvalContext {
 public:
  virtual ~EvalContext() = default;
  // The value of a built variable; empty when there is none here. A view into the context, or into `scratch` after the
  // callee has filled it; valid until the context changes or `scratch` does.
  [[nodiscard]] virtual std::string_view variable(VariableId id, std::string& scratch) const = 0;
};

enum class EvalStatus : std::uint8_t {
  ok,
  forced_failure,  // ${if ...{}fail}: what it means depends on where the text stands
  failed,          // a value could not be understood, or a bound was passed
};

struct [[nodiscard]] EvalResult {
  EvalStatus status = EvalStatus::ok;
  std::string why;  // for the log, in Exim's words; empty when ok

  explicit operator bool() const noexcept { return status == EvalStatus::ok; }
};

inline constexpr std::size_t kOutputMax = std::size_t{256} * 1024;  // bytes one expansion may produce, intermediates included

// Appends to `out`; unless the result is ok, `out` is left as it was.
EvalResult evaluate(const Program& program, const EvalContext& context, std::string& out, std::size_t output_max = kOutputMax);
// Only the nodes in `part` of it.
EvalResult evaluate(const Program& program, Span part, const EvalContext& context, std::string& out,
                    std::size_t output_max = kOutputMax);

}  // namespace postern::expand
