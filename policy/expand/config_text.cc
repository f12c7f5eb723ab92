#include "policy/expand/config_text.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/base/check.h"

namespace postern::expand {

std::uint16_t FileNames::add(std::string name) {
  POSTERN_CHECK(names_.size() < std::numeric_limits<std::uint16_t>::max());
  names_.push_back(std::move(name));
  return static_cast<std::uint16_t>(names_.size() - 1);
}

std::size_t ConfigText::origin_of(std::size_t offset) const noexcept {
  const auto after = std::upper_bound(origins_.begin(), origins_.end(), offset,
                                      [](std::size_t at, const Origin& origin) { return at < origin.offset; });
  return static_cast<std::size_t>(after - origins_.begin()) - 1;
}

Position ConfigText::position(std::size_t offset) const noexcept {
  if (origins_.empty()) return {};
  const bool past_end = offset >= text_.size() && !text_.empty();
  const std::size_t at = past_end ? text_.size() - 1 : offset;
  const Origin& origin = origins_[origin_of(at)];
  std::uint32_t column = origin.column;
  if (!origin.fixed) column += static_cast<std::uint32_t>(at - origin.offset) + (past_end ? 1 : 0);
  return {files_->at(origin.file), origin.line, column};
}

void ConfigText::append(std::string_view bytes, std::uint16_t file, std::uint32_t line, std::uint32_t column, bool fixed) {
  if (bytes.empty() && !origins_.empty()) return;
  const auto offset = static_cast<std::uint32_t>(text_.size());
  bool continues = false;
  if (!origins_.empty()) {
    const Origin& last = origins_.back();
    const std::uint32_t expected = last.fixed ? last.column : last.column + (offset - last.offset);
    continues = last.file == file && last.line == line && last.fixed == fixed && expected == column;
  }
  if (!continues) origins_.push_back({offset, line, column, file, fixed});
  text_.append(bytes);
}

void ConfigText::append(const ConfigText& from, std::size_t begin, std::size_t size) {
  begin = std::min(begin, from.text_.size());
  size = std::min(size, from.text_.size() - begin);
  if (from.origins_.empty()) return;
  if (size == 0) return append_at({}, from, begin);
  for (std::size_t i = from.origin_of(begin); i < from.origins_.size(); ++i) {
    const Origin& origin = from.origins_[i];
    const std::size_t first = std::max<std::size_t>(begin, origin.offset);
    const std::size_t next = i + 1 < from.origins_.size() ? from.origins_[i + 1].offset : from.text_.size();
    const std::size_t last = std::min(begin + size, next);
    if (first >= last) break;
    const auto skipped = static_cast<std::uint32_t>(first - origin.offset);
    append(from.view().substr(first, last - first), origin.file, origin.line, origin.column + (origin.fixed ? 0 : skipped),
           origin.fixed);
  }
}

void ConfigText::append_at(std::string_view bytes, const ConfigText& from, std::size_t offset) {
  if (from.origins_.empty()) {
    text_.append(bytes);
    return;
  }
  const Position at = from.position(offset);
  const std::size_t inside = std::min(offset, from.text_.empty() ? 0 : from.text_.size() - 1);
  append(bytes, from.origins_[from.origin_of(inside)].file, at.line, at.column, true);
}

void ConfigText::truncate(std::size_t size) {
  if (size >= text_.size()) return;
  text_.resize(size);
  while (origins_.size() > 1 && origins_.back().offset >= size) origins_.pop_back();
}

ConfigText ConfigText::slice(std::size_t begin, std::size_t size) const {
  ConfigText part(files_);
  part.append(*this, begin, size);
  return part;
}

}  // namespace postern::expand
