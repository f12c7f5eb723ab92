#include "engine/ring/buffer_group.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "engine/base/check.h"

namespace postern::ring {
namespace {

constexpr std::uint32_t kOfferedAtFirst = 256;

void* map_zeroed(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

Result<std::unique_ptr<BufferGroup>> BufferGroup::create(Ring& ring, std::uint16_t group, std::uint32_t count,
                                                         std::uint32_t bytes_each) {
  POSTERN_CHECK(std::has_single_bit(count) && count <= 32768);
  std::unique_ptr<BufferGroup> made(new BufferGroup(ring, group, count, bytes_each));
  made->memory_ = static_cast<char*>(map_zeroed(std::size_t{count} * bytes_each));
  made->entries_ = static_cast<io_uring_buf_ring*>(map_zeroed(count * sizeof(io_uring_buf)));
  if (made->memory_ == nullptr || made->entries_ == nullptr) return failure_from_errno(ENOMEM, "receive buffers");

  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uint64_t>(made->entries_);
  registration.ring_entries = count;
  registration.bgid = group;
  if (const int error = io_uring_register_buf_ring(&ring.raw(), &registration, 0); error < 0)
    return failure_from_errno(-error, "register receive buffers");
  made->registered_ = true;
  io_uring_buf_ring_init(made->entries_);

  for (std::uint32_t i = 0; i < count; ++i) {
    made->blocks_.emplace_back(*made, made->memory_ + std::size_t{i} * bytes_each, bytes_each, i);
    made->spare_.push_back(count - 1 - i);
  }
  made->free_ = count;
  made->offered_wanted_ = std::min(count, kOfferedAtFirst);
  made->top_up();
  return made;
}

BufferGroup::~BufferGroup() {
  if (registered_) {
    POSTERN_CHECK(free_ == count_);
    io_uring_unregister_buf_ring(&ring_.raw(), id_);
  }
  if (memory_ != nullptr) ::munmap(memory_, std::size_t{count_} * bytes_each_);
  if (entries_ != nullptr) ::munmap(entries_, count_ * sizeof(io_uring_buf));
}

void BufferGroup::offer(std::uint32_t index) noexcept {
  io_uring_buf_ring_add(entries_, blocks_[index].bytes(), bytes_each_, static_cast<unsigned short>(index),
                        io_uring_buf_ring_mask(count_), 0);
  io_uring_buf_ring_advance(entries_, 1);
  ++offered_;
}

void BufferGroup::top_up() noexcept {
  while (offered_ < offered_wanted_ && !spare_.empty()) {
    offer(spare_.back());
    spare_.pop_back();
  }
}

Slice BufferGroup::take(const Completion& completion) {
  POSTERN_CHECK((completion.flags & IORING_CQE_F_BUFFER) != 0 && completion.result > 0);
  const std::uint32_t index = completion.flags >> IORING_CQE_BUFFER_SHIFT;
  POSTERN_CHECK(index < count_ && offered_ > 0);
  --offered_;
  --free_;
  top_up();
  Block& block = blocks_[index];
  return Slice(block, block.bytes(), static_cast<std::size_t>(completion.result));
}

void BufferGroup::release(Block& block) noexcept {
  spare_.push_back(block.index());
  ++free_;
  top_up();
  wake_waiters();
}

void BufferGroup::wait_for_buffers(BufferWaiter& waiter) noexcept {
  if (waiter.queued_) return;
  waiter.queued_ = true;
  waiter.next_ = nullptr;
  *last_link_ = &waiter;
  last_link_ = &waiter.next_;
  offered_wanted_ = std::min(count_, 2 * offered_wanted_);
  top_up();
  wake_waiters();  // all may have come back before we heard that there were none, and then no release would
}

void BufferGroup::forget(BufferWaiter& waiter) noexcept {
  if (!waiter.queued_) return;
  BufferWaiter** link = &first_waiter_;
  while (*link != &waiter) link = &(*link)->next_;
  *link = waiter.next_;
  if (last_link_ == &waiter.next_) last_link_ = link;
  waiter.queued_ = false;
}

// No more are woken than buffers are free, or all would run dry again at once.
void BufferGroup::wake_waiters() {
  if (first_waiter_ == nullptr || waking_ || !enough_free()) return;
  waking_ = true;
  for (std::uint32_t woken = 0; first_waiter_ != nullptr && woken < free_; ++woken) {
    BufferWaiter& waiter = *first_waiter_;
    forget(waiter);
    waiter.buffers_back();
  }
  waking_ = false;
}

}  // namespace postern::ring
