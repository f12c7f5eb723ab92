#include "appliance/spool/lock.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "engine/base/check.h"

namespace postern::spool {
namespace {

class DirectoryLockTest : public ::testing::Test {
 protected:
  DirectoryLockTest() {
    std::string name = ::testing::TempDir() + "postern-lock-XXXXXX";
    POSTERN_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~DirectoryLockTest() override { ::rmdir(path_.c_str()); }
  std::string path_;
};

TEST_F(DirectoryLockTest, IsHeldByOne) {
  std::optional<Result<DirectoryLock>> first(DirectoryLock::acquire(path_, 0));
  ASSERT_TRUE(*first);
  const auto second = DirectoryLock::acquire(path_, 30);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::busy);
  first.reset();
  EXPECT_TRUE(DirectoryLock::acquire(path_, 0));
}

TEST_F(DirectoryLockTest, WaitsForAPredecessorThatIsStillGoing) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = DirectoryLock::acquire(path_, 0);
    static_cast<void>(::write(ready[1], held ? "1" : "0", 1) == 1);
    ::usleep(100'000);
    ::_exit(0);
  }
  char held = 0;
  ASSERT_EQ(::read(ready[0], &held, 1), 1);
  EXPECT_EQ(held, '1');
  EXPECT_TRUE(DirectoryLock::acquire(path_, 10'000));
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(DirectoryLockTest, NeedsADirectory) {
  const auto lock = DirectoryLock::acquire(path_ + "/missing", 0);
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, Errc::not_found);
}

}  // namespace
}  // namespace postern::spool
