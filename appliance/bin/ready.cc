#include "appliance/bin/ready.h"

#include <unistd.h>

#include "appliance/supervisor/notify.h"

namespace postern::bin {

void tell_ready(const Arguments& arguments) {
  if (arguments.ready_descriptor < 0) return supervisor::notify_service_manager("READY=1");
  const char byte = 1;
  // A parent that has gone takes us with it anyway.
  static_cast<void>(!::write(arguments.ready_descriptor, &byte, 1));
  ::close(arguments.ready_descriptor);
}

}  // namespace postern::bin
