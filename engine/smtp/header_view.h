// The header block of a message, RFC 5322 section 2.2: found while its bytes pass, read when somebody asks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "engine/base/peer_text.h"
#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"

namespace postern::smtp {

// Watches stored bytes (CR LF line ends only) go by until the header block ends. Looks at the first bytes of each line and
// skips the rest.
class HeaderScanner {
 public:
  // Returns the number of bytes of `text` that belong to the header block, the empty line that ends it included. Not to be
  // called any more once it is complete.
  [[nodiscard]] std::size_t step(std::string_view text) noexcept;

  // The empty line was seen. A message may end without one: all of it is header then.
  [[nodiscard]] bool is_complete() const noexcept { return complete_; }
  // Bytes of the block so far.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint32_t received_fields() const noexcept { return received_; }

 private:
  // Long enough to tell "Received:" from everything else.
  static constexpr std::size_t kLineStartBytes = 9;
  [[nodiscard]] std::size_t step_line_start(std::string_view text) noexcept;

  std::array<char, kLineStartBytes> line_start_{};
  std::uint8_t line_start_bytes_ = 0;  // of the current line, while it is not yet judged
  bool in_line_ = false;               // judged; only its end matters
  bool complete_ = false;
  std::uint32_t received_ = 0;
  std::uint64_t bytes_ = 0;
};

struct HeaderField {
  PeerView name;   // empty: a line that is no field, whole in `value`
  PeerView value;  // behind the colon, with its folds and blanks, without the last CR LF

  // The value without blanks and line ends around it. Folds inside stay.
  [[nodiscard]] PeerView trimmed() const noexcept;
};

// Fields in the order in which they stand. Views stay valid while the message's bytes do. One shard.
class HeaderView {
 public:
  // No header at all.
  HeaderView() = default;
  // The first `bytes` bytes of `text`; both `text` and `pool` are borrowed. Blocks in several slices are put together in memory
  // of `pool` when the first field is asked for; those in one slice are read where they lie.
  HeaderView(const Chain& text, std::size_t bytes, BlockPool& pool) noexcept : text_(&text), bytes_(bytes), pool_(&pool) {}

  // The whole block, the empty line at its end included, in one piece.
  [[nodiscard]] PeerView block() const;
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  // Calls `visit(const HeaderField&)` for each field until it returns false.
  template <class Visit>
  void for_each(Visit&& visit) const {
    std::string_view rest = block().view();
    while (const std::optional<HeaderField> field = next_field(rest))
      if (!visit(*field)) return;
  }
  // The first field of that name (case does not matter).
  [[nodiscard]] std::optional<HeaderField> find(std::string_view name) const;
  // Takes one field off the front of `rest`; nothing at the end of the block.
  [[nodiscard]] static std::optional<HeaderField> next_field(std::string_view& rest) noexcept;

 private:
  void join() const;

  const Chain* text_ = nullptr;
  std::size_t bytes_ = 0;
  BlockPool* pool_ = nullptr;
  mutable const char* joined_ = nullptr;   // where the block does not lie in one slice, once it was asked for
  mutable Slice pooled_;                   // the memory behind it
  mutable std::unique_ptr<char[]> large_;  // likewise, beyond what the pool has
};

}  // namespace postern::smtp
