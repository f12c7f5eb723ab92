// The world failing: disk, network, clock, peers that vanish. A peer's mistake is not an Error (it becomes a reply), and our
// own mistake is not one either (it fails a POSTERN_CHECK).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace postern::inline base {

// What the caller can act on.
enum class Errc : std::uint8_t {
  timed_out,    // the deadline of the wait passed
  stopped,      // the stop given to the wait was requested
  closed,       // the peer closed its direction in good order
  reset,        // the connection broke
  refused,      // nobody listens, or the peer does not want us
  unreachable,  // no route, host down
  disk_full,    // ENOSPC, EDQUOT, or a reservation that could not be met
  in_doubt,     // a write that may or may not be on the disk
  not_found,    // no such file or entry
  exists,       // it is there already
  busy,         // somebody else holds it (lock, port)
  too_large,    // a cap from docs/limits.md
  bad_format,   // stored bytes that do not read as what they should be
  unsupported,  // the kernel or the file system cannot do this
  denied,       // permissions
  invalid,      // an argument from configuration or command line
  io,           // anything else the kernel said
};

// The word for logs ("timed out").
[[nodiscard]] std::string_view to_string(Errc code) noexcept;

// Building one never allocates.
struct Error {
  Errc code;
  int os_errno = 0;        // 0 when the kernel was not involved
  const char* where = "";  // a string literal: which operation failed

  friend bool operator==(const Error&, const Error&) = default;
};

// The Error for an errno value; `where` must be a literal.
[[nodiscard]] Error error_from_errno(int os_errno, const char* where) noexcept;

// "open segment: No space left on device", for logs and messages to people.
[[nodiscard]] std::string describe(const Error& error);

}  // namespace postern::inline base
