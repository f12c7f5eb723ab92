#include "appliance/ingress/connection_services.h"

#include "engine/base/peer_text.h"

namespace postern::ingress {

std::string_view ConnectionServices::rfc5322_time(WallTime time) {
  if (time.seconds() != time_text_second) {
    time_text_second = time.seconds();
    time_text = format_rfc5322_time(time);
  }
  return time_text;
}

void ConnectionServices::log_scratch(acl::LogTargets targets) {
  if (targets.main) log.write(log::Stream::main, scratch);
  if (targets.reject) log.write(log::Stream::reject, scratch);
  if (targets.panic) log.write(log::Stream::panic, scratch);
}

void ConnectionServices::trouble(std::string_view text) {
  scratch.clear();
  append_printable(scratch, text, 2048);
  log_scratch({.main = true, .panic = true});
}

}  // namespace postern::ingress
