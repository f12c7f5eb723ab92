// What the texts of one connection see: variables, header fields, and whom they can ask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "appliance/ingress/acl_desk.h"
#include "appliance/ingress/policy.h"
#include "appliance/ingress/proxied.h"
#include "engine/smtp/state.h"
#include "net/dns/host_names.h"
#include "policy/expand/eval_context.h"

namespace postern::ingress {

struct ConnectionServices;

// What is known of a connection at this moment.
struct ConnectionFacts {
  smtp::SessionState* state = nullptr;
  std::unique_ptr<const Proxied> proxied = {};  // null: the host is not in hosts_proxy
  AclScene scene = {};
  std::unique_ptr<AclDesk> desk = {};  // from the first ACL on
  std::string active_hostname = {};    // empty: primary_hostname
  std::string_view notquit_reason = {};
  bool asks_nothing = false;  // while a text is expanded that cannot wait: a variable is what is known of it
};

// Borrows everything.
class ConnectionVariables final : public expand::EvalContext {
 public:
  ConnectionVariables(ConnectionServices& services, const IngressPolicy& policy, const ConnectionFacts& facts) noexcept
      : services_(services), policy_(policy), facts_(facts) {}

  [[nodiscard]] std::string_view variable(expand::VariableId id, std::string& scratch) const override;
  [[nodiscard]] expand::Bytes bytes_of(expand::VariableId id) const override;
  [[nodiscard]] std::optional<expand::Held> acl_variable(std::string_view name) const override;
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name, std::size_t& at) const override;
  [[nodiscard]] std::optional<expand::Held> capture(unsigned number) const override;
  [[nodiscard]] expand::Services* services() const override;
  [[nodiscard]] expand::CompileServices* compile_services() const override;

 private:
  // Each is empty for the variables of the others.
  [[nodiscard]] std::string_view of_gateway(expand::VariableId id, std::string& scratch) const;
  [[nodiscard]] std::string_view of_client(expand::VariableId id, std::string& scratch) const;
  [[nodiscard]] std::string_view of_proxy(expand::VariableId id, std::string& scratch) const;
  [[nodiscard]] std::string_view of_acls(expand::VariableId id, std::string& scratch) const;
  [[nodiscard]] std::string_view of_envelope(expand::VariableId id, std::string& scratch) const;
  [[nodiscard]] std::string_view of_recipient(expand::VariableId id, std::string& scratch) const;
  [[nodiscard]] std::string_view of_message(expand::VariableId id, std::string& scratch) const;

  [[nodiscard]] bool names_are(dns::HostNames::Result result) const;
  [[nodiscard]] std::uint64_t received_fields() const;
  [[nodiscard]] std::string_view recipients(std::string& scratch) const;
  [[nodiscard]] std::string_view reply_address(std::string& scratch) const;

  ConnectionServices& services_;
  const IngressPolicy& policy_;
  const ConnectionFacts& facts_;
};

}  // namespace postern::ingress
