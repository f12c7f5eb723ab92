// What a thread needs before it can do anything with the network: clock, loop, ring, mailbox and receive buffers, tied
// together.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/task.h"
#include "engine/ring/buffer_group.h"
#include "engine/ring/ring.h"
#include "engine/shard/loop.h"
#include "engine/shard/mailbox.h"
#include "net/transport/uring_stream.h"

namespace postern::transport {

struct RuntimeOptions {
  std::uint32_t connections_max = 1024;
  std::uint32_t small_buffers = 4096;  // of 2 KiB; powers of two
  std::uint32_t large_buffers = 1024;  // of 32 KiB
};

// Made and destroyed on its own thread; is that thread's scheduler, and the home of what it offloads.
class Runtime {
 public:
  static constexpr std::uint32_t kSmallBufferBytes = 2048;
  static constexpr std::uint32_t kLargeBufferBytes = 32 * 1024;
  // Direct descriptors beside those of connections: accepts in flight, files, connections being refused.
  static constexpr unsigned kSlotsBesideConnections = 256;
  static constexpr std::size_t kMailboxLetters = 256;

  // Errors: those of Ring::create and BufferGroup::create. `ring`, from make_ring() with the same options, is made here when
  // there is none.
  [[nodiscard]] static Result<std::unique_ptr<Runtime>> create(const RuntimeOptions& options,
                                                               std::unique_ptr<ring::Ring> ring = {});
  // What of a runtime wants privileges: see ring::Ring::make. From any thread.
  [[nodiscard]] static Result<std::unique_ptr<ring::Ring>> make_ring(const RuntimeOptions& options);
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime();

  [[nodiscard]] const Clock& clock() const noexcept { return clock_; }
  [[nodiscard]] shard::Loop& loop() noexcept { return loop_; }
  [[nodiscard]] ring::Ring& ring() noexcept { return *ring_; }
  [[nodiscard]] BlockPool& blocks() noexcept { return blocks_; }
  [[nodiscard]] StreamPool& streams() noexcept { return *streams_; }

  // Runs `what` on the runtime's thread, in a turn of its loop. From any thread, while the loop runs; for rare things.
  void post(std::function<void()> what);

 private:
  Runtime() : loop_(clock_) {}

  SystemClock clock_;
  shard::Loop loop_;
  std::unique_ptr<ring::Ring> ring_;
  std::optional<shard::Mailbox> mailbox_;
  BlockPool blocks_;
  std::unique_ptr<ring::BufferGroup> small_buffers_;
  std::unique_ptr<ring::BufferGroup> large_buffers_;
  std::optional<StreamPool> streams_;
};

}  // namespace postern::transport
