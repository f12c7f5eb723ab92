#include "policy/expand/text_items.h"

#include <algorithm>
#include <array>
#include <optional>

#include "engine/base/peer_text.h"
#include "policy/crypto/digest.h"
#include "policy/expand/text_extract.h"
#include "policy/expand/text_hash.h"
#include "policy/expand/text_json.h"
#include "policy/expand/text_lists.h"
#include "policy/expand/text_operand.h"
#include "policy/expand/text_substring.h"

namespace postern::expand {

namespace {

using Arguments = std::span<const std::string_view>;

ItemOutcome fail(std::string& why, std::string reason) {
  why = std::move(reason);
  return ItemOutcome::failed;
}

ItemOutcome found_if(bool found) noexcept { return found ? ItemOutcome::found : ItemOutcome::not_found; }

std::string quoted(std::string_view text) { return '"' + printable(text, 64) + '"'; }

ItemOutcome extract_from_json(Arguments arguments, bool strings_only, std::string& result, std::string& why) {
  result.clear();
  const std::string_view wanted = trim_white(arguments[0]);
  if (wanted.empty()) return fail(why, "first argument of \"extract\" must not be empty");
  const std::optional<std::int64_t> number = read_field_number(wanted);
  if (number && *number <= 0) return fail(why, "first argument of \"extract\" must be greater than zero");
  JsonReader reader(arguments[1], number ? JsonReader::Kind::array : JsonReader::Kind::object);
  std::optional<std::string_view> found;
  std::string_view key;
  std::string_view value;
  JsonStep step = reader.next(key, value);
  for (std::int64_t i = 1; step == JsonStep::value; ++i, step = reader.next(key, value))
    if (!found && (number ? i == *number : key == wanted)) found = value;
  if (step == JsonStep::malformed) return fail(why, std::string(reader.why()) + " for extract json");
  if (!found) return ItemOutcome::not_found;
  if (strings_only && !strip_json_quotes(*found)) return fail(why, "missing '\"' wrapping string result for extract jsons");
  result.assign(*found);
  return ItemOutcome::found;
}

// {n} or {n}{m} in front of the text; an empty one is 0.
std::optional<Numbers> read_numbers(Arguments arguments, std::string_view name, bool first_may_be_negative, std::string& why) {
  std::array<std::int64_t, 2> values{};
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
    const bool may_be_negative = i == 0 && first_may_be_negative;
    std::string_view digits = arguments[i];
    const bool negative = may_be_negative && digits.starts_with('-');
    if (negative) digits.remove_prefix(1);
    const std::optional<std::uint64_t> value = digits.empty() && !negative ? std::uint64_t{0} : read_digits(digits);
    if (!value || *value > static_cast<std::uint64_t>(kNumberMax)) {
      const bool any_number =
          may_be_negative || (i == 0 && name.ends_with("hash") && !digits.starts_with('-'));  // Exim's words
      why = quoted(arguments[i]) + (any_number ? " is not a number (in \"" : " is not a positive number (in \"");
      why.append(name).append("\" expansion)");
      return std::nullopt;
    }
    values[i] = negative ? -static_cast<std::int64_t>(*value) : static_cast<std::int64_t>(*value);
  }
  return arguments.size() == 3 ? Numbers{values[0], values[1]} : Numbers{.first = values[0], .second = std::nullopt};
}

struct HmacHash {
  std::string_view name;
  crypto::Hash hash;
};
// Exim has the first two.
constexpr auto kHmacHashes = std::to_array<HmacHash>({{"md5", crypto::Hash::md5},
                                                      {"sha1", crypto::Hash::sha1},
                                                      {"sha256", crypto::Hash::sha256},
                                                      {"sha384", crypto::Hash::sha384},
                                                      {"sha512", crypto::Hash::sha512}});

}  // namespace

ItemOutcome item_extract(Arguments arguments, std::string& result, std::string& why) {
  result.clear();
  const std::string_view key = trim_white(arguments[0]);
  if (key.empty()) return fail(why, "first argument of \"extract\" must not be empty");
  return found_if(extract_key(key, arguments[1], result));
}

ItemOutcome item_extract_field(Arguments arguments, std::string& result, std::string& why) {
  result.clear();
  const std::optional<std::int64_t> number = read_field_number(arguments[0]);
  if (!number) return fail(why, "first argument of \"extract\" must be numeric");
  std::string_view field;
  const bool found = extract_field(*number, arguments[1], arguments[2], field);
  result.assign(field);
  return found_if(found);
}

