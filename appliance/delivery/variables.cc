#include "appliance/delivery/variables.h"

#include <optional>

#include "appliance/config/process_variables.h"
#include "appliance/config/variable_defaults.h"
#include "appliance/spool/attribute_names.h"
#include "engine/base/clock.h"
#include "engine/coro/scheduler.h"

namespace postern::delivery {

namespace {

using Id = expand::VariableId;

std::string_view number_text(std::int64_t number, std::string& scratch) { return scratch = std::to_string(number); }

// A fact of the message, whatever its type.
std::string_view fact(const spool::MessageView& message, std::string_view name, std::string& scratch) {
  const std::optional<spool::Attribute> found = spool::find_attribute(message.attributes, name);
  if (!found) return {};
  if (const auto text = found->as_text()) return *text;
  if (const auto text = found->as_peer_text()) return text->view();
  if (const auto number = found->as_number()) return number_text(*number, scratch);
  return {};
}

}  // namespace

std::string_view DeliveryVariables::variable(Id id, std::string& scratch) const {
  switch (id) {
    case Id::primary_hostname:
    case Id::smtp_active_hostname: return config_.main.primary_hostname;
    case Id::qualify_domain: return config_.main.qualify_domain;
    case Id::qualify_recipient: return config_.main.qualify_recipient;
    case Id::spool_directory: return config_.main.spool_directory;
    case Id::domain: return domain_of(recipient_);
    case Id::local_part: return local_part_of(recipient_);
    case Id::router_name: return router_;
    case Id::transport_name: return transport_;
    default: break;
  }
  if (const std::string_view found = of_message(id, scratch); !found.empty()) return found;
  if (const std::string_view found = of_client(id, scratch); !found.empty()) return found;
  const std::string_view found = config::process_variable(id, Scheduler::current().wall_now(), scratch);
  return found.empty() ? config::unset_value(id) : found;
}

std::string_view DeliveryVariables::of_message(Id id, std::string& scratch) const {
  switch (id) {
    case Id::sender_address: return message_.sender.view();
    case Id::sender_address_local_part: return local_part_of(message_.sender.view());
    case Id::sender_address_domain: return domain_of(message_.sender.view());
    case Id::return_path: return return_path_;
    case Id::message_exim_id: return message_.id.view();
    case Id::message_size: return number_text(static_cast<std::int64_t>(message_.content_bytes()), scratch);
    case Id::received_time: return number_text(message_.received.us / 1'000'000, scratch);
    case Id::rcpt_count:
    case Id::recipients_count: return number_text(message_.recipients.size(), scratch);
    case Id::received_for: return message_.recipients.size() == 1 ? (*message_.recipients.begin()).address.view() : "";
    default: return {};
  }
}

std::string_view DeliveryVariables::of_client(Id id, std::string& scratch) const {
  namespace attribute = spool::attribute;
  switch (id) {
    case Id::received_protocol: return fact(message_, attribute::kProtocol, scratch);
    case Id::sender_helo_name: return fact(message_, attribute::kHelo, scratch);
    case Id::sender_host_address: return fact(message_, attribute::kHostAddress, scratch);
    case Id::sender_host_port: return fact(message_, attribute::kHostPort, scratch);
    default: return {};
  }
}

}  // namespace postern::delivery
