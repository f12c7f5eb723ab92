// The commands of a transaction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"

namespace postern::load {

// Addresses may hold %n, which becomes the number of the message, and the recipient's %r, which becomes the number of the
// recipient in its message; both count from 0. Immutable; outlives the streams that send its commands.
class Envelope {
 public:
  Envelope(std::string_view sender, std::string_view recipient, std::size_t recipients);
  Envelope(const Envelope&) = delete;
  Envelope& operator=(const Envelope&) = delete;

  [[nodiscard]] std::size_t recipients() const noexcept { return recipients_; }
  // The command lines of message number `message`, appended. What differs between messages is written into `pool`.
  void append_mail(Chain& out, BlockPool& pool, std::uint64_t message) const;
  void append_rcpt(Chain& out, BlockPool& pool, std::uint64_t message, std::size_t recipient) const;
  // MAIL and all RCPT, and DATA too if wanted.
  void append_group(Chain& out, BlockPool& pool, std::uint64_t message, bool with_data) const;

 private:
  [[nodiscard]] std::string mail_line(std::uint64_t message) const;
  [[nodiscard]] std::string rcpt_line(std::uint64_t message, std::size_t recipient) const;

  std::string sender_;
  std::string recipient_;
  std::size_t recipients_;
  bool varies_;        // from message to message
  std::string group_;  // MAIL, all RCPT and DATA, when nothing varies
};

}  // namespace postern::load
