#include "policy/lists/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/nearest.h"
#include "policy/lists/list_text.h"

namespace postern::lists {

namespace {

using expand::ConfigText;
using expand::Position;
using smtp::CharClass;

template <class List>
struct KindOf;
template <>
struct KindOf<DomainList> {
  static constexpr ListKind kKind = ListKind::domain;
  static constexpr std::string_view kName = "domain list";
};
template <>
struct KindOf<HostList> {
  static constexpr ListKind kKind = ListKind::host;
  static constexpr std::string_view kName = "host list";
};
template <>
struct KindOf<AddressList> {
  static constexpr ListKind kKind = ListKind::address;
  static constexpr std::string_view kName = "address list";
};
template <>
struct KindOf<LocalPartList> {
  static constexpr ListKind kKind = ListKind::local_part;
  static constexpr std::string_view kName = "local part list";
};

std::string quoted(std::string_view text) { return fmt::format("\"{}\"", printable(text, 128)); }

// What a line of a list file says, without its comment. In files of addresses and local parts, which may hold a # of their
// own, a comment begins only after a blank or at the start of the line.
std::string_view without_comment(std::string_view line, bool only_after_blank) noexcept {
  for (std::size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1))
    if (!only_after_blank || at == 0 || smtp::is(CharClass::blank, line[at - 1])) return line.substr(0, at);
  return line;
}

// "cdb", "net-lsearch", "partial-lsearch*@": what stands before the semicolon of a lookup item.
bool looks_like_lookup(std::string_view pattern) noexcept {
  std::size_t at = smtp::run_length(CharClass::ldh, pattern);
  if (at < pattern.size() && pattern[at] == '*') ++at;
  if (at < pattern.size() && pattern[at] == '@') ++at;
  return at < pattern.size() && (pattern[at] == ';' || pattern[at] == ',') && pattern.find(';', at) != pattern.npos;
}

bool is_broken_ipv4(std::string_view pattern) noexcept {
  const std::size_t digits = pattern.find_first_not_of("0123456789.");
  return digits == pattern.npos || (digits > 0 && pattern[digits] == '/');
}

}  // namespace

template <>
struct ListCompiler::Builder<DomainList> {
  DomainList list;
  DomainPatterns& run(bool positive) { return list.runs_.of_sign(positive); }
};
template <>
struct ListCompiler::Builder<HostList> {
  HostList list;
  HostPatterns& run(bool positive) { return list.runs_.of_sign(positive); }
};
template <>
struct ListCompiler::Builder<AddressList> {
  AddressList list;
  Case letters = Case::ignored;
  AddressPatterns& run(bool positive) { return list.runs_.of_sign(positive); }
};
template <>
struct ListCompiler::Builder<LocalPartList> {
  LocalPartList list;
  Case letters = Case::ignored;
  bool changed = false;  // the next item begins a run of the other case
  LocalPartPatterns& run(bool positive) {
    if (std::exchange(changed, false)) return list.runs_.begin(positive, letters);
    return list.runs_.of_sign(positive, letters);
  }
};

ListCompiler::ListCompiler(ListEnvironment environment, expand::Diagnostics& diagnostics)
    : environment_(std::move(environment)), diagnostics_(diagnostics) {
  auto local = std::make_shared<IpSet>();
  for (const IpAddress& address : environment_.local_addresses) local->add(address);
  local->seal();
  local_addresses_ = std::move(local);
}

void ListCompiler::define(ListKind kind, const ConfigText& name, ConfigText value) {
  const auto [at, is_new] = definitions(kind).try_emplace(std::string(name.view()));
  if (!is_new) {
    const Position first = at->second.name.position();
    diagnostics_.error(name.position(), fmt::format("the named list {} was defined before, at {}:{}:{}", quoted(name.view()),
                                                    first.file, first.line, first.column));
    return;
  }
  at->second.name = name;
  at->second.text = std::move(value);
}

void ListCompiler::compile_named() {
  for (auto& [name, definition] : definitions(ListKind::domain)) compile_definition<DomainList>(definition);
  for (auto& [name, definition] : definitions(ListKind::host)) compile_definition<HostList>(definition);
  for (auto& [name, definition] : definitions(ListKind::address)) compile_definition<AddressList>(definition);
  for (auto& [name, definition] : definitions(ListKind::local_part)) compile_definition<LocalPartList>(definition);
}

