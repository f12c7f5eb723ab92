// Rewritten envelope senders: SRS (Shevek, "The Sender Rewriting Scheme", 2004), in the form that Exim writes and reads:
// "SRS0=HHHH=TT=domain=local@forwarder". HHHH are the first digits of a keyed hash over the original address, TT the day. An
// address that was rewritten by somebody else is wrapped as any other; there is no SRS1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::srs {

inline constexpr std::int64_t kDays = 10;  // that an address is good for

struct Original {
  std::string_view text;        // the whole address as it was given: it is what the hash is about
  std::string_view local_part;  // as written, quotes included
  std::string_view domain;      // empty when there is none
};

// `day`: days since 1970-01-01. A local part that was quoted gives a quoted one. Nothing when this machine has no MD5.
[[nodiscard]] std::optional<std::string> encode(const Original& original, std::string_view secret, std::string_view forwarder,
                                                std::int64_t day);

struct Encoded {
  std::string recipient;       // the original address in lower case, its local part quoted where it must be
  std::string_view hash;       // these view into what was decoded
  std::string_view timestamp;  //
};

// `local_part`: without quotes. Nothing when it has not that form.
[[nodiscard]] std::optional<Encoded> decode(std::string_view local_part);
// Whether it was made with that secret, at most kDays ago.
[[nodiscard]] bool is_valid(const Encoded& encoded, std::string_view secret, std::int64_t day);

}  // namespace postern::srs
