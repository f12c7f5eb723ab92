// All lookups behind one interface: which types there are is type.h's, how they are written written.h's.
//
// A Catalogue is made when a configuration is compiled and belongs to it, for all shards; nothing in it changes but the content
// of files that were named before. Each shard has its Lookups, which hold what is open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/coro/gate.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/io/connector.h"
#include "policy/expand/services.h"
#include "policy/lookup/redis_command.h"
#include "policy/lookup/result_cache.h"
#include "policy/lookup/written.h"

namespace postern::shard {
class Offload;
}
namespace postern::dns {
class Resolver;
}
namespace postern::tls {
class Client;
}

namespace postern::lookup {

using expand::Answer;
using expand::Wild;
using Handle = expand::LookupHandle;

inline constexpr std::size_t kKeyBytesMax = 64 * 1024;     // a key or a query; longer ones are `failed`
inline constexpr std::size_t kValueBytesMax = 256 * 1024;  // a value; longer ones are `failed`
inline constexpr std::size_t kWrittenMax = 10'000;         // lookups as written, in one configuration
inline constexpr std::int64_t kDeadlineMs = 30'000;        // of one lookup, unless its Wait ends before

// Main options that lookups obey.
struct Settings {
  std::string redis_servers;  // the list as it was written
  std::string redis_tls_verify_certificates = "system";
  std::string sqlite_dbfile;  // absolute, or empty
  std::int64_t sqlite_lock_timeout_ms = 5000;
  std::size_t open_max = 25;  // lookup_open_max: files a shard keeps beside those named before
};

// An Answer, which says how its key was found, and what else is known.
struct Found {
  Answer answer;
  bool dnssec = false;  // dnsdb: all of it was authenticated

  Found() = default;
  Found(Answer a) : answer(std::move(a)) {}  // NOLINT(google-explicit-constructor): an Answer is one
};

class FileStore;

class Catalogue {
 public:
  explicit Catalogue(Settings settings);
  ~Catalogue();
  Catalogue& operator=(const Catalogue&) = delete;

  // One with the same handles and the same files, which knows besides what is compiled into it: for a shard, whose texts may
  // name lookups that nobody knew of before.
  [[nodiscard]] std::unique_ptr<Catalogue> copy() const;

  // The same text has the same handle. The error is parse_written's, or names an option of the main section that is missing.
  [[nodiscard]] std::expected<Handle, std::string> compile(std::string_view written, Place place = Place::expansion);
  // Reads the file that a constant names, for all shards. Blocks. A file that cannot be read is asked for again later, and
  // the lookup defers until then: the error is for whoever wants to warn.
  [[nodiscard]] std::expected<void, std::string> load(Handle handle, std::string_view file);

  // Checked: a handle of this catalogue.
  [[nodiscard]] const Written& at(Handle handle) const;
  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }
  // redis: which servers it asks. Empty for other types.
  [[nodiscard]] const std::vector<RedisServer>& redis_servers(Handle handle) const;
  // For those of them that want TLS; null where none does.
  [[nodiscard]] const tls::Client* redis_tls() const noexcept { return redis_tls_.get(); }
  [[nodiscard]] const FileStore& files() const noexcept { return *files_; }

 private:
  Catalogue(const Catalogue&);

  [[nodiscard]] std::expected<std::vector<RedisServer>, std::string> servers_of(const Written& written);

  Settings settings_;
  std::expected<std::vector<RedisServer>, std::string> redis_servers_;
  std::shared_ptr<const tls::Client> redis_tls_;
  struct Entry;
  std::deque<Entry> entries_;  // a deque, because they are borrowed while more are compiled
  std::shared_ptr<FileStore> files_;
};

// What the world gives to a shard's lookups. Everything outlives them.
struct World {
  const Clock* clock = nullptr;       // always
  shard::Offload* offload = nullptr;  // nullptr: all is read in place, which blocks
  Connector* connector = nullptr;     // nullptr: redis defers
  dns::Resolver* resolver = nullptr;  // nullptr: dnsdb defers
};

// One shard's.
class Lookups {
 public:
  Lookups(const Catalogue& catalogue, World world);
  ~Lookups();
  Lookups(const Lookups&) = delete;
  Lookups& operator=(const Lookups&) = delete;

  // Answers when that needs no waiting: from a file that is read and fresh, from `cache`, or because the question is wrong.
  // False when it is to be asked with find(). `file` is empty for query style.
  [[nodiscard]] bool find_now(Handle handle, std::string_view file, std::string_view key, Found& found,
                              ResultCache* cache = nullptr);
  // The same for every lookup; suspends until it is there, at most kDeadlineMs. `cache` outlives the task.
  [[nodiscard]] Task<Found> find(Handle handle, std::string file, std::string key, Wait wait, ResultCache* cache = nullptr);

  // Suspends until nothing is read or connected any more; nothing is asked afterwards. Once, before the end.
  [[nodiscard]] Task<void> close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One lookup of a shard, bound to its file: what a list holds for an item.
struct Lookup {
  Lookups* lookups = nullptr;
  Handle handle = 0;
  std::string file = {};

  [[nodiscard]] bool find_now(std::string_view key, Found& found) const { return lookups->find_now(handle, file, key, found); }
  [[nodiscard]] Task<Found> find(std::string key, Wait wait) const { return lookups->find(handle, file, std::move(key), wait); }
};

// A list's item that is a lookup: "lsearch;/file", "net24-lsearch;/file", "redis;get x".
struct ListItem {
  Handle handle = 0;
  std::string file = {};   // single-key
  std::string query = {};  // query style
};
// Nothing when `item` is not one (no known type stands before a semicolon); the error when it is one and is wrong.
[[nodiscard]] std::optional<std::expected<ListItem, std::string>> parse_list_item(Catalogue& catalogue, std::string_view item,
                                                                                  Place place);
// The key of a host for a lookup written with net-: "192.0.2.0/24", or with no number the address alone. IPv6 is unabbreviated,
// with dots in place of colons, which only iplsearch keeps.
[[nodiscard]] std::string net_key(const Written& written, const IpAddress& address);

}  // namespace postern::lookup
