#include "appliance/config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <unordered_map>
#include <utility>

#include "appliance/config/disk_files.h"
#include "appliance/config/line_reader.h"
#include "appliance/config/loader.h"
#include "appliance/config/macros.h"

namespace postern::config {

namespace {

// Steps find their errors in their own order; people read files from the top.
void sort_by_place(std::vector<Diagnostic>& diagnostics, const expand::FileNames& names) {
  std::unordered_map<std::string_view, std::size_t> rank;
  for (std::uint16_t id = 0; !names.at(id).empty(); ++id) rank.try_emplace(names.at(id), rank.size());
  struct Place {
    std::size_t file;
    std::uint32_t line;
    std::uint32_t column;
    std::size_t found;  // keeps the order of those at one place
    auto operator<=>(const Place&) const = default;
  };
  std::vector<Place> places;
  places.reserve(diagnostics.size());
  for (const Diagnostic& d : diagnostics) {
    const auto file = rank.find(d.file);
    places.push_back({file == rank.end() ? rank.size() : file->second, d.line, d.column, places.size()});
  }
  std::ranges::sort(places);
  std::vector<Diagnostic> sorted;
  sorted.reserve(diagnostics.size());
  for (const Place& place : places) sorted.push_back(std::move(diagnostics[place.found]));
  diagnostics = std::move(sorted);
}

}  // namespace

Loader::Loader(expand::FileSource& files, const HostFacts& host, const LoadOptions& options)
    : files_(files), host_(host), options_(options) {
  values_.set(expand::VariableId::version_number, options.version);
  values_.set(expand::VariableId::exim_version, options.version);
}

LoadResult Loader::load(const std::string& path) {
  Macros macros(options_.limits.macros_max);
  for (const auto& [name, value] : options_.macros) macros.define_from_command_line(name, value);
  LineReader lines(files_, names_, macros, options_.limits, diagnostics_);
  if (!lines.open(path)) return result(path);
  const Sections sections = read_sections(lines, diagnostics_);
  read_names(sections);
  read_interfaces_and_ports(sections);
  make_language(sections);
  make_list_compiler();
  for (const NamedList& list : sections.named_lists) lists_->define(list.kind, list.name, list.value);
  set_defaults();
  read_main(sections);
  lists_->compile_named();
  for (const auto& [handle, file] : lists_->world()->lookup_files()) services_.noticed_lookup_file(handle, file);
  read_acls(sections);
  bind_acls();
  read_transports(sections);
  read_routers(sections);
  read_retry(sections);
  refuse_the_rest(sections);
  if (options_.effective && diagnostics_.errors() == 0) effective_ = effective_text(sections, draft_, *options_.effective);
  return result(path);
}

LoadResult Loader::result(const std::string& path) {
  LoadResult result;
  if (lists_) result.spool_directory = draft_.spool_directory;
  if (diagnostics_.errors() == 0) {
    if (config_->acl_for(acl::Phase::rcpt) == nullptr &&
        !config_->acl_text_of_phase[static_cast<std::size_t>(acl::Phase::rcpt)])
      diagnostics_.warning({path, 0, 0}, "acl_smtp_rcpt is not set: every recipient is refused");
    if (language_->wanted.has(expand::Check::dmarc) && draft_.dmarc_suffixes == nullptr)
      diagnostics_.warning({path, 0, 0}, "dmarc_tld_file gives no list: there is no DMARC, and dmarc_status is \"off\"");
    if (language_->wanted.has(expand::Check::dcc) && !draft_.dccifd_address)
      diagnostics_.warning({path, 0, 0}, "dccifd_address is not set: the condition dcc is deferred");
    config_->main = std::move(static_cast<MainOptions&>(draft_));
    for (const IpAddress& address : config_->main.local_addresses) config_->local_addresses.add(address);
    config_->local_addresses.seal();
    language_->lists = lists_->world();
    language_->acl_settings.dcc_direct_add_header = config_->main.dcc_direct_add_header;
    language_->dccifd = config_->main.dccifd_address;
    language_->dccifd_options = config_->main.dccifd_options;
    language_->authserv_ids.push_back(config_->main.authserv_id.empty() ? config_->main.primary_hostname
                                                                        : config_->main.authserv_id);
    language_->dmarc_history_file = config_->main.dmarc_history_file;
    config_->language = language_;
    result.config = std::move(config_);
    result.effective = std::move(effective_);
  }
  result.diagnostics = diagnostics_.take();
  sort_by_place(result.diagnostics, *names_);
  return result;
}

LoadResult parse_config(const std::string& path, expand::FileSource& files, const HostFacts& host, const LoadOptions& options) {
  return Loader(files, host, options).load(path);
}

LoadResult load_config(const std::string& path, const LoadOptions& options) {
  DiskFiles files;
  const HostFacts host = facts_of_this_host();
  return parse_config(path, files, host, options);
}

std::string format_diagnostics(const std::vector<Diagnostic>& diagnostics, LateMistakes late) {
  std::string text;
  for (const Diagnostic& d : diagnostics) {
    text += d.line == 0 ? d.file : fmt::format("{}:{}:{}", d.file, d.line, d.column);
    const bool is_error = d.severity == Severity::error || (d.severity == Severity::late && late == LateMistakes::are_errors);
    text += is_error ? ": " : ": warning: ";
    text += d.message;
    text += '\n';
  }
  return text;
}

}  // namespace postern::config