ItemOutcome item_extract_json(Arguments arguments, std::string& result, std::string& why) {
  return extract_from_json(arguments, false, result, why);
}

ItemOutcome item_extract_jsons(Arguments arguments, std::string& result, std::string& why) {
  return extract_from_json(arguments, true, result, why);
}

ItemOutcome item_listextract(Arguments arguments, std::string& result, std::string& why) {
  result.clear();
  if (trim_white(arguments[0]).empty()) return fail(why, "first argument of \"listextract\" must not be empty");
  const std::optional<std::int64_t> number = read_field_number(arguments[0]);
  if (!number) return fail(why, "first argument of \"listextract\" must be numeric");
  return found_if(list_item(arguments[1], *number, result));
}

ItemOutcome item_hash(Arguments arguments, std::string& result, std::string& why) {
  result.clear();
  const std::optional<Numbers> numbers = read_numbers(arguments, "hash", false, why);
  if (!numbers) return ItemOutcome::failed;
  const auto alphabet = static_cast<std::uint64_t>(numbers->second.value_or(kHashAlphabetDefault));
  if (alphabet > kHashAlphabet) return fail(why, "hash count " + quoted(arguments[1]) + " too big");
  if (alphabet == 0) return fail(why, "hash count " + quoted(arguments[1]) + " too small");
  append_text_hash(result, arguments.back(), static_cast<std::uint64_t>(numbers->first), alphabet);
  return ItemOutcome::found;
}

ItemOutcome item_nhash(Arguments arguments, std::string& result, std::string& why) {
  result.clear();
  const std::optional<Numbers> numbers = read_numbers(arguments, "nhash", false, why);
  if (!numbers) return ItemOutcome::failed;
  if (numbers->first == 0 || numbers->second == 0) return fail(why, "nhash count \"0\" too small");
  append_number_hash(result, arguments.back(), static_cast<std::uint64_t>(numbers->first),
                     static_cast<std::uint64_t>(numbers->second.value_or(0)));
  return ItemOutcome::found;
}

ItemOutcome item_length(Arguments arguments, std::string& result, std::string& why) {
  result.clear();
  const std::optional<Numbers> numbers = read_numbers(arguments, "length", false, why);
  if (!numbers) return ItemOutcome::failed;
  result.assign(arguments.back().substr(0, static_cast<std::size_t>(numbers->first)));
  return ItemOutcome::found;
}

ItemOutcome item_substr(Arguments arguments, std::string& result, std::string& why) {
  result.clear();
  const std::optional<Numbers> numbers = read_numbers(arguments, "substr", true, why);
  if (!numbers) return ItemOutcome::failed;
  result.assign(substring(arguments.back(), numbers->first, numbers->second));
  return ItemOutcome::found;
}

ItemOutcome item_hmac(Arguments arguments, std::string& result, std::string& why) {
  result.clear();
  const auto* const row = std::ranges::find(kHmacHashes, arguments[0], &HmacHash::name);
  if (row == kHmacHashes.end()) return fail(why, "hmac algorithm " + quoted(arguments[0]) + " is not recognised");
  crypto::Digest value;
  if (!crypto::hmac(row->hash, arguments[1], arguments[2], value)) return fail(why, "this digest is not available");
  value.append_hex(result);
  return ItemOutcome::found;
}

// Without a separator nothing is doubled; an item that is empty would be none.
ItemOutcome item_listquote(Arguments arguments, std::string& result, std::string&) {
  result.clear();
  const std::string_view separator = arguments[0].substr(0, 1);
  for (const char c : arguments[1]) result.append(separator.contains(c) ? 2 : 1, c);
  if (result.empty()) result = " ";
  return ItemOutcome::found;
}

// The last of equal characters counts; the last replacement stands for those that are missing.
ItemOutcome item_tr(Arguments arguments, std::string& result, std::string&) {
  result.assign(arguments[0]);
  const std::string_view from = arguments[1];
  const std::string_view to = arguments[2];
  if (to.empty()) return ItemOutcome::found;
  std::array<std::optional<char>, 256> becomes;
  for (std::size_t i = 0; i < from.size(); ++i) becomes[static_cast<unsigned char>(from[i])] = to[std::min(i, to.size() - 1)];
  for (char& c : result) c = becomes[static_cast<unsigned char>(c)].value_or(c);
  return ItemOutcome::found;
}

}  // namespace postern::expand
