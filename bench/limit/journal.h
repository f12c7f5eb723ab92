// The least that makes messages durable: one file, filled with zeros before the first message and written round and round, one
// synchronous write for all messages of a batch. Nothing could be read back after it has gone round once: this measures the
// price of the writes, it keeps nothing.
#pragma once

#include <liburing.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::limit {

// The segment stays open, and the batches registered with the ring, until the program ends.
class Journal {
 public:
  static constexpr std::size_t kSegmentBytes = std::size_t{256} << 20;
  static constexpr std::size_t kBatchBytes = std::size_t{32} << 20;

  // Makes directory/segment and registers the batch buffers with `ring`, which has no others. Blocks for as long as filling
  // the segment takes. An error ends the program.
  Journal(io_uring& ring, const std::string& directory);

  // Copies a message into the batch that gathers. False when it is full.
  [[nodiscard]] bool add(std::string_view message);
  // Which of the two batches gathers: 0 or 1. The other is being written, or idle.
  [[nodiscard]] std::size_t gathering() const noexcept { return gathering_; }
  // Whether there is something to write, and no write in flight.
  [[nodiscard]] bool is_due() const noexcept { return !in_flight_ && bytes_[gathering_] != 0; }

  // Fills in the durable write of what has gathered; from here on the other batch gathers. Only when is_due().
  void prepare_write(io_uring_sqe& sqe);
  // The write has completed, with `result`. Returns which batch is durable now. An error ends the program.
  std::size_t written(int result);

 private:
  int segment_ = -1;
  std::size_t offset_ = 0;
  std::array<char*, 2> batches_{};
  std::array<std::size_t, 2> bytes_{};
  std::size_t gathering_ = 0;
  bool in_flight_ = false;
};

}  // namespace postern::limit
