// Any text as an SPF record and as an explanation: read within its bounds or refused with a message, and what was read expands.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/spf/macro.h"
#include "policy/spf/record.h"

namespace {

using namespace postern;

void expand_all(std::string_view text, spf::MacroPlace place) {
  spf::MacroValues values{.client = IpAddress::v6({0x20, 0x01, 0x0d, 0xb8}),
                          .local_part = "a..b-c%{s}",
                          .sender_domain = "example.org",
                          .domain = "example.org",
                          .helo = "[192.0.2.1]",
                          .name_of_client = "unknown"};
  const std::string expanded = spf::expand(text, values, place);
  POSTERN_CHECK(expanded.size() <= spf::kExpansionBytesMax);
  if (const auto name = spf::name_to_ask(expanded)) POSTERN_CHECK(!name->empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  spf::RecordError error;
  const auto record = spf::read_record(text, error);
  POSTERN_CHECK(record.has_value() == error.message.empty());
  if (record) {
    POSTERN_CHECK(spf::is_record(text));
    std::size_t asking = 0;
    for (const spf::Directive& directive : record->directives) {
      asking += directive.asks_dns() ? 1 : 0;
      POSTERN_CHECK(directive.ip4_bits <= 32 && directive.ip6_bits <= 128);
      expand_all(directive.domain_spec, spf::MacroPlace::domain_spec);
    }
    POSTERN_CHECK(asking <= spf::kTermsMax + 1);
    expand_all(record->redirect, spf::MacroPlace::domain_spec);
    expand_all(record->explanation, spf::MacroPlace::domain_spec);
  }
  if (spf::is_macro_string(text, spf::MacroPlace::explanation)) expand_all(text, spf::MacroPlace::explanation);
  return 0;
}
