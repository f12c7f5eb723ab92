#include "engine/io/faulty_file_system.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/coro/scheduler.h"

namespace postern::inline io {

class FaultyFileSystem::Handle final : public File {
 public:
  Handle(FaultyFileSystem& files, std::unique_ptr<File> below);
  ~Handle() override;

  void start(FileRequest& request) override;

 private:
  friend class Pending;
  void release(Pending& pending);

  FaultyFileSystem& files_;
  std::unique_ptr<File> below_;
  std::vector<std::unique_ptr<Pending>> spare_;
  std::size_t in_flight_ = 0;
};

// One request on its way: down to the file below, and then it waits as long as a flush is to take.
class FaultyFileSystem::Pending final : public FileRequest, private DelayedCall {
 public:
  explicit Pending(Handle& file) noexcept : file_(file) {}

  void begin(FileRequest& request) {
    request_ = &request;
    static_cast<FileRequest&>(*this) = request;  // all that is asked for
    fault_ = kind == Kind::read ? std::nullopt : file_.files_.take_fault(op());
    if (fault_ && fault_->is_short) size = size / 2 / File::kDirectAlignment * File::kDirectAlignment;
    if (fault_ && !fault_->lands && (!fault_->is_short || size == 0)) return on_done(std::size_t{0});
    file_.below_->start(*this);
  }

 private:
  [[nodiscard]] DiskOp op() const noexcept {
    if (kind == Kind::sync) return DiskOp::sync;
    return kind == Kind::write ? DiskOp::write : DiskOp::durable;
  }

  void on_done(Result<std::size_t> outcome) override {
    outcome_ = outcome;
    if (fault_ && fault_->is_short && outcome) outcome_ = std::min(*outcome, size);
    if (fault_ && !fault_->is_short) outcome_ = failure(fault_->error);
    const bool flushes = kind == Kind::write_durable || kind == Kind::sync;
    const std::int64_t delay_us = flushes ? file_.files_.faults_.flush_delay_us : 0;
    if (fault_ || delay_us > 0)
      file_.files_.delays_.start(*this, delay_us);
    else
      on_delay_over();
  }

  void on_delay_over() override {
    FileRequest& request = *std::exchange(request_, nullptr);
    file_.release(*this);
    request.on_done(outcome_);
  }

  Handle& file_;
  FileRequest* request_ = nullptr;
  std::optional<DiskFault> fault_;
  Result<std::size_t> outcome_ = std::size_t{0};
};

FaultyFileSystem::Handle::Handle(FaultyFileSystem& files, std::unique_ptr<File> below)
    : files_(files), below_(std::move(below)) {}

FaultyFileSystem::Handle::~Handle() { POSTERN_CHECK(in_flight_ == 0); }

void FaultyFileSystem::Handle::start(FileRequest& request) {
  if (spare_.empty()) spare_.push_back(std::make_unique<Pending>(*this));
  Pending* pending = spare_.back().release();
  spare_.pop_back();
  ++in_flight_;
  pending->begin(request);
}

void FaultyFileSystem::Handle::release(Pending& pending) {
  --in_flight_;
  spare_.emplace_back(&pending);
}

// Suspends for some microseconds; lives in the awaiting frame.
class FaultyFileSystem::Pause final : private DelayedCall {
 public:
  Pause(Delays& delays, std::int64_t delay_us) noexcept : delays_(delays), delay_us_(delay_us) {}
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    delays_.start(*this, delay_us_);
  }
  void await_resume() const noexcept {}

 private:
  void on_delay_over() override { Scheduler::current().schedule(handle_); }

  Delays& delays_;
  std::int64_t delay_us_;
  std::coroutine_handle<> handle_;
};

std::optional<DiskFault> FaultyFileSystem::take_fault(DiskOp op) {
  std::optional<DiskFault> taken;
  for (DiskFault& fault : faults_.faults) {
    if (fault.op != op || fault.count == 0) continue;
    if (fault.skip > 0) {
      --fault.skip;
    } else if (!taken) {
      --fault.count;
      taken = fault;
    }
  }
  return taken;
}

// `flushes`: how many of them the operation makes.
Task<Result<void>> FaultyFileSystem::pass(DiskOp op, unsigned flushes, Task<Result<void>> below) {
  const std::optional<DiskFault> fault = take_fault(op);
  Result<void> outcome;
  if (!fault || fault->lands) outcome = co_await below;
  co_await Pause(delays_, flushes * faults_.flush_delay_us);
  if (fault) co_return failure(fault->error);
  co_return outcome;
}

Task<Result<std::unique_ptr<File>>> FaultyFileSystem::open(std::string path, OpenOptions options) {
  auto below = co_await below_.open(std::move(path), options);
  if (!below) co_return failure(below.error());
  co_return std::unique_ptr<File>(new Handle(*this, std::move(*below)));
}

Task<Result<void>> FaultyFileSystem::fill_with_zeros(std::string path, std::uint64_t bytes) {
  return pass(DiskOp::fill, 1, below_.fill_with_zeros(std::move(path), bytes));
}

Task<Result<void>> FaultyFileSystem::make_directory(std::string path, unsigned permissions) {
  return below_.make_directory(std::move(path), permissions);
}

Task<Result<std::vector<DirectoryEntry>>> FaultyFileSystem::list(std::string directory) {
  return below_.list(std::move(directory));
}

Task<Result<void>> FaultyFileSystem::rename(std::string from, std::string to) {
  return below_.rename(std::move(from), std::move(to));
}

Task<Result<void>> FaultyFileSystem::link_new(std::string from, std::string to) {
  return below_.link_new(std::move(from), std::move(to));
}

Task<Result<void>> FaultyFileSystem::remove(std::string path) { return below_.remove(std::move(path)); }

Task<Result<void>> FaultyFileSystem::sync_directory(std::string directory) {
  return pass(DiskOp::directory, 1, below_.sync_directory(std::move(directory)));
}

Task<Result<SpaceInfo>> FaultyFileSystem::space(std::string path) { return below_.space(std::move(path)); }

Task<Result<std::string>> FaultyFileSystem::read_all(std::string path, std::size_t bytes_max) {
  return below_.read_all(std::move(path), bytes_max);
}

// Its content, and then its name.
Task<Result<void>> FaultyFileSystem::replace(std::string path, std::string content) {
  return pass(DiskOp::replace, 2, below_.replace(std::move(path), std::move(content)));
}

Result<void> FaultyFileSystem::register_buffers(std::vector<std::span<std::byte>> buffers) {
  return below_.register_buffers(std::move(buffers));
}

}  // namespace postern::inline io
