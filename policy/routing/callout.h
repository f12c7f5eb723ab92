// Callouts: asking the servers of an address whether they would take mail for it. Nothing is delivered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/buffer/block_pool.h"
#include "engine/coro/semaphore.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/io/connector.h"
#include "engine/smtp/client.h"
#include "net/tls/client.h"
#include "policy/routing/callout_cache.h"
#include "policy/routing/callout_words.h"
#include "policy/routing/host_items.h"
#include "policy/routing/tls_hosts.h"

namespace postern::routing {

inline constexpr std::size_t kCalloutsMax = 100;            // connections of callouts of one shard at once; others wait
inline constexpr std::size_t kCalloutHostsMax = 5;          // of one callout that are tried
inline constexpr std::size_t kCalloutRecordsMax = 100'000;  // remembered by one shard

// Everything is borrowed until the answer is there.
struct CalloutQuestion {
  std::string_view address;  // "local_part@domain"
  std::string_view domain;
  std::string_view from;                  // without angle brackets; empty: <>
  std::span<const Host> hosts;            // at least one, in the order to try them
  std::uint16_t port = 25;                // of hosts that bring none
  std::span<const IpAddress> interfaces;  // to connect from: the first of the host's family
  const TlsHosts* tls = nullptr;          // null: in clear
  bool lmtp = false;                      // say LHLO
  std::string_view helo_name;             //
  std::string_view random_local_part;     // empty: none is tried
  const CalloutWords& words;
};

struct CalloutVerdict {
  enum class Result : std::uint8_t { accepted, rejected, deferred };
  enum class Place : std::uint8_t { mail, recipient, postmaster };  // where it was rejected: at or before MAIL, or for whom
  Result result = Result::deferred;
  Place place = Place::mail;
  bool setup_failed = false;  // the server refuses MAIL itself
  bool from_cache = false;
  std::string log;       // "mx.example [192.0.2.1] : SMTP error from ..."; empty when it comes from the cache
  std::string host;      // address of the server that rejected
  std::string command;   // which it rejected: "RCPT TO:<a@b>"
  std::string response;  // with the code in each line, LF between them
};

// One shard's. Everything it is given outlives it; it outlives its questions.
class Callouts {
 public:
  Callouts(Connector& connector, BlockPool& pool, CalloutTimes times, const tls::Client& tls)
      : connector_(connector), pool_(pool), tls_(tls), cache_(times, kCalloutRecordsMax), slots_(kCalloutsMax) {}

  // Answers from the cache, or asks the servers. Suspends at most for words.wait_max_ms, and not beyond what `wait` says; cut
  // short it is deferred.
  [[nodiscard]] Task<CalloutVerdict> ask(CalloutQuestion question, Wait wait);

 private:
  friend class CalloutDialogue;
  struct Attempt;
  enum class TlsUse : std::uint8_t { never, offered, required };

  [[nodiscard]] TlsUse tls_use(const CalloutQuestion& question, const Host& host) const;
  [[nodiscard]] Task<Attempt> try_host(const CalloutQuestion& question, const std::string& key, KnownDomain known,
                                       const Host& host, TlsUse tls, Wait wait);

  Connector& connector_;
  BlockPool& pool_;
  const tls::Client& tls_;
  CalloutCache cache_;
  Semaphore slots_;
};

}  // namespace postern::routing
