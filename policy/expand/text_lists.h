// Questions about whole lists; list_items.h says how they are written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::expand {

// Item `number`, counted from 1, or from the end when negative; replaces `item`. False, and `item` empty, when there is none.
[[nodiscard]] bool list_item(std::string_view list, std::int64_t number, std::string& item);
[[nodiscard]] std::size_t list_count(std::string_view list);

// Operator: OperatorFn.
bool listcount(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
