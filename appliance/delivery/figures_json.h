// The figures of delivery as `postern stats --json` shows them.
#pragma once

#include <string>

#include "appliance/control/reloading.h"
#include "appliance/delivery/journal.h"
#include "appliance/delivery/stats.h"
#include "appliance/log/log_writer.h"

namespace postern::delivery {

// One JSON object.
[[nodiscard]] std::string figures_json(const DeliveryStats& stats, const JournalStats& journal, const log::LogStats& log,
                                       const control::ReloadStats& reload);

}  // namespace postern::delivery
