#include "appliance/config/effective.h"

#include <map>
#include <string_view>
#include <utility>

#include "appliance/config/main_defaults.h"
#include "appliance/config/main_table.h"
#include "policy/lists/compile.h"

namespace postern::config {

namespace {

using expand::ConfigText;

struct Value {
  std::string text;
  bool is_hidden = false;
};

std::string_view word_of(lists::ListKind kind) {
  switch (kind) {
    case lists::ListKind::domain: return "domainlist";
    case lists::ListKind::host: return "hostlist";
    case lists::ListKind::address: return "addresslist";
    case lists::ListKind::local_part: return "localpartlist";
  }
  return "domainlist";
}

class Writer {
 public:
  explicit Writer(HiddenValues hidden) : shows_hidden_(hidden == HiddenValues::shown) {}

  // "name = value"
  void line(std::string_view indent, std::string_view name, const Value& value) {
    text_ += indent;
    if (value.is_hidden && !shows_hidden_) {
      text_.append("# hide ").append(name).append(" = <value not displayable>\n");
      return;
    }
    if (value.is_hidden) text_ += "hide ";
    text_.append(name).append(" =");
    if (!value.text.empty()) text_.append(" ").append(value.text);
    text_ += '\n';
  }
  // As it stands in the file.
  void setting(const Setting& setting) {
    if (setting.has_value) return line("  ", setting.name.view(), {std::string(setting.value.view()), setting.is_hidden});
    text_.append("  ").append(setting.is_hidden ? "hide " : "").append(setting.name.view()).append("\n");
  }
  void raw(std::string_view indent, std::string_view line) { text_.append(indent).append(line).append("\n"); }
  void name(std::string_view name) { text_.append("\n").append(name).append(":\n"); }
  void section(std::string_view name) { text_.append("\nbegin ").append(name).append("\n"); }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  const bool shows_hidden_;
  std::string text_;
};

const OptionDef<MainDraft>* row_of(const Setting& setting) {
  const OptionDef<MainDraft>* row = find_option(main_table(), setting.name.view());
  if (row == nullptr) row = find_option(main_table(), setting.negated_name());
  if (row != nullptr && (row->status == OptionStatus::alias || row->status == OptionStatus::old_name))
    row = find_option(main_table(), row->note);
  return row;
}

Value value_of(const Setting& setting, const OptionDef<MainDraft>& row) {
  std::string text(setting.value.view());
  if (row.kind == ValueKind::boolean && text.empty())
    text = find_option(main_table(), setting.name.view()) != nullptr ? "yes" : "no";  // negated names are no rows
  return {std::move(text), setting.is_hidden};
}

std::map<std::string_view, Value> main_values(const Sections& sections, const MainOptions& main) {
  std::map<std::string_view, Value> values = {{"primary_hostname", {main.primary_hostname}},
                                              {"qualify_domain", {main.qualify_domain}},
                                              {"qualify_recipient", {main.qualify_recipient}}};
  for (const auto& row : main_table())
    if (const auto text = default_of(row.name)) values[row.name] = {std::string(*text)};
  for (const Setting& setting : sections.main)
    if (const auto* const row = row_of(setting)) values[row->name] = value_of(setting, *row);
  return values;
}

void write_instances(Writer& writer, std::string_view section, const std::vector<Instance>& instances) {
  if (!instances.empty()) writer.section(section);
  for (const Instance& instance : instances) {
    writer.name(instance.name.view());
    for (const Setting& setting : instance.settings) writer.setting(setting);
  }
}

void write_lines(Writer& writer, std::string_view section, const std::vector<ConfigText>& lines) {
  if (!lines.empty()) writer.section(section);
  for (const ConfigText& line : lines) writer.raw("", line.view());
}

}  // namespace

std::string effective_text(const Sections& sections, const MainOptions& main, HiddenValues hidden) {
  Writer writer(hidden);
  for (const NamedList& list : sections.named_lists)
    writer.line("", std::string(word_of(list.kind)) + " " + std::string(list.name.view()),
                {std::string(list.value.view()), list.is_hidden});
  for (const auto& [name, value] : main_values(sections, main)) writer.line("", name, value);
  if (!sections.acls.empty()) writer.section("acl");
  for (const NamedLines& acl : sections.acls) {
    writer.name(acl.name.view());
    for (const ConfigText& line : acl.lines) writer.raw("  ", line.view());
  }
  write_instances(writer, "routers", sections.routers);
  write_instances(writer, "transports", sections.transports);
  write_lines(writer, "retry", sections.retry);
  write_lines(writer, "rewrite", sections.rewrite);
  write_instances(writer, "authenticators", sections.authenticators);
  return writer.take();
}

}  // namespace postern::config
