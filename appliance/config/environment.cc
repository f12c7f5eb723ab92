#include "appliance/config/environment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <utility>
#include <vector>

#include "engine/base/peer_text.h"
#include "policy/expand/regex.h"
#include "policy/lists/list_text.h"

namespace postern::config {

namespace {

// One item of keep_environment.
struct NamePattern {
  bool is_negated = false;
  std::string text;                            // a name, or * and an ending
  std::shared_ptr<const expand::Regex> regex;  // instead of it

  [[nodiscard]] bool matches(std::string_view name) const {
    if (regex) {
      expand::Regex::Captures captures;
      std::uint64_t steps = expand::Regex::kStepsMax;
      return regex->match(name, 0, captures, steps) == expand::Regex::Outcome::match;
    }
    return text.starts_with('*') ? name.ends_with(std::string_view(text).substr(1)) : name == text;
  }
};

std::vector<NamePattern> patterns_of(const expand::ConfigText& keep, expand::Diagnostics& diagnostics) {
  std::vector<NamePattern> patterns;
  lists::ListReader items(keep.view());
  for (std::string item; items.next(item);) {
    NamePattern pattern;
    pattern.is_negated = item.starts_with('!');
    pattern.text = lists::trim(std::string_view(item).substr(pattern.is_negated ? 1 : 0));
    if (pattern.text.starts_with('^')) {
      auto regex = expand::Regex::compile(pattern.text);
      if (!regex) {
        diagnostics.error(keep.position(items.offset()), "keep_environment: " + regex.error());
        continue;
      }
      pattern.regex = *std::move(regex);
    }
    if (!pattern.text.empty()) patterns.push_back(std::move(pattern));
  }
  return patterns;
}

// The first that matches decides; when none does, the list says yes if its last item says what is not meant.
bool is_kept(std::string_view name, const std::vector<NamePattern>& patterns) {
  for (const NamePattern& pattern : patterns)
    if (pattern.matches(name)) return !pattern.is_negated;
  return !patterns.empty() && patterns.back().is_negated;
}

}  // namespace

Environment environment_of_process() {
  Environment environment;
  for (char** each = ::environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view entry(*each);
    const std::size_t equals = entry.find('=');
    if (equals != entry.npos) environment.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return environment;
}

Environment kept_environment(const Environment& process, const std::optional<expand::ConfigText>& keep,
                             expand::Diagnostics& diagnostics) {
  Environment kept;
  if (!keep) return kept;
  const std::vector<NamePattern> patterns = patterns_of(*keep, diagnostics);
  for (const auto& [name, value] : process)
    if (is_kept(name, patterns)) kept.emplace(name, value);
  return kept;
}

void add_to_environment(Environment& environment, const expand::ConfigText& add, expand::Diagnostics& diagnostics) {
  lists::ListReader items(add.view());
  for (std::string item; items.next(item);) {
    const std::size_t equals = item.find('=');
    const std::string name = item.substr(0, equals);
    if (item.empty()) continue;
    if (name.empty()) {
      diagnostics.error(add.position(items.offset()),
                        fmt::format("add_environment: \"{}\" has no name: write NAME=value", printable(item, 64)));
    } else if (equals == item.npos) {
      environment.erase(name);
    } else {
      environment.insert_or_assign(name, item.substr(equals + 1));
    }
  }
}

}  // namespace postern::config
