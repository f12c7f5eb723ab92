#include "bench/load/envelope.h"

#include <algorithm>

namespace postern::load {
namespace {

constexpr std::string_view kData = "DATA\r\n";

std::string filled(std::string_view address, std::uint64_t message, std::size_t recipient) {
  std::string text;
  for (std::size_t i = 0; i < address.size(); ++i) {
    const std::string_view mark = address.substr(i, 2);
    if (mark == "%n" || mark == "%r") {
      text += std::to_string(mark == "%n" ? message : recipient);
      ++i;
    } else {
      text += address[i];
    }
  }
  return text;
}

void append_copy(Chain& out, BlockPool& pool, std::string_view text) {
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, BlockPool::kLargest);
    out.append(copy_to_slice(pool, piece));
    text.remove_prefix(piece.size());
  }
}

}  // namespace

Envelope::Envelope(std::string_view sender, std::string_view recipient, std::size_t recipients)
    : sender_(sender),
      recipient_(recipient),
      recipients_(recipients),
      varies_(sender.contains("%n") || recipient.contains("%n")) {
  if (varies_) return;
  group_ = mail_line(0);
  for (std::size_t i = 0; i < recipients; ++i) group_ += rcpt_line(0, i);
  group_ += kData;
}

std::string Envelope::mail_line(std::uint64_t message) const { return "MAIL FROM:<" + filled(sender_, message, 0) + ">\r\n"; }

std::string Envelope::rcpt_line(std::uint64_t message, std::size_t recipient) const {
  return "RCPT TO:<" + filled(recipient_, message, recipient) + ">\r\n";
}

void Envelope::append_mail(Chain& out, BlockPool& pool, std::uint64_t message) const {
  append_copy(out, pool, mail_line(message));
}

void Envelope::append_rcpt(Chain& out, BlockPool& pool, std::uint64_t message, std::size_t recipient) const {
  append_copy(out, pool, rcpt_line(message, recipient));
}

void Envelope::append_group(Chain& out, BlockPool& pool, std::uint64_t message, bool with_data) const {
  if (!varies_) {
    const std::string_view whole = group_;
    return out.append(Slice::literal(with_data ? whole : whole.substr(0, whole.size() - kData.size())));
  }
  std::string group = mail_line(message);
  for (std::size_t i = 0; i < recipients_; ++i) group += rcpt_line(message, i);
  if (with_data) group += kData;
  append_copy(out, pool, group);
}

}  // namespace postern::load
