#include "appliance/ingress/claimed_results.h"

#include "engine/smtp/chars.h"
#include "policy/auth_results/read.h"

namespace postern::ingress {

std::optional<std::vector<std::string>> fields_beside_claims(const smtp::HeaderView& headers,
                                                             std::span<const std::string> ids) {
  bool is_claimed = false;
  std::vector<std::string> others;
  headers.for_each([&](const smtp::HeaderField& field) {
    if (!smtp::equal_ignoring_case(field.name.view(), kAuthenticationResults)) return true;
    if (auth_results::claims(field.value.view(), ids))
      is_claimed = true;
    else
      others.push_back(std::string(field.name.view()).append(":").append(field.value.view()).append("\r\n"));
    return true;
  });
  if (!is_claimed) return std::nullopt;
  return others;
}

}  // namespace postern::ingress
