// Failure reports: RFC 6591 (AFRF) with the fields of RFC 7489 section 7.3.1. What one looks like, and whether it is wanted.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/clock.h"
#include "engine/base/peer_text.h"
#include "policy/dmarc/judge.h"

namespace postern::dmarc {

inline constexpr std::size_t kReportHeaderBytesMax = 64UL * 1024;  // of the message's header; the fields behind it are left out

// Whether the record's owner wants a report of this message (ruf, fo and rf, section 6.3). What could not be decided is none.
[[nodiscard]] bool wants_failure_report(const Outcome& outcome, const Facts& facts) noexcept;

// Delivery-Result of RFC 6591 section 3.2.2.
enum class DeliveryResult : std::uint8_t { delivered, spam, policy, reject, other };

struct FailureReport {
  // The report's own header. `from` is a mailbox as a header holds it, checked by whoever configured it.
  std::string from;
  PeerText to;           // the mailbox of a ruf
  std::string host;      // this one, also for Reporting-MTA and Message-Id
  std::string id;        // unique on this host, without blanks
  std::string boundary;  // random, 1 to 70 letters and digits
  WallTime now;

  // The message it is about.
  std::string user_agent;  // "postern/0.1.0"
  std::string client_address;
  WallTime received;
  PeerText sender;                     // MAIL FROM; empty for the null sender
  PeerText envelope_id;                // ENVID, decoded; may be empty
  std::string authentication_results;  // the field as written, name included
  Facts facts;
  Outcome outcome;
  PeerText dkim_identity;  // i= of the first signature that did not pass; may be empty
  std::string spf_record;  // the record that SPF found; may be empty
  DeliveryResult delivery_result = DeliveryResult::other;
  PeerView header;  // the message's header block, borrowed for the call
};

// The whole message, CR LF at each line's end: multipart/report with a text for people, message/feedback-report and
// text/rfc822-headers. The body is never sent: it is not the reader's (RFC 6591 section 5, privacy). Pure.
[[nodiscard]] std::string build_failure_report(const FailureReport& report);

}  // namespace postern::dmarc
