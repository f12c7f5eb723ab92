#include "policy/expand/text_addresses.h"

#include "policy/expand/header_addresses.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

void append_item(std::string& out, const HeaderAddress& item, char separator) {
  for (const std::string* part : {&item.local_part, &item.domain}) {
    if (part == &item.domain && !part->empty()) out.push_back('@');
    for (const char c : *part) {
      if (c == separator) out.push_back(c);
      out.push_back(c);
    }
  }
}

}  // namespace

bool address(std::string& out, std::size_t from, std::string_view, std::string&) {
  const std::optional<HeaderAddress> parsed = parse_header_address(take_operand(out, from));
  if (!parsed) return true;
  out.append(parsed->local_part);
  if (!parsed->domain.empty()) out.append("@").append(parsed->domain);
  return true;
}

bool addresses(std::string& out, std::size_t from, std::string_view, std::string& why) {
  const std::string operand = take_operand(out, from);
  std::string_view list = operand;
  char separator = ':';
  while (!list.empty() && is_white(list.front())) list.remove_prefix(1);
  if (list.starts_with('>')) {
    if (list.size() == 1) return refuse(why, "output separator missing in expanding ${addresses:>}");
    separator = list[1];
    list.remove_prefix(2);
  }
  HeaderAddresses items(list);
  for (std::string_view text; items.next(text);) {
    const std::optional<HeaderAddress> item = parse_header_address(text);
    if (!item) continue;
    if (out.size() != from) out.push_back(separator);
    append_item(out, *item, separator);
  }
  return true;
}

bool domain(std::string& out, std::size_t from, std::string_view, std::string&) {
  const std::optional<HeaderAddress> parsed = parse_header_address(take_operand(out, from));
  if (parsed) out.append(parsed->domain);
  return true;
}

bool local_part(std::string& out, std::size_t from, std::string_view, std::string&) {
  const std::optional<HeaderAddress> parsed = parse_header_address(take_operand(out, from));
  if (parsed) out.append(parsed->local_part);
  return true;
}

}  // namespace postern::expand
