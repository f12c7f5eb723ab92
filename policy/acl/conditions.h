// The conditions and modifiers of ACL statements: one row each, with the phases in which it is legal.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/coro/task.h"
#include "policy/acl/acl.h"
#include "policy/acl/phases.h"
#include "policy/acl/run.h"
#include "policy/expand/check.h"

namespace postern::acl {

enum class ArgumentKind : std::uint8_t {
  none,
  domain_list,
  host_list,
  address_list,
  local_part_list,
  text,
  assignment,  // set
  call,        // acl
  control,
  verify,
  rate,
  dnslists,
  spf_results,
};

// Does the step, or says that it waits. `doing.text` is the argument, expanded, where that is a text.
using TestFn = Truth (*)(Doing& doing);
// Does it after the TestFn said that it waits. Everything is borrowed until it ends.
using WaitFn = Task<Truth> (*)(Doing& doing);

enum class Role : std::uint8_t {
  condition,
  call,     // a condition: another ACL
  message,  // modifiers from here on: they cannot be negated
  log_message,
  endpass,
  modifier,  // does something
};

struct ConditionDef {
  std::string_view name;
  Role role;
  Phases phases;
  ArgumentKind argument = ArgumentKind::text;
  TestFn test = nullptr;                    // of built conditions, and of modifiers that do something
  WaitFn wait = nullptr;                    // of those that may wait
  std::string_view not_built = {};          // why it is refused; empty when it is built
  std::optional<expand::Check> check = {};  // whose result it asks for
};

[[nodiscard]] constexpr bool is_condition(const ConditionDef& def) noexcept {
  return def.role == Role::condition || def.role == Role::call;
}

[[nodiscard]] std::span<const ConditionDef> conditions() noexcept;
[[nodiscard]] const ConditionDef* find_condition(std::string_view name) noexcept;

}  // namespace postern::acl
