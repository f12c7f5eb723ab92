// What expansions see while a message is routed and delivered.
#pragma once

#include <string>
#include <string_view>

#include "appliance/config/config.h"
#include "appliance/spool/record.h"
#include "engine/smtp/address.h"
#include "policy/expand/evaluate.h"

namespace postern::delivery {

// Everything is borrowed. Router and transport are empty until they are known.
class DeliveryVariables final : public expand::EvalContext {
 public:
  DeliveryVariables(const config::Config& config, const spool::MessageView& message) noexcept
      : config_(config), message_(message) {}

  // "local_part@domain".
  void set_recipient(std::string_view address) noexcept { recipient_ = address; }
  void set_router(std::string_view router) noexcept { router_ = router; }
  void set_transport(std::string_view transport) noexcept { transport_ = transport; }
  // What texts may ask; null: nothing.
  void set_services(expand::Services* services, expand::CompileServices* compile_services) noexcept {
    services_ = services;
    compile_services_ = compile_services;
  }
  void set_return_path(std::string_view return_path) noexcept { return_path_ = return_path; }

  [[nodiscard]] std::string_view variable(expand::VariableId id, std::string& scratch) const override;
  [[nodiscard]] expand::Services* services() const override { return services_; }
  [[nodiscard]] expand::CompileServices* compile_services() const override { return compile_services_; }

 private:
  [[nodiscard]] std::string_view of_message(expand::VariableId id, std::string& scratch) const;
  [[nodiscard]] std::string_view of_client(expand::VariableId id, std::string& scratch) const;

  const config::Config& config_;
  const spool::MessageView& message_;
  std::string_view recipient_;
  std::string_view router_;
  std::string_view transport_;
  std::string_view return_path_;
  expand::Services* services_ = nullptr;
  expand::CompileServices* compile_services_ = nullptr;
};

using smtp::domain_of;
using smtp::local_part_of;

}  // namespace postern::delivery
