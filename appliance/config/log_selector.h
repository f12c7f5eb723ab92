// What goes into the main log beside the usual: log_selector = +name -name ...
#pragma once

#include <bitset>
#include <cstddef>
#include <span>
#include <string_view>

#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"

namespace postern::config {

struct LogSelectorDef {
  std::string_view name;
  bool on_by_default;
  bool built;  // turning it on or off changes something; for the others a change loads with a warning
};

[[nodiscard]] std::span<const LogSelectorDef> log_selectors() noexcept;

class LogSelectors {
 public:
  static constexpr std::size_t kMax = 64;

  // Exim's usual selection.
  LogSelectors();
  // False for names that do not exist.
  [[nodiscard]] bool has(std::string_view name) const noexcept;
  // Applies "+name -name ..."; "all" stands for every one. Errors and warnings are reported.
  void apply(const expand::ConfigText& text, expand::Diagnostics& diagnostics);

  friend bool operator==(const LogSelectors&, const LogSelectors&) = default;

 private:
  std::bitset<kMax> on_;
};

}  // namespace postern::config
