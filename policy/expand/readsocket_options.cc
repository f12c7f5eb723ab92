#include "policy/expand/readsocket_options.h"

#include <charconv>
#include <optional>

#include "engine/base/peer_text.h"
#include "policy/expand/list_items.h"

namespace postern::expand {

namespace {

constexpr std::uint32_t kTimeoutMaxMs = 10 * 60 * 1000;

std::optional<std::uint32_t> read_timeout(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number > kTimeoutMaxMs / 1000) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.empty() || unit == "s") return number * 1000;
  if (unit == "m" && number <= kTimeoutMaxMs / 60'000) return number * 60'000;
  return std::nullopt;
}

}  // namespace

bool read_socket_options(std::string_view text, ReadSocketQuestion& question, std::string& why) {
  ListItems items(text);
  std::string item;
  for (bool first = true; items.next(item); item.clear(), first = false) {
    if (first) {
      const auto timeout = item.empty() ? std::optional(question.timeout_ms) : read_timeout(item);
      if (!timeout) return why = "bad time value " + printable(item, 64), false;
      question.timeout_ms = *timeout;
    } else if (item == "shutdown=no" || item == "shutdown=yes") {
      question.shutdown = item == "shutdown=yes";
    } else if (item == "tls=no" || item == "tls=yes") {
      question.tls = item == "tls=yes";
    } else if (item == "cache=no" || item == "cache=yes") {
      question.cache = item == "cache=yes";
    } else {
      return why = "bad option \"" + printable(item, 64) + "\" of readsocket", false;
    }
  }
  return true;
}

}  // namespace postern::expand
