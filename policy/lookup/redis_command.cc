#include "policy/lookup/redis_command.h"

#include <hiredis/read.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/base/check.h"
#include "engine/smtp/chars.h"

namespace postern::lookup {

namespace {

using Error = std::unexpected<std::string>;

constexpr std::string_view kTlsScheme = "rediss://";

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "host", "host:port", "[v6]", "[v6]:port", a bare IPv6 address.
bool parse_host(std::string_view text, RedisServer& server) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    const std::string_view behind = text.substr(end + 1);
    if (!behind.empty() && !behind.starts_with(':')) return false;
    server.host = text.substr(1, end - 1);
    port = behind.empty() ? behind : behind.substr(1);
    if (!behind.empty() && port.empty()) return false;
  } else {
    const std::size_t colon = text.rfind(':');
    const bool is_v6 = colon != std::string_view::npos && text.find(':') != colon;
    server.host = is_v6 || colon == std::string_view::npos ? text : text.substr(0, colon);
    if (!is_v6 && colon != std::string_view::npos) {
      port = text.substr(colon + 1);
      if (port.empty()) return false;
    }
  }
  if (!port.empty()) {
    const std::optional<std::uint16_t> number = parse_number<std::uint16_t>(port);
    if (!number || *number == 0) return false;
    server.port = *number;
  }
  return !server.host.empty();
}

// The item without what the separator doubled; empty at the end of the list.
bool next_item(std::string_view& rest, char separator, std::string& item) {
  item.clear();
  if (rest.empty()) return false;
  std::size_t at = 0;
  while (at < rest.size()) {
    if (rest[at] == separator) {
      if (at + 1 >= rest.size() || rest[at + 1] != separator) break;
      ++at;
    }
    item += rest[at++];
  }
  rest.remove_prefix(std::min(at + 1, rest.size()));
  item = std::string(trimmed(item));
  return true;
}

}  // namespace

std::string RedisServer::name() const {
  std::string text = tls ? std::string(kTlsScheme) : std::string();
  text.append(socket_path.empty() ? host : socket_path);
  if (socket_path.empty()) text.append(":").append(std::to_string(port));
  if (database) text.append("/").append(std::to_string(*database));
  return text;
}

std::expected<RedisServer, std::string> parse_redis_server(std::string_view item) {
  const auto wrong = [&](std::string_view what) {
    std::string why = "bad Redis server \"";
    // Not the item itself: it may hold a password.
    why.append(item.substr(0, item.find('/', item.starts_with(kTlsScheme) ? kTlsScheme.size() : 0)));
    why.append("\": ").append(what);
    return Error(std::move(why.append("; it is written host/database/password")));
  };
  const std::size_t last = item.rfind('/');
  const std::size_t before = last == std::string_view::npos || last == 0 ? std::string_view::npos : item.rfind('/', last - 1);
  if (before == std::string_view::npos) return wrong("incomplete data");
  RedisServer server;
  server.password = item.substr(last + 1);
  if (const std::string_view database = item.substr(before + 1, last - before - 1); !database.empty()) {
    server.database = parse_number<unsigned>(database);
    if (!server.database) return wrong("the database is a number");
  }
  std::string_view host = item.substr(0, before);
  server.tls = host.starts_with(kTlsScheme);
  if (server.tls) host.remove_prefix(kTlsScheme.size());
  if (server.tls && host.starts_with('(')) return wrong("there is no TLS on a socket of this host");
  if (const std::size_t open = host.find('('); open != std::string_view::npos) {
    if (!host.ends_with(')') || host.size() < open + 3 || host[open + 1] != '/')
      return wrong("a socket is an absolute path in parentheses");
    server.socket_path = host.substr(open + 1, host.size() - open - 2);
  } else if (!parse_host(host, server)) {
    return wrong("no host, or a bad port");
  }
  return server;
}

std::expected<std::vector<RedisServer>, std::string> parse_redis_servers(std::string_view list,
                                                                         std::span<const RedisServer> known) {
  char separator = ':';
  list = trimmed(list);
  if (list.size() > 1 && list[0] == '<') {
    separator = list[1];
    list.remove_prefix(2);
  }
  std::vector<RedisServer> servers;
  std::string item;
  while (next_item(list, separator, item)) {
    if (item.empty()) continue;
    if (servers.size() >= kRedisServersMax) return Error("more than 64 Redis servers");
    if (item.contains('/')) {
      std::expected<RedisServer, std::string> server = parse_redis_server(item);
      if (!server) return Error(std::move(server.error()));
      servers.push_back(std::move(*server));
      continue;
    }
    const RedisServer* found = nullptr;
    for (const RedisServer& one : known)
      if (one.host == item || one.host + ":" + std::to_string(one.port) == item) found = &one;
    if (found == nullptr)
      return Error("Redis server \"" + item + "\" is not among redis_servers: name it with /database/password");
    servers.push_back(*found);
  }
  return servers;
}

