// JSON (RFC 8259), read and never built: values are views into the text, as they stand there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::expand {

inline constexpr std::size_t kJsonDepthMax = 64;  // arrays and objects within each other

enum class JsonStep : std::uint8_t { value, end, malformed };

// Goes through the elements of an array, or the members of an object. White space around values does not count, nor does what
// stands behind the closing bracket.
class JsonReader {
 public:
  enum class Kind : std::uint8_t { array, object };

  // Borrows the text.
  JsonReader(std::string_view text, Kind kind) noexcept : text_(text), rest_(text), kind_(kind) {}

  // Sets `value`, strings with their quotes, and for objects `key`, without quotes and with its escapes as they are.
  [[nodiscard]] JsonStep next(std::string_view& key, std::string_view& value);
  // How far it got; 0 before the first step. Another reader of the same text goes on from there.
  [[nodiscard]] std::size_t position() const noexcept { return begun_ ? text_.size() - rest_.size() : 0; }
  void seek(std::size_t position) noexcept {
    begun_ = position > 0;
    rest_ = text_.substr(position);
  }
  // Behind JsonStep::malformed: what is missing, in Exim's words ("missing '}' wrapping object").
  [[nodiscard]] std::string_view why() const noexcept { return why_; }

 private:
  JsonStep malformed(std::string_view why) noexcept;

  std::string_view text_;
  std::string_view rest_;
  Kind kind_;
  bool begun_ = false;
  std::string_view why_;
};

// Bytes of the value at the start of `text`, which begins with no white space; 0 when it is malformed or nested too deeply.
[[nodiscard]] std::size_t json_value_length(std::string_view text) noexcept;

// "text" becomes text, with its escapes as they are. False when it is no string.
[[nodiscard]] bool strip_json_quotes(std::string_view& value) noexcept;

}  // namespace postern::expand
