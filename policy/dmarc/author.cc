#include "policy/dmarc/author.h"

#include <algorithm>
#include <optional>

#include "engine/smtp/chars.h"
#include "policy/dmarc/domain.h"
#include "policy/expand/header_addresses.h"

namespace postern::dmarc {

namespace {

bool is_blank(std::string_view text) noexcept { return text.find_first_not_of(" \t\r\n") == text.npos; }

class AuthorReader {
 public:
  // False when the field makes the whole unusable; `problem` then says why.
  bool read(std::string_view field) {
    expand::HeaderAddresses addresses(field);
    for (std::string_view text; addresses.next(text);) {
      if (is_blank(text)) continue;
      if (++addresses_ > kAuthorAddressesMax) return fail("too many addresses in From:");
      std::string why;
      const std::optional<expand::HeaderAddress> address = expand::parse_header_address(text, &why);
      if (!address) return fail("malformed address in From:");
      if (!add(address->domain)) return false;
    }
    return true;
  }

  [[nodiscard]] Author take() {
    if (author_.problem.empty() && author_.domains.empty()) author_.problem = "no domain in From:";
    if (!author_.problem.empty()) author_.domains.clear();
    return std::move(author_);
  }

  bool fail(std::string_view problem) {
    author_.problem = problem;
    return false;
  }

 private:
  bool add(std::string_view domain) {
    if (domain.empty() || domain.starts_with('[')) return true;
    std::optional<std::string> name = plain_domain(domain);
    if (!name) return fail("impossible domain in From:");
    if (std::ranges::find(author_.domains, *name) != author_.domains.end()) return true;
    if (author_.domains.size() == kAuthorDomainsMax) return fail("too many domains in From:");
    author_.domains.push_back(std::move(*name));
    return true;
  }

  Author author_;
  std::size_t addresses_ = 0;
};

}  // namespace

Author read_author(std::span<const std::string_view> fields) {
  AuthorReader reader;
  std::size_t bytes = 0;
  for (const std::string_view field : fields) bytes += field.size();
  if (fields.empty())
    reader.fail("no From: field");
  else if (bytes > kFromBytesMax)
    reader.fail("From: is too long");
  else
    for (const std::string_view field : fields)
      if (!reader.read(field)) break;
  return reader.take();
}

}  // namespace postern::dmarc
