// Quoting: for display, for headers, for addresses, for regular expressions and for the queries of lookups.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::expand {

// Operators: OperatorFn.
bool escape(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool escape8bit(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool quote(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool quote_local_part(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool rxquote(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
// RFC 3461 section 4, decoded.
bool xtextd(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

// quote_<lookup>; single-key lookups and some others want no quoting.
bool quote_nothing(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
// A value in a search filter (RFC 4515 section 3) within a URL.
bool quote_ldap(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
// A value in a distinguished name (RFC 4514 section 2.4) within a URL.
bool quote_ldap_dn(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool quote_mysql(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool quote_pgsql(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool quote_redis(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool quote_sqlite(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
