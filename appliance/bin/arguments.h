// The command line of `postern`.
#pragma once

#include <sys/types.h>

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/ip_address.h"

namespace postern::bin {

// Descriptors that `run` hands to its children.
struct InheritedListener {
  SocketAddress address;
  std::vector<int> descriptors;  // one for each shard
};
struct InheritedDoorbell {
  int memory = -1;
  std::vector<int> events;  // one for each shard
};

// What `expand` takes for the facts of a client and its message.
struct SceneOptions {
  std::string sender_ip;  // --with-sender-ip, in its usual form
  std::string sender;     // --with-sender
  std::string recipient;  // --with-recipient
  std::string helo;       // --with-helo
};

// Who `probe` pretends to be, and where it pretends to have connected to.
struct ProbeOptions {
  std::optional<SocketAddress> client;                 // --from
  SocketAddress local{IpAddress::v4(0x7F000001), 25};  // --to
};

struct Arguments {
  std::string command;      // run, ingress, deliver, check, config, expand, probe, reload, stats, version, help
  std::string config_path;  // -c
  bool json = false;
  std::string text;  // expand: what is to be expanded
  SceneOptions scene;
  ProbeOptions probe;

  // From `run` to its children.
  pid_t parent = 0;
  int ready_descriptor = -1;
  std::vector<InheritedListener> listeners;
  std::optional<InheritedDoorbell> doorbell;
};

// `arguments` without the program's name. The error is a text for people.
[[nodiscard]] std::expected<Arguments, std::string> parse_arguments(std::span<const char* const> arguments);

// The options from which parse_arguments() makes the same again.
[[nodiscard]] std::vector<std::string> to_options(const InheritedListener& listener);
[[nodiscard]] std::vector<std::string> to_options(const InheritedDoorbell& doorbell);

extern const char* const kUsage;

}  // namespace postern::bin
