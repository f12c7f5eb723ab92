#include "bench/load/messages.h"

#include <utility>

namespace postern::load {
namespace {

constexpr std::string_view kHeader =
    "From: Load <load@example.test>\r\n"
    "To: Recipient <recipient@example.test>\r\n"
    "Subject: load\r\n"
    "Date: Sat, 28 Nov 2026 12:00:00 +0000\r\n"
    "Message-ID: <load@example.test>\r\n"
    "\r\n";
static_assert(kHeader.size() + 2 <= SizeDistribution::kSmallest);

constexpr std::size_t kLineLetters = 76;
constexpr std::string_view kDotLine = ".\r\n";
constexpr std::string_view kEnd = "\r\n.\r\n";
constexpr std::string_view kEndBehindCr = "x\r\n.\r\n";

// Header and lines, cut after `bytes`.
std::string endless_text(std::size_t bytes) {
  std::string text(kHeader);
  while (text.size() < bytes) {
    for (std::size_t i = 0; i < kLineLetters; ++i) text += static_cast<char>('a' + i % 26);
    text += "\r\n";
  }
  text.resize(bytes);
  return text;
}

}  // namespace

Messages::Text Messages::Text::without_dot() const noexcept {
  Text shorter = *this;
  (rest.empty() ? shorter.text : shorter.rest).remove_suffix(kDotLine.size());
  return shorter;
}

Messages::Messages(SizeDistribution sizes) : sizes_(std::move(sizes)) {
  for (const SizeShare& share : sizes_.shares()) {
    std::string text = endless_text(share.to - 2);
    if (text.ends_with('\r')) text.back() = 'x';
    texts_.push_back(text.append(kEnd));
  }
}

Messages::Text Messages::draw(Random& random) const {
  const SizeDistribution::Draw draw = sizes_.draw(random);
  const std::string_view longest = texts_[draw.share];
  if (draw.bytes + kDotLine.size() == longest.size()) return {draw.bytes, longest, {}};
  // Cut between CR and LF, the CR would stand alone.
  const std::string_view text = longest.substr(0, draw.bytes - 2);
  if (!text.ends_with('\r')) return {draw.bytes, text, kEnd};
  return {draw.bytes, text.substr(0, text.size() - 1), kEndBehindCr};
}

}  // namespace postern::load
