#include "policy/arc/seal_settings.h"

#include <array>
#include <utility>

#include "policy/lists/list_text.h"
#include "policy/message/signature_words.h"
#include "policy/message/tag_list.h"

namespace postern::arc {

namespace {

constexpr std::uint64_t kSecondsMax = 999'999'999'999;  // 12 digits, RFC 6376 section 3.5

bool read_expiry(std::string_view text, Expiry& expiry) {
  expiry.from_now = text.starts_with('+');
  if (expiry.from_now) text.remove_prefix(1);
  const auto seconds = message::read_number(text);
  if (!seconds || *seconds == 0 || *seconds > kSecondsMax) return false;
  expiry.seconds = *seconds;
  return true;
}

bool read_option(std::string_view option, SealSettings& settings) {
  constexpr std::string_view kExpire = "expire";
  if (option == "timestamps") {
    settings.timestamps = true;
    return true;
  }
  if (!option.starts_with(kExpire)) return false;
  option = message::trim_folding_space(option.substr(kExpire.size()));
  settings.expire.emplace();
  if (option.empty()) return true;
  return option.starts_with('=') && read_expiry(message::trim_folding_space(option.substr(1)), *settings.expire);
}

bool read_options(std::string_view list, SealSettings& settings) {
  for (bool more = true; more;) {
    const std::string_view option = message::next_item(list, ',', more);
    if (!option.empty() && !read_option(option, settings)) return false;
  }
  return true;
}

}  // namespace

std::optional<SealSettings> read_arc_sign(std::string_view text, std::string& why) {
  constexpr std::array<std::string_view, 3> kNames{"identity", "selector", "private key"};
  constexpr std::string_view kForm = "write \"identity : selector : privkey [: options]\"";
  SealSettings settings;
  lists::ListReader reader(text);
  const std::array into{&settings.identity, &settings.selector, &settings.key};
  for (std::size_t i = 0; i < into.size(); ++i) {
    if (reader.next(*into[i]) && !into[i]->empty()) continue;
    why = "arc_sign: the " + std::string(kNames[i]) + " is missing; " + std::string(kForm);
    return std::nullopt;
  }
  std::string item;
  if (!reader.next(item)) return settings;
  if (!read_options(item, settings)) {
    why = "arc_sign: the options are not of \"timestamps,expire\", \"expire=SECONDS\" and \"expire=+SECONDS\"";
    return std::nullopt;
  }
  if (!reader.next(item)) return settings;
  why = "arc_sign: more than four items; " + std::string(kForm) + ", colons within an item doubled";
  return std::nullopt;
}

}  // namespace postern::arc
