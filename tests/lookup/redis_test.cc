// Redis lookups against real servers: answers, passwords, databases, silence, clusters.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/coro/gate.h"
#include "engine/coro/scheduler.h"
#include "net/transport/runtime.h"
#include "net/transport/uring_connector.h"
#include "policy/lookup/lookup_testing.h"
#include "policy/lookup/redis.h"
#include "tests/lookup/redis_server_testing.h"

namespace postern::lookup {
namespace {

using Status = Answer::Status;

class RedisLookups : public ::testing::Test {
 public:
  void SetUp() override {
    if (::access(kRedisProgram, X_OK) != 0) GTEST_SKIP() << "redis-tools is not installed";
    runtime_ = transport::Runtime::create({.connections_max = 64, .small_buffers = 64, .large_buffers = 16}).value();
    connector_.emplace(runtime_->streams());
  }

  void open(std::string servers) {
    catalogue_.emplace(Settings{.redis_servers = std::move(servers)});
    lookups_.emplace(*catalogue_, World{.clock = &runtime_->clock(), .connector = &*connector_});
  }

  // The answers to the queries, asked one after the other on one shard.
  std::vector<std::string> ask(std::vector<std::string> queries, std::int64_t deadline_ms = 30'000,
                               std::string_view written = "redis") {
    std::vector<std::string> answers;
    runtime_->loop().run(
        ask_all(*lookups_, catalogue_->compile(written).value(), std::move(queries), deadline_ms, answers, nullptr));
    return answers;
  }
  std::string ask_one(std::string query, std::int64_t deadline_ms = 30'000) {
    return ask({std::move(query)}, deadline_ms).at(0);
  }
  void close() {
    runtime_->loop().run(lookups_->close());
    lookups_.reset();
  }
  void TearDown() override {
    if (lookups_) close();
  }

  static Task<void> ask_all(Lookups& lookups, Handle handle, std::vector<std::string> queries, std::int64_t deadline_ms,
                            std::vector<std::string>& answers, ResultCache* cache) {
    for (const std::string& query : queries) {
      const Wait wait{.deadline = Scheduler::current().now().plus_ms(deadline_ms)};
      answers.push_back(text_of(co_await lookups.find(handle, "", query, wait, cache)));
    }
  }

