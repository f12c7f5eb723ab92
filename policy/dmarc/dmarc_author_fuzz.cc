// Any text as From: fields: domains that the DNS could hold, or a problem, never both.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/dmarc/author.h"
#include "policy/dmarc/domain.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using namespace postern::dmarc;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t half = text.find('\0');
  const std::string_view both[] = {text.substr(0, half), half == text.npos ? std::string_view() : text.substr(half + 1)};
  const Author author = read_author(std::span(both, half == text.npos ? 1 : 2));
  POSTERN_CHECK(author.domains.empty() != author.problem.empty());
  POSTERN_CHECK(author.domains.size() <= kAuthorDomainsMax);
  for (const std::string& domain : author.domains) {
    const auto again = plain_domain(domain);
    POSTERN_CHECK(again && *again == domain);
  }
  return 0;
}
