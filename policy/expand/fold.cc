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
    for (std::uint32_t i = 0; i < program.root().count; ++i) {
      const Node& node = program.node(program.root().first + i);
      if (node.kind == NodeKind::literal && text.view().substr(node.source, node.length) == program.literal(node)) {
        folded.append(text, node.source, node.length);
        continue;
      }
      value.clear();
      const EvalResult result = evaluate(program, Part{program.root().first + i, 1}, values, value);
      if (!result) {
        diagnostics.error(text.position(node.source), fmt::format("{} cannot be expanded: {}", what, result.why));
        return std::nullopt;
      }
      folded.append_at(value, text, node.source);
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
  return Folder::fold(text, *program, values, what, diagnostics);
}

}  // namespace postern::expand
