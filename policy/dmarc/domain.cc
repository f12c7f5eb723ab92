#include "policy/dmarc/domain.h"

#include "engine/smtp/address.h"
#include "net/dns/names.h"
#include "policy/expand/text_idna.h"

namespace postern::dmarc {

std::optional<std::string> plain_domain(std::string_view domain) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  if (!smtp::is_domain(domain, true)) return std::nullopt;
  std::string name(domain);
  std::string why;
  if (!expand::utf8_domain_to_alabel(name, 0, {}, why)) return std::nullopt;
  // Normalising may bring ASCII that no domain has: U+203C becomes two exclamation marks.
  if (!smtp::is_domain(name) || !dns::name_to_wire(name)) return std::nullopt;
  return dns::lower_case(name);
}

}  // namespace postern::dmarc
