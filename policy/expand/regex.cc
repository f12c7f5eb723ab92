#define PCRE2_CODE_UNIT_WIDTH 8
#include "policy/expand/regex.h"

#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/peer_text.h"

namespace postern::expand {

namespace {

constexpr int kNoStepsLeft = -1000;  // PCRE2 gives back what a callout says

// Called before each piece of the pattern is tried. PCRE2's own match_limit bounds the work from one place where a match may
// begin, and a subject has as many of those as bytes.
int take_step(pcre2_callout_block*, void* steps_left) {
  auto& left = *static_cast<std::uint64_t*>(steps_left);
  if (left == 0) return kNoStepsLeft;
  --left;
  return 0;
}

// What matching needs beside the pattern, made once a thread.
struct Workspace {
  pcre2_match_data* data = pcre2_match_data_create(Regex::kCapturesMax, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);

  Workspace() {
    POSTERN_CHECK(data != nullptr && context != nullptr);
    pcre2_set_heap_limit(context, Regex::kHeapKibMax);
  }
  ~Workspace() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
};

Workspace& workspace() {
  thread_local Workspace made;
  return made;
}

PCRE2_SPTR units(std::string_view text) noexcept { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

std::expected<std::shared_ptr<const Regex>, std::string> Regex::compile(std::string_view pattern, bool ignore_case) {
  if (pattern.size() > kPatternMax)
    return std::unexpected(fmt::format("a regular expression of more than {} bytes", kPatternMax));
  int error = 0;
  PCRE2_SIZE offset = 0;
  // An empty view may have no address, and PCRE2 wants one.
  const std::string_view text = pattern.empty() ? std::string_view("") : pattern;
  const std::uint32_t options = PCRE2_AUTO_CALLOUT | PCRE2_NEVER_BACKSLASH_C | (ignore_case ? PCRE2_CASELESS : 0);
  pcre2_code* const code = pcre2_compile(units(text), text.size(), options, &error, &offset, nullptr);
  if (code == nullptr) {
    std::array<PCRE2_UCHAR, 128> message{};
    pcre2_get_error_message(error, message.data(), message.size());
    return std::unexpected(fmt::format("regular expression error in \"{}\": {} at offset {}", printable(pattern, 256),
                                       reinterpret_cast<const char*>(message.data()), offset));
  }
  return std::shared_ptr<const Regex>(new Regex(code));
}

Regex::~Regex() { pcre2_code_free(static_cast<pcre2_code*>(code_)); }

Regex::Outcome Regex::match(std::string_view subject, std::size_t from, Captures& captures, std::uint64_t& steps_left,
                            bool not_empty_at_start) const {
  const std::string_view text = subject.empty() ? std::string_view("") : subject;
  Workspace& space = workspace();
  pcre2_set_callout(space.context, take_step, &steps_left);
  const std::uint32_t options = not_empty_at_start ? PCRE2_NOTEMPTY_ATSTART | PCRE2_ANCHORED : 0;
  int count =
      pcre2_match(static_cast<const pcre2_code*>(code_), units(text), text.size(), from, options, space.data, space.context);
  if (count == PCRE2_ERROR_NOMATCH) return Outcome::no_match;
  if (count < 0) return Outcome::gave_up;
  if (count == 0) count = kCapturesMax;  // there were more groups than room
  const PCRE2_SIZE* const vector = pcre2_get_ovector_pointer(space.data);
  captures.count = static_cast<std::uint32_t>(count);
  for (std::size_t i = 0; i < captures.count; ++i) {
    const PCRE2_SIZE begin = vector[2 * i];
    const PCRE2_SIZE end = vector[2 * i + 1];
    // \K can make a match begin behind its end.
    captures.ranges[i] = begin == PCRE2_UNSET || end < begin
                             ? Captures::Range{}
                             : Captures::Range{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
  }
  return Outcome::match;
}

}  // namespace postern::expand
