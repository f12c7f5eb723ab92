#include "policy/lookup/lookup.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "policy/lookup/lookup_testing.h"

namespace postern::lookup {
namespace {

namespace fs = std::filesystem;
using Status = Answer::Status;

// Without a pool: what has to wait is done in place.
class LookupsTest : public ::testing::Test {
 public:
  LookupsTest() {
    settings_.sqlite_dbfile = path("db");
    open();
  }
  ~LookupsTest() override { close(); }

  void open() {
    catalogue_ = std::make_unique<Catalogue>(settings_);
    lookups_ = std::make_unique<Lookups>(*catalogue_, World{.clock = &scheduler_.clock()});
  }
  void close() {
    if (lookups_ == nullptr) return;
    Gate gate;
    gate.start(lookups_->close());
    scheduler_.run();
    lookups_ = nullptr;
  }

  [[nodiscard]] std::string path(std::string_view name) const { return folder_.path(name); }
  std::string write(std::string_view name, std::string_view text) const { return folder_.write(name, text); }

  Handle handle(std::string_view written) { return catalogue_->compile(written).value(); }

  std::string find(std::string_view written, std::string_view file, std::string_view key, ResultCache* cache = nullptr) {
    std::optional<Found> found;
    Gate gate;
    gate.start(ask(*lookups_, handle(written), std::string(file), std::string(key), found, cache));
    scheduler_.run();
    return found ? text_of(*found) : "still waiting";
  }
  std::string find_now(std::string_view written, std::string_view file, std::string_view key, ResultCache* cache = nullptr) {
    Found found;
    return lookups_->find_now(handle(written), file, key, found, cache) ? text_of(found) : "would wait";
  }

  ManualScheduler scheduler_;
  ScratchFolder folder_;
  Settings settings_;
  std::unique_ptr<Catalogue> catalogue_;
  std::unique_ptr<Lookups> lookups_;

