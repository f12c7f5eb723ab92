// What is known of one connection while it lasts.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/base/clock.h"
#include "engine/base/peer_text.h"
#include "engine/io/stream.h"
#include "engine/smtp/check_scope.h"
#include "engine/smtp/command.h"

namespace postern::smtp {

// Keywords that a client may be offered in the reply to EHLO, in that order; SIZE before them and HELP behind them always are.
// RFC numbers beside them.
enum class EhloKeyword : std::uint32_t {
  limits = 1U << 0,                 // 9422
  eight_bit_mime = 1U << 1,         // 6152
  dsn = 1U << 2,                    // 3461
  etrn = 1U << 3,                   // 1985; offered where a rule for it exists, as are the next two
  vrfy = 1U << 4,                   //
  expn = 1U << 5,                   //
  pipelining = 1U << 6,             // 2920
  chunking = 1U << 7,               // 3030
  smtputf8 = 1U << 8,               // 6531; offered only together with eight_bit_mime
  enhanced_status_codes = 1U << 9,  // 2034
};

// A bit set of them.
class EhloKeywords {
 public:
  constexpr EhloKeywords() = default;
  [[nodiscard]] constexpr bool has(EhloKeyword k) const noexcept { return (bits_ & static_cast<std::uint32_t>(k)) != 0; }
  constexpr EhloKeywords& set(EhloKeyword k, bool on = true) noexcept {
    const auto bit = static_cast<std::uint32_t>(k);
    bits_ = on ? bits_ | bit : bits_ & ~bit;
    return *this;
  }
  friend constexpr bool operator==(EhloKeywords, EhloKeywords) = default;

 private:
  std::uint32_t bits_ = 0;
};

// All that a site offers unless told otherwise: everything but etrn, vrfy and expn.
[[nodiscard]] constexpr EhloKeywords usual_keywords() noexcept {
  return EhloKeywords()
      .set(EhloKeyword::limits)
      .set(EhloKeyword::eight_bit_mime)
      .set(EhloKeyword::dsn)
      .set(EhloKeyword::pipelining)
      .set(EhloKeyword::chunking)
      .set(EhloKeyword::smtputf8)
      .set(EhloKeyword::enhanced_status_codes);
}

struct SessionCounters {
  std::uint32_t mail_commands = 0;  // all of them, refused ones too
  std::uint32_t accepted = 0;       // messages answered 250
  std::uint32_t errors = 0;         // syntax and protocol errors
  std::uint32_t unknown = 0;        // unrecognized commands
  std::uint32_t nonmail = 0;        // commands beside those that a message needs
};

// The last commands of a connection, unrecognized ones left out.
struct CommandHistory {
  std::array<Verb, 20> verbs{};  // a ring: number n stands at n modulo its size
  std::uint32_t count = 0;       // of all

  [[nodiscard]] Verb last() const noexcept { return count == 0 ? Verb::unknown : verbs[(count - 1) % verbs.size()]; }
  void add(Verb verb) noexcept { verbs[count++ % verbs.size()] = verb; }
};

// Recipients of the current transaction, by what became of them.
struct RecipientCounters {
  std::uint32_t commands = 0;
  std::uint32_t refused = 0;  // permanently, or discarded
  std::uint32_t deferred = 0;
};

// What a hook may do with its connection while the session waits for the answer.
class SessionPause {
 public:
  // Suspends until then. With `flush` the client gets all replies first that wait for it. Ends early when the client goes away
  // or the service stops.
  [[nodiscard]] virtual Task<void> pause(Instant until, bool flush) = 0;
  // Suspends until `over` stops, and stops it when the client goes away or the service stops: for whoever waits for something
  // else meanwhile. Not beside pause().
  [[nodiscard]] virtual Task<void> watch(StopSource& over) = 0;

 protected:
  ~SessionPause() = default;
};

// Owned by the session; hooks may keep a reference until `closed` was called. Hooks read it, and start checks in its scopes.
struct SessionState {
  Endpoints endpoints;
  Instant connected_at;  // monotonic
  bool encrypted = false;

  bool helo_seen = false;
  bool esmtp = false;            // the last greeting was EHLO
  PeerText host_name;            // of the client, when it was looked up and leads back to it; lower case
  PeerText helo;                 // its argument as sent; empty before the first
  EhloKeywords offered;          // in the reply to the last EHLO; empty after HELO
  bool pipelining_used = false;  // since then

  PeerView command;   // the line being worked on, without its line end; valid while a hook runs
  PeerView argument;  // what follows the verb in it

  SessionCounters counters;
  CommandHistory history;
  RecipientCounters recipients;

  SessionPause* pausing = nullptr;  // null: nobody can be kept waiting

  CheckScope connection_checks;   // ends when the connection does
  CheckScope transaction_checks;  // ends with the message, RSET, EHLO, or the connection

  [[nodiscard]] bool offers(EhloKeyword k) const noexcept { return offered.has(k); }
};

// "smtp", "esmtp", "utf8esmtp", "esmtps" ...: the name that Received: and the log give to how a message came in.
[[nodiscard]] constexpr std::string_view protocol_name(const SessionState& state, bool smtputf8) noexcept {
  if (!state.esmtp) return state.encrypted ? "smtps" : "smtp";
  if (state.encrypted) return smtputf8 ? "utf8esmtps" : "esmtps";
  return smtputf8 ? "utf8esmtp" : "esmtp";
}

}  // namespace postern::smtp
