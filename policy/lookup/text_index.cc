#include "policy/lookup/text_index.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/ip_address.h"
#include "policy/expand/regex.h"
#include "policy/lookup/key_table.h"
#include "policy/lookup/lsearch_text.h"

namespace postern::lookup {

namespace {

using expand::Regex;
using Outcome = TextIndex::Outcome;

std::size_t line_number(std::string_view file, std::size_t offset) noexcept {
  return 1 + static_cast<std::size_t>(std::ranges::count(file.substr(0, offset), '\n'));
}

// What all have in common: the text, and what stands behind a key in it.
class IndexOverText : public TextIndex {
 protected:
  explicit IndexOverText(std::string file) : file_(std::move(file)) {}

  [[nodiscard]] LsearchKey key_at(std::size_t offset, std::string& scratch) const {
    return lsearch_key(file_, offset, scratch);
  }
  Outcome give(std::size_t offset, bool full, std::string& value) const {
    std::string scratch;
    lsearch_data(file_, key_at(offset, scratch), full, value);
    return Outcome::found;
  }
  // Calls use(offset, key) for every item that has a key.
  template <class Use>
  void each_item(Use&& use) const {
    std::string scratch;
    LsearchItems items(file_);
    while (const std::optional<std::size_t> offset = items.next()) {
      const LsearchKey key = key_at(*offset, scratch);
      if (!key.text.empty()) use(static_cast<std::uint32_t>(*offset), key.text);
    }
  }
  [[nodiscard]] std::size_t count_items() const {
    LsearchItems items(file_);
    std::size_t count = 0;
    while (items.next()) ++count;
    return count;
  }

  std::string file_;
};

// lsearch: the key, letters of either case alike.
class LiteralIndex final : public IndexOverText {
 public:
  explicit LiteralIndex(std::string file) : IndexOverText(std::move(file)), keys_(count_items()) {
    std::string scratch;
    each_item([&](std::uint32_t offset, std::string_view key) {
      keys_.add(hash_caseless(key), offset,
                [&](std::uint32_t other) { return equal_caseless(key_at(other, scratch).text, key); });
    });
  }

  Outcome find(std::string_view key, bool full, std::string& value, std::string&) const override {
    std::string scratch;
    const std::uint32_t offset =
        keys_.find(hash_caseless(key), [&](std::uint32_t other) { return equal_caseless(key_at(other, scratch).text, key); });
    return offset == KeyTable::kNone ? Outcome::not_found : give(offset, full, value);
  }
  std::size_t bytes() const noexcept override { return file_.capacity() + keys_.bytes(); }

 private:
  KeyTable keys_;
};

// wildlsearch, nwildlsearch: literal keys, endings (*text) and regular expressions (^text). The first in the file decides,
// and what stands earlier has the lesser offset.
class WildIndex final : public IndexOverText {
 public:
  static constexpr std::size_t kPatternsMax = 1000;

  WildIndex(std::string file, bool expands)
      : IndexOverText(std::move(file)), expands_(expands), literals_(count_items()), endings_(count_items()) {
    each_item([this](std::uint32_t offset, std::string_view text) { add(offset, text); });
    std::ranges::sort(ending_sizes_);
    const auto same = std::ranges::unique(ending_sizes_);
    ending_sizes_.erase(same.begin(), same.end());
  }

  Outcome find(std::string_view key, bool full, std::string& value, std::string& why) const override {
    std::uint32_t first = find_literal(key, literals_, 0);
    for (const std::uint32_t size : ending_sizes_) {
      if (size > key.size()) break;
      first = std::min(first, find_literal(key.substr(key.size() - size), endings_, 1));
    }
    std::uint64_t steps_left = Regex::kStepsMax;
    for (const Pattern& pattern : patterns_) {
      if (pattern.offset > first) break;
      Regex::Captures captures;
      const Regex::Outcome outcome = pattern.regex->match(key, 0, captures, steps_left);
      if (outcome == Regex::Outcome::gave_up)
        return defer(pattern.offset, "the regular expressions up to here take too long on this key", why);
      if (outcome == Regex::Outcome::match) {
        first = pattern.offset;
        break;
      }
    }
    if (refused_ && refused_->offset < first) return defer(refused_->offset, refused_->why, why);
    return first == KeyTable::kNone ? Outcome::not_found : give(first, full, value);
  }
  std::size_t bytes() const noexcept override {
    return file_.capacity() + literals_.bytes() + endings_.bytes() + patterns_.size() * 1024;
  }

