#include "appliance/config/macros.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace postern::config {

std::uint32_t PhysicalLine::column(std::size_t offset) const noexcept {
  if (columns_.empty()) return static_cast<std::uint32_t>(offset + 1);
  return offset < columns_.size() ? columns_[offset] : columns_.back() + 1;
}

bool PhysicalLine::replace_all(std::string_view name, std::string_view replacement, std::size_t begin, std::size_t bytes_max) {
  std::size_t found = text_.find(name, begin);
  if (found == std::string::npos) return true;
  std::string text;
  std::vector<std::uint32_t> columns;
  std::size_t copied = 0;
  const auto copy_up_to = [&](std::size_t end) {
    for (std::size_t i = copied; i < end; ++i) columns.push_back(column(i));
    text.append(text_, copied, end - copied);
    copied = end;
  };
  for (; found != std::string::npos; found = text_.find(name, copied)) {
    copy_up_to(found);
    text.append(replacement);
    columns.resize(text.size(), column(found));
    copied = found + name.size();
    if (text.size() + (text_.size() - copied) > bytes_max) return false;
  }
  copy_up_to(text_.size());
  text_ = std::move(text);
  columns_ = std::move(columns);
  was_changed_ = true;
  return true;
}

Macros::Macros(std::size_t macros_max) {
  for (auto& [name, value] : built_in_values()) macros_.push_back({std::move(name), std::move(value), false});
  macros_max_ = macros_.size() + macros_max;
}

void Macros::define_from_command_line(std::string name, std::string value) {
  macros_.push_back({std::move(name), std::move(value), true});
}

std::string Macros::define(std::string_view name, std::string_view value, bool redefine) {
  const auto known = std::ranges::find(macros_, name, &Macro::name);
  if (known != macros_.end()) {
    if (known->from_command_line) return {};
    if (!redefine) return fmt::format("the macro \"{}\" is defined already: \"==\" gives it another value", name);
    known->value = value;
    return {};
  }
  if (redefine) return fmt::format("\"==\" redefines a macro, and \"{}\" has not been defined: write \"=\"", name);
  for (const Macro& macro : macros_) {
    if (name.find(macro.name) == std::string_view::npos) continue;
    return fmt::format(
        "\"{}\" cannot be the name of a macro: it contains \"{}\", which was defined before and would be replaced", name,
        macro.name);
  }
  if (macros_.size() >= macros_max_) return fmt::format("more than {} macros", macros_max_ - built_in_values().size());
  macros_.push_back({std::string(name), std::string(value), false});
  return {};
}

bool Macros::replace_in(PhysicalLine& line, std::size_t begin, std::size_t bytes_max) const {
  // Most lines hold nothing that could be a name: those begin with a capital letter or an underscore.
  const auto may_begin_name = [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; };
  if (std::ranges::none_of(line.view().substr(std::min(begin, line.view().size())), may_begin_name)) return true;
  return std::ranges::all_of(macros_,
                             [&](const Macro& macro) { return line.replace_all(macro.name, macro.value, begin, bytes_max); });
}

}  // namespace postern::config
