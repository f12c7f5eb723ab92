// The items that need nothing but their arguments: ${extract{1}{:}{a:b}}, ${tr{..}{..}{..}} and their kind. The arguments are
// expanded already; the strings for yes and no are the caller's business. ${sg} is the machine's (its replacement is expanded
// anew for each match); prvs and prvscheck, which ask for the day, are in text_prvs.h.
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
  failed,     // the arguments cannot be understood: `why` says so, in Exim's words
};

// Replaces `result`, which no argument may view. `why` is set only by a failure. The time is bounded by the length of the
// arguments, and no result is longer than they are and a digest together, but for imapfolder, where one byte may become five.
using ItemFn = ItemOutcome (*)(std::span<const std::string_view> arguments, std::string& result, std::string& why);

// Each wants as many arguments as are shown; the caller sees to it.
ItemOutcome item_extract(std::span<const std::string_view> arguments, std::string& result, std::string& why);  // {key}{text}
// {number}{separators}{text}; which of the two it is, read_field_number() of text_extract.h tells.
ItemOutcome item_extract_field(std::span<const std::string_view> arguments, std::string& result, std::string& why);
// ${extract json{key or number}{JSON}}: strings with their quotes. jsons: strings only, without them.
ItemOutcome item_extract_json(std::span<const std::string_view> arguments, std::string& result, std::string& why);
ItemOutcome item_extract_jsons(std::span<const std::string_view> arguments, std::string& result, std::string& why);
// {number}{list}
ItemOutcome item_listextract(std::span<const std::string_view> arguments, std::string& result, std::string& why);

// The following are always found. {n}{text}, or {n}{m}{text} but for length.
ItemOutcome item_hash(std::span<const std::string_view> arguments, std::string& result, std::string& why);
ItemOutcome item_nhash(std::span<const std::string_view> arguments, std::string& result, std::string& why);
ItemOutcome item_length(std::span<const std::string_view> arguments, std::string& result, std::string& why);
ItemOutcome item_substr(std::span<const std::string_view> arguments, std::string& result, std::string& why);
// {hash}{secret}{text}
ItemOutcome item_hmac(std::span<const std::string_view> arguments, std::string& result, std::string& why);
// {separator}{item}: the item as it stands in a list.
ItemOutcome item_listquote(std::span<const std::string_view> arguments, std::string& result, std::string& why);
// {text}{from}{to}
ItemOutcome item_tr(std::span<const std::string_view> arguments, std::string& result, std::string& why);

}  // namespace postern::expand
