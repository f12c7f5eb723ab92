#include "net/dns/resolv_conf.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>

#include "net/dns/names.h"

namespace postern::dns {
namespace {

constexpr std::uint16_t kPort = 53;

// The C library's own bounds (resolv.conf(5)).
constexpr std::uint32_t kDotsMax = 15;
constexpr std::uint32_t kTimeoutMaxS = 30;
constexpr std::uint32_t kAttemptsMax = 5;

std::string_view take_word(std::string_view& line) {
  const std::size_t start = line.find_first_not_of(" \t\r");
  line.remove_prefix(std::min(start, line.size()));
  const std::size_t end = std::min(line.find_first_of(" \t\r"), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void read_option(std::string_view word, ResolverSettings& settings) {
  if (word == "trust-ad") settings.trust_ad = true;
  const std::size_t colon = word.find(':');
  if (colon == std::string_view::npos) return;
  const auto value = number<std::uint32_t>(word.substr(colon + 1));
  if (!value) return;
  const std::string_view name = word.substr(0, colon);
  if (name == "ndots") settings.dots_min = std::min(*value, kDotsMax);
  if (name == "timeout") settings.timeout_ms = std::int64_t{1000} * std::clamp(*value, 1U, kTimeoutMaxS);
  if (name == "attempts") settings.attempts = std::clamp(*value, 1U, kAttemptsMax);
}

void read_search(std::string_view line, std::size_t most, ResolverSettings& settings) {
  settings.search.clear();  // the last such line counts
  for (std::string_view word = take_word(line); !word.empty(); word = take_word(line))
    if (settings.search.size() < most && name_to_wire(word)) settings.search.emplace_back(word);
}

void read_line(std::string_view line, std::vector<SocketAddress>& servers, ResolverSettings& settings) {
  if (line.starts_with('#') || line.starts_with(';')) return;
  const std::string_view keyword = take_word(line);
  if (keyword == "nameserver") {
    const auto address = IpAddress::parse(take_word(line));
    if (address && servers.size() < kServersMax) servers.push_back({*address, kPort});
  } else if (keyword == "search") {
    read_search(line, kSearchMax, settings);
  } else if (keyword == "domain") {
    read_search(line, 1, settings);
  } else if (keyword == "options") {
    for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) read_option(word, settings);
  }
}

}  // namespace

std::optional<SocketAddress> parse_server(std::string_view text) {
  if (const auto address = IpAddress::parse(text)) return SocketAddress{*address, kPort};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  const auto port = number<std::uint16_t>(text.substr(colon + 1));
  if (!address || !port || *port == 0 || (address->is_v6() && !bracketed)) return std::nullopt;
  return SocketAddress{*address, *port};
}

ResolverSettings parse_resolv_conf(std::string_view text) {
  ResolverSettings settings;
  std::vector<SocketAddress> servers;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    read_line(text.substr(0, end), servers, settings);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (!servers.empty()) settings.servers = std::move(servers);
  return settings;
}

Result<ResolverSettings> read_resolv_conf(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  if (!file) {
    if (errno == ENOENT) return ResolverSettings{};
    return failure_from_errno(errno, "open resolv.conf");
  }
  std::string text(kResolvConfBytesMax + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return failure_from_errno(errno, "read resolv.conf");
  if (text.size() > kResolvConfBytesMax) return failure(Errc::too_large, "read resolv.conf");
  return parse_resolv_conf(text);
}

}  // namespace postern::dns
