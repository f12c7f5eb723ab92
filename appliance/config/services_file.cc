#include "appliance/config/services_file.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace postern::config {

namespace {

std::string_view take_word(std::string_view& line) {
  constexpr std::string_view kBlanks = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

std::optional<std::uint16_t> tcp_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  return error == std::errc() && port != 0 && rest == "/tcp" ? std::optional(port) : std::nullopt;
}

}  // namespace

Services read_services(std::string_view text) {
  Services services;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, std::min(text.find('#'), end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view name = take_word(line);
    const std::optional<std::uint16_t> port = tcp_port(take_word(line));
    if (!port) continue;
    for (std::string_view each = name; !each.empty(); each = take_word(line)) services.emplace(each, *port);
  }
  return services;
}

}  // namespace postern::config
