// Any text as an Authentication-Results field is read within its bounds; whatever peers said, what is written reads as it was
// meant.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/auth_results/read.h"
#include "policy/auth_results/write.h"

namespace {

using namespace postern;
using namespace postern::auth_results;
using auth_results::Result;

void check_reading(std::string_view text) {
  const auto field = read_field(text);
  const auto id = read_id(text);
  if (!field) return;
  POSTERN_CHECK(id && *id == field->id);
  POSTERN_CHECK(field->results.size() <= kResultsMax);
  for (const MethodResult& result : field->results) {
    POSTERN_CHECK(!result.text.empty() && result.properties.size() <= kPropertiesMax);
    const auto alone = read_field("id;" + std::string(result.text.view()));
    POSTERN_CHECK(alone && alone->results.size() == 1 && alone->results[0].properties.size() == result.properties.size());
  }
}

void check_writing(std::string_view text) {
  const std::size_t half = text.size() / 2;
  const PeerText one(text.substr(0, half));
  const PeerText two(text.substr(half));
  Checks checks;
  checks.client_address = "2001:db8::1";
  checks.iprev = Iprev{.result = Result::pass, .host = one};
  checks.auth = Auth{.mechanism = "PLAIN", .id = two, .sender = one};
  checks.spf = Spf{.result = Result::fail, .sender_domain = one, .helo = two};
  checks.dkim = {{.result = Result::fail, .reason = std::string(one.view()), .domain = two, .identity = one},
                 {.result = Result::pass, .domain = one, .selector = two}};
  checks.dmarc = Dmarc{.result = Result::fail, .comment = "p=none", .from = one};
  checks.arc = Arc{.result = Result::fail, .instance = 2, .reason = std::string(two.view()), .selector = one, .oldest_pass = 1};
  const std::string written = write("mx.example", checks);
  const auto field = read_field(std::string_view(written).substr(written.find(':') + 1));
  POSTERN_CHECK(field && field->id.view() == "mx.example" && field->results.size() == 7);
  constexpr std::string_view kMethods[] = {"iprev", "auth", "spf", "dkim", "dkim", "dmarc", "arc"};
  for (std::size_t i = 0; i < field->results.size(); ++i) POSTERN_CHECK(field->results[i].method == kMethods[i]);
  for (const char c : written) POSTERN_CHECK(static_cast<unsigned char>(c) >= ' ' || c == '\n' || c == '\t');
  for (std::size_t at = written.find('\n'); at != written.npos; at = written.find('\n', at + 1))
    POSTERN_CHECK(written[at + 1] == '\t');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_reading(text);
  check_writing(text);
  return 0;
}
