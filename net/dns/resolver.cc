#include "net/dns/resolver.h"

#include <cstddef>

namespace postern::dns {

std::string to_string(Type type) {
  switch (type) {
    case Type::a: return "A";
    case Type::ns: return "NS";
    case Type::cname: return "CNAME";
    case Type::soa: return "SOA";
    case Type::ptr: return "PTR";
    case Type::mx: return "MX";
    case Type::txt: return "TXT";
    case Type::aaaa: return "AAAA";
    case Type::srv: return "SRV";
    case Type::tlsa: return "TLSA";
  }
  return "TYPE" + std::to_string(static_cast<unsigned>(type));
}

std::string_view to_string(Status status) noexcept {
  switch (status) {
    case Status::ok: return "ok";
    case Status::no_data: return "no data";
    case Status::nxdomain: return "no such domain";
    case Status::temporary_failure: return "temporary failure";
  }
  return "";
}

PeerText Text::joined() const {
  std::string all;
  for (const PeerText& part : strings) all += part.view();
  return PeerText(std::move(all));
}

}  // namespace postern::dns
