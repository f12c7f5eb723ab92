// What texts may name while a configuration is loaded.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "appliance/config/language.h"
#include "policy/expand/services.h"
#include "policy/lists/compile.h"

namespace postern::config {

// Header fields, ACL variables, ACLs, lookups, lists.
class LoadServices final : public expand::CompileServices {
 public:
  static constexpr std::size_t kExpansionListsMax = 10'000;

  // Both outlive this object.
  LoadServices(Language& language, expand::Diagnostics& diagnostics) noexcept
      : language_(language), diagnostics_(diagnostics) {}

  // Until then lists in expansions are read when they are used. Borrowed.
  void set_lists(lists::ListCompiler* lists) noexcept { lists_ = lists; }

  [[nodiscard]] std::expected<Lookup, std::string> find_lookup(std::string_view written) override;
  [[nodiscard]] bool leaves_out_lookup(std::string_view written) override;
  [[nodiscard]] bool is_lookup_type(std::string_view type) override;
  // Blocks. A file that cannot be read is warned of.
  void noticed_lookup_file(expand::LookupHandle handle, std::string_view file) override;
  [[nodiscard]] std::expected<List, std::string> find_list(expand::ListKind kind, const expand::ConfigText& text) override;
  [[nodiscard]] std::string_view noticed_text_variable(expand::VariableId id) override;
  [[nodiscard]] bool is_named_list(std::string_view name) override;
  void noticed_authserv_id(std::string_view id) override { language_.authserv_ids.emplace_back(id); }
  void wants(expand::Check check) override { language_.wanted.add(check); }
  [[nodiscard]] bool allows_run() override { return language_.allows_run; }
  [[nodiscard]] bool has_strict_acl_variables() override { return language_.strict_acl_vars; }

 private:
  Language& language_;
  expand::Diagnostics& diagnostics_;
  lists::ListCompiler* lists_ = nullptr;
};

}  // namespace postern::config
