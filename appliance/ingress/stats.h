// Figures of one ingress shard. Written by its thread, read by whoever asks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/counter.h"

namespace postern::ingress {

// Why something was refused or cut off, as people ask about it. Names are stable: they appear in `postern stats`.
enum class Refusal : std::uint8_t {
  too_many_connections,  // smtp_accept_max
  too_many_from_host,    // smtp_accept_max_per_host
  proxy_header,          // missing or bad, from a host in hosts_proxy
  policy_connect,        // by ACL, for each phase
  policy_helo,
  policy_mail,
  policy_rcpt,
  policy_data,
  helo_syntax,
  synchronization,  // input before the greeting or after a command that must be waited for
  syntax,           // commands that do not parse, or come out of order
  too_many_errors,  // connections ended for them
  unqualified,      // address without a domain
  too_many_recipients,
  too_many_messages,  // smtp_accept_max_per_connection
  message_too_large,
  bare_newline,
  mail_loop,
  low_space,
  storage,  // the spool could not store a message (451)
  kCount,
};
[[nodiscard]] std::string_view to_string(Refusal refusal) noexcept;

struct IngressStats {
  Counter connections;       // accepted by the kernel, refused ones included
  Counter connections_open;  // gauge
  Counter messages;          // answered 250
  Counter recipients;        // of them
  Counter message_bytes;     // as stored, without added headers
  Counter discarded;         // answered 250 and thrown away by policy
  Counter lost_connections;  // ended without QUIT by the peer or the network
  Counter timeouts;
  Counter low_space;     // gauge: 1 while messages are refused for want of space
  Counter copied_bytes;  // of message texts, before the one copy into the commit batch
  // Gauges, of the last look: memory that messages in flight hold; blocks in use, and kept for reuse.
  Counter pinned_bytes;
  Counter blocks_used_bytes;
  Counter blocks_spare_bytes;
  std::array<Counter, static_cast<std::size_t>(Refusal::kCount)> refusals;

  void refused(Refusal refusal) noexcept { refusals[static_cast<std::size_t>(refusal)].add(); }
};

}  // namespace postern::ingress
