#include "policy/lists/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/lists/compile.h"
#include "policy/lists/facts.h"

namespace postern::lists {

namespace {

constexpr std::size_t kChainMax = 50;  // keys of one @@ lookup that lead to each other, as in Exim

std::string lower(std::string_view text) {
  std::string folded(text);
  std::ranges::transform(folded, folded.begin(), smtp::lower);
  return folded;
}

struct Address {
  std::string_view local_part;
  std::string_view domain;
};

Address split(std::string_view address) noexcept {
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos) return {address, {}};
  return {address.substr(0, at), address.substr(at + 1)};
}

// What a lookup's key is: as Exim has it, in lower case unless +caseful came before, and domains always.
std::string key_of(std::string_view subject, ListKind kind, Case letters) {
  if (letters == Case::ignored) return lower(subject);
  if (kind != ListKind::address) return std::string(subject);
  const std::size_t domain = subject.size() - split(subject).domain.size();
  return std::string(subject.substr(0, domain)) + lower(subject.substr(domain));
}

// "192.0.2.0/24", or the whole address without a mask. IPv6 is written out, with dots unless the lookup understands addresses.
std::string address_key(const IpAddress& address, unsigned net_bits, bool keeps_colons) {
  const unsigned bits = std::min(net_bits, address.bits());
  const IpAddress masked = bits > 0 ? address.masked(bits) : address;
  std::string key;
  if (masked.is_v4()) {
    key = masked.to_string();
  } else {
    for (std::size_t i = 0; i < 16; i += 2) {
      if (i > 0) key.push_back(keeps_colons ? ':' : '.');
      fmt::format_to(std::back_inserter(key), "{:02x}{:02x}", masked.bytes()[i], masked.bytes()[i + 1]);
    }
  }
  if (bits > 0) key += "/" + std::to_string(bits);
  return key;
}

// "[192.0.2.1]" or "[IPv6:2001:db8::1]", RFC 5321 section 4.1.3.
std::optional<IpAddress> read_domain_literal(std::string_view domain) noexcept {
  if (domain.size() < 2 || domain.front() != '[' || domain.back() != ']') return std::nullopt;
  std::string_view inner = domain.substr(1, domain.size() - 2);
  if (smtp::starts_with_ignoring_case(inner, "IPv6:")) inner.remove_prefix(5);
  return IpAddress::parse(inner);
}

constexpr bool has_captures(ListKind kind) noexcept { return kind == ListKind::domain || kind == ListKind::local_part; }

void capture_whole(std::string_view subject, Case letters, Match& result) {
  result.captures.count = 1;
  result.captures.ranges[0] = {0, static_cast<std::uint32_t>(subject.size())};
  result.is_folded = letters == Case::ignored;
}

}  // namespace

std::string Match::capture(unsigned n, std::string_view subject) const {
  if (n >= captures.count) return {};
  const Captures::Range range = captures.ranges[n];
  const std::string_view part = subject.substr(std::min<std::size_t>(range.begin, subject.size()), range.end - range.begin);
  return is_folded ? lower(part) : std::string(part);
}

Inquiry& Judge::inquiry() const {
  POSTERN_CHECK(inquiry_ != nullptr);
  return *inquiry_;
}

Match Judge::match(const ItemList& list, const Subject& subject) {
  if (depth_ > kNamedDepthMax) return Match::deferred("named lists refer to each other too deeply");
  Match result;
  Progress progress{.subject = subject, .result = result};
  ++depth_;
  const bool decided = expansions_decide(list, progress) || elements_decide(list, progress);
  --depth_;
  if (decided) return result;
  result = Match::of(progress.last_is_positive ? Truth::no : Truth::yes);
  if (wants_account_) result.how = progress.last_is_positive ? "end of list" : "end of list, whose last item is negative";
  return result;
}

