// The command line of `postern-load`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include "bench/load/schedule.h"
#include "bench/load/sizes.h"
#include "engine/base/ip_address.h"

namespace postern::load {

enum class ProxyVersion : std::uint8_t { none, v1, v2 };

// Where the load goes: a UNIX socket when there is a path, else a host's port.
struct Target {
  std::string path;
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 25;
};

struct Options {
  bool help = false;
  bool version = false;
  Target target;
  std::optional<IpAddress> source;

  std::uint32_t connections = 10;
  std::uint64_t per_connection = 0;
  std::size_t recipients = 1;
  std::string sizes_text = "2k";
  SizeDistribution sizes = *SizeDistribution::parse("2k");
  std::size_t pipeline = 1;
  bool bdat = false;

  Arrivals arrivals = Arrivals::at_once;
  double rate = 0;  // messages a second; 0: closed loop
  std::uint64_t count = 0;
  double seconds = 0;
  double warmup_percent = 10;

  double slow_percent = 0;
  std::uint32_t slow_send = 100;  // bytes a second; 0: not slow in this
  std::uint32_t slow_read = 0;

  ProxyVersion proxy = ProxyVersion::none;
  std::optional<IpNetwork> proxy_from;

  std::string sender = "sender@example.test";
  std::string recipient = "recipient%r@example.test";
  std::string helo = "load.example.test";
  bool quit = true;

  std::optional<unsigned> cpu;
  double timeout_seconds = 60;
  double give_up_seconds = 10;
  std::uint64_t seed = 1;
  bool quiet = false;
  bool json = false;
};

// `arguments` without the program's name. The error is a text for people.
[[nodiscard]] std::expected<Options, std::string> parse_options(std::span<const char* const> arguments);

extern const char* const kUsage;

}  // namespace postern::load
