#include "appliance/bin/expand_scene.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "appliance/config/disk_files.h"
#include "engine/base/clock.h"
#include "engine/base/version.h"

namespace postern::bin {

namespace {

using Id = expand::VariableId;

std::string_view before_at(std::string_view address) noexcept { return address.substr(0, address.rfind('@')); }
std::string_view behind_at(std::string_view address) noexcept {
  const std::size_t at = address.rfind('@');
  return at == address.npos ? std::string_view() : address.substr(at + 1);
}

lookup::Settings lookup_settings(const config::MainOptions& main) {
  return {.redis_servers = main.redis_servers,
          .sqlite_dbfile = main.sqlite_dbfile,
          .sqlite_lock_timeout_ms = main.sqlite_lock_timeout_s * 1000,
          .open_max = main.lookup_open_max};
}

}  // namespace

ExpandScene::ExpandScene(const config::Config& config, const SceneOptions& options)
    : config_(config), options_(options), catalogue_(lookup_settings(config.main)) {}

std::string_view ExpandScene::variable(Id id, std::string& scratch) const {
  switch (id) {
    case Id::primary_hostname:
    case Id::smtp_active_hostname: return config_.main.primary_hostname;
    case Id::qualify_domain: return config_.main.qualify_domain;
    case Id::qualify_recipient: return config_.main.qualify_recipient;
    case Id::spool_directory: return config_.main.spool_directory;
    case Id::version_number:
    case Id::exim_version: return kVersion;
    case Id::sender_host_address: return options_.sender_ip;
    case Id::sender_helo_name: return options_.helo;
    case Id::sender_address:
    case Id::return_path: return options_.sender;
    case Id::sender_address_local_part: return before_at(options_.sender);
    case Id::sender_address_domain: return behind_at(options_.sender);
    case Id::local_part: return before_at(options_.recipient);
    case Id::domain: return behind_at(options_.recipient);
    case Id::tod_epoch: return scratch = std::to_string(SystemClock().wall_now().seconds());
    case Id::tod_full: return scratch = format_rfc5322_time(SystemClock().wall_now());
    case Id::tod_log: return scratch = format_log_time(SystemClock().wall_now());
    default: return {};
  }
}

std::expected<ExpandScene::Lookup, std::string> ExpandScene::find_lookup(std::string_view written) {
  return lookup::find_lookup(catalogue_, written);
}

std::optional<expand::Answer> ExpandScene::lookup_now(const expand::LookupQuestion& question) {
  if (lookups_ == nullptr) return expand::Answer::deferred("lookups cannot be used here");
  return lookup::lookup_now(*lookups_, question, &cache_);
}

Task<expand::Answer> ExpandScene::lookup(expand::LookupQuestion question) {
  co_return co_await lookup::lookup(*lookups_, question, {}, &cache_);
}

std::expected<ExpandScene::List, std::string> ExpandScene::find_list(expand::ListKind, const expand::ConfigText&) {
  return std::unexpected("lists cannot be used here: it is not built yet for this text");
}

std::optional<expand::Answer> ExpandScene::file_now(const expand::FileQuestion& question) {
  using enum expand::FileQuestion::Kind;
  const std::string path(question.path);
  if (question.kind == exists)
    return ::access(path.c_str(), F_OK) == 0 ? expand::Answer::found({}) : expand::Answer::not_found();
  if (question.kind == facts) return expand::Answer::failed("${stat:...} is not built yet");
  config::DiskFiles files;
  Result<std::string> text = files.read(path, question.bytes_max);
  if (text) return expand::Answer::found(std::move(*text));
  const int reason = text.error().os_errno;
  return expand::Answer::failed("failed to open " + path + ": " +
                                (reason != 0 ? std::strerror(reason) : describe(text.error())));
}

}  // namespace postern::bin
