// The supervisor runs in a process of its own; its children are shell scripts. They get "--parent PID --ready-fd N" after their
// own arguments, so in a script of `bash -c` $4 is the number of the descriptor to say ready on.
#include "appliance/supervisor/supervisor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "appliance/supervisor/notify.h"

namespace postern::supervisor {
namespace {

ChildSpec script(const std::string& name, const std::string& text, std::vector<int> descriptors = {}) {
  return {name, {"/bin/bash", "-c", text, name}, std::move(descriptors)};
}
const std::string kSayReady = "echo -n x >/proc/self/fd/$4; ";
const std::string kStay = "while :; do sleep 0.02; done";

class SupervisorTest : public ::testing::Test {
 protected:
  SupervisorTest() {
    directory_ = "/tmp/postern-supervisor-XXXXXX";
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    EXPECT_EQ(::pipe2(told_, O_CLOEXEC | O_NONBLOCK), 0);
  }
  ~SupervisorTest() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGTERM);
      ::kill(pid_, SIGTERM);
      static_cast<void>(ended());
    }
    ::close(told_[0]);
    ::close(told_[1]);
    std::filesystem::remove_all(directory_);
  }

  void start(std::vector<ChildSpec> children, std::int64_t stop_timeout_ms = 20'000, const std::function<void()>& first = {}) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    if (first) first();
    Supervisor supervisor(std::move(children), stop_timeout_ms);
    ::_exit(supervisor.run([this] { static_cast<void>(!::write(told_[1], "r", 1)); }));
  }
  // Whether the supervisor says that all are ready, within a while.
  [[nodiscard]] bool ready(int within_ms = 20'000) const {
    pollfd wait{told_[0], POLLIN, 0};
    char byte = 0;
    return ::poll(&wait, 1, within_ms) == 1 && ::read(told_[0], &byte, 1) == 1;
  }
  void tell(int signal) const { EXPECT_EQ(::kill(pid_, signal), 0); }
  // Its exit status; nothing when it does not end in time.
  [[nodiscard]] std::optional<int> ended(int within_ms = 20'000) {
    int status = 0;
    for (int waited = 0; waited < within_ms; waited += 5) {
      if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
      }
      ::usleep(5000);
    }
    return std::nullopt;
  }
  [[nodiscard]] std::string file(const std::string& name) const { return directory_ + "/" + name; }
  [[nodiscard]] std::vector<std::string> lines(const std::string& name) const {
    std::ifstream stream(file(name));
    std::vector<std::string> all;
    for (std::string line; std::getline(stream, line);) all.push_back(line);
    return all;
  }
  [[nodiscard]] bool becomes(const std::function<bool()>& condition, int within_ms = 20'000) const {
    for (int waited = 0; waited < within_ms; waited += 5) {
      if (condition()) return true;
      ::usleep(5000);
    }
    return false;
  }
  // A script line that notes `what` in the file `name`.
  [[nodiscard]] std::string note(const std::string& name, const std::string& what) const {
    return "echo \"" + what + "\" >>" + file(name) + "; ";
  }

  std::string directory_;
  int told_[2];
  pid_t pid_ = -1;
};

TEST_F(SupervisorTest, SaysReadyOnceAndEndsAllOnSigterm) {
  std::vector<ChildSpec> children;
  for (const char* name : {"a", "b"})
    children.push_back(script(name, "trap '" + note("log", std::string(name) + " ends") + "exit 0' TERM; " +
                                        note("log", std::string(name) + " $1 $2 $3") + kSayReady + kStay));
  start(children);
  ASSERT_TRUE(ready());
  EXPECT_FALSE(ready(100));
  const std::string supervisor = std::to_string(pid_);
  tell(SIGTERM);
  EXPECT_EQ(ended(), 0);
  const auto log = lines("log");
  ASSERT_EQ(log.size(), 4U);
  EXPECT_EQ(log[0].substr(1), " --parent " + supervisor + " --ready-fd");
  EXPECT_EQ(std::ranges::count(log, "a ends"), 1);
  EXPECT_EQ(std::ranges::count(log, "b ends"), 1);
}

