#include "appliance/delivery/transports/smtp_transport.h"

#include "appliance/delivery/transports/smtp_delivery.h"

namespace postern::delivery {

SmtpTransport::SmtpTransport(const config::Transport& transport, SmtpTransportDeps deps)
    : transport_(transport), options_(std::get<config::SmtpTransport>(transport.driver)), deps_(deps), pool_(deps.idle_ms) {}

std::span<const routing::Host> SmtpTransport::hosts_for(std::span<const routing::Host> from_router) const noexcept {
  return from_router.empty() || options_.hosts_override ? std::span<const routing::Host>(options_.hosts) : from_router;
}

Task<void> SmtpTransport::deliver(const TransportJob& job, const expand::EvalContext& variables) {
  SmtpDelivery delivery(*this, job, variables);
  co_await delivery.run();
}

}  // namespace postern::delivery
