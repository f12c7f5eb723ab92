// The one place outside policy/expand that makes ConfigText: from bytes of configuration files, and from words of the command
// line of whoever starts the program.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "policy/expand/config_text.h"

namespace postern::config {

class TextMaker {
 public:
  explicit TextMaker(std::shared_ptr<const expand::FileNames> files) : text_(std::move(files)) {}

  // Empty, of the load that `text` belongs to, at its place.
  [[nodiscard]] static TextMaker like(const expand::ConfigText& text) {
    TextMaker maker(nullptr);
    maker.text_ = text.slice(0, 0);
    return maker;
  }

  // Bytes that stand side by side in one line; `fixed` when all stand for one place, as the replacement of a macro does.
  void add(std::string_view bytes, std::uint16_t file, std::uint32_t line, std::uint32_t column, bool fixed = false) {
    text_.append(bytes, file, line, column, fixed);
  }
  // Part of another text.
  void add(const expand::ConfigText& from, std::size_t begin, std::size_t size) { text_.append(from, begin, size); }
  // Bytes in place of what stands at `offset` of `from`: an escape that was read.
  void add_at(std::string_view bytes, const expand::ConfigText& from, std::size_t offset) {
    text_.append_at(bytes, from, offset);
  }
  // Takes the end off, down to `size` bytes.
  void cut(std::size_t size) { text_.truncate(size); }

  [[nodiscard]] const expand::ConfigText& text() const noexcept { return text_; }
  [[nodiscard]] expand::ConfigText take() noexcept { return std::move(text_); }

  // A word of the command line of whoever started the program.
  [[nodiscard]] static expand::ConfigText command_line(std::string_view text) {
    auto names = std::make_shared<expand::FileNames>();
    TextMaker maker(names);
    maker.add(text, names->add("(command line)"), 1, 1);
    return maker.take();
  }

  // An option's built-in value: text of the program itself, at no place in any file.
  [[nodiscard]] static expand::ConfigText built_in(std::string_view text) {
    auto names = std::make_shared<expand::FileNames>();
    TextMaker maker(names);
    maker.add(text, names->add("(built-in)"), 1, 1);
    return maker.take();
  }

 private:
  expand::ConfigText text_;
};

}  // namespace postern::config
