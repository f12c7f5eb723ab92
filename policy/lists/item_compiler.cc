#include "policy/lists/item_compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"

namespace postern::lists {

namespace {

using expand::ConfigText;
using expand::Position;
using smtp::CharClass;

std::string quoted(std::string_view text) { return fmt::format("\"{}\"", printable(text, 128)); }

// What a line of a list file says, without its comment. In files of addresses and local parts, which may hold a # of their
// own, a comment begins only after a blank or at the start of the line.
std::string_view without_comment(std::string_view line, bool only_after_blank) noexcept {
  for (std::size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1))
    if (!only_after_blank || at == 0 || smtp::is(CharClass::blank, line[at - 1])) return line.substr(0, at);
  return line;
}

// "cdb", "net-lsearch", "partial(.)lsearch*@,ret=full": what stands before the semicolon of a lookup item. In addresses an @
// before it belongs to the address, unless it ends the name of the lookup.
bool looks_like_lookup(std::string_view pattern, ListKind kind) noexcept {
  const std::size_t semicolon = pattern.find(';');
  if (semicolon == pattern.npos) return false;
  if (kind != ListKind::address) return true;
  std::string_view type = pattern.substr(0, semicolon);
  type = type.substr(0, type.find(','));
  if (type.ends_with("*@")) type.remove_suffix(2);
  return !type.contains('@');
}

bool is_broken_ipv4(std::string_view pattern) noexcept {
  const std::size_t digits = pattern.find_first_not_of("0123456789.");
  return digits == pattern.npos || (digits > 0 && pattern[digits] == '/');
}

// Of letters, digits, dots, hyphens and underscores; bytes beyond ASCII count as letters.
bool is_host_name(std::string_view pattern) noexcept {
  return std::ranges::all_of(pattern, [](char c) {
    return smtp::is(CharClass::let_dig, c) || c == '.' || c == '-' || c == '_' || static_cast<unsigned char>(c) >= 128;
  });
}

// Takes "net-" or "net24-" from the front; the bits, 0 for none given.
std::optional<unsigned> take_net(std::string_view& type) noexcept {
  if (!type.starts_with("net")) return std::nullopt;
  unsigned bits = 0;
  std::size_t at = 3;
  for (; at < type.size() && type[at] >= '0' && type[at] <= '9' && bits <= 128; ++at)
    bits = bits * 10 + static_cast<unsigned>(type[at] - '0');
  if (at == type.size() || type[at] != '-' || bits > 128) return std::nullopt;
  type.remove_prefix(at + 1);
  return bits;
}

// Takes "partial-", "partial3(.)" and the like from the front. True when there was one.
bool take_partial(std::string_view& type) noexcept {
  if (!type.starts_with("partial")) return false;
  const std::size_t end = type.find_first_of("-)", 7);
  if (end == type.npos) return false;
  type.remove_prefix(end + 1);
  return true;
}

// Where the domain of an address pattern begins: its @. "a@@" and "a@@[]" mean a@ and what @ and @[] mean.
std::size_t at_of(std::string_view pattern) noexcept {
  const std::size_t at = pattern.rfind('@');
  return at != pattern.npos && at > 0 && pattern[at - 1] == '@' ? at - 1 : at;
}

}  // namespace

ItemCompiler::ItemCompiler(ListKind kind, ItemSource& source, std::string_view cannot_wait, bool fails_late)
    : source_(source), cannot_wait_(cannot_wait), fails_late_(fails_late), list_(kind) {}

ItemList ItemCompiler::take() {
  for (Element& element : list_.elements_)
    if (auto* run = std::get_if<HostRun>(&element.item)) run->addresses.seal();
  return std::move(list_);
}

template <class T>
T& ItemCompiler::push(bool positive, T item) {
  list_.elements_.push_back({positive, std::move(item)});
  return std::get<T>(list_.elements_.back().item);
}

void ItemCompiler::note_asking(std::string_view item) {
  if (!list_.asks_) list_.asking_item_ = item;
  list_.asks_ = true;
}

