// A compiled ACL: statements in order, each a verb with its conditions and modifiers. Immutable once made; shared by all
// shards, and by sessions that began before a reload.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "policy/acl/verbs.h"
#include "policy/expand/config_text.h"
#include "policy/expand/program.h"
#include "policy/lists/list.h"

namespace postern::acl {

struct ConditionDef;

using Argument =
    std::variant<std::monostate, lists::DomainList, lists::HostList, lists::AddressList, lists::LocalPartList, expand::Program>;

// A condition or a modifier.
struct Step {
  const ConditionDef* def;  // a row of the table
  bool negated = false;
  Argument argument;
  expand::ConfigText source;  // as written: "hosts = 192.0.2.1"
};

struct Statement {
  Verb verb;
  std::vector<Step> steps;
  expand::ConfigText source;  // the verb
};

struct Acl {
  std::string name;  // of a named ACL; the text of the option for an inline one
  std::vector<Statement> statements;
};

}  // namespace postern::acl
