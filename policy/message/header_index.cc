#include "policy/message/header_index.h"

#include <algorithm>

#include "engine/smtp/chars.h"

namespace postern::message {

namespace {

std::string lower(std::string_view name) {
  std::string text;
  smtp::append_lower(text, name);
  return text;
}

}  // namespace

HeaderIndex::HeaderIndex(const smtp::HeaderView& headers) {
  headers.for_each([this](const smtp::HeaderField& field) {
    fields_.push_back(field);
    above_.push_back(kNone);
    if (field.name.empty()) return true;
    const auto number = static_cast<std::uint32_t>(fields_.size() - 1);
    const auto [place, is_first] = lowest_.try_emplace(lower(field.name.view()), number);
    if (!is_first) above_.back() = std::exchange(place->second, number);
    return true;
  });
}

std::uint32_t HeaderIndex::lowest(std::string_view name) const {
  const auto found = lowest_.find(lower(name));
  return found == lowest_.end() ? kNone : found->second;
}

std::size_t HeaderIndex::count(std::string_view name) const {
  std::size_t count = 0;
  for (std::uint32_t at = lowest(name); at != kNone; at = above_[at]) ++count;
  return count;
}

std::vector<std::size_t> HeaderIndex::places(std::string_view name) const {
  std::vector<std::size_t> places;
  for (std::uint32_t at = lowest(name); at != kNone; at = above_[at]) places.push_back(at);
  std::ranges::reverse(places);
  return places;
}

const smtp::HeaderField* HeaderIndex::Choice::next(std::string_view name) {
  const std::uint32_t lowest = index_.lowest(name);
  if (lowest == kNone) return nullptr;
  const auto [place, is_first] = next_.try_emplace(lowest, lowest);
  const std::uint32_t taken = place->second;
  if (taken == kNone) return nullptr;
  place->second = index_.above_[taken];
  return &index_.fields_[taken];
}

}  // namespace postern::message
