#include "appliance/language/run_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/clock.h"
#include "engine/base/peer_text.h"

namespace postern::language {

namespace {

using expand::Answer;

constexpr int kLookMs = 50;  // between two looks at whether anybody still waits

class Pipe {
 public:
  Pipe() { is_open_ = ::pipe2(ends_.data(), O_CLOEXEC) == 0; }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_writer();
    if (is_open_) ::close(ends_[0]);
  }
  [[nodiscard]] bool is_open() const noexcept { return is_open_; }
  [[nodiscard]] int reader() const noexcept { return ends_[0]; }
  [[nodiscard]] int writer() const noexcept { return ends_[1]; }
  void close_writer() noexcept {
    if (is_open_ && ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }

 private:
  std::array<int, 2> ends_ = {-1, -1};
  bool is_open_ = false;
};

// As execve(2) wants them.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& each : texts) pointers.push_back(const_cast<char*>(each.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The child begins with no signal blocked or ignored, as the leader of a process group, its output in the pipe.
int spawn(const ProgramJob& job, int output, pid_t& pid) {
  std::vector<char*> argv = pointers_to(job.arguments);
  std::vector<char*> environment = pointers_to(job.environment);
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  if (posix_spawn_file_actions_init(&files) != 0) return ENOMEM;
  if (posix_spawnattr_init(&attributes) != 0) {
    posix_spawn_file_actions_destroy(&files);
    return ENOMEM;
  }
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  int error = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  for (const int to : {1, 2})
    if (error == 0) error = posix_spawn_file_actions_adddup2(&files, output, to);
  if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(&files, 3);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  if (error == 0) error = ::posix_spawn(&pid, argv.front(), &files, &attributes, argv.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

// What has been started and is not waited for yet.
class Child {
 public:
  explicit Child(pid_t pid) noexcept : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) end();
  }
  // True once it has ended: `status` is as waitpid(2) gives it.
  [[nodiscard]] bool has_ended(int& status) noexcept {
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    pid_ = -1;
    return true;
  }

 private:
  void end() noexcept {
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
  }
  pid_t pid_;
};

enum class Got : std::uint8_t { something, nothing, end };

Got read_some(int descriptor, std::string& text) {
  pollfd wanted{descriptor, POLLIN, 0};
  if (::poll(&wanted, 1, kLookMs) <= 0) return Got::nothing;
  std::array<char, 16 * 1024> piece{};
  const ssize_t count = ::read(descriptor, piece.data(), piece.size());
  if (count < 0) return errno == EINTR || errno == EAGAIN ? Got::nothing : Got::end;
  text.append(piece.data(), static_cast<std::size_t>(count));
  return count == 0 ? Got::end : Got::something;
}

}  // namespace

Answer ProgramJob::run() {
  const std::string shown = printable(arguments.front(), 256);
  for (const std::string& each : arguments)
    if (each.contains('\0')) return Answer::failed("run: a zero byte in an argument");
  Pipe output;
  if (!output.is_open()) return Answer::deferred(fmt::format("couldn't create a pipe for {}: {}", shown, std::strerror(errno)));
  pid_t pid = -1;
  if (const int error = spawn(*this, output.writer(), pid); error != 0) {
    // A program that is not there, or may not be run, is one that says so by its status.
    if (error == EAGAIN || error == ENOMEM)
      return Answer::deferred(fmt::format("couldn't create a process for {}: {}", shown, std::strerror(error)));
    Answer answer = Answer::found({});
    answer.code = 127;
    return answer;
  }
  Child child(pid);
  output.close_writer();
  const SystemClock clock;
  const Instant deadline = clock.now().plus_ms(time_ms);
  std::string text;
  int status = 0;
  bool is_read = false;
  while (!is_read || !child.has_ended(status)) {
    if (given_up || clock.now() >= deadline) return Answer::failed("command timed out");
    if (is_read)
      ::poll(nullptr, 0, 1);  // what has closed its output is about to end
    else
      is_read = read_some(output.reader(), text) == Got::end;
    if (text.size() > kProgramOutputMax)
      return Answer::failed(fmt::format("command wrote more than {} bytes", kProgramOutputMax));
  }
  if (WIFSIGNALED(status)) return Answer::failed(fmt::format("command killed by signal {}", WTERMSIG(status)));
  Answer answer = Answer::found(std::move(text));
  answer.code = WEXITSTATUS(status);
  return answer;
}

}  // namespace postern::language
