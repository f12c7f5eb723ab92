#include "appliance/log/line_ring.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/base/check.h"

namespace postern::log {

LineRing::LineRing(std::size_t capacity_bytes)
    : mask_(capacity_bytes - 1), bytes_(std::make_unique_for_overwrite<char[]>(capacity_bytes)) {
  POSTERN_CHECK(std::has_single_bit(capacity_bytes));
}

void LineRing::put(std::uint64_t at, const void* bytes, std::size_t count) noexcept {
  if (count == 0) return;  // of nothing there may be no address either
  const std::size_t begin = at & mask_;
  const std::size_t first = std::min(count, mask_ + 1 - begin);
  std::memcpy(bytes_.get() + begin, bytes, first);
  if (count > first) std::memcpy(bytes_.get(), static_cast<const char*>(bytes) + first, count - first);
}

void LineRing::get(std::uint64_t at, void* bytes, std::size_t count) const noexcept {
  const std::size_t begin = at & mask_;
  const std::size_t first = std::min(count, mask_ + 1 - begin);
  std::memcpy(bytes, bytes_.get() + begin, first);
  if (count > first) std::memcpy(static_cast<char*>(bytes) + first, bytes_.get(), count - first);
}

bool LineRing::push(Stream stream, std::string_view first, std::string_view second) noexcept {
  const std::uint64_t at = written_.load(std::memory_order_relaxed);
  const std::uint64_t used = at - read_.load(std::memory_order_acquire);
  const std::size_t wanted = sizeof(Header) + first.size() + second.size();
  if (wanted > mask_ + 1 - used) return false;
  const Header header{static_cast<std::uint32_t>(first.size() + second.size()), stream, {}};
  put(at, &header, sizeof header);
  put(at + sizeof header, first.data(), first.size());
  put(at + sizeof header + first.size(), second.data(), second.size());
  written_.store(at + wanted, std::memory_order_release);
  return true;
}

bool LineRing::more_than_half_full() const noexcept {
  return written_.load(std::memory_order_relaxed) - read_.load(std::memory_order_relaxed) > mask_ / 2;
}

bool LineRing::pop(std::string& main, std::string& reject, std::string& panic, std::uint64_t limit) {
  const std::uint64_t at = read_.load(std::memory_order_relaxed);
  if (at >= limit || at == written_.load(std::memory_order_acquire)) return false;
  Header header{};
  get(at, &header, sizeof header);
  std::string& text = header.stream == Stream::main ? main : header.stream == Stream::reject ? reject : panic;
  const std::size_t old_size = text.size();
  text.resize(old_size + header.size + 1);
  get(at + sizeof header, text.data() + old_size, header.size);
  text.back() = '\n';
  read_.store(at + sizeof header + header.size, std::memory_order_release);
  return true;
}

}  // namespace postern::log