 private:
  struct Pattern {
    std::uint32_t offset;
    std::shared_ptr<const Regex> regex;
  };
  struct Refused {
    std::uint32_t offset;
    std::string why;
  };

  void add(std::uint32_t offset, std::string_view text) {
    std::string expanded;
    if (expands_) {
      if (!expand_constant(text, expanded)) {
        refuse(offset, "its key holds a $ that is expanded, which is not built for wildlsearch yet: use nwildlsearch");
        return;
      }
      text = expanded;
    }
    if (text.starts_with('^')) {
      add_pattern(offset, text);
    } else if (text.starts_with('!') || text.contains(';')) {
      refuse(offset, "keys that begin with ! or hold a lookup are not built: use a regular expression");
    } else {
      const bool ending = text.starts_with('*');
      if (ending) text.remove_prefix(1);
      if (ending) ending_sizes_.push_back(static_cast<std::uint32_t>(text.size()));
      std::string scratch;
      (ending ? endings_ : literals_).add(hash_caseless(text), offset, [&](std::uint32_t other) {
        return equal_caseless(text_at(other, scratch).substr(ending ? 1 : 0), text);
      });
    }
  }

  void add_pattern(std::uint32_t offset, std::string_view text) {
    if (patterns_.size() >= kPatternsMax) {
      refuse(offset, "the file holds more than 1000 regular expressions");
      return;
    }
    auto regex = Regex::compile(text, true);
    if (regex)
      patterns_.push_back({offset, std::move(*regex)});
    else
      refuse(offset, regex.error());
  }

  void refuse(std::uint32_t offset, std::string_view why) {
    if (!refused_) refused_ = {offset, std::string(why)};
  }
  Outcome defer(std::uint32_t offset, std::string_view reason, std::string& why) const {
    why = "line ";
    why.append(std::to_string(line_number(file_, offset))).append(": ").append(reason);
    return Outcome::deferred;
  }

  [[nodiscard]] std::string_view text_at(std::uint32_t offset, std::string& scratch) const {
    const std::string_view text = key_at(offset, scratch).text;
    if (!expands_) return text;
    std::string expanded;
    if (!expand_constant(text, expanded)) return {};
    scratch = std::move(expanded);
    return scratch;
  }

  [[nodiscard]] std::uint32_t find_literal(std::string_view key, const KeyTable& table, std::size_t skip) const {
    std::string scratch;
    return table.find(hash_caseless(key), [&](std::uint32_t other) {
      const std::string_view text = text_at(other, scratch);
      return text.size() >= skip && equal_caseless(text.substr(skip), key);
    });
  }

  // What expansion makes of a text without variables: \N...\N and escapes. False when there is a $ to expand.
  [[nodiscard]] static bool expand_constant(std::string_view text, std::string& out) {
    bool literal = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (c == '\\' && i + 1 < text.size() && text[i + 1] == 'N') {
        literal = !literal;
        ++i;
      } else if (literal) {
        out += c;
      } else if (c == '$') {
        return false;
      } else if (c == '\\' && i + 1 < text.size()) {
        i = append_escape(text, i + 1, out);
      } else {
        out += c;
      }
    }
    return true;
  }
  // `at`: behind the backslash. The place of the last byte that belongs to it.
  static std::size_t append_escape(std::string_view text, std::size_t at, std::string& out) {
    const char c = text[at];
    switch (c) {
      case 'n': out += '\n'; return at;
      case 'r': out += '\r'; return at;
      case 't': out += '\t'; return at;
      default: break;
    }
    const bool hexadecimal = c == 'x';
    const std::string_view digits = hexadecimal ? "0123456789abcdef" : "01234567";
    if (!hexadecimal && (c < '0' || c > '7')) {
      out += c;
      return at;
    }
    unsigned value = 0;
    std::size_t i = hexadecimal ? at + 1 : at;
    const std::size_t end = std::min(text.size(), i + (hexadecimal ? 2 : 3));
    for (; i < end; ++i) {
      const char digit = text[i] >= 'A' && text[i] <= 'F' ? static_cast<char>(text[i] + ('a' - 'A')) : text[i];
      const std::size_t n = digits.find(digit);
      if (n == std::string_view::npos) break;
      value = value * static_cast<unsigned>(digits.size()) + static_cast<unsigned>(n);
    }
    out += static_cast<char>(value);
    return i - 1;
  }

