#include "engine/ring/ring.h"

#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/check.h"

namespace postern::ring {
namespace {

thread_local Ring* current_ring = nullptr;

std::uint64_t user_data_of(std::uint32_t slot, std::uint32_t generation) {
  return static_cast<std::uint64_t>(generation) << 32 | slot;
}

}  // namespace

Operation::~Operation() { POSTERN_CHECK(!in_flight()); }

// The one read that is always in flight on the eventfd.
class Ring::WakeRead final : public Operation {
 public:
  explicit WakeRead(Ring& ring) noexcept : ring_(ring) {}
  void submit() {
    io_uring_sqe& sqe = ring_.prepare(*this);
    io_uring_prep_read(&sqe, ring_.event_descriptor_, &count_, sizeof count_, 0);
  }

 private:
  void on_completion(const Completion&) override { submit(); }
  Ring& ring_;
  std::uint64_t count_ = 0;
};

void RingWaker::wake() noexcept {
  if (Ring* own = Ring::current(); own != nullptr) {
    io_uring_sqe& sqe = own->next_sqe();
    io_uring_prep_msg_ring(&sqe, ring_descriptor_, 0, Ring::kWake, 0);
    sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe.user_data = Ring::kIgnored;
    return;
  }
  const std::uint64_t one = 1;
  // A full counter already wakes; nothing else can fail on an eventfd.
  static_cast<void>(!::write(event_descriptor_, &one, sizeof one));
}

Ring* Ring::current() noexcept { return current_ring; }

Result<std::unique_ptr<Ring>> Ring::create(const RingOptions& options) {
  auto ring = make(options);
  if (!ring) return ring;
  if (auto adopted = (*ring)->adopt(); !adopted) return failure(adopted.error());
  return ring;
}

Result<std::unique_ptr<Ring>> Ring::make(const RingOptions& options) {
  std::unique_ptr<Ring> ring(new Ring);
  io_uring_params params{};
  params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_R_DISABLED;
  params.cq_entries = options.cq_entries;
  if (const int error = io_uring_queue_init_params(options.sq_entries, &ring->ring_, &params); error < 0)
    return failure_from_errno(-error, "io_uring_setup");
  ring->made_ = true;
  if (const int error = io_uring_register_files_sparse(&ring->ring_, options.direct_descriptors); error < 0)
    return failure_from_errno(-error, "register direct descriptors");
  ring->free_slots_.reserve(options.direct_descriptors);
  for (int slot = static_cast<int>(options.direct_descriptors) - 1; slot >= 0; --slot) ring->free_slots_.push_back(slot);
  return ring;
}

Result<void> Ring::adopt() {
  // By system call: liburing 2.3 declares io_uring_enable_rings() and does not export it.
  if (::syscall(__NR_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0) < 0)
    return failure_from_errno(errno, "enable io_uring");
  // Not fatal when refused: it only saves the lookup of the ring's descriptor.
  static_cast<void>(io_uring_register_ring_fd(&ring_));
  event_descriptor_ = ::eventfd(0, EFD_CLOEXEC);
  if (event_descriptor_ < 0) return failure_from_errno(errno, "eventfd");
  waker_ = std::make_unique<RingWaker>(ring_.ring_fd, event_descriptor_);
  wake_read_ = std::make_unique<WakeRead>(*this);
  batch_.reserve(256);
  current_ring = this;
  wake_read_->submit();
  return {};
}

// The owner has ended every operation but our own read; the kernel ends that one with the ring.
Ring::~Ring() {
  if (current_ring == this) current_ring = nullptr;
  for (Slot& slot : slots_)
    if (slot.operation != nullptr) slot.operation->slot_ = Operation::kNoSlot;
  if (made_) io_uring_queue_exit(&ring_);
  if (event_descriptor_ >= 0) ::close(event_descriptor_);
}

io_uring_sqe& Ring::next_sqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    submit();
    sqe = io_uring_get_sqe(&ring_);
  }
  stats_.submissions.add();
  return *sqe;
}

