#include "policy/lists/host_questions.h"

#include <algorithm>
#include <utility>

namespace postern::lists {

Task<HostAddresses> look_up_addresses(dns::Resolver& resolver, std::string host, dns::QueryOptions options) {
  HostAddresses found;
  options.search = true;
  for (const dns::Type type : {dns::Type::a, dns::Type::aaaa}) {
    const dns::Answer answer = co_await resolver.query(host, type, options);
    answer.each<dns::Address>([&found](const dns::Address& record) { found.addresses.push_back(record.address); });
    if (answer.status == dns::Status::temporary_failure) found.why = answer.why;
  }
  if (!found.addresses.empty())
    found.status = HostAddresses::Status::found;
  else if (!found.why.empty())
    found.status = HostAddresses::Status::deferred;
  co_return found;
}

Task<MailExchangers> look_up_mail_exchangers(dns::Resolver& resolver, std::string domain, dns::QueryOptions options) {
  MailExchangers found;
  const dns::Answer answer = co_await resolver.query(domain, dns::Type::mx, options);
  if (answer.status == dns::Status::temporary_failure) {
    found.status = MailExchangers::Status::deferred;
    found.why = answer.why;
    co_return found;
  }
  std::vector<dns::MailExchanger> exchangers;
  answer.each<dns::MailExchanger>([&exchangers](const dns::MailExchanger& record) {
    if (record.exchange.view() != ".") exchangers.push_back(record);
  });
  std::ranges::sort(exchangers, {}, &dns::MailExchanger::preference);
  exchangers.resize(std::min(exchangers.size(), kMailExchangersMax));
  for (const dns::MailExchanger& each : exchangers) {
    HostAddresses addresses = co_await look_up_addresses(resolver, std::string(each.exchange.view()), options);
    found.hosts.push_back({each.preference, std::move(addresses)});
  }
  if (!found.hosts.empty()) found.status = MailExchangers::Status::found;
  co_return found;
}

}  // namespace postern::lists
