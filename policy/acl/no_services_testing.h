// For ACLs whose texts name no lookup and no list.
#pragma once

#include "policy/expand/services.h"

namespace postern::acl {

class NoServices final : public expand::CompileServices {
 public:
  std::expected<Lookup, std::string> find_lookup(std::string_view) override { return std::unexpected("none here"); }
  bool is_lookup_type(std::string_view) override { return false; }
  std::expected<List, std::string> find_list(expand::ListKind, const expand::ConfigText&) override {
    return std::unexpected("none here");
  }
  bool is_named_list(std::string_view) override { return false; }
};

}  // namespace postern::acl
