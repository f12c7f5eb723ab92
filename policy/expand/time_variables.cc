#include "policy/expand/time_variables.h"

namespace postern::expand {

std::string_view time_variable(VariableId id, WallTime now, std::string& scratch) {
  switch (id) {
    case VariableId::tod_bsdinbox: scratch = format_time(now, "%a %b %e %H:%M:%S %Y", Zone::local); break;
    case VariableId::tod_epoch: scratch = std::to_string(now.seconds()); break;
    case VariableId::tod_epoch_l: scratch = std::to_string(now.us); break;
    case VariableId::tod_full: scratch = format_rfc5322_time(now); break;
    case VariableId::tod_log: scratch = format_log_time(now); break;
    case VariableId::tod_logfile: scratch = format_time(now, "%Y%m%d", Zone::local); break;
    case VariableId::tod_zone: scratch = format_time(now, "%z", Zone::local); break;
    case VariableId::tod_zulu: scratch = format_time(now, "%Y%m%d%H%M%SZ", Zone::utc); break;
    default: return {};
  }
  return scratch;
}

}  // namespace postern::expand
