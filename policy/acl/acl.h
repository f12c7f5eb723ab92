// A compiled ACL: statements in order, each a verb with its conditions and modifiers. Immutable once made; shared by all
// shards, and by sessions that began before a reload.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "policy/acl/controls.h"
#include "policy/acl/spf_results.h"
#include "policy/acl/verbs.h"
#include "policy/acl/verify_words.h"
#include "policy/dnsbl/dnslists.h"
#include "policy/expand/config_text.h"
#include "policy/expand/program.h"
#include "policy/lists/list.h"
#include "policy/ratelimit/rate_words.h"

namespace postern::acl {

struct ConditionDef;

// "set acl_m_x = value".
struct Assignment {
  std::string name;  // "acl_m_x"
  expand::Program value;
};

// "acl = name argument ...": the first word names the ACL.
struct AclCall {
  std::vector<expand::Program> words;
};

// A text that says what to do: read at load where it is constant (then `words` holds what it says), else when it is expanded.
template <class Words>
struct Told {
  std::optional<Words> words;
  expand::Program text;
};

using Argument = std::variant<std::monostate, lists::DomainList, lists::HostList, lists::AddressList, lists::LocalPartList,
                              expand::Program, Assignment, AclCall, Told<ControlSetting>, Told<VerifyWords>,
                              Told<ratelimit::RateWords>, Told<dnsbl::Dnslists>, Told<SpfResults>>;

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
