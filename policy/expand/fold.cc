#include "policy/expand/fold.h"

#include <fmt/format.h>

#include "policy/expand/compile.h"

namespace postern::expand {

// Reaches into ConfigText, because what it makes is configuration text again.
class Folder {
 public:
  static std::optional<ConfigText> fold(const ConfigText& text, const Program& program, const LoadTimeValues& values,
                                        std::string_view what, Diagnostics& diagnostics) {
    ConfigText folded(text.files_);
    folded.append_at({}, text, 0);
    std::string value;
    for (const Part& part : program.parts()) {
      const auto literal = program.literal(part);
      if (literal && text.view().substr(part.source, literal->size()) == *literal) {
        folded.append(text, part.source, literal->size());
        continue;
      }
      value.clear();
      const EvalResult result = evaluate(program, part, values, value);
      if (!result) {
        diagnostics.error(text.position(part.source), fmt::format("{} cannot be expanded: {}", what, result.why));
        return std::nullopt;
      }
      folded.append_at(value, text, part.source);
    }
    return folded;
  }
};

std::optional<ConfigText> expand_at_load(const ConfigText& text, const LoadTimeValues& values, std::string_view what,
                                         Diagnostics& diagnostics) {
  if (text.view().find_first_of("$\\") == std::string_view::npos) return text;
  const std::optional<Program> program = compile(text, diagnostics);
  if (!program) return std::nullopt;
  for (const VariableId id : program->variables()) {
    if (values.knows(id)) continue;
    diagnostics.error(
        text.position(),
        fmt::format("{} uses ${}, which is known only when mail arrives: this is not built yet here", what, variable_name(id)));
    return std::nullopt;
  }
  if (!program->needs_only_variables()) {
    diagnostics.error(text.position(), fmt::format("{} uses what is known only when mail arrives (a header, an ACL variable, a "
                                                   "lookup, a file): this is not built yet here",
                                                   what));
    return std::nullopt;
  }
  return Folder::fold(text, *program, values, what, diagnostics);
}

}  // namespace postern::expand
