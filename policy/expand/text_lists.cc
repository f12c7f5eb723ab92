#include "policy/expand/text_lists.h"

#include "policy/expand/list_items.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

std::size_t list_count(std::string_view list) {
  std::string item;
  std::size_t count = 0;
  for (ListItems items(list); items.next(item); item.clear()) ++count;
  return count;
}

bool list_item(std::string_view list, std::int64_t number, std::string& item) {
  if (number < 0) number += static_cast<std::int64_t>(list_count(list)) + 1;
  ListItems items(list);
  item.clear();
  for (std::int64_t i = 1; number > 0 && items.next(item); ++i, item.clear())
    if (i == number) return true;
  return false;
}

bool listcount(std::string& out, std::size_t from, std::string_view, std::string&) {
  const std::size_t count = list_count(operand_view(out, from));
  out.resize(from);
  append_number(out, count);
  return true;
}

}  // namespace postern::expand
