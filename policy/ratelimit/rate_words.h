// The argument of the ACL condition `ratelimit`: "limit / period / options / key".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::ratelimit {

// What one event is.
enum class Mode : std::uint8_t {
  per_mail,  // also: for as long as a message lasts, it is counted once
  per_rcpt,
  per_conn,  // counted once a connection
  per_byte,  // counted once a message
  per_cmd,
  per_addr,  // different recipients
};
[[nodiscard]] std::string_view to_string(Mode mode) noexcept;

enum class Update : std::uint8_t {
  leaky,     // what is over the limit is not counted
  strict,    // everything is
  readonly,  // nothing is
};

struct RateWords {
  double limit = 0;  // events per period, at which a client is over it
  double period_s = 0;
  std::string limit_text;   // $sender_rate_limit
  std::string period_text;  // $sender_rate_period
  Mode mode = Mode::per_mail;
  bool mode_is_given = false;
  Update update = Update::leaky;
  std::optional<double> count;        // of events; nothing: what the mode says
  std::optional<std::string> unique;  // only events that differ in this count
  std::optional<std::string> key;     // nothing: the client's address
};

// "1h30m" in seconds; a bare number is seconds.
[[nodiscard]] std::optional<double> read_interval(std::string_view text);

// Reads an expanded argument. Nothing, and `why` in Exim's words, when it cannot be read.
[[nodiscard]] std::optional<RateWords> read_rate_words(std::string_view text, std::string& why);

}  // namespace postern::ratelimit
