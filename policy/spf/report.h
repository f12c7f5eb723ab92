// What people and other programs are told of a check: the comments, and the field Received-SPF (RFC 7208 section 9).
#pragma once

#include <string>

#include "policy/spf/spf.h"

namespace postern::spf {

// "RECEIVER: domain of DOMAIN designates ADDRESS as permitted sender"
[[nodiscard]] std::string header_comment(const Question& question, const Outcome& outcome);
// "Received-SPF: RESULT (COMMENT) client-ip=...; envelope-from=...; helo=...;" as Exim writes it, and then identity=,
// receiver=, mechanism= and problem=.
[[nodiscard]] std::string received_field(const Question& question, const Outcome& outcome);
// One line: control characters, and bytes that are no UTF-8, become question marks.
[[nodiscard]] std::string one_line(std::string_view text, std::size_t bytes_max);

}  // namespace postern::spf
