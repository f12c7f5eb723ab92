// Parts of texts, and the numbers in the arguments of operators.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::expand {

struct Numbers {
  std::int64_t first = 0;
  std::optional<std::int64_t> second;
};

inline constexpr std::int64_t kNumberMax = 0x7fff'ffff;  // larger ones are taken for this

// What follows the underscore: digits, and more digits behind another underscore where `two` are allowed; the first may have a
// minus where `negative` is. Nothing, with `why` set, when it is something else or missing.
[[nodiscard]] std::optional<Numbers> read_operator_numbers(std::string_view arguments, std::string_view name, bool two,
                                                           bool negative, std::string& why);

// From `start` on, counted from the end when negative, at most `count` bytes. Without a count everything behind a start, or in
// front of a negative one.
[[nodiscard]] std::string_view substring(std::string_view text, std::int64_t start, std::optional<std::int64_t> count) noexcept;

// Lines of at most `columns` where spaces allow (a tab in front of each but the first counts 8), at most `limit` bytes in all.
void append_wrapped_header(std::string& out, std::string_view text, std::size_t columns, std::size_t limit);

inline constexpr std::size_t kWrapColumns = 80;
inline constexpr std::size_t kWrapLimit = 998;

// Operators: OperatorFn.
bool length(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool substr(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool headerwrap(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool string_length(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool to_lower(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool to_upper(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
