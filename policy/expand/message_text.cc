#include "policy/expand/message_text.h"

#include <algorithm>

#include "policy/expand/text_rfc2047.h"

namespace postern::expand {
namespace {

void append_shown(std::string& out, std::string_view bytes, BodyShown shown) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n') continue;
    out += c == '\0' || (c == '\n' && !shown.newlines) ? ' ' : c;
  }
}

}  // namespace

void BodyEnds::feed(std::string_view bytes) {
  zero_bytes_ += static_cast<std::uint64_t>(std::ranges::count(bytes, '\0'));
  start_ += bytes.substr(0, bytes_kept() - std::min(bytes_kept(), start_.size()));
  if (bytes.size() >= bytes_kept()) {
    end_ = bytes.substr(bytes.size() - bytes_kept());
    return;
  }
  if (end_.size() + bytes.size() > 2 * bytes_kept()) end_.erase(0, end_.size() + bytes.size() - bytes_kept());
  end_ += bytes;
}

void BodyEnds::append_start(std::string& out) const {
  const std::size_t from = out.size();
  append_shown(out, start_, shown_);
  out.resize(std::min(out.size(), from + shown_.characters));
}

void BodyEnds::append_end(std::string& out) const {
  const std::size_t from = out.size();
  append_shown(out, end_, shown_);
  if (out.size() - from > shown_.characters) out.erase(from, out.size() - from - shown_.characters);
}

void decode_header(std::string& fields) {
  const std::size_t last = fields.find_last_not_of(" \t\n\v\f\r");
  fields.resize(last == std::string::npos ? 0 : last + 1);
  if (fields.find("=?") == std::string::npos) return;
  std::string decoded;
  std::string why;
  // Bytes in a character set that nobody knows stay as they are.
  static_cast<void>(append_rfc2047_decoded(decoded, fields, why));
  fields = std::move(decoded);
}

}  // namespace postern::expand
