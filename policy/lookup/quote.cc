#include "policy/lookup/quote.h"

namespace postern::lookup {

namespace {

bool refuse_option(std::string_view option, std::string& why) {
  if (option.empty()) return true;
  why = "this lookup type has no quoting options";
  return false;
}

void append_sql(std::string_view text, std::string_view before_single_quote, std::string& out) {
  for (const char c : text) switch (c) {
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '\r': out += "\\r"; break;
      case '\b': out += "\\b"; break;
      case '\'': (out += before_single_quote) += c; break;
      case '"':
      case '\\': (out += '\\') += c; break;
      default: out += c;
    }
}

}  // namespace

bool quote_redis(std::string_view text, std::string_view option, std::string& out, std::string& why) {
  if (!refuse_option(option, why)) return false;
  for (const char c : text) {
    if (c == ' ' || (c >= '\t' && c <= '\r') || c == '\\') out += '\\';
    out += c;
  }
  return true;
}

bool quote_sqlite(std::string_view text, std::string_view option, std::string& out, std::string& why) {
  if (!refuse_option(option, why)) return false;
  for (const char c : text) {
    if (c == '\'') out += c;
    out += c;
  }
  return true;
}

bool quote_mysql(std::string_view text, std::string_view option, std::string& out, std::string& why) {
  if (!refuse_option(option, why)) return false;
  append_sql(text, "\\", out);
  return true;
}

bool quote_pgsql(std::string_view text, std::string_view option, std::string& out, std::string& why) {
  if (!refuse_option(option, why)) return false;
  append_sql(text, "'", out);
  return true;
}

}  // namespace postern::lookup
