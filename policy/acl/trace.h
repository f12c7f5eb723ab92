// What a condition looked at and why it came out as it did, for whoever traces an ACL.
#pragma once

#include <string>

#include "policy/acl/run.h"

namespace postern::acl {

struct StepAccount {
  std::string value;  // what was looked for in a list; else the text, expanded
  std::string why;    // which item of a list decided, what was found, or why it is not known
};

// After the step was done. Lists are asked again: not for those who have no time.
[[nodiscard]] StepAccount account_of(const Doing& doing, Truth truth);

}  // namespace postern::acl
