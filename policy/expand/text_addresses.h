// Addresses as header fields hold them: RFC 5322 section 3.4, with the display names and comments that nobody asked for.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace postern::expand {

struct HeaderAddress {
  std::string local_part;  // as written, quotes included, comments and white space left out
  std::string domain;      // empty when there is none
};

inline constexpr std::size_t kCommentDepthMax = 50;

// One address with nothing else around it than a display name and comments; an obsolete source route is dropped (section 4.4).
// Nothing when it is malformed, and for <>.
[[nodiscard]] std::optional<HeaderAddress> parse_header_address(std::string_view text);

// Takes the next address off a list, groups and their names left out: the text of it, which may be malformed or empty.
[[nodiscard]] std::string_view take_header_address(std::string_view& list) noexcept;

// Operators: OperatorFn.
bool address(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
// A list with colons between, or what the operand says: ">, a@b, c@d" has commas.
bool addresses(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool domain(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool local_part(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
