#include "policy/routing/router_context.h"

#include <utility>

#include "policy/lists/host_questions.h"

namespace postern::routing {

std::string_view RouterContext::variable(expand::VariableId id, std::string& scratch) const {
  using enum expand::VariableId;
  const std::string_view sender = subject_.sender;
  const std::size_t at = sender.rfind('@');
  switch (id) {
    case local_part: return local_part_;
    case domain: return subject_.domain;
    case router_name: return router_;
    case address_data: return address_data_.text;
    case domain_data: return domain_data_.text;
    case local_part_data: return local_part_data_.text;
    case sender_address: return sender;
    case sender_address_local_part: return sender.substr(0, at);
    case sender_address_domain: return at == std::string_view::npos ? std::string_view() : sender.substr(at + 1);
    default: return base_.variable(id, scratch);
  }
}

expand::Bytes RouterContext::bytes_of(expand::VariableId id) const {
  switch (id) {
    case expand::VariableId::address_data: return address_data_.bytes;
    case expand::VariableId::domain_data: return domain_data_.bytes;
    case expand::VariableId::local_part_data: return local_part_data_.bytes;
    default: return base_.bytes_of(id);
  }
}

// Without a resolver the defaults answer: the list defers.
std::optional<lists::HostAddresses> RouterLists::addresses_now(std::string_view host) {
  if (facts_.resolver == nullptr) return ListFacts::addresses_now(host);
  return std::nullopt;
}

Task<lists::HostAddresses> RouterLists::addresses(std::string host) {
  if (facts_.resolver == nullptr) co_return co_await ListFacts::addresses(std::move(host));
  co_return co_await lists::look_up_addresses(*facts_.resolver, std::move(host), {.wait = facts_.wait});
}

std::optional<lists::MailExchangers> RouterLists::mail_exchangers_now(std::string_view domain) {
  if (facts_.resolver == nullptr) return ListFacts::mail_exchangers_now(domain);
  return std::nullopt;
}

Task<lists::MailExchangers> RouterLists::mail_exchangers(std::string domain) {
  if (facts_.resolver == nullptr) co_return co_await ListFacts::mail_exchangers(std::move(domain));
  co_return co_await lists::look_up_mail_exchangers(*facts_.resolver, std::move(domain), {.wait = facts_.wait});
}

}  // namespace postern::routing