// Exim expands a list as a whole before it looks at any item: one that cannot be expanded decides, wherever it stands.
bool Judge::expansions_decide(const ItemList& list, Progress& progress) {
  if (!list.asks()) return false;
  for (const Element& element : list.elements()) {
    const auto* const items = std::get_if<ExpandedItems>(&element.item);
    if (items == nullptr) continue;
    const Inquiry::Expanded* const expanded = inquiry().expanded(items->program);
    if (expanded == nullptr) return true;
    if (expanded->result.status == expand::EvalStatus::forced_failure) {
      progress.result = Match::of(Truth::no);
      return true;
    }
    if (!expanded->result) {
      progress.result = Match::deferred(
          fmt::format("failed to expand \"{}\": {}", printable(items->program.source(), 128), expanded->result.why));
      return true;
    }
    progress.texts.push_back(expanded);
  }
  return false;
}

bool Judge::elements_decide(const ItemList& list, Progress& progress) {
  return std::ranges::any_of(list.elements(), [&](const Element& element) { return element_decides(list, element, progress); });
}

bool Judge::element_decides(const ItemList& list, const Element& element, Progress& progress) {
  return std::visit(
      [&]<class Item>(const Item& item) {
        if constexpr (std::is_same_v<Item, ModeItem>) {
          Modes& modes = progress.modes;
          const bool unknown = item.mode == ModeItem::Mode::include_unknown || item.mode == ModeItem::Mode::ignore_unknown;
          const bool include = item.mode == ModeItem::Mode::include_unknown || item.mode == ModeItem::Mode::include_defer;
          (unknown ? modes.include_unknown : modes.include_defer) = include;
          (unknown ? modes.ignore_unknown : modes.ignore_defer) = !include;
          return false;
        } else if constexpr (std::is_same_v<Item, ExpandedItems>) {
          return text_decides(item, list.kind(), progress);
        } else if constexpr (std::is_same_v<Item, FileItem>) {
          return file_decides(item, list.kind(), element.positive, progress);
        } else {
          progress.last_is_positive = element.positive;
          const Outcome outcome = test(item, list.kind(), progress.subject, progress.result);
          if (!wants_account_ || outcome == Outcome::no) return outcome_decides(outcome, element.positive, progress);
          std::string how = account_of(item, outcome, element.positive, progress.subject, progress.result);
          const bool decides = outcome_decides(outcome, element.positive, progress);
          if (decides) progress.result.how = std::move(how);
          return decides;
        }
      },
      element.item);
}

template <class Item>
std::string Judge::account_of(const Item& item, Outcome outcome, bool positive, const Subject& subject, const Match& result) {
  if (outcome == Outcome::unknown) return "the name or address of the host cannot be found";
  if (outcome != Outcome::yes) return result.why;
  std::string shown = printable(result.data, 128);
  if constexpr (std::is_same_v<Item, NamedItem>) return positive ? result.how : "in a list that is negated: " + result.how;
  if constexpr (std::is_same_v<Item, LookupItem> || std::is_same_v<Item, QueryItem> || std::is_same_v<Item, SplitItem>)
    return fmt::format("{}lookup found \"{}\"", positive ? "" : "negated ", shown);
  if constexpr (std::is_same_v<Item, HostRun>)
    shown = item.everyone ? "*" : subject.host == nullptr ? "" : item.addresses.around(*subject.host);
  if constexpr (std::is_same_v<Item, RegexItem>) shown = item.text;
  if constexpr (std::is_same_v<Item, HostItem>) shown = item.name;
  if constexpr (std::is_same_v<Item, OwnAddresses>) shown = "@[]";
  return fmt::format("matched \"{}{}\"", positive ? "" : "!", shown);
}

bool Judge::outcome_decides(Outcome outcome, bool positive, Progress& progress) {
  Match& result = progress.result;
  switch (outcome) {
    case Outcome::no: return false;
    case Outcome::waits: return true;
    case Outcome::yes:
      result.truth = positive ? Truth::yes : Truth::no;
      if (!positive) result = Match::of(Truth::no);
      return true;
    case Outcome::defer:
      if (progress.modes.ignore_defer) return false;
      if (progress.modes.include_defer)
        result = Match::of(Truth::yes);
      else
        result.truth = Truth::defer;
      return true;
    case Outcome::defer_in_list: result.truth = Truth::defer; return true;
    case Outcome::unknown:
      if (progress.modes.ignore_unknown) return false;
      result = Match::of(progress.modes.include_unknown ? Truth::yes : Truth::no);
      return true;
  }
  return true;
}

