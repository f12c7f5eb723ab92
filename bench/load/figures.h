// What a run counts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "bench/load/latency.h"
#include "engine/base/error.h"

namespace postern::load {

// What a reply answers.
enum class Step : std::uint8_t { greeting, ehlo, helo, mail, rcpt, data, bdat, message, rset, quit };
inline constexpr std::size_t kSteps = 10;
// As it stands in reports: "mail"; "message" is the reply to the end of the text.
[[nodiscard]] std::string_view to_string(Step step) noexcept;

// Why a connection ended before its time.
enum class Failure : std::uint8_t {
  connect,    // none came about
  greeting,   // the server did not say 220
  hello,      // neither EHLO nor HELO was taken
  shut_down,  // 421
  closed,     // the server closed it, or it broke
  timed_out,  // no reply in time
  malformed,  // what came is not a reply
  uncalled,   // a reply to nothing
};
inline constexpr std::size_t kFailures = 8;
[[nodiscard]] std::string_view to_string(Failure failure) noexcept;

// Plain counters: the difference of two copies is what happened in between.
struct Counts {
  static constexpr std::size_t kCodes = 600;

  std::uint64_t connections = 0;     // that were ready for mail
  std::uint64_t begun = 0;           // messages, each of which ends as one of:
  std::uint64_t accepted = 0;        // 250 to the end of the text
  std::uint64_t refused = 0;         // another reply, there or before
  std::uint64_t lost = 0;            // the connection failed first
  std::uint64_t cut_off = 0;         // the run was over first
  std::uint64_t accepted_bytes = 0;  // of messages
  std::uint64_t not_offered = 0;     // connections whose server does not offer PIPELINING or CHUNKING that was asked for
  std::array<std::uint64_t, kFailures> failures{};
  std::array<std::array<std::uint64_t, kCodes>, kSteps> replies{};

  [[nodiscard]] std::uint64_t ended() const noexcept { return accepted + refused + lost + cut_off; }
};

struct Latencies {
  LatencyHistogram final_reply;  // from queueing the end of the text to its 250
  LatencyHistogram transaction;  // from when the message was due, or in the closed loop begun, to its 250
  void record(std::int64_t final_ns, std::int64_t transaction_ns) noexcept {
    final_reply.record(final_ns);
    transaction.record(transaction_ns);
  }
  void clear() noexcept {
    final_reply.clear();
    transaction.clear();
  }
};

struct Figures {
  Counts counts;
  Latencies latencies;
  Latencies second;                    // of the present second, for the progress line
  std::optional<Error> connect_error;  // the last one
};

}  // namespace postern::load