template <class List>
void ListCompiler::compile_definition(Definition& definition) {
  if (definition.state != Definition::State::waiting) return;
  definition.state = Definition::State::compiling;
  auto made = std::make_shared<const List>(
      compile<List>(definition.text, fmt::format("the {} {}", KindOf<List>::kName, quoted(definition.name.view()))));
  if constexpr (std::is_same_v<List, DomainList>) definition.domains = std::move(made);
  if constexpr (std::is_same_v<List, HostList>) definition.hosts = std::move(made);
  if constexpr (std::is_same_v<List, AddressList>) definition.addresses = std::move(made);
  if constexpr (std::is_same_v<List, LocalPartList>) definition.local_parts = std::move(made);
  definition.state = Definition::State::done;
}

// The list behind "+name"; null after an error.
template <class List>
std::shared_ptr<const List> ListCompiler::named(const Item& item) {
  auto& known = definitions(KindOf<List>::kKind);
  const std::string_view name = item.text.substr(1);
  const auto found = known.find(name);
  if (found == known.end()) {
    expand::Nearest nearest(name);
    for (const auto& [candidate, definition] : known) nearest.offer(candidate);
    error(item, fmt::format("unknown named {} {}{}", KindOf<List>::kName, quoted(item.text), nearest.question("+")));
    return nullptr;
  }
  if (found->second.state == Definition::State::compiling) {
    error(item, fmt::format("the named {} {} refers to itself", KindOf<List>::kName, quoted(name)));
    return nullptr;
  }
  if (depth_ == kNamedDepthMax) {
    error(item, fmt::format("named lists within named lists: {} are more than {} deep", quoted(name), kNamedDepthMax));
    return nullptr;
  }
  ++depth_;
  compile_definition<List>(found->second);
  --depth_;
  if constexpr (std::is_same_v<List, DomainList>) return found->second.domains;
  if constexpr (std::is_same_v<List, HostList>) return found->second.hosts;
  if constexpr (std::is_same_v<List, AddressList>) return found->second.addresses;
  if constexpr (std::is_same_v<List, LocalPartList>) return found->second.local_parts;
}

template <class List>
List ListCompiler::compile(const ConfigText& text, std::string_view what) {
  Builder<List> builder;
  const auto expanded = expand::expand_at_load(text, environment_.values, what, diagnostics_);
  if (expanded) read_items(builder, *expanded);
  if constexpr (std::is_same_v<List, HostList>) builder.list.runs_.for_each([](HostPatterns& run) { run.addresses_.seal(); });
  return std::move(builder.list);
}

template <class List>
List ListCompiler::compile_one(const ConfigText& text, std::string_view what) {
  Builder<List> builder;
  const auto expanded = expand::expand_at_load(text, environment_.values, what, diagnostics_);
  if (expanded) read_item(builder, trim(expanded->view()), expanded->position());
  return std::move(builder.list);
}

template <class List>
void ListCompiler::read_items(Builder<List>& builder, const ConfigText& expanded) {
  ListReader reader(expanded.view());
  for (std::string item; reader.next(item);) read_item(builder, item, expanded.position(reader.offset()));
}

template <class List>
void ListCompiler::read_item(Builder<List>& builder, std::string_view text, const Position& at) {
  Item item{text, true, false, at};
  if (item.text.starts_with('!')) {
    item.positive = false;
    item.text = trim(item.text.substr(1));
  }
  if (item.text.starts_with('/')) {
    read_file(builder, item);
  } else {
    add_item(builder, item);
  }
}

