#include "appliance/config/main_setters.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "engine/base/peer_text.h"
#include "net/dns/resolv_conf.h"
#include "policy/lists/list_text.h"
#include "policy/lookup/redis_command.h"

namespace postern::config {

namespace {

// Calls `use` for each item of a list that is expanded when it is read; `use` says false for an item that is none.
template <class Use>
void each_item(const Setting& setting, const OptionReader& reader, std::string_view should_be, Use use) {
  const auto text = reader.expanded(setting);
  if (!text) return;
  lists::ListReader items(text->view());
  std::string item;
  while (items.next(item))
    if (!item.empty() && !use(item))
      return reader.error(setting, fmt::format("\"{}\" is not {}", printable(item, 64), should_be));
}

}  // namespace

void set_bare_newline(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.expanded(setting);
  if (!text) return;
  if (text->view() == "reject") {
    draft.smtp_bare_newline = BareNewlines::reject;
  } else if (text->view() == "normalise" || text->view() == "normalize") {
    draft.smtp_bare_newline = BareNewlines::normalise;
  } else {
    reader.error(setting, fmt::format("\"{}\" is neither reject nor normalise", printable(text->view(), 64)));
  }
}

void set_dns_servers(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  each_item(setting, reader, "the address of a server, as in <; 192.0.2.1 ; [2001:db8::1]:5353", [&](const std::string& item) {
    const auto server = dns::parse_server(item);
    if (server) draft.dns_servers.push_back(*server);
    return server.has_value();
  });
  if (draft.dns_servers.size() > dns::kServersMax)
    reader.error(setting, fmt::format("{} servers, and at most {} are asked", draft.dns_servers.size(), dns::kServersMax));
}

void set_dns_dnssec_trusted(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  each_item(setting, reader, "an IP address", [&](const std::string& item) {
    const auto address = IpAddress::parse(item);
    if (address) draft.dns_dnssec_trusted.push_back(*address);
    return address.has_value();
  });
}

void set_redis_servers(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.text(setting);
  if (!text) return;
  const auto servers = lookup::parse_redis_servers(text->view(), {});
  if (!servers) return reader.error(setting, servers.error());
  draft.redis_servers = std::string(text->view());
}

// A file, a folder, "system", or nothing; it is read when a lookup is found to want it.
void set_redis_tls_verify_certificates(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.text(setting);
  if (!text) return;
  if (!text->view().empty() && text->view() != "system" && !text->view().starts_with('/'))
    return reader.error(setting, "it is \"system\", an absolute name of a file or folder, or empty");
  draft.redis_tls_verify_certificates = std::string(text->view());
}

void set_sqlite_dbfile(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.text(setting);
  if (!text) return;
  if (!text->view().empty() && !text->view().starts_with('/'))
    return reader.error(setting, "the name must be absolute, beginning with /");
  draft.sqlite_dbfile = std::string(text->view());
}

// A list of places; of these, one file name is what there can be.
void set_log_file_path(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.expanded(setting);
  if (!text) return;
  std::string path;
  lists::ListReader items(text->view());
  for (std::string item; items.next(item);) {
    if (item == "syslog") {
      reader.warning(setting, "log_file_path: \"syslog\" has no effect: it is not built yet");
    } else if (!item.empty() && !path.empty()) {
      return reader.error(setting, "there can be one file name");
    } else if (!item.empty()) {
      path = item;
    }
  }
  if (path.empty()) return;
  const std::size_t mark = path.find("%s");
  if (!path.starts_with('/')) return reader.error(setting, "the file name must be absolute, beginning with /");
  if (mark == path.npos || path.find('%', mark + 1) != path.npos || path.find('%') != mark)
    return reader.error(setting, "the file name must hold %s once, for \"main\", \"reject\" or \"panic\", and no other %");
  draft.log_file_path = path;
}

void set_log_format(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.expanded(setting);
  if (!text) return;
  if (text->view() == "exim") {
    draft.log_format = LogFormat::exim;
  } else if (text->view() == "json") {
    draft.log_format = LogFormat::json;
  } else {
    reader.error(setting, fmt::format("\"{}\" is neither exim nor json", printable(text->view(), 64)));
  }
}

void set_log_selector(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  if (const auto text = reader.text(setting)) draft.log_selector.apply(*text, reader.diagnostics());
}

void set_retry_interval_max(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  constexpr std::int64_t kDay = 24 * 3600;
  const auto seconds = reader.seconds(setting);
  if (!seconds) return;
  if (*seconds <= kDay) {
    draft.retry_interval_max_s = *seconds;
  } else {
    reader.error(setting, "it cannot be more than 24h");
  }
}

void set_proxy_count_by(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.text(setting);
  if (!text) return;
  if (text->view() == "client") {
    draft.proxy_count_by = ProxyCount::client;
  } else if (text->view() == "proxy") {
    draft.proxy_count_by = ProxyCount::proxy;
  } else {
    reader.error(setting, fmt::format("\"{}\" is neither client nor proxy", printable(text->view(), 64)));
  }
}

void set_proxy_protocol_timeout(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  constexpr std::int64_t kLongest = 300;
  const auto seconds = reader.seconds(setting);
  if (!seconds) return;
  if (*seconds >= 1 && *seconds <= kLongest) {
    draft.proxy_protocol_timeout_s = *seconds;
  } else {
    reader.error(setting, "it must be between 1s and 5m");
  }
}

}  // namespace postern::config
