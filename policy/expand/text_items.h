// The items that need nothing but their arguments: ${extract{1}{:}{a:b}}, ${sg{..}{..}{..}} and their kind. The arguments are
// expanded already; the strings for yes and no are the caller's business. prvs and prvscheck, which ask for the day, are in
// text_prvs.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace postern::expand {

enum class ItemOutcome : std::uint8_t {
  found,      // `result` holds the value: what $value is in the string for yes, or the value itself
  not_found,  // `result` is empty: the string for no. Only items that have one
  failed,     // the arguments cannot be understood or a bound was passed: `why` says so, in Exim's words
};

// Replaces `result`, which no argument may view. `why` is set only by a failure. The time is bounded by the length of the
// arguments, and for regular expressions by kMatchSteps; no result is longer than kItemOutputMax.
using ItemFn = ItemOutcome (*)(std::span<const std::string_view> arguments, std::string& result, std::string& why);

inline constexpr std::size_t kItemOutputMax = std::size_t{256} * 1024;  // bytes

struct TextItemDef {
  std::string_view name;
  ItemFn apply;
  std::size_t arguments_min;  // the caller sees to it
  std::size_t arguments_max;
  bool has_yes_no = false;  // {yes}{no} may follow the arguments
};

// Sorted by name:
//   "extract"        {key}{text}: key=value pairs. {number}{separators}{text}: the caller asks read_field_number()
//   (text_extract.h)
//                    how many arguments there are
//   "extract_json"   ${extract json{key or number}{JSON}}, strings with their quotes; "extract_jsons" strings only, without
//   them "hash" "nhash" "length" "substr"      {n}{text} or {n}{m}{text} "hmac" {hash}{secret}{text}           "listextract"
//   {number}{list} "sg" {text}{regular expression}{replacement}   "tr" {text}{from}{to}
[[nodiscard]] std::span<const TextItemDef> text_items() noexcept;
[[nodiscard]] const TextItemDef* find_text_item(std::string_view name) noexcept;

}  // namespace postern::expand
