// Regular expressions (PCRE2), bounded: a pattern may come from a configuration and a subject from anybody.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace postern::expand {

class Regex {
 public:
  static constexpr std::size_t kCapturesMax = 20;        // $0 and what follows it
  static constexpr std::size_t kPatternMax = 64 * 1024;  // bytes
  static constexpr std::uint64_t kStepsMax = 1'000'000;  // pieces of a pattern that are tried, over all matches of an expansion
  static constexpr std::uint32_t kHeapKibMax = 8 * 1024;  // of its heap_limit

  // The error is Exim's: `regular expression error in "(": missing closing parenthesis at offset 1`.
  [[nodiscard]] static std::expected<std::shared_ptr<const Regex>, std::string> compile(std::string_view pattern,
                                                                                        bool ignore_case = false);

  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  struct Captures {
    struct Range {
      std::uint32_t begin = 0;
      std::uint32_t end = 0;  // both 0 for a group that took no part
    };
    std::uint32_t count = 0;
    std::array<Range, kCapturesMax> ranges;
  };
  enum class Outcome : std::uint8_t { match, no_match, gave_up };
  // Looks for it in `subject` from `from` on, and takes the steps of that off `steps_left`. `gave_up`: there were not enough,
  // or another bound was passed. `not_empty_at_start`: an empty match at `from` does not count, nor one that begins behind it.
  Outcome match(std::string_view subject, std::size_t from, Captures& captures, std::uint64_t& steps_left,
                bool not_empty_at_start = false) const;

 private:
  explicit Regex(void* code) noexcept : code_(code) {}
  void* code_;  // pcre2_code
};

}  // namespace postern::expand
