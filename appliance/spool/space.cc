#include "appliance/spool/space.h"

#include <algorithm>
#include <limits>

#include "engine/base/check.h"

namespace postern::spool {
namespace {

std::uint64_t add_saturating(std::uint64_t a, std::uint64_t b) noexcept {
  return b > std::numeric_limits<std::uint64_t>::max() - a ? std::numeric_limits<std::uint64_t>::max() : a + b;
}

// What has to be there again before mail is taken again.
std::uint64_t recovered_at(std::uint64_t minimum) noexcept { return add_saturating(minimum, minimum / 8); }

}  // namespace

SpaceReservation& SpaceReservation::operator=(SpaceReservation&& other) noexcept {
  if (this != &other) {
    release();
    watch_ = std::exchange(other.watch_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

void SpaceReservation::release() noexcept {
  if (watch_ != nullptr) watch_->reserved_bytes_ -= bytes_;
  watch_ = nullptr;
  bytes_ = 0;
}

void SpaceReservation::spend(std::uint64_t bytes) noexcept {
  const std::uint64_t spent = std::min(bytes, bytes_);
  if (watch_ == nullptr) return;
  bytes_ -= spent;
  watch_->reserved_bytes_ -= spent;
  watch_->spent_bytes_ += spent;
}

void SpaceWatch::update(const SpaceInfo& info, std::uint64_t reusable_bytes) noexcept {
  free_bytes_ = add_saturating(info.free_bytes, reusable_bytes);
  spent_bytes_ = 0;
  // Some file systems make inodes as they go and always say that they have none.
  counts_inodes_ = counts_inodes_ || info.free_inodes > 0;
  const bool below = free_bytes_ < limits_.bytes_min || (counts_inodes_ && info.free_inodes < limits_.inodes_min);
  const bool above = free_bytes_ >= recovered_at(limits_.bytes_min) &&
                     (!counts_inodes_ || info.free_inodes >= recovered_at(limits_.inodes_min));
  if (below)
    low_ = true;
  else if (above || !updated_)
    low_ = false;
  updated_ = true;
}

bool SpaceWatch::fits(std::uint64_t bytes) const noexcept {
  if (low_ || free_bytes_ < limits_.bytes_min) return false;
  const std::uint64_t share = (free_bytes_ - limits_.bytes_min) / std::max<std::uint32_t>(limits_.sharers, 1);
  return reserved_bytes() <= share && bytes <= share - reserved_bytes();
}

Result<SpaceReservation> SpaceWatch::try_reserve(std::uint64_t bytes) noexcept {
  if (!fits(bytes)) return failure(Errc::disk_full, "reserve spool space");
  reserved_bytes_ += bytes;
  return SpaceReservation(*this, bytes);
}

bool SpaceWatch::try_grow(SpaceReservation& reservation, std::uint64_t bytes) noexcept {
  POSTERN_CHECK(reservation.watch_ == this);
  if (!fits(bytes)) return false;
  reserved_bytes_ += bytes;
  reservation.bytes_ += bytes;
  return true;
}

}  // namespace postern::spool