// Each line is an item; a negated file name turns all its signs round.
template <class List>
void ListCompiler::read_file(Builder<List>& builder, const Item& item) {
  constexpr bool kOnlyAfterBlank = std::is_same_v<List, AddressList> || std::is_same_v<List, LocalPartList>;
  builder.run(item.positive);  // the sign of an empty file counts, too
  const std::string path(item.text);
  const Result<std::string> content = environment_.files == nullptr
                                          ? Result<std::string>(failure(Errc::unsupported, "read"))
                                          : environment_.files->read(path, environment_.file_bytes_max);
  if (!content) {
    error(item, fmt::format("cannot read the list file {}: {}", quoted(path), describe(content.error())));
    return;
  }
  std::string_view rest = *content;
  for (std::uint32_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    std::string_view text = trim(without_comment(line, kOnlyAfterBlank));
    if (text.empty()) continue;
    const auto column = static_cast<std::uint32_t>(text.data() - line.data() + 1);
    const bool negated = text.starts_with('!');
    if (negated) text = trim(text.substr(1));
    add_item(builder, Item{text, item.positive != negated, true, {path, number, column}});
  }
}

template <>
void ListCompiler::add_item(Builder<DomainList>& builder, const Item& item) {
  DomainPatterns& run = builder.run(item.positive);
  add_domain_pattern(run, item.text, item);
}

template <>
void ListCompiler::add_item(Builder<HostList>& builder, const Item& item) {
  static constexpr std::string_view kIgnored[] = {"+include_unknown", "+ignore_unknown", "+include_defer", "+ignore_defer"};
  if (std::ranges::find(kIgnored, item.text) != std::end(kIgnored)) return;  // nothing here can be unknown
  HostPatterns& run = builder.run(item.positive);
  if (item.text.starts_with('+') && !item.in_file) {
    if (auto list = named<HostList>(item)) run.named_.push_back(std::move(list));
  } else if (item.text == "*") {
    run.everyone_ = true;
  } else if (item.text == "@[]") {
    for (const IpAddress& address : environment_.local_addresses) run.addresses_.add(address);
  } else if (!item.text.empty() && !refuse_host(item)) {  // an empty item means no host, and here there always is one
    add_network(run, item);
  }
}

template <>
void ListCompiler::add_item(Builder<AddressList>& builder, const Item& item) {
  if (item.text == "+caseful" && item.positive && !item.in_file) {
    builder.letters = Case::kept;
    return;
  }
  AddressPatterns& run = builder.run(item.positive);
  if (item.text.starts_with('+') && !item.in_file) {
    if (auto list = named<AddressList>(item)) run.named_.push_back(std::move(list));
  } else if (item.text.empty()) {
    run.empty_sender_ = true;
  } else if (!refuse(item.text, item)) {
    item.text.contains('@') ? add_address_pair(run, builder.letters, item) : add_domain_pattern(run.domains_, item.text, item);
  }
}

template <>
void ListCompiler::add_item(Builder<LocalPartList>& builder, const Item& item) {
  if (item.text == "+caseful" && item.positive && !item.in_file) {
    builder.changed = builder.letters != Case::kept;
    builder.letters = Case::kept;
    return;
  }
  LocalPartPatterns& run = builder.run(item.positive);
  if (item.text.starts_with('+') && !item.in_file) {
    if (auto list = named<LocalPartList>(item)) run.named_.push_back(std::move(list));
  } else if (!refuse(item.text, item)) {
    add_plain(run.text_, item.text, item);
  }
}

void ListCompiler::add_domain_pattern(DomainPatterns& run, std::string_view pattern, const Item& item) {
  if (refuse(pattern, item)) return;
  if (pattern.starts_with('+')) {
    const Item reference{pattern, item.positive, item.in_file, item.at};
    if (auto list = named<DomainList>(reference)) run.named_.push_back(std::move(list));
  } else if (pattern == "@") {
    run.text_.add_exact(environment_.primary_hostname);
  } else if (pattern == "@[]") {
    run.literals_ = local_addresses_;
  } else if (smtp::starts_with_ignoring_case(pattern, "@mx_")) {
    error(item, fmt::format("{} needs DNS, which is not built yet: name the domains", quoted(pattern)));
  } else {
    add_plain(run.text_, pattern, item);
  }
}

void ListCompiler::add_plain(TextMatcher& text, std::string_view pattern, const Item& item) {
  const bool has_blank = std::ranges::any_of(pattern, [](char c) { return smtp::is(CharClass::blank, c); });
  if (has_blank) {
    diagnostics_.warning(item.at, fmt::format("the item {} holds a blank, so nothing will match it: items are separated by {}",
                                              quoted(pattern), item.in_file ? "line ends" : "colons"));
  }
  text.add(pattern);
}