  bool expands_;
  KeyTable literals_;
  KeyTable endings_;
  std::vector<std::uint32_t> ending_sizes_;  // that occur, ascending
  std::vector<Pattern> patterns_;            // in order
  std::optional<Refused> refused_;           // the first item that cannot be understood
};

// iplsearch: addresses and networks. Keys of one length share a table; the first in the file decides.
class NetIndex final : public IndexOverText {
 public:
  explicit NetIndex(std::string file) : IndexOverText(std::move(file)) {
    std::array<std::uint32_t, kLengths> counts{};
    each_item([&](std::uint32_t, std::string_view key) {
      if (const std::optional<IpNetwork> network = parse_key(key)) ++counts[slot(network->address, network->prefix_bits)];
    });
    for (std::size_t i = 0; i < kLengths; ++i)
      if (counts[i] > 0) tables_[i] = KeyTable(counts[i]);
    std::string scratch;
    each_item([&](std::uint32_t offset, std::string_view key) {
      if (key == "*") {
        star_ = std::min(star_, offset);
        return;
      }
      const std::optional<IpNetwork> network = parse_key(key);
      if (!network) return;
      tables_[slot(network->address, network->prefix_bits)].add(
          hash_address(network->address), offset,
          [&](std::uint32_t other) { return address_at(other, scratch) == network->address; });
    });
  }

  Outcome find(std::string_view key, bool full, std::string& value, std::string& why) const override {
    if (key == "*") return star_ == KeyTable::kNone ? Outcome::not_found : give(star_, full, value);
    const std::optional<IpAddress> address = IpAddress::parse(key);
    if (!address) {
      why.append("\"").append(key).append(
          "\" is not a valid iplsearch key (an IP address, with optional CIDR mask, is wanted): ");
      why += "in a host list, use net-iplsearch as the search type";
      return Outcome::deferred;
    }
    std::string scratch;
    std::uint32_t first = KeyTable::kNone;
    for (unsigned bits = 0; bits <= address->bits(); ++bits) {
      const KeyTable& table = tables_[slot(*address, bits)];
      if (table.size() == 0) continue;
      const IpAddress network = address->masked(bits);
      first = std::min(
          first, table.find(hash_address(network), [&](std::uint32_t other) { return address_at(other, scratch) == network; }));
    }
    return first == KeyTable::kNone ? Outcome::not_found : give(first, full, value);
  }
  std::size_t bytes() const noexcept override {
    std::size_t total = file_.capacity();
    for (const KeyTable& table : tables_) total += table.bytes();
    return total;
  }

 private:
  static constexpr std::size_t kLengths = 33 + 129;

  [[nodiscard]] static std::size_t slot(const IpAddress& address, unsigned bits) noexcept {
    return address.is_v4() ? bits : 33 + bits;
  }
  [[nodiscard]] static std::uint64_t hash_address(const IpAddress& address) noexcept {
    // The hash takes letters of either case as the same, which costs a few collisions.
    return hash_caseless({reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()});
  }
  // A mask longer than the address counts as the whole of it.
  [[nodiscard]] static std::optional<IpNetwork> parse_key(std::string_view key) {
    if (std::optional<IpNetwork> network = IpNetwork::parse(key)) return network;
    const std::size_t slash = key.find('/');
    if (slash == std::string_view::npos || slash + 1 == key.size()) return std::nullopt;
    if (!std::ranges::all_of(key.substr(slash + 1), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
    const std::optional<IpAddress> address = IpAddress::parse(key.substr(0, slash));
    if (!address) return std::nullopt;
    return IpNetwork{*address, address->bits()};
  }
  [[nodiscard]] std::optional<IpAddress> address_at(std::uint32_t offset, std::string& scratch) const {
    const std::optional<IpNetwork> network = parse_key(key_at(offset, scratch).text);
    if (!network) return std::nullopt;
    return network->address;
  }

  std::array<KeyTable, kLengths> tables_;
  std::uint32_t star_ = KeyTable::kNone;
};

}  // namespace

std::unique_ptr<const TextIndex> TextIndex::make(TypeId type, std::string file) {
  POSTERN_CHECK(file.size() <= kTextFileBytesMax);
  switch (type) {
    case TypeId::wildlsearch: return std::make_unique<WildIndex>(std::move(file), true);
    case TypeId::nwildlsearch: return std::make_unique<WildIndex>(std::move(file), false);
    case TypeId::iplsearch: return std::make_unique<NetIndex>(std::move(file));
    default: break;
  }
  POSTERN_CHECK(type == TypeId::lsearch);
  return std::make_unique<LiteralIndex>(std::move(file));
}

}  // namespace postern::lookup
