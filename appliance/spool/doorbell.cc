#include "appliance/spool/doorbell.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "engine/base/check.h"

namespace postern::spool {
namespace {

constexpr int kTriesMax = 100;

bool makes_sense(std::uint64_t offset) noexcept {
  return offset >= kFirstBatchOffset && offset % kBlockBytes == 0 && offset <= kSegmentBytesMax;
}

struct Words {
  std::uint64_t sequence = 0;
  DurablePosition position;
};

// Nothing when the slot was being changed at every look.
std::optional<Words> load(const DoorbellSlot& slot) noexcept {
  for (int tries = 0; tries < kTriesMax; ++tries) {
    Words words;
    words.sequence = slot.sequence.load(std::memory_order_acquire);
    if (words.sequence % 2 != 0) continue;
    words.position.segment.number = slot.number.load(std::memory_order_relaxed);
    words.position.segment.incarnation = slot.incarnation.load(std::memory_order_relaxed);
    words.position.offset = slot.offset.load(std::memory_order_acquire);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (slot.sequence.load(std::memory_order_relaxed) == words.sequence) return words;
  }
  return std::nullopt;
}

void change_segment(DoorbellSlot& slot, const DurablePosition& position) noexcept {
  // Odd from here on, also when a predecessor died with it odd.
  const std::uint64_t odd = slot.sequence.load(std::memory_order_relaxed) | 1;
  slot.sequence.store(odd, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  slot.number.store(position.segment.number, std::memory_order_relaxed);
  slot.incarnation.store(position.segment.incarnation, std::memory_order_relaxed);
  slot.offset.store(position.offset, std::memory_order_relaxed);
  slot.sequence.store(odd + 1, std::memory_order_release);
}

}  // namespace

// ---- Publisher ----

void Publisher::publish(const DurablePosition& position) noexcept {
  POSTERN_CHECK(makes_sense(position.offset));
  POSTERN_CHECK(position.segment != last_.segment || position.offset >= last_.offset);
  store(own_, position);
  if (slot_ != nullptr) store(*slot_, position);
  last_ = position;
  if (slot_ != nullptr) wake_reader();
}

void Publisher::store(DoorbellSlot& slot, const DurablePosition& position) const noexcept {
  if (position.segment == last_.segment)
    slot.offset.store(position.offset, std::memory_order_release);
  else
    change_segment(slot, position);
}

void Publisher::wake_reader() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (slot_->asleep.load(std::memory_order_relaxed) == 0) return;
  if (slot_->asleep.exchange(0, std::memory_order_relaxed) == 0) return;
  const std::uint64_t one = 1;
  // The counter is full only when the reader has more than enough to wake for.
  static_cast<void>(::write(event_fd_, &one, sizeof one) == sizeof one);
  wake_ups_.add();
}

std::optional<DurablePosition> Publisher::position() const noexcept {
  const auto words = load(own_);
  if (!words || words->sequence == 0) return std::nullopt;
  return words->position;
}

// ---- Subscriber ----

Result<std::optional<DurablePosition>> Subscriber::read() noexcept {
  const auto words = load(*slot_);
  if (!words) return failure(Errc::busy, "doorbell");
  if (words->sequence == 0 && !last_) return std::optional<DurablePosition>();
  const DurablePosition& position = words->position;
  if (!makes_sense(position.offset)) return failure(Errc::bad_format, "doorbell");
  if (last_) {
    const bool same = position.segment == last_->segment;
    if (same ? position.offset < last_->offset : position.segment.number <= last_->segment.number)
      return failure(Errc::bad_format, "doorbell");
  }
  last_ = position;
  return last_;
}

bool Subscriber::try_sleep() noexcept {
  slot_->asleep.store(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const auto words = load(*slot_);
  const bool quiet = words && (last_ ? words->position == *last_ : words->sequence == 0);
  if (!quiet) slot_->asleep.store(0, std::memory_order_relaxed);
  return quiet;
}

void Subscriber::wake() noexcept {
  slot_->asleep.store(0, std::memory_order_relaxed);
  std::uint64_t count = 0;
  static_cast<void>(::read(event_fd_, &count, sizeof count) == sizeof count);
}

// ---- Doorbell ----

void Doorbell::Unmap::operator()(DoorbellSlot* page) const noexcept { ::munmap(page, bytes); }

Result<Doorbell> Doorbell::create(std::uint32_t slots) {
  POSTERN_CHECK(slots > 0 && slots <= kSlotsMax);
  Doorbell bell;
  bell.memory_ = UniqueFd(::memfd_create("postern-doorbell", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (bell.memory_.get() < 0) return failure_from_errno(errno, "create doorbell");
  if (::ftruncate(bell.memory_.get(), static_cast<off_t>(slots * sizeof(DoorbellSlot))) != 0 ||
      ::fcntl(bell.memory_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return failure_from_errno(errno, "create doorbell");
  for (std::uint32_t i = 0; i < slots; ++i) {
    UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (event.get() < 0) return failure_from_errno(errno, "create doorbell");
    bell.events_.push_back(std::move(event));
  }
  if (auto mapped = bell.map(slots); !mapped) return failure(mapped.error());
  return bell;
}

Result<Doorbell> Doorbell::attach(int memory_fd, std::span<const int> event_fds) {
  Doorbell bell;
  bell.memory_ = UniqueFd(memory_fd);
  for (const int fd : event_fds) bell.events_.emplace_back(fd);
  if (event_fds.empty() || event_fds.size() > kSlotsMax) return failure(Errc::invalid, "attach doorbell");
  struct stat status{};
  if (::fstat(memory_fd, &status) != 0) return failure_from_errno(errno, "attach doorbell");
  const int seals = ::fcntl(memory_fd, F_GET_SEALS);
  const auto slots = static_cast<std::uint32_t>(event_fds.size());
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || static_cast<std::size_t>(status.st_size) < slots * sizeof(DoorbellSlot))
    return failure(Errc::invalid, "attach doorbell");
  if (auto mapped = bell.map(slots); !mapped) return failure(mapped.error());
  return bell;
}

Result<void> Doorbell::map(std::uint32_t slots) {
  const std::size_t bytes = slots * sizeof(DoorbellSlot);
  void* page = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
  if (page == MAP_FAILED) return failure_from_errno(errno, "map doorbell");
  page_ = std::unique_ptr<DoorbellSlot, Unmap>(static_cast<DoorbellSlot*>(page), Unmap{bytes});
  return {};
}

DoorbellSlot& Doorbell::slot(std::uint32_t index) {
  POSTERN_CHECK(index < slots());
  return page_.get()[index];
}

Publisher Doorbell::publisher(std::uint32_t index) { return {slot(index), event_fd(index)}; }
Subscriber Doorbell::subscriber(std::uint32_t index) { return {slot(index), event_fd(index)}; }

}  // namespace postern::spool
