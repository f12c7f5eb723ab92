#include "appliance/config/sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "appliance/config/scan.h"
#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/nearest.h"

namespace postern::config {

namespace {

using expand::ConfigText;

struct ListWord {
  std::string_view name;
  lists::ListKind kind;
};
constexpr auto kListWords = std::to_array<ListWord>({
    {"addresslist", lists::ListKind::address},
    {"domainlist", lists::ListKind::domain},
    {"hostlist", lists::ListKind::host},
    {"localpartlist", lists::ListKind::local_part},
});

class SectionReader {
 public:
  SectionReader(LineReader& reader, expand::Diagnostics& diagnostics) : reader_(reader), diagnostics_(diagnostics) {}

  Sections read() {
    Section* section = sections_table().data();
    while (std::optional<LogicalLine> line = reader_.next()) {
      if (line->begins_section) {
        section = begin(line->text);
      } else if (section != nullptr) {
        (this->*section->read_line)(line->text);
      }
    }
    return std::move(result_);
  }

 private:
  struct Section {
    std::string_view name;
    void (SectionReader::*read_line)(const ConfigText& line);
    bool seen = false;
  };

  // As in Exim, an s at the end of a name may be left out or added.
  std::array<Section, 8>& sections_table() {
    if (table_[0].read_line != nullptr) return table_;
    table_ = {{{"", &SectionReader::read_main, true},
               {"acl", &SectionReader::read_acl},
               {"authenticators", &SectionReader::read_authenticator},
               {"local_scan", &SectionReader::refuse_local_scan},
               {"retry", &SectionReader::read_retry},
               {"rewrite", &SectionReader::read_rewrite},
               {"routers", &SectionReader::read_router},
               {"transports", &SectionReader::read_transport}}};
    return table_;
  }

  // Null, after an error, for a section that does not exist: its lines are passed over.
  Section* begin(const ConfigText& name) {
    const auto without_s = [](std::string_view word) {
      return word.ends_with('s') || word.ends_with('S') ? word.substr(0, word.size() - 1) : word;
    };
    instances_ = nullptr;
    acl_open_ = false;
    for (Section& section : sections_table()) {
      if (section.name.empty() || !smtp::equal_ignoring_case(without_s(section.name), without_s(name.view()))) continue;
      if (std::exchange(section.seen, true))
        error(name, 0, fmt::format("the section \"{}\" has begun before: each may stand once", section.name));
      return &section;
    }
    error(name, 0,
          fmt::format("unknown section \"{}\"{}", printable(name.view(), 64), expand::did_you_mean(name.view(), table_)));
    return nullptr;
  }

  void error(const ConfigText& line, std::size_t at, std::string message) {
    diagnostics_.error(line.position(at), std::move(message));
  }

  void read_main(const ConfigText& line) {
    const char first = line.view().front();
    if (first >= 'A' && first <= 'Z') {
      if (!reader_.define_macro(line))
        error(line, 0, "a line that begins with a capital letter defines a macro: NAME = value (options are in small letters)");
      return;
    }
    if (read_named_list(line)) return;
    if (std::optional<Setting> setting = read_setting(line, diagnostics_)) result_.main.push_back(std::move(*setting));
  }

  // "[hide] domainlist[_cache] name = value".
  bool read_named_list(const ConfigText& line) {
    const std::string_view text = line.view();
    std::size_t begin = 0;
    std::size_t end = skip_name(text, 0);
    const bool is_hidden = text.substr(0, end) == "hide";
    if (is_hidden) {
      begin = skip_space(text, end);
      end = skip_name(text, begin);
    }
    std::string_view word = text.substr(begin, end - begin);
    if (word.ends_with("_cache")) word.remove_suffix(6);
    const auto* const list = std::ranges::find(kListWords, word, &ListWord::name);
    if (list == kListWords.end()) return false;
    const std::size_t name_at = skip_space(text, end);
    const std::size_t name_end = skip_name(text, name_at);
    const std::size_t equals = skip_space(text, name_end);
    if (name_end == name_at) {
      error(line, name_at, fmt::format("the name of the list is missing: {} NAME = items", word));
    } else if (equals >= text.size() || text[equals] != '=') {
      error(line, equals, fmt::format("\"=\" is missing behind \"{}\"", text.substr(name_at, name_end - name_at)));
    } else {
      result_.named_lists.push_back(
          {list->kind, line.slice(name_at, name_end - name_at), line.slice(skip_space(text, equals + 1)), is_hidden});
    }
    return true;
  }

