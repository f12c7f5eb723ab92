// The conditions and modifiers of ACL statements: one row each, with the phases in which it is legal.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "policy/acl/acl.h"
#include "policy/acl/phases.h"
#include "policy/acl/run.h"

namespace postern::acl {

enum class ArgumentKind : std::uint8_t { none, domain_list, host_list, address_list, local_part_list, text };

enum class Truth : std::uint8_t {
  no,
  yes,
  ignored,  // as if the condition were not there, negated or not
  unknown,  // temporary trouble, and `why` says which
};

using TestFn = Truth (*)(const Argument& argument, const AclSubject& subject, std::string& why);

enum class Role : std::uint8_t {
  condition,
  message,  // modifiers from here on: they cannot be negated
  log_message,
  endpass,
  proceed,  // "continue": expanded for its side effects
  other_modifier,
};

struct ConditionDef {
  std::string_view name;
  Role role;
  Phases phases;
  ArgumentKind argument = ArgumentKind::text;
  TestFn test = nullptr;            // of built conditions
  std::string_view not_built = {};  // why it is refused; empty when it is built
};

[[nodiscard]] std::span<const ConditionDef> conditions() noexcept;
[[nodiscard]] const ConditionDef* find_condition(std::string_view name) noexcept;

}  // namespace postern::acl
