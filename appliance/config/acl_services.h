// What the texts of ACLs may name.
#pragma once

#include <string>
#include <string_view>

#include "policy/expand/services.h"

namespace postern::config {

// Header fields, ACL variables and other ACLs. Lookups and lists are refused where the text is read.
class AclServices final : public expand::CompileServices {
 public:
  explicit AclServices(bool strict_acl_vars) noexcept : strict_(strict_acl_vars) {}

  [[nodiscard]] std::expected<Lookup, std::string> find_lookup(std::string_view) override {
    return std::unexpected("lookups are not built yet here");
  }
  [[nodiscard]] bool is_lookup_type(std::string_view) override { return true; }
  [[nodiscard]] std::expected<List, std::string> find_list(expand::ListKind, const expand::ConfigText&) override {
    return std::unexpected("lists in expansions are not built yet here");
  }
  [[nodiscard]] bool is_named_list(std::string_view) override { return false; }
  [[nodiscard]] bool has_strict_acl_variables() override { return strict_; }

 private:
  bool strict_;
};

}  // namespace postern::config
