#include "appliance/supervisor/signals.h"

#include <signal.h>
#include <unistd.h>

namespace postern::supervisor {
namespace {

constexpr int kThreadEnded = SIGUSR1;

sigset_t awaited_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, kThreadEnded}) sigaddset(&set, signal);
  return set;
}

}  // namespace

void block_signals() {
  const sigset_t awaited = awaited_signals();
  ::sigprocmask(SIG_BLOCK, &awaited, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

void WorkingThreads::ended() {
  --working_;
  ::kill(::getpid(), kThreadEnded);  // several may melt into one, which is why they are counted besides
}

void wait_for_end(const WorkingThreads& threads, const SignalActions& actions) {
  const sigset_t awaited = awaited_signals();
  bool stopping = false;
  while (threads.any()) {
    int signal = 0;
    if (::sigwait(&awaited, &signal) != 0 || signal == kThreadEnded) continue;
    if (signal == SIGHUP) {
      if (!stopping && actions.reload) actions.reload();
      continue;
    }
    if (stopping) ::_exit(0);
    stopping = true;
    actions.stop();
  }
}

}  // namespace postern::supervisor