TEST_F(SupervisorTest, IsReadyOnlyWhenAllAre) {
  start({script("quick", kSayReady + kStay),
         script("slow", "until [ -e " + file("go") + " ]; do sleep 0.02; done; " + kSayReady + kStay)});
  EXPECT_FALSE(ready(300));
  std::ofstream(file("go")) << "x";
  EXPECT_TRUE(ready());
}

// A child that has not said it is ready is not, even if its end of the pipe is closed: it may be about to die.
TEST_F(SupervisorTest, SilenceIsNotReadiness) {
  start({script("silent", "eval \"exec $4>&-\"; " + note("log", "closed") + kStay)});
  ASSERT_TRUE(becomes([this] { return !lines("log").empty(); }));
  EXPECT_FALSE(ready(300));
}

TEST_F(SupervisorTest, AChildThatDiesAtOnceIsStartedAgainMoreAndMoreSlowly) {
  start({script("good", kSayReady + kStay), script("bad", note("log", "$(date +%s%N)") + "exit 1")});
  ASSERT_TRUE(becomes([this] { return lines("log").size() >= 6; }));
  std::vector<std::int64_t> gaps_ms;
  const auto log = lines("log");
  for (std::size_t i = 1; i < 6; ++i) gaps_ms.push_back((std::stoll(log[i]) - std::stoll(log[i - 1])) / 1'000'000);
  EXPECT_GE(gaps_ms[1], 95);
  EXPECT_GE(gaps_ms[2], 195);
  EXPECT_GE(gaps_ms[3], 395);
  EXPECT_GE(gaps_ms[4], 795);
  EXPECT_FALSE(ready(10)) << "one of them never was";
  tell(SIGTERM);
  EXPECT_EQ(ended(), 0) << "also while one waits to be started again";
}

TEST_F(SupervisorTest, AChildThatIsKilledComesBackAndReadinessIsNotToldAgain) {
  start({script("a", note("log", "$$") + kSayReady + kStay)});
  ASSERT_TRUE(ready());
  const pid_t first = std::stoi(lines("log").at(0));
  EXPECT_EQ(::kill(first, SIGKILL), 0);
  ASSERT_TRUE(becomes([this] { return lines("log").size() == 2; }));
  EXPECT_NE(std::stoi(lines("log")[1]), first);
  EXPECT_FALSE(ready(200));
}

TEST_F(SupervisorTest, AWrongConfigurationEndsAll) {
  for (const int status : {EX_CONFIG, EX_UNAVAILABLE}) {
    start({script("good", "trap '" + note("log", "told to end") + "exit 0' TERM; " + note("log", "up") + kStay),
           script("bad", "until [ -s " + file("log") + " ]; do sleep 0.02; done; exit " + std::to_string(status))});
    EXPECT_EQ(ended(), status);
    EXPECT_EQ(lines("log"), (std::vector<std::string>{"up", "told to end"}));
    EXPECT_FALSE(ready(0));
    std::filesystem::remove(file("log"));
  }
}

