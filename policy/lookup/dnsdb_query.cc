#include "policy/lookup/dnsdb_query.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "engine/base/ip_address.h"

namespace postern::lookup {

namespace {

using Error = std::unexpected<std::string>;

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

void skip_space(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
}
std::string_view trimmed(std::string_view text) {
  skip_space(text);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}
bool take_word(std::string_view& text, std::string_view word) {
  if (text.size() < word.size() || !std::ranges::equal(text.substr(0, word.size()), word, {}, lower)) return false;
  text.remove_prefix(word.size());
  return true;
}
template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

// "1h30m", "5s".
bool take_time_ms(std::string_view& text, std::int64_t& ms) {
  constexpr std::string_view kUnits = "wdhms";
  constexpr std::array<std::int64_t, 5> kSeconds{604'800, 86'400, 3'600, 60, 1};
  bool any = false;
  ms = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    std::int64_t number = 0;
    if (!take_number(text, number) || number > 1'000'000 || text.empty()) return false;
    const std::size_t unit = kUnits.find(lower(text.front()));
    if (unit == std::string_view::npos) return false;
    text.remove_prefix(1);
    ms += number * kSeconds[unit] * 1000;
    any = true;
  }
  return any;
}

void take_separators(std::string_view& text, DnsdbQuery& query) {
  skip_space(text);
  if (text.size() < 2 || text.front() != '>') return;
  query.separator = text[1];
  text.remove_prefix(2);
  if (text.size() > 1 && text.front() == ',') {
    query.field_separator = std::string(1, text[1]);
    text.remove_prefix(2);
  } else if (text.starts_with(';')) {
    query.field_separator = std::string();
    text.remove_prefix(1);
  }
  skip_space(text);
}

template <class Choice>
bool take_choice(std::string_view& text, Choice& choice) {
  for (const auto& [word, value] :
       {std::pair<std::string_view, Choice>{"strict", Choice::strict}, {"lax", Choice::lax}, {"never", Choice::never}})
    if (take_word(text, word)) {
      choice = value;
      return true;
    }
  return false;
}

// Empty when one was taken or none stands there; `taken` says which.
std::string take_modifier(std::string_view& text, DnsdbQuery& query, bool& taken) {
  taken = true;
  if (take_word(text, "defer_")) {
    if (!take_choice(text, query.defer)) return "unsupported dnsdb defer behaviour";
  } else if (take_word(text, "dnssec_")) {
    if (!take_choice(text, query.dnssec)) return "unsupported dnsdb dnssec behaviour";
  } else if (take_word(text, "retrans_")) {
    if (!take_time_ms(text, query.retrans_ms.emplace())) return "unsupported dnsdb retrans value";
  } else if (take_word(text, "retry_")) {
    if (!take_number(text, query.retry.emplace())) return "unsupported dnsdb retry count";
  } else {
    taken = false;
    return {};
  }
  skip_space(text);
  if (!text.starts_with(',')) return "dnsdb modifier syntax error";
  text.remove_prefix(1);
  skip_space(text);
  return {};
}

std::string take_type(std::string_view& text, DnsdbQuery& query) {
  constexpr auto kTypes = std::to_array<std::pair<std::string_view, DnsdbType>>({{"a", DnsdbType::a},
                                                                                 {"aaaa", DnsdbType::aaaa},
                                                                                 {"a+", DnsdbType::a_plus},
                                                                                 {"cname", DnsdbType::cname},
                                                                                 {"mx", DnsdbType::mx},
                                                                                 {"mxh", DnsdbType::mxh},
                                                                                 {"ns", DnsdbType::ns},
                                                                                 {"ptr", DnsdbType::ptr},
                                                                                 {"soa", DnsdbType::soa},
                                                                                 {"spf", DnsdbType::spf},
                                                                                 {"srv", DnsdbType::srv},
                                                                                 {"tlsa", DnsdbType::tlsa},
                                                                                 {"txt", DnsdbType::txt},
                                                                                 {"zns", DnsdbType::zns}});
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {};
  const std::string_view name = trimmed(text.substr(0, equals));
  if (std::ranges::equal(name, std::string_view("csa"), {}, lower)) return "csa records are not built for dnsdb yet";
  for (const auto& [word, type] : kTypes)
    if (std::ranges::equal(name, word, {}, lower)) {
      query.type = type;
      text = text.substr(equals + 1);
      skip_space(text);
      return {};
    }
  return "unsupported DNS record type";
}

// Exim's lists: a doubled separator stands for itself; empty items are left out.
std::string take_names(std::string_view text, DnsdbQuery& query) {
  if (query.type == DnsdbType::ptr && IpAddress::parse(trimmed(text))) {
    query.names.emplace_back(trimmed(text));
    return {};
  }
  char separator = ':';
  if (text.size() > 1 && text.front() == '<' && !(text[1] >= '0' && text[1] <= '9')) {
    separator = text[1];
    text.remove_prefix(2);
  }
  std::string name;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    const bool is_end = at == text.size();
    if (!is_end && text[at] != separator) {
      name += text[at];
      continue;
    }
    if (!is_end && at + 1 < text.size() && text[at + 1] == separator) {
      name += text[at++];
      continue;
    }
    if (const std::string_view plain = trimmed(name); !plain.empty()) {
      if (query.names.size() == kDnsdbNamesMax) return "more than 100 names in one dnsdb lookup";
      query.names.emplace_back(plain);
    }
    name.clear();
  }
  return {};
}

}  // namespace

std::expected<DnsdbQuery, std::string> parse_dnsdb_query(std::string_view text) {
  DnsdbQuery query;
  take_separators(text, query);
  for (bool taken = true; taken;)
    if (std::string why = take_modifier(text, query, taken); !why.empty()) return Error(std::move(why));
  if (std::string why = take_type(text, query); !why.empty()) return Error(std::move(why));
  if (std::string why = take_names(text, query); !why.empty()) return Error(std::move(why));
  return query;
}

}  // namespace postern::lookup
