#include "bench/load/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

namespace postern::load {
namespace {

// What is wrong with a value; empty when nothing is.
using Complaint = std::string;

template <class Int>
Complaint read_number(std::string_view text, Int min, Int max, Int& into) {
  Int value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size() && value >= min && value <= max) {
    into = value;
    return {};
  }
  return "want a number from " + std::to_string(min) + " to " + std::to_string(max);
}

Complaint read_decimal(std::string_view text, double min, double max, double& into) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error == std::errc{} && end == text.data() + text.size() && value >= min && value <= max) {
    into = value;
    return {};
  }
  const auto plain = [](double limit) {
    std::string shown = std::to_string(limit);
    shown.erase(shown.find_last_not_of('0') + 1);
    if (shown.ends_with('.')) shown.pop_back();
    return shown;
  };
  return "want a number from " + plain(min) + " to " + plain(max);
}

Complaint read_address(std::string_view text, std::string& into) {
  const auto is_bad = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '<' || c == '>' || c == 127; };
  if (text.size() > 1000 || std::ranges::any_of(text, is_bad))
    return "want an address without spaces, angle brackets and control characters, of at most 1000 bytes";
  into = text;
  return {};
}

Complaint read_helo(std::string_view text, std::string& into) {
  if (text.empty()) return "want a name";
  return read_address(text, into).empty() ? Complaint() : "want a name without spaces";
}

Complaint read_sizes(std::string_view text, Options& into) {
  auto sizes = SizeDistribution::parse(text);
  if (!sizes) return sizes.error();
  into.sizes = std::move(*sizes);
  into.sizes_text = text;
  return {};
}

Complaint read_arrivals(std::string_view text, Arrivals& into) {
  if (text == "even") return into = Arrivals::even, Complaint();
  if (text == "poisson") return into = Arrivals::poisson, Complaint();
  return "want even or poisson";
}

Complaint read_proxy(std::string_view text, ProxyVersion& into) {
  if (text == "v1") return into = ProxyVersion::v1, Complaint();
  if (text == "v2") return into = ProxyVersion::v2, Complaint();
  return "want v1 or v2";
}

template <class Parsed>
Complaint keep(std::optional<Parsed> parsed, std::optional<Parsed>& into, const char* wanted) {
  if (!parsed) return wanted;
  into = parsed;
  return {};
}

Complaint read_cpu(std::string_view text, std::optional<unsigned>& into) {
  unsigned cpu = 0;
  Complaint complaint = read_number(text, 0U, 1023U, cpu);
  if (complaint.empty()) into = cpu;
  return complaint;
}

struct ValueOption {
  std::string_view name;
  std::string_view letter;
  Complaint (*read)(Options&, std::string_view);
};

constexpr std::uint64_t kManyMessages = 1'000'000'000'000;

