// The bounds of a session, by Exim's names where it has one, and what has been decided for one client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/smtp/line_ends.h"
#include "engine/smtp/state.h"

namespace postern::smtp {

// The same for all sessions of one configuration. 0 means no limit where it says so.
struct SessionLimits {
  std::uint64_t message_size_limit = 50 * 1024 * 1024;  // bytes as stored; 0: none. SIZE= beyond it: 552 to MAIL
  std::uint32_t recipients_max = 50'000;                // RCPT commands in a transaction; 0: none. 452 to those beyond it
  bool recipients_max_reject = false;                   // then 552 to those beyond it, and 554 to DATA
  std::uint32_t smtp_accept_max_per_connection = 0;     // MAIL commands; 0: none. 421 to those beyond it
  std::uint32_t smtp_accept_max_nonmail = 10;           // commands beside those a message needs. 554 and the end at the next
  std::uint32_t smtp_max_synprot_errors = 3;            // that many are answered, the next ends the connection
  std::uint32_t smtp_max_unknown_commands = 3;          // likewise
  std::uint32_t received_headers_max = 30;              // Received: fields; more: 550, a mail loop
  std::uint64_t header_maxsize = 1024 * 1024;           // bytes of header block; more: 552
  std::size_t envelope_bytes_max = 1024 * 1024;         // texts and bookkeeping of one envelope; 452 beyond it
  std::size_t command_line_bytes_max = 4096;            // line end included; 500 beyond it

  std::int64_t smtp_receive_timeout_ms = 300'000;  // for a command line to be complete, and for each read of a message's data
  std::int64_t smtp_send_timeout_ms = 120'000;     // for replies to leave; then the connection is closed
  // A message's data must keep up this rate after a head start, over all its reads: a peer that sends a byte now and then is
  // cut off with 421 although no single read timed out.
  std::int64_t smtp_data_head_start_ms = 600'000;
  std::uint64_t smtp_data_rate_min = 1000;  // bytes per second
  std::int64_t shutdown_grace_ms = 10'000;  // for open transactions when the service stops
  std::int64_t linger_ms = 500;             // for a refused peer to read why, before the connection is cut

  // Work on one connection before others get their turn.
  std::size_t turn_bytes_max = 64 * 1024;
  std::uint32_t turn_commands_max = 16;
  std::size_t output_bytes_max = 16 * 1024;  // queued replies that make the session write although more input waits
};

// Decided for one client when it connects.
struct SessionOptions {
  const SessionLimits* limits = nullptr;  // borrowed; outlives the session
  std::string_view active_hostname;       // borrowed; outlives the session
  std::string_view banner;                // text behind "220 "; several lines separated by \n; borrowed until it has been sent
  std::string_view qualify_domain;        // borrowed; for addresses without a domain, postmaster among them
  std::string_view helo_allow_chars;      // borrowed; beside letters, digits, dot and hyphen
  std::string_view refusal;               // borrowed; where set, every command but QUIT is answered 503 with it
  EhloKeywords keywords = usual_keywords();
  BareNewline bare_newline =
      BareNewline::reject;             // of messages; commands: reject is strict, normalise lets a bare LF end a line
  bool enforce_sync = true;            // smtp_enforce_sync
  bool require_helo = true;            // 503 to MAIL before HELO or EHLO
  bool accept_helo_junk = false;       // helo_accept_junk_hosts
  bool count_nonmail = true;           // smtp_accept_max_nonmail_hosts
  bool qualify_sender = false;         // sender_unqualified_hosts
  bool qualify_recipient = false;      // recipient_unqualified_hosts
  bool allow_domain_literals = false;  // user@[192.0.2.1]
  bool strip_trailing_dot = false;     // user@example.org. means user@example.org
};

}  // namespace postern::smtp
