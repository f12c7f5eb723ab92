// Whoever wants to see what ACLs do, step by step: `postern probe`.
#pragma once

#include <cstdint>
#include <string_view>

#include "policy/acl/acl.h"
#include "policy/acl/phases.h"
#include "policy/acl/run.h"

namespace postern::ingress {

// One shard's. Where ACLs are watched nobody waits: delays are told of, and passed over.
class AclWatcher {
 public:
  virtual ~AclWatcher() = default;
  // Before the first statement of the ACL for `phase`.
  virtual void asks(acl::Phase phase, const acl::Acl& acl) = 0;
  // As in acl::AclListener.
  virtual void begins(const acl::Acl& acl, const acl::Statement& statement, unsigned depth) = 0;
  virtual void did(const acl::StepTrace& step, unsigned depth) = 0;
  virtual void judged(const acl::Acl& acl, const acl::Statement& statement, std::string_view result, unsigned depth) = 0;
  virtual void ended(const acl::Acl& acl, const acl::AclOutcome& outcome, bool implicit, unsigned depth) = 0;
  virtual void delay(std::int64_t ms) = 0;
};

}  // namespace postern::ingress
