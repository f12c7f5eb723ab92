// The smtp transport: takes a message to the first of its hosts that will have it, over a connection that is reused. And the
// lmtp transport, which is the same with one UNIX socket in place of hosts; either may speak LMTP, sockets always do.
//
// What an answer means (as Exim sees it):
//   no connection, or it breaks; 4xx in the greeting or to EHLO; 421     the host's trouble: it rests, the next host is tried
//   5xx in the greeting or to EHLO                                       all recipients fail
//   4xx to MAIL, DATA or the text; 4xx to RCPT                           this message's trouble: the next host is tried
//   5xx to MAIL, DATA or the text                                        all recipients fail
//   5xx to RCPT, and in LMTP in answer to the text for one recipient     that recipient fails
//   no answer to the text, in LMTP for those without one                 tried again later, not at the next host: it may be
//   there
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "appliance/config/transport.h"
#include "appliance/delivery/transports/compose.h"
#include "appliance/delivery/transports/connection_pool.h"
#include "appliance/delivery/transports/host_memory.h"
#include "appliance/delivery/transports/job.h"
#include "appliance/delivery/transports/signing_keys.h"
#include "engine/base/counter.h"
#include "engine/base/random.h"
#include "engine/buffer/block_pool.h"
#include "engine/io/connector.h"
#include "policy/expand/evaluate.h"

namespace postern::delivery {

struct SmtpTransportDeps {
  Connector& connector;
  BlockPool& pool;
  HostMemory& hosts;
  Random& random;
  Counter& connections;          // gauge: open
  Counter& connections_made;     // since start
  std::int64_t idle_ms = 2'000;  // how long a connection waits for another message
};

// One shard. Everything it is given outlives it. Any number of jobs at once. Destroyed after close().
class SmtpTransport {
 public:
  // Checked: `transport` is an smtp.
  SmtpTransport(const config::Transport& transport, SmtpTransportDeps deps);

  // Suspends until each recipient wanted has had its event.
  [[nodiscard]] Task<void> deliver(const TransportJob& job, const expand::EvalContext& variables);
  // Closes idle connections. No job is under way. Suspends.
  [[nodiscard]] Task<void> close() { return pool_.close(); }

  // Where jobs go whose router named `from_router`: those with the same text go the same way.
  [[nodiscard]] std::string destination(std::span<const routing::Host> from_router) const;
  // A host of these, or the socket, failed lately.
  [[nodiscard]] bool is_in_trouble(std::span<const routing::Host> from_router) const;
  // It delivers on this machine.
  [[nodiscard]] bool is_local() const noexcept { return !options_.socket.empty(); }
  // Of one job.
  [[nodiscard]] std::size_t recipients_max() const noexcept { return options_.batch_max == 0 ? SIZE_MAX : options_.batch_max; }

 private:
  friend class SmtpDelivery;
  // The hosts a job goes to when its router named `from_router`; none when it goes to the socket.
  [[nodiscard]] std::span<const routing::Host> hosts_for(std::span<const routing::Host> from_router) const noexcept;
  [[nodiscard]] NextHop hop_of(const routing::Host& host) const noexcept {
    return {{host.address, host.port != 0 ? host.port : options_.port}, {}};
  }
  [[nodiscard]] NextHop socket() const { return {{}, options_.socket}; }

  const config::Transport& transport_;
  const config::SmtpTransport& options_;
  SmtpTransportDeps deps_;
  ConnectionPool pool_;
  SigningKeys signing_keys_;
};

}  // namespace postern::delivery
