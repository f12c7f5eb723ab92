// Expanding at load, for options whose value must be known before there is any message.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"
#include "policy/expand/evaluate.h"

namespace postern::expand {

// The variables whose values do not change while a configuration is in use.
class LoadTimeValues final : public EvalContext {
 public:
  void set(VariableId id, std::string value) { values_[id] = std::move(value); }
  [[nodiscard]] bool knows(VariableId id) const noexcept { return values_.contains(id); }
  [[nodiscard]] std::string_view variable(VariableId id, std::string&) const override {
    const auto found = values_.find(id);
    return found == values_.end() ? std::string_view() : std::string_view(found->second);
  }

 private:
  std::map<VariableId, std::string> values_;
};

// The expanded text, still knowing where each literal byte stood. Nothing when it cannot be read, fails, or needs a value that
// is known only later; then one error was added, which calls the text `what` ("the value of hosts").
[[nodiscard]] std::optional<ConfigText> expand_at_load(const ConfigText& text, const LoadTimeValues& values,
                                                       std::string_view what, Diagnostics& diagnostics);

}  // namespace postern::expand
