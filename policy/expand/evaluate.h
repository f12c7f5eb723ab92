// Running a Program. What a variable holds is appended as it is and never looked at again: a peer's bytes stay data.
//
// One machine (machine.h) does it, in two ways: evaluate() runs it to the end at once, evaluate_waiting() lets it ask the
// world and suspends until the answers are there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/coro/task.h"
#include "policy/expand/eval_context.h"
#include "policy/expand/program.h"

namespace postern::expand {

enum class EvalStatus : std::uint8_t {
  ok,
  forced_failure,  // ${if ...{}fail}: what it means depends on where the text stands
  deferred,        // something that was asked could not be answered now
  failed,          // a value could not be understood, or a bound was passed
};

struct [[nodiscard]] EvalResult {
  EvalStatus status = EvalStatus::ok;
  std::string why = {};       // for the log, in Exim's words; empty when ok
  Bytes bytes = Bytes::ours;  // whose bytes were appended; known only now for programs that may hold a peer's

  explicit operator bool() const noexcept { return status == EvalStatus::ok; }
};

// Bytes one expansion may produce, intermediates included.
inline constexpr std::size_t kOutputMax = std::size_t{256} * 1024;
inline constexpr std::uint64_t kStepsMax = 1'000'000;  // instructions one expansion may run

// Appends to `out`; unless the result is ok, `out` is left as it was. A program that asks for something the Services cannot
// answer at once fails: run it with evaluate_waiting() when program.may_wait().
EvalResult evaluate(const Program& program, const EvalContext& context, std::string& out, std::size_t output_max = kOutputMax);
// Only one part of it.
EvalResult evaluate(const Program& program, const Part& part, const EvalContext& context, std::string& out,
                    std::size_t output_max = kOutputMax);

// The same for every program; suspends where the Services do. Everything is borrowed until it ends.
[[nodiscard]] Task<EvalResult> evaluate_waiting(const Program& program, const EvalContext& context, std::string& out,
                                                std::size_t output_max = kOutputMax);

}  // namespace postern::expand
