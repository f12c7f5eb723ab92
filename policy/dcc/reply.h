// What dccifd answers: a letter for the message, one for each recipient, the X-DCC field. Read as it comes, and judged as Exim
// judges it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/peer_text.h"

namespace postern::dcc {

inline constexpr std::size_t kOverallBytesMax = 128;      // kept of the first line
inline constexpr std::size_t kHeaderBytesMax = 4096;      // of the field; a longer one is left out
inline constexpr std::size_t kReplyBytesMax = 64 * 1024;  // besides the letters for recipients

struct Reply {
  std::string overall;     // the first line: one letter, when all is well; anything from a daemon that is none
  std::string recipients;  // A, R or G for each, in order; empty when there is not one for each
  PeerText header;         // "X-DCC-...: ...\n", its continuation lines behind it; empty: none, or one that cannot be used
};

// Reads one reply. After `complete` and `broken` further bytes change nothing.
class ReplyReader {
 public:
  enum class State : std::uint8_t { more, complete, broken };

  // `recipients`: how many the daemon was told.
  explicit ReplyReader(std::size_t recipients) noexcept : recipients_(recipients) {}

  State feed(std::string_view bytes);
  // The daemon has ended its side.
  State end();

  [[nodiscard]] State state() const noexcept { return state_; }
  // Why it is broken.
  [[nodiscard]] std::string_view why() const noexcept { return why_; }
  // Once, when complete.
  [[nodiscard]] Reply take();

 private:
  enum class Part : std::uint8_t { overall, recipients, header, rest };

  void take_line();
  void take_header_line();
  [[nodiscard]] std::size_t kept_bytes_max() const noexcept;
  void break_off(std::string_view why) noexcept;

  std::size_t recipients_;
  State state_ = State::more;
  Part part_ = Part::overall;
  std::size_t bytes_ = 0;
  std::string line_;  // the one that is arriving, as far as anything of it is kept
  bool cut_ = false;  // there was more of it
  std::string header_;
  bool header_is_bad_ = false;
  Reply reply_;
  std::string_view why_;
};

enum class Status : std::uint8_t {
  accept,  // A, and S of older daemons
  reject,  // R, and G: greylisted
  defer,   // T, or an answer nobody knows
  failed,  // there was no answer: deferred, too, with the reason in `log`
};

// Holds everything that the condition, the variables and the log need.
struct Result {
  Status status = Status::failed;
  std::string letter;      // $dcc_result: A, R, G or T; empty when it failed
  PeerText header;         // $dcc_header, with its line end; empty: none
  std::string recipients;  // as in Reply
  std::string_view text;   // in Exim's words: "Greylisted by DCC"
  std::string log;         // for the main log; empty: nothing. "rejected by DCC" wants "H=... F=<...>: " in front of it
};

[[nodiscard]] Result judge(Reply reply);
// No answer, for that reason.
[[nodiscard]] Result failed(std::string why);

// The fields that dcc_direct_add_header adds: that of the daemon, and `extra` ($acl_m_dcc_add_header) as it is, each with a
// line end behind it.
[[nodiscard]] std::string added_fields(const Result& result, std::string_view extra);

}  // namespace postern::dcc
