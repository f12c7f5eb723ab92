#include "policy/lookup/lsearch_text.h"

#include <algorithm>

namespace postern::lookup {

namespace {

std::size_t line_end(std::string_view file, std::size_t begin) noexcept {
  return std::min(file.find('\n', begin), file.size());
}

std::size_t without_trailing_space(std::string_view file, std::size_t begin, std::size_t end) noexcept {
  while (end > begin && is_lsearch_space(file[end - 1])) --end;
  return end;
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
bool is_octal(char c) noexcept { return c >= '0' && c <= '7'; }

// One escape, `at` behind its backslash; appends what it stands for and gives where it ends.
std::size_t unescape(std::string_view line, std::size_t at, std::string& out) {
  if (at >= line.size()) {
    out += '\\';
    return at;
  }
  const char c = line[at++];
  switch (c) {
    case 'b': out += '\b'; return at;
    case 'f': out += '\f'; return at;
    case 'n': out += '\n'; return at;
    case 'r': out += '\r'; return at;
    case 't': out += '\t'; return at;
    case 'v': out += '\v'; return at;
    case 'x': {
      int value = 0;
      for (int digits = 0; digits < 2 && at < line.size() && hex_value(line[at]) >= 0; ++digits)
        value = value * 16 + hex_value(line[at++]);
      out += static_cast<char>(value);
      return at;
    }
    default: break;
  }
  if (!is_octal(c)) {
    out += c;
    return at;
  }
  int value = c - '0';
  for (int digits = 1; digits < 3 && at < line.size() && is_octal(line[at]); ++digits) value = value * 8 + (line[at++] - '0');
  out += static_cast<char>(value);
  return at;
}

LsearchKey quoted_key(std::string_view file, std::size_t begin, std::size_t end, std::string& scratch) {
  const std::string_view line = file.substr(0, end);
  const std::size_t first = begin + 1;
  const std::size_t plain_end = std::min(line.find_first_of("\"\\", first), end);
  if (plain_end == end || line[plain_end] == '"')
    return {line.substr(first, plain_end - first), std::min(plain_end + 1, end), end};
  scratch.assign(line.substr(first, plain_end - first));
  std::size_t at = plain_end;
  while (at < end && line[at] != '"') {
    if (line[at] == '\\')
      at = unescape(line, at + 1, scratch);
    else
      scratch += line[at++];
  }
  return {scratch, std::min(at + 1, end), end};
}

// What of a following line belongs to the item: its text. Nothing when the item ends before it.
std::optional<std::string_view> continuation(std::string_view file, std::size_t begin, std::size_t end) {
  if (begin >= file.size() || !is_lsearch_space(file[begin])) return std::nullopt;
  end = without_trailing_space(file, begin, end);
  while (begin < end && is_lsearch_space(file[begin])) ++begin;
  if (begin == end) return std::nullopt;
  return file.substr(begin, end - begin);
}

}  // namespace

LsearchKey lsearch_key(std::string_view file, std::size_t begin, std::string& scratch) {
  const std::size_t end = without_trailing_space(file, begin, line_end(file, begin));
  if (begin < end && file[begin] == '"') return quoted_key(file, begin, end, scratch);
  std::size_t at = begin;
  while (at < end && file[at] != ':' && !is_lsearch_space(file[at])) ++at;
  return {file.substr(begin, at - begin), at, end};
}

void lsearch_data(std::string_view file, const LsearchKey& key, bool full, std::string& out) {
  std::size_t at = key.behind;
  if (full) {
    out.append(key.text);
  } else {
    while (at < key.line_end && is_lsearch_space(file[at])) ++at;
    if (at < key.line_end && file[at] == ':') ++at;
    while (at < key.line_end && is_lsearch_space(file[at])) ++at;
  }
  out.append(file.substr(at, key.line_end - at));
  std::size_t next = line_end(file, key.line_end) + 1;
  while (next < file.size()) {
    const std::size_t end = line_end(file, next);
    const std::optional<std::string_view> more = continuation(file, next, end);
    if (!more) return;
    out.append(1, ' ').append(*more);
    next = end + 1;
  }
}

std::optional<std::size_t> LsearchItems::next() noexcept {
  while (at_ < file_.size()) {
    const std::size_t begin = at_;
    at_ = line_end(file_, begin) + 1;
    const char first = file_[begin];
    if (first != '\n' && first != '#' && !is_lsearch_space(first)) return begin;
  }
  return std::nullopt;
}

}  // namespace postern::lookup