bool Judge::text_decides(const ExpandedItems& items, ListKind kind, Progress& progress) {
  const Inquiry::Expanded& expanded = *progress.texts[progress.texts_used++];
  const ListWorld* const world = inquiry().facts().world();
  if (world == nullptr) {
    progress.result = Match::deferred("lists with variables cannot be used here");
    return true;
  }
  const ItemList made = compile_at_use(kind, expanded.text, {.separator = items.separator, .piece = items.piece}, *world,
                                       inquiry().facts().context()->compile_services(), expanded.result.bytes);
  return made_decides(made, expanded.result.bytes, progress);
}

bool Judge::file_decides(const FileItem& item, ListKind kind, bool positive, Progress& progress) {
  progress.last_is_positive = positive;
  const expand::Answer* const answer = inquiry().file(item.path);
  if (answer == nullptr) return true;
  const ListWorld* const world = inquiry().facts().world();
  if (answer->status != expand::Answer::Status::found || world == nullptr) {
    progress.result =
        Match::deferred(fmt::format("failed to open {} when checking a list: {}", printable(item.path, 128),
                                    answer->status == expand::Answer::Status::not_found ? "not found" : answer->why));
    return true;
  }
  const ItemList made =
      compile_file_at_use(kind, answer->value, positive, *world, inquiry().facts().context()->compile_services());
  return made_decides(made, expand::Bytes::ours, progress);
}

bool Judge::made_decides(const ItemList& made, expand::Bytes bytes, Progress& progress) {
  if (!elements_decide(made, progress)) return false;
  if (bytes == expand::Bytes::peers) progress.result.bytes = bytes;
  return true;
}

template <class Test>
Judge::Outcome Judge::any_name(const Subject& subject, Match& result, Test test) {
  if (subject.host == nullptr) return Outcome::no;
  if (subject.is_bare_address) return Outcome::unknown;
  const dns::HostNames* const names = inquiry().host_names();
  if (names == nullptr) return Outcome::waits;
  if (names->result != dns::HostNames::Result::confirmed) return Outcome::unknown;
  Outcome outcome = test(names->name.view(), result);
  for (const PeerText& alias : names->aliases) {
    if (outcome != Outcome::no) break;
    outcome = test(alias.view(), result);
  }
  return outcome;
}

Judge::Outcome Judge::text_outcome(const TextRun& run, ListKind kind, std::string_view subject, Match& result) {
  if (!wants_data_) return run.text.matches(subject) ? Outcome::yes : Outcome::no;
  const std::optional<TextMatcher::Hit> hit = run.text.first(subject);
  if (!hit) return Outcome::no;
  result.data = hit->pattern();
  if (!has_captures(kind)) return Outcome::yes;
  capture_whole(subject, run.letters, result);
  if (hit->is_ending) {
    result.captures.count = 2;
    result.captures.ranges[1] = {0, static_cast<std::uint32_t>(subject.size() - hit->text.size())};
  }
  return Outcome::yes;
}

Judge::Outcome Judge::test(const TextRun& run, ListKind kind, const Subject& subject, Match& result) {
  if (kind != ListKind::host) return text_outcome(run, kind, subject.text, result);
  return any_name(subject, result, [&](std::string_view name, Match& into) { return text_outcome(run, kind, name, into); });
}

