// Telling whoever started this process that it is ready: the parent by its pipe, or the service manager.
#pragma once

#include "appliance/bin/arguments.h"

namespace postern::bin {

void tell_ready(const Arguments& arguments);

}  // namespace postern::bin
