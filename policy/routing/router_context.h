// What the texts and lists of routers see while an address is routed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/expand/eval_context.h"
#include "policy/lists/facts.h"
#include "policy/routing/route.h"

namespace postern::routing {

// The variables of the address; all else is those of whoever routes. Borrows everything.
class RouterContext final : public expand::EvalContext {
 public:
  explicit RouterContext(const RouteSubject& subject) : subject_(subject), base_(subject.variables) {}

  void set_router(std::string_view name, std::string_view local_part) noexcept {
    router_ = name;
    local_part_ = local_part;
    domain_data_ = local_part_data_ = {};
  }
  [[nodiscard]] AddressData& address_data() noexcept { return address_data_; }
  // $domain_data and $local_part_data: of the router that is being asked.
  [[nodiscard]] AddressData& domain_data() noexcept { return domain_data_; }
  [[nodiscard]] AddressData& local_part_data() noexcept { return local_part_data_; }

  [[nodiscard]] std::string_view variable(expand::VariableId id, std::string& scratch) const override;
  [[nodiscard]] expand::Bytes bytes_of(expand::VariableId id) const override;
  [[nodiscard]] std::optional<expand::Held> acl_variable(std::string_view name) const override {
    return base_.acl_variable(name);
  }
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name, std::size_t& at) const override {
    return base_.header(name, at);
  }
  [[nodiscard]] std::optional<expand::Held> capture(unsigned n) const override { return base_.capture(n); }
  [[nodiscard]] bool is_first_delivery() const override { return base_.is_first_delivery(); }
  [[nodiscard]] bool is_queue_running() const override { return base_.is_queue_running(); }
  [[nodiscard]] expand::Services* services() const override { return base_.services(); }
  [[nodiscard]] expand::CompileServices* compile_services() const override { return base_.compile_services(); }

 private:
  const RouteSubject& subject_;
  const expand::EvalContext& base_;
  std::string_view router_;
  std::string_view local_part_;
  AddressData address_data_;
  AddressData domain_data_;
  AddressData local_part_data_;
};

// What the lists of routers ask. There is no client here: host lists are about other hosts.
class RouterLists final : public lists::ListFacts {
 public:
  RouterLists(const RouteFacts& facts, const RouterContext& context) noexcept : facts_(facts), context_(context) {}

  [[nodiscard]] const lists::ListWorld* world() const noexcept override { return facts_.list_world; }
  [[nodiscard]] const expand::EvalContext* context() const noexcept override { return &context_; }
  [[nodiscard]] std::optional<lists::HostAddresses> addresses_now(std::string_view host) override;
  [[nodiscard]] Task<lists::HostAddresses> addresses(std::string host) override;
  [[nodiscard]] std::optional<lists::MailExchangers> mail_exchangers_now(std::string_view domain) override;
  [[nodiscard]] Task<lists::MailExchangers> mail_exchangers(std::string domain) override;

 private:
  const RouteFacts& facts_;
  const RouterContext& context_;
};

}  // namespace postern::routing
