#include "appliance/delivery/transports/compose.h"

#include <algorithm>

#include "appliance/spool/attribute_names.h"
#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/smtp/chars.h"
#include "engine/smtp/header_view.h"

namespace postern::delivery {

namespace {

using smtp::HeaderField;
using smtp::HeaderView;
using spool::HeaderEdit;
using spool::HeaderPlace;

bool contains_8bit(std::string_view text) noexcept {
  std::uint64_t seen = 0;
  for (; text.size() >= sizeof seen; text.remove_prefix(sizeof seen))
    seen |= load_le<std::uint64_t>(reinterpret_cast<const std::byte*>(text.data()));
  for (const char c : text) seen |= static_cast<unsigned char>(c);
  return (seen & 0x8080808080808080ULL) != 0;
}

// One field of the header section while edits are made to it.
struct Field {
  std::string_view text;  // with its line end
  std::string_view name;
  bool is_received_bytes = true;  // part of the message as it came, not of an edit
};

bool is_named(const Field& field, std::string_view name) noexcept { return smtp::equal_ignoring_case(field.name, name); }

bool is_trace(const Field& field, HeaderPlace place) noexcept {
  if (is_named(field, "received")) return true;
  return place == HeaderPlace::at_start_rfc && smtp::starts_with_ignoring_case(field.name, "resent-");
}

void append_fields(std::vector<Field>& fields, std::string_view section, bool is_received_bytes) {
  while (!section.empty()) {
    const std::string_view before = section;
    const std::optional<HeaderField> field = HeaderView::next_field(section);
    if (!field) break;
    fields.push_back({before.substr(0, before.size() - section.size()), field->name.view(), is_received_bytes});
  }
}

// Where an addition at `place` goes.
std::size_t position_of(const std::vector<Field>& fields, HeaderPlace place) {
  if (place == HeaderPlace::at_start) return 0;
  if (place == HeaderPlace::at_end) return fields.size();
  const auto is_first_received = [](const Field& field) { return is_named(field, "received"); };
  const auto is_other = [place](const Field& field) { return !is_trace(field, place); };
  if (fields.empty()) return 0;
  // Other fields may stand in front of the topmost Received: when it is looked for; at_start_rfc lets the very first field
  // stand, whatever it is.
  const auto from = place == HeaderPlace::after_received ? std::ranges::find_if(fields, is_first_received) : fields.begin() + 1;
  if (place == HeaderPlace::after_received && from == fields.end()) return 0;
  return static_cast<std::size_t>(std::find_if(from, fields.end(), is_other) - fields.begin());
}

void make_edit(std::vector<Field>& fields, const HeaderEdit& edit) {
  if (edit.place == HeaderPlace::remove) {
    std::erase_if(fields, [&](const Field& field) { return field.is_received_bytes && is_named(field, edit.text); });
    return;
  }
  std::vector<Field> added;
  append_fields(added, edit.text, false);
  const auto at = fields.begin() + static_cast<std::ptrdiff_t>(position_of(fields, edit.place));
  fields.insert(at, added.begin(), added.end());
}

}  // namespace

std::size_t header_section_bytes(std::string_view content) noexcept {
  std::string_view rest = content;
  while (!rest.empty() && !rest.starts_with("\r\n")) {
    const std::size_t before = rest.size();
    const std::optional<HeaderField> field = HeaderView::next_field(rest);
    if (!field) break;
    if (field->name.empty()) return content.size() - before;
  }
  return content.size() - rest.size();
}

void ComposedMessage::add(std::string_view piece, bool is_received) {
  if (piece.empty()) return;
  bytes_ += piece.size();
  has_8bit_ = has_8bit_ || contains_8bit(piece);
  if (is_received && last_is_received_ && pieces_.back().data() + pieces_.back().size() == piece.data())
    pieces_.back() = {pieces_.back().data(), pieces_.back().size() + piece.size()};
  else
    pieces_.push_back(piece);
  last_is_received_ = is_received;
}

ComposedMessage::ComposedMessage(const spool::MessageView& message, std::string_view top, std::string_view bottom) {
  const std::size_t section = header_section_bytes(message.content);
  const auto is_simple = [](const HeaderEdit& edit) { return edit.place == HeaderPlace::at_start; };
  std::vector<HeaderEdit> edits;
  for (const HeaderEdit& edit : message.header_edits) edits.push_back(edit);
  if (!bottom.empty()) edits.push_back({HeaderPlace::at_end, bottom});

  add(top, false);
  if (std::ranges::all_of(edits, is_simple)) {
    for (std::size_t i = edits.size(); i > 0; --i) add(edits[i - 1].text, false);
    add(message.content.substr(0, section), true);
  } else {
    std::vector<Field> fields;
    append_fields(fields, message.content.substr(0, section), true);
    for (const HeaderEdit& edit : edits) make_edit(fields, edit);
    for (const Field& field : fields) add(field.text, field.is_received_bytes);
  }
  header_bytes_ = bytes_;
  has_8bit_header_ = has_8bit_;
  add(message.content.substr(section), true);
  if (!message.side_file) return;
  side_file_bytes_ = message.side_file->bytes;
  const auto has_8bit = spool::find_attribute(message.attributes, spool::attribute::kHas8Bit);
  has_8bit_ = has_8bit_ || (has_8bit && has_8bit->as_number().value_or(0) != 0);
}

std::string ComposedMessage::header_text(std::size_t bytes_max) const {
  std::string text;
  std::size_t left = static_cast<std::size_t>(header_bytes_);
  for (const std::string_view piece : pieces_) {
    const std::size_t count = std::min({left, piece.size(), bytes_max - text.size()});
    text += piece.substr(0, count);
    left -= count;
  }
  if (text.size() < header_bytes_) {
    const std::size_t line_end = text.rfind('\n');
    text.resize(line_end == text.npos ? 0 : line_end + 1);
  }
  return text;
}

}  // namespace postern::delivery