  // The name of an instance that `line` begins ("name:"); nothing when it begins none.
  std::optional<ConfigText> name_before_colon(const ConfigText& line) {
    const std::string_view text = line.view();
    std::size_t end = skip_name(text, 0);
    // People write "dovecot-plain:", too.
    while (end > 0 && end < text.size() && text[end] == '-') end = skip_name(text, end + 1);
    const std::size_t colon = skip_space(text, end);
    if (end == 0 || colon >= text.size() || text[colon] != ':') return std::nullopt;
    return line.slice(0, end);
  }

  void read_acl(const ConfigText& line) {
    if (const auto name = name_before_colon(line)) {
      const std::size_t behind = skip_space(line.view(), line.view().find(':') + 1);
      if (behind < line.size()) error(line, behind, "nothing can stand behind the name of an ACL");
      refuse_second(*name, result_.acls, "ACL");
      result_.acls.push_back({*name, {}});
      acl_open_ = true;
    } else if (reader_.define_macro(line)) {
      acl_open_ = false;
    } else if (!acl_open_) {
      error(line, 0, "an ACL begins with its name: acl_check_rcpt:");
    } else {
      result_.acls.back().lines.push_back(line);
    }
  }

  void read_router(const ConfigText& line) { read_instance(line, result_.routers, "router"); }
  void read_transport(const ConfigText& line) { read_instance(line, result_.transports, "transport"); }
  void read_authenticator(const ConfigText& line) { read_instance(line, result_.authenticators, "authenticator"); }

  void read_instance(const ConfigText& line, std::vector<Instance>& instances, std::string_view what) {
    if (const auto name = name_before_colon(line)) {
      const std::size_t behind = skip_space(line.view(), line.view().find(':') + 1);
      if (behind < line.size()) error(line, behind, fmt::format("nothing can stand behind the name of a {}", what));
      refuse_second(*name, instances, what);
      instances.push_back({*name, {}});
      instances_ = &instances;
    } else if (reader_.define_macro(line)) {
      instances_ = nullptr;
    } else if (instances_ == nullptr) {
      error(line, 0, fmt::format("a {0} begins with its name: my_{0}:", what));
    } else if (std::optional<Setting> setting = read_setting(line, diagnostics_)) {
      instances_->back().settings.push_back(std::move(*setting));
    }
  }

  template <class Named>
  void refuse_second(const ConfigText& name, const std::vector<Named>& others, std::string_view what) {
    for (const Named& other : others) {
      if (other.name.view() != name.view()) continue;
      const expand::Position first = other.name.position();
      return error(
          name, 0,
          fmt::format("there is another {} \"{}\" at {}:{}:{}", what, name.view(), first.file, first.line, first.column));
    }
  }

  void read_retry(const ConfigText& line) { result_.retry.push_back(line); }
  void read_rewrite(const ConfigText& line) { result_.rewrite.push_back(line); }
  void refuse_local_scan(const ConfigText& line) { error(line, 0, "postern has no local_scan() function"); }

  LineReader& reader_;
  expand::Diagnostics& diagnostics_;
  Sections result_;
  std::array<Section, 8> table_{};
  std::vector<Instance>* instances_ = nullptr;  // those of the section, once one has begun
  bool acl_open_ = false;
};

}  // namespace

Sections read_sections(LineReader& reader, expand::Diagnostics& diagnostics) {
  return SectionReader(reader, diagnostics).read();
}

}  // namespace postern::config