template <class T>
void ItemCompiler::push_asking(const ItemText& item, T asking, std::string_view why) {
  if (!cannot_wait_.empty()) {
    error(item, fmt::format("{} {}, for which {} cannot wait", quoted(item.text), why, cannot_wait_));
    return;
  }
  note_asking(item.text);
  push(item.positive, std::move(asking));
}

void ItemCompiler::error(const ItemText& item, std::string message, bool is_unknown) {
  source_.error(item, message, fails_late_);
  list_.is_broken_ = true;
  push(item.positive, BrokenItem{std::move(message), is_unknown});
}

// What Exim has and we have not.
void ItemCompiler::leave_out(const ItemText& item, std::string message) {
  source_.error(item, message, false);
  push(item.positive, BrokenItem{std::move(message), false});
}

TextRun& ItemCompiler::text_run(bool positive) {
  if (!list_.elements_.empty() && list_.elements_.back().positive == positive) {
    auto* const last = std::get_if<TextRun>(&list_.elements_.back().item);
    if (last != nullptr && last->letters == letters_) return *last;
  }
  return push(positive, TextRun{.text = TextMatcher(letters_), .letters = letters_});
}

AddressRun& ItemCompiler::address_run(bool positive) {
  if (!list_.elements_.empty() && list_.elements_.back().positive == positive)
    if (auto* const last = std::get_if<AddressRun>(&list_.elements_.back().item)) return *last;
  return push(positive, AddressRun());
}

HostRun& ItemCompiler::host_run(bool positive) {
  if (!list_.elements_.empty() && list_.elements_.back().positive == positive)
    if (auto* const last = std::get_if<HostRun>(&list_.elements_.back().item)) return *last;
  return push(positive, HostRun());
}

void ItemCompiler::add_text(std::string_view text, char separator, Piece piece, const ConfigText* positions) {
  ListReader reader(text, separator, piece);
  for (std::string item; reader.next(item);)
    add_item(item, positions == nullptr ? Position() : positions->position(reader.offset()));
}

void ItemCompiler::add_item(std::string_view text, const Position& at) {
  ItemText item{.text = text, .at = at};
  if (item.text.starts_with('!')) {
    item.positive = false;
    item.text = trim(item.text.substr(1));
  }
  if (!item.text.starts_with('/')) return add(item);
  if (source_.is_tainted()) return error(item, fmt::format("tainted file name {} in a list", quoted(item.text)));
  source_.add_file(*this, item);
}

// Each line is an item; a negated file name turns all its signs round.
void ItemCompiler::add_lines(std::string_view content, bool positive, const std::string& path) {
  const bool only_after_blank = kind() == ListKind::address || kind() == ListKind::local_part;
  // The sign of an empty file counts, too.
  if (kind() == ListKind::host)
    host_run(positive);
  else if (kind() == ListKind::address)
    address_run(positive);
  else
    text_run(positive);
  std::string_view rest = content;
  for (std::uint32_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    std::string_view text = trim(without_comment(line, only_after_blank));
    if (text.empty()) continue;
    const auto column = static_cast<std::uint32_t>(text.data() - line.data() + 1);
    const bool negated = text.starts_with('!');
    if (negated) text = trim(text.substr(1));
    add({text, positive != negated, true, {path, number, column}});
  }
}

void ItemCompiler::add_expanded(expand::Program program, char separator, Piece piece, std::string_view shown) {
  note_asking(shown);
  push(true, ExpandedItems{std::move(program), separator, piece});
}

void ItemCompiler::add_query(expand::Program program, bool positive, std::string_view shown) {
  note_asking(shown);
  push(positive, QueryItem{std::move(program), letters_});
}

void ItemCompiler::add_file_at_use(const ItemText& item) { push_asking(item, FileItem{std::string(item.text)}, "is a file"); }

void ItemCompiler::add(const ItemText& item) {
  if (is_mode(item) || is_refused(item)) return;
  if (item.text.starts_with('+') && !item.in_file) return add_named(item);
  switch (kind()) {
    case ListKind::domain: return add_domain(item);
    case ListKind::host: return add_host(item);
    case ListKind::address: return add_address(item);
    case ListKind::local_part: return add_local_part(item);
  }
}

