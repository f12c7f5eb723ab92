#include "policy/expand/text_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <list>
#include <utility>

#include "engine/base/peer_text.h"
#include "policy/expand/escape.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

constexpr int kBudgetSpent = -1000;  // PCRE2 gives a callout's own numbers back

// Called before each item of the pattern that is tried. PCRE2's own limit counts anew for each place where a match may begin.
int spend(pcre2_callout_block* /*block*/, void* budget) {
  auto& steps = static_cast<RegexBudget*>(budget)->steps;
  if (steps == 0) return kBudgetSpent;
  --steps;
  return 0;
}

PCRE2_SPTR bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<PCRE2_SPTR>(text.data() == nullptr ? "" : text.data());
}

std::string message(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

struct Regex::Parts {
  pcre2_code* code = nullptr;
  pcre2_match_data* data = nullptr;
  pcre2_match_context* context = nullptr;
};

Regex::Regex(std::unique_ptr<Parts> parts) noexcept : parts_(std::move(parts)) {}

Regex::~Regex() {
  pcre2_match_context_free(parts_->context);
  pcre2_match_data_free(parts_->data);
  pcre2_code_free(parts_->code);
}

std::unique_ptr<Regex> Regex::compile(std::string_view pattern, bool ignore_case, std::string& why) {
  if (pattern.size() > kPatternBytesMax) {
    why = "regular expression is longer than " + std::to_string(kPatternBytesMax) + " bytes";
    return nullptr;
  }
  int error = 0;
  PCRE2_SIZE offset = 0;
  const std::uint32_t options = PCRE2_AUTO_CALLOUT | PCRE2_NEVER_BACKSLASH_C | (ignore_case ? PCRE2_CASELESS : 0);
  pcre2_code* const code = pcre2_compile(bytes_of(pattern), pattern.size(), options, &error, &offset, nullptr);
  if (code == nullptr) {
    why = "regular expression error in \"" + printable(pattern, 256) + "\": " + message(error) + " at offset " +
          std::to_string(offset);
    return nullptr;
  }
  auto parts = std::make_unique<Parts>(
      Parts{code, pcre2_match_data_create_from_pattern(code, nullptr), pcre2_match_context_create(nullptr)});
  std::unique_ptr<Regex> regex(new Regex(std::move(parts)));
  if (regex->parts_->data == nullptr || regex->parts_->context == nullptr) {
    why = "no memory for a regular expression";
    return nullptr;
  }
  pcre2_set_heap_limit(regex->parts_->context, kMatchHeapKib);
  return regex;
}

RegexOutcome Regex::match(std::string_view subject, Captures* captures, std::string& why) const {
  RegexBudget budget;
  return match(subject, 0, false, budget, captures, why);
}

RegexOutcome Regex::match(std::string_view subject, std::size_t from, bool not_empty_here, RegexBudget& budget,
                          Captures* captures, std::string& why) const {
  pcre2_set_callout(parts_->context, spend, &budget);
  const std::uint32_t options = not_empty_here ? PCRE2_NOTEMPTY_ATSTART | PCRE2_ANCHORED : 0;
  const int count = pcre2_match(parts_->code, bytes_of(subject), subject.size(), from, options, parts_->data, parts_->context);
  if (count == PCRE2_ERROR_NOMATCH) return RegexOutcome::no_match;
  if (count < 0) {
    why = count == kBudgetSpent ? "a regular expression took too many steps" : "regular expression: " + message(count);
    return RegexOutcome::failed;
  }
  if (captures == nullptr) return RegexOutcome::match;
  captures->clear();
  const PCRE2_SIZE* const ends = pcre2_get_ovector_pointer(parts_->data);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const PCRE2_SIZE begin = ends[2 * i];
    const PCRE2_SIZE end = ends[2 * i + 1];
    const bool is_set = begin != PCRE2_UNSET && begin <= end && end <= subject.size();  // \K may put the end first
    captures->push_back(is_set ? subject.substr(begin, end - begin) : std::string_view());
  }
  return RegexOutcome::match;
}

