// What a list says about a subject.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "policy/expand/variables.h"

namespace postern::lists {

enum class Truth : std::uint8_t {
  no,
  yes,
  defer,  // it cannot be told now: whoever asked defers
};

// $0 to $9, as places in the subject.
struct Captures {
  static constexpr std::size_t kMax = 10;
  struct Range {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;  // both 0 for a group that took no part
  };
  std::uint8_t count = 0;
  std::array<Range, kMax> ranges = {};
};

struct [[nodiscard]] Match {
  Truth truth = Truth::no;
  // With `yes`, what $domain_data and its kin hold: the item that matched as it was written, what a lookup found, or nothing
  // (the list ended behind a negative item; addresses and networks; regular expressions for addresses).
  std::string data = {};
  expand::Bytes bytes = expand::Bytes::ours;  // whose bytes `data` is made of
  std::string why = {};                       // with `defer`, for the log
  bool is_mistake = false;                    // with `defer`: an item cannot be read, which time will not mend
  std::string how = {};                       // which item decided, for traces; only where one was asked for
  Captures captures = {};                     // with `yes`, of domain and local part lists
  bool is_folded = false;                     // captures are of the subject in lower case

  explicit operator bool() const noexcept { return truth == Truth::yes; }
  // What $n is, out of the subject that was matched; empty beyond captures.count.
  [[nodiscard]] std::string capture(unsigned n, std::string_view subject) const;

  [[nodiscard]] static Match of(Truth truth) { return {.truth = truth}; }
  [[nodiscard]] static Match deferred(std::string why) { return {.truth = Truth::defer, .why = std::move(why)}; }
};

}  // namespace postern::lists