// Items that say how the ones behind them are meant. As in Exim a negated one is the name of a list.
bool ItemCompiler::is_mode(const ItemText& item) {
  if (!item.positive || item.in_file) return false;
  if (kind() == ListKind::address || kind() == ListKind::local_part) {
    if (item.text != "+caseful") return false;
    letters_ = Case::kept;
    return true;
  }
  if (kind() != ListKind::host) return false;
  using Mode = ModeItem::Mode;
  for (const auto& [name, mode] :
       {std::pair{"+include_unknown", Mode::include_unknown}, std::pair{"+ignore_unknown", Mode::ignore_unknown},
        std::pair{"+include_defer", Mode::include_defer}, std::pair{"+ignore_defer", Mode::ignore_defer}}) {
    if (item.text != name) continue;
    push(true, ModeItem{mode});
    return true;
  }
  return false;
}

bool ItemCompiler::is_refused(const ItemText& item) {
  if (item.in_file && item.text.starts_with('/')) {
    error(item, fmt::format("{}: a list file cannot name another file", quoted(item.text)));
  } else if (item.in_file && item.text.starts_with('+')) {
    error(item, fmt::format("{}: a list file cannot refer to a named list", quoted(item.text)));
  } else if (source_.is_tainted() && item.text.starts_with('+')) {
    error(item, fmt::format("tainted name of a list {}", quoted(item.text)));
  } else {
    return false;
  }
  return true;
}

void ItemCompiler::add_named(const ItemText& item) {
  std::string why;
  auto list = source_.named(kind(), item, why);
  if (list == nullptr) return error(item, std::move(why));
  if (list->is_broken() && !fails_late_)
    return error(item, fmt::format("{} holds an item that cannot be read", quoted(item.text)));
  list_.is_broken_ |= list->is_broken();
  if (!list->asks()) {
    push(item.positive, NamedItem{std::move(list)});
    return;
  }
  const std::string asks = fmt::format("holds {}", quoted(list->asking_item()));
  push_asking(item, NamedItem{std::move(list)}, asks);
}

void ItemCompiler::warn_of_blanks(const ItemText& item) {
  if (!std::ranges::any_of(item.text, [](char c) { return smtp::is(CharClass::blank, c); })) return;
  source_.warning(item, fmt::format("the item {} holds a blank, so nothing will match it: items are separated by {}",
                                    quoted(item.text), item.in_file ? "line ends" : "colons"));
}

void ItemCompiler::add_domain(const ItemText& item) {
  if (item.text.starts_with('^')) return add_regex(item);
  if (item.text == "@") {
    text_run(item.positive).text.add_exact(source_.primary_hostname(), number_++);
  } else if (item.text == "@[]") {
    push(item.positive, OwnAddresses{source_.local_addresses()});
  } else if (smtp::starts_with_ignoring_case(item.text, "@mx_")) {
    add_mx(item);
  } else if (!item.text.starts_with('*') && looks_like_lookup(item.text, kind())) {
    add_lookup(item);
  } else {
    warn_of_blanks(item);
    text_run(item.positive).text.add(item.text, number_++);
  }
}

void ItemCompiler::add_local_part(const ItemText& item) {
  if (item.text.starts_with('^')) return add_regex(item);
  if (!item.text.starts_with('*') && looks_like_lookup(item.text, kind())) return add_lookup(item);
  warn_of_blanks(item);
  text_run(item.positive).text.add(item.text, number_++);
}

void ItemCompiler::add_regex(const ItemText& item) {
  auto regex = expand::Regex::compile(item.text, letters_ == Case::ignored);
  if (!regex) return error(item, std::move(regex.error()));
  RegexItem made{*std::move(regex), std::string(item.text), letters_};
  if (kind() == ListKind::host)
    push_asking(item, std::move(made), "matches host names and needs reverse DNS");
  else
    push(item.positive, std::move(made));
}

