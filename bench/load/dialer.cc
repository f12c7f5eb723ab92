#include "bench/load/dialer.h"

#include <utility>

#include "bench/load/proxy_header.h"

namespace postern::load {
namespace {

constexpr std::uint16_t kFirstClientPort = 1024;
constexpr std::uint64_t kClientPorts = 65536 - kFirstClientPort;

// A header names addresses of one family only.
SocketAddress server_like(const IpAddress& client, SocketAddress server) {
  if (client.is_v6() == server.address.is_v6()) return server;
  return {client.is_v6() ? *IpAddress::parse("::1") : *IpAddress::parse("127.0.0.1"), server.port};
}

}  // namespace

Dialer::Dialer(transport::StreamPool& streams, BlockPool& pool, Destination destination, Random& random)
    : connector_(streams), pool_(pool), destination_(std::move(destination)), random_(random) {}

Task<Result<std::unique_ptr<Stream>>> Dialer::open(Wait wait) {
  auto stream = destination_.path.empty() ? co_await connector_.connect(destination_.address, destination_.source, wait)
                                          : co_await connector_.connect_local(destination_.path, wait);
  if (!stream || destination_.proxy == ProxyVersion::none) co_return stream;
  const Result<void> written = co_await (*stream)->write(Chain(copy_to_slice(pool_, proxy_header())), wait);
  if (written) co_return stream;
  co_await (*stream)->close();
  co_return failure(written.error());
}

std::string Dialer::proxy_header() {
  const SocketAddress client{random_address(destination_.proxy_from, random_),
                             static_cast<std::uint16_t>(kFirstClientPort + random_.below(kClientPorts))};
  const SocketAddress server = server_like(client.address, destination_.address);
  return destination_.proxy == ProxyVersion::v1 ? proxy_header_v1(client, server) : proxy_header_v2(client, server);
}

}  // namespace postern::load
