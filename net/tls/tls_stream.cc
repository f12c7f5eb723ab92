#include "net/tls/tls_stream.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "engine/base/check.h"

namespace postern::tls {
namespace {

constexpr std::size_t kRecordBytes = SSL3_RT_MAX_PLAIN_LENGTH;
constexpr std::size_t kCommandBytes = 1024;  // room for what arrives outside of message data

}  // namespace

TlsStream::TlsStream(std::unique_ptr<Stream> below, OwnedSsl ssl, BlockPool& pool)
    : below_(std::move(below)), pool_(pool), bio_(pool), ssl_(std::move(ssl)) {
  BIO* bio = bio_.make();
  SSL_set_bio(ssl_.get(), bio, bio);
}

Task<Result<void>> TlsStream::handshake(Wait wait) {
  for (;;) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    const int state = done == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), done);
    if (state != SSL_ERROR_NONE && state != SSL_ERROR_WANT_READ) note_failure();
    flush();
    if (state == SSL_ERROR_NONE) break;
    if (state != SSL_ERROR_WANT_READ) co_return failure(Errc::bad_format, "TLS handshake");
    Result<Slice> bytes = co_await below_->read(wait);
    if (!bytes) co_return failure(bytes.error());
    bio_.feed(std::move(*bytes));
  }
  security_ = {.encrypted = true, .protocol = SSL_get_version(ssl_.get()), .cipher = SSL_get_cipher_name(ssl_.get())};
  decrypt();  // what came behind the handshake
  pump_.start(pump(*this));
  co_return Result<void>{};
}

void TlsStream::note_failure() {
  if (const char* reason = ERR_reason_error_string(ERR_peek_last_error())) why_ = reason;
  if (why_.empty()) why_ = "protocol error";
  const long result = SSL_get_verify_result(ssl_.get());
  if (result != X509_V_OK && SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE)
    why_.append(" (").append(X509_verify_cert_error_string(result)).append(")");
}

Task<void> TlsStream::pump(TlsStream& self) {
  while (!self.input_error_) {
    if (self.unread_bytes_ > kUnreadBytesMax) {
      self.room_.clear();
      if (!co_await self.room_.wait({.stop = &self.stop_})) co_return;
    } else {
      Result<Slice> bytes = co_await self.below_->read({.stop = &self.stop_});
      if (!bytes && bytes.error().code == Errc::stopped) co_return;
      if (!bytes) co_return self.end_input(bytes.error());
      self.bio_.feed(std::move(*bytes));
    }
    self.decrypt();
  }
}

void TlsStream::decrypt() {
  while (!input_error_ && unread_bytes_ <= kUnreadBytesMax && decrypt_some()) {}
  flush();  // answers of the protocol's own: key updates, alerts
}

// False when there is no more for now.
bool TlsStream::decrypt_some() {
  const auto pending = static_cast<std::size_t>(std::max(SSL_pending(ssl_.get()), 0));
  const std::size_t wanted = pending > 0 ? std::min(pending, kRecordBytes) : bulk_ ? kRecordBytes : kCommandBytes;
  Block& block = pool_.acquire(wanted);
  std::size_t count = 0;
  ERR_clear_error();
  const int done = SSL_read_ex(ssl_.get(), block.bytes(), std::min<std::size_t>(block.capacity(), kRecordBytes), &count);
  if (done == 1) {
    keep_input(Slice(block, block.bytes(), count));
    return true;
  }
  const int state = SSL_get_error(ssl_.get(), done);
  pool_.release(block);
  if (state == SSL_ERROR_ZERO_RETURN)
    end_input({Errc::closed, 0, "read"});
  else if (state != SSL_ERROR_WANT_READ)
    end_input({Errc::bad_format, 0, "read TLS record"});
  return false;
}

void TlsStream::keep_input(Slice bytes) {
  unread_bytes_ += bytes.size();
  input_.push_back(std::move(bytes));
  if (reader_ != nullptr) std::exchange(reader_, nullptr)->input_ready();
}

void TlsStream::end_input(Error error) {
  if (!input_error_) input_error_ = error;
  if (reader_ != nullptr) std::exchange(reader_, nullptr)->input_ready();
}

bool TlsStream::take_input(Result<Slice>& into) {
  if (first_ < input_.size()) {
    Slice slice = std::move(input_[first_]);
    if (++first_ == input_.size()) {
      input_.clear();
      first_ = 0;
    }
    unread_bytes_ -= slice.size();
    if (unread_bytes_ <= kUnreadBytesMax / 2) room_.set();
    into = std::move(slice);
    return true;
  }
  if (!input_error_) return false;
  into = failure(*input_error_);
  return true;
}

void TlsStream::unread(Slice bytes) {
  POSTERN_CHECK(reader_ == nullptr);
  if (bytes.empty()) return;
  unread_bytes_ += bytes.size();
  if (first_ > 0)
    input_[--first_] = std::move(bytes);
  else
    input_.insert(input_.begin(), std::move(bytes));
}

void TlsStream::expect_bulk(bool bulk) {
  bulk_ = bulk;
  below_->expect_bulk(bulk);
}

// Several small slices become one record.
void TlsStream::queue_output(Chain bytes) {
  if (bytes.slice_count() > 1 && bytes.size() <= kRecordBytes) {
    Block& block = pool_.acquire(bytes.size());
    std::size_t at = 0;
    for (std::size_t i = 0; i < bytes.slice_count(); ++i) {
      std::memcpy(block.bytes() + at, bytes[i].data(), bytes[i].size());
      at += bytes[i].size();
    }
    encrypt({block.bytes(), at});
    pool_.release(block);
  } else {
    for (std::size_t i = 0; i < bytes.slice_count(); ++i) encrypt(bytes[i].view());
  }
  flush();
}

void TlsStream::encrypt(std::string_view bytes) {
  if (bytes.empty() || output_error_) return;
  std::size_t count = 0;
  ERR_clear_error();
  // All of it: what is below takes everything.
  if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count) != 1)
    output_error_ = Error{Errc::reset, 0, "write TLS record"};
}

void TlsStream::flush() {
  Chain output = bio_.take_output();
  if (!output.empty() && Stream::output_error(*below_) == nullptr) Stream::queue_output(*below_, std::move(output));
}

const Error* TlsStream::output_error() const { return output_error_ ? &*output_error_ : Stream::output_error(*below_); }

// With close_notify, so that the peer knows that nothing was cut off (RFC 8446 section 6.1).
void TlsStream::shutdown() {
  ERR_clear_error();
  if (SSL_is_init_finished(ssl_.get())) static_cast<void>(SSL_shutdown(ssl_.get()));
  flush();
  below_->shutdown();
}

Task<void> TlsStream::close() {
  POSTERN_CHECK(reader_ == nullptr);
  stop_.request_stop();
  co_await pump_.close();
  input_.clear();
  first_ = 0;
  co_await below_->close();
}

}  // namespace postern::tls
