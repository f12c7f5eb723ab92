// $acl_c... and $acl_m...: what `set` in an ACL leaves for later. Two of these for a connection: one lasts as long as it does,
// one as long as a message.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/expand/eval_context.h"

namespace postern::acl {

// As many variables as the configuration has names for; each value is as large as an expansion may be.
class AclVariables {
 public:
  // `name` is all of it: "acl_m_greylist".
  void set(std::string_view name, std::string_view value, expand::Bytes bytes);
  // Nothing: it was never set. Borrowed until the variable is set again or clear().
  [[nodiscard]] std::optional<expand::Held> get(std::string_view name) const noexcept;
  void clear() noexcept { all_.clear(); }

 private:
  struct Variable {
    std::string name;
    std::string value;
    expand::Bytes bytes;
  };
  std::vector<Variable> all_;
};

}  // namespace postern::acl
