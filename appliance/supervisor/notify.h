// Telling the service manager how we are (sd_notify(3)).
#pragma once

#include <string_view>

namespace postern::supervisor {

// Sends `state` ("READY=1", "STOPPING=1", "STATUS=...") to $NOTIFY_SOCKET. Does nothing when there is none.
void notify_service_manager(std::string_view state);

}  // namespace postern::supervisor
