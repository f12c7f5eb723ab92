#include "appliance/language/auth_results.h"

namespace postern::language {

namespace {

// Section 2.7.3; empty when the names were not looked up.
std::string iprev(const AuthFacts& facts) {
  if (facts.names == nullptr) return {};
  std::string text = ";\n\tiprev=";
  switch (facts.names->result) {
    case dns::HostNames::Result::confirmed: text.append("pass (").append(facts.names->name.view()).append(")"); break;
    case dns::HostNames::Result::deferred: text.append("temperror"); break;
    case dns::HostNames::Result::none: text.append("fail"); break;
  }
  return facts.client ? text.append(" smtp.remote-ip=").append(facts.client->to_string()) : text;
}

}  // namespace

std::string auth_results(std::string_view id, const AuthFacts& facts) {
  const std::string results = iprev(facts);
  return std::string("Authentication-Results: ").append(id).append(results.empty() ? "; none" : results);
}

}  // namespace postern::language
