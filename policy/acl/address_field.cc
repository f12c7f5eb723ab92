#include "policy/acl/address_field.h"

#include <utility>

#include "policy/expand/header_addresses.h"
#include "policy/lists/list_text.h"

namespace postern::acl {

namespace {

bool fail(AddressField& field, std::string why, std::string_view where) {
  field.why = std::move(why);
  field.failing = where.substr(0, 256);
  return false;
}

bool take(AddressField& field, std::string_view text) {
  if (text.empty()) return true;  // obsolete, and harmless: "a, , b"
  if (field.addresses.size() >= kFieldAddressesMax) return fail(field, "too many addresses", text);
  std::string why;
  const std::optional<expand::HeaderAddress> address = expand::parse_header_address(text, &why);
  if (!address) return fail(field, std::move(why), text);
  if (address->domain.empty()) return fail(field, "unqualified address not permitted", text);
  field.addresses.push_back(address->text());
  return true;
}

}  // namespace

AddressField read_address_field(std::string_view value) {
  AddressField field;
  expand::HeaderAddresses items(value);
  for (std::string_view item; items.next(item);)
    if (!take(field, lists::trim(item))) break;
  return field;
}

}  // namespace postern::acl
