#include "policy/routing/callout_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/base/peer_text.h"
#include "policy/expand/nearest.h"
#include "policy/lists/list_text.h"

namespace postern::routing {

namespace {

constexpr std::int64_t kLongestS = 3'600;  // a longer time is that

enum class Word : std::uint8_t {
  connect,
  defer_ok,
  fullpostmaster,
  hold,
  mailfrom,
  maxwait,
  no_cache,
  postmaster,
  postmaster_mailfrom,
  random,
  use_postmaster,
  use_sender,
};

struct WordDef {
  std::string_view name;
  Word word;
  bool has_value = false;
};
constexpr auto kWords = std::to_array<WordDef>({
    {"connect", Word::connect, true},
    {"defer_ok", Word::defer_ok},
    {"fullpostmaster", Word::fullpostmaster},
    {"hold", Word::hold},
    {"mailfrom", Word::mailfrom, true},
    {"maxwait", Word::maxwait, true},
    {"no_cache", Word::no_cache},
    {"postmaster", Word::postmaster},
    {"postmaster_mailfrom", Word::postmaster_mailfrom, true},
    {"random", Word::random},
    {"use_postmaster", Word::use_postmaster},
    {"use_sender", Word::use_sender},
});

// "1h30m", as in Exim; seconds where no unit stands.
std::optional<std::int64_t> read_time_ms(std::string_view text) {
  std::int64_t seconds = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || digits > 9) return std::nullopt;
    std::int64_t value = 0;
    for (const char c : text.substr(0, digits)) value = value * 10 + (c - '0');
    text.remove_prefix(digits);
    const char unit = text.empty() ? 's' : text.front();
    if (!text.empty()) text.remove_prefix(1);
    switch (unit) {
      case 's': break;
      case 'm': value *= 60; break;
      case 'h': value *= 3600; break;
      case 'd': value *= 86'400; break;
      case 'w': value *= 7 * 86'400; break;
      default: return std::nullopt;
    }
    seconds = std::min(seconds + value, kLongestS);
  }
  return seconds * 1'000;
}

class Reader {
 public:
  explicit Reader(std::string& why) : why_(why) {}

  std::optional<CalloutWords> read(std::string_view text) {
    lists::ListReader reader(text, ',');
    std::string item;
    while (reader.next(item))
      if (!read_word(item)) return std::nullopt;
    words_.connect_ms = connect_ms_.value_or(words_.wait_ms);
    words_.wait_max_ms = wait_max_ms_.value_or(4 * words_.wait_ms);
    return std::move(words_);
  }

 private:
  bool refuse(std::string why) {
    why_ = std::move(why);
    return false;
  }

  bool read_word(std::string_view item) {
    if (!item.empty() && item.front() >= '0' && item.front() <= '9') return read_time(item, item, words_.wait_ms);
    const std::size_t equals = item.find('=');
    const std::string_view name = lists::trim(item.substr(0, equals));
    const auto* const def = std::ranges::lower_bound(kWords, name, {}, &WordDef::name);
    if (def == kWords.end() || def->name != name)
      return refuse(
          fmt::format("verify: unknown callout option \"{}\"{}", printable(name, 64), expand::did_you_mean(name, kWords)));
    if (def->has_value != (equals != std::string_view::npos))
      return refuse(
          fmt::format("verify: the callout option \"{}\" {}", name, def->has_value ? "wants a value" : "takes no value"));
    const std::string_view value = def->has_value ? lists::trim(item.substr(equals + 1)) : std::string_view();
    return apply(def->word, item, value);
  }

  bool read_time(std::string_view item, std::string_view value, std::int64_t& ms) {
    const std::optional<std::int64_t> read = read_time_ms(value);
    if (!read || *read == 0) return refuse(fmt::format("verify: bad time value in callout option \"{}\"", printable(item, 64)));
    ms = *read;
    return true;
  }

  bool apply(Word word, std::string_view item, std::string_view value) {
    switch (word) {
      case Word::connect: return read_time(item, value, connect_ms_.emplace());
      case Word::maxwait: return read_time(item, value, wait_max_ms_.emplace());
      case Word::defer_ok: return words_.defer_ok = true;
      case Word::fullpostmaster: return words_.postmaster = words_.fullpostmaster = true;
      case Word::hold:
        return refuse(
            "verify: the callout option \"hold\" cannot be used: another process delivers, over connections of its own");
      case Word::mailfrom: words_.mailfrom = value; return true;
      case Word::no_cache: return words_.no_cache = true;
      case Word::postmaster: return words_.postmaster = true;
      case Word::postmaster_mailfrom: words_.postmaster_mailfrom = value; return words_.postmaster = true;
      case Word::random: return words_.random = true;
      case Word::use_postmaster: words_.from = CalloutSender::postmaster; return true;
      case Word::use_sender: words_.from = CalloutSender::sender; return true;
    }
    return false;
  }

  std::string& why_;
  CalloutWords words_;
  std::optional<std::int64_t> connect_ms_;
  std::optional<std::int64_t> wait_max_ms_;
};

}  // namespace

std::optional<CalloutWords> read_callout(std::string_view text, std::string& why) { return Reader(why).read(text); }

}  // namespace postern::routing
