#include "appliance/privilege/privilege.h"

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

namespace postern::privilege {
namespace {

std::optional<unsigned> as_number(const std::string& text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<RunUser> find_user(const std::string& name) {
  const auto number = as_number(name);
  const passwd* entry = number ? ::getpwuid(*number) : ::getpwnam(name.c_str());
  if (entry != nullptr) return RunUser{entry->pw_uid, entry->pw_gid, entry->pw_name};
  if (number) return RunUser{*number, *number, name};
  return std::nullopt;
}

std::optional<gid_t> find_group(const std::string& name) {
  if (const auto number = as_number(name)) return *number;
  const group* entry = ::getgrnam(name.c_str());
  if (entry == nullptr) return std::nullopt;
  return entry->gr_gid;
}

std::optional<RunUser> owner_of(const std::string& directory) {
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0 || status.st_uid == 0) return std::nullopt;
  return RunUser{status.st_uid, status.st_gid, std::to_string(status.st_uid)};
}

}  // namespace

std::expected<RunUser, std::string> choose_run_user(const std::string& exim_user, const std::string& exim_group,
                                                    const std::string& spool_directory) {
  std::optional<RunUser> user;
  if (!exim_user.empty()) {
    user = find_user(exim_user);
    if (!user) return std::unexpected("exim_user names no user of this system: " + exim_user);
    if (user->uid == 0) return std::unexpected("exim_user is root: the gateway reads what strangers send and must not");
  }
  if (!user) user = find_user("_postern");
  if (!user) user = owner_of(spool_directory);
  if (!user) user = find_user("nobody");
  if (!user) return std::unexpected("no user to run as: create the user _postern, or set exim_user");
  if (!exim_group.empty()) {
    const auto group = find_group(exim_group);
    if (!group) return std::unexpected("exim_group names no group of this system: " + exim_group);
    user->gid = *group;
  }
  return *user;
}

Result<void> give_to(const std::string& path, const RunUser& user) {
  if (::geteuid() != 0) return {};
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return failure_from_errno(errno, "stat directory");
  if (status.st_uid != 0) return {};
  if (::lchown(path.c_str(), user.uid, user.gid) != 0) return failure_from_errno(errno, "give directory to run user");
  return {};
}

Result<void> make_directories(const std::string& path, unsigned permissions, const RunUser& user) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const bool last = slash == std::string::npos;
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), last ? permissions : 0755) == 0) {
      if (auto given = give_to(part, user); !given) return given;
    } else if (errno != EEXIST) {
      return failure_from_errno(errno, "make directory");
    }
    if (last) return {};
  }
}

std::size_t raise_open_files(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  rlimit raised{wanted, std::max<rlim_t>(limit.rlim_max, wanted)};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return wanted;
  raised = {std::min<rlim_t>(limit.rlim_max, wanted), limit.rlim_max};
  return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

void lift_locked_memory() {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0) return;
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_MEMLOCK, &limit);
}

Result<void> drop_to(const RunUser& user) {
  if (::geteuid() == 0) {
    if (::setgroups(1, &user.gid) != 0) return failure_from_errno(errno, "drop groups");
    if (::setresgid(user.gid, user.gid, user.gid) != 0) return failure_from_errno(errno, "drop to run group");
    if (::setresuid(user.uid, user.uid, user.uid) != 0) return failure_from_errno(errno, "drop to run user");
    if (::setuid(0) == 0) return failure(Errc::denied, "drop to run user");
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failure_from_errno(errno, "set no_new_privs");
  ::umask(077);
  return {};
}

void die_with_parent(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
}

}  // namespace postern::privilege
