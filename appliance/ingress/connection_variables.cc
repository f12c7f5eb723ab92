#include "appliance/ingress/connection_variables.h"

#include "appliance/config/variable_defaults.h"
#include "appliance/ingress/connection_services.h"
#include "appliance/ingress/line_parts.h"
#include "engine/base/version.h"
#include "engine/coro/scheduler.h"
#include "engine/smtp/address.h"
#include "engine/smtp/chars.h"
#include "policy/expand/header_text.h"
#include "policy/expand/text_operand.h"
#include "policy/expand/time_variables.h"

namespace postern::ingress {
namespace {

using Id = expand::VariableId;

constexpr std::size_t kReplyAddressBytesMax = 64 * 1024;

std::string_view number_text(std::uint64_t number, std::string& scratch) {
  scratch.clear();
  expand::append_number(scratch, number);
  return scratch;
}

// Of $acl_arg1 and its kin, from 0.
std::optional<std::size_t> argument_index(Id id) {
  if (id < Id::acl_arg1 || id > Id::acl_arg9) return std::nullopt;
  return static_cast<std::size_t>(id) - static_cast<std::size_t>(Id::acl_arg1);
}

const acl::ListData* data_of(const acl::AclState& state, Id id) {
  switch (id) {
    case Id::domain_data: return &state.domain_data;
    case Id::host_data: return &state.host_data;
    case Id::local_part_data: return &state.local_part_data;
    case Id::recipient_data: return &state.recipient_data;
    case Id::sender_data: return &state.sender_data;
    default: return nullptr;
  }
}

}  // namespace

std::string_view ConnectionVariables::variable(Id id, std::string& scratch) const {
  using Group = std::string_view (ConnectionVariables::*)(Id, std::string&) const;
  for (const Group group : {&ConnectionVariables::of_recipient, &ConnectionVariables::of_envelope,
                            &ConnectionVariables::of_client, &ConnectionVariables::of_acls, &ConnectionVariables::of_message,
                            &ConnectionVariables::of_gateway, &ConnectionVariables::of_proxy})
    if (const std::string_view value = (this->*group)(id, scratch); !value.empty()) return value;
  return config::unset_value(id);
}

std::string_view ConnectionVariables::of_gateway(Id id, std::string& scratch) const {
  switch (id) {
    case Id::primary_hostname: return policy_.primary_hostname;
    case Id::qualify_domain: return policy_.qualify_domain;
    case Id::qualify_recipient: return policy_.qualify_recipient;
    case Id::spool_directory: return policy_.spool_directory;
    case Id::smtp_active_hostname: return facts_.active_hostname.empty() ? policy_.primary_hostname : facts_.active_hostname;
    case Id::version_number:
    case Id::exim_version: return kVersion;
    case Id::tod_full: return services_.rfc5322_time(Scheduler::current().wall_now());
    default: break;
  }
  return expand::tells_time(id) ? expand::time_variable(id, Scheduler::current().wall_now(), scratch) : std::string_view();
}

std::string_view ConnectionVariables::of_client(Id id, std::string& scratch) const {
  const smtp::SessionState& state = *facts_.state;
  const smtp::Envelope* const envelope = facts_.scene.envelope;
  switch (id) {
    case Id::sender_host_address: return scratch = state.endpoints.peer.address.to_string();
    case Id::sender_host_name: return state.host_name.view();
    case Id::sender_host_port: return number_text(state.endpoints.peer.port, scratch);
    case Id::interface_address: return scratch = state.endpoints.local.address.to_string();
    case Id::interface_port: return number_text(state.endpoints.local.port, scratch);
    case Id::sender_helo_name: return state.helo.view();
    case Id::sender_fullhost:
      scratch.clear();
      append_full_host(scratch, state, policy_.log_selector.has(config::LogSelector::incoming_port));
      return scratch;
    case Id::sender_rcvhost:
      scratch.clear();
      append_received_host(scratch, state, policy_.log_selector.has(config::LogSelector::incoming_port));
      return scratch;
    case Id::received_protocol:
      return smtp::protocol_name(state, envelope != nullptr && envelope->has_sender() && envelope->sender().smtputf8);
    case Id::smtp_command: return state.command.view();
    case Id::smtp_command_argument: return state.argument.view();
    case Id::smtp_notquit_reason: return facts_.notquit_reason;
    case Id::rcpt_fail_count: return number_text(state.recipients.refused, scratch);
    case Id::rcpt_defer_count: return number_text(state.recipients.deferred, scratch);
    default: return {};
  }
}

// As in Exim, there are no addresses that nobody told.
std::string_view ConnectionVariables::of_proxy(Id id, std::string& scratch) const {
  if (!facts_.proxied) return {};
  const Proxied& proxied = *facts_.proxied;
  if (id == Id::proxy_session) return "yes";
  if (!proxied.negotiated) return {};
  const bool has_target = proxied.header.subject == proxy::Subject::client;
  switch (id) {
    case Id::proxy_local_address: return scratch = proxied.proxy.address.to_string();
    case Id::proxy_local_port: return number_text(proxied.proxy.port, scratch);
    case Id::proxy_external_address:
      return has_target ? scratch = proxied.header.target.address.to_string() : std::string_view();
    case Id::proxy_external_port: return has_target ? number_text(proxied.header.target.port, scratch) : std::string_view();
    default: return {};
  }
}

// What ACLs have left, and were given.
std::string_view ConnectionVariables::of_acls(Id id, std::string& scratch) const {
  if (!facts_.desk) return {};
  const acl::AclState& state = facts_.desk->state();
  if (const auto index = argument_index(id))
    return *index < state.arguments.size() ? std::string_view(state.arguments[*index].text) : std::string_view();
  if (const acl::ListData* const data = data_of(state, id)) return data->text;
  switch (id) {
    case Id::host_lookup_deferred: return names_are(dns::HostNames::Result::deferred) ? "1" : "";
    case Id::host_lookup_failed: return names_are(dns::HostNames::Result::none) ? "1" : "";
    case Id::sender_host_dnssec:
      return names_are(dns::HostNames::Result::confirmed) && facts_.desk->known_names()->authenticated ? "yes" : "";
    case Id::prvscheck_result: return state.prvscheck_result ? "1" : "";
    case Id::acl_narg: return number_text(state.arguments.size(), scratch);
    case Id::acl_verify_message: return state.verify_message;
    case Id::address_data: return state.address_data.text;
    case Id::csa_status: return state.csa_status;
    case Id::sender_address_data: return state.sender_address_data.text;
    case Id::recipient_verify_failure: return state.recipient_verify_failure;
    case Id::sender_verify_failure: return state.sender_verify_failure;
    case Id::dnslist_domain: return state.dnslist_domain;
    case Id::dnslist_matched: return state.dnslist_matched;
    case Id::dnslist_text: return state.dnslist_text;
    case Id::dnslist_value: return state.dnslist_value;
    case Id::sender_rate: return state.sender_rate;
    case Id::sender_rate_limit: return state.sender_rate_limit;
    case Id::sender_rate_period: return state.sender_rate_period;
    case Id::headers_added:
      scratch.clear();
      state.headers.append_added(scratch);
      return scratch;
    default: return {};
  }
}

bool ConnectionVariables::names_are(dns::HostNames::Result result) const {
  const dns::HostNames* const names = facts_.desk->known_names();
  return names != nullptr && names->result == result;
}

std::string_view ConnectionVariables::of_envelope(Id id, std::string& scratch) const {
  if (facts_.scene.envelope == nullptr) return {};
  const smtp::Envelope& envelope = *facts_.scene.envelope;
  switch (id) {
    case Id::sender_address:
    case Id::return_path: return envelope.sender().address.text().view();
    case Id::sender_address_domain: return envelope.sender().address.domain().view();
    case Id::sender_address_local_part: return envelope.sender().address.local_part().view();
    case Id::rcpt_count: return number_text(facts_.state->recipients.commands, scratch);
    case Id::recipients_count: return number_text(envelope.recipients().size(), scratch);
    case Id::received_for:
      return envelope.recipients().size() == 1 ? envelope.recipients().front().address.text().view() : std::string_view();
    case Id::message_size:
      // What the client declared, until all has come.
      if (facts_.scene.message != nullptr || !envelope.has_sender()) return {};
      return envelope.sender().declared_size ? number_text(*envelope.sender().declared_size, scratch) : "-1";
    default: return {};
  }
}

// As Exim has it: the local part without quotes, and in lower case unless an ACL said caseful_local_part.
std::string_view ConnectionVariables::of_recipient(Id id, std::string& scratch) const {
  const smtp::Recipient* const recipient = facts_.scene.recipient;
  if (recipient == nullptr) return {};
  if (id == Id::domain) return recipient->address.domain().view();
  if (id != Id::local_part) return {};
  scratch.clear();
  smtp::append_unquoted(scratch, recipient->address.local_part().view());
  if (facts_.desk && facts_.desk->state().controls.caseful_local_part) return scratch;
  for (char& c : scratch) c = smtp::lower(c);
  return scratch;
}

std::string_view ConnectionVariables::of_message(Id id, std::string& scratch) const {
  if (facts_.scene.message == nullptr) return {};
  const smtp::MessageView& message = *facts_.scene.message;
  switch (id) {
    case Id::message_exim_id: return message.sink.id();
    case Id::message_size: return number_text(message.stats.stored_bytes, scratch);
    case Id::received_count: return number_text(received_fields() + 1, scratch);  // with ours
    case Id::recipients: return recipients(scratch);
    case Id::reply_address: return reply_address(scratch);
    default: return {};
  }
}

std::uint64_t ConnectionVariables::received_fields() const {
  std::uint64_t count = 0;
  for (std::size_t at = 0; header("Received", at);) ++count;
  return count;
}

std::string_view ConnectionVariables::recipients(std::string& scratch) const {
  scratch.clear();
  for (const smtp::Recipient& each : facts_.scene.envelope->recipients()) {
    if (!scratch.empty()) scratch += ", ";
    scratch += each.address.text().view();
  }
  return scratch;
}

std::string_view ConnectionVariables::reply_address(std::string& scratch) const {
  for (const std::string_view name : {"Reply-To", "From"}) {
    scratch.clear();
    if (expand::append_header(*this, name, expand::HeaderForm::decoded, kReplyAddressBytesMax, scratch) && !scratch.empty())
      return scratch;
  }
  return {};
}

expand::Services* ConnectionVariables::services() const {
  return facts_.desk && !facts_.asks_nothing ? &facts_.desk->services() : nullptr;
}

expand::CompileServices* ConnectionVariables::compile_services() const {
  return facts_.desk ? &facts_.desk->compile_services() : nullptr;
}

std::optional<expand::Held> ConnectionVariables::capture(unsigned number) const {
  if (!facts_.desk || number >= facts_.desk->state().captures.size()) return std::nullopt;
  return expand::Held{facts_.desk->state().captures[number], expand::Bytes::peers};
}

expand::Bytes ConnectionVariables::bytes_of(Id id) const {
  if (!facts_.desk) return expand::Bytes::peers;
  const acl::AclState& state = facts_.desk->state();
  if (id == Id::address_data) return state.address_data.bytes;
  if (id == Id::sender_address_data) return state.sender_address_data.bytes;
  if (const acl::ListData* const data = data_of(state, id)) return data->bytes;
  const auto index = argument_index(id);
  if (!index) return expand::Bytes::peers;
  return *index < state.arguments.size() ? state.arguments[*index].bytes : expand::Bytes::ours;
}

std::optional<expand::Held> ConnectionVariables::acl_variable(std::string_view name) const {
  if (!facts_.desk) return std::nullopt;
  const acl::AclState& state = facts_.desk->state();
  return (name.starts_with("acl_c") ? state.connection_variables : state.message_variables).get(name);
}

// `at` is an offset into the block as received, and behind that counts the fields that ACLs have added.
std::optional<std::string_view> ConnectionVariables::header(std::string_view name, std::size_t& at) const {
  if (facts_.scene.message == nullptr) return std::nullopt;
  const std::string_view block = facts_.scene.message->headers.block().view();
  if (facts_.desk && at <= block.size() && facts_.desk->is_removed(name)) at = block.size() + 1;
  while (at < block.size()) {
    std::string_view rest = block.substr(at);
    const std::optional<smtp::HeaderField> field = smtp::HeaderView::next_field(rest);
    at = block.size() - rest.size();
    if (!field) break;
    if (smtp::equal_ignoring_case(field->name.view(), name)) return field->value.view();
  }
  if (!facts_.desk) return std::nullopt;
  if (at <= block.size()) at = block.size() + 1;
  std::size_t index = at - block.size() - 1;
  const std::optional<std::string_view> added = facts_.desk->added_field(name, index);
  at = block.size() + 1 + index;
  return added;
}

}  // namespace postern::ingress
