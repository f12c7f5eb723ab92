// Macros: names replaced in every later physical line, in the order in which they were defined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::config {

// A physical line while macros are being replaced in it, with the column that each byte came from.
class PhysicalLine {
 public:
  explicit PhysicalLine(std::string_view text) : text_(text) {}

  [[nodiscard]] std::string_view view() const noexcept { return text_; }
  // Counts from 1.
  [[nodiscard]] std::uint32_t column(std::size_t offset) const noexcept;
  // Replaces each occurrence of `name` from `begin` on; what was put in is not searched again. False when the line would grow
  // beyond `bytes_max`.
  [[nodiscard]] bool replace_all(std::string_view name, std::string_view replacement, std::size_t begin, std::size_t bytes_max);
  // Whether anything was replaced.
  [[nodiscard]] bool was_changed() const noexcept { return was_changed_; }

 private:
  std::string text_;
  std::vector<std::uint32_t> columns_;  // empty while they are 1, 2, 3 ...
  bool was_changed_ = false;
};

class Macros {
 public:
  // `macros_max`: besides those that have values from the start.
  explicit Macros(std::size_t macros_max);

  // From the command line: definitions in the files do not change it.
  void define_from_command_line(std::string name, std::string value);
  // "NAME = value", or "NAME == value" with `redefine`. Gives what is wrong, or nothing.
  [[nodiscard]] std::string define(std::string_view name, std::string_view value, bool redefine);

  // Replaces in `line` from `begin` on. False when the line would grow beyond `bytes_max`.
  [[nodiscard]] bool replace_in(PhysicalLine& line, std::size_t begin, std::size_t bytes_max) const;

 private:
  struct Macro {
    std::string name;
    std::string value;
    bool from_command_line;
  };

  std::vector<Macro> macros_;
  std::size_t macros_max_;
};

// Names that hold from the start, for .ifdef: _HAVE_IPV6, _OPT_MAIN_SMTP_BANNER, _DRIVER_ROUTER_ACCEPT ... True for those of
// what is built.
[[nodiscard]] bool is_built_in_macro(std::string_view name);
// Names and values of those that stand for something: _DKIM_SIGN_HEADERS, _DKIM_OVERSIGN_HEADERS.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> built_in_values();

}  // namespace postern::config
