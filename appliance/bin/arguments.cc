#include "appliance/bin/arguments.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace postern::bin {
namespace {

constexpr std::array<std::string_view, 11> kCommands{"run",   "ingress", "deliver", "check",   "config", "expand",
                                                     "probe", "reload",  "stats",   "version", "help"};

constexpr std::uint16_t kProbePort = 49152;  // of a client that was given none

template <class Int>
bool parse_number(std::string_view text, Int& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc{} && end == text.data() + text.size();
}

bool parse_numbers(std::string_view text, std::vector<int>& into) {
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    if (!parse_number(text.substr(0, comma), into.emplace_back())) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
  return false;
}

// "[192.0.2.1]:25=5,6"
std::optional<InheritedListener> parse_listener(std::string_view text) {
  const std::size_t close = text.find("]:");
  const std::size_t equals = text.find('=');
  if (!text.starts_with('[') || close == std::string_view::npos || equals == std::string_view::npos || equals < close)
    return std::nullopt;
  InheritedListener listener;
  const auto address = IpAddress::parse(text.substr(1, close - 1));
  if (!address || !parse_number(text.substr(close + 2, equals - close - 2), listener.address.port)) return std::nullopt;
  listener.address.address = *address;
  if (!parse_numbers(text.substr(equals + 1), listener.descriptors)) return std::nullopt;
  return listener;
}

// "192.0.2.1", "192.0.2.1:1234", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:1234"; the port is `port` where there is none.
std::optional<SocketAddress> parse_endpoint(std::string_view text, std::uint16_t port) {
  SocketAddress made{{}, port};
  std::string_view address = text;
  std::string_view digits;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    address = text.substr(1, close - 1);
    digits = text.substr(close + 1);
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos && text.rfind(':') == colon) {
    address = text.substr(0, colon);
    digits = text.substr(colon);
  }
  const auto parsed = IpAddress::parse(address);
  if (!parsed || (!digits.empty() && (!digits.starts_with(':') || !parse_number(digits.substr(1), made.port))))
    return std::nullopt;
  made.address = *parsed;
  return made;
}

// "7,8,9": the page, then an event for each shard.
std::optional<InheritedDoorbell> parse_doorbell(std::string_view text) {
  InheritedDoorbell doorbell;
  if (!parse_numbers(text, doorbell.events) || doorbell.events.size() < 2) return std::nullopt;
  doorbell.memory = doorbell.events.front();
  doorbell.events.erase(doorbell.events.begin());
  return doorbell;
}

void append_numbers(std::string& text, std::span<const int> numbers) {
  for (std::size_t i = 0; i < numbers.size(); ++i) text += (i == 0 ? "" : ",") + std::to_string(numbers[i]);
}

// Takes the value of an option; false when it is none of ours or its value does not read.
bool set_option(Arguments& into, std::string_view name, std::string_view value) {
  if (name == "-c" || name == "--config") {
    into.config_path = value;
    return !value.empty();
  }
  if (name == "--with-sender-ip") {
    const auto address = IpAddress::parse(value);
    if (address) into.scene.sender_ip = address->to_string();
    return address.has_value();
  }
  if (name == "--with-sender") return into.scene.sender = value, true;
  if (name == "--with-recipient") return into.scene.recipient = value, true;
  if (name == "--with-helo") return into.scene.helo = value, true;
  if (name == "--from") return (into.probe.client = parse_endpoint(value, kProbePort)).has_value();
  if (name == "--to") {
    const auto local = parse_endpoint(value, into.probe.local.port);
    if (local) into.probe.local = *local;
    return local.has_value();
  }
  if (name == "--parent") return parse_number(value, into.parent);
  if (name == "--ready-fd") return parse_number(value, into.ready_descriptor);
  if (name == "--listener") {
    auto listener = parse_listener(value);
    if (listener) into.listeners.push_back(std::move(*listener));
    return listener.has_value();
  }
  if (name == "--doorbell") return (into.doorbell = parse_doorbell(value)).has_value();
  return false;
}

}  // namespace

const char* const kUsage =
    "usage: postern COMMAND -c FILE\n"
    "\n"
    "  run      start the gateway: takes mail in, and hands it on\n"
    "  ingress  only the half that takes mail in\n"
    "  deliver  only the half that hands it on\n"
    "  check    read the configuration and say what is wrong with it (--json)\n"
    "  config   the configuration in effect, as one that loads again\n"
    "  expand   expand a text: postern expand -c FILE [--with-sender-ip IP] [--with-sender ADDRESS]\n"
    "           [--with-recipient ADDRESS] [--with-helo NAME] [--] STRING\n"
    "  probe    an SMTP dialogue on standard input and output as from an address, with a trace of the ACLs on standard error;\n"
    "           nothing is kept or delivered: postern probe --from IP[:PORT] [--to IP[:PORT]] -c FILE\n"
    "  reload   have the running gateway read its configuration again (--json)\n"
    "  stats    figures of the running gateway (--json)\n"
    "  version  what this is\n"
    "\n"
    "All stay in the foreground. A configuration that cannot be read ends them with status 78.\n";

std::expected<Arguments, std::string> parse_arguments(std::span<const char* const> arguments) {
  if (arguments.empty()) return std::unexpected("no command given");
  Arguments parsed;
  parsed.command = arguments.front();
  if (parsed.command == "--version" || parsed.command == "-V") parsed.command = "version";
  if (parsed.command == "--help" || parsed.command == "-h") parsed.command = "help";
  if (std::ranges::find(kCommands, parsed.command) == kCommands.end())
    return std::unexpected("unknown command \"" + parsed.command + "\"");
  bool has_text = false;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--json") {
      parsed.json = true;
      continue;
    }
    if (parsed.command == "expand" && !has_text && (name == "--" || !name.starts_with('-'))) {
      if (name == "--" && ++i == arguments.size()) return std::unexpected("the text to expand is missing behind --");
      parsed.text = arguments[i];
      has_text = true;
      continue;
    }
    if (i + 1 == arguments.size()) return std::unexpected("option " + std::string(name) + " is unknown or lacks its value");
    const std::string_view value = arguments[++i];
    if (!set_option(parsed, name, value))
      return std::unexpected("option " + std::string(name) + " is unknown, or \"" + std::string(value) +
                             "\" is not a value for it");
  }
  if (parsed.command == "expand" && !has_text) return std::unexpected("the text to expand is missing");
  if (parsed.command == "probe" && !parsed.probe.client) return std::unexpected("no address to come from: --from IP[:PORT]");
  const bool needs_config = parsed.command != "version" && parsed.command != "help";
  if (needs_config && parsed.config_path.empty()) return std::unexpected("no configuration given: -c FILE");
  return parsed;
}

std::vector<std::string> to_options(const InheritedListener& listener) {
  std::string value = listener.address.to_string() + "=";
  append_numbers(value, listener.descriptors);
  return {"--listener", value};
}

std::vector<std::string> to_options(const InheritedDoorbell& doorbell) {
  std::string value = std::to_string(doorbell.memory) + ",";
  append_numbers(value, doorbell.events);
  return {"--doorbell", value};
}

}  // namespace postern::bin
