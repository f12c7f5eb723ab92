// The resolver of a shard: its cache, and the servers of resolv.conf or dns_servers behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/counter.h"
#include "engine/base/random.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/gate.h"
#include "engine/coro/semaphore.h"
#include "engine/coro/task.h"
#include "engine/io/connector.h"
#include "engine/io/datagram.h"
#include "net/dns/cache.h"
#include "net/dns/message.h"
#include "net/dns/resolv_conf.h"
#include "net/dns/resolver.h"
#include "net/dns/server_ports.h"
#include "net/dns/shared_question.h"

namespace postern::dns {

struct ResolverStats {
  Counter questions;    // put to the resolver, without those that search endings added
  Counter from_cache;   // of them
  Counter joined;       // of them, that waited for the answer to an equal one
  Counter stale;        // of them, answered past the TTL
  Counter sent;         // queries that left in datagrams, repeated ones included
  Counter over_stream;  // queries over a connection, because the reply was too long
  Counter timeouts;     // queries without a reply in time
  Counter failures;     // temporary failures, as answers
};

// Equal questions are asked once at a time. Everything outlives it. dns_retrans is a server's time for one reply; each of the
// rounds asks every server in turn until one says something that is an answer. One that did not answer comes last for kAvoidMs.
// One shard.
class AresResolver final : public Resolver {
 public:
  static constexpr std::size_t kStreamsMax = 16;      // connections to servers at once; others wait
  static constexpr std::size_t kQuestionsMax = 8192;  // different ones being asked at once
  static constexpr std::int64_t kAvoidMs = 30'000;

  struct Network {
    DatagramSockets& datagrams;
    Connector& connector;
    BlockPool& blocks;
    Random& random;
  };
  AresResolver(Network network, ResolverSettings settings, const CacheLimits& cache = {});
  ~AresResolver() override;

  [[nodiscard]] Task<Answer> query(std::string name, Type type, QueryOptions options) override;
  [[nodiscard]] const Answer* cached(std::string_view name, Type type) override;
  // Once, when nobody asks any more; before it is destroyed.
  [[nodiscard]] Task<void> close();

  [[nodiscard]] const ResolverStats& stats() const noexcept { return stats_; }

 private:
  struct Server {
    std::unique_ptr<ServerPorts> ports;
    bool trusted = false;
    bool edns = true;
    Instant avoid_until{0};
  };
  // What one server said, or why it said nothing.
  struct Reaction {
    std::optional<Reply> reply;
    Error error{Errc::timed_out};
  };

  using Shared = std::shared_ptr<SharedQuestion>;

  [[nodiscard]] Task<Answer> query_exact(std::string name, Type type, QueryOptions options);
  // The one being asked, or a new one. Null: too many are.
  [[nodiscard]] Shared shared_question(const std::string& name, std::string wire, Type type, bool dnssec);
  Task<void> ask_for_all(Shared shared, std::string name, Question question, bool dnssec);
  [[nodiscard]] Answer conclude(const std::string& name, Type type, const QueryOptions& options, Answer answer);
  [[nodiscard]] Task<Answer> ask_servers(Question question, QueryOptions options);
  [[nodiscard]] Task<Reaction> ask(Server& server, Question question, bool dnssec, Wait wait);
  [[nodiscard]] Task<Reaction> ask_once(Server& server, Question question, QueryForm form, Wait wait);
  [[nodiscard]] Task<Reaction> ask_over_connection(Server& server, Question question, QueryForm form, Wait wait);
  [[nodiscard]] std::vector<Server*> in_order();
  [[nodiscard]] std::vector<std::string> candidates(std::string name, bool search) const;

  Network network_;
  ResolverSettings settings_;
  std::vector<std::unique_ptr<Server>> servers_;
  AnswerCache cache_;
  Semaphore streams_{kStreamsMax};
  std::unordered_map<std::string, Shared> asking_;  // by name, type and whether signatures are wanted
  Gate askers_;
  ResolverStats stats_;
};

}  // namespace postern::dns
