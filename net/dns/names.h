// Domain names as text and on the wire. Text is RFC 1035 section 5.1's without the last dot: a dot or backslash within a label
// is \. or \\, a byte that is not printable \DDD. The root is "." (an empty text is no name).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/ip_address.h"

namespace postern::dns {

inline constexpr std::size_t kLabelBytesMax = 63;  // RFC 1035 section 2.3.4
inline constexpr std::size_t kNameBytesMax = 255;  // on the wire, with lengths and root
inline constexpr std::size_t kNameTextMax = 1024;  // every byte as \DDD

// The name on the wire, letters as given; nothing for what cannot be asked: an empty or long label, too long a name, a bad
// escape. One dot at the end is taken.
[[nodiscard]] std::optional<std::string> name_to_wire(std::string_view text);
// Appends label bytes as text, escaped.
void append_label(std::string& text, std::string_view label);
// True when both are the same name: ASCII letters of either case are the same (RFC 4343).
[[nodiscard]] bool same_name(std::string_view left, std::string_view right) noexcept;
[[nodiscard]] std::string lower_case(std::string_view name);

// "4.3.2.1" for 1.2.3.4, 32 nibbles for IPv6: what stands before the zone in reverse lookups and DNS lists.
[[nodiscard]] std::string reverse_labels(const IpAddress& address);
// "4.3.2.1.in-addr.arpa", or below ip6.arpa (RFC 3596 section 2.5).
[[nodiscard]] std::string reverse_name(const IpAddress& address);

}  // namespace postern::dns
