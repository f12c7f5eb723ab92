// The two versions, for parse_header(): each is given bytes that begin with its mark.
#pragma once

#include "net/proxy/header.h"

namespace postern::proxy {

inline constexpr std::string_view kMark1 = "PROXY ";
inline constexpr std::string_view kMark2("\r\n\r\n\0\r\nQUIT\n", 12);

[[nodiscard]] ParseStep parse_version_1(std::string_view bytes, Header& header);
[[nodiscard]] ParseStep parse_version_2(std::string_view bytes, Header& header);

}  // namespace postern::proxy
