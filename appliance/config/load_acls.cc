#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "appliance/config/line_reader.h"
#include "appliance/config/loader.h"
#include "engine/base/peer_text.h"
#include "policy/acl/compile.h"
#include "policy/acl/verbs.h"
#include "policy/expand/compile.h"
#include "policy/expand/nearest.h"
#include "policy/lists/list_text.h"

namespace postern::config {

using expand::ConfigText;

void Loader::read_acls(const Sections& sections) {
  for (const NamedLines& each : sections.acls) {
    std::string name(each.name.view());
    auto compiled = std::make_shared<acl::Acl>(acl::compile_acl(name, each.lines, *lists_, diagnostics_, &services_));
    config_->acls.try_emplace(std::move(name), std::move(compiled));
  }
}

void Loader::bind_acls() {
  std::vector<std::shared_ptr<const acl::Acl>> named;
  for (const auto& [name, each] : config_->acls) named.push_back(each);
  for (const auto& each : named) find_called(*each);
  for (const acl::PhaseDef& phase : acl::kPhases) {
    const auto& setting = draft_.acl_settings[static_cast<std::size_t>(phase.phase)];
    if (setting) bind_acl(phase.phase, *setting);
  }
}

// A text that wants more than what is known now is kept for later. True: it was, or it is wrong.
bool Loader::keep_acl_text(acl::Phase phase, const Setting& setting) {
  const std::optional<ConfigText> text = reader_->text(setting);
  if (!text) return true;
  std::string ignored;
  std::optional<expand::Program> program = expand::compile_or_why(*text, ignored, &services_);
  if (!program || program->is_constant()) return false;
  const auto is_known = [this](expand::VariableId id) { return values_.knows(id); };
  if (program->needs_only_variables() && !program->variables().empty() && std::ranges::all_of(program->variables(), is_known))
    return false;
  config_->acl_text_of_phase[static_cast<std::size_t>(phase)] = std::move(program);
  return true;
}

void Loader::find_called(const acl::Acl& acl) {
  for (const acl::Statement& statement : acl.statements)
    for (const acl::Step& step : statement.steps) {
      const auto* const call = std::get_if<acl::AclCall>(&step.argument);
      if (call == nullptr || !call->words.front().is_constant()) continue;
      const std::string name(call->words.front().source());
      if (config_->acls.contains(name)) continue;
      if (name.starts_with('/')) {
        auto read = acl_from_file(step.source.slice(step.source.view().find(name), name.size()));
        if (!read) continue;
        config_->acls.try_emplace(name, read);  // first: it may ask for itself
        find_called(*read);
        continue;
      }
      if (name.find_first_of(" \t\n") != std::string::npos || acl::find_verb(name) != nullptr) continue;  // the text of one
      expand::Nearest nearest(name);
      for (const auto& [known, compiled] : config_->acls) nearest.offer(known);
      diagnostics_.error(step.source.position(),
                         fmt::format("acl: there is no ACL \"{}\"{}", printable(name, 64), nearest.question()));
    }
}

void Loader::check_phase_of_all(const acl::Acl& acl, acl::Phase phase, std::vector<const acl::Acl*>& seen) {
  if (std::ranges::find(seen, &acl) != seen.end()) return;
  seen.push_back(&acl);
  acl::check_phase(acl, phase, diagnostics_);
  for (const acl::Statement& statement : acl.statements)
    for (const acl::Step& step : statement.steps) {
      const auto* const call = std::get_if<acl::AclCall>(&step.argument);
      if (call == nullptr || !call->words.front().is_constant()) continue;
      const auto called = config_->acls.find(call->words.front().source());
      if (called != config_->acls.end()) check_phase_of_all(*called->second, phase, seen);
    }
}

void Loader::bind_acl(acl::Phase phase, const Setting& setting) {
  if (keep_acl_text(phase, setting)) return;
  const std::optional<ConfigText> value = reader_->expanded(setting);
  if (!value || lists::trim(value->view()).empty()) return;
  std::shared_ptr<const acl::Acl> found = acl_from(*value, phase);
  if (!found) return;
  // Named ones were looked at already.
  if (std::ranges::none_of(config_->acls, [&](const auto& named) { return named.second == found; })) find_called(*found);
  std::vector<const acl::Acl*> seen;
  check_phase_of_all(*found, phase, seen);
  config_->acl_of_phase[static_cast<std::size_t>(phase)] = std::move(found);
}

// The name of an ACL, an absolute file name, or the text of an ACL.
std::shared_ptr<const acl::Acl> Loader::acl_from(const ConfigText& value, acl::Phase phase) {
  const std::string_view text = lists::trim(value.view());
  if (text.starts_with('/')) return acl_from_file(value);
  const auto named = config_->acls.find(text);
  if (named != config_->acls.end()) return named->second;
  const bool is_one_word = text.find_first_of(" \t\n") == std::string_view::npos;
  if (is_one_word && acl::find_verb(text) == nullptr) {
    expand::Nearest nearest(text);
    for (const auto& [name, compiled] : config_->acls) nearest.offer(name);
    for (const acl::VerbDef& verb : acl::verbs()) nearest.offer(verb.name);
    diagnostics_.error(value.position(), fmt::format("{}: there is no ACL \"{}\"{}", acl::definition_of(phase).option,
                                                     printable(text, 64), nearest.question()));
    return nullptr;
  }
  return std::make_shared<acl::Acl>(
      acl::compile_acl(std::string(text), acl::lines_of(value), *lists_, diagnostics_, &services_));
}

// Lines as in the configuration, without its macros.
std::shared_ptr<const acl::Acl> Loader::acl_from_file(const ConfigText& path) {
  const std::string name(lists::trim(path.view()));
  const Result<std::string> readable = files_.read(name, options_.limits.file_bytes_max);
  if (!readable) {
    diagnostics_.error(path.position(),
                       fmt::format("cannot read the ACL file {}: {}", printable(name, 256), describe(readable.error())));
    return nullptr;
  }
  Macros none(0);
  LineReader reader(files_, names_, none, options_.limits, diagnostics_);
  std::vector<ConfigText> lines;
  if (!reader.open(name)) return nullptr;
  while (auto line = reader.next()) {
    if (line->begins_section) {
      diagnostics_.error(line->text.position(), "an ACL file has no sections");
    } else {
      lines.push_back(std::move(line->text));
    }
  }
  return std::make_shared<acl::Acl>(acl::compile_acl(name, lines, *lists_, diagnostics_, &services_));
}

}  // namespace postern::config
