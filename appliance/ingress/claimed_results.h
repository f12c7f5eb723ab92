// Authentication-Results fields that a stranger wrote in our name: RFC 8601 section 5.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/smtp/header_view.h"

namespace postern::ingress {

inline constexpr std::string_view kAuthenticationResults = "Authentication-Results";

// Nothing when no such field claims to be of one of `ids`; otherwise those that do not, whole and as they came, from the top
// down. Pure.
[[nodiscard]] std::optional<std::vector<std::string>> fields_beside_claims(const smtp::HeaderView& headers,
                                                                           std::span<const std::string> ids);

}  // namespace postern::ingress
