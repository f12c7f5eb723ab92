// A stream with TLS on it, in either role (RFC 8446, RFC 5246). Records are read from the slices of the stream below and
// written into pooled blocks: there is no socket in it.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/buffer/block_pool.h"
#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/io/stream.h"
#include "net/tls/slice_bio.h"

namespace postern::tls {

struct FreeSsl {
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};
using OwnedSsl = std::unique_ptr<SSL, FreeSsl>;

class TlsStream final : public Stream {
 public:
  static constexpr std::size_t kUnreadBytesMax = 64 * 1024;  // decrypted; beyond it nothing is read below

  // Takes over the stream below, and `ssl`, which knows its role and whom to believe. The pool outlives it.
  TlsStream(std::unique_ptr<Stream> below, OwnedSsl ssl, BlockPool& pool);

  // Once, before anything else but close(). Errors: those of read(), and bad_format when the two do not agree; why() says how.
  [[nodiscard]] Task<Result<void>> handshake(Wait wait);
  // Of a handshake that failed, for people: "certificate verify failed (self-signed certificate)". Empty when the connection
  // did.
  [[nodiscard]] const std::string& why() const noexcept { return why_; }

  void unread(Slice bytes) override;
  [[nodiscard]] bool has_input() const override { return first_ < input_.size() || input_error_.has_value(); }
  void expect_bulk(bool bulk) override;
  [[nodiscard]] bool input_scarce() const override { return below_->input_scarce(); }
  void shutdown() override;
  [[nodiscard]] Task<void> close() override;
  [[nodiscard]] const Endpoints& endpoints() const override { return below_->endpoints(); }
  [[nodiscard]] const Security& security() const override { return security_; }
  [[nodiscard]] std::size_t output_bytes_max() const override { return below_->output_bytes_max(); }

 protected:
  [[nodiscard]] bool take_input(Result<Slice>& into) override;
  void set_reader(ReadWaiter* reader) override { reader_ = reader; }
  void queue_output(Chain bytes) override;
  [[nodiscard]] std::size_t unsent_bytes() const override { return Stream::unsent_bytes(*below_); }
  [[nodiscard]] const Error* output_error() const override;
  void set_writer(WriteWaiter* writer, std::size_t unsent_max) override { Stream::set_writer(*below_, writer, unsent_max); }

 private:
  static Task<void> pump(TlsStream& self);
  void decrypt();
  [[nodiscard]] bool decrypt_some();
  void keep_input(Slice bytes);
  void end_input(Error error);
  void encrypt(std::string_view bytes);
  void flush();
  void note_failure();

  std::unique_ptr<Stream> below_;
  BlockPool& pool_;
  SliceBio bio_;
  OwnedSsl ssl_;
  Security security_;
  std::string why_;

  std::vector<Slice> input_;  // decrypted; those before first_ were read
  std::size_t first_ = 0;
  std::size_t unread_bytes_ = 0;
  std::optional<Error> input_error_;
  std::optional<Error> output_error_;
  ReadWaiter* reader_ = nullptr;
  bool bulk_ = false;

  StopSource stop_;
  Event room_;  // there is room for more input
  Gate pump_;
};

}  // namespace postern::tls
