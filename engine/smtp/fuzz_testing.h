// For fuzz targets: choices out of the input's first bytes, so that a corpus file says everything about its run.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postern::smtp::testing {

class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size) noexcept : bytes_(reinterpret_cast<const char*>(data), size) {}

  // A choice: the next byte, 0 when there is none.
  std::uint8_t choice() noexcept {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  // What no choice has used.
  [[nodiscard]] std::string_view rest() const noexcept { return bytes_; }

 private:
  std::string_view bytes_;
};

// Cuts a text into pieces whose sizes follow from `seed`. Seed 0 gives the text whole, 1 byte by byte.
class Cuts {
 public:
  Cuts(std::string_view text, std::uint8_t seed) noexcept : text_(text), state_(seed), seed_(seed) {}

  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  std::string_view next() noexcept {
    state_ = state_ * 1664525U + 1013904223U;
    const std::size_t size = seed_ == 0 ? text_.size() : seed_ == 1 ? 1 : 1 + (state_ >> 16) % (seed_ + 1U);
    const std::string_view piece = text_.substr(0, size);
    text_.remove_prefix(std::min(size, text_.size()));
    return piece;
  }

 private:
  std::string_view text_;
  std::uint32_t state_;
  std::uint8_t seed_;
};

}  // namespace postern::smtp::testing
