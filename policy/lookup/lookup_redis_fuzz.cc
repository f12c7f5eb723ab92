// What a Redis server may send, and what a configuration may say about one.
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/check.h"
#include "policy/lookup/redis_command.h"

namespace postern::lookup {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Whole, and byte for byte: the same replies.
  std::string whole;
  std::string cut;
  RedisReader at_once;
  if (at_once.feed(text))
    while (const auto reply = at_once.next())
      whole.append(1, static_cast<char>('0' + static_cast<int>(reply->kind))).append(reply->text);
  RedisReader in_pieces;
  for (std::size_t i = 0; i < size && in_pieces.feed(text.substr(i, 1)); ++i)
    while (const auto reply = in_pieces.next())
      cut.append(1, static_cast<char>('0' + static_cast<int>(reply->kind))).append(reply->text);
  POSTERN_CHECK(whole == cut);
  POSTERN_CHECK(whole.size() <= 16 * size + 16);

  if (const auto words = split_redis_command(text)) {
    POSTERN_CHECK(!words->empty() && words->size() <= kRedisWordsMax);
    (void)format_redis_command(*words);
  }
  if (const auto servers = parse_redis_servers(text, {})) POSTERN_CHECK(servers->size() <= kRedisServersMax);
  (void)redirected({.host = "127.0.0.1"}, text);
  return 0;
}

}  // namespace postern::lookup