Judge::Outcome Judge::test(const AddressRun& run, ListKind, const Subject& subject, Match& result) {
  if (subject.text.empty()) return run.empty_sender ? Outcome::yes : Outcome::no;
  const std::string_view domain = split(subject.text).domain;
  if (!wants_data_) {
    const bool found = run.whole.matches(subject.text) || run.alone.matches(domain) || run.starred.matches(domain);
    return found ? Outcome::yes : Outcome::no;
  }
  // The data of the domain stand behind the local part of the pattern, if there is one, and an @.
  std::optional<TextMatcher::Hit> first;
  for (const auto& [hit, before] :
       {std::pair{run.whole.first(subject.text), std::string_view()}, std::pair{run.alone.first(domain), std::string_view("@")},
        std::pair{run.starred.first(domain), std::string_view("*@")}}) {
    if (!hit || (first && first->number < hit->number)) continue;
    first = hit;
    result.data = std::string(before) + hit->pattern();
  }
  return first ? Outcome::yes : Outcome::no;
}

Judge::Outcome Judge::test(const HostRun& run, ListKind, const Subject& subject, Match&) {
  if (subject.host == nullptr) return run.everyone || run.nobody ? Outcome::yes : Outcome::no;
  return run.everyone || run.addresses.contains(*subject.host) ? Outcome::yes : Outcome::no;
}

Judge::Outcome Judge::test(const OwnAddresses& item, ListKind kind, const Subject& subject, Match& result) {
  if (kind == ListKind::host)
    return subject.host != nullptr && item.addresses->contains(*subject.host) ? Outcome::yes : Outcome::no;
  const std::optional<IpAddress> address = read_domain_literal(subject.text);
  if (!address || !item.addresses->contains(*address)) return Outcome::no;
  if (!wants_data_) return Outcome::yes;
  result.data = "@[]";
  capture_whole(subject.text, Case::ignored, result);
  return Outcome::yes;
}

Judge::Outcome Judge::regex_outcome(const RegexItem& item, ListKind kind, std::string_view subject, Match& result) {
  expand::Regex::Captures captures;
  switch (item.regex->match(subject, 0, captures, regex_steps_left_)) {
    case expand::Regex::Outcome::no_match: return Outcome::no;
    case expand::Regex::Outcome::gave_up:
      result.why = fmt::format("the regular expression \"{}\" gave up", printable(item.text, 128));
      return Outcome::defer;
    case expand::Regex::Outcome::match: break;
  }
  if (!wants_data_) return Outcome::yes;
  if (kind != ListKind::address) result.data = item.text;
  if (!has_captures(kind)) return Outcome::yes;
  // $0 is the subject, and not what the expression matched of it.
  capture_whole(subject, item.letters, result);
  result.captures.count = static_cast<std::uint8_t>(std::min<std::size_t>(captures.count, Captures::kMax));
  for (std::size_t n = 1; n < result.captures.count; ++n)
    result.captures.ranges[n] = {captures.ranges[n].begin, captures.ranges[n].end};
  return Outcome::yes;
}

Judge::Outcome Judge::test(const RegexItem& item, ListKind kind, const Subject& subject, Match& result) {
  if (kind != ListKind::host) return regex_outcome(item, kind, subject.text, result);
  return any_name(subject, result, [&](std::string_view name, Match& into) { return regex_outcome(item, kind, name, into); });
}

// A list within a list has modes of its own.
Judge::Outcome Judge::test(const NamedItem& item, ListKind, const Subject& subject, Match& result) {
  Match within = match(*item.list, subject);
  if (inquiry_ != nullptr && inquiry_->waits()) return Outcome::waits;
  if (within.truth == Truth::no) return Outcome::no;
  const Outcome outcome = within.truth == Truth::yes ? Outcome::yes : Outcome::defer_in_list;
  result = std::move(within);
  return outcome;
}

