#include "appliance/bin/setup.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "appliance/config/load.h"
#include "appliance/log/log_files.h"
#include "engine/base/clock.h"
#include "engine/base/version.h"
#include "net/transport/socket.h"

namespace postern::bin {
namespace {

constexpr std::int64_t kPortWaitMs = 2'000;
constexpr std::int64_t kPortLookMs = 20;
constexpr unsigned kSpoolPermissions = 0700;
constexpr unsigned kLogPermissions = 0750;

void complain(const std::string& what, const Error& error) {
  std::fprintf(stderr, "postern: %s: %s\n", what.c_str(), describe(error).c_str());
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

// A free port is asked for alone first: sockets that share a port would otherwise share it with a stranger of the same user.
bool wait_for_port(SocketAddress address) {
  const SystemClock clock;
  const Instant deadline = clock.now().plus_ms(kPortWaitMs);
  while (!transport::port_is_free(address)) {
    if (clock.now() > deadline) return false;
    ::poll(nullptr, 0, kPortLookMs);
  }
  return true;
}

enum class PortState : std::uint8_t { free, taken, passed_over };

// Says on standard error why a port cannot be had. A host without IPv6 (or IPv4) passes over [::] (or 0.0.0.0) where there are
// others.
PortState look_at_port(SocketAddress address, bool others) {
  if (wait_for_port(address)) return PortState::free;
  const auto reason = transport::bind_for_listening(address, {});  // once more, for the reason
  const Error error = reason ? Error{Errc::busy, EADDRINUSE, "bind"} : reason.error();
  if (reason) ::close(*reason);
  const bool no_such_family = error.os_errno == EAFNOSUPPORT || error.os_errno == EADDRNOTAVAIL;
  const bool pass_over = no_such_family && address.address.is_unspecified() && others;
  complain((pass_over ? "not listening on " : "cannot listen on ") + address.to_string(), error);
  return pass_over ? PortState::passed_over : PortState::taken;
}

}  // namespace

std::shared_ptr<const config::Config> load(const std::string& path, bool with_warnings) {
  config::LoadResult result = config::load_config(path);
  std::erase_if(result.diagnostics, [&](const config::Diagnostic& diagnostic) {
    return diagnostic.severity != config::Severity::error && !with_warnings;
  });
  std::fputs(config::format_diagnostics(result.diagnostics).c_str(), stderr);
  return result.config;
}

std::optional<privilege::RunUser> prepare_directories(const config::Config& config) {
  privilege::RunUser user{::geteuid(), ::getegid(), ""};
  if (user.uid == 0) {
    const auto chosen = privilege::choose_run_user(config.main.exim_user, config.main.exim_group, config.main.spool_directory);
    if (!chosen) {
      std::fprintf(stderr, "postern: %s\n", chosen.error().c_str());
      return std::nullopt;
    }
    user = *chosen;
  }
  const std::string& spool = config.main.spool_directory;
  for (const std::string& directory : {spool, spool + "/ingress", spool + "/delivery"}) {
    Result<void> made = privilege::make_directories(directory, kSpoolPermissions, user);
    if (made) made = privilege::give_to(directory, user);
    if (!made) return complain("spool directory " + directory, made.error()), std::nullopt;
  }
  const std::string log = parent_of(log::LogFiles::path(config.main.log_file_path, log::Stream::main));
  if (auto made = privilege::make_directories(log, kLogPermissions, user); !made)
    return complain("log directory " + log, made.error()), std::nullopt;
  return user;
}

spool::UniqueFd open_spool(const config::Config& config) {
  const std::string& path = config.main.spool_directory;
  spool::UniqueFd descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0) complain("spool directory " + path, error_from_errno(errno, "open"));
  return descriptor;
}

std::optional<std::vector<InheritedListener>> bind_listeners(const config::Config& config, std::size_t shards) {
  std::vector<InheritedListener> listeners;
  // All are looked at before any is bound: 0.0.0.0 with a port would keep 127.0.0.1 with it.
  for (const SocketAddress& address : config.main.listen) {
    switch (look_at_port(address, config.main.listen.size() > 1)) {
      case PortState::free: listeners.push_back({address, {}}); break;
      case PortState::passed_over: break;
      case PortState::taken: return std::nullopt;
    }
  }
  for (InheritedListener& listener : listeners) {
    for (std::size_t i = 0; i < shards; ++i) {
      const auto descriptor = transport::bind_for_listening(listener.address, {.share_port = true});
      if (!descriptor) return complain("cannot listen on " + listener.address.to_string(), descriptor.error()), std::nullopt;
      listener.descriptors.push_back(*descriptor);
    }
  }
  if (!listeners.empty()) return listeners;
  std::fprintf(stderr, "postern: no address to listen on: set local_interfaces and daemon_smtp_ports\n");
  return std::nullopt;
}

std::vector<std::vector<ingress::ListenSocket>> by_shard(const std::vector<InheritedListener>& listeners) {
  std::vector<std::vector<ingress::ListenSocket>> shards(listeners.front().descriptors.size());
  for (const InheritedListener& listener : listeners)
    for (std::size_t i = 0; i < shards.size(); ++i) shards[i].push_back({listener.descriptors.at(i), listener.address});
  return shards;
}

std::string control_path(int directory_descriptor) {
  return "/proc/self/fd/" + std::to_string(directory_descriptor) + "/control";
}

int make_control_socket(const spool::UniqueFd& spool, const std::string& directory, const privilege::RunUser& user) {
  const spool::UniqueFd opened(::openat(spool.get(), directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto descriptor = transport::listen_on_path(control_path(opened.get()), 0660);
  if (!descriptor) {
    complain("no control socket in " + directory + " (postern stats will not work)", descriptor.error());
    return -1;
  }
  static_cast<void>(privilege::give_to(control_path(opened.get()), user).has_value());
  return *descriptor;
}

std::optional<spool::DirectoryLock> lock_directory(const config::Config& config, const std::string& directory) {
  const std::string path = config.main.spool_directory + "/" + directory;
  auto lock = spool::DirectoryLock::acquire(path);
  if (lock) return std::move(*lock);
  if (lock.error().code == Errc::busy)
    std::fprintf(stderr, "postern: another process runs on %s\n", path.c_str());
  else
    complain("cannot lock " + path, lock.error());
  return std::nullopt;
}

std::optional<spool::Doorbell> attach_doorbell(const InheritedDoorbell& inherited) {
  auto attached = spool::Doorbell::attach(inherited.memory, inherited.events);
  if (attached) return std::move(*attached);
  complain("doorbell", attached.error());
  return std::nullopt;
}

std::optional<DiskFaults> test_disk() {
  static constexpr const char* kDelay = "POSTERN_TEST_FLUSH_DELAY_US";
  static constexpr const char* kFaults = "POSTERN_TEST_DISK_FAULTS";
  DiskFaults disk;
  const auto refuse = [](const char* name, const std::string& why) {
    std::fprintf(stderr, "postern: environment variable %s: %s; unset it to run on the disk as it is\n", name, why.c_str());
    return std::nullopt;
  };
  if (const char* text = std::getenv(kDelay)) {
    const auto delay = parse_flush_delay(text);
    if (!delay) return refuse(kDelay, delay.error());
    disk.flush_delay_us = *delay;
  }
  if (const char* text = std::getenv(kFaults)) {
    auto faults = parse_disk_faults(text);
    if (!faults) return refuse(kFaults, faults.error());
    disk.faults = std::move(*faults);
  }
  if (disk.any()) std::fprintf(stderr, "postern: warning: %s\n", describe(disk).c_str());
  return disk;
}

bool become(const privilege::RunUser& user, const Arguments& arguments) {
  if (auto dropped = privilege::drop_to(user); !dropped) return complain("run user " + user.name, dropped.error()), false;
  if (arguments.parent != 0) privilege::die_with_parent(arguments.parent);
  return true;
}

}  // namespace postern::bin
