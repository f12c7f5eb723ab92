#include "appliance/spool/positions.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

namespace postern::spool {
namespace {

constexpr int kHexadecimal = 16;
constexpr int kDecimal = 10;

// Takes a number and the character behind it from the front of `text`.
template <class Int>
bool take(std::string_view& text, Int& value, int base, char end) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  const auto length = static_cast<std::size_t>(parsed.ptr - text.data());
  if (parsed.ec != std::errc() || length == text.size() || *parsed.ptr != end) return false;
  text.remove_prefix(length + 1);
  return true;
}

bool take_line(std::string_view& text, ShardPosition& into) {
  std::uint16_t shard = 0;
  DurablePosition& position = into.position;
  const bool good = take(text, shard, kDecimal, ' ') && take(text, position.segment.number, kHexadecimal, ' ') &&
                    take(text, position.segment.incarnation, kHexadecimal, ' ') && take(text, position.offset, kDecimal, '\n');
  into.shard = ShardId(shard);
  return good && position.offset % kBlockBytes == 0 && position.offset <= kSegmentBytesMax;
}

}  // namespace

std::string format_positions(std::span<const ShardPosition> positions) {
  std::string text;
  for (const auto& [shard, position] : positions)
    text +=
        fmt::format("{} {:x} {:x} {}\n", shard.value(), position.segment.number, position.segment.incarnation, position.offset);
  return text;
}

std::optional<std::vector<ShardPosition>> parse_positions(std::string_view text) {
  std::vector<ShardPosition> positions;
  while (!text.empty()) {
    ShardPosition next;
    if (!take_line(text, next) || positions.size() == Doorbell::kSlotsMax) return std::nullopt;
    if (!positions.empty() && next.shard <= positions.back().shard) return std::nullopt;
    positions.push_back(next);
  }
  return positions;
}

}  // namespace postern::spool
