#include "policy/lists/domain_list.h"

#include <algorithm>
#include <optional>

#include "engine/smtp/chars.h"

namespace postern::lists {

namespace {

// "[192.0.2.1]" or "[IPv6:2001:db8::1]", RFC 5321 section 4.1.3.
std::optional<IpAddress> read_domain_literal(std::string_view domain) noexcept {
  if (domain.size() < 2 || domain.front() != '[' || domain.back() != ']') return std::nullopt;
  std::string_view inner = domain.substr(1, domain.size() - 2);
  if (smtp::starts_with_ignoring_case(inner, "IPv6:")) inner.remove_prefix(5);
  return IpAddress::parse(inner);
}

}  // namespace

bool DomainPatterns::match(std::string_view domain) const noexcept {
  if (text_.matches(domain)) return true;
  if (literals_) {
    const std::optional<IpAddress> address = read_domain_literal(domain);
    if (address && literals_->contains(*address)) return true;
  }
  return std::ranges::any_of(named_, [&](const auto& list) { return list->matches(domain); });
}

bool DomainList::matches(std::string_view domain) const noexcept {
  return runs_.matches([&](const DomainPatterns& run) { return run.match(domain); });
}

}  // namespace postern::lists
