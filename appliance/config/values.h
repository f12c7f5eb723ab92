// The values of options: how Exim writes numbers, times, sizes and quoted strings. Pure; each reader says what is wrong in
// `why` and gives nothing then.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"

namespace postern::config {

// yes, true, no, false; letters of either case are alike.
[[nodiscard]] std::optional<bool> read_bool(std::string_view text, std::string& why);

// Decimal, 0x hexadecimal, 0 octal; K, M or G behind it multiply by 1024 once, twice, three times.
[[nodiscard]] std::optional<std::int64_t> read_integer(std::string_view text, std::string& why);

// Octal, with or without a 0 in front.
[[nodiscard]] std::optional<std::uint32_t> read_octal(std::string_view text, std::string& why);

// "2.5", with up to three digits behind the point; in thousandths.
[[nodiscard]] std::optional<std::int64_t> read_fixed(std::string_view text, std::string& why);

// "1w2d3h4m5s": numbers, each with its unit, no blanks between. In seconds.
[[nodiscard]] std::optional<std::int64_t> read_time(std::string_view text, std::string& why);

// Times between colons ("4h:8h:24h"), each longer than the one before it.
[[nodiscard]] std::optional<std::vector<std::int64_t>> read_time_list(std::string_view text, std::string& why);

// A string value: as it stands, or, when it begins with a double quote, up to the closing one with escapes read. Nothing, after
// an error, when the quotes are wrong.
[[nodiscard]] std::optional<expand::ConfigText> read_string(const expand::ConfigText& text, expand::Diagnostics& diagnostics);

}  // namespace postern::config
