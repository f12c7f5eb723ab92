// The parent of a running gateway: starts its processes, starts them again when they die, and ends them together.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/result.h"

namespace postern::supervisor {

// A program to keep running.
struct ChildSpec {
  std::string name;                    // for messages
  std::vector<std::string> arguments;  // argv; [0] is the program's path
  std::vector<int> descriptors;        // kept open across exec under their own numbers
};

// The option by which a child learns the number of the descriptor to which it writes one byte when it is ready.
inline constexpr std::string_view kReadyOption = "--ready-fd";
// The option by which a child learns its parent, to die with it.
inline constexpr std::string_view kParentOption = "--parent";

class Supervisor {
 public:
  // `stop_timeout_ms`: how long children get after SIGTERM before they are killed.
  Supervisor(std::vector<ChildSpec> children, std::int64_t stop_timeout_ms);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor();

  // Blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD for this process, starts the children, and returns when they have ended after
  // the first SIGTERM or SIGINT (a second one kills them), or when one cannot be started at first, or says that its
  // configuration is wrong (status 78) or that something it needs is not to be had (status 69). `on_ready` is called once, when
  // all have said they are ready. Returns the exit status for the process.
  [[nodiscard]] int run(const std::function<void()>& on_ready);

 private:
  struct Child {
    ChildSpec spec;
    pid_t pid = -1;
    int ready_descriptor = -1;  // the reading end; -1 when nothing more will come from it
    bool ready = false;
    Instant started;
    Instant start_again = Instant::never();
    unsigned quick_deaths = 0;  // in a row
  };

  bool start(Child& child);
  void reap();
  void ended(Child& child, int wait_status);
  void read_signals();
  void read_ready(Child& child);
  void start_due();
  void begin_stop(int status);
  [[nodiscard]] int poll_timeout_ms() const;
  [[nodiscard]] bool any_running() const;

  std::vector<Child> children_;
  std::int64_t stop_timeout_ms_;
  SystemClock clock_;
  int signal_descriptor_ = -1;
  bool stopping_ = false;
  bool ready_told_ = false;
  int status_ = 0;
  Instant kill_at_ = Instant::never();
};

}  // namespace postern::supervisor
