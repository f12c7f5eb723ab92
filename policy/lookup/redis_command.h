// What stands between a lookup's query and the wire of Redis: servers as they are written, commands, and replies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;

namespace postern::lookup {

inline constexpr std::size_t kRedisWordsMax = 32;
inline constexpr std::size_t kRedisServersMax = 64;                          // in one list
inline constexpr std::size_t kRedisReplyBytesMax = std::size_t{512} * 1024;  // on the wire
inline constexpr int kRedisElementsMax = 65'536;                             // of one array in it

struct RedisServer {
  std::string host;  // a name or an address; empty with a socket
  std::uint16_t port = 6379;
  std::string socket_path;  // of a UNIX socket
  std::optional<unsigned> database;
  std::string password;
  bool tls = false;

  // For logs: everything but the password.
  [[nodiscard]] std::string name() const;
  friend auto operator<=>(const RedisServer&, const RedisServer&) = default;
};

// "127.0.0.1/10/password", "host:6380//", "[::1]:6379//", "(/run/redis.sock)/0/", and with TLS "rediss://host:6380/0/password":
// split at the last two slashes.
[[nodiscard]] std::expected<RedisServer, std::string> parse_redis_server(std::string_view item);
// A list of such, separated as Exim's lists are. An item without a slash is a host of `known`, which gives the rest.
[[nodiscard]] std::expected<std::vector<RedisServer>, std::string> parse_redis_servers(std::string_view list,
                                                                                       std::span<const RedisServer> known);
// Where "host:port" in a redirection leads; the rest as in `from`.
[[nodiscard]] std::optional<RedisServer> redirected(const RedisServer& from, std::string_view to);

// The words of a command: white space separates them, a backslash protects the byte behind it.
[[nodiscard]] std::expected<std::vector<std::string>, std::string> split_redis_command(std::string_view query);
// Whether doing it twice is the same as doing it once: of those that only read, the usual ones.
[[nodiscard]] bool may_be_repeated(std::span<const std::string> words);
// As the protocol has it: an array of strings.
[[nodiscard]] std::string format_redis_command(std::span<const std::string> words);

struct RedisReply {
  enum class Kind : std::uint8_t {
    value,
    nil,    // there is none
    empty,  // an array without elements
    error,  // the server's words
  };
  Kind kind = Kind::value;
  std::string text;  // an array's elements, those of inner arrays too, with line ends between them
};

// Reads the replies of one connection (by hiredis, into our own objects).
class RedisReader {
 public:
  RedisReader();
  ~RedisReader();
  RedisReader(const RedisReader&) = delete;
  RedisReader& operator=(const RedisReader&) = delete;

  // Bytes as they arrive. False when they are no replies, or too long ones: the connection is of no use any more.
  [[nodiscard]] bool feed(std::string_view bytes);
  // The next reply; nothing when more bytes are needed. After feed() has returned false: nothing.
  [[nodiscard]] std::optional<RedisReply> next();
  [[nodiscard]] bool broken() const noexcept { return broken_; }

 private:
  struct Building;
  std::unique_ptr<Building> building_;
  redisReader* reader_;
  std::size_t unread_bytes_ = 0;  // fed since the last reply
  bool broken_ = false;
};

}  // namespace postern::lookup