Judge::Outcome Judge::lookup_outcome(const LookupItem& item, std::string_view key, Match& result) {
  const expand::Answer* const answer = inquiry().lookup(item.handle, item.file, item.query_style ? item.query : key);
  if (answer == nullptr) return Outcome::waits;
  switch (answer->status) {
    case expand::Answer::Status::not_found: return Outcome::no;
    case expand::Answer::Status::deferred:
    case expand::Answer::Status::failed: result.why = answer->why; return Outcome::defer;
    case expand::Answer::Status::found: break;
  }
  result.data = item.shown.empty() ? answer->value : item.shown;
  result.bytes = item.shown.empty() ? answer->bytes : expand::Bytes::ours;
  if (answer->wild) {
    result.captures.count = 3;
    result.captures.ranges[1] = {0, static_cast<std::uint32_t>(answer->wild->wild_end)};
    result.captures.ranges[2] = {static_cast<std::uint32_t>(answer->wild->fixed_begin), static_cast<std::uint32_t>(key.size())};
  }
  return Outcome::yes;
}

Judge::Outcome Judge::test(const LookupItem& item, ListKind kind, const Subject& subject, Match& result) {
  if (kind == ListKind::host && (item.net_bits || subject.is_bare_address) && subject.host != nullptr)
    return lookup_outcome(item, address_key(*subject.host, item.net_bits.value_or(0), item.keeps_colons), result);
  if (kind == ListKind::host && !item.query_style)
    return any_name(subject, result, [&](std::string_view name, Match& into) { return lookup_outcome(item, name, into); });
  const Outcome outcome = lookup_outcome(item, key_of(subject.text, kind, item.letters), result);
  // $1 and $2 of a partial match stay.
  const std::uint8_t parts = std::exchange(result.captures.count, std::uint8_t{0});
  if (outcome == Outcome::yes && has_captures(kind)) {
    capture_whole(subject.text, item.letters, result);
    result.captures.count = std::max<std::uint8_t>(parts, 1);
  }
  return outcome;
}

Judge::Outcome Judge::test(const QueryItem& item, ListKind kind, const Subject& subject, Match& result) {
  const Inquiry::Expanded* const expanded = inquiry().expanded(item.program);
  if (expanded == nullptr) return Outcome::waits;
  if (!expanded->result) {
    result.why = expanded->result.why;
    return Outcome::defer;
  }
  if (!expanded->text.starts_with('+')) return Outcome::no;
  result.data = expanded->text.substr(1);
  result.bytes = expanded->result.bytes;
  if (has_captures(kind)) capture_whole(subject.text, item.letters, result);
  return Outcome::yes;
}

Judge::Outcome Judge::test(const PairItem& item, ListKind, const Subject& subject, Match& result) {
  if (subject.text.empty()) return Outcome::no;
  const Address address = split(subject.text);
  if (!item.local_part.matches(address.local_part)) return Outcome::no;
  Match domain = match(*item.domain, {.text = address.domain});
  if (inquiry_ != nullptr && inquiry_->waits()) return Outcome::waits;
  if (domain.truth == Truth::no) return Outcome::no;
  const Outcome outcome = domain.truth == Truth::yes ? Outcome::yes : Outcome::defer;
  result = std::move(domain);
  if (wants_data_ && outcome == Outcome::yes) result.data.insert(0, item.shown);
  result.captures = {};
  return outcome;
}

std::optional<Judge::Outcome> Judge::local_part_outcome(std::string_view items, const SplitItem& item,
                                                        std::string_view local_part, Match& result) {
  ListReader reader(items);
  for (std::string text; reader.next(text);) {
    std::string_view pattern = text;
    const bool negated = pattern.starts_with('!');
    if (negated) pattern = trim(pattern.substr(1));
    Outcome outcome = Outcome::no;
    if (pattern.starts_with('^')) {
      const auto regex = expand::Regex::compile(pattern, item.letters == Case::ignored);
      if (!regex) {
        result.why = regex.error();
        return Outcome::defer;
      }
      outcome = regex_outcome({*regex, std::string(pattern), item.letters}, ListKind::address, local_part, result);
    } else {
      TextMatcher matcher(item.letters);
      matcher.add(pattern);
      if (matcher.matches(local_part)) outcome = Outcome::yes;
    }
    if (outcome == Outcome::no) continue;
    if (outcome == Outcome::yes && negated) return Outcome::no;
    result.data = pattern;
    return outcome;
  }
  return std::nullopt;
}

