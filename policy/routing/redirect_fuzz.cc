// Any text is a redirection, words of a callout, hosts of a route, or is refused; what is an address has an @ and one line.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/routing/callout_words.h"
#include "policy/routing/host_items.h"
#include "policy/routing/redirect_data.h"
#include "policy/routing/route_list.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const bool loose : {false, true}) {
    const routing::RedirectRules rules{.allow_fail = loose,
                                       .allow_defer = loose,
                                       .forbid_blackhole = !loose,
                                       .forbid_include = !loose,
                                       .skip_syntax_errors = loose,
                                       .qualify_domain = "q.example"};
    routing::RedirectReader reader(std::string(text), rules);
    // Every file holds the same: those that include themselves end, too.
    std::size_t files = 0;
    for (; const auto file = reader.next_file(); ++files) {
      POSTERN_CHECK(file->starts_with('/'));
      reader.include(std::string(text));
    }
    POSTERN_CHECK(files <= routing::kIncludesMax);
    const routing::Redirection redirection = reader.take();
    POSTERN_CHECK(redirection.addresses.size() <= routing::kRedirectAddressesMax);
    for (const std::string& address : redirection.addresses)
      POSTERN_CHECK(address.find('@') != std::string::npos && address.find('\n') == std::string::npos);
  }
  std::string why;
  const auto words = routing::read_callout(text, why);
  POSTERN_CHECK(words.has_value() == why.empty());
  if (words) POSTERN_CHECK(words->wait_ms > 0 && words->connect_ms > 0 && words->wait_max_ms > 0);
  const routing::RouteData route = routing::read_route_data(text);
  std::string host_why;
  const auto hosts = routing::read_hosts_at_use(route.hosts, host_why);
  POSTERN_CHECK(hosts.has_value() == host_why.empty());
  return 0;
}
