// One line of the form "name = value", "name" or "no_name", before anybody has asked what the name means.
#pragma once

#include <optional>
#include <string_view>

#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"

namespace postern::config {

struct Setting {
  expand::ConfigText name;   // as written, with no_ or not_ in front
  expand::ConfigText value;  // raw: quotes are still there
  bool has_value = false;    // a "=" stands behind the name
  bool is_hidden = false;    // "hide" stands before it

  // The name behind no_ or not_; empty when there is no such prefix.
  [[nodiscard]] std::string_view negated_name() const noexcept;
};

// "hide" in front of the name is no part of it. Nothing, after an error, when the line is not of this form.
[[nodiscard]] std::optional<Setting> read_setting(const expand::ConfigText& line, expand::Diagnostics& diagnostics);

}  // namespace postern::config
