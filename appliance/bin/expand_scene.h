// What an expansion on the command line sees: the configuration, and what the options say about a client and its message.
#pragma once

#include <cstdlib>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "appliance/bin/arguments.h"
#include "appliance/config/config.h"
#include "policy/expand/eval_context.h"
#include "policy/expand/services.h"
#include "policy/lookup/services.h"

namespace postern::bin {

// Borrows both. Files are read at once: the command has nothing else to do meanwhile.
class ExpandScene final : public expand::EvalContext, public expand::CompileServices, public expand::Services {
 public:
  ExpandScene(const config::Config& config, const SceneOptions& options);

  [[nodiscard]] std::string_view variable(expand::VariableId id, std::string& scratch) const override;
  [[nodiscard]] expand::Services* services() const override { return const_cast<ExpandScene*>(this); }
  [[nodiscard]] expand::CompileServices* compile_services() const override { return const_cast<ExpandScene*>(this); }

  [[nodiscard]] std::expected<Lookup, std::string> find_lookup(std::string_view written) override;
  [[nodiscard]] bool is_lookup_type(std::string_view name) override { return lookup::is_lookup_type(name); }
  [[nodiscard]] std::expected<List, std::string> find_list(expand::ListKind kind, const expand::ConfigText& text) override;
  [[nodiscard]] bool is_named_list(std::string_view) override { return false; }

  [[nodiscard]] std::optional<expand::Answer> lookup_now(const expand::LookupQuestion& question) override;
  [[nodiscard]] Task<expand::Answer> lookup(expand::LookupQuestion question) override;
  [[nodiscard]] std::optional<expand::Answer> file_now(const expand::FileQuestion& question) override;

  // What lookups are asked with from here on: without it they defer. Borrowed.
  void set_lookups(lookup::Lookups* lookups) noexcept { lookups_ = lookups; }
  [[nodiscard]] const lookup::Catalogue& catalogue() const noexcept { return catalogue_; }

 private:
  const config::Config& config_;
  const SceneOptions& options_;
  lookup::Catalogue catalogue_;
  lookup::Lookups* lookups_ = nullptr;
  lookup::ResultCache cache_;
};

}  // namespace postern::bin
