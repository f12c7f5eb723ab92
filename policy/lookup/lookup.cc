#include "policy/lookup/lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "engine/base/check.h"
#include "engine/coro/scheduler.h"
#include "engine/shard/offload.h"
#include "net/tls/client.h"
#include "policy/lookup/dnsdb.h"
#include "policy/lookup/file_store.h"
#include "policy/lookup/matching.h"
#include "policy/lookup/pooled.h"
#include "policy/lookup/redis.h"
#include "policy/lookup/sqlite.h"

namespace postern::lookup {

namespace {

constexpr std::int64_t kLookAgainMs = 1000;                           // between two looks at a file
constexpr std::uint64_t kReadWhileAsked = std::uint64_t{256} * 1024;  // a changed file up to this size is waited for
constexpr std::size_t kSqliteIdleMax = 8;                             // connections a shard keeps open

// All keys that one lookup tries in one file. Nothing: it would have to wait.
std::optional<Found> search(const KeyFile& file, const Written& written, std::string_view key, Waiting waiting) {
  KeySequence keys(written, key);
  std::string_view one;
  std::string value;
  std::string why;
  while (keys.next(one)) {
    if (one.empty()) continue;
    switch (file.find(written, one, waiting, value, why)) {
      case KeyFile::Outcome::not_found: continue;
      case KeyFile::Outcome::would_wait: return std::nullopt;
      case KeyFile::Outcome::deferred: return Found(Answer::deferred(std::move(why)));
      case KeyFile::Outcome::found: break;
    }
    if (written.returns == Return::key) value = key;
    if (value.size() > kValueBytesMax) return Found(Answer::failed("the value is larger than 256 KiB"));
    Found found(Answer::found(std::move(value)));
    found.answer.wild = keys.wild();
    return found;
  }
  return Found(Answer::not_found());
}

Found no_file(const OpenedFile& opened) { return Found(Answer::failed(opened.why)); }

}  // namespace

// ---- Catalogue ----

struct Catalogue::Entry {
  std::string text;
  Place place;
  Written written;
  std::vector<RedisServer> servers;
};

Catalogue::Catalogue(Settings settings)
    : settings_(std::move(settings)),
      redis_servers_(parse_redis_servers(settings_.redis_servers, {})),
      files_(std::make_shared<FileStore>()) {}
Catalogue::Catalogue(const Catalogue&) = default;
Catalogue::~Catalogue() = default;

std::unique_ptr<Catalogue> Catalogue::copy() const { return std::unique_ptr<Catalogue>(new Catalogue(*this)); }

const Written& Catalogue::at(Handle handle) const {
  POSTERN_CHECK(handle < entries_.size());
  return entries_[handle].written;
}

const std::vector<RedisServer>& Catalogue::redis_servers(Handle handle) const {
  POSTERN_CHECK(handle < entries_.size());
  return entries_[handle].servers;
}

std::expected<Handle, std::string> Catalogue::compile(std::string_view text, Place place) {
  const auto same = std::ranges::find_if(entries_, [&](const Entry& e) { return e.text == text && e.place == place; });
  if (same != entries_.end()) return static_cast<Handle>(same - entries_.begin());
  if (entries_.size() >= kWrittenMax) return std::unexpected("more than 10000 different lookups");
  std::expected<Written, std::string> written = parse_written(text, place);
  if (!written) return std::unexpected(std::move(written.error()));
  Entry entry{std::string(text), place, std::move(*written), {}};
  if (entry.written.type->id == TypeId::redis) {
    std::expected<std::vector<RedisServer>, std::string> servers = servers_of(entry.written);
    if (!servers) return std::unexpected(std::move(servers.error()));
    entry.servers = std::move(*servers);
  }
  entries_.push_back(std::move(entry));
  return static_cast<Handle>(entries_.size() - 1);
}

std::expected<std::vector<RedisServer>, std::string> Catalogue::servers_of(const Written& written) {
  if (!redis_servers_) return std::unexpected("redis_servers: " + redis_servers_.error());
  auto servers = written.servers.empty() ? redis_servers_ : parse_redis_servers(written.servers, *redis_servers_);
  if (!servers) return servers;
  if (servers->empty()) return std::unexpected("no Redis servers defined: set redis_servers = host/database/password");
  if (redis_tls_ || std::ranges::none_of(*servers, &RedisServer::tls)) return servers;
  auto client = tls::Client::create({.verify_certificates = settings_.redis_tls_verify_certificates});
  if (!client) return std::unexpected("redis_tls_verify_certificates: " + describe(client.error()));
  redis_tls_ = std::move(*client);
  return servers;
}

std::expected<void, std::string> Catalogue::load(Handle handle, std::string_view file) {
  const Written& written = at(handle);
  if (written.query_style()) return {};
  if (!file.starts_with('/'))
    return std::unexpected("absolute file name expected for \"" + std::string(written.type->name) + "\" lookup");
  SharedFile* const shared = files_->load(written.type->id, std::string(file));
  if (shared == nullptr) return std::unexpected("more than 10000 files are asked by lookups");
  const std::shared_ptr<const OpenedFile> opened = shared->current();
  if (opened->file == nullptr) return std::unexpected(opened->why);
  return {};
}

// ---- Lookups ----

struct Lookups::State {
  State(const Catalogue& c, World w)
      : catalogue(c), world(w), files(c.files(), std::max<std::size_t>(c.settings().open_max, 1)) {
    if (world.connector != nullptr) redis = std::make_unique<RedisClient>(*world.connector, world.resolver);
  }