void ListCompiler::add_address_pair(AddressPatterns& run, Case letters, const Item& item) {
  const std::size_t at = item.text.rfind('@');
  const std::string_view local_part = item.text.substr(0, at);
  const std::string_view domain = item.text.substr(at + 1);
  if (local_part == "*") {
    add_domain_pattern(run.domains_, domain, item);
    return;
  }
  if (refuse(domain, item)) return;
  const bool plain_domain = !domain.starts_with('*') && !domain.starts_with('+') && !domain.starts_with('@') && !domain.empty();
  if (plain_domain && letters == Case::ignored && !local_part.starts_with('*')) {
    add_plain(run.whole_, item.text, item);
    return;
  }
  AddressPatterns::Pair& pair = run.pairs_.emplace_back(TextMatcher(letters), DomainPatterns());
  pair.local_part.add(local_part);
  add_domain_pattern(pair.domain, domain, item);
}

bool ListCompiler::refuse(std::string_view pattern, const Item& item) {
  if (pattern.starts_with('^')) {
    error(item, fmt::format("{}: regular expressions in lists are not built yet", quoted(pattern)));
  } else if (pattern.starts_with("@@") || looks_like_lookup(pattern)) {
    error(item,
          fmt::format("{}: lookups in lists are not built yet; the name of a file with one item a line is", quoted(pattern)));
  } else if (item.in_file && pattern.starts_with('/')) {
    error(item, fmt::format("{}: a list file cannot name another file", quoted(pattern)));
  } else if (item.in_file && pattern.starts_with('+')) {
    error(item, fmt::format("{}: a list file cannot refer to a named list", quoted(pattern)));
  } else {
    return false;
  }
  return true;
}

bool ListCompiler::refuse_host(const Item& item) {
  if (refuse(item.text, item)) return true;
  if (item.text == "@") {
    error(item, "\"@\" in a host list needs DNS, which is not built yet: \"@[]\" means this host's own addresses");
  } else if (item.text.starts_with('*')) {
    error(item, fmt::format("{} matches host names, which need reverse DNS: this is not built yet; name addresses or networks",
                            quoted(item.text)));
  } else {
    return false;
  }
  return true;
}

void ListCompiler::add_network(HostPatterns& run, const Item& item) {
  if (const auto network = IpNetwork::parse(item.text)) {
    run.addresses_.add(*network);
  } else if (smtp::equal_ignoring_case(item.text, "localhost")) {  // RFC 6761 section 6.3
    run.addresses_.add(IpNetwork{IpAddress::v4(0x7f000001), 32});
    run.addresses_.add(*IpAddress::parse("::1"));
  } else if (is_broken_ipv4(item.text)) {
    error(item, fmt::format("malformed IPv4 address or address mask {}: write all four numbers, and a mask of 0 to 32",
                            quoted(item.text)));
  } else if (item.text.contains(':')) {
    error(item,
          fmt::format("{} is not an IP address: in a list separated by colons those of an IPv6 address are doubled, or the "
                      "list begins with \"<;\" and is separated by semicolons",
                      quoted(item.text)));
  } else {
    error(item, fmt::format("{} is a host name, which needs DNS: this is not built yet; name addresses or networks",
                            quoted(item.text)));
  }
}

void ListCompiler::error(const Item& item, std::string message) { diagnostics_.error(item.at, std::move(message)); }

DomainList ListCompiler::domains(const ConfigText& text, std::string_view what) { return compile<DomainList>(text, what); }
HostList ListCompiler::hosts(const ConfigText& text, std::string_view what) { return compile<HostList>(text, what); }
AddressList ListCompiler::addresses(const ConfigText& text, std::string_view what) { return compile<AddressList>(text, what); }
LocalPartList ListCompiler::local_parts(const ConfigText& text, std::string_view what) {
  return compile<LocalPartList>(text, what);
}
DomainList ListCompiler::one_domain(const ConfigText& item, std::string_view what) {
  return compile_one<DomainList>(item, what);
}
AddressList ListCompiler::one_address(const ConfigText& item, std::string_view what) {
  return compile_one<AddressList>(item, what);
}

}  // namespace postern::lists
