#include <algorithm>

#include "net/dns/names.h"
#include "policy/dnsbl/dnslists.h"
#include "policy/lists/list_text.h"

namespace postern::dnsbl {
namespace {

bool is_name_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

class ItemReader {
 public:
  ItemReader(std::string_view item, Dnslists& into, std::string& message) noexcept
      : rest_(item), into_(into), message_(message) {}

  [[nodiscard]] bool read(Unknown unknown) {
    item_.unknown = unknown;
    if (const std::size_t slash = rest_.find('/'); slash != std::string_view::npos) {
      if (!read_keys(rest_.substr(slash + 1))) return false;
      rest_ = rest_.substr(0, slash);
    }
    const std::size_t sign = rest_.find_first_of("=&");
    std::string_view zones = rest_.substr(0, sign);
    if (sign != std::string_view::npos) {
      if (zones.ends_with('!')) {
        item_.negated = true;
        zones.remove_suffix(1);
      }
      if (!read_constraints(rest_.substr(sign))) return false;
    }
    if (!read_zones(lists::trim(zones))) return false;
    into_.items.push_back(std::move(item_));
    return true;
  }

 private:
  [[nodiscard]] bool fail(std::string message) {
    message_ = std::move(message);
    return false;
  }

  [[nodiscard]] bool read_keys(std::string_view text) {
    std::vector<std::string> keys;
    lists::ListReader reader(text);
    std::string key;
    while (reader.next(key)) {
      if (key.empty()) continue;
      if (keys.size() == kKeysMax) return fail("more than " + std::to_string(kKeysMax) + " keys behind the slash");
      keys.push_back(key);
    }
    item_.keys = std::move(keys);
    return true;
  }

  // = or &, == or =&.
  [[nodiscard]] bool read_constraints(std::string_view text) {
    item_.bitmask = text.front() == '&';
    text.remove_prefix(1);
    if (!item_.bitmask && (text.starts_with('=') || text.starts_with('&'))) {
      item_.all = true;
      item_.bitmask = text.front() == '&';
      text.remove_prefix(1);
    }
    while (true) {
      const std::size_t comma = text.find(',');
      const std::string_view word = lists::trim(text.substr(0, comma));
      const auto address = IpAddress::parse(word);
      if (!address || !address->is_v4())
        return fail("\"" + printable(word) + "\" is no IPv4 address to compare with; keys to look up stand behind a slash");
      if (item_.constraints.size() == kConstraintsMax)
        return fail("more than " + std::to_string(kConstraintsMax) + " addresses to compare with");
      item_.constraints.push_back(*address);
      if (comma == std::string_view::npos) return true;
      text.remove_prefix(comma + 1);
    }
  }

  [[nodiscard]] bool read_zones(std::string_view text) {
    const std::size_t comma = text.find(',');
    const std::string_view first = lists::trim(text.substr(0, comma));
    const std::string_view second = comma == std::string_view::npos ? first : lists::trim(text.substr(comma + 1));
    for (const std::string_view zone : {first, second}) {
      if (zone.empty()) return fail("an item names no zone");
      if (!dns::name_to_wire(zone)) return fail("\"" + printable(zone) + "\" cannot be a domain");
      if (!std::ranges::all_of(zone, is_name_char))
        into_.warnings.push_back("dnslists: domain \"" + printable(zone) + "\" contains strange characters - is this right?");
    }
    item_.text_zone = first;
    item_.zone = second;
    return true;
  }

  std::string_view rest_;
  Dnslists& into_;
  std::string& message_;
  DnslistItem item_;
};

std::optional<Unknown> unknown_word(std::string_view item) {
  if (dns::same_name(item, "+include_unknown")) return Unknown::include;
  if (dns::same_name(item, "+exclude_unknown")) return Unknown::exclude;
  if (dns::same_name(item, "+defer_unknown")) return Unknown::defer;
  return std::nullopt;
}

}  // namespace

std::optional<Dnslists> read_dnslists(std::string_view text, DnslistsError& error) {
  Dnslists lists;
  Unknown unknown = Unknown::exclude;
  lists::ListReader reader(text);
  std::string item;
  std::string message;
  while (reader.next(item)) {
    if (item.empty()) continue;
    if (item.front() == '+') {
      const std::optional<Unknown> word = unknown_word(item);
      if (!word) {
        message = "unknown word \"" + printable(item) + "\": there are +include_unknown, +exclude_unknown and +defer_unknown";
      } else {
        unknown = *word;
        continue;
      }
    } else if (lists.items.size() == kItemsMax) {
      message = "more than " + std::to_string(kItemsMax) + " zones";
    } else if (ItemReader(item, lists, message).read(unknown)) {
      continue;
    }
    error = {"dnslists: " + message, reader.offset()};
    return std::nullopt;
  }
  return lists;
}

}  // namespace postern::dnsbl
