// From the lines of an ACL to an Acl.
#pragma once

#include <span>
#include <string>

#include "policy/acl/acl.h"
#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"
#include "policy/expand/services.h"
#include "policy/lists/compile.h"

namespace postern::acl {

// `lines` are logical lines without the one that names the ACL. Gives what could be read; all errors are reported. What
// Exim would find only when it gets there is reported as late, and fails there.
// `services` is asked by the expansions; not kept.
[[nodiscard]] Acl compile_acl(std::string name, std::span<const expand::ConfigText> lines, lists::ListCompiler& lists,
                              expand::Diagnostics& diagnostics, expand::CompileServices* services = nullptr);

// The lines of an inline ACL: the value of an option, split at its line ends.
[[nodiscard]] std::vector<expand::ConfigText> lines_of(const expand::ConfigText& text);

// Reports each word of `acl` that is not allowed in `phase`, as found late: asking such an ACL fails there.
void check_phase(const Acl& acl, Phase phase, expand::Diagnostics& diagnostics);

}  // namespace postern::acl
