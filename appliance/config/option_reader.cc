#include "appliance/config/option_reader.h"

#include <fmt/format.h>

#include <limits>

#include "appliance/config/values.h"
#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/compile.h"
#include "policy/lists/list_text.h"

namespace postern::config {

using expand::ConfigText;

void OptionReader::error(const Setting& setting, const std::string& what_is_wrong) const {
  diagnostics_.error((setting.has_value ? setting.value : setting.name).position(),
                     fmt::format("{}: {}", setting.name.view(), what_is_wrong));
}

void OptionReader::warning(const Setting& setting, const std::string& what) const {
  diagnostics_.warning(setting.name.position(), what);
}

bool OptionReader::wants_value(const Setting& setting) const {
  if (setting.has_value) return true;
  diagnostics_.error(setting.name.position(setting.name.size()),
                     fmt::format("\"=\" and a value are missing behind \"{}\"", setting.name.view()));
  return false;
}

template <class Value>
std::optional<Value> OptionReader::read(const Setting& setting,
                                        std::optional<Value> (*reader)(std::string_view, std::string&)) const {
  if (!wants_value(setting)) return std::nullopt;
  std::string why;
  std::optional<Value> value = reader(setting.value.view(), why);
  if (!value) error(setting, why);
  return value;
}

std::optional<bool> OptionReader::boolean(const Setting& setting) const {
  if (!setting.negated_name().empty()) {
    if (!setting.has_value) return false;
    error(setting, "a value behind no_ or not_: say one or the other");
    return std::nullopt;
  }
  if (!setting.has_value || setting.value.empty()) return true;
  return read<bool>(setting, read_bool);
}

std::optional<std::int64_t> OptionReader::integer(const Setting& setting) const {
  return read<std::int64_t>(setting, read_integer);
}

std::optional<std::int64_t> OptionReader::number(const Setting& setting, std::int64_t most) const {
  const std::optional<ConfigText> value = expanded(setting);
  if (!value) return std::nullopt;
  std::string why;
  const std::optional<std::int64_t> number = read_integer(lists::trim(value->view()), why);
  if (!number) {
    error(setting, why);
  } else if (*number < 0 || *number > most) {
    error(setting, fmt::format("{} is not between 0 and {}", *number, most));
  } else {
    return number;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> OptionReader::count(const Setting& setting) const {
  const auto value = number(setting, std::numeric_limits<std::uint32_t>::max());
  return value ? std::optional(static_cast<std::uint32_t>(*value)) : std::nullopt;
}

std::optional<std::uint64_t> OptionReader::bytes(const Setting& setting) const {
  const auto value = number(setting, std::numeric_limits<std::int64_t>::max());
  return value ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

std::optional<std::uint64_t> OptionReader::kilobytes(const Setting& setting) const {
  constexpr std::int64_t kMost = std::int64_t{1} << 50;  // more than any disk holds
  const std::optional<std::int64_t> value = integer(setting);
  if (!value) return std::nullopt;
  if (*value < 0 || *value > kMost) {
    error(setting, fmt::format("{} is not between 0 and {}", *value, kMost));
    return std::nullopt;
  }
  const bool has_unit = !smtp::is(smtp::CharClass::hex, setting.value.view().back());
  return static_cast<std::uint64_t>(*value) * (has_unit ? 1 : 1024);
}

std::optional<std::uint32_t> OptionReader::octal(const Setting& setting) const {
  return read<std::uint32_t>(setting, read_octal);
}
std::optional<std::int64_t> OptionReader::fixed(const Setting& setting) const {
  return read<std::int64_t>(setting, read_fixed);
}
std::optional<std::int64_t> OptionReader::seconds(const Setting& setting) const {
  return read<std::int64_t>(setting, read_time);
}
std::optional<std::vector<std::int64_t>> OptionReader::times(const Setting& setting) const {
  return read<std::vector<std::int64_t>>(setting, read_time_list);
}

std::optional<ConfigText> OptionReader::text(const Setting& setting) const {
  if (!wants_value(setting)) return std::nullopt;
  return read_string(setting.value, diagnostics_);
}

std::optional<ConfigText> OptionReader::expanded(const Setting& setting) const {
  const std::optional<ConfigText> raw = text(setting);
  if (!raw) return std::nullopt;
  return expand::expand_at_load(*raw, values_, setting.name.view(), diagnostics_);
}

std::optional<expand::Program> OptionReader::program(const Setting& setting) const {
  const std::optional<ConfigText> raw = text(setting);
  if (!raw) return std::nullopt;
  return expand::compile_late(*raw, diagnostics_, services_);
}

std::optional<lists::DomainList> OptionReader::domains(const Setting& setting) const {
  const std::optional<ConfigText> raw = text(setting);
  return raw ? std::optional(lists_.domains(*raw, setting.name.view(), use_)) : std::nullopt;
}

std::optional<lists::HostList> OptionReader::hosts(const Setting& setting, lists::Use use) const {
  const std::optional<ConfigText> raw = text(setting);
  return raw ? std::optional(lists_.hosts(*raw, setting.name.view(), use)) : std::nullopt;
}

std::optional<lists::AddressList> OptionReader::addresses(const Setting& setting) const {
  const std::optional<ConfigText> raw = text(setting);
  return raw ? std::optional(lists_.addresses(*raw, setting.name.view(), use_)) : std::nullopt;
}

std::optional<lists::LocalPartList> OptionReader::local_parts(const Setting& setting) const {
  const std::optional<ConfigText> raw = text(setting);
  return raw ? std::optional(lists_.local_parts(*raw, setting.name.view(), use_)) : std::nullopt;
}

void OptionReader::check(const Setting& setting, ValueKind kind) const {
  switch (kind) {
    case ValueKind::boolean: (void)boolean(setting); break;
    case ValueKind::integer:
    case ValueKind::kilobytes: (void)integer(setting); break;
    case ValueKind::octal: (void)octal(setting); break;
    case ValueKind::fixed: (void)fixed(setting); break;
    case ValueKind::time: (void)seconds(setting); break;
    case ValueKind::time_list: (void)times(setting); break;
    case ValueKind::text: (void)text(setting); break;
  }
}

}  // namespace postern::config
