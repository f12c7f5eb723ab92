#include "policy/lookup/redis_command.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace postern::lookup {
namespace {

TEST(RedisServers, AsTheyAreWritten) {
  EXPECT_EQ(parse_redis_server("127.0.0.1/10/")->database, 10U);
  EXPECT_EQ(parse_redis_server("127.0.0.1//password")->password, "password");
  const RedisServer plain = parse_redis_server("127.0.0.1//").value();
  EXPECT_EQ(plain.host, "127.0.0.1");
  EXPECT_EQ(plain.port, 6379);
  EXPECT_FALSE(plain.database);
  EXPECT_EQ(parse_redis_server("host:7000/0/")->port, 7000);
  EXPECT_EQ(parse_redis_server("[::1]:7000//")->host, "::1");
  EXPECT_EQ(parse_redis_server("::1//")->host, "::1");
  EXPECT_EQ(parse_redis_server("host(/run/redis/redis.sock)/1/x")->socket_path, "/run/redis/redis.sock");
  EXPECT_EQ(parse_redis_server("(/run/r.sock)//")->name(), "/run/r.sock");
  EXPECT_EQ(parse_redis_server("h/3/secret")->name(), "h:6379/3");
  for (const std::string_view bad :
       {"", "127.0.0.1", "127.0.0.1/", "h/x/", "//", ":1//", "h:0//", "h:99999//", "h:/0/", "[::1/0/", "(x)//", "()//"}) {
    const auto server = parse_redis_server(bad);
    ASSERT_FALSE(server) << bad;
    EXPECT_NE(server.error().find("host/database/password"), std::string::npos);
  }
  EXPECT_EQ(parse_redis_server("h/x/secret").error().find("secret"), std::string::npos);
}

TEST(RedisServers, Lists) {
  const auto servers = parse_redis_servers("127.0.0.1::7001/1/ : 127.0.0.1//pw", {}).value();
  ASSERT_EQ(servers.size(), 2U);
  EXPECT_EQ(servers[0].port, 7001);
  EXPECT_EQ(servers[1].password, "pw");
  EXPECT_EQ(parse_redis_servers("<; [::1]:7001//;h//", {})->size(), 2U);
  EXPECT_EQ(parse_redis_servers("127.0.0.1", servers)->front(), servers[1]) << "the last of that name";
  EXPECT_EQ(parse_redis_servers("127.0.0.1::7001", servers)->front(), servers[0]);
  EXPECT_FALSE(parse_redis_servers("other", servers));
  EXPECT_TRUE(parse_redis_servers("", {})->empty());
  std::string many;
  for (std::size_t i = 0; i <= kRedisServersMax; ++i) many += "h//:";
  EXPECT_FALSE(parse_redis_servers(many, {}));
}

TEST(RedisServers, Redirections) {
  const RedisServer from = parse_redis_server("a:1/2/pw").value();
  const RedisServer to = redirected(from, "127.0.0.1:6381").value();
  EXPECT_EQ(to.host, "127.0.0.1");
  EXPECT_EQ(to.port, 6381);
  EXPECT_EQ(to.password, "pw");
  EXPECT_EQ(redirected(from, "2001:db8::1:6381")->host, "2001:db8::1");
  EXPECT_EQ(redirected(from, ":6381")->host, "a");
  EXPECT_FALSE(redirected(from, ""));
  EXPECT_FALSE(redirected(from, "host"));
  EXPECT_FALSE(redirected(from, "host:x"));
}

TEST(RedisCommands, Words) {
  const auto words = [](std::string_view query) { return split_redis_command(query).value(); };
  EXPECT_EQ(words("get key"), (std::vector<std::string>{"get", "key"}));
  EXPECT_EQ(words("  set  a\\ b\t c\\\\d "), (std::vector<std::string>{"set", "a b", "c\\d"}));
  EXPECT_EQ(words("a \\"), (std::vector<std::string>{"a", "\\"}));
  EXPECT_FALSE(split_redis_command(""));
  EXPECT_FALSE(split_redis_command(" \t"));
  std::string many;
  for (std::size_t i = 0; i < kRedisWordsMax; ++i) many += "x ";
  EXPECT_EQ(words(many).size(), kRedisWordsMax);
  EXPECT_FALSE(split_redis_command(many + "x"));
  EXPECT_EQ(format_redis_command(std::vector<std::string>{"get", "a\r\nb"}), "*2\r\n$3\r\nget\r\n$4\r\na\r\nb\r\n");
}

std::string read_all(std::string_view wire, std::size_t step) {
  RedisReader reader;
  std::string all;
  for (std::size_t at = 0; at < wire.size() && reader.feed(wire.substr(at, step)); at += step)
    while (const auto reply = reader.next()) {
      constexpr std::string_view kNames[] = {"value", "nil", "empty", "error"};
      all.append(kNames[static_cast<std::size_t>(reply->kind)]).append("<").append(reply->text).append(">");
    }
  return all + (reader.broken() ? "broken" : "");
}

TEST(RedisCommands, ThoseThatReadMayBeRepeated) {
  const auto repeated = [](std::vector<std::string> words) { return may_be_repeated(words); };
  EXPECT_TRUE(repeated({"get", "key"}));
  EXPECT_TRUE(repeated({"SISMEMBER", "set", "member"}));
  EXPECT_FALSE(repeated({"incr", "key"}));
  EXPECT_FALSE(repeated({"SET", "key", "value"}));
  EXPECT_FALSE(repeated({"eval", "return redis.call('incr', KEYS[1])", "1", "key"}));
  EXPECT_FALSE(repeated({}));
}

TEST(RedisReplies, WholeAndCutAtEveryByte) {
  constexpr std::string_view kWire =
      "+OK\r\n:42\r\n$5\r\nhe\r\nx\r\n$-1\r\n*0\r\n*-1\r\n-ERR no\r\n*3\r\n$1\r\na\r\n*2\r\n:1\r\n$1\r\nb\r\n$-1\r\n$0\r\n\r\n";
  constexpr std::string_view kAll = "value<OK>value<42>value<he\r\nx>nil<>empty<>nil<>error<ERR no>value<a\n1\nb\n>value<>";
  EXPECT_EQ(read_all(kWire, kWire.size()), kAll);
  for (std::size_t step = 1; step < kWire.size(); ++step) EXPECT_EQ(read_all(kWire, step), kAll) << step;
}

TEST(RedisReplies, WhatIsNoReplyOrTooMuch) {
  EXPECT_EQ(read_all("HTTP/1.1 400\r\n", 100), "broken");
  EXPECT_EQ(read_all("*1000000\r\n", 100), "broken");
  EXPECT_EQ(read_all("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", 1000), "broken");
  const std::string large = "$600000\r\n" + std::string(600'000, 'x') + "\r\n";
  EXPECT_EQ(read_all(large, 65536), "broken");
}

}  // namespace
}  // namespace postern::lookup
