// A duplex byte stream: TCP, a stream behind a PROXY header, TLS, a fake. The session holds a Stream and never an operation of
// the ring.
#pragma once

#include <coroutine>
#include <cstddef>
#include <string>

#include "engine/base/ip_address.h"
#include "engine/base/result.h"
#include "engine/buffer/chain.h"
#include "engine/buffer/slice.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"

namespace postern::inline io {

// What protects the bytes of a stream.
struct Security {
  bool encrypted = false;
  std::string protocol;  // "TLSv1.3", empty in clear
  std::string cipher;
};

// Who is at the two ends, as far as policy is concerned (behind a PROXY header: the client, not the proxy).
struct Endpoints {
  SocketAddress peer;
  SocketAddress local;
};

// Whoever waits for input. Lives in the reading coroutine's frame while that is suspended.
class ReadWaiter : public Waiter {
 public:
  // For the stream: there is input, or there will never be. Resumes the reader.
  void input_ready() { resume(); }

 protected:
  ~ReadWaiter() override = default;
};

// Whoever waits for output to leave.
class WriteWaiter : public Waiter {
 public:
  void output_ready() { resume(); }

 protected:
  ~WriteWaiter() override = default;
};

// Reading and writing are independent: one reader and one writer may wait at the same time, never two of a kind.
// One shard. A stream is closed (awaiting close()) before it is destroyed.
class Stream {
 public:
  virtual ~Stream() = default;

  class Read;
  class Write;

  // The next bytes, never empty; suspends, without a coroutine frame, only when none are at hand. Errors: closed (the peer
  // ended its direction), reset, timed_out, stopped. After timed_out or stopped the stream is still good.
  [[nodiscard]] Read read(const Wait& wait);
  // Queues `bytes`, which the stream owns from here on. Suspends only while more than output_bytes_max() are unsent. Errors:
  // reset (also for bytes queued earlier), timed_out, stopped; the bytes stay queued after the last two.
  [[nodiscard]] Write write(Chain bytes, const Wait& wait);
  // Suspends until everything queued has left for the kernel.
  [[nodiscard]] Write drain(const Wait& wait);

  // Puts bytes back in front of those not yet read. Checked: no reader waits.
  virtual void unread(Slice bytes) = 0;
  // True when read() would not suspend.
  [[nodiscard]] virtual bool has_input() const = 0;
  // Asks for large buffers while a message's data arrives, and for small ones again. A hint; costs nothing when repeated.
  virtual void expect_bulk(bool bulk) = 0;
  // True when the buffers that slices of this stream pin run short, so that whoever keeps bytes should copy them.
  [[nodiscard]] virtual bool input_scarce() const = 0;
  // Ends our direction after what is queued. The peer may still send.
  virtual void shutdown() = 0;
  // Drops what is unsent, ends both directions and gives everything back. Once; nobody waits on the stream then.
  [[nodiscard]] virtual Task<void> close() = 0;

  [[nodiscard]] virtual const Endpoints& endpoints() const = 0;
  [[nodiscard]] virtual const Security& security() const = 0;
  [[nodiscard]] virtual std::size_t output_bytes_max() const = 0;

 protected:
  // Input at hand, or the error that will never go away; false when the reader has to wait.
  [[nodiscard]] virtual bool take_input(Result<Slice>& into) = 0;
  // Remembers the one reader until input_ready() is called on it; nullptr forgets it (its wait was cut short).
  virtual void set_reader(ReadWaiter* reader) = 0;
  // Takes over `bytes` and starts sending.
  virtual void queue_output(Chain bytes) = 0;
  [[nodiscard]] virtual std::size_t unsent_bytes() const = 0;
  // Why nothing more can be sent; nullptr while all is well.
  [[nodiscard]] virtual const Error* output_error() const = 0;
  // Remembers the one writer; output_ready() is called when at most `unsent_max` bytes are unsent or sending failed.
  virtual void set_writer(WriteWaiter* writer, std::size_t unsent_max) = 0;

  // The same of another stream, for one that is wrapped around it.
  static void queue_output(Stream& inner, Chain bytes) { inner.queue_output(std::move(bytes)); }
  [[nodiscard]] static std::size_t unsent_bytes(const Stream& inner) { return inner.unsent_bytes(); }
  [[nodiscard]] static const Error* output_error(const Stream& inner) { return inner.output_error(); }
  static void set_writer(Stream& inner, WriteWaiter* writer, std::size_t unsent_max) { inner.set_writer(writer, unsent_max); }
};

class [[nodiscard]] Stream::Read final : public ReadWaiter {
 public:
  Read(Stream& stream, const Wait& wait) : stream_(stream), wait_(wait) {}
  [[nodiscard]] bool await_ready() { return taken_ = stream_.take_input(result_); }
  void await_suspend(std::coroutine_handle<> handle) {
    stream_.set_reader(this);
    suspend(handle, wait_);
  }
  [[nodiscard]] Result<Slice> await_resume() {
    if (!taken_ && !cut_short_) POSTERN_CHECK(stream_.take_input(result_));
    return std::move(result_);
  }

 private:
  void on_cut_short(Errc why) override {
    stream_.set_reader(nullptr);
    cut_short_ = true;
    result_ = failure(why, "read");
    resume();
  }
  Stream& stream_;
  Wait wait_;
  Result<Slice> result_;
  bool taken_ = false;
  bool cut_short_ = false;
};

class [[nodiscard]] Stream::Write final : public WriteWaiter {
 public:
  Write(Stream& stream, std::size_t unsent_max, const Wait& wait) : stream_(stream), unsent_max_(unsent_max), wait_(wait) {}
  [[nodiscard]] bool await_ready() const { return stream_.output_error() != nullptr || stream_.unsent_bytes() <= unsent_max_; }
  void await_suspend(std::coroutine_handle<> handle) {
    stream_.set_writer(this, unsent_max_);
    suspend(handle, wait_);
  }
  [[nodiscard]] Result<void> await_resume() const {
    if (const Error* error = stream_.output_error()) return failure(*error);
    if (cut_short_) return failure(error_, "write");
    return {};
  }

 private:
  void on_cut_short(Errc why) override {
    stream_.set_writer(nullptr, 0);
    cut_short_ = true;
    error_ = why;
    resume();
  }
  Stream& stream_;
  std::size_t unsent_max_;
  Wait wait_;
  bool cut_short_ = false;
  Errc error_ = Errc::stopped;
};

inline Stream::Read Stream::read(const Wait& wait) { return Read(*this, wait); }

inline Stream::Write Stream::write(Chain bytes, const Wait& wait) {
  if (output_error() == nullptr) queue_output(std::move(bytes));
  return Write(*this, output_bytes_max(), wait);
}

inline Stream::Write Stream::drain(const Wait& wait) { return Write(*this, 0, wait); }

}  // namespace postern::inline io