  const Catalogue& catalogue;
  World world;
  ShardFiles files;
  std::unique_ptr<RedisClient> redis;
  std::vector<std::pair<std::string, std::shared_ptr<SqliteConnection>>> sqlite_idle;  // the latest last
  StopSource stopping;
  Gate gate;

  // What is wrong with the question itself, or answers it without looking.
  [[nodiscard]] static bool settle(const Written& written, std::string_view file, std::string_view key, Found& found) {
    if (key.size() > kKeyBytesMax) {
      found = Found(Answer::failed("a lookup's key is at most 64 KiB long"));
      return true;
    }
    if (written.query_style()) return false;
    if (!file.starts_with('/')) {
      found = Found(Answer::failed("absolute file name expected for \"" + std::string(written.type->name) + "\" lookup"));
      return true;
    }
    if (file.contains('\0')) {
      found = Found(Answer::failed("a file name cannot hold a zero byte"));
      return true;
    }
    if (key.empty()) {
      found = Found(Answer::not_found());
      return true;
    }
    return false;
  }

  // True when `file` holds what is to be asked now. Starts reading a large file anew in the background.
  [[nodiscard]] bool is_fresh(const std::shared_ptr<ShardFile>& file) {
    file->catch_up();
    if (file->current == nullptr) return false;
    const Instant now = world.clock->now();
    if (now < file->look_again || file->reading) return true;
    FileFacts facts;
    if (!look_at_file(file->path, Waiting::never, facts)) return false;
    if (facts == file->current->facts) {
      file->look_again = now.plus_ms(kLookAgainMs);
      return true;
    }
    return begin_reading(file, facts);
  }

  // True when the changed file is read in the background, and what is there answers meanwhile.
  bool begin_reading(const std::shared_ptr<ShardFile>& file, const FileFacts& facts) {
    if (file->current->file == nullptr || facts.error != 0 || facts.size <= kReadWhileAsked) return false;
    if (world.offload == nullptr || gate.closed()) return false;
    file->reading = true;
    gate.start(read_in_background(*this, file));
    return true;
  }

  static Task<void> read_in_background(State& state, std::shared_ptr<ShardFile> file) {
    // The shard that is first reads it for all.
    if (file->shared == nullptr || file->shared->begin_reading()) {
      auto work = [type = file->type, path = file->path]() -> Result<OpenedFile> { return open_key_file(type, path); };
      Result<OpenedFile> opened = co_await state.world.offload->run(std::move(work));
      // A file that is gone, or cannot be read, for a moment: the next look says whether it stays so.
      if (opened) file->take(std::make_shared<const OpenedFile>(std::move(*opened)));
      if (file->shared != nullptr) file->shared->end_reading();
    }
    file->reading = false;
    file->look_again = state.world.clock->now().plus_ms(kLookAgainMs);
  }

