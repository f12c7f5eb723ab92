// Where the messages of connections go, seen from a connection: the spool, or nowhere (`postern probe`).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/coro/frame_pool.h"
#include "engine/smtp/envelope.h"
#include "engine/smtp/sink.h"
#include "engine/smtp/state.h"

namespace postern::ingress {

// One for each connection, used for its messages one after the other.
class ArrivingMessage : public smtp::MessageSink {
 public:
  [[nodiscard]] static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { free_frame(memory, size); }

  // Begins a message: takes an id and reserves space. The envelope stays until commit() or abort() has been awaited. Errors:
  // disk_full (space runs low), busy (no ids left for this second).
  [[nodiscard]] virtual Result<void> open(const smtp::Envelope& envelope, std::uint64_t bytes_expected) = 0;
  // A message is under way: between open() and the end of commit() or abort().
  [[nodiscard]] virtual bool is_open() const noexcept = 0;
  // When open() began the message.
  [[nodiscard]] virtual WallTime received() const noexcept = 0;
  // For the record, known only when all bytes are here. Before commit().
  virtual void describe_body(bool has_8bit, std::uint64_t line_bytes_max) noexcept = 0;
};

// One shard's. Outlives the messages.
class Arrivals {
 public:
  virtual ~Arrivals() = default;
  // `state` belongs to the connection and outlives what is made.
  [[nodiscard]] virtual std::unique_ptr<ArrivingMessage> make(const smtp::SessionState& state) = 0;
  // Whether a message of so many bytes could be stored now.
  [[nodiscard]] virtual bool has_space(std::uint64_t bytes) = 0;
};

}  // namespace postern::ingress
