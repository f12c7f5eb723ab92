// Any text as resolv.conf, as a server and as a name; what is read keeps to its bounds.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "net/dns/names.h"
#include "net/dns/resolv_conf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const dns::ResolverSettings settings = dns::parse_resolv_conf(text);
  POSTERN_CHECK(!settings.servers.empty() && settings.servers.size() <= dns::kServersMax);
  POSTERN_CHECK(settings.search.size() <= dns::kSearchMax && settings.attempts >= 1 && settings.timeout_ms >= 1000);
  if (const auto server = dns::parse_server(text)) POSTERN_CHECK(dns::parse_server(server->address.to_string()).has_value());
  const auto wire = dns::name_to_wire(text);
  if (!wire) return 0;
  POSTERN_CHECK(wire->size() <= dns::kNameBytesMax && wire->back() == '\0');
  // The text of the name is the same name again.
  std::string again;
  for (std::size_t at = 0; (*wire)[at] != 0; at += static_cast<std::uint8_t>((*wire)[at]) + std::size_t{1}) {
    if (!again.empty()) again += '.';
    dns::append_label(again, std::string_view(*wire).substr(at + 1, static_cast<std::uint8_t>((*wire)[at])));
  }
  POSTERN_CHECK(dns::name_to_wire(again.empty() ? "." : again) == wire);
  return 0;
}