Judge::Outcome Judge::test(const SplitItem& item, ListKind, const Subject& subject, Match& result) {
  if (subject.text.empty()) return Outcome::no;
  const Address address = split(subject.text);
  std::string key = lower(address.domain);
  for (std::size_t chained = 0; chained < kChainMax; ++chained) {
    Match found;
    const Outcome outcome = lookup_outcome(item.lookup, key, found);
    if (outcome != Outcome::yes) {
      result.why = found.why;
      return outcome;
    }
    std::string_view items = found.data;
    const std::size_t colon = items.rfind(':');
    const std::string_view last = trim(items.substr(colon == items.npos ? 0 : colon + 1));
    const bool is_chained = last.starts_with('>');
    if (is_chained) {
      key = trim(last.substr(1));
      items = items.substr(0, colon == items.npos ? 0 : colon);
    }
    result.bytes = found.bytes;
    const std::optional<Outcome> local = local_part_outcome(items, item, address.local_part, result);
    if (local) return *local;
    if (!is_chained) return Outcome::no;
  }
  result.why = fmt::format("@@ lookups lead to each other more than {} times", kChainMax);
  return Outcome::defer;
}

Judge::Outcome Judge::test(const MxItem& item, ListKind, const Subject& subject, Match& result) {
  const std::string domain = lower(subject.text);
  const MailExchangers* const found = inquiry().mail_exchangers(domain);
  if (found == nullptr) return Outcome::waits;
  const auto deferred = [&] {
    result.why = fmt::format("DNS lookup of \"{}\" deferred", printable(domain, 128));
    return Outcome::defer;
  };
  if (found->status == MailExchangers::Status::deferred) return deferred();
  const auto counts = [&](const IpAddress& address) { return !item.ignored.contains(address); };
  const auto is_local = [&](const IpAddress& address) { return counts(address) && item.local->contains(address); };
  using Host = MailExchangers::Host;
  const auto own = std::ranges::find_if(
      found->hosts, [&](const Host& host) { return std::ranges::any_of(host.addresses.addresses, is_local); });
  const bool is_own = own != found->hosts.end();
  const bool is_primary = is_own && own->preference == found->hosts.front().preference;
  bool matches = is_primary && item.which != MxItem::Which::secondary;
  if (!is_primary) {
    // As in Exim: the hosts before this one are looked at, and what cannot be found now matters when it is all there is.
    bool others = false;
    bool unknown = false;
    for (const Host& host : found->hosts) {
      if (is_own && host.preference >= own->preference) break;
      others = others || std::ranges::any_of(host.addresses.addresses, counts);
      unknown = unknown || host.addresses.status == HostAddresses::Status::deferred;
    }
    if (!others && unknown) return deferred();
    matches = is_own && item.which != MxItem::Which::primary;
  }
  if (!matches) return Outcome::no;
  if (wants_data_) {
    result.data = item.text;
    capture_whole(subject.text, Case::ignored, result);
  }
  return Outcome::yes;
}

Judge::Outcome Judge::test(const HostItem& item, ListKind, const Subject& subject, Match& result) {
  if (subject.host == nullptr) return Outcome::no;
  if (subject.is_bare_address) return Outcome::unknown;
  const HostAddresses* const found = inquiry().addresses(item.name);
  if (found == nullptr) return Outcome::waits;
  if (found->status == HostAddresses::Status::none) return Outcome::unknown;
  if (found->status == HostAddresses::Status::deferred) {
    result.why = fmt::format("DNS lookup of \"{}\" deferred", printable(item.name, 128));
    return Outcome::defer;
  }
  const auto& addresses = found->addresses;
  return std::ranges::find(addresses, *subject.host) != addresses.end() ? Outcome::yes : Outcome::no;
}

Judge::Outcome Judge::test(const BrokenItem& item, ListKind, const Subject&, Match& result) {
  if (item.is_unknown) return Outcome::unknown;
  result.why = item.why;
  result.is_mistake = true;
  return Outcome::defer;
}

}  // namespace postern::lists
