#include "policy/expand/evaluate.h"

#include <utility>

#include "policy/expand/machine.h"

namespace postern::expand {

namespace {

EvalResult finish(Machine& machine) {
  if (!std::holds_alternative<std::monostate>(machine.question())) {
    machine.resume(Answer::failed("this would have to wait for an answer, which cannot be done here"));
    // What else it asks is answered likewise; each answer of this kind ends it, except where the text has a way out.
    while (!std::holds_alternative<std::monostate>(machine.question()))
      machine.resume(Answer::failed("this would have to wait for an answer, which cannot be done here"));
  }
  return machine.take_result();
}

// Named coroutines, so that a question is a parameter and its owner, the machine, is the awaiter's.
Task<Answer> ask(Services& services, const Machine::Question& question) {
  if (const auto* const lookup = std::get_if<LookupQuestion>(&question)) co_return co_await services.lookup(*lookup);
  if (const auto* const list = std::get_if<ListQuestion>(&question)) co_return co_await services.match(*list);
  if (const auto* const acl = std::get_if<AclQuestion>(&question)) co_return co_await services.acl(*acl);
  if (const auto* const file = std::get_if<FileQuestion>(&question)) co_return co_await services.file(*file);
  if (const auto* const variable = std::get_if<VariableId>(&question)) co_return co_await services.fetch(*variable);
  if (const auto* const socket = std::get_if<ReadSocketQuestion>(&question)) co_return co_await services.read_socket(*socket);
  co_return co_await services.run(std::get<RunQuestion>(question));
}

}  // namespace

EvalResult evaluate(const Program& program, const EvalContext& context, std::string& out, std::size_t output_max) {
  Machine machine(program, context, out, output_max);
  machine.run();
  return finish(machine);
}

EvalResult evaluate(const Program& program, const Part& part, const EvalContext& context, std::string& out,
                    std::size_t output_max) {
  Machine machine(program, context, out, output_max);
  machine.run(part);
  return finish(machine);
}

Task<EvalResult> evaluate_waiting(const Program& program, const EvalContext& context, std::string& out,
                                  std::size_t output_max) {
  const auto machine = std::make_unique<Machine>(program, context, out, output_max);  // too large for a frame
  machine->run();
  while (!std::holds_alternative<std::monostate>(machine->question()))
    machine->resume(co_await ask(*context.services(), machine->question()));
  co_return machine->take_result();
}

}  // namespace postern::expand
