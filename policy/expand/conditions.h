// The conditions of ${if ...}: one row each, with the shape of its arguments and the test itself.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "policy/expand/instruction.h"
#include "policy/expand/services.h"

namespace postern::expand {

enum class Shape : std::uint8_t {
  one_string,    // {a}
  two_strings,   // {a}{b}
  two_numbers,   // {a}{b}, each an integer
  conditions,    // {{cond}{cond}...}
  variable,      // def:name
  match,         // {subject}{regular expression}
  in_list,       // {text}{list}
  matches_list,  // {subject}{list of the kind}
  each,          // {list}{condition about $item}
  exists,        // {file}
  acl,           // {{name}{argument}...}
  srs,           // {local part}{secret}
  nothing,       // without an argument
  not_built,     // known, refused by name
};

// What the first argument of forany and its kin is.
enum class Items : std::uint8_t {
  list,
  json,          // an array
  json_strings,  // an array of strings, which are without their quotes then
};

// Nothing: the argument cannot be understood, and `why` says so.
using TestOne = std::optional<bool> (*)(std::string_view a, std::string& why);
using TestTwo = bool (*)(std::string_view a, std::string_view b);
using TestFallible = std::optional<bool> (*)(std::string_view a, std::string_view b, std::string& why);
using TestNumbers = bool (*)(std::int64_t a, std::int64_t b);

struct ConditionDef {
  std::string_view name;
  Shape shape = Shape::not_built;
  TestOne one = nullptr;
  TestTwo two = nullptr;
  TestNumbers numbers = nullptr;
  bool any = false;          // conditions, each: true for or and forany, false for and and forall
  bool ignore_case = false;  // in_list
  TestFallible fallible = nullptr;
  ListKind kind = ListKind::domain;  // matches_list
  Op op = Op::nothing;               // nothing: what tests it
  Items items = Items::list;         // each
  std::string_view not_built = {};   // why it is refused
};

[[nodiscard]] std::span<const ConditionDef> conditions() noexcept;
[[nodiscard]] const ConditionDef* find_condition(std::string_view name) noexcept;

// An integer as conditions read it: decimal, signed, with K, M or G behind it, blanks around it; empty means 0.
[[nodiscard]] std::optional<std::int64_t> read_integer(std::string_view text, std::string& why);

// Exim's rules for ${if bool{}}: empty, 0, no, false; non-zero digits, yes, true.
[[nodiscard]] std::optional<bool> read_bool(std::string_view text, std::string& why);

}  // namespace postern::expand