  std::unique_ptr<transport::Runtime> runtime_;
  std::optional<transport::UringConnector> connector_;
  std::optional<Catalogue> catalogue_;
  std::optional<Lookups> lookups_;
};

TEST_F(RedisLookups, Answers) {
  const RedisProcess server;
  open(server.item());
  EXPECT_EQ(ask({"set key value", "get key", "get none", "set a\\ b c\\\\d", "get a\\ b", "incr n", "smembers none"}),
            (std::vector<std::string>{"<OK>", "<value>", "<>", "<OK>", "<c\\d>", "<1>", "-"}));
  EXPECT_EQ(ask({"rpush list one two three", "lrange list 0 -1", "sadd set x", "smembers set", "lrange list 5 9"}),
            (std::vector<std::string>{"<3>", "<one\ntwo\nthree>", "<1>", "<x>", "-"}));
  EXPECT_EQ(ask_one("eval return{1,{'a','b'},'c'} 0"), "<1\na\nb\nc>");
  EXPECT_EQ(ask_one("nonsense").substr(0, 49), "deferred: REDIS: lookup result failed: ERR unknow");
  EXPECT_EQ(ask_one("get key"), "<value>") << "an error leaves the connection good";
  EXPECT_EQ(ask_one(" "), "failed: REDIS: an empty Redis command");
  EXPECT_EQ(ask_one("servers=x; get y"), "failed: REDIS: servers are named behind the type: redis,servers=...");
  EXPECT_EQ(ask({"set big " + std::string(60'000, 'x'), "strlen big"}).at(1), "<60000>");
  EXPECT_EQ(ask({"eval return(string.rep('x',600000)) 0", "get key"}).at(0).substr(0, 9), "deferred:");
}

TEST_F(RedisLookups, ThroughASocketFile) {
  const RedisProcess server;
  open("(" + server.folder + "/socket)/3/");
  EXPECT_EQ(ask({"set key three", "get key"}).at(1), "<three>");
}

TEST_F(RedisLookups, PasswordsAndDatabases) {
  const RedisProcess server({"--requirepass", "secret"});
  open(server.item("/4/secret"));
  EXPECT_EQ(ask({"set key four", "get key"}).at(1), "<four>");
  close();
  open(server.item("//secret"));
  EXPECT_EQ(ask_one("get key"), "<>") << "another database";
  close();
  open(server.item("/4/"));
  EXPECT_NE(ask_one("get key").find("NOAUTH"), std::string::npos);
  close();
  open(server.item("/4/wrong"));
  const std::string why = ask_one("get key");
  EXPECT_NE(why.find("AUTH: WRONGPASS"), std::string::npos) << why;
  close();
  open(server.item("/99/secret"));
  EXPECT_NE(ask_one("get key").find("SELECT: ERR"), std::string::npos);
}

TEST_F(RedisLookups, AServerThatIsDownIsRememberedAndTheNextOneAsked) {
  const RedisProcess server;
  const std::string away = "127.0.0.1::" + std::to_string(free_port()) + "//";
  open(away);
  const std::vector<std::string> answers = ask({"get key", "get key"});
  EXPECT_NE(answers.at(0).find("connection failed: "), std::string::npos) << answers.at(0);
  EXPECT_NE(answers.at(1).find("it is down: connection failed: "), std::string::npos) << answers.at(1);
  close();
  open(away + " : " + server.item());
  EXPECT_EQ(ask({"set key value", "get key"}).at(1), "<value>");
}

TEST_F(RedisLookups, ASilentServerDefersInTime) {
  const RedisProcess server;
  open(server.item());
  EXPECT_EQ(ask_one("set key value"), "<OK>");
  // It sleeps for longer than anybody waits here; that the answer comes at all shows that nobody waited for it.
  const std::vector<std::string> answers = ask({"debug sleep 600", "get key"}, 100);
  EXPECT_NE(answers.at(0).find("no answer: "), std::string::npos) << answers.at(0);
  EXPECT_EQ(answers.at(1).substr(0, 9), "deferred:");
  EXPECT_EQ(answers.at(1).find("it is down"), std::string::npos) << "a short wait says nothing about the server";
}

TEST_F(RedisLookups, ARestartedServerIsFoundAgain) {
  std::optional<RedisProcess> server(std::in_place);
  const std::uint16_t port = server->port;
  open(server->item());
  EXPECT_EQ(ask_one("set key value"), "<OK>");
  server.reset();
  server.emplace(std::vector<std::string>{}, port);
  EXPECT_EQ(ask_one("get key"), "<>");
}

TEST_F(RedisLookups, ManyAtOnceShareFewConnections) {
  const RedisProcess server;
  open(server.item());
  struct Main {
    static Task<void> one(Lookups& lookups, Handle handle, int number, int& right) {
      const std::string text = std::to_string(number);
      const Found found = co_await lookups.find(handle, "", "echo " + text, {});
      right += found.answer.value == text ? 1 : 0;
    }
    static Task<void> go(Lookups& lookups, Handle handle, int& right) {
      Gate gate;
      for (int i = 0; i < 200; ++i) gate.start(one(lookups, handle, i, right));
      co_await gate.close();
    }
  };
  int right = 0;
  runtime_->loop().run(Main::go(*lookups_, catalogue_->compile("redis").value(), right));
  EXPECT_EQ(right, 200);
  const std::string clients = ask_one("client list");
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(clients, '=')) > 0, true);
  std::size_t count = 0;
  for (std::size_t at = clients.find("addr="); at != std::string::npos; at = clients.find(" addr=", at + 1)) ++count;
  EXPECT_LE(count, RedisClient::kConnectionsMax);
  EXPECT_GT(count, 1U);
}

TEST_F(RedisLookups, ValuesAreKeptForAMessageAndNilIsNot) {
  const RedisProcess server;
  open(server.item());
  ResultCache cache;
  std::vector<std::string> answers;
  const Handle handle = catalogue_->compile("redis").value();
  runtime_->loop().run(ask_all(*lookups_, handle, {"get k", "set k 1", "get k", "incr k"}, 5000, answers, &cache));
  EXPECT_EQ(answers, (std::vector<std::string>{"<>", "<OK>", "<1>", "<2>"}));
  Found found;
  EXPECT_TRUE(lookups_->find_now(handle, "", "get k", found, &cache));
  EXPECT_EQ(found.answer.value, "1");
  EXPECT_FALSE(lookups_->find_now(handle, "", "get none", found, &cache));
}

TEST_F(RedisLookups, AClusterRedirects) {
  const std::uint16_t bus_b = free_port();
  const auto options = [](std::uint16_t bus) {
    return std::vector<std::string>{"--cluster-enabled", "yes", "--cluster-require-full-coverage", "no", "--cluster-port",
                                    std::to_string(bus)};
  };
  const RedisProcess a(options(free_port()));
  const RedisProcess b(options(bus_b));
  // Two nodes that know each other, with half of the slots each.
  open(a.item());
  const std::string meet = "cluster meet 127.0.0.1 " + std::to_string(b.port) + " " + std::to_string(bus_b);
  ASSERT_EQ(ask_one(meet), "<OK>");
  EXPECT_EQ(ask_one("cluster addslotsrange 0 8191"), "<OK>");
  Catalogue catalogue_b(Settings{.redis_servers = b.item()});
  Lookups lookups_b(catalogue_b, World{.clock = &runtime_->clock(), .connector = &*connector_});
  const Handle handle_b = catalogue_b.compile("redis").value();
  std::vector<std::string> at_b;
  runtime_->loop().run(ask_all(lookups_b, handle_b, {"cluster addslotsrange 8192 16383", "cluster myid"}, 5000, at_b, nullptr));
  EXPECT_EQ(at_b.at(0), "<OK>");
  // "foo" is in slot 12182, "bar" in 5061. The nodes tell each other in their own time.
  std::string set;
  for (int i = 0; i < 200 && set != "<OK>"; ++i) {
    set = ask_one("set foo there");
    if (set != "<OK>") std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(set, "<OK>") << "MOVED is followed";
  EXPECT_EQ(ask_one("get foo"), "<there>");
  EXPECT_EQ(ask({"set bar here", "get bar"}).at(1), "<here>");
  // A slot that is under way from a to b: a key that a has no more is asked for at b.
  const std::string id_b = at_b.at(1).substr(1, 40);
  EXPECT_EQ(ask_one("cluster setslot 5061 migrating " + id_b), "<OK>");
  const std::string id_a = ask_one("cluster myid").substr(1, 40);
  at_b.clear();
  runtime_->loop().run(ask_all(lookups_b, handle_b, {"cluster setslot 5061 importing " + id_a}, 5000, at_b, nullptr));
  EXPECT_EQ(at_b.at(0), "<OK>");
  EXPECT_EQ(ask_one("get bar"), "<here>");
  EXPECT_EQ(ask({"del bar", "set bar moving", "get bar"}), (std::vector<std::string>{"<1>", "<OK>", "<moving>"}))
      << "ASK is followed";
  runtime_->loop().run(lookups_b.close());
}

}  // namespace
}  // namespace postern::lookup