constexpr std::array<ValueOption, 23> kValueOptions{{
    {"--connections", "-c", [](Options& o, std::string_view v) { return read_number(v, 1U, 20'000U, o.connections); }},
    {"--per-connection", "-m",
     [](Options& o, std::string_view v) { return read_number(v, std::uint64_t{0}, kManyMessages, o.per_connection); }},
    {"--recipients", "-r",
     [](Options& o, std::string_view v) { return read_number(v, std::size_t{1}, std::size_t{10'000}, o.recipients); }},
    {"--size", "-s", [](Options& o, std::string_view v) { return read_sizes(v, o); }},
    {"--pipeline", "-p",
     [](Options& o, std::string_view v) { return read_number(v, std::size_t{0}, std::size_t{100}, o.pipeline); }},
    {"--rate", "-R", [](Options& o, std::string_view v) { return read_decimal(v, 0.001, 10'000'000, o.rate); }},
    {"--arrivals", "", [](Options& o, std::string_view v) { return read_arrivals(v, o.arrivals); }},
    {"--count", "-n", [](Options& o, std::string_view v) { return read_number(v, std::uint64_t{1}, kManyMessages, o.count); }},
    {"--time", "-t", [](Options& o, std::string_view v) { return read_decimal(v, 0.001, 10'000'000, o.seconds); }},
    {"--warmup", "", [](Options& o, std::string_view v) { return read_decimal(v, 0, 90, o.warmup_percent); }},
    {"--slow", "", [](Options& o, std::string_view v) { return read_decimal(v, 0, 100, o.slow_percent); }},
    {"--slow-send", "", [](Options& o, std::string_view v) { return read_number(v, 0U, 1'000'000'000U, o.slow_send); }},
    {"--slow-read", "", [](Options& o, std::string_view v) { return read_number(v, 0U, 1'000'000'000U, o.slow_read); }},
    {"--proxy", "", [](Options& o, std::string_view v) { return read_proxy(v, o.proxy); }},
    {"--proxy-from", "",
     [](Options& o, std::string_view v) {
       return keep(IpNetwork::parse(v), o.proxy_from, "want a network, such as 198.51.100.0/24 or 2001:db8::/32");
     }},
    {"--source", "", [](Options& o, std::string_view v) { return keep(IpAddress::parse(v), o.source, "want an IP address"); }},
    {"--from", "-f", [](Options& o, std::string_view v) { return read_address(v, o.sender); }},
    {"--to", "", [](Options& o, std::string_view v) { return v.empty() ? "want an address" : read_address(v, o.recipient); }},
    {"--helo", "", [](Options& o, std::string_view v) { return read_helo(v, o.helo); }},
    {"--cpu", "", [](Options& o, std::string_view v) { return read_cpu(v, o.cpu); }},
    {"--timeout", "", [](Options& o, std::string_view v) { return read_decimal(v, 1, 86'400, o.timeout_seconds); }},
    {"--give-up", "", [](Options& o, std::string_view v) { return read_decimal(v, 0.1, 86'400, o.give_up_seconds); }},
    {"--seed", "", [](Options& o, std::string_view v) { return read_number(v, std::uint64_t{0}, UINT64_MAX, o.seed); }},
}};

struct Switch {
  std::string_view name;
  std::string_view letter;
  bool Options::* on;
  bool value;
};
constexpr std::array<Switch, 6> kSwitches{{{"--bdat", "", &Options::bdat, true},
                                           {"--no-quit", "", &Options::quit, false},
                                           {"--quiet", "-q", &Options::quiet, true},
                                           {"--json", "", &Options::json, true},
                                           {"--help", "-h", &Options::help, true},
                                           {"--version", "-V", &Options::version, true}}};

template <class Table>
auto find_option(const Table& table, std::string_view word) {
  return std::ranges::find_if(table,
                              [&](const auto& one) { return word == one.name || (word.size() == 2 && word == one.letter); });
}

// "192.0.2.1:25", "[::1]:25", "mx.example.test", "unix:/run/smtp"
Complaint read_target(std::string_view text, Target& into) {
  constexpr std::string_view kWanted = "want HOST:PORT, [IPV6]:PORT or unix:/PATH";
  if (text.starts_with("unix:")) {
    into.path = text.substr(5);
    return into.path.starts_with('/') ? Complaint() : Complaint(kWanted);
  }
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return Complaint(kWanted);
    into.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!IpAddress::parse(into.host)) return Complaint(kWanted);
  } else {
    const std::size_t colon = text.find(':');
    if (colon != std::string_view::npos && text.find(':', colon + 1) != std::string_view::npos)
      return "an IPv6 address stands in brackets: [2001:db8::1]:25";
    into.host = text.substr(0, colon);
    port = colon == std::string_view::npos ? "" : text.substr(colon);
  }
  if (into.host.empty()) return Complaint(kWanted);
  if (port.empty()) return {};
  if (!port.starts_with(':')) return Complaint(kWanted);
  return read_number(port.substr(1), std::uint16_t{1}, std::uint16_t{65535}, into.port).empty() ? Complaint()
                                                                                                : Complaint("no such port");
}

// What does not go together.
Complaint check(const Options& options, bool has_arrivals) {
  if (options.pipeline > 2 && !options.bdat)
    return "--pipeline above 2 needs --bdat: DATA ends a group of pipelined commands (RFC 2920 section 3.1)";
  if (has_arrivals && options.rate == 0) return "--arrivals needs --rate";
  if (options.proxy_from && options.proxy == ProxyVersion::none) return "--proxy-from needs --proxy v1 or v2";
  if (options.slow_percent > 0 && options.slow_send == 0 && options.slow_read == 0)
    return "--slow needs --slow-send or --slow-read above 0";
  if (options.slow_percent == 100 && options.count > 0) return "--slow 100 leaves no connection whose messages --count counts";
  if (options.source && !options.target.path.empty()) return "--source has no meaning for a UNIX socket";
  return {};
}

}  // namespace

const char* const kUsage =
    "usage: postern-load [OPTIONS] HOST[:PORT] | [IPV6]:PORT | unix:/PATH\n"
    "\n"
    "Sends mail to an SMTP server and tells how fast the server takes it. Runs for 10 seconds unless told otherwise.\n"
    "\n"
    "  -c, --connections N     at once (10)\n"
    "  -m, --per-connection N  messages over one connection, 0: as many as there are (0)\n"
    "  -r, --recipients N      of each message (1)\n"
    "  -s, --size SIZES        of the messages: 2k, 1k-50k, or 2k:70,20k:25,200k:5 with weights (2k)\n"
    "  -p, --pipeline N        0: every command awaits its reply; 1: MAIL, RCPT and DATA in one write; 2: the next message's\n"
    "                          commands in one write with the text before; more, with --bdat: so many messages under way (1)\n"
    "      --bdat              BDAT instead of DATA (RFC 3030), where the server offers CHUNKING\n"
    "\n"
    "  -R, --rate N            open loop: N messages a second, however slow the server is; latency counts from when a message\n"
    "                          was due. Without it, each connection sends the next message when the last was answered\n"
    "      --arrivals KIND     with --rate: even or poisson (even)\n"
    "  -n, --count N           end after N messages\n"
    "  -t, --time SECONDS      end after that time\n"
    "      --warmup PERCENT    of the time, or else of the count, that is left out of the figures (10)\n"
    "\n"
    "      --slow PERCENT      of the connections are slow peers, whose messages count neither for --rate, --count nor figures "
    "(0)\n"
    "      --slow-send N       they send N bytes a second; 0: at full speed (100)\n"
    "      --slow-read N       they read N bytes a second; 0: at full speed (0)\n"
    "\n"
    "      --proxy v1|v2       begin each connection with a PROXY header\n"
    "      --proxy-from CIDR   the client addresses to tell in it (198.18.0.0/15)\n"
    "      --source ADDRESS    connect from this address\n"
    "  -f, --from ADDRESS      sender; may be empty. %n in it becomes the message's number (sender@example.test)\n"
    "      --to ADDRESS        recipient; %r becomes its number in the message, %n as above (recipient%r@example.test)\n"
    "      --helo NAME         (load.example.test)\n"
    "      --no-quit           close connections without QUIT\n"
    "\n"
    "      --cpu N             run on that CPU\n"
    "      --timeout SECONDS   give a connection up when a reply takes longer (60)\n"
    "      --give-up SECONDS   end when for that long no connection stands (10)\n"
    "      --seed N            of everything random (1)\n"
    "  -q, --quiet             no progress on standard error\n"
    "      --json              figures for machines; docs/load.md explains each\n"
    "  -h, --help    -V, --version\n"
    "\n"
    "Exit status: 0 when a message was accepted, 1 when none was, 64 for a mistake on the command line, 68 for an unknown "
    "host,\n"
    "69 where io_uring is not to be had.\n";

std::expected<Options, std::string> parse_options(std::span<const char* const> arguments) {
  Options options;
  bool has_target = false;
  bool has_arrivals = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view word = arguments[i];
    if (!word.starts_with('-')) {
      if (has_target) return std::unexpected("\"" + std::string(word) + "\": only one target can be given");
      has_target = true;
      if (const Complaint complaint = read_target(word, options.target); !complaint.empty())
        return std::unexpected("\"" + std::string(word) + "\" is not a target: " + complaint);
      continue;
    }
    if (const auto found = find_option(kSwitches, word); found != kSwitches.end()) {
      options.*found->on = found->value;
      continue;
    }
    std::optional<std::string_view> value;
    if (const std::size_t equals = word.find('='); word.starts_with("--") && equals != std::string_view::npos) {
      value = word.substr(equals + 1);
      word = word.substr(0, equals);
    }
    const auto found = find_option(kValueOptions, word);
    if (found == kValueOptions.end()) return std::unexpected("unknown option " + std::string(word) + "; --help lists all");
    if (!value && i + 1 == arguments.size()) return std::unexpected("option " + std::string(word) + " lacks its value");
    if (!value) value = arguments[++i];
    if (const Complaint complaint = found->read(options, *value); !complaint.empty())
      return std::unexpected("option " + std::string(word) + ": \"" + std::string(*value) + "\": " + complaint);
    has_arrivals = has_arrivals || found->name == "--arrivals";
  }
  if (options.help || options.version) return options;
  if (!has_target) return std::unexpected("no target given: HOST:PORT, [IPV6]:PORT or unix:/PATH");
  if (Complaint complaint = check(options, has_arrivals); !complaint.empty()) return std::unexpected(std::move(complaint));
  if (options.rate > 0 && options.arrivals == Arrivals::at_once) options.arrivals = Arrivals::even;
  if (options.count == 0 && options.seconds == 0) options.seconds = 10;
  if (options.proxy != ProxyVersion::none && !options.proxy_from) options.proxy_from = IpNetwork::parse("198.18.0.0/15");
  return options;
}

}  // namespace postern::load
