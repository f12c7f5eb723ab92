// The text of an ACL that is known only when it is asked for.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "policy/acl/acl.h"

namespace postern::config {

inline constexpr std::size_t kLateAclBytesMax = std::size_t{16} * 1024;

// Reads no files and knows no named lists. Null, and `why`, when it cannot be read. `text` must be the administrator's: an
// expansion that holds no bytes of a peer.
[[nodiscard]] std::shared_ptr<const acl::Acl> read_late_acl(std::string_view text, const std::string& primary_hostname,
                                                            std::string& why);

}  // namespace postern::config
