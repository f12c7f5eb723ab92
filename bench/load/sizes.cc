#include "bench/load/sizes.h"

#include <charconv>
#include <optional>

namespace postern::load {
namespace {

constexpr std::uint64_t kWeightMax = 1'000'000;

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

// "2k", "1k-50k", "2k:70"
std::optional<SizeShare> parse_share(std::string_view text) {
  SizeShare share;
  if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    const auto weight = parse_number(text.substr(colon + 1), kWeightMax);
    if (!weight || *weight == 0) return std::nullopt;
    share.weight = *weight;
    text = text.substr(0, colon);
  }
  const std::size_t dash = text.find('-');
  const auto from = parse_bytes(text.substr(0, dash), SizeDistribution::kLargest);
  const auto to = dash == std::string_view::npos ? from : parse_bytes(text.substr(dash + 1), SizeDistribution::kLargest);
  if (!from || !to || *from < SizeDistribution::kSmallest || *to < *from) return std::nullopt;
  share.from = *from;
  share.to = *to;
  return share;
}

}  // namespace

std::optional<std::size_t> parse_bytes(std::string_view text, std::size_t max) {
  std::size_t unit = 1;
  if (text.ends_with('k') || text.ends_with('K')) unit = 1024;
  if (text.ends_with('m') || text.ends_with('M')) unit = 1024 * 1024;
  if (unit > 1) text.remove_suffix(1);
  const auto count = parse_number(text, max / unit);
  if (!count) return std::nullopt;
  return static_cast<std::size_t>(*count) * unit;
}

std::expected<SizeDistribution, std::string> SizeDistribution::parse(std::string_view text) {
  SizeDistribution distribution;
  for (;;) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const auto share = parse_share(part);
    if (!share)
      return std::unexpected("\"" + std::string(part) +
                             "\" is not a size: say 2k, 1k-50k, or 2k:70,20k:25,200k:5 with weights; from 200 to 64M");
    if (distribution.shares_.size() == kSharesMax) return std::unexpected("at most 32 sizes");
    distribution.shares_.push_back(*share);
    distribution.weights_ += share->weight;
    if (comma == std::string_view::npos) return distribution;
    text.remove_prefix(comma + 1);
  }
}

SizeDistribution::Draw SizeDistribution::draw(Random& random) const {
  std::size_t index = 0;
  if (shares_.size() > 1) {
    std::uint64_t at = random.below(weights_);
    while (at >= shares_[index].weight) at -= shares_[index++].weight;
  }
  const SizeShare& share = shares_[index];
  if (share.from == share.to) return {index, share.from};
  return {index, share.from + static_cast<std::size_t>(random.below(share.to - share.from + 1))};
}

}  // namespace postern::load
