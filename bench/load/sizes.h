// How large the messages are.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/random.h"

namespace postern::load {

// "2k", "100", "1M": a number of bytes, k and M are 1024 and 1024 * 1024. Nothing when it is none, or above `max`.
[[nodiscard]] std::optional<std::size_t> parse_bytes(std::string_view text, std::size_t max);

// A share of the messages: all sizes of a range are equally likely.
struct SizeShare {
  std::size_t from = 0;
  std::size_t to = 0;  // inclusive
  std::uint64_t weight = 1;
};

class SizeDistribution {
 public:
  // The smallest holds the message's header; all of them together are held in memory.
  static constexpr std::size_t kSmallest = 200;
  static constexpr std::size_t kLargest = 64 * 1024 * 1024;
  static constexpr std::size_t kSharesMax = 32;

  // "2k", "1k-50k", "2k:70,20k:25,200k:5" (with weights, which add up to anything). The error is a text for people.
  [[nodiscard]] static std::expected<SizeDistribution, std::string> parse(std::string_view text);

  [[nodiscard]] const std::vector<SizeShare>& shares() const noexcept { return shares_; }
  struct Draw {
    std::size_t share;  // index in shares()
    std::size_t bytes;
  };
  [[nodiscard]] Draw draw(Random& random) const;

 private:
  std::vector<SizeShare> shares_;
  std::uint64_t weights_ = 0;
};

}  // namespace postern::load
