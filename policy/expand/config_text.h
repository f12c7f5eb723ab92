// Text of the configuration, and where each byte of it stood. Only the loader makes it, so whatever is compiled or expanded
// came from a file the administrator wrote: a PeerText or a std::string does not convert (tests/compile_fail).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace postern::config {
class TextMaker;  // the loader's, in appliance/config
}

namespace postern::expand {

class ConfigTextForTest;
class Folder;
class OurText;

// The names of the files one load has read. Names stay where they are while the object lives.
class FileNames {
 public:
  [[nodiscard]] std::uint16_t add(std::string name);
  // Empty for a number that add() never gave.
  [[nodiscard]] std::string_view at(std::uint16_t file) const noexcept {
    return file < names_.size() ? std::string_view(names_[file]) : std::string_view();
  }

 private:
  std::deque<std::string> names_;
};

// Line and column count from 1; column counts bytes. The file's name is borrowed from the FileNames of the load.
struct Position {
  std::string_view file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

class ConfigText {
 public:
  ConfigText() = default;

  [[nodiscard]] std::string_view view() const noexcept { return text_; }
  [[nodiscard]] std::size_t size() const noexcept { return text_.size(); }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

  // Where the byte at `offset` was written; past the end, the place just behind the last byte. Borrowed from this object.
  [[nodiscard]] Position position(std::size_t offset = 0) const noexcept;

  // Bytes [begin, begin + size), with their places. Both are clamped.
  [[nodiscard]] ConfigText slice(std::size_t begin, std::size_t size = std::string_view::npos) const;

 private:
  friend class postern::config::TextMaker;
  friend class ConfigTextForTest;
  friend class Folder;
  friend class OurText;

  // Bytes that stand side by side on one line of one file, or, when `fixed`, that all stand for one place there.
  struct Origin {
    std::uint32_t offset;  // in text_, of the first of them
    std::uint32_t line;
    std::uint32_t column;
    std::uint16_t file;
    bool fixed;
  };

  explicit ConfigText(std::shared_ptr<const FileNames> files) : files_(std::move(files)) {}
  void append(std::string_view bytes, std::uint16_t file, std::uint32_t line, std::uint32_t column, bool fixed);
  // Bytes [begin, begin + size) of `from`, which must be of the same load.
  void append(const ConfigText& from, std::size_t begin, std::size_t size);
  // `bytes` in place of what stands at `offset` of `from`.
  void append_at(std::string_view bytes, const ConfigText& from, std::size_t offset);
  // Leaves the first `size` bytes.
  void truncate(std::size_t size);
  [[nodiscard]] std::size_t origin_of(std::size_t offset) const noexcept;

  std::string text_;
  std::vector<Origin> origins_;  // ascending offsets; the first is 0 unless the text is empty
  std::shared_ptr<const FileNames> files_;
};

}  // namespace postern::expand
