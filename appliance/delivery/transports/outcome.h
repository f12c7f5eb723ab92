// What a transport reports, as it happens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "appliance/delivery/transports/next_hop.h"
#include "engine/smtp/enhanced.h"

namespace postern::delivery {

// The host or socket that was spoken to.
struct HostSeen {
  std::string name;  // as configured: a name, or the address itself; of a socket the path
  NextHop hop;
  bool reused = false;  // on a connection that had carried a message before
};

enum class ProblemKind : std::uint8_t {
  // of a host: other messages would meet it too
  refused,            // nobody listens
  connect_timed_out,  //
  unreachable,        //
  host_rejected,      // it greeted us with 4xx or 5xx, or so answered EHLO and HELO
  connection_lost,    //
  timed_out,          // no answer to a command
  malformed,          // an answer that is none
  host_resting,       // it failed before, and its time to be tried again has not come
  // of this message
  mail_rejected,  // in answer to MAIL
  data_rejected,  // in answer to DATA, or to the text
  data_lost,      // no answer to the text: it may have been taken
  unsuitable,     // the host lacks what the message needs
  // of one recipient
  rcpt_rejected,
  unrouteable,
  routing,  // a router says so
  // of this machine
  disk_full,  // or over quota
  local,
};

// Why something was not delivered. Texts are printable.
struct Problem {
  ProblemKind kind = ProblemKind::local;
  bool permanent = false;
  bool is_of_recipient = false;    // it concerns one recipient: said in answer to RCPT, or in LMTP to the text
  int os_errno = 0;                // of the world failing
  int reply_code = 0;              // of the peer
  smtp::EnhancedCode status;       // from the peer, or ours; none when unknown
  std::string text;                // for logs: "SMTP error from remote mail server after RCPT TO:<a@b>: 550 no"
  std::string diagnostic;          // what the peer said, for reports; empty when it said nothing
  std::optional<HostSeen> host;    // who said it
  std::uint32_t not_before_s = 0;  // host_resting: when its time comes; seconds since 1970

  [[nodiscard]] bool is_of_host() const noexcept { return kind <= ProblemKind::host_resting; }
};

// One delivery that worked: one transaction, one recipient of an LMTP transaction, or one file.
struct Delivered {
  std::span<const std::uint32_t> recipients;  // indexes in the message
  const HostSeen* host = nullptr;             // nullptr: local
  std::string_view confirmation;              // what the peer said, printable; empty when local
  bool chunked = false;
  bool pipelined = false;
  bool is_further = false;  // others of the same transaction were named before
  std::uint64_t bytes = 0;
};

// Hears of things at once, so that they are recorded before anything else happens. Every recipient given to a transport is
// named exactly once, in on_delivered or in on_problem.
class DeliveryEvents {
 public:
  virtual void on_delivered(const Delivered& delivered) = 0;
  virtual void on_problem(std::span<const std::uint32_t> recipients, const Problem& problem) = 0;
  // A host could not be used; others are tried, if there are any.
  virtual void on_host_problem(const HostSeen& host, const Problem& problem) = 0;
  // Something of the message went wrong that by itself keeps nobody from getting it. Printable, for the log; `is_serious`: the
  // administrator is to see it.
  virtual void on_remark(std::string_view remark, bool is_serious) = 0;

 protected:
  ~DeliveryEvents() = default;
};

}  // namespace postern::delivery
