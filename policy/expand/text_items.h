// The items that need nothing but their arguments: ${extract{1}{:}{a:b}}, ${sg{..}{..}{..}} and their kind. The arguments are
// expanded already; the strings for yes and no are the caller's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace postern::expand {

enum class ItemOutcome : std::uint8_t {
  found,      // `result` holds the value: the string for yes, with $value set to it, or the value itself
  not_found,  // extract, listextract, prvscheck: `result` is empty; the string for no
  failed,     // the arguments cannot be understood: `why` says so in Exim's words
};

// Replaces `result`, which must not be viewed by the arguments. `why` is set only when it failed. Bounded in time by the length
// of its arguments (regular expressions by kMatchSteps of text_regex.h); no result is longer than kItemOutputMax.
using ItemFn = ItemOutcome (*)(std::span<const std::string_view> arguments, std::string& result, std::string& why);

inline constexpr std::size_t kItemOutputMax = std::size_t{256} * 1024;  // bytes

struct TextItemDef {
  std::string_view name;  // as written: "extract", or the form after a comma: "extract json"
  ItemFn apply;
  std::size_t arguments_min;  // checked by the compiler, and not by `apply`
  std::size_t arguments_max;
  bool has_yes_no = false;  // {yes}{no} may follow the arguments
};

// Sorted by name. The caller decides which row of extract it is by what it was written as:
//   "extract"        {key}{text}          key=value pairs; a key of digits only makes it "extract field"
//   "extract field"  {n}{separators}{text}
//   "extract json"   {key or index}{JSON}, strings with their quotes;  "extract jsons" without them
//   "listextract"    {n}{list}
//   "hash" "nhash" "length" "substr"      {n}{text} or {n}{m}{text}
//   "hmac" {hash}{secret}{text}   "sg" {text}{regular expression}{replacement}   "tr" {text}{from}{to}
//   "headerwrap" {text}, {columns}{limit}{text}
//   "prvs" {address}{secret}{key number}, the last may be missing
//   "prvscheck" {address}{secret}: found when the checksum is right and not expired. prvs_address() gives what stands in
//   $prvscheck_*.
[[nodiscard]] std::span<const TextItemDef> text_items() noexcept;
[[nodiscard]] const TextItemDef* find_text_item(std::string_view name) noexcept;

}  // namespace postern::expand
