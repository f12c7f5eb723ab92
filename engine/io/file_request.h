// One operation on a file.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/result.h"
#include "engine/buffer/chain.h"
#include "engine/coro/scheduler.h"

namespace postern::inline io {

class File;

struct FileRequest {
  enum class Kind : std::uint8_t { read, write, write_durable, sync };

  Kind kind = Kind::sync;
  std::byte* bytes = nullptr;    // read from for writes
  const Chain* chain = nullptr;  // for kind write, in place of `bytes`; `size` is its size
  std::size_t size = 0;
  std::uint64_t offset = 0;
  int fixed_buffer = -1;

  // Bytes transferred, or why not.
  virtual void on_done(Result<std::size_t> outcome) = 0;

 protected:
  ~FileRequest() = default;
};

// Awaits one operation; cannot be cut short.
class [[nodiscard]] FileAwaiter final : private FileRequest {
 public:
  FileAwaiter(File& file, Kind wanted, std::byte* memory, std::size_t count, std::uint64_t at, int buffer = -1) : file_(file) {
    kind = wanted;
    bytes = memory;
    size = count;
    offset = at;
    fixed_buffer = buffer;
  }
  FileAwaiter(File& file, const Chain& gathered, std::uint64_t at) : file_(file) {
    kind = Kind::write;
    chain = &gathered;
    size = gathered.size();
    offset = at;
  }
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle);
  [[nodiscard]] Result<std::size_t> await_resume() const noexcept { return outcome_; }

 private:
  void on_done(Result<std::size_t> outcome) override {
    outcome_ = outcome;
    Scheduler::current().schedule(handle_);
  }
  File& file_;
  std::coroutine_handle<> handle_;
  Result<std::size_t> outcome_ = std::size_t{0};
};

}  // namespace postern::inline io
