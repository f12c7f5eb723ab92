// Who the gateway runs as, and how it becomes that.
#pragma once

#include <sys/types.h>

#include <expected>
#include <string>
#include <vector>

#include "engine/base/result.h"

namespace postern::privilege {

struct RunUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;  // for messages; may be a number
};

// The user that a process started as root drops to: `exim_user` (a name or a number; with `exim_group`, if given), else
// `_postern`, else the owner of an existing spool directory unless that is root, else `nobody`. Errors are texts for people.
[[nodiscard]] std::expected<RunUser, std::string> choose_run_user(const std::string& exim_user, const std::string& exim_group,
                                                                  const std::string& spool_directory);

// Makes `path` and its missing parents; what was made belongs to `user` (parents too) when we are root. `permissions` are those
// of the last one; parents get 0755.
[[nodiscard]] Result<void> make_directories(const std::string& path, unsigned permissions, const RunUser& user);

// Gives `path` to `user` when we are root and it belongs to root; does nothing otherwise.
[[nodiscard]] Result<void> give_to(const std::string& path, const RunUser& user);

// Raises the soft limit on open files to `wanted`, and the hard one where we may. Returns what it is then.
std::size_t raise_open_files(std::size_t wanted);
// Lifts the limit on locked memory where we may (registered buffers count against it on older kernels).
void lift_locked_memory();

// Becomes `user` for good when we are root: groups, uid, no_new_privs, no core dumps that others may read.
[[nodiscard]] Result<void> drop_to(const RunUser& user);

// Asks to be killed when `parent` dies; ends the process when it is dead already. After drop_to(), which clears the request.
void die_with_parent(pid_t parent);

}  // namespace postern::privilege
