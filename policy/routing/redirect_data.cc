#include "policy/routing/redirect_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/header_addresses.h"
#include "policy/lists/list_text.h"

namespace postern::routing {

namespace {

using Kind = Redirection::Kind;

constexpr std::string_view kFilters[] = {"Exim filter", "Sieve filter"};

// Up to the comma or line end that is not within quotes, brackets or a comment.
std::size_t item_size(std::string_view text) noexcept {
  bool quoted = false;
  bool bracketed = false;
  std::size_t comments = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') return i;
    if (c == '\\') {
      if (i + 1 < text.size() && text[i + 1] != '\n') ++i;
    } else if (c == '"' && comments == 0) {
      quoted = !quoted;
    } else if (!quoted && c == '(') {
      ++comments;
    } else if (!quoted && c == ')' && comments > 0) {
      --comments;
    } else if (!quoted && comments == 0 && (c == '<' || c == '>')) {
      bracketed = c == '<';
    } else if (!quoted && comments == 0 && !bracketed && c == ',') {
      return i;
    }
  }
  return text.size();
}

}  // namespace

bool is_filter(std::string_view data) noexcept {
  data.remove_prefix(std::min(data.find_first_not_of(" \t\r\n\v\f"), data.size()));
  if (!data.starts_with('#')) return false;
  data.remove_prefix(1);
  data.remove_prefix(std::min(data.find_first_not_of(" \t"), data.size()));
  return std::ranges::any_of(
      kFilters, [&](std::string_view known) { return smtp::equal_ignoring_case(data.substr(0, known.size()), known); });
}

RedirectReader::RedirectReader(std::string data, const RedirectRules& rules) : rules_(rules) {
  texts_.push_back({.text = std::move(data)});
}

std::optional<std::string> RedirectReader::next_file() {
  while (!ended_) {
    if (skip_between()) {
      if (std::optional<std::string> file = take_item()) return file;
    } else if (texts_.size() > 1) {
      texts_.pop_back();
    } else {
      ended_ = true;
      if (has_local_)
        read_.kind = Kind::local;
      else if (!read_.addresses.empty())
        read_.kind = Kind::addresses;
    }
  }
  return std::nullopt;
}

void RedirectReader::include(std::string text) { texts_.push_back({.text = std::move(text)}); }

Redirection RedirectReader::take() { return std::move(read_); }

// To the next item: over blanks, separators and comments. False at the end.
bool RedirectReader::skip_between() noexcept {
  for (;;) {
    skip(std::min(rest().find_first_not_of(" \t\r\n\v\f,"), rest().size()));
    if (!rest().starts_with('#')) return !rest().empty();
    skip(std::min(rest().find('\n'), rest().size()));
  }
}

std::optional<std::string> RedirectReader::take_item() {
  const std::string_view text = rest();
  const std::size_t size = item_size(text);
  const std::string_view item = lists::trim(text.substr(0, size));
  skip(size);
  // What stands behind :fail: and :defer: goes on to the end of all, commas and lines included.
  if (text.starts_with(":fail:")) {
    end_with(Kind::fail, rules_.allow_fail, text, 6);
  } else if (text.starts_with(":defer:")) {
    end_with(Kind::defer, rules_.allow_defer, text, 7);
  } else if (item.starts_with(":blackhole:")) {
    end_with(Kind::discard, !rules_.forbid_blackhole, item, item.size());  // whatever else the list holds
  } else if (item == ":unknown:") {
    // It says nothing.
  } else if (item.starts_with(":include:") || item.starts_with("\":include:")) {
    return take_include(item);
  } else if (item.starts_with('/') || item.starts_with('|') || item.starts_with("\"/") || item.starts_with("\"|")) {
    has_local_ = true;
  } else {
    take_address(item);
  }
  return std::nullopt;
}

std::optional<std::string> RedirectReader::take_include(std::string_view item) {
  if (item.starts_with('"')) {
    item.remove_prefix(1);
    if (item.ends_with('"')) item.remove_suffix(1);
  }
  const std::string_view name = lists::trim(item.substr(std::string_view(":include:").size()));
  if (name.empty())
    fail("file name missing after :include:");
  else if (name.size() > kIncludedNameBytesMax)
    fail(fmt::format("included file name \"{}\" is too long", printable(name, 512)));
  else if (!name.starts_with('/'))
    fail(fmt::format("included file \"{}\" is not an absolute path", printable(name, 128)));
  else if (rules_.forbid_include)
    fail("included files not permitted");
  else if (rules_.has_peers_bytes && texts_.size() == 1)
    fail(fmt::format("Tainted name '{}' for included file not permitted", printable(name, 128)));
  else if (++includes_ > kIncludesMax)
    fail("there are too many included files");
  else
    return std::string(name);
  return std::nullopt;
}

void RedirectReader::end(Kind kind, std::string text) {
  read_ = {.kind = kind, .text = std::move(text)};
  ended_ = true;
}

void RedirectReader::end_with(Kind kind, bool is_allowed, std::string_view text, std::size_t word_bytes) {
  if (is_allowed) return end(kind, std::string(lists::trim(text.substr(word_bytes))));
  const std::string_view item = lists::trim(text.substr(0, text.find_first_of(",\n")));
  fail(fmt::format("\"{}\" is not permitted", printable(item, 128)));
}

void RedirectReader::take_address(std::string_view item) {
  if (item.starts_with('\\')) item.remove_prefix(1);  // it names nothing special
  std::string why;
  std::optional<expand::HeaderAddress> address = expand::parse_header_address(item, &why);
  if (!address || address->local_part.empty()) {
    read_.skipped = true;
    if (!rules_.skip_syntax_errors)
      fail(fmt::format("{} in \"{}\"", why.empty() ? "malformed address" : why, printable(item, 128)));
    return;
  }
  if (read_.addresses.size() >= kRedirectAddressesMax) return fail("there are too many addresses");
  if (address->domain.empty()) address->domain = rules_.qualify_domain;
  read_.addresses.push_back(std::move(address->local_part) + "@" + address->domain);
}

}  // namespace postern::routing