namespace {

struct Cached {
  std::string pattern;
  bool ignore_case;
  std::unique_ptr<Regex> regex;
};

// A piece of a replacement: bytes, or the number of a capture.
class Replacement {
 public:
  // Nothing is appended to `why` when all is well.
  bool read(std::string_view text, std::string& why) {
    while (!text.empty()) {
      if (text.front() == '\\') {
        const Escape escape = read_escape(text);
        add({&escape.byte, 1});
        text.remove_prefix(escape.length);
      } else if (text.front() == '$') {
        if (!read_number(text, why)) return false;
      } else {
        const std::string_view plain = text.substr(0, text.find_first_of("\\$"));
        add(plain);
        text.remove_prefix(plain.size());
      }
    }
    return true;
  }

  [[nodiscard]] bool append_to(std::string& out, const Captures& captures, std::size_t end) const {
    for (const Piece& piece : pieces_) {
      const std::string_view bytes = piece.is_capture ? capture(captures, piece.number) : std::string_view(piece.bytes);
      if (out.size() > end || bytes.size() > end - out.size()) return false;
      out.append(bytes);
    }
    return true;
  }

 private:
  struct Piece {
    bool is_capture;
    std::size_t number;
    std::string bytes;
  };

  static std::string_view capture(const Captures& captures, std::size_t number) noexcept {
    return number < captures.size() ? captures[number] : std::string_view();
  }

  void add(std::string_view bytes) {
    if (pieces_.empty() || pieces_.back().is_capture) pieces_.push_back({false, 0, {}});
    pieces_.back().bytes.append(bytes);
  }

  bool read_number(std::string_view& text, std::string& why) {
    const bool braced = text.substr(1).starts_with('{');
    const std::size_t begin = braced ? 2 : 1;
    const std::size_t digits = smtp::run_length(smtp::CharClass::digit, text.substr(begin));
    const std::size_t end = begin + digits + (braced ? 1 : 0);
    if (digits == 0) return refuse(why, "in a replacement, $ must be followed by a digit, or be written \\$");
    if (braced && !text.substr(begin + digits).starts_with('}')) return refuse(why, "} expected after number");
    pieces_.push_back({true, static_cast<std::size_t>(read_digits(text.substr(begin, digits)).value_or(0)), {}});
    text.remove_prefix(end);
    return true;
  }

  std::vector<Piece> pieces_;
};

}  // namespace

const Regex* cached_regex(std::string_view pattern, bool ignore_case, std::string& why) {
  static thread_local std::list<Cached> cache;  // the one used last in front
  const auto found =
      std::ranges::find_if(cache, [&](const Cached& c) { return c.ignore_case == ignore_case && c.pattern == pattern; });
  if (found != cache.end()) {
    cache.splice(cache.begin(), cache, found);
    return found->regex.get();
  }
  std::unique_ptr<Regex> regex = Regex::compile(pattern, ignore_case, why);
  if (regex == nullptr) return nullptr;
  if (cache.size() == kRegexCacheMax) cache.pop_back();
  cache.push_front({std::string(pattern), ignore_case, std::move(regex)});
  return cache.front().regex.get();
}

bool append_substituted(std::string& out, std::string_view subject, const Regex& regex, std::string_view replacement,
                        std::size_t output_max, std::string& why) {
  constexpr std::string_view kTooLong = "the result of the expansion is too long";
  Replacement pieces;
  if (!pieces.read(replacement, why)) return false;
  const std::size_t end = out.size() + output_max;
  RegexBudget budget;
  Captures captures;
  std::size_t done = 0;  // bytes of the subject that are in the output
  bool after_empty = false;
  while (true) {
    const RegexOutcome outcome = regex.match(subject, done, after_empty, budget, &captures, why);
    if (outcome == RegexOutcome::failed) return false;
    if (outcome == RegexOutcome::no_match) {
      if (!after_empty || done == subject.size()) break;
      out.push_back(subject[done++]);
      after_empty = false;
      continue;
    }
    const auto begin = captures[0].data() == nullptr ? done : static_cast<std::size_t>(captures[0].data() - subject.data());
    if (begin < done) return refuse(why, "a match begins before the last one ended");
    out.append(subject.substr(done, begin - done));
    if (!pieces.append_to(out, captures, end)) return refuse(why, std::string(kTooLong));
    done = begin + captures[0].size();
    after_empty = captures[0].empty();
  }
  out.append(subject.substr(done));
  return out.size() <= end || refuse(why, std::string(kTooLong));
}

}  // namespace postern::expand
