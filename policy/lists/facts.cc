#include "policy/lists/facts.h"

#include <utility>

namespace postern::lists {

namespace {

constexpr std::string_view kNoDns = "host names cannot be looked up here";

}  // namespace

std::optional<dns::HostNames> ListFacts::host_names_now() {
  dns::HostNames names;
  names.result = dns::HostNames::Result::deferred;
  names.why = kNoDns;
  return names;
}

Task<dns::HostNames> ListFacts::host_names() { co_return ListFacts::host_names_now().value(); }

std::optional<HostAddresses> ListFacts::addresses_now(std::string_view) {
  return HostAddresses{.status = HostAddresses::Status::deferred, .why = std::string(kNoDns)};
}

Task<HostAddresses> ListFacts::addresses(std::string) { co_return ListFacts::addresses_now({}).value(); }

std::optional<MailExchangers> ListFacts::mail_exchangers_now(std::string_view) {
  return MailExchangers{.status = MailExchangers::Status::deferred, .why = std::string(kNoDns)};
}

Task<MailExchangers> ListFacts::mail_exchangers(std::string) { co_return ListFacts::mail_exchangers_now({}).value(); }

}  // namespace postern::lists
