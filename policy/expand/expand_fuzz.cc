// Any text compiles or is refused with one error, and what compiles keeps its bounds, whatever the variables hold.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/expand/compile.h"
#include "policy/expand/config_text_for_test.h"
#include "policy/expand/evaluate.h"
#include "policy/expand/fold.h"

namespace {

using namespace postern::expand;

class Hostile final : public EvalContext {
 public:
  explicit Hostile(std::string_view bytes) : bytes_(bytes) {}
  std::string_view variable(VariableId id, std::string& scratch) const override {
    if (id == VariableId::sender_ident) return {};
    return scratch.assign(bytes_);
  }

 private:
  std::string_view bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kOutput = 4096;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ConfigText source = ConfigTextForTest::line(text);
  Diagnostics diagnostics;
  const auto program = compile(source, diagnostics);
  POSTERN_CHECK(diagnostics.errors() == (program ? 0u : 1u));
  if (program) {
    std::string out = "kept";
    const EvalResult result = evaluate(*program, Hostile(text.substr(0, 512)), out, kOutput);
    POSTERN_CHECK(out.starts_with("kept") && out.size() <= kOutput + 4);
    POSTERN_CHECK(result || out.size() == 4);
  }
  LoadTimeValues values;
  values.set(VariableId::primary_hostname, "mx.example.org");
  const auto folded = expand_at_load(source, values, "text", diagnostics);
  if (folded)
    for (std::size_t i = 0; i <= folded->size(); i += 1 + i / 8) POSTERN_CHECK(folded->position(i).line == 1 || text.empty());
  return 0;
}
