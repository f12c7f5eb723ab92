// The line of the main or reject log for what happens in a session.
#pragma once

#include <optional>
#include <string_view>

#include "appliance/ingress/line_parts.h"
#include "appliance/log/log_line.h"
#include "appliance/log/log_sink.h"
#include "engine/smtp/envelope.h"
#include "engine/smtp/hooks.h"

namespace postern::ingress {

// The line for `event`, if it deserves one. `envelope` is that of the current transaction; `id` is empty before there is one. A
// refusal goes to the reject log too.
struct EventLine {
  log::Stream stream;  // main, or reject for both
};
[[nodiscard]] std::optional<EventLine> append_event(log::LogLine& line, const LineContext& context,
                                                    const smtp::SessionEvent& event, const smtp::Envelope* envelope,
                                                    std::string_view id);

}  // namespace postern::ingress