TEST_F(SupervisorTest, AProgramThatCannotBeStartedEndsAllAtOnce) {
  for (const bool first : {true, false}) {
    std::vector<ChildSpec> children{script("stubborn", "trap '' TERM; " + note("log", "up") + kStay)};
    children.insert(first ? children.begin() : children.end(), ChildSpec{"missing", {file("no-such-program")}, {}});
    start(children, 1'000);
    EXPECT_EQ(ended(10'000), EX_OSERR);
    if (first) EXPECT_TRUE(lines("log").empty()) << "there is no point in starting the others";
  }
}

TEST_F(SupervisorTest, ASecondSignalKills) {
  start({script("deaf", "trap '' TERM INT; " + kSayReady + kStay)}, 60'000);
  ASSERT_TRUE(ready());
  tell(SIGTERM);
  EXPECT_FALSE(ended(300)) << "it is given time";
  tell(SIGINT);
  EXPECT_EQ(ended(), 0);
}

TEST_F(SupervisorTest, TimeRunsOutForChildrenThatDoNotEnd) {
  start({script("deaf", "trap '' TERM; " + kSayReady + kStay), script("good", kSayReady + kStay)}, 200);
  ASSERT_TRUE(ready());
  tell(SIGINT);
  EXPECT_EQ(ended(10'000), 0);
}

TEST_F(SupervisorTest, AVeryLongStopTimeoutIsNotAShortOne) {
  start({script("deaf", "trap '' TERM; " + kSayReady + kStay)}, std::int64_t{1} << 40);
  ASSERT_TRUE(ready());
  tell(SIGTERM);
  EXPECT_FALSE(ended(300));
  tell(SIGTERM);
  EXPECT_EQ(ended(), 0);
}

TEST_F(SupervisorTest, PassesSighupOn) {
  start({script("a", "trap '" + note("log", "hup") + "' HUP; " + kSayReady + kStay)});
  ASSERT_TRUE(ready());
  tell(SIGHUP);
  EXPECT_TRUE(becomes([this] { return lines("log").size() == 1; }));
}

TEST_F(SupervisorTest, ChildrenHaveTheirDescriptorsAndNoOthers) {
  std::size_t inherited = 0;  // what whoever runs the tests has left open
  for (int descriptor = 3; descriptor < 1024; ++descriptor) {
    const int flags = ::fcntl(descriptor, F_GETFD);
    inherited += flags >= 0 && (flags & FD_CLOEXEC) == 0 ? 1 : 0;
  }
  int ours[2];
  ASSERT_EQ(::pipe2(ours, O_CLOEXEC), 0);
  // No pipeline: the shell whose descriptors are listed would hold the pipe's ends for a moment.
  start({script(
      "a",
      "echo -n hello >/proc/self/fd/" + std::to_string(ours[1]) + "; ls /proc/$$/fd >" + file("fds") + "; " + kSayReady + kStay,
      {ours[1]})});
  ASSERT_TRUE(ready());
  char text[8]{};
  EXPECT_EQ(::read(ours[0], text, sizeof text), 5);
  EXPECT_STREQ(text, "hello");
  std::vector<int> extra;
  for (const std::string& line : lines("fds")) {
    const int descriptor = std::stoi(line);
    if (descriptor > 2 && descriptor != 255) extra.push_back(descriptor);  // 255 is the shell's own
  }
  EXPECT_EQ(extra.size(), inherited + 2) << "the one given and the one to say ready on";
  ::close(ours[0]);
  ::close(ours[1]);
}

TEST_F(SupervisorTest, ChildrenHaveASignalMaskOfTheirOwn) {
  // Read by the shell itself: it blocks signals while it waits for others.
  start({script("a", "while read -r key value; do [ $key = SigBlk: ] && echo $value >" + file("mask") +
                         "; done </proc/self/status; " + kSayReady + kStay)});
  ASSERT_TRUE(ready());
  EXPECT_EQ(lines("mask").at(0), "0000000000000000");
}

// Whoever started us may have ignored SIGCHLD, which exec passes on; deaths would go unseen.
TEST_F(SupervisorTest, DeathsAreSeenWhateverWasInherited) {
  start({script("a", note("log", "$$") + kSayReady + kStay)}, 20'000, [] {
    for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) ::signal(signal, SIG_IGN);
  });
  ASSERT_TRUE(ready());
  EXPECT_EQ(::kill(std::stoi(lines("log").at(0)), SIGKILL), 0);
  EXPECT_TRUE(becomes([this] { return lines("log").size() == 2; }, 5'000));
  tell(SIGTERM);
  EXPECT_EQ(ended(5'000), 0);
}

TEST(Notify, ReachesTheServiceManager) {
  std::string directory = "/tmp/postern-notify-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string abstract = "@postern-notify-" + std::to_string(::getpid());
  for (const std::string& name : {directory + "/notify", abstract}) {
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), address.sun_path);
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ASSERT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), length), 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    notify_service_manager("READY=1");
    char text[64]{};
    EXPECT_EQ(::recv(descriptor, text, sizeof text, MSG_DONTWAIT), 7) << name;
    EXPECT_STREQ(text, "READY=1");
    ::close(descriptor);
  }
  // Nobody there, nonsense, nothing at all: no harm.
  for (const std::string& name : {directory + "/nobody", std::string(500, 'x'), std::string()}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    notify_service_manager("READY=1");
  }
  ::unsetenv("NOTIFY_SOCKET");
  notify_service_manager("READY=1");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace postern::supervisor