bool ItemCompiler::make_lookup(std::string_view text, const ItemText& item, LookupItem& lookup) {
  const std::size_t semicolon = text.find(';');
  if (semicolon == text.npos) {
    error(item, fmt::format("{} wants a lookup: a type, a semicolon and a file or query", quoted(item.text)));
    return false;
  }
  if (source_.is_tainted()) {
    error(item, fmt::format("tainted lookup {} in a list", quoted(item.text)));
    return false;
  }
  if (source_.services() == nullptr) {
    leave_out(item, fmt::format("{}: lookups cannot be used here", quoted(item.text)));
    return false;
  }
  std::string_view type = text.substr(0, semicolon);
  const std::string_view rest = trim(text.substr(semicolon + 1));
  if (kind() == ListKind::host) lookup.net_bits = take_net(type);
  const bool has_domain_keys = kind() == ListKind::domain || kind() == ListKind::host || item.text.starts_with("@@");
  if (!has_domain_keys && take_partial(type))
    source_.warning(item, fmt::format("{}: partial matching is of domains; it has no effect here", quoted(item.text)));
  const auto found = source_.services()->find_lookup(type);
  if (!found) {
    std::string why = fmt::format("{}: {}", quoted(item.text), found.error());
    source_.services()->leaves_out_lookup(type) ? leave_out(item, std::move(why)) : error(item, std::move(why));
    return false;
  }
  lookup.handle = found->handle;
  lookup.query_style = found->query_style;
  lookup.bytes = found->bytes;
  lookup.letters = letters_;
  lookup.keeps_colons = type == "iplsearch" || type.starts_with("iplsearch,");
  if (item.in_file) lookup.shown = item.text;
  (lookup.query_style ? lookup.query : lookup.file) = rest;
  if (!lookup.query_style) source_.noticed_lookup_file(lookup.handle, lookup.file);
  return true;
}

void ItemCompiler::add_lookup(const ItemText& item) {
  LookupItem lookup;
  if (make_lookup(item.text, item, lookup)) push_asking(item, std::move(lookup), "is a lookup");
}

void ItemCompiler::add_split(const ItemText& item) {
  SplitItem split{.letters = letters_};
  if (make_lookup(item.text.substr(2), item, split.lookup)) push_asking(item, std::move(split), "is a lookup");
}

void ItemCompiler::add_mx(const ItemText& item) {
  std::string_view rest = item.text.substr(4);
  MxItem mx{.local = source_.local_addresses(), .text = std::string(item.text)};
  bool is_known = false;
  for (const auto& [name, which] : {std::pair{"any", MxItem::Which::any}, std::pair{"primary", MxItem::Which::primary},
                                    std::pair{"secondary", MxItem::Which::secondary}}) {
    if (!smtp::starts_with_ignoring_case(rest, name)) continue;
    rest.remove_prefix(std::string_view(name).size());
    mx.which = which;
    is_known = true;
    break;
  }
  constexpr std::string_view kIgnore = "/ignore=";
  if (smtp::starts_with_ignoring_case(rest, kIgnore)) {
    ListReader reader(rest.substr(kIgnore.size()));
    for (std::string text; reader.next(text);) {
      const auto network = IpNetwork::parse(text);
      if (!network) return error(item, fmt::format("{}: {} is not an address or network", quoted(item.text), quoted(text)));
      mx.ignored.add(*network);
    }
    rest = {};
  }
  if (!is_known || !rest.empty()) {
    source_.warning(item, fmt::format("{} is taken as the name of a domain: there are @mx_any, @mx_primary, @mx_secondary",
                                      quoted(item.text)));
    text_run(item.positive).text.add(item.text, number_++);
    return;
  }
  mx.ignored.seal();
  push_asking(item, std::move(mx), "needs DNS");
}

void ItemCompiler::add_address(const ItemText& item) {
  if (item.text.empty()) {
    address_run(item.positive).empty_sender = true;
  } else if (item.text.starts_with('^')) {
    add_regex(item);
  } else if (looks_like_lookup(item.text, kind())) {
    item.text.starts_with("@@") ? add_split(item) : add_lookup(item);
  } else if (item.text.starts_with("@@")) {
    add_split(item);
  } else {
    add_address_pair(item, at_of(item.text));
  }
}

