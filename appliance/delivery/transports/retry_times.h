// What is known of failing attempts: of a message, or of a host.
#pragma once

#include <cstdint>

namespace postern::delivery {

// Seconds since 1970; all zero: no attempt has failed.
struct RetryTimes {
  std::uint32_t first_failed_s = 0;
  std::uint32_t last_try_s = 0;
  std::uint32_t next_try_s = 0;

  [[nodiscard]] bool has_failed() const noexcept { return first_failed_s != 0; }
  friend bool operator==(const RetryTimes&, const RetryTimes&) = default;
};

}  // namespace postern::delivery
