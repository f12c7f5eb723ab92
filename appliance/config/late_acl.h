// The text of an ACL that is known only when it is asked for.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "appliance/config/language.h"
#include "policy/acl/acl.h"
#include "policy/expand/services.h"

namespace postern::config {

inline constexpr std::size_t kLateAclBytesMax = std::size_t{16} * 1024;

// Reads no files. Null, and `why`, when it cannot be read. `text` must be the administrator's: an expansion that holds no bytes
// of a peer. `services` is asked by what the text holds; not kept.
[[nodiscard]] std::shared_ptr<const acl::Acl> read_late_acl(std::string_view text, const Language& language,
                                                            expand::CompileServices& services, std::string& why);

}  // namespace postern::config
