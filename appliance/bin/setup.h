// What the commands have in common before anything runs: configuration, user, directories, sockets.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appliance/bin/arguments.h"
#include "appliance/config/config.h"
#include "appliance/ingress/shard.h"
#include "appliance/privilege/privilege.h"
#include "appliance/spool/doorbell.h"
#include "appliance/spool/lock.h"
#include "appliance/spool/unique_fd.h"
#include "engine/io/disk_faults.h"

namespace postern::bin {

// Each of these says on standard error what is wrong, and then gives nothing.

// Warnings are printed too, when `with_warnings`.
[[nodiscard]] std::shared_ptr<const config::Config> load(const std::string& path, bool with_warnings);

// The directories of spool and log exist with their parents and belong to the run user, which is returned.
[[nodiscard]] std::optional<privilege::RunUser> prepare_directories(const config::Config& config);

// The spool directory, open.
[[nodiscard]] spool::UniqueFd open_spool(const config::Config& config);

// Sockets for all addresses of the configuration, bound and not yet listening, one for each shard. Waits up to two seconds for
// a predecessor that was killed to let go of the ports.
[[nodiscard]] std::optional<std::vector<InheritedListener>> bind_listeners(const config::Config& config, std::size_t shards);

// The same by shard, as ingress wants them.
[[nodiscard]] std::vector<std::vector<ingress::ListenSocket>> by_shard(const std::vector<InheritedListener>& listeners);

// A listening control socket in `directory` ("ingress" or "delivery") of the spool; -1 when it cannot be made (not fatal).
[[nodiscard]] int make_control_socket(const spool::UniqueFd& spool, const std::string& directory,
                                      const privilege::RunUser& user);
// Its path for a client that has the spool directory open: short whatever the directory's own path is.
[[nodiscard]] std::string control_path(int directory_descriptor);

// The lock on a directory of the spool, for as long as it lives.
[[nodiscard]] std::optional<spool::DirectoryLock> lock_directory(const config::Config& config, const std::string& directory);

// The doorbell that `run` made.
[[nodiscard]] std::optional<spool::Doorbell> attach_doorbell(const InheritedDoorbell& inherited);

// What the environment says is to be wrong with the disk, for benchmarks and tests: POSTERN_TEST_FLUSH_DELAY_US and
// POSTERN_TEST_DISK_FAULTS, as engine/io/disk_faults.h reads them. Nothing is wrong without them; with them that is said, too.
[[nodiscard]] std::optional<DiskFaults> test_disk();

// Drops to the run user and, when started by `run`, asks to die with it.
[[nodiscard]] bool become(const privilege::RunUser& user, const Arguments& arguments);

// Open files that delivery asks for: connections, segments, mailboxes.
inline constexpr std::size_t kDeliveryDescriptors = 8192;

// Exit status of a process whose configuration is wrong; EX_CONFIG.
inline constexpr int kConfigStatus = 78;

}  // namespace postern::bin
