#include "appliance/config/reload.h"

#include <fmt/format.h>

#include "appliance/config/load.h"

namespace postern::config {

namespace {

constexpr std::size_t kMessagesMax = 20;

std::vector<std::string> lines_of(const std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string> lines;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (lines.size() == kMessagesMax) {
      lines.push_back(fmt::format("and {} more: postern check says them all", diagnostics.size() - kMessagesMax));
      break;
    }
    lines.push_back(format_diagnostics({diagnostic}));
    lines.back().pop_back();  // the line end
  }
  return lines;
}

// Errors alone tell why nothing changes.
std::vector<std::string> errors_of(std::vector<Diagnostic> diagnostics) {
  std::erase_if(diagnostics, [](const Diagnostic& diagnostic) { return diagnostic.severity != Severity::error; });
  return lines_of(diagnostics);
}

}  // namespace

std::vector<std::string> wants_restart(const MainOptions& running, const MainOptions& wanted) {
  std::vector<std::string> names;
  const auto compare = [&names](bool same, const char* name) {
    if (!same) names.emplace_back(name);
  };
  compare(running.listen == wanted.listen, "local_interfaces and daemon_smtp_ports");
  compare(running.exim_user == wanted.exim_user, "exim_user");
  compare(running.exim_group == wanted.exim_group, "exim_group");
  compare(running.smtp_accept_max == wanted.smtp_accept_max, "smtp_accept_max");
  compare(running.dns_servers == wanted.dns_servers, "dns_servers");
  compare(running.dns_retrans_s == wanted.dns_retrans_s, "dns_retrans");
  compare(running.dns_retry == wanted.dns_retry, "dns_retry");
  compare(running.dns_use_edns0 == wanted.dns_use_edns0, "dns_use_edns0");
  compare(running.dns_dnssec_ok == wanted.dns_dnssec_ok, "dns_dnssec_ok");
  compare(running.dns_dnssec_trusted == wanted.dns_dnssec_trusted, "dns_dnssec_trusted");
  compare(running.spool_preallocate == wanted.spool_preallocate, "spool_preallocate");
  compare(running.check_spool_space == wanted.check_spool_space, "check_spool_space");
  return names;
}

Reload load_again(const std::string& path, const MainOptions& running) {
  LoadResult loaded = load_config(path);
  if (!loaded.ok()) return {nullptr, errors_of(std::move(loaded.diagnostics))};
  const MainOptions& wanted = loaded.config->main;
  if (wanted.spool_directory != running.spool_directory)
    return {nullptr,
            {fmt::format("{}: spool_directory cannot change while postern runs (from {} to {}): restart it, or put the "
                         "old value back",
                         path, running.spool_directory, wanted.spool_directory)}};
  Reload reload{loaded.config, lines_of(loaded.diagnostics)};
  for (const std::string& name : wants_restart(running, wanted))
    reload.messages.push_back(fmt::format("{}: the new value of {} counts from the next start", path, name));
  return reload;
}

}  // namespace postern::config