  // False when the wait ended first.
  static Task<bool> refresh(State& state, std::shared_ptr<ShardFile> file, Wait wait) {
    if (const Result<void> turn = co_await file->turn.acquire(wait); !turn) co_return false;
    const bool done = state.is_fresh(file) || co_await look_and_read(state, file, wait);
    file->turn.release();
    co_return done;
  }

  static Task<bool> look_and_read(State& state, std::shared_ptr<ShardFile> file, Wait wait) {
    if (file->current != nullptr) {
      auto look = [path = file->path]() {
        FileFacts facts;
        (void)look_at_file(path, Waiting::allowed, facts);
        return facts;
      };
      const std::optional<FileFacts> facts = co_await pooled(state.world.offload, state.gate, std::move(look), wait);
      if (!facts) co_return false;
      file->look_again = state.world.clock->now().plus_ms(kLookAgainMs);
      if (*facts == file->current->facts || state.begin_reading(file, *facts)) co_return true;
    }
    auto read = [type = file->type, path = file->path]() {
      return std::make_shared<const OpenedFile>(open_key_file(type, path));
    };
    std::optional<std::shared_ptr<const OpenedFile>> opened =
        co_await pooled(state.world.offload, state.gate, std::move(read), wait);
    if (!opened) co_return false;
    file->take(std::move(*opened));
    file->look_again = state.world.clock->now().plus_ms(kLookAgainMs);
    co_return true;
  }

  static Task<Found> find_in_file(State& state, const Written& written, std::string path, std::string key, Wait wait) {
    const std::shared_ptr<ShardFile> file = state.files.at(written.type->id, path);
    if (!state.is_fresh(file) && !co_await refresh(state, file, wait))
      co_return Found(Answer::deferred("reading " + path + " takes too long"));
    const std::shared_ptr<const OpenedFile> opened = file->current;
    if (opened->file == nullptr) co_return no_file(*opened);
    if (!always_waits(file->type))
      if (std::optional<Found> found = search(*opened->file, written, key, Waiting::never)) co_return std::move(*found);
    auto work = [opened, written, asked = std::move(key)]() {
      return *search(*opened->file, written, asked, Waiting::allowed);
    };
    std::optional<Found> found = co_await pooled(state.world.offload, state.gate, std::move(work), wait);
    if (!found) co_return Found(Answer::deferred("reading " + path + " takes too long"));
    co_return std::move(*found);
  }

  struct QueryResult {
    Found found;
    Instant keep_until{};  // never before now: not at all
  };

  static Task<QueryResult> find_redis(State& state, Handle handle, std::string query, Wait wait) {
    if (state.redis == nullptr) co_return QueryResult{Found(Answer::deferred("REDIS: there is no network here"))};
    if (query.starts_with("servers="))
      co_return QueryResult{Found(Answer::failed("REDIS: servers are named behind the type: redis,servers=..."))};
    RedisClient::Outcome outcome =
        co_await state.redis->query(std::move(query), state.catalogue.redis_servers(handle), state.catalogue.redis_tls(), wait);
    const Instant until = outcome.may_be_kept ? Instant::never() : Instant{};
    co_return QueryResult{Found(std::move(outcome.answer)), until};
  }

  static Task<QueryResult> find_dnsdb(State& state, std::string query, Wait wait) {
    if (state.world.resolver == nullptr) co_return QueryResult{Found(Answer::deferred("there is no resolver here"))};
    std::expected<DnsdbQuery, std::string> parsed = parse_dnsdb_query(query);
    if (!parsed) co_return QueryResult{Found(Answer::deferred(std::move(parsed.error())))};
    DnsdbOutcome outcome = co_await dnsdb_lookup(*state.world.resolver, std::move(*parsed), wait);
    QueryResult result{Found(std::move(outcome.answer)), {}};
    result.found.dnssec = outcome.dnssec;
    if (outcome.ttl_s > 0) result.keep_until = state.world.clock->now().plus_ms(std::int64_t{outcome.ttl_s} * 1000);
    co_return result;
  }

