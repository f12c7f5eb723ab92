// One message to be taken to some of its recipients by one transport.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/delivery/transports/outcome.h"
#include "appliance/spool/reader.h"
#include "appliance/spool/record.h"
#include "engine/base/result.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"
#include "policy/routing/host_items.h"

namespace postern::delivery {

// Asked before a next hop gets the bytes that make the message its own.
class EndGuard {
 public:
  // Suspends until it is on record that the message may have left. An error: it must not leave.
  [[nodiscard]] virtual Task<Result<void>> before_end() = 0;

 protected:
  ~EndGuard() = default;
};

// Everything is borrowed until the transport has ended.
struct TransportJob {
  const spool::Record& record;  // `message` is a view of its payload
  const spool::MessageView& message;
  std::string_view return_path;                      // the sender, or where the router wants errors to go
  std::span<const spool::RecipientView> recipients;  // all of the message's
  std::span<const std::uint32_t> wanted;             // the indexes of those to deliver to
  std::span<const routing::Host> hosts;              // empty: the transport's own
  DeliveryEvents& events;
  EndGuard& guard;
  StopSource& stop;
  // Of message.side_file; not needed without one.
  FileSystem* files = nullptr;
  std::string_view side_file_path = {};
};

}  // namespace postern::delivery
