// Any bytes as a reply to one of a few questions; what is read back keeps to the bounds.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "net/dns/message.h"
#include "net/dns/names.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  if (size < 1) return 0;
  static constexpr std::array kTypes{dns::Type::a,  dns::Type::ns,  dns::Type::cname, dns::Type::soa, dns::Type::ptr,
                                     dns::Type::mx, dns::Type::txt, dns::Type::aaaa,  dns::Type::srv, dns::Type::tlsa};
  const dns::Question question{*dns::name_to_wire("a.example"), kTypes[data[0] % kTypes.size()]};
  // The rest stands behind a right header and question, or for itself.
  std::string message(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] >= 128 && message.size() >= dns::kHeaderBytes) {
    message[0] = message[1] = 0;
    message[2] = static_cast<char>(0x81);
    message[4] = 0;
    message[5] = 1;
    const std::string asked = dns::make_query(0, question, {.edns = false});
    message.insert(dns::kHeaderBytes, asked.substr(dns::kHeaderBytes));
  }
  const auto reply = dns::read_reply(message, 0, question);
  if (!reply) return 0;
  const dns::Answer& answer = reply->answer;
  POSTERN_CHECK(answer.records.size() <= dns::kRecordsMax && answer.aliases.size() <= dns::kAliasesMax);
  POSTERN_CHECK(answer.found() == !answer.records.empty());
  POSTERN_CHECK((answer.status == dns::Status::temporary_failure) == !answer.why.empty());
  POSTERN_CHECK(dns::name_to_wire(answer.name.view()));
  answer.each<dns::MailExchanger>([](const auto& mx) { POSTERN_CHECK(dns::name_to_wire(mx.exchange.view())); });
  answer.each<dns::HostName>([](const auto& host) { POSTERN_CHECK(dns::name_to_wire(host.name.view())); });
  return 0;
}
