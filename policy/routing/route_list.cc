#include "policy/routing/route_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/base/peer_text.h"
#include "policy/expand/compile.h"
#include "policy/expand/nearest.h"
#include "policy/lists/list_text.h"

namespace postern::routing {

namespace {

using expand::ConfigText;

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The parts of one rule: words between blanks, or in double quotes.
class WordReader {
 public:
  WordReader(const ConfigText& rule, expand::Diagnostics& diagnostics) : rule_(rule), diagnostics_(diagnostics) {}

  // Nothing at the end.
  std::optional<ConfigText> next() {
    const std::string_view text = rule_.view();
    while (at_ < text.size() && is_space(text[at_])) ++at_;
    if (at_ >= text.size()) return std::nullopt;
    const std::size_t begin = at_;
    if (text[at_] == '"') {
      const std::size_t close = text.find('"', at_ + 1);
      if (close == text.npos) diagnostics_.error(rule_.position(begin), "a double quote is not closed");
      at_ = std::min(close, text.size() - 1) + 1;
      return rule_.slice(begin + 1, std::min(close, text.size()) - begin - 1);
    }
    while (at_ < text.size() && !is_space(text[at_])) ++at_;
    return rule_.slice(begin, at_ - begin);
  }

 private:
  const ConfigText& rule_;
  expand::Diagnostics& diagnostics_;
  std::size_t at_ = 0;
};

// How addresses are looked up does not matter while hosts are addresses.
constexpr std::string_view kLookupWords[] = {"byname", "bydns", "bydns_a", "bydns_mx", "ipv4_only", "ipv4_prefer"};

class RuleReader {
 public:
  RuleReader(const RouteListReader& context, const ConfigText& rule) : context_(context), words_(rule, context.diagnostics) {}

  std::optional<RouteRule> read() {
    const std::optional<ConfigText> pattern = words_.next();
    if (!pattern) return std::nullopt;
    if (pattern->view().starts_with('/')) {
      error(*pattern, "the pattern of a rule cannot be a file name: use the router's option \"domains\"");
      return std::nullopt;
    }
    RouteRule rule;
    rule.pattern = context_.lists.one_domain(*pattern, "the pattern of a rule", lists::Use::asks);
    if (const std::optional<ConfigText> hosts = words_.next()) read_hosts_of(rule, *hosts);
    for (auto option = words_.next(); option; option = words_.next()) read_option(rule, *option);
    return rule;
  }

 private:
  void error(const ConfigText& where, std::string message) { context_.diagnostics.error(where.position(), std::move(message)); }

  void read_hosts_of(RouteRule& rule, const ConfigText& text) {
    if (depends_on_address(text, rule)) return;
    const auto expanded = expand::expand_at_load(text, context_.values, "the list of hosts", context_.diagnostics);
    if (expanded) rule.hosts = read_hosts(*expanded, HostNames::allowed, "route_list", context_.diagnostics);
  }

  // What is not known now is kept for later.
  bool depends_on_address(const ConfigText& text, RouteRule& rule) {
    std::string ignored;
    std::optional<expand::Program> program = expand::compile_or_why(text, ignored, context_.services);
    if (!program || program->is_constant()) return false;
    const auto is_known = [this](expand::VariableId id) { return context_.values.knows(id); };
    if (program->needs_only_variables() && std::ranges::all_of(program->variables(), is_known)) return false;
    rule.hosts_text = std::move(program);
    return true;
  }

  void read_option(RouteRule& rule, const ConfigText& option) {
    const std::string_view word = option.view();
    if (word == "randomize" || word == "no_randomize") {
      rule.randomize = word == "randomize";
    } else if (std::ranges::find(context_.transports, word) != context_.transports.end()) {
      rule.transport = word;
    } else if (std::ranges::find(kLookupWords, word) == std::end(kLookupWords)) {
      expand::Nearest nearest(word);
      for (const std::string& transport : context_.transports) nearest.offer(transport);
      for (const std::string_view known : {"randomize", "no_randomize", "byname", "bydns"}) nearest.offer(known);
      error(option, fmt::format("unknown routing option or transport \"{}\"{}", printable(word, 64), nearest.question()));
    }
  }

  const RouteListReader& context_;
  WordReader words_;
};

}  // namespace

std::vector<RouteRule> RouteListReader::read(const ConfigText& text) const {
  std::vector<RouteRule> rules;
  lists::ListReader reader(text.view(), ';');
  for (std::string item; reader.next(item);) {
    // The item's bytes keep their places: a doubled separator, which no address holds, would only shift those behind it.
    const ConfigText rule = text.slice(reader.offset(), item.size());
    if (rule.view() != item) {
      diagnostics.error(rule.position(),
                        "doubled separators in route_list belong to lookups: write them as named lists (+name)");
      continue;
    }
    if (std::optional<RouteRule> read = RuleReader(*this, rule).read()) rules.push_back(std::move(*read));
  }
  return rules;
}

RouteData read_route_data(std::string_view text) noexcept {
  RouteData data;
  bool is_first = true;
  for (text = lists::trim(text); !text.empty(); text = lists::trim(text), is_first = false) {
    const bool quoted = text.front() == '"';
    const std::size_t begin = quoted ? 1 : 0;
    std::size_t end = begin;
    while (end < text.size() && (quoted ? text[end] != '"' : !is_space(text[end]))) ++end;
    const std::string_view word = text.substr(begin, end - begin);
    text.remove_prefix(std::min(end + begin, text.size()));
    if (is_first)
      data.hosts = word;
    else if (word == "randomize" || word == "no_randomize")
      data.randomize = word == "randomize";
    else if (std::ranges::find(kLookupWords, word) == std::end(kLookupWords) && data.unknown_option.empty())
      data.unknown_option = word;
  }
  return data;
}

}  // namespace postern::routing
