// TLS towards servers that we connect to: whom to believe, and the handshake.
#pragma once

#include <memory>
#include <string>

#include "engine/base/result.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/io/stream.h"

struct ssl_ctx_st;

namespace postern::tls {

struct ClientSettings {
  std::string verify_certificates = "system";  // a file or a folder of authorities, or the system's; empty: nobody is verified
};

// What secure() gives: the stream with TLS on it, or why there is none.
struct Secured {
  std::unique_ptr<Stream> stream;
  Error error{Errc::bad_format};
  std::string why;  // for people; empty when the connection itself failed, which `error` describes
};

// For all shards; outlives the streams.
class Client {
 public:
  // Errors: invalid, when the authorities cannot be read.
  [[nodiscard]] static Result<std::unique_ptr<Client>> create(const ClientSettings& settings);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Takes over `stream`, and closes it when the handshake fails. The server's certificate is for `server`, a name or an address
  // (RFC 9525); a name is also told it (RFC 6066 section 3). TLS 1.2 at least. The pool outlives the stream.
  [[nodiscard]] Task<Secured> secure(std::unique_ptr<Stream> stream, std::string server, BlockPool& pool, Wait wait) const;

 private:
  Client() = default;
  ssl_ctx_st* context_ = nullptr;
  bool verifies_ = false;
};

}  // namespace postern::tls