io_uring_sqe& Ring::prepare(Operation& operation) {
  POSTERN_CHECK(!operation.in_flight());
  if (spare_.empty()) {
    spare_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = spare_.back();
  spare_.pop_back();
  Slot& slot = slots_[index];
  slot.operation = &operation;
  operation.slot_ = index;
  io_uring_sqe& sqe = next_sqe();
  sqe.user_data = user_data_of(index, slot.generation);  // liburing 2.3's prep helpers do not touch it
  return sqe;
}

void Ring::cancel(Operation& operation) {
  if (!operation.in_flight()) return;
  const Slot& slot = slots_[operation.slot_];
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_cancel64(&sqe, user_data_of(operation.slot_, slot.generation), 0);
  sqe.user_data = kIgnored;
}

int Ring::take_slot() noexcept {
  if (free_slots_.empty()) return -1;
  const int slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

Result<void> Ring::install(int slot, int descriptor) {
  if (const int count = io_uring_register_files_update(&ring_, static_cast<unsigned>(slot), &descriptor, 1); count != 1)
    return failure_from_errno(count < 0 ? -count : EIO, "install direct descriptor");
  return {};
}

// Drained first, run afterwards: no completion handler runs while the queue is being read, and none recurses into it.
bool Ring::poll() {
  // What was kept aside comes with the next enter.
  if (io_uring_cq_has_overflow(&ring_)) stats_.overflows.add();
  bool worked = false;
  for (;;) {
    batch_.clear();
    io_uring_cqe* cqe = nullptr;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      batch_.push_back({cqe->user_data, {cqe->res, cqe->flags}});
      if (++count == batch_.capacity()) break;
    }
    if (count == 0) return worked;
    io_uring_cq_advance(&ring_, count);
    stats_.completions.add(count);
    worked = true;
    for (const Reaped& reaped : batch_) dispatch(reaped);
  }
}

void Ring::dispatch(const Reaped& reaped) {
  if (reaped.user_data >= kWake) return;
  const auto index = static_cast<std::uint32_t>(reaped.user_data);
  const auto generation = static_cast<std::uint32_t>(reaped.user_data >> 32);
  if (index >= slots_.size()) return;
  Slot& slot = slots_[index];
  if (slot.generation != generation || slot.operation == nullptr) return;  // late completion of a slot used again since
  Operation& operation = *slot.operation;
  if (reaped.completion.final()) {
    slot.operation = nullptr;
    ++slot.generation;
    operation.slot_ = Operation::kNoSlot;
    spare_.push_back(index);
  }
  operation.on_completion(reaped.completion);
}

void Ring::enter(unsigned wait_for, __kernel_timespec* timeout) {
  stats_.enters.add();
  io_uring_cqe* unused = nullptr;
  int outcome = 0;
  if (timeout != nullptr)
    outcome = io_uring_submit_and_wait_timeout(&ring_, &unused, wait_for, timeout, nullptr);
  else if (wait_for > 0)
    outcome = io_uring_submit_and_wait(&ring_, wait_for);
  else
    outcome = io_uring_submit_and_get_events(&ring_);
  // EBUSY: the CQ overflowed; the next poll makes room. EINTR, ETIME and EAGAIN: the next turn tries again.
  POSTERN_CHECK(outcome >= 0 || outcome == -EBUSY || outcome == -EINTR || outcome == -ETIME || outcome == -EAGAIN);
}

void Ring::submit() { enter(0, nullptr); }

void Ring::submit_and_sleep(Instant until, Instant now) {
  if (until.is_never()) return enter(1, nullptr);
  const std::int64_t ns = std::max<std::int64_t>(until.ns - now.ns, 0);
  __kernel_timespec timeout{ns / 1'000'000'000, ns % 1'000'000'000};
  enter(1, &timeout);
}

}  // namespace postern::ring
