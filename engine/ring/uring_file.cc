#include "engine/ring/uring_file.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "engine/base/check.h"

namespace postern::ring {

namespace {

// As much as the kernel reads or writes in one call.
constexpr std::size_t kOperationBytesMax = 0x7ffff000;

}  // namespace

// One request on its way. Where durability by flag is refused, a durable write becomes two operations, the second an fdatasync.
class UringFile::Pending final : public Operation {
 public:
  explicit Pending(UringFile& file) noexcept : file_(file) {}

  void begin(FileRequest& request) {
    request_ = &request;
    written_ = 0;
    submit(request.kind == FileRequest::Kind::sync);
  }

 private:
  void submit(bool as_sync) {
    syncing_ = as_sync;
    by_flag_ = !as_sync && request_->kind == FileRequest::Kind::write_durable && file_.durable_by_flag_;
    io_uring_sqe& sqe = file_.ring_.prepare(*this);
    file_.fill(sqe, *request_, as_sync);
    if (request_->chain != nullptr) gather(sqe);
  }

  // Makes the write one of all slices.
  void gather(io_uring_sqe& sqe) {
    pieces_.clear();
    for (std::size_t i = 0; i < request_->chain->slice_count(); ++i) {
      const Slice& slice = (*request_->chain)[i];
      pieces_.push_back({const_cast<char*>(slice.data()), slice.size()});
    }
    sqe.opcode = IORING_OP_WRITEV;
    sqe.addr = reinterpret_cast<std::uintptr_t>(pieces_.data());
    sqe.len = static_cast<unsigned>(pieces_.size());
  }

  void on_completion(const Completion& completion) override {
    const bool durable = request_->kind == FileRequest::Kind::write_durable;
    if (completion.result == -EOPNOTSUPP && by_flag_) {
      file_.durable_by_flag_ = false;  // others may be under way with the flag, and come here, too
      return submit(false);
    }
    if (completion.result < 0) return finish(failure_from_errno(-completion.result, name()));
    if (syncing_) return finish(written_);
    written_ = static_cast<std::size_t>(completion.result);
    if (durable && !by_flag_ && written_ == request_->size) return submit(true);
    finish(written_);
  }

  [[nodiscard]] const char* name() const noexcept {
    if (syncing_) return "sync file";
    return request_->kind == FileRequest::Kind::read ? "read file" : "write file";
  }

  void finish(Result<std::size_t> outcome) {
    FileRequest& request = *std::exchange(request_, nullptr);
    file_.release(*this);
    request.on_done(outcome);
  }

  UringFile& file_;
  FileRequest* request_ = nullptr;
  std::size_t written_ = 0;
  std::vector<iovec> pieces_;
  bool syncing_ = false;
  bool by_flag_ = false;  // the write was to be durable by RWF_DSYNC
};

UringFile::UringFile(Ring& ring, int descriptor, const bool& buffers_registered)
    : ring_(ring), descriptor_(descriptor), slot_(ring.take_slot()), buffers_registered_(buffers_registered) {
  if (slot_ >= 0 && !ring_.install(slot_, descriptor_)) {
    ring_.give_slot(slot_);
    slot_ = -1;
  }
}

UringFile::~UringFile() {
  POSTERN_CHECK(in_flight_ == 0);
  if (slot_ >= 0) {
    static_cast<void>(ring_.install(slot_, -1).has_value());
    ring_.give_slot(slot_);
  }
  ::close(descriptor_);
}

void UringFile::start(FileRequest& request) {
  POSTERN_CHECK(request.size <= kOperationBytesMax);
  if (spare_.empty()) spare_.push_back(std::make_unique<Pending>(*this));
  Pending* pending = spare_.back().release();
  spare_.pop_back();
  ++in_flight_;
  pending->begin(request);
}

void UringFile::release(Pending& pending) {
  --in_flight_;
  spare_.emplace_back(&pending);
}

void UringFile::fill(io_uring_sqe& sqe, const FileRequest& request, bool as_sync) const {
  const int target = slot_ >= 0 ? slot_ : descriptor_;
  const auto size = static_cast<unsigned>(request.size);
  if (as_sync) {
    io_uring_prep_fsync(&sqe, target, IORING_FSYNC_DATASYNC);
  } else if (request.kind == FileRequest::Kind::read) {
    io_uring_prep_read(&sqe, target, request.bytes, size, request.offset);
  } else {
    if (request.fixed_buffer >= 0 && buffers_registered_)
      io_uring_prep_write_fixed(&sqe, target, request.bytes, size, request.offset, request.fixed_buffer);
    else
      io_uring_prep_write(&sqe, target, request.bytes, size, request.offset);
    if (request.kind == FileRequest::Kind::write_durable && durable_by_flag_) sqe.rw_flags = RWF_DSYNC;
  }
  if (slot_ >= 0) sqe.flags |= IOSQE_FIXED_FILE;
}

}  // namespace postern::ring
