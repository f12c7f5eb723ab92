#include "appliance/config/process_variables.h"

#include <sys/sysinfo.h>
#include <unistd.h>

#include "engine/base/version.h"
#include "policy/expand/text_operand.h"
#include "policy/expand/time_variables.h"

namespace postern::config {
namespace {

std::string_view number_text(std::uint64_t number, std::string& scratch) {
  scratch.clear();
  expand::append_number(scratch, number);
  return scratch;
}

// Of the last minute, in thousandths.
std::uint64_t load_average() {
  struct sysinfo info;
  return ::sysinfo(&info) == 0 ? (info.loads[0] * 1000) >> SI_LOAD_SHIFT : 0;
}

}  // namespace

std::string_view process_variable(expand::VariableId id, WallTime now, std::string& scratch) {
  using enum expand::VariableId;
  switch (id) {
    case exim_version:
    case version_number: return kVersion;
    case load_average: return number_text(config::load_average(), scratch);
    case pid: return number_text(static_cast<std::uint64_t>(::getpid()), scratch);
    default: return expand::tells_time(id) ? expand::time_variable(id, now, scratch) : std::string_view();
  }
}

}  // namespace postern::config
