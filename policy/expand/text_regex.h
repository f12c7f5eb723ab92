// Regular expressions: PCRE2, over bytes, within bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace postern::expand {

inline constexpr std::size_t kPatternBytesMax = std::size_t{16} * 1024;
inline constexpr std::uint64_t kMatchSteps = 2'000'000;   // items of the pattern tried, over all matches of one budget
inline constexpr std::uint32_t kMatchHeapKib = 8 * 1024;  // memory that one match may take
inline constexpr std::size_t kRegexCacheMax = 64;         // patterns kept by each thread

enum class RegexOutcome : std::uint8_t { match, no_match, failed };

// Steps that are left, for one match or for all of one ${sg}.
struct RegexBudget {
  std::uint64_t steps = kMatchSteps;
};

// $0, $1 and so on: views into the subject; empty for those that took no part.
using Captures = std::vector<std::string_view>;

// A compiled pattern. It may be matched from one thread at a time.
class Regex {
 public:
  // Null, with `why` in Exim's words, for a pattern that cannot be read or is too long.
  [[nodiscard]] static std::unique_ptr<Regex> compile(std::string_view pattern, bool ignore_case, std::string& why);

  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;
  ~Regex();

  // `captures` may be null. Failed, with `why` set: a bound was passed.
  [[nodiscard]] RegexOutcome match(std::string_view subject, Captures* captures, std::string& why) const;
  // The first match that begins at `from` or later; `not_empty_here`: only a match at `from` that is not empty.
  [[nodiscard]] RegexOutcome match(std::string_view subject, std::size_t from, bool not_empty_here, RegexBudget& budget,
                                   Captures* captures, std::string& why) const;

 private:
  struct Parts;

  explicit Regex(std::unique_ptr<Parts> parts) noexcept;

  std::unique_ptr<Parts> parts_;
};

// From this thread's cache, or compiled into it; the oldest go. Good until the cache has taken kRegexCacheMax others.
[[nodiscard]] const Regex* cached_regex(std::string_view pattern, bool ignore_case, std::string& why);

// ${sg}: appends `subject` with every match replaced. In `replacement`, $1 and ${1} stand for what the parentheses took, and a
// backslash begins an escape as anywhere in an expansion. False, with `why` set, on a mistake or when a bound was passed
// (`output_max` bytes too).
[[nodiscard]] bool append_substituted(std::string& out, std::string_view subject, const Regex& regex,
                                      std::string_view replacement, std::size_t output_max, std::string& why);

}  // namespace postern::expand
