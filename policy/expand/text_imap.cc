#include "policy/expand/text_imap.h"

#include <cstdint>

#include "engine/base/peer_text.h"
#include "engine/base/utf8.h"

namespace postern::expand {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

ItemOutcome fail(std::string& why, std::string reason) {
  why = std::move(reason);
  return ItemOutcome::failed;
}

// Whether more bytes could make a character of it.
bool is_cut(std::string_view rest) noexcept {
  const auto first = static_cast<unsigned char>(rest.front());
  const std::size_t wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || rest.size() >= wanted) return false;
  for (const char c : rest.substr(1))
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) return false;
  return true;
}

std::uint32_t code_point(std::string_view character) noexcept {
  const auto first = static_cast<unsigned char>(character.front());
  std::uint32_t point = character.size() == 1 ? first : first & (0xffU >> (character.size() + 1));
  for (const char c : character.substr(1)) point = point << 6 | (static_cast<unsigned char>(c) & 0x3fU);
  return point;
}

// What is written in base64 of UTF-16 stands between "&" and "-".
class ModifiedUtf7 {
 public:
  explicit ModifiedUtf7(std::string& out) noexcept : out_(out) {}

  void encode(std::uint32_t point) {
    if (!is_open_) out_.push_back('&');
    is_open_ = true;
    if (point < 0x10000) return add_unit(point);
    add_unit(0xd800 + ((point - 0x10000) >> 10));
    add_unit(0xdc00 + ((point - 0x10000) & 0x3ff));
  }
  void append(std::string_view text) {
    close();
    out_.append(text);
  }
  void close() {
    if (!is_open_) return;
    if (bits_ > 0) out_.push_back(kAlphabet[pending_ << (6 - bits_) & 63]);
    out_.push_back('-');
    is_open_ = false;
    pending_ = bits_ = 0;
  }

 private:
  void add_unit(std::uint32_t unit) {
    pending_ = pending_ << 16 | unit;
    for (bits_ += 16; bits_ >= 6; bits_ -= 6) out_.push_back(kAlphabet[pending_ >> (bits_ - 6) & 63]);
    pending_ &= (1U << bits_) - 1;
  }

  std::string& out_;
  bool is_open_ = false;
  std::uint32_t pending_ = 0;  // bits that no character holds yet
  std::uint32_t bits_ = 0;
};

}  // namespace

ItemOutcome item_imapfolder(std::span<const std::string_view> arguments, std::string& result, std::string& why) {
  result.clear();
  const std::string_view separator = arguments.size() > 1 ? arguments[1] : "/";
  const std::string_view specials = arguments.size() > 2 ? arguments[2] : std::string_view();
  if (separator.size() != 1)
    return fail(why, "IMAP folder separator must be one character, found \"" + printable(separator, 64) + '"');
  ModifiedUtf7 encoder(result);
  for (std::string_view rest = arguments[0]; !rest.empty();) {
    const std::size_t length = utf8_sequence_length(rest);
    if (length == 0)
      return fail(why, std::string("imapfolder: iconv() failed to convert from UTF-8: ") +
                           (is_cut(rest) ? "Invalid argument" : "Invalid or incomplete multibyte or wide character"));
    const std::string_view character = rest.substr(0, length);
    rest.remove_prefix(length);
    const bool is_printable = length == 1 && character[0] >= ' ' && character[0] <= '~';
    if (character == separator) {
      encoder.append(".");
    } else if (!is_printable || specials.contains(character[0])) {
      encoder.encode(code_point(character));
    } else if (character == "&") {
      encoder.append("&-");
    } else if (character == "." || character == "/") {
      return fail(why, "imapfolder: illegal character '" + std::string(character) + "'");
    } else {
      encoder.append(character);
    }
  }
  encoder.close();
  return ItemOutcome::found;
}

}  // namespace postern::expand
