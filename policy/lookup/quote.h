// What ${quote_TYPE:...} does, for the types whose queries give some characters a meaning.
#pragma once

#include <string>
#include <string_view>

namespace postern::lookup {

// Each appends `text` to `out`; `option` is what stood behind the type's name (${quote_dnsdb_x:}), and none takes one. False
// with the reason when it cannot be done.

// A blank, tab, line end or backslash gets a backslash before it.
[[nodiscard]] bool quote_redis(std::string_view text, std::string_view option, std::string& out, std::string& why);
// Single quotes are doubled.
[[nodiscard]] bool quote_sqlite(std::string_view text, std::string_view option, std::string& out, std::string& why);
// Single and double quotes and backslashes get a backslash; line ends, tabs, returns and backspaces become \n \t \r \b.
[[nodiscard]] bool quote_mysql(std::string_view text, std::string_view option, std::string& out, std::string& why);
// As quote_mysql, but single quotes are doubled.
[[nodiscard]] bool quote_pgsql(std::string_view text, std::string_view option, std::string& out, std::string& why);

}  // namespace postern::lookup
