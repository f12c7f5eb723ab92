// BDAT: message text in chunks of announced length, RFC 3030. Dots mean nothing here. Line ends are judged as in DATA, over the
// whole message: a CR at the end of one chunk and a LF at the start of the next are one line end.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/smtp/line_ends.h"

namespace postern::smtp {

enum class BdatSyntax : std::uint8_t {
  ok,
  missing_size,  // no number: "501 missing size for BDAT command"
  too_large,     // a number beyond 2^63 - 1
  bad_argument,  // something other than LAST behind the number
};

struct BdatCommand {
  BdatSyntax syntax = BdatSyntax::missing_size;
  bool is_last = false;
  std::uint64_t chunk_bytes = 0;
};

// `args` of "BDAT chunk-size [LAST]". Unless the syntax is ok, the length of what follows is unknown: the stream cannot be
// trusted after the reply.
[[nodiscard]] BdatCommand parse_bdat(std::string_view args) noexcept;

// One message, all its chunks; assign a fresh one for the next.
class BdatReader {
 public:
  explicit BdatReader(BareNewline policy) noexcept : lines_(policy) {}

  // A BDAT command was read. The chunk before it must be complete and not the last.
  void begin_chunk(const BdatCommand& command) noexcept;
  // As DataReader::step; complete at the end of the chunk, whose bytes are all that is ever consumed. Call it at least once for
  // each chunk, an empty one too: behind the last byte of the last chunk the literal ends a message that lacks its final CR LF.
  [[nodiscard]] BodyStep step(std::string_view input) noexcept;

  [[nodiscard]] std::uint64_t chunk_bytes_left() const noexcept { return left_; }
  [[nodiscard]] bool is_last_chunk() const noexcept { return is_last_; }
  // The last chunk is complete.
  [[nodiscard]] bool is_message_complete() const noexcept { return is_last_ && !in_chunk_; }
  // The text did not end with CR LF and was completed.
  [[nodiscard]] bool was_completed() const noexcept { return was_completed_; }

  [[nodiscard]] bool refused() const noexcept { return lines_.refused(); }
  void discard() noexcept { lines_.discard(); }
  [[nodiscard]] BodyStats stats() const noexcept { return lines_.stats(); }

 private:
  [[nodiscard]] BodyStep end_chunk(BodyStep step) noexcept;

  BodyLines lines_;
  std::uint64_t left_ = 0;
  bool in_chunk_ = false;
  bool is_last_ = false;
  bool was_completed_ = false;
};

}  // namespace postern::smtp
