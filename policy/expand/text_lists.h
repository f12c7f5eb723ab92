// Lists as Exim writes them: items between colons, or what "<;" at the start says; a doubled separator stands for itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::expand {

// Gives one item after the other. White space around items does not count; a separator at the very end begins no item.
class ListReader {
 public:
  // Borrows the text.
  explicit ListReader(std::string_view list) noexcept;
  // Replaces `item`; false when there are no more.
  bool next(std::string& item);
  [[nodiscard]] char separator() const noexcept { return separator_; }

 private:
  std::string_view rest_;
  char separator_ = ':';
};

// Item `number`, counted from 1, or from the end when negative. False, and `item` empty, when there is none.
[[nodiscard]] bool list_item(std::string_view list, std::int64_t number, std::string& item);
[[nodiscard]] std::size_t list_count(std::string_view list);

// Operator: OperatorFn.
bool listcount(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
