// ${extract}: one value out of many in a text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::expand {

// The number of a field as ${extract{number}{separators}{text}} takes it: digits with a sign, blanks around. Nothing when `key`
// is something else, and ${extract{key}{text}} is meant.
[[nodiscard]] std::optional<std::int64_t> read_field_number(std::string_view key) noexcept;

// "key=value other = "va lue"", keys in either case; replaces `value`. False, and `value` empty, when the key is not there.
[[nodiscard]] bool extract_key(std::string_view key, std::string_view text, std::string& value);

// Field `number` between any of the `separators`, counted from 1, or from the end when negative; 0 is the whole. False when
// there is none; `field` is a view into the text.
[[nodiscard]] bool extract_field(std::int64_t number, std::string_view separators, std::string_view text,
                                 std::string_view& field);

}  // namespace postern::expand
