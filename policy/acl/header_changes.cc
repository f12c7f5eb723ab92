#include "policy/acl/header_changes.h"

#include <algorithm>
#include <array>

#include "engine/smtp/chars.h"
#include "policy/lists/list_text.h"

namespace postern::acl {

namespace {

constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

struct Place {
  std::string_view written;
  AddedAt place;
};
constexpr auto kPlaces = std::to_array<Place>({
    {":after_received:", AddedAt::after_received},
    {":at_start_rfc:", AddedAt::start_rfc},
    {":at_start:", AddedAt::start},
    {":at_end:", AddedAt::end},
});

// RFC 5322 section 2.2: printable characters up to a colon.
bool begins_with_name(std::string_view text) noexcept {
  const auto end = std::ranges::find_if(text, [](char c) { return c == ':' || c <= ' ' || c > '~'; });
  return end != text.end() && *end == ':' && end != text.begin();
}

// The end of the field that `text` begins with, the \n behind it not included.
std::size_t field_end(std::string_view text) noexcept {
  std::size_t end = text.find('\n');
  while (end != std::string_view::npos && end + 1 < text.size() && is_blank(text[end + 1])) end = text.find('\n', end + 1);
  return std::min(end, text.size());
}

}  // namespace

bool HeaderChanges::add(std::string_view text) {
  if (bytes_ + text.size() > kBytesMax) return false;
  bytes_ += text.size();
  // What a transport would take for the end of a line, or of the text, is no part of a field.
  std::string clean;
  clean.reserve(text.size());
  for (const char c : text)
    if (c != '\r' && c != '\0') clean += c;
  std::string_view rest = clean;
  while (!rest.empty()) {
    if (rest.front() == '\n') {
      rest.remove_prefix(1);
      continue;
    }
    const std::size_t end = field_end(rest);
    add_field(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return true;
}

void HeaderChanges::add_field(std::string_view field) {
  AddedHeader header;
  for (const Place& each : kPlaces) {
    if (!smtp::starts_with_ignoring_case(field, each.written)) continue;
    header.place = each.place;
    field.remove_prefix(each.written.size());
    break;
  }
  while (!field.empty() && is_blank(field.front())) field.remove_prefix(1);
  if (field.empty()) return;
  if (!begins_with_name(field)) header.text = "X-ACL-Warn: ";
  header.text += field;
  const auto is_same = [&](const AddedHeader& other) { return other.text == header.text; };
  if (std::ranges::none_of(added_, is_same)) added_.push_back(std::move(header));
}

bool HeaderChanges::remove(std::string_view names) {
  if (bytes_ + names.size() > kBytesMax) return false;
  bytes_ += names.size();
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(':'), names.size());
    const std::string_view name = lists::trim(names.substr(0, end));
    if (!name.empty()) removed_.emplace_back(name);
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return true;
}

void HeaderChanges::clear() noexcept {
  added_.clear();
  removed_.clear();
  bytes_ = 0;
}

void HeaderChanges::append_added(std::string& to) const {
  for (const AddedHeader& header : added_) {
    if (&header != &added_.front()) to += '\n';
    to += header.text;
  }
}

}  // namespace postern::acl
