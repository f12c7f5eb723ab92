// A TCP or UNIX stream socket over the ring.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/coro/event.h"
#include "engine/io/stream.h"
#include "engine/ring/buffer_group.h"
#include "engine/ring/ring.h"

namespace postern::transport {

// What the streams of one shard share. Outlives them.
struct StreamPool {
  ring::Ring& ring;
  ring::BufferGroup& small_buffers;  // for command phases
  ring::BufferGroup& large_buffers;  // for message data
};

// Receives by multishot into provided buffers, from the small group until much data has come in a row. Reading stops at
// kUnreadBytesMax (the multishot is cancelled) and goes on at half. Sends what is queued in one operation at a time.
class UringStream final : public Stream {
 public:
  static constexpr std::size_t kUnreadBytesMax = 64 * 1024;
  static constexpr std::size_t kUnsentBytesMax = 64 * 1024;

  // Takes over the direct descriptor in `slot`.
  UringStream(StreamPool& pool, int slot, Endpoints endpoints);
  ~UringStream() override;

  void unread(Slice bytes) override;
  [[nodiscard]] bool has_input() const override { return !input_.empty() || input_error_.has_value(); }
  void expect_bulk(bool bulk) override;
  [[nodiscard]] bool input_scarce() const override { return group_->scarce(); }
  void shutdown() override;
  [[nodiscard]] Task<void> close() override;
  [[nodiscard]] const Endpoints& endpoints() const override { return endpoints_; }
  [[nodiscard]] const Security& security() const override;
  [[nodiscard]] std::size_t output_bytes_max() const override { return kUnsentBytesMax; }

 protected:
  [[nodiscard]] bool take_input(Result<Slice>& into) override;
  void set_reader(ReadWaiter* reader) override { reader_ = reader; }
  void queue_output(Chain bytes) override;
  [[nodiscard]] std::size_t unsent_bytes() const override { return queued_.size() + flying_left_; }
  [[nodiscard]] const Error* output_error() const override { return output_error_ ? &*output_error_ : nullptr; }
  void set_writer(WriteWaiter* writer, std::size_t unsent_max) override;

 private:
  class Receive;
  class Send;
  class Shutdown;
  class Close;

  void arm_receive();
  void on_received(const ring::Completion& completion);
  void keep_input(Slice slice);
  [[nodiscard]] bool join_last(const Slice& slice);
  void on_sent(const ring::Completion& completion);
  void choose_group(std::size_t received);
  void end_input(Error error);
  void start_send();
  void fail_output(Error error);
  void wake_reader();
  void wake_writer();
  void operation_ended();

  StreamPool& pool_;
  int slot_;
  Endpoints endpoints_;

  // Receiving. input_ is read from input_first_.
  std::unique_ptr<Receive> receive_;
  ring::BufferGroup* group_;
  std::vector<Slice> input_;
  std::size_t input_first_ = 0;
  Block* last_received_ = nullptr;  // compared only, unless the last slice of input_ pins it
  std::size_t unread_bytes_ = 0;
  std::optional<Error> input_error_;
  ReadWaiter* reader_ = nullptr;
  bool receive_wanted_ = true;
  bool bulk_ = false;
  std::uint32_t bulk_bytes_ = 0;      // received since bulk was announced
  std::uint32_t small_receives_ = 0;  // in a row, outside bulk

  // Sending. send_ owns what is being sent; queued_ comes next.
  std::unique_ptr<Send> send_;
  Chain queued_;
  std::size_t flying_left_ = 0;
  std::optional<Error> output_error_;
  WriteWaiter* writer_ = nullptr;
  std::size_t writer_unsent_max_ = 0;
  bool shutdown_wanted_ = false;
  std::unique_ptr<Shutdown> shutdown_;

  bool closing_ = false;
  Event quiet_;  // while closing: no operation is in flight
};

}  // namespace postern::transport
