// Names of TCP ports, as services(5) has them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace postern::config {

using Services = std::map<std::string, std::uint16_t, std::less<>>;

// The text of such a file: lines "name port/tcp alias ...". Lines that are none are skipped; of two the first counts.
[[nodiscard]] Services read_services(std::string_view text);

}  // namespace postern::config
