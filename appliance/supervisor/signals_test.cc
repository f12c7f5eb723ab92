#include "appliance/supervisor/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace postern::supervisor {
namespace {

// Runs `body` in a process of its own and gives its exit status, or minus the signal that ended it. Lets the child run into an
// alarm when it does not end.
int in_process(const std::function<int()>& body, const std::function<void(pid_t)>& meanwhile = {}) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    ::_exit(body());
  }
  if (meanwhile) meanwhile(child);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(Signals, ReturnsWhenTheThreadsHaveEndedByThemselves) {
  for (int round = 0; round < 20; ++round)
    EXPECT_EQ(in_process([] {
                block_signals();
                WorkingThreads working(3);
                std::vector<std::jthread> threads;
                for (int i = 0; i < 3; ++i) threads.emplace_back([&working] { working.ended(); });
                bool stopped = false;
                wait_for_end(working, {.stop = [&stopped] { stopped = true; }, .reload = {}});
                return stopped ? 1 : 0;
              }),
              0);
}

TEST(Signals, TheFirstSignalStopsAndTheSecondEnds) {
  for (const bool stubborn : {false, true}) {
    int up[2];
    ASSERT_EQ(::pipe(up), 0);
    const auto body = [&] {
      block_signals();
      WorkingThreads working(1);
      std::atomic<bool> stop = false;
      int stops = 0;
      std::jthread thread([&] {
        static_cast<void>(!::write(up[1], "x", 1));
        while (!stop || stubborn) ::usleep(1000);
        working.ended();
      });
      const auto on_stop = [&] {
        ++stops;
        stop = true;
        static_cast<void>(!::write(up[1], "x", 1));
      };
      wait_for_end(working, {.stop = on_stop, .reload = {}});
      return stops == 1 ? 7 : 1;
    };
    const auto meanwhile = [&](pid_t child) {
      char byte = 0;
      EXPECT_EQ(::read(up[0], &byte, 1), 1);
      EXPECT_EQ(::kill(child, SIGHUP), 0);  // means nothing here
      EXPECT_EQ(::kill(child, SIGTERM), 0);
      EXPECT_EQ(::read(up[0], &byte, 1), 1);
      if (stubborn) EXPECT_EQ(::kill(child, SIGINT), 0);
    };
    EXPECT_EQ(in_process(body, meanwhile), stubborn ? 0 : 7);
    ::close(up[0]);
    ::close(up[1]);
  }
}

TEST(Signals, ABrokenPipeIsNotTheEnd) {
  EXPECT_EQ(in_process([] {
              block_signals();
              int pipe[2];
              if (::pipe(pipe) != 0) return 1;
              ::close(pipe[0]);
              return ::write(pipe[1], "x", 1) < 0 && errno == EPIPE ? 0 : 2;
            }),
            0);
}

}  // namespace
}  // namespace postern::supervisor
