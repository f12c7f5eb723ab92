#include "policy/lookup/written.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "policy/expand/nearest.h"

namespace postern::lookup {

namespace {

using Error = std::unexpected<std::string>;

std::string quoted(std::string_view before, std::string_view word, std::string_view after = {}) {
  std::string s(before);
  s.append("\"").append(word).append("\"").append(after);
  return s;
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_punctuation(char c) noexcept {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

// Takes the digits at the front of `rest`; nothing when there are none, or too many.
std::optional<unsigned> take_number(std::string_view& rest) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc() || !is_digit(rest.front())) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return number;
}

// "partial-", "partial3-", "partial(.)", "partial3(.)" at the front of `rest`. False when something else stands there.
bool take_partial(std::string_view& rest, std::optional<Partial>& into) {
  constexpr std::string_view kWord = "partial";
  if (!rest.starts_with(kWord)) return true;
  std::string_view behind = rest.substr(kWord.size());
  Partial partial;
  if (!behind.empty() && is_digit(behind.front())) {
    const std::optional<unsigned> number = take_number(behind);
    if (!number) return false;
    partial.components_min = *number;
  }
  if (behind.starts_with('(')) {
    const std::size_t end = behind.find(')');
    if (end == std::string_view::npos) return false;
    partial.affix = behind.substr(1, end - 1);
    if (!std::ranges::all_of(partial.affix, is_punctuation)) return false;
    behind.remove_prefix(end + 1);
  } else {
    if (!behind.starts_with('-')) return false;
    behind.remove_prefix(1);
  }
  rest = behind;
  into = std::move(partial);
  return true;
}

// "net-", "net24-".
bool take_net(std::string_view& rest, std::optional<unsigned>& into) {
  if (!rest.starts_with("net")) return true;
  std::string_view behind = rest.substr(3);
  unsigned bits = 0;
  if (!behind.empty() && is_digit(behind.front())) {
    const std::optional<unsigned> number = take_number(behind);
    if (!number || *number > 128) return false;
    bits = *number;
  }
  if (!behind.starts_with('-')) return true;  // a type whose name begins so
  rest = behind.substr(1);
  into = bits;
  return true;
}

Default take_default(std::string_view& name) {
  if (name.ends_with("*@")) {
    name.remove_suffix(2);
    return Default::star_at;
  }
  if (name.ends_with('*')) {
    name.remove_suffix(1);
    return Default::star;
  }
  return Default::none;
}

struct Option {
  std::string_view name;
  std::string_view value;
};

// The rest of a value goes up to the next comma; for the last options that hold lists and file names, to the end.
Option take_option(std::string_view& rest) {
  const std::size_t comma = rest.find(',');
  const std::string_view text = rest.substr(0, comma);
  rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {text, {}};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

bool takes(const TypeDef& type, std::string_view option) {
  std::string_view rest = type.options;
  while (!rest.empty()) {
    const std::size_t blank = rest.find(' ');
    if (rest.substr(0, blank) == option) return true;
    rest = blank == std::string_view::npos ? std::string_view() : rest.substr(blank + 1);
  }
  return false;
}

std::string bad_value(const Option& option, std::string_view wanted) {
  std::string why = "lookup option ";
  return why.append(option.name).append("=").append(option.value).append(": it takes ").append(wanted);
}

// Empty when all is well.
std::string set_return(const Option& option, Written& written) {
  if (option.value == "key" && !written.query_style())
    written.returns = Return::key;
  else if (option.value == "full" && takes(*written.type, "ret"))
    written.returns = Return::full;
  else
    return bad_value(option, takes(*written.type, "ret") ? "full or key" : "key");
  return {};
}

std::string set_filter(const Option& option, Written& written) {
  constexpr auto kNames = std::to_array<std::pair<std::string_view, Filter>>(
      {{"file", Filter::file}, {"dir", Filter::dir}, {"subdir", Filter::subdir}});
  const auto* found = std::ranges::find(kNames, option.value, &std::pair<std::string_view, Filter>::first);
  if (found == kNames.end()) return bad_value(option, "file, dir or subdir");
  written.filter = found->second;
  return {};
}

std::string set_option(const Option& option, Written& written) {
  const TypeDef& type = *written.type;
  if (option.name == "cache") {
    if (option.value != "no_rd") return bad_value(option, "no_rd");
    written.reads_cache = false;
    return {};
  }
  if (option.name == "ret" && !written.query_style()) return set_return(option, written);
  if (takes(type, option.name)) {
    if (option.name == "filter") return set_filter(option, written);
    if (option.name == "key") {
      if (option.value != "path") return bad_value(option, "path");
      written.key_may_be_path = true;
      return {};
    }
    if (option.name == "file") {
      if (!option.value.starts_with('/')) return bad_value(option, "an absolute file name");
      written.file = option.value;
      return {};
    }
    if (option.name == "servers") {
      if (option.value.empty()) return bad_value(option, "a list of servers");
      written.servers = option.value;
      return {};
    }
  }
  expand::Nearest nearest(option.name);
  nearest.offer("cache");
  if (!written.query_style()) nearest.offer("ret");
  for (const std::string_view known : {"filter", "key", "file", "servers"})
    if (takes(type, known)) nearest.offer(known);
  return quoted("unknown option ", option.name, " of lookup type ").append(quoted("", type.name)) + nearest.question();
}

}  // namespace

std::expected<Written, std::string> parse_written(std::string_view text, Place place) {
  if (text.size() > kWrittenBytesMax) return Error("a lookup type with its options is at most 4096 bytes long");
  Written written;
  std::string_view rest = text;
  if (place == Place::host_list && !take_net(rest, written.net_bits))
    return Error(quoted("format error in lookup type ", text, ": net takes at most 128 bits"));
  if (!take_partial(rest, written.partial)) return Error(quoted("format error in lookup type ", text));

  const std::size_t comma = rest.find(',');
  std::string_view name = rest.substr(0, comma);
  written.fallback = take_default(name);
  written.type = find_type(name);
  if (written.type == nullptr) return Error(quoted("unknown lookup type ", name) + expand::did_you_mean(name, all_types()));
  const TypeDef& type = *written.type;
  if (!type.not_built.empty()) return Error(quoted("lookup type ", name, " cannot be used: ").append(type.not_built));
  if (written.query_style()) {
    if (written.partial) return Error(quoted("partial matching is not available for ", name, " lookups"));
    if (written.fallback != Default::none)
      return Error(quoted("defaults using \"*\" or \"*@\" are not available for ", name, " lookups"));
  }

  std::string_view options = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  while (!options.empty()) {
    const Option option = take_option(options);
    if (option.name.empty() && option.value.empty()) continue;
    if (std::string why = set_option(option, written); !why.empty()) return Error(std::move(why));
  }
  return written;
}

bool is_left_out(std::string_view text) {
  if (text.size() > kWrittenBytesMax) return false;
  Written written;
  if (!take_partial(text, written.partial)) return false;
  const std::size_t comma = text.find(',');
  std::string_view name = text.substr(0, comma);
  written.fallback = take_default(name);
  written.type = find_type(name);
  if (written.type == nullptr) return false;
  return !written.type->not_built.empty() || comma != std::string_view::npos;
}

}  // namespace postern::lookup