  struct SqliteRun {
    Answer answer;
    std::shared_ptr<SqliteConnection> connection;
    bool changes = false;
  };

  // What a query is given to run with; stays until it has ended, and ends soon once it is given up.
  struct SqliteJob {
    std::string path;
    std::string query;
    std::int64_t lock_timeout_ms;
    std::atomic<bool> given_up{false};
    std::shared_ptr<SqliteConnection> connection;

    SqliteRun operator()() {
      SqliteRun run;
      std::string why;
      if (connection == nullptr) connection = SqliteConnection::open(path, lock_timeout_ms, why);
      if (connection == nullptr) {
        run.answer = Answer::deferred(std::move(why));
        return run;
      }
      run.answer = connection->run(query, given_up, run.changes);
      run.connection = std::move(connection);
      return run;
    }
  };

  [[nodiscard]] std::shared_ptr<SqliteConnection> take_sqlite(std::string_view path) {
    const auto found = std::ranges::find(sqlite_idle.rbegin(), sqlite_idle.rend(), path,
                                         [](const auto& idle) { return std::string_view(idle.first); });
    if (found == sqlite_idle.rend()) return nullptr;
    std::shared_ptr<SqliteConnection> connection = std::move(found->second);
    sqlite_idle.erase(std::next(found).base());
    return connection;
  }
  void keep_sqlite(std::string path, std::shared_ptr<SqliteConnection> connection) {
    if (sqlite_idle.size() >= kSqliteIdleMax) sqlite_idle.erase(sqlite_idle.begin());
    sqlite_idle.emplace_back(std::move(path), std::move(connection));
  }

  static Task<QueryResult> find_sqlite(State& state, const Written& written, std::string query, Wait wait) {
    const Settings& settings = state.catalogue.settings();
    std::string path = written.file.empty() ? settings.sqlite_dbfile : written.file;
    // The old form, with the file before the query.
    if (written.file.empty() && query.starts_with('/'))
      co_return QueryResult{Found(Answer::failed("sqlite: the file is named behind the type: sqlite,file=/name"))};
    if (path.empty())
      co_return QueryResult{Found(Answer::failed("sqlite: no file: set sqlite_dbfile, or write sqlite,file=/name"))};
    if (query.contains('\0')) co_return QueryResult{Found(Answer::failed("sqlite: a zero byte in the query"))};
    auto job = std::make_shared<SqliteJob>();
    job->path = path;
    job->query = std::move(query);
    job->lock_timeout_ms = settings.sqlite_lock_timeout_ms;
    job->connection = state.take_sqlite(path);
    auto work = [job]() { return (*job)(); };
    std::optional<SqliteRun> run = co_await pooled(state.world.offload, state.gate, std::move(work), wait);
    if (!run) {
      job->given_up = true;
      co_return QueryResult{Found(Answer::deferred("sqlite: the query takes too long"))};
    }
    if (run->connection != nullptr && !state.gate.closed()) state.keep_sqlite(std::move(path), std::move(run->connection));
    const bool keep =
        !run->changes && run->answer.status != Answer::Status::deferred && run->answer.status != Answer::Status::failed;
    co_return QueryResult{Found(std::move(run->answer)), keep ? Instant::never() : Instant{}};
  }

