#include "engine/base/peer_text.h"

#include <cstdint>

#include "engine/base/utf8.h"

namespace postern::inline base {
namespace {

void append_octal(std::string& out, unsigned char byte) {
  out += '\\';
  out += static_cast<char>('0' + (byte >> 6));
  out += static_cast<char>('0' + ((byte >> 3) & 7));
  out += static_cast<char>('0' + (byte & 7));
}

void append_ascii(std::string& out, unsigned char byte) {
  switch (byte) {
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\\': out += "\\\\"; return;
    default: break;
  }
  if (byte < 0x20 || byte == 0x7f)
    append_octal(out, byte);
  else
    out += static_cast<char>(byte);
}

// Sequences that terminals and readers of logs act on: C1 control characters, LINE SEPARATOR and PARAGRAPH SEPARATOR.
bool is_control(std::string_view sequence) {
  if (sequence.size() == 2) return sequence[0] == '\xc2' && static_cast<unsigned char>(sequence[1]) < 0xa0;
  return sequence == "\xe2\x80\xa8" || sequence == "\xe2\x80\xa9";
}

}  // namespace

void append_printable(std::string& out, std::string_view bytes, std::size_t bytes_max) {
  const bool cut = bytes.size() > bytes_max;
  if (cut) bytes = bytes.substr(0, bytes_max);
  while (!bytes.empty()) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    std::size_t taken = 1;
    if (byte < 0x80) {
      append_ascii(out, byte);
    } else if (const std::size_t length = utf8_sequence_length(bytes); length > 0 && !is_control(bytes.substr(0, length))) {
      out.append(bytes.substr(0, length));
      taken = length;
    } else {
      append_octal(out, byte);
    }
    bytes.remove_prefix(taken);
  }
  if (cut) out += "...";
}

std::string printable(std::string_view bytes, std::size_t bytes_max) {
  std::string out;
  out.reserve(bytes.size() < bytes_max ? bytes.size() : bytes_max);
  append_printable(out, bytes, bytes_max);
  return out;
}

}  // namespace postern::inline base
