#include "policy/ratelimit/rate_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "engine/base/peer_text.h"
#include "policy/lists/list_text.h"

namespace postern::ratelimit {

namespace {

struct ModeDef {
  std::string_view name;
  Mode mode;
};
constexpr auto kModes = std::to_array<ModeDef>({
    {"per_mail", Mode::per_mail},
    {"per_rcpt", Mode::per_rcpt},
    {"per_conn", Mode::per_conn},
    {"per_byte", Mode::per_byte},
    {"per_cmd", Mode::per_cmd},
    {"per_addr", Mode::per_addr},
});

// A number with a fraction and K, M or G.
std::optional<double> read_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(value) || value < 0) return std::nullopt;
  std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  double factor = 1;
  if (rest == "k" || rest == "K") factor = 1024;
  if (rest == "m" || rest == "M") factor = 1024.0 * 1024;
  if (rest == "g" || rest == "G") factor = 1024.0 * 1024 * 1024;
  if (!rest.empty() && factor == 1) return std::nullopt;
  return value * factor;
}

double seconds_of(char unit) noexcept {
  switch (unit) {
    case 'w': return 7 * 24 * 3600;
    case 'd': return 24 * 3600;
    case 'h': return 3600;
    case 'm': return 60;
    case 's': return 1;
    default: return 0;
  }
}

class Reader {
 public:
  explicit Reader(std::string& why) : why_(why) {}

  bool read(std::string_view text) {
    lists::ListReader reader(text, '/');
    std::string item;
    words_.limit_text = reader.next(item) ? item : std::string();
    const std::optional<double> limit = read_number(words_.limit_text);
    if (!limit) return fail(not_a(words_.limit_text, "positive number"));
    words_.limit = *limit;
    words_.period_text = reader.next(item) ? item : std::string();
    const std::optional<double> period = read_interval(words_.period_text);
    if (!period || *period <= 0) return fail(not_a(words_.period_text, "time value"));
    words_.period_s = *period;
    while (reader.next(item))
      if (!read_option(item)) return false;
    if (words_.update == Update::readonly && (strict_ || leaky_)) return fail("conflicting update modes");
    return true;
  }
  [[nodiscard]] RateWords take() { return std::move(words_); }

 private:
  static std::string not_a(std::string_view text, std::string_view what) {
    return fmt::format("\"{}\" is not a {}", printable(text, 64), what);
  }

  bool fail(std::string_view what) {
    why_ = fmt::format("error in arguments to \"ratelimit\" condition: {}", what);
    return false;
  }

  bool read_option(const std::string& item) {
    if (item == "strict" || item == "leaky") {
      (item == "strict" ? strict_ : leaky_) = true;
      if (strict_ && leaky_) return fail("conflicting update modes");
      if (words_.update != Update::readonly) words_.update = strict_ ? Update::strict : Update::leaky;
      return true;
    }
    if (item == "readonly" || item == "noupdate") {
      words_.update = Update::readonly;
      return true;
    }
    if (item.starts_with("count=")) {
      words_.count = read_number(lists::trim(std::string_view(item).substr(6)));
      return words_.count ? true : fail("malformed count");
    }
    if (item.starts_with("unique=")) {
      words_.unique = item.substr(7);
      return true;
    }
    const auto* const mode = std::ranges::find(kModes, std::string_view(item), &ModeDef::name);
    if (mode != kModes.end()) {
      if (words_.mode_is_given && words_.mode != mode->mode) return fail("conflicting per_* options");
      words_.mode_is_given = true;
      words_.mode = mode->mode;
      return true;
    }
    // Slashes in a key are its own.
    words_.key = words_.key ? *words_.key + "/" + item : item;
    return true;
  }

  std::string& why_;
  RateWords words_;
  bool strict_ = false;
  bool leaky_ = false;
};

}  // namespace

std::optional<double> read_interval(std::string_view text) {
  double total = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc() || !std::isfinite(value) || value < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const double unit = text.empty() ? 1 : seconds_of(text.front());
    if (unit == 0) return std::nullopt;
    if (!text.empty()) text.remove_prefix(1);
    total += value * unit;
  }
  return total;
}

std::string_view to_string(Mode mode) noexcept { return std::ranges::find(kModes, mode, &ModeDef::mode)->name; }

std::optional<RateWords> read_rate_words(std::string_view text, std::string& why) {
  Reader reader(why);
  if (!reader.read(text)) return std::nullopt;
  return reader.take();
}

}  // namespace postern::ratelimit
