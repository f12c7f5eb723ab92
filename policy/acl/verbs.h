// The verbs that begin an ACL statement.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "policy/acl/phases.h"

namespace postern::acl {

enum class Verb : std::uint8_t { accept, defer, deny, discard, drop, require, warn };

struct VerbDef {
  std::string_view name;
  Verb verb;
  Phases phases;  // where it may stand
};

[[nodiscard]] std::span<const VerbDef> verbs() noexcept;
[[nodiscard]] const VerbDef* find_verb(std::string_view name) noexcept;
[[nodiscard]] const VerbDef& definition_of(Verb verb) noexcept;

}  // namespace postern::acl