void ItemCompiler::add_address_pair(const ItemText& item, std::size_t at) {
  const bool is_alone = at == item.text.npos;
  const std::string_view local_part = is_alone ? std::string_view("*") : item.text.substr(0, at);
  const std::string_view domain = is_alone ? item.text : item.text.substr(at + 1);
  const bool is_plain = !domain.starts_with('+') && !domain.starts_with('@') && !domain.starts_with('^') &&
                        !domain.starts_with('/') && !domain.starts_with('!') && !looks_like_lookup(domain, ListKind::domain);
  if (is_plain && local_part == "*") {
    warn_of_blanks(item);
    AddressRun& run = address_run(item.positive);
    (is_alone ? run.alone : run.starred).add(domain, number_++);
    return;
  }
  if (is_plain && letters_ == Case::ignored && !domain.starts_with('*') && !local_part.starts_with('*') && !domain.empty()) {
    warn_of_blanks(item);
    address_run(item.positive).whole.add_exact(item.text, number_++);
    return;
  }
  ItemCompiler domains(ListKind::domain, source_, cannot_wait_);
  if (item.in_file)
    domains.add({domain, true, true, item.at});
  else
    domains.add_item(domain, item.at);
  auto list = std::make_shared<const ItemList>(domains.take());
  PairItem pair{TextMatcher(letters_), list, is_alone ? "@" : std::string(local_part) + "@"};
  pair.local_part.add(local_part);
  if (list->asks()) note_asking(item.text);
  push(item.positive, std::move(pair));
}

void ItemCompiler::add_host(const ItemText& item) {
  const std::string_view text = item.text;
  if (text.empty()) {
    host_run(item.positive).nobody = true;
  } else if (text == "*") {
    host_run(item.positive).everyone = true;
  } else if (text == "@") {
    push_asking(item, HostItem{source_.primary_hostname()}, "is this host's name, and that needs DNS (\"@[]\" does not)");
  } else if (text == "@[]") {
    push(item.positive, OwnAddresses{source_.local_addresses()});
  } else if (const auto network = IpNetwork::parse(text)) {
    host_run(item.positive).addresses.add(*network);
  } else if (smtp::equal_ignoring_case(text, "localhost")) {  // RFC 6761 section 6.3
    HostRun& run = host_run(item.positive);
    run.addresses.add(IpNetwork{IpAddress::v4(0x7f000001), 32});
    run.addresses.add(*IpAddress::parse("::1"));
  } else if (is_broken_ipv4(text)) {
    std::string why =
        fmt::format("malformed IPv4 address or address mask {}: write all four numbers, and a mask of 0 to 32", quoted(text));
    if (!IpAddress::parse(text.substr(0, text.find('/')))) return error(item, std::move(why), true);
    // As in Exim a mask that is too long fits nobody, and the items behind it count; what cannot wait for mistakes has none of
    // it.
    source_.error(item, std::move(why), fails_late_);
    list_.is_broken_ = true;
    host_run(item.positive);
  } else {
    add_host_name(item);
  }
}

void ItemCompiler::add_host_name(const ItemText& item) {
  const std::string_view text = item.text;
  if (text.starts_with('^')) {
    add_regex(item);
  } else if (!text.starts_with('*') && looks_like_lookup(text, kind())) {
    add_lookup(item);
  } else if (is_host_name(text)) {
    push_asking(item, HostItem{std::string(text)}, "is a host name and needs DNS");
  } else if (!text.starts_with('*') && text.contains(':')) {
    error(item,
          fmt::format("{} is not an IP address: in a list separated by colons those of an IPv6 address are doubled, or the "
                      "list begins with \"<;\" and is separated by semicolons",
                      quoted(text)));
  } else if (!cannot_wait_.empty()) {
    error(item,
          fmt::format("{} matches host names and needs reverse DNS, for which {} cannot wait", quoted(text), cannot_wait_));
  } else {
    note_asking(text);
    text_run(item.positive).text.add(text, number_++);
  }
}

}  // namespace postern::lists
