// A log line while it is put together: its text, and which parts of the text are what.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::log {

// Everything of the text is printable: whoever appends what a stranger sent sees to that. Names are literals.
class LogLine {
 public:
  static constexpr std::size_t kFieldsMax = 32;

  struct Field {
    std::string_view name;
    std::string_view value;
  };

  std::string text;
  std::string_view event;  // what the line tells of, in one word; empty: not classified

  void clear() noexcept {
    text.clear();
    event = {};
    count_ = 0;
  }
  // The text from `from` on, up to now, is the value of the field `name`. Beyond kFieldsMax nothing is noted.
  void mark(std::string_view name, std::size_t from) { mark(name, from, text.size()); }
  void mark(std::string_view name, std::size_t from, std::size_t to) {
    if (count_ < kFieldsMax) marks_[count_++] = {name, static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to)};
  }
  // Appends `tag` and `value`, which is the field `name`.
  void field(std::string_view tag, std::string_view name, std::string_view value) {
    text += tag;
    const std::size_t from = text.size();
    text += value;
    mark(name, from);
  }

  [[nodiscard]] std::size_t fields() const noexcept { return count_; }
  // Valid until the text changes.
  [[nodiscard]] Field at(std::size_t index) const noexcept {
    const Mark& mark = marks_[index];
    return {mark.name, std::string_view(text).substr(mark.from, mark.to - mark.from)};
  }

 private:
  struct Mark {
    std::string_view name;
    std::uint32_t from = 0;
    std::uint32_t to = 0;
  };
  std::array<Mark, kFieldsMax> marks_;
  std::size_t count_ = 0;
};

// "2h5m" as Exim writes times; with `millisec` those below five seconds as "0.125s", without "0s".
void append_time_taken(std::string& out, std::int64_t us, bool millisec);

}  // namespace postern::log
