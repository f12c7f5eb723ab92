// What an expansion on the command line sees: the configuration, and what the options say about a client and its message.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "appliance/bin/arguments.h"
#include "appliance/config/config.h"
#include "appliance/language/asker.h"
#include "policy/expand/eval_context.h"

namespace postern::bin {

// Borrows both.
class ExpandScene final : public expand::EvalContext {
 public:
  ExpandScene(const config::Config& config, const SceneOptions& options) : config_(config), options_(options) {}

  [[nodiscard]] std::string_view variable(expand::VariableId id, std::string& scratch) const override;
  [[nodiscard]] expand::Services* services() const override { return services_; }
  [[nodiscard]] expand::CompileServices* compile_services() const override { return compile_services_; }

  // Whom it asks from here on. Borrowed.
  void set_services(expand::Services& services, expand::CompileServices& compile_services) noexcept {
    services_ = &services;
    compile_services_ = &compile_services;
  }
  // The client that the options describe.
  [[nodiscard]] std::optional<IpAddress> client() const { return IpAddress::parse(options_.sender_ip); }

 private:
  // Empty where neither the configuration nor the options tell.
  [[nodiscard]] std::string_view set_variable(expand::VariableId id, std::string& scratch) const;

  const config::Config& config_;
  const SceneOptions& options_;
  expand::Services* services_ = nullptr;
  expand::CompileServices* compile_services_ = nullptr;
};

// Answers what the text of the command line asks: as in ACLs, and there are no ACLs.
class SceneAsker final : public language::Asker {
 public:
  SceneAsker(language::ShardLanguage& language, const ExpandScene& scene) : Asker(language, scene), scene_(scene) {}

 private:
  [[nodiscard]] std::optional<IpAddress> client() const override { return scene_.client(); }
  [[nodiscard]] Wait wait() override { return {}; }

  const ExpandScene& scene_;
};

}  // namespace postern::bin
