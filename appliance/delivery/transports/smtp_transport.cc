#include "appliance/delivery/transports/smtp_transport.h"

#include <algorithm>

#include "appliance/delivery/transports/smtp_delivery.h"

namespace postern::delivery {

SmtpTransport::SmtpTransport(const config::Transport& transport, SmtpTransportDeps deps)
    : transport_(transport), options_(std::get<config::SmtpTransport>(transport.driver)), deps_(deps), pool_(deps.idle_ms) {}

std::span<const routing::Host> SmtpTransport::hosts_for(std::span<const routing::Host> from_router) const noexcept {
  if (is_local()) return {};
  return from_router.empty() || options_.hosts_override ? std::span<const routing::Host>(options_.hosts) : from_router;
}

std::string SmtpTransport::destination(std::span<const routing::Host> from_router) const {
  std::string name = transport_.name;
  if (is_local()) return name.append(" ").append(options_.socket);
  for (const routing::Host& host : hosts_for(from_router)) name.append(" ").append(hop_of(host).to_string());
  return name;
}

bool SmtpTransport::is_in_trouble(std::span<const routing::Host> from_router) const {
  if (is_local()) return deps_.hosts.remembers(socket());
  return std::ranges::any_of(hosts_for(from_router),
                             [this](const routing::Host& host) { return deps_.hosts.remembers(hop_of(host)); });
}

Task<void> SmtpTransport::deliver(const TransportJob& job, const expand::EvalContext& variables) {
  SmtpDelivery delivery(*this, job, variables);
  co_await delivery.run();
}

}  // namespace postern::delivery
