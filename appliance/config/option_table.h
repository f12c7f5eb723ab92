// A table of options and the work of applying settings to it: finding the row, prefixes, doublets, what is not built.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "appliance/config/option_reader.h"
#include "engine/base/peer_text.h"
#include "policy/expand/nearest.h"

namespace postern::config {

enum class OptionStatus : std::uint8_t {
  built,
  alias,       // another name; `note` is the one to use, and the row of that name is applied
  old_name,    // likewise, with a warning that says so
  irrelevant,  // loads in silence: what it governs does not exist here
  no_effect,   // loads with a warning; `note` says why
  refused,     // an error; `note` says why: leaving it out would change what happens to mail. A boolean one may be set to no
};

template <class Target>
struct OptionDef {
  std::string_view name;
  ValueKind kind;
  OptionStatus status;
  void (*apply)(Target& target, const Setting& setting, const OptionReader& reader);  // null unless built
  std::string_view note;
};

// Rows sorted by name.
template <class Target>
[[nodiscard]] const OptionDef<Target>* find_option(std::span<const OptionDef<Target>> table, std::string_view name) {
  const auto found = std::ranges::lower_bound(table, name, {}, &OptionDef<Target>::name);
  return found != table.end() && found->name == name ? &*found : nullptr;
}

// Applies the settings of one table to one target. `what` names the table in messages: "main option", "option of the router x".
template <class Target>
class OptionApplier {
 public:
  OptionApplier(std::span<const OptionDef<Target>> table, std::string what, const OptionReader& reader)
      : table_(table), what_(std::move(what)), reader_(reader) {}

  void apply(Target& target, const Setting& setting) {
    const OptionDef<Target>* row = find(setting);
    if (row == nullptr) return;
    if (row->status == OptionStatus::old_name)
      reader_.warning(setting, fmt::format("\"{}\" is an old name of \"{}\"", row->name, row->note));
    if (row->status == OptionStatus::alias || row->status == OptionStatus::old_name) row = find_option(table_, row->note);
    if (row == nullptr || !is_first(setting, *row)) return;
    switch (row->status) {
      case OptionStatus::built: row->apply(target, setting, reader_); break;
      case OptionStatus::no_effect:
        reader_.check(setting, row->kind);
        reader_.warning(setting, fmt::format("\"{}\" has no effect: {}", row->name, row->note));
        break;
      case OptionStatus::refused: refuse(setting, *row); break;
      default: reader_.check(setting, row->kind); break;
    }
  }

 private:
  // The row of a setting; null after an error.
  [[nodiscard]] const OptionDef<Target>* find(const Setting& setting) const {
    const std::string_view name = setting.name.view();
    if (const auto* const row = find_option(table_, name)) return row;
    const std::string_view negated = setting.negated_name();
    const OptionDef<Target>* row = find_option(table_, negated);
    if (row != nullptr && row->kind == ValueKind::boolean) return row;
    if (row != nullptr) {
      reader_.diagnostics().error(setting.name.position(),
                                  fmt::format("\"{}\" is not a yes or no option: nothing to negate", negated));
      return nullptr;
    }
    expand::Nearest nearest(name);
    for (const auto& candidate : table_) nearest.offer(candidate.name);
    reader_.diagnostics().error(setting.name.position(),
                                fmt::format("unknown {} \"{}\"{}", what_, printable(name, 64), nearest.question()));
    return nullptr;
  }

  [[nodiscard]] bool is_first(const Setting& setting, const OptionDef<Target>& row) {
    if (seen_.insert(row.name).second) return true;
    reader_.diagnostics().error(setting.name.position(), fmt::format("\"{}\" is set for the second time", row.name));
    return false;
  }

  void refuse(const Setting& setting, const OptionDef<Target>& row) {
    if (row.kind == ValueKind::boolean) {
      const std::optional<bool> value = reader_.boolean(setting);
      if (!value || !*value) return;
    }
    reader_.diagnostics().error(setting.name.position(), fmt::format("\"{}\" cannot be used: {}", row.name, row.note));
  }

  std::span<const OptionDef<Target>> table_;
  std::string what_;
  const OptionReader& reader_;
  std::set<std::string_view> seen_;
};

// Setters for rows: one for each kind of value, for the member they name.
template <auto Member, class Target>
void set_bool(Target& target, const Setting& setting, const OptionReader& reader) {
  if (const auto value = reader.boolean(setting)) target.*Member = *value;
}
template <auto Member, class Target>
void set_count(Target& target, const Setting& setting, const OptionReader& reader) {
  if (const auto value = reader.count(setting)) target.*Member = *value;
}
template <auto Member, class Target>
void set_bytes(Target& target, const Setting& setting, const OptionReader& reader) {
  if (const auto value = reader.bytes(setting)) target.*Member = *value;
}
template <auto Member, class Target>
void set_kilobytes(Target& target, const Setting& setting, const OptionReader& reader) {
  if (const auto value = reader.kilobytes(setting)) target.*Member = *value;
}
template <auto Member, class Target>
void set_octal(Target& target, const Setting& setting, const OptionReader& reader) {
  if (const auto value = reader.octal(setting)) target.*Member = *value;
}
template <auto Member, class Target>
void set_seconds(Target& target, const Setting& setting, const OptionReader& reader) {
  if (const auto value = reader.seconds(setting)) target.*Member = *value;
}
// As it stands, quotes read.
template <auto Member, class Target>
void set_text(Target& target, const Setting& setting, const OptionReader& reader) {
  if (const auto value = reader.text(setting)) target.*Member = std::string(value->view());
}
template <auto Member, class Target>
void set_expanded(Target& target, const Setting& setting, const OptionReader& reader) {
  if (const auto value = reader.expanded(setting)) target.*Member = std::string(value->view());
}
template <auto Member, class Target>
void set_program(Target& target, const Setting& setting, const OptionReader& reader) {
  if (auto value = reader.program(setting)) target.*Member = std::move(*value);
}
template <auto Member, class Target>
void set_domains(Target& target, const Setting& setting, const OptionReader& reader) {
  if (auto value = reader.domains(setting)) target.*Member = std::move(*value);
}
template <auto Member, class Target>
void set_hosts(Target& target, const Setting& setting, const OptionReader& reader) {
  if (auto value = reader.hosts(setting)) target.*Member = std::move(*value);
}
// Of those who can wait while they match.
template <auto Member, class Target>
void set_asking_hosts(Target& target, const Setting& setting, const OptionReader& reader) {
  if (auto value = reader.hosts(setting, lists::Use::asks)) target.*Member = std::move(*value);
}
template <auto Member, class Target>
void set_addresses(Target& target, const Setting& setting, const OptionReader& reader) {
  if (auto value = reader.addresses(setting)) target.*Member = std::move(*value);
}
template <auto Member, class Target>
void set_local_parts(Target& target, const Setting& setting, const OptionReader& reader) {
  if (auto value = reader.local_parts(setting)) target.*Member = std::move(*value);
}

}  // namespace postern::config
