#include "appliance/supervisor/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

extern char** environ;

namespace postern::supervisor {
namespace {

constexpr std::int64_t kQuickDeathMs = 5'000;  // a child that lived shorter waits before it is started again
constexpr std::int64_t kRestartDelayMaxMs = 5'000;
constexpr std::int64_t kPollMaxMs = 3'600'000;

std::int64_t restart_delay_ms(unsigned quick_deaths) {
  if (quick_deaths <= 1) return 0;
  return std::min<std::int64_t>(kRestartDelayMaxMs, 100LL << std::min(quick_deaths - 2, 6U));
}

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, signal);
  return set;
}

// Everything posix_spawn wants to know, freed together.
class SpawnPlan {
 public:
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    const sigset_t handled = handled_signals();
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &handled);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  // A descriptor duplicated onto itself loses its close-on-exec flag in the child only.
  void keep(int descriptor) { ::posix_spawn_file_actions_adddup2(&actions_, descriptor, descriptor); }
  [[nodiscard]] int spawn(pid_t& pid, const std::vector<std::string>& arguments) const {
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    return ::posix_spawn(&pid, argv[0], &actions_, &attributes_, argv.data(), environ);
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

Supervisor::Supervisor(std::vector<ChildSpec> children, std::int64_t stop_timeout_ms) : stop_timeout_ms_(stop_timeout_ms) {
  for (ChildSpec& spec : children) children_.push_back({.spec = std::move(spec), .started = {}});
}

Supervisor::~Supervisor() {
  for (const Child& child : children_)
    if (child.ready_descriptor >= 0) ::close(child.ready_descriptor);
  if (signal_descriptor_ >= 0) ::close(signal_descriptor_);
}

bool Supervisor::start(Child& child) {
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0) return false;
  std::vector<std::string> arguments = child.spec.arguments;
  arguments.insert(arguments.end(), {std::string(kParentOption), std::to_string(::getpid()), std::string(kReadyOption),
                                     std::to_string(ready[1])});
  SpawnPlan plan;
  for (const int descriptor : child.spec.descriptors) plan.keep(descriptor);
  plan.keep(ready[1]);
  const int error = plan.spawn(child.pid, arguments);
  ::close(ready[1]);
  child.ready = false;
  child.started = clock_.now();
  child.start_again = Instant::never();
  if (error == 0) {
    child.ready_descriptor = ready[0];
    return true;
  }
  ::close(ready[0]);
  child.pid = -1;
  std::fprintf(stderr, "postern: cannot start %s: %s\n", child.spec.name.c_str(), std::strerror(error));
  return false;
}

int Supervisor::run(const std::function<void()>& on_ready) {
  // Whoever started us may have ignored SIGCHLD, which exec passes on, and then nobody tells us of deaths.
  ::signal(SIGCHLD, SIG_DFL);
  const sigset_t handled = handled_signals();
  ::sigprocmask(SIG_BLOCK, &handled, nullptr);
  signal_descriptor_ = ::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signal_descriptor_ < 0) return EX_OSERR;
  for (Child& child : children_)
    if (!stopping_ && !start(child)) begin_stop(EX_OSERR);

  while (any_running() || !stopping_) {
    std::vector<pollfd> waits{{signal_descriptor_, POLLIN, 0}};
    for (const Child& child : children_) waits.push_back({child.ready_descriptor, POLLIN, 0});
    ::poll(waits.data(), waits.size(), poll_timeout_ms());
    if (waits[0].revents != 0) read_signals();
    for (std::size_t i = 0; i < children_.size(); ++i)
      if (waits[i + 1].revents != 0 && children_[i].ready_descriptor >= 0) read_ready(children_[i]);
    start_due();
    const bool all_ready = std::ranges::all_of(children_, [](const Child& c) { return c.pid > 0 && c.ready; });
    if (all_ready && !ready_told_ && !stopping_) {
      ready_told_ = true;
      on_ready();
    }
  }
  return status_;
}

void Supervisor::read_signals() {
  signalfd_siginfo info{};
  while (::read(signal_descriptor_, &info, sizeof info) == sizeof info) {
    switch (info.ssi_signo) {
      case SIGTERM:
      case SIGINT:
        if (stopping_)
          kill_at_ = clock_.now();
        else
          begin_stop(EX_OK);
        break;
      case SIGHUP:
        for (const Child& child : children_)
          if (child.pid > 0) ::kill(child.pid, SIGHUP);
        break;
      default: reap(); break;
    }
  }
}

void Supervisor::read_ready(Child& child) {
  char byte = 0;
  // A child that dies closes the pipe without a byte, before reap() hears of its end.
  child.ready = ::read(child.ready_descriptor, &byte, 1) == 1;
  ::close(child.ready_descriptor);
  child.ready_descriptor = -1;
}

void Supervisor::reap() {
  int wait_status = 0;
  for (pid_t pid = ::waitpid(-1, &wait_status, WNOHANG); pid > 0; pid = ::waitpid(-1, &wait_status, WNOHANG))
    for (Child& child : children_)
      if (child.pid == pid) ended(child, wait_status);
}

void Supervisor::ended(Child& child, int wait_status) {
  child.pid = -1;
  if (child.ready_descriptor >= 0) ::close(child.ready_descriptor);
  child.ready_descriptor = -1;
  if (stopping_) return;
  if (WIFEXITED(wait_status) && (WEXITSTATUS(wait_status) == EX_CONFIG || WEXITSTATUS(wait_status) == EX_UNAVAILABLE))
    return begin_stop(WEXITSTATUS(wait_status));  // starting again would end the same way; it has said why
  const Instant now = clock_.now();
  child.quick_deaths = now < child.started.plus_ms(kQuickDeathMs) ? child.quick_deaths + 1 : 1;
  child.start_again = now.plus_ms(restart_delay_ms(child.quick_deaths));
  if (WIFSIGNALED(wait_status))
    std::fprintf(stderr, "postern: %s was ended by signal %d; starting it again\n", child.spec.name.c_str(),
                 WTERMSIG(wait_status));
  else
    std::fprintf(stderr, "postern: %s ended with status %d; starting it again\n", child.spec.name.c_str(),
                 WEXITSTATUS(wait_status));
}

void Supervisor::start_due() {
  const Instant now = clock_.now();
  if (stopping_) {
    if (now < kill_at_) return;
    for (const Child& child : children_)
      if (child.pid > 0) ::kill(child.pid, SIGKILL);
    kill_at_ = Instant::never();
    return;
  }
  for (Child& child : children_)
    if (child.pid < 0 && child.start_again <= now && !start(child)) child.start_again = now.plus_ms(kRestartDelayMaxMs);
}

void Supervisor::begin_stop(int status) {
  if (stopping_) return;
  stopping_ = true;
  status_ = status;
  kill_at_ = clock_.now().plus_ms(stop_timeout_ms_);
  for (const Child& child : children_)
    if (child.pid > 0) ::kill(child.pid, SIGTERM);
}

int Supervisor::poll_timeout_ms() const {
  Instant next = stopping_ ? kill_at_ : Instant::never();
  if (!stopping_)
    for (const Child& child : children_)
      if (child.pid < 0) next = std::min(next, child.start_again);
  if (next.is_never()) return -1;
  return static_cast<int>(std::clamp<std::int64_t>((next.ns - clock_.now().ns) / 1'000'000 + 1, 0, kPollMaxMs));
}

bool Supervisor::any_running() const {
  return std::ranges::any_of(children_, [](const Child& child) { return child.pid > 0; });
}

}  // namespace postern::supervisor