std::optional<RedisServer> redirected(const RedisServer& from, std::string_view to) {
  RedisServer server = from;
  server.socket_path.clear();
  server.host.clear();
  // An empty host: the one that said so.
  if (to.starts_with(':')) {
    const std::optional<std::uint16_t> port = parse_number<std::uint16_t>(to.substr(1));
    if (!port || *port == 0 || from.host.empty()) return std::nullopt;
    server.host = from.host;
    server.port = *port;
    return server;
  }
  // Redis writes IPv6 addresses without brackets.
  const std::size_t colon = to.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const std::optional<std::uint16_t> port = parse_number<std::uint16_t>(to.substr(colon + 1));
  if (!port || *port == 0) return std::nullopt;
  server.host = to.substr(0, colon);
  server.port = *port;
  return server;
}

std::expected<std::vector<std::string>, std::string> split_redis_command(std::string_view query) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while (true) {
    while (at < query.size() && is_space(query[at])) ++at;
    if (at == query.size()) break;
    if (words.size() == kRedisWordsMax) return Error("a Redis command has at most 32 words");
    std::string& word = words.emplace_back();
    for (; at < query.size() && !is_space(query[at]); ++at) {
      if (query[at] == '\\' && at + 1 < query.size()) ++at;
      word += query[at];
    }
  }
  if (words.empty()) return Error("an empty Redis command");
  return words;
}

bool may_be_repeated(std::span<const std::string> words) {
  static constexpr auto kReaders = std::to_array<std::string_view>(
      {"EXISTS",     "GET",    "GETBIT", "GETRANGE", "HEXISTS", "HGET",   "HGETALL", "HKEYS", "HLEN",      "HMGET",
       "HVALS",      "LINDEX", "LLEN",   "LRANGE",   "MGET",    "PING",   "PTTL",    "SCARD", "SISMEMBER", "SMEMBERS",
       "SMISMEMBER", "STRLEN", "TTL",    "TYPE",     "ZCARD",   "ZCOUNT", "ZRANGE",  "ZRANK", "ZSCORE"});
  return !words.empty() &&
         std::ranges::any_of(kReaders, [&](std::string_view name) { return smtp::equal_ignoring_case(words.front(), name); });
}

std::string format_redis_command(std::span<const std::string> words) {
  std::string wire = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words)
    wire.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
  return wire;
}

// The objects that hiredis has made are this one: what it reads is appended as it comes.
struct RedisReader::Building {
  RedisReply reply;
  bool first = true;

  void add(std::string_view text) {
    if (!first) reply.text += '\n';
    first = false;
    reply.text.append(text);
  }
  static Building& of(const redisReadTask* task) noexcept { return *static_cast<Building*>(task->privdata); }

  static void* string(const redisReadTask* task, char* bytes, std::size_t size) {
    Building& building = of(task);
    building.add({bytes, size});
    // An error within an array (of a transaction) makes it one.
    if (task->type == REDIS_REPLY_ERROR) building.reply.kind = RedisReply::Kind::error;
    return &building;
  }
  static void* array(const redisReadTask* task, int elements) {
    if (elements > kRedisElementsMax) return nullptr;
    Building& building = of(task);
    if (task->parent == nullptr && elements == 0) building.reply.kind = RedisReply::Kind::empty;
    return &building;
  }
  static void* integer(const redisReadTask* task, long long value) {
    of(task).add(std::to_string(value));
    return &of(task);
  }
  static void* nil(const redisReadTask* task) {
    Building& building = of(task);
    if (task->parent == nullptr)
      building.reply.kind = RedisReply::Kind::nil;
    else
      building.add({});
    return &building;
  }
  static void nothing(void*) {}

  static redisReplyObjectFunctions functions;
};

redisReplyObjectFunctions RedisReader::Building::functions = {string, array, integer, nil, nothing};

RedisReader::RedisReader()
    : building_(std::make_unique<Building>()), reader_(::redisReaderCreateWithFunctions(&Building::functions)) {
  POSTERN_CHECK(reader_ != nullptr);
  reader_->privdata = building_.get();
}

RedisReader::~RedisReader() { ::redisReaderFree(reader_); }

bool RedisReader::feed(std::string_view bytes) {
  unread_bytes_ += bytes.size();
  if (unread_bytes_ > kRedisReplyBytesMax || ::redisReaderFeed(reader_, bytes.data(), bytes.size()) != 0) broken_ = true;
  return !broken_;
}

std::optional<RedisReply> RedisReader::next() {
  if (broken_) return std::nullopt;
  void* object = nullptr;
  if (::redisReaderGetReply(reader_, &object) != 0) {
    broken_ = true;
    return std::nullopt;
  }
  if (object == nullptr) return std::nullopt;
  RedisReply reply = std::move(building_->reply);
  *building_ = Building();
  unread_bytes_ = reader_->len - reader_->pos;
  return reply;
}

}  // namespace postern::lookup
