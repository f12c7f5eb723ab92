// A server that says anything: the handshake ends, and nothing is kept.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "engine/base/check.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "net/tls/client.h"
#include "tests/fakes/fake_stream.h"

namespace {

using namespace postern;

Task<void> secure(const tls::Client& client, smtp::FakePeer& peer, BlockPool& pool, std::optional<tls::Secured>& into) {
  into = co_await client.secure(peer.make_stream(), "server.example", pool, {});
}

Task<void> close(tls::Secured& secured) { co_await secured.stream->close(); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::unique_ptr<tls::Client> client = tls::Client::create({.verify_certificates = ""}).value();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ManualScheduler scheduler;
  BlockPool pool;
  {
    smtp::FakePeer peer;
    std::optional<tls::Secured> secured;
    Gate gate;
    gate.start(secure(*client, peer, pool, secured));
    const std::size_t piece = size > 0 ? 1 + data[0] % 64 : 1;
    for (std::size_t at = 0; at < size; at += piece) {
      peer.send(bytes.substr(at, piece));
      scheduler.run();
    }
    peer.fail_input(Errc::closed);
    scheduler.run();
    POSTERN_CHECK(secured.has_value());
    if (secured->stream) {
      gate.start(close(*secured));
      scheduler.run();
    }
    POSTERN_CHECK(gate.inside() == 0);
  }
  POSTERN_CHECK(pool.used_bytes() == 0);
  return 0;
}
