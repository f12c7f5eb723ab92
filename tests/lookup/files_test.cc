// Files that other programs have made, and what happens on the pool's threads.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/coro/scheduler.h"
#include "engine/shard/offload.h"
#include "net/transport/runtime.h"
#include "policy/lookup/lookup_testing.h"

namespace postern::lookup {
namespace {

namespace fs = std::filesystem;
using Status = Answer::Status;

class LookupFiles : public ::testing::Test {
 public:
  LookupFiles() : offload_(2, 64) {
    runtime_ = transport::Runtime::create({.connections_max = 8, .small_buffers = 16, .large_buffers = 16}).value();
    lookups_.emplace(catalogue_, World{.clock = &clock_, .offload = &offload_});
  }
  ~LookupFiles() override { runtime_->loop().run(lookups_->close()); }

  [[nodiscard]] std::string path(std::string_view name) const { return folder_.path(name); }
  static void write(const std::string& file, std::string_view text) { std::ofstream(file, std::ios::binary) << text; }
  [[nodiscard]] bool run(const std::string& command) const {
    return std::system(("cd " + folder_.name() + " && " + command + " 2>&1 >/dev/null").c_str()) == 0;
  }

  std::string find(std::string_view written, std::string file, std::string key, std::int64_t deadline_ms = 30'000) {
    std::string text;
    runtime_->loop().run(
        ask(*lookups_, catalogue_.compile(written).value(), std::move(file), std::move(key), deadline_ms, text));
    return text;
  }

  ManualClock clock_;  // of the looks at files; the loop has its own
  shard::Offload offload_;
  ScratchFolder folder_;
  std::unique_ptr<transport::Runtime> runtime_;
  Catalogue catalogue_{Settings{}};
  std::optional<Lookups> lookups_;

 private:
  static Task<void> ask(Lookups& lookups, Handle handle, std::string file, std::string key, std::int64_t deadline_ms,
                        std::string& text) {
    const Wait wait{.deadline = Scheduler::current().now().plus_ms(deadline_ms)};
    text = text_of(co_await lookups.find(handle, std::move(file), std::move(key), wait));
  }
};

TEST_F(LookupFiles, CdbOfTinycdb) {
  if (::access("/usr/bin/cdb", X_OK) != 0) GTEST_SKIP() << "tinycdb is not installed";
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "host" + std::to_string(i) + ".example value " + std::to_string(i) + "\n";
  write(path("f"), text + "*.wild.example wild\ndup one\ndup two\n* star\n");
  ASSERT_TRUE(run("cdb -c -m f.cdb f"));
  EXPECT_EQ(find("cdb", path("f.cdb"), "host19999.example"), "<value 19999>");
  EXPECT_EQ(find("cdb", path("f.cdb"), "host20000.example"), "-");
  EXPECT_EQ(find("cdb", path("f.cdb"), "dup"), "<one>");
  EXPECT_EQ(find("partial-cdb", path("f.cdb"), "a.b.wild.example"), "<wild>");
  EXPECT_EQ(find("cdb*", path("f.cdb"), "none"), "<star>");
  write(path("g"), "key new\n");
  ASSERT_TRUE(run("cdb -c -m g.cdb g && mv g.cdb f.cdb"));
  clock_.advance_ms(1000);
  EXPECT_EQ(find("cdb", path("f.cdb"), "key"), "<new>") << "a new file in its place";
}

TEST_F(LookupFiles, LmdbOfMdbLoad) {
  if (::access("/usr/bin/mdb_load", X_OK) != 0) GTEST_SKIP() << "lmdb-utils is not installed";
  write(path("f"), "alpha\none\n*.wild.example\nwild\nkey with blanks\nand a value\n");
  ASSERT_TRUE(run("mdb_load -n -T -f f f.mdb"));
  EXPECT_EQ(find("lmdb", path("f.mdb"), "alpha"), "<one>");
  EXPECT_EQ(find("lmdb", path("f.mdb"), "ALPHA"), "-") << "case counts";
  EXPECT_EQ(find("lmdb", path("f.mdb"), "key with blanks"), "<and a value>");
  EXPECT_EQ(find("partial-lmdb", path("f.mdb"), "a.wild.example"), "<wild>");
  EXPECT_EQ(find("lmdb", path("f.mdb"), std::string(5000, 'x')), "-");
  write(path("g"), "alpha\ntwo\n");
  ASSERT_TRUE(run("mdb_load -n -T -f g g.mdb && mv g.mdb f.mdb"));
  clock_.advance_ms(1000);
  EXPECT_EQ(find("lmdb", path("f.mdb"), "alpha"), "<two>");
  write(path("bad"), std::string(20'000, 'x'));
  EXPECT_EQ(find("lmdb", path("bad"), "alpha").substr(0, 23), "failed: failed to open ");
}

TEST_F(LookupFiles, SqliteOfItsOwnProgram) {
  if (::access("/usr/bin/sqlite3", X_OK) != 0) GTEST_SKIP() << "sqlite3 is not installed";
  ASSERT_TRUE(run("sqlite3 f.db \"create table t(k,v); insert into t values('a','one'),('b','two')\""));
  EXPECT_EQ(find("sqlite,file=" + path("f.db"), "", "select v from t where k='b'"), "<two>");
  EXPECT_EQ(find("sqlite,file=" + path("f.db"), "", "select v from t"), "<one\ntwo>");
}

TEST_F(LookupFiles, ALongStatementIsGivenUp) {
  if (::access("/usr/bin/sqlite3", X_OK) != 0) GTEST_SKIP() << "sqlite3 is not installed";
  ASSERT_TRUE(run("sqlite3 f.db 'create table t(k)'"));
  const std::string written = "sqlite,file=" + path("f.db");
  // It would never end: that the pool can be closed behind it shows that it was interrupted.
  EXPECT_EQ(find(written, "", "with recursive c(x) as (select 1 union all select x+1 from c) select count(*) from c", 50),
            "deferred: sqlite: the query takes too long");
  EXPECT_EQ(find(written, "", "select 5"), "<5>");
}

TEST_F(LookupFiles, ALargeFileAnswersWhileItIsReadAnew) {
  std::string text = "which: old\n";
  for (int i = 0; i < 40'000; ++i) text += "key" + std::to_string(i) + ": x\n";
  const std::string file = path("f");
  write(file, text);
  ASSERT_GT(text.size(), std::size_t{256} * 1024);
  EXPECT_EQ(find("lsearch", file, "which"), "<old>");
  text.replace(7, 3, "new");
  write(path("g"), text);
  fs::rename(path("g"), file);
  clock_.advance_ms(1000);
  const Handle handle = catalogue_.compile("lsearch").value();
  struct Main {
    static Task<void> go(Lookups& lookups, Handle handle, std::string file, std::vector<std::string>& answers) {
      // The first look starts the reading, and has the old answer.
      for (int i = 0; i < 10'000; ++i) {
        const Found found = co_await lookups.find(handle, file, "which", {});
        if (answers.empty() || answers.back() != found.answer.value) answers.push_back(found.answer.value);
        if (found.answer.value != "old") break;
        (void)co_await sleep_until(Scheduler::current().now().plus_ms(1));
      }
    }
  };
  std::vector<std::string> answers;
  runtime_->loop().run(Main::go(*lookups_, handle, file, answers));
  EXPECT_EQ(answers, (std::vector<std::string>{"old", "new"}));
}

}  // namespace
}  // namespace postern::lookup
