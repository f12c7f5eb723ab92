// Internationalized addresses as the DNS knows them: RFC 6531 section 3.2, RFC 5890.
#pragma once

#include "engine/base/peer_text.h"

namespace postern::checks {

// The domain with its U-labels turned into A-labels; an address whose domain cannot be turned stays as it is. Pure.
[[nodiscard]] PeerText ascii_address(const PeerText& address);

}  // namespace postern::checks
