// The message as it is delivered: what was received, with the header edits of its commit record made, and what a transport puts
// on top. Nothing of the received bytes is copied or changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/spool/record.h"
#include "engine/buffer/chain.h"
#include "engine/buffer/slice.h"

namespace postern::delivery {

// Pieces in order, each borrowed from the record's payload, from `top` or from `bottom`. CR LF line ends.
class ComposedMessage {
 public:
  // `top` goes in front of everything, `bottom` behind the header section: whole header fields, or nothing.
  ComposedMessage(const spool::MessageView& message, std::string_view top, std::string_view bottom = {});

  // Without what lies in a side file, which comes behind them.
  [[nodiscard]] const std::vector<std::string_view>& pieces() const noexcept { return pieces_; }
  // Of the whole message.
  [[nodiscard]] std::uint64_t size() const noexcept { return bytes_ + side_file_bytes_; }
  // Bytes of the header section, the empty line behind it not included.
  [[nodiscard]] std::uint64_t header_bytes() const noexcept { return header_bytes_; }
  // The header section as text, at most `bytes_max` of it (whole lines).
  [[nodiscard]] std::string header_text(std::size_t bytes_max) const;
  // A byte above 127 anywhere; and in the header section.
  [[nodiscard]] bool has_8bit() const noexcept { return has_8bit_; }
  [[nodiscard]] bool has_8bit_header() const noexcept { return has_8bit_header_; }

 private:
  void add(std::string_view piece, bool is_received);

  std::vector<std::string_view> pieces_;
  std::uint64_t bytes_ = 0;  // in pieces_
  std::uint64_t side_file_bytes_ = 0;
  std::uint64_t header_bytes_ = 0;
  bool last_is_received_ = false;
  bool has_8bit_ = false;
  bool has_8bit_header_ = false;
};

// Bytes of the header section at the start of `content`: up to the empty line, or all of it where there is none.
[[nodiscard]] std::size_t header_section_bytes(std::string_view content) noexcept;

}  // namespace postern::delivery
