// The environment that expansions and programs see: what keep_environment leaves of the process's, and what add_environment
// adds.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"

namespace postern::config {

using Environment = std::map<std::string, std::string, std::less<>>;

[[nodiscard]] Environment environment_of_process();

// `keep`: a list of names, *endings and ^regular expressions, ! in front of what is not meant; nothing is expanded in it. None:
// nothing is kept. What cannot be read is reported.
[[nodiscard]] Environment kept_environment(const Environment& process, const std::optional<expand::ConfigText>& keep,
                                           expand::Diagnostics& diagnostics);
// `add`: a list of NAME=value; a name alone takes that one away.
void add_to_environment(Environment& environment, const expand::ConfigText& add, expand::Diagnostics& diagnostics);

}  // namespace postern::config
