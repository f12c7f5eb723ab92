// The message that tells a sender what could not be delivered: RFC 3464 in an RFC 6522 report, with the header of the original.
// Pure ASCII but for the original's header; addresses that are not ASCII are written as RFC 6533 section 3 says.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "appliance/delivery/transports/outcome.h"
#include "appliance/spool/record.h"
#include "engine/base/clock.h"

namespace postern::delivery {

struct FailedRecipient {
  spool::RecipientView recipient;
  const Problem* problem = nullptr;
  bool timed_out = false;  // the problem was temporary, for too long
};

// Everything is borrowed.
struct BounceInput {
  std::string_view id;        // of the bounce
  std::string_view to;        // who is told
  std::string_view boundary;  // of the parts; not to be guessed by whoever wrote the original
  std::string_view hostname;  // primary_hostname
  std::string_view from;      // what stands behind From:
  const spool::MessageView& original;
  std::string_view original_header;  // as it would have been delivered; whole lines
  bool returns_header = true;        // false: it is not a part of the bounce
  std::span<const FailedRecipient> failed;
  WallTime now;
};

// The bounce from its first header field on, CR LF line ends; Received: is not in it.
[[nodiscard]] std::string make_bounce(const BounceInput& input);

// Whether the recipient's failure is reported at all: RFC 3461 section 4.1.
[[nodiscard]] bool wants_failure_report(const spool::RecipientView& recipient);

// "rfc822;a@b.example", or "utf-8;\x{E9}@b.example": RFC 3464 section 2.3.2, RFC 6533 section 3.
[[nodiscard]] std::string typed_address(std::string_view address);

}  // namespace postern::delivery
