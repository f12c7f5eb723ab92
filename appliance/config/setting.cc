#include "appliance/config/setting.h"

#include <fmt/format.h>

#include <array>

#include "appliance/config/scan.h"
#include "engine/base/peer_text.h"
#include "policy/expand/nearest.h"

namespace postern::config {

namespace {

using expand::ConfigText;

struct DirectiveRow {
  std::string_view name;
};
constexpr auto kDirectives = std::to_array<DirectiveRow>(
    {{".elifdef"}, {".elifndef"}, {".else"}, {".endif"}, {".ifdef"}, {".ifndef"}, {".include"}, {".include_if_exists"}});

void refuse_word(const ConfigText& line, std::size_t at, expand::Diagnostics& diagnostics) {
  const std::string_view text = line.view().substr(at);
  const std::string_view word = text.substr(0, std::min(text.find_first_of(" \t="), text.size()));
  if (word.starts_with('.')) {
    diagnostics.error(line.position(at),
                      fmt::format("unknown directive \"{}\"{}", printable(word, 64), expand::did_you_mean(word, kDirectives)));
  } else {
    diagnostics.error(line.position(at), fmt::format("the name of an option is expected, not \"{}\"", printable(word, 64)));
  }
}

}  // namespace

std::string_view Setting::negated_name() const noexcept {
  const std::string_view text = name.view();
  if (text.starts_with("no_")) return text.substr(3);
  if (text.starts_with("not_")) return text.substr(4);
  return {};
}

std::optional<Setting> read_setting(const ConfigText& line, expand::Diagnostics& diagnostics) {
  const std::string_view text = line.view();
  std::size_t begin = skip_space(text, 0);
  std::size_t end = skip_name(text, begin);
  const std::size_t behind = skip_space(text, end);
  const bool hidden = text.substr(begin, end - begin) == "hide" && behind < text.size() && text[behind] != '=';
  if (hidden) {
    begin = behind;
    end = skip_name(text, begin);
  }
  if (end == begin) {
    refuse_word(line, begin, diagnostics);
    return std::nullopt;
  }
  Setting setting;
  setting.is_hidden = hidden;
  setting.name = line.slice(begin, end - begin);
  const std::size_t at = skip_space(text, end);
  if (at >= text.size()) return setting;
  if (text[at] != '=') {
    diagnostics.error(line.position(at), fmt::format("\"=\" is expected behind \"{}\", not \"{}\"", setting.name.view(),
                                                     printable(text.substr(at), 64)));
    return std::nullopt;
  }
  setting.has_value = true;
  setting.value = line.slice(skip_space(text, at + 1));
  return setting;
}

}  // namespace postern::config
