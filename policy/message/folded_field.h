// Writes a header field made of tags, folded at 78 bytes: RFC 5322 section 2.1.1, RFC 6376 section 3.5.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::message {

class FoldedField {
 public:
  explicit FoldedField(std::string_view name);

  // "name=value". A value is not broken.
  void add(std::string_view name, std::string_view value);
  // The same for a list, which may be broken behind a colon.
  void add_list(std::string_view name, std::string_view value);
  // The same for base 64, which may be broken anywhere.
  void add_base64(std::string_view name, std::string_view value);

  // More of the value that stands last.
  void extend_base64(std::string_view value);

  // Without the line end at its end.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  static constexpr std::size_t kLineBytesMax = 78;
  void begin_tag(std::string_view name, std::size_t bytes);
  void fold();
  void put(std::string_view piece);

  std::string text_;
  std::size_t column_ = 0;
  bool has_tags_ = false;
};

}  // namespace postern::message