  static Task<Found> find_by_query(State& state, Handle handle, std::string query, Wait wait, ResultCache* cache) {
    const Written& written = state.catalogue.at(handle);
    QueryResult result;
    switch (written.type->id) {
      case TypeId::redis: result = co_await find_redis(state, handle, query, wait); break;
      case TypeId::dnsdb: result = co_await find_dnsdb(state, query, wait); break;
      case TypeId::sqlite: result = co_await find_sqlite(state, written, query, wait); break;
      default: POSTERN_CHECK(false);
    }
    if (cache != nullptr && state.world.clock->now() < result.keep_until)
      cache->put(handle, std::move(query), result.found, result.keep_until);
    co_return std::move(result.found);
  }
};

Lookups::Lookups(const Catalogue& catalogue, World world) : state_(std::make_unique<State>(catalogue, world)) {}
Lookups::~Lookups() = default;

bool Lookups::find_now(Handle handle, std::string_view file, std::string_view key, Found& found, ResultCache* cache) {
  State& state = *state_;
  const Written& written = state.catalogue.at(handle);
  if (State::settle(written, file, key, found)) return true;
  if (written.query_style()) {
    if (cache == nullptr || !written.reads_cache) return false;
    const Found* const kept = cache->find(handle, key, state.world.clock->now());
    if (kept == nullptr) return false;
    found = *kept;
    return true;
  }
  if (always_waits(written.type->id)) return false;
  const std::shared_ptr<ShardFile> open = state.files.at(written.type->id, file);
  if (!state.is_fresh(open)) return false;
  if (open->current->file == nullptr) {
    found = no_file(*open->current);
    return true;
  }
  std::optional<Found> result = search(*open->current->file, written, key, Waiting::never);
  if (!result) return false;
  found = std::move(*result);
  return true;
}

Task<Found> Lookups::find(Handle handle, std::string file, std::string key, Wait wait, ResultCache* cache) {
  State& state = *state_;
  const Written& written = state.catalogue.at(handle);
  Found found;
  if (find_now(handle, file, key, found, cache)) co_return found;
  wait.deadline = std::min(wait.deadline, Scheduler::current().now().plus_ms(kDeadlineMs));
  if (written.query_style()) co_return co_await State::find_by_query(state, handle, std::move(key), wait, cache);
  co_return co_await State::find_in_file(state, written, std::move(file), std::move(key), wait);
}

Task<void> Lookups::close() {
  State& state = *state_;
  co_await state.gate.close();
  state.sqlite_idle.clear();
  if (state.redis != nullptr) co_await state.redis->close();
}

// ---- lists ----

std::optional<std::expected<ListItem, std::string>> parse_list_item(Catalogue& catalogue, std::string_view item, Place place) {
  using Parsed = std::expected<ListItem, std::string>;
  const std::size_t semicolon = item.find(';');
  if (semicolon == std::string_view::npos) return std::nullopt;
  std::string_view written = item.substr(0, semicolon);
  while (!written.empty() && (written.back() == ' ' || written.back() == '\t')) written.remove_suffix(1);
  // A pattern may hold a semicolon: what stands before that of a lookup begins like a word.
  if (written.empty() || !((written.front() >= 'a' && written.front() <= 'z'))) return std::nullopt;
  std::string_view rest = item.substr(semicolon + 1);
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
  const std::expected<Handle, std::string> handle = catalogue.compile(written, place);
  if (!handle) return Parsed(std::unexpected(handle.error()));
  ListItem parsed{.handle = *handle};
  (catalogue.at(*handle).query_style() ? parsed.query : parsed.file) = rest;
  return Parsed(std::move(parsed));
}

std::string net_key(const Written& written, const IpAddress& address) {
  const unsigned bits = std::min(written.net_bits.value_or(0), address.bits());
  const IpAddress masked = bits > 0 ? address.masked(bits) : address;
  std::string key;
  if (masked.is_v4()) {
    key = masked.to_string();
  } else {
    const char separator = written.type->id == TypeId::iplsearch ? ':' : '.';
    for (std::size_t i = 0; i < 16; i += 2)
      key += fmt::format("{}{:02x}{:02x}", i > 0 ? std::string(1, separator) : std::string(), masked.bytes()[i],
                         masked.bytes()[i + 1]);
  }
  if (bits > 0) key.append("/").append(std::to_string(bits));
  return key;
}

}  // namespace postern::lookup
