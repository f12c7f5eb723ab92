// What an ACL asks when it has an address verified: `verify = recipient/callout=30s,random`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::routing {

// Whom a callout says that mail comes from.
enum class CalloutSender : std::uint8_t {
  null,        // <>: as a bounce
  sender,      // use_sender: the message's
  postmaster,  // use_postmaster
};

struct CalloutWords {
  static constexpr std::int64_t kDefaultMs = 30'000;

  std::int64_t wait_ms = kDefaultMs;          // for each answer
  std::int64_t connect_ms = kDefaultMs;       // for the connection
  std::int64_t wait_max_ms = 4 * kDefaultMs;  // for all of it
  bool defer_ok = false;                      // a callout that ends without an answer passes
  bool random = false;                        // a local part that cannot be there is tried first
  bool postmaster = false;
  bool fullpostmaster = false;  // postmaster without a domain will do
  bool no_cache = false;
  CalloutSender from = CalloutSender::null;
  std::string mailfrom;             // in place of <>, of header_sender
  std::string postmaster_mailfrom;  // of the question about postmaster
};

// The words behind "callout=", between commas; empty: the defaults. Nothing, and `why`, for one that is not known or not built.
[[nodiscard]] std::optional<CalloutWords> read_callout(std::string_view text, std::string& why);

}  // namespace postern::routing