 private:
  static Task<void> ask(Lookups& lookups, Handle handle, std::string file, std::string key, std::optional<Found>& found,
                        ResultCache* cache) {
    found = co_await lookups.find(handle, std::move(file), std::move(key), {}, cache);
  }
};

TEST_F(LookupsTest, AFileIsReadOnceAndThenAtHand) {
  const std::string file = write("f", "alpha: one\n*.x.y: wild\n");
  EXPECT_EQ(find_now("lsearch", file, "alpha"), "would wait");
  EXPECT_EQ(find("lsearch", file, "alpha"), "<one>");
  EXPECT_EQ(find_now("lsearch", file, "alpha"), "<one>");
  EXPECT_EQ(find_now("lsearch", file, "beta"), "-");
  EXPECT_EQ(find_now("lsearch,ret=full", file, "alpha"), "<alpha: one>");
  EXPECT_EQ(find_now("lsearch,ret=key", file, "ALPHA"), "<ALPHA>");
  Found found;
  ASSERT_TRUE(lookups_->find_now(handle("partial-lsearch"), file, "z.x.y", found));
  EXPECT_EQ(found.answer.wild, (Wild{1, 2}));
}

TEST_F(LookupsTest, AChangedFileIsReadAnewWithinASecond) {
  const std::string file = write("f", "a: 1\n");
  EXPECT_EQ(find("lsearch", file, "a"), "<1>");
  write("f", "a: 22\n");
  EXPECT_EQ(find("lsearch", file, "a"), "<1>") << "nobody looks before a second has passed";
  scheduler_.clock().advance_ms(1000);
  EXPECT_EQ(find("lsearch", file, "a"), "<22>");
  // Another file of the same size in its place.
  fs::rename(write("g", "a: 33\n"), file);
  scheduler_.clock().advance_ms(1000);
  EXPECT_EQ(find("lsearch", file, "a"), "<33>");
  fs::remove(file);
  scheduler_.clock().advance_ms(1000);
  EXPECT_EQ(find("lsearch", file, "a"), "failed: failed to open " + file + " for linear search: No such file or directory");
  EXPECT_EQ(find_now("lsearch", file, "a"), "failed: failed to open " + file + " for linear search: No such file or directory");
  write("f", "a: 4\n");
  scheduler_.clock().advance_ms(1000);
  EXPECT_EQ(find("lsearch", file, "a"), "<4>");
}

TEST_F(LookupsTest, FilesNamedByAConfigurationAreReadForAllShards) {
  const std::string file = write("f", "a: 1\n");
  ASSERT_TRUE(catalogue_->load(handle("lsearch"), file));
  EXPECT_EQ(find_now("lsearch", file, "a"), "<1>");
  Lookups other(*catalogue_, World{.clock = &scheduler_.clock()});
  Found found;
  ASSERT_TRUE(other.find_now(handle("lsearch"), file, "a", found));
  write("f", "a: 22\n");
  scheduler_.clock().advance_ms(1000);
  EXPECT_EQ(find("lsearch", file, "a"), "<22>");
  // The other shard has what the first has read.
  ASSERT_TRUE(other.find_now(handle("lsearch"), file, "a", found));
  EXPECT_EQ(text_of(found), "<22>");
  EXPECT_FALSE(catalogue_->load(handle("lsearch"), path("none")));
  EXPECT_FALSE(catalogue_->load(handle("lsearch"), "f"));
}

TEST_F(LookupsTest, WhatIsWrongWithAQuestion) {
  const std::string file = write("f", "a: 1\n");
  EXPECT_EQ(find_now("lsearch", "f", "a"), "failed: absolute file name expected for \"lsearch\" lookup");
  EXPECT_EQ(find_now("lsearch", "", "a"), "failed: absolute file name expected for \"lsearch\" lookup");
  EXPECT_EQ(find_now("lsearch*", file, ""), "-");
  EXPECT_EQ(find_now("lsearch", file, std::string(kKeyBytesMax + 1, 'a')), "failed: a lookup's key is at most 64 KiB long");
  EXPECT_EQ(find_now("lsearch", std::string_view("/f\0x", 4), "a"), "failed: a file name cannot hold a zero byte");
  EXPECT_EQ(find("lsearch", folder_.name(), "a"), "failed: " + folder_.name() + " is not a regular file (linear search)");
  EXPECT_EQ(find("cdb", file, "a"), "failed: " + file + " is too short for cdb lookup");
  EXPECT_EQ(find("lmdb", file, "a").substr(0, 22), "failed: failed to open");
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(find("lsearch", path("fifo"), "a"), "failed: " + path("fifo") + " is not a regular file (linear search)");
}

TEST_F(LookupsTest, AFileWhoseItemsAreHuge) {
  const std::string file = write("f", "a: " + std::string(kValueBytesMax + 1, 'x') + "\nb: 1\n");
  EXPECT_EQ(find("lsearch", file, "a"), "failed: the value is larger than 256 KiB");
  EXPECT_EQ(find("lsearch", file, "b"), "<1>");
}

TEST_F(LookupsTest, Dsearch) {
  fs::create_directory(path("d"));
  fs::create_directory(path("d/sub"));
  fs::create_directory(path("d/sub/deep"));
  write("d/file", "");
  write("d/.dot", "");
  fs::create_symlink("nowhere", path("d/dangling"));
  fs::create_symlink("sub", path("d/link"));
  const auto ask = [this](std::string_view key, std::string_view written = "dsearch") { return find(written, path("d"), key); };
  EXPECT_EQ(ask("file"), "<file>");
  EXPECT_EQ(ask("sub"), "<sub>");
  EXPECT_EQ(ask("dangling"), "<dangling>");
  EXPECT_EQ(ask("none"), "-");
  EXPECT_EQ(ask("file", "dsearch,filter=file"), "<file>");
  EXPECT_EQ(ask("sub", "dsearch,filter=file"), "-");
  EXPECT_EQ(ask("link", "dsearch,filter=dir"), "-");
  EXPECT_EQ(ask("sub", "dsearch,filter=subdir"), "<sub>");
  EXPECT_EQ(ask("file", "dsearch,ret=full"), "<" + path("d") + "/file>");
  EXPECT_EQ(ask(".dot"), "-");
  EXPECT_EQ(ask("."), "-");
  EXPECT_EQ(ask(".."), "-");
  EXPECT_EQ(ask("sub/deep"), "deferred: key for dsearch lookup contains a slash: sub/deep");
  EXPECT_EQ(ask("/etc/passwd"), "deferred: key for dsearch lookup contains a slash: /etc/passwd");
  EXPECT_EQ(ask(std::string_view("file\0", 5)), "-");
  EXPECT_EQ(ask(std::string(2000, 'x')), "-");
  EXPECT_EQ(ask("sub/deep", "dsearch,key=path"), "<sub/deep>");
  EXPECT_EQ(ask("sub/../file", "dsearch,key=path"), "-");
  EXPECT_EQ(ask("/etc/passwd", "dsearch,key=path"), "-");
  EXPECT_EQ(ask("file/x", "dsearch,key=path"), "-");
  EXPECT_EQ(find("dsearch", path("d/file"), "x"),
            "failed: failed to open " + path("d/file") + " for directory search: Not a directory");
  // What is made and removed meanwhile is seen at once.
  write("d/new", "");
  EXPECT_EQ(ask("new"), "<new>");
  fs::remove(path("d/new"));
  EXPECT_EQ(ask("new"), "-");
}

TEST_F(LookupsTest, FewFilesStayOpen) {
  close();
  settings_.open_max = 2;
  open();
  for (const std::string_view name : {"a", "b", "c"}) {
    write(name, "k: " + std::string(name) + "\n");
    EXPECT_EQ(find("lsearch", path(name), "k"), "<" + std::string(name) + ">");
  }
  EXPECT_EQ(find_now("lsearch", path("c"), "k"), "<c>");
  EXPECT_EQ(find_now("lsearch", path("b"), "k"), "<b>");
  EXPECT_EQ(find_now("lsearch", path("a"), "k"), "would wait");
}

class SqliteTest : public LookupsTest {
 public:
  SqliteTest() {
    sqlite3* database = nullptr;
    EXPECT_EQ(::sqlite3_open(path("db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(::sqlite3_exec(database,
                             "create table t(a,b,c);insert into t values('x','y z',1),('q\"u','',null),(3.5,'b\\s',x'4142');"
                             "create table one(v);insert into one values('alpha'),('beta gamma'),('');",
                             nullptr, nullptr, nullptr),
              SQLITE_OK);
    ::sqlite3_close(database);
  }
};

// As Debian's Exim 4.96 gives them.
TEST_F(SqliteTest, Rows) {
  EXPECT_EQ(find("sqlite", "", "select * from t"), "<a=x b=\"y z\" c=1 \na=q\"u b=\"\" c=<NULL> \na=3.5 b=b\\s c=AB >");
  EXPECT_EQ(find("sqlite", "", "select v from one"), "<alpha\nbeta gamma\n>");
  EXPECT_EQ(find("sqlite", "", "select v from one where v=1"), "-");
  EXPECT_EQ(find("sqlite", "", "select null"), "<<NULL>>");
  EXPECT_EQ(find("sqlite", "", "select null as n, 2 as m"), "<n=<NULL> m=2 >");
  EXPECT_EQ(find("sqlite", "", "insert into one values(7)"), "-");
  EXPECT_EQ(find("sqlite", "", "update one set v=8 where v=7; select 1; select 2,3"), "<1\n2=2 3=3 >");
  EXPECT_EQ(find("sqlite", "", "select v from one where v=8"), "<8>");
  EXPECT_EQ(find("sqlite", "", "select 'a \"b\\' as n, 1 as m"), "<n=\"a \\\"b\\\\\" m=1 >");
  EXPECT_EQ(find("sqlite", "", ""), "-");
  EXPECT_EQ(find("sqlite", "", " -- nothing"), "-");
  EXPECT_EQ(find("sqlite,file=" + path("db"), "", "select 5"), "<5>");
}

TEST_F(SqliteTest, WhatIsWrong) {
  EXPECT_EQ(find("sqlite", "", "select bad from one"), "failed: sqlite: no such column: bad");
  EXPECT_EQ(find("sqlite", "", std::string_view("select 1\0", 9)), "failed: sqlite: a zero byte in the query");
  EXPECT_EQ(find("sqlite", "", "/x select 1"), "failed: sqlite: the file is named behind the type: sqlite,file=/name");
  EXPECT_EQ(find("sqlite,file=" + path("none"), "", "select 1").substr(0, 40),
            ("deferred: sqlite: failed to open " + path("none")).substr(0, 40));
  EXPECT_FALSE(fs::exists(path("none"))) << "no file is made";
  EXPECT_EQ(find("sqlite", "", "attach '/tmp/x' as y").substr(0, 6), "failed") << "a statement names no other file";
  EXPECT_EQ(find("sqlite", "", "select hex(zeroblob(200000))").substr(0, 6), "failed");
  EXPECT_EQ(find("sqlite,file=" + write("text", std::string(5000, 'x')), "", "select * from t").substr(0, 8), "deferred");
}

TEST_F(SqliteTest, ALockedDatabaseDefers) {
  close();
  settings_.sqlite_lock_timeout_ms = 10;
  open();
  sqlite3* other = nullptr;
  ASSERT_EQ(::sqlite3_open(path("db").c_str(), &other), SQLITE_OK);
  ASSERT_EQ(::sqlite3_exec(other, "begin exclusive", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_EQ(find("sqlite", "", "select 5 from one limit 1"), "deferred: sqlite: database is locked");
  ASSERT_EQ(::sqlite3_exec(other, "commit", nullptr, nullptr, nullptr), SQLITE_OK);
  ::sqlite3_close(other);
  EXPECT_EQ(find("sqlite", "", "select 5 from one limit 1"), "<5>");
}

TEST_F(SqliteTest, ResultsAreKeptForAMessage) {
  ResultCache cache;
  EXPECT_EQ(find("sqlite", "", "select count(*) from one", &cache), "<3>");
  EXPECT_EQ(find("sqlite", "", "insert into one values(1)", &cache), "-");
  EXPECT_EQ(find_now("sqlite", "", "select count(*) from one", &cache), "<3>");
  EXPECT_EQ(find_now("sqlite", "", "insert into one values(1)", &cache), "would wait")
      << "what changes something is done each time";
  EXPECT_EQ(find_now("sqlite,cache=no_rd", "", "select count(*) from one", &cache), "would wait");
  cache.clear();
  EXPECT_EQ(find("sqlite", "", "select count(*) from one", &cache), "<4>");
}

TEST(ResultCaches, AreBounded) {
  ResultCache cache;
  const Instant now{1000};
  for (std::size_t i = 0; i <= ResultCache::kEntriesMax; ++i)
    cache.put(0, std::to_string(i), Found(Answer::found("v")), Instant::never());
  EXPECT_EQ(cache.find(0, "0", now), nullptr);
  ASSERT_NE(cache.find(0, "1", now), nullptr);
  EXPECT_EQ(cache.find(1, "1", now), nullptr);
  cache.put(0, "large", Found(Answer::found(std::string(ResultCache::kBytesMax, 'x'))), Instant::never());
  EXPECT_EQ(cache.find(0, "large", now), nullptr);
  cache.put(0, "half", Found(Answer::found(std::string(ResultCache::kBytesMax - 10, 'x'))), Instant::never());
  EXPECT_NE(cache.find(0, "half", now), nullptr);
  EXPECT_EQ(cache.find(0, "1", now), nullptr);
  cache.put(0, "short", Found(Answer::found("v")), Instant{1001});
  EXPECT_NE(cache.find(0, "short", now), nullptr);
  EXPECT_EQ(cache.find(0, "short", Instant{1001}), nullptr);
}

TEST(CatalogueTest, RedisNeedsServers) {
  EXPECT_FALSE(Catalogue({}).compile("redis"));
  EXPECT_TRUE(Catalogue({.redis_servers = "127.0.0.1/10/"}).compile("redis"));
  EXPECT_FALSE(Catalogue({.redis_servers = "127.0.0.1"}).compile("redis"));
  EXPECT_TRUE(Catalogue({}).compile("redis,servers=127.0.0.1//"));
  EXPECT_FALSE(Catalogue({}).compile("redis,servers=127.0.0.1"));
  Catalogue catalogue({});
  EXPECT_EQ(catalogue.compile("lsearch").value(), catalogue.compile("lsearch").value());
  EXPECT_NE(catalogue.compile("lsearch").value(), catalogue.compile("lsearch*").value());
}

TEST(ListItems, AreRecognised) {
  Catalogue catalogue({.redis_servers = "127.0.0.1//"});
  const auto item = [&](std::string_view text, Place place = Place::list) { return parse_list_item(catalogue, text, place); };
  EXPECT_EQ(item("lsearch;/etc/f")->value().file, "/etc/f");
  EXPECT_EQ(item("partial-lsearch ; /etc/f")->value().file, "/etc/f");
  EXPECT_EQ(item("redis;get x;y")->value().query, "get x;y");
  EXPECT_FALSE(item("*.example"));
  EXPECT_FALSE(item("^a;b"));
  EXPECT_FALSE(item("1.2.3.4;x"));
  EXPECT_FALSE(*item("lserch;/f"));
  EXPECT_FALSE(*item("net-lsearch;/f"));
  EXPECT_TRUE(*item("net-lsearch;/f", Place::host_list));
  const auto key = [&](std::string_view written, std::string_view address) {
    return net_key(parse_written(written, Place::host_list).value(), IpAddress::parse(address).value());
  };
  EXPECT_EQ(key("net-lsearch", "192.168.34.6"), "192.168.34.6");
  EXPECT_EQ(key("net24-lsearch", "192.168.34.6"), "192.168.34.0/24");
  EXPECT_EQ(key("net-lsearch", "2001:db8::1"), "2001.0db8.0000.0000.0000.0000.0000.0001");
  EXPECT_EQ(key("net32-lsearch", "2001:db8::1"), "2001.0db8.0000.0000.0000.0000.0000.0000/32");
  EXPECT_EQ(key("net-iplsearch", "2001:db8::1"), "2001:0db8:0000:0000:0000:0000:0000:0001");
}

}  // namespace
}  // namespace postern::lookup
