// The header fields that a transport's options add to a message, for SMTP and files alike.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "appliance/config/transport.h"
#include "appliance/delivery/transports/job.h"
#include "engine/base/clock.h"
#include "policy/expand/evaluate.h"

namespace postern::delivery {

struct AddedHeaders {
  std::string top;     // Return-path:, Envelope-to:, Delivery-date:
  std::string bottom;  // headers_add
  std::string why;     // not empty: headers_add cannot be used, and nothing is to be delivered
};

// Whole fields, CR LF line ends. `recipients` are those of the job who get this copy.
[[nodiscard]] AddedHeaders added_headers(const config::Transport& transport, const TransportJob& job,
                                         std::span<const std::uint32_t> recipients, const expand::EvalContext& variables,
                                         WallTime now);

}  // namespace postern::delivery
