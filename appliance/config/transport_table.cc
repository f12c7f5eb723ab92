#include <array>
#include <string_view>

#include "appliance/config/driver_tables.h"
#include "appliance/config/listen.h"
#include "policy/routing/host_items.h"

namespace postern::config {

namespace {

using Row = OptionDef<TransportDraft>;

constexpr std::size_t kSocketPathMax = 107;  // what the kernel takes

constexpr std::string_view kAuth = "SMTP AUTH is not built yet";
constexpr std::string_view kContent = "deliveries are of whole messages";
constexpr std::string_view kDns = "DNS is not built yet";
constexpr std::string_view kEvents = "events are not built yet";
constexpr std::string_view kFallback = "fallback hosts are not built yet";
constexpr std::string_view kFiles = "mailboxes that are one file are not built: use directory with maildir_format";
constexpr std::string_view kFilter = "postern runs no programs";
constexpr std::string_view kLater = "it is not built yet";
constexpr std::string_view kNotHere = "postern is made differently";
constexpr std::string_view kProxy = "it is not built yet: connections would be made directly";
constexpr std::string_view kQuota = "quotas are not built";
constexpr std::string_view kRewrite = "rewriting is not built";
constexpr std::string_view kSize = "it is not built yet: larger messages would be delivered";
constexpr std::string_view kTls = "TLS is not built yet";
constexpr std::string_view kTlsRequired = "TLS is not built yet: mail would leave in clear";
constexpr std::string_view kPrograms = "postern runs no programs yet: write socket = /path";
constexpr std::string_view kUser = "deliveries run as the user of the delivery process";

void set_driver(TransportDraft&, const Setting&, const OptionReader&) {}  // read before all others

void set_smtp_hosts(TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
  if (const auto text = reader.expanded(setting))
    draft.smtp.hosts = routing::read_hosts(*text, routing::HostNames::refused, "hosts", reader.diagnostics());
}

void set_port(TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.expanded(setting);
  if (!text) return;
  draft.has_port = true;
  if (const auto port = routing::read_port(text->view())) {
    draft.smtp.port = *port;
  } else {
    reader.error(setting,
                 fmt::format("\"{}\" is no port: write a number from 1 to 65535, smtp, smtps, submission, submissions or lmtp",
                             printable(text->view(), 64)));
  }
}

void set_protocol(TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.text(setting);
  if (!text || text->view() == "smtp") return;
  if (text->view() == "lmtp") {
    draft.smtp.lmtp = true;
  } else if (text->view() == "smtps") {
    reader.error(setting, "TLS, which smtps needs, is not built yet: write smtp or lmtp");
  } else {
    reader.error(setting, fmt::format("\"{}\" is no protocol: write smtp or lmtp", printable(text->view(), 64)));
  }
}

void set_interface(TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.expanded(setting);
  if (!text) return;
  for (const Interface& interface : read_interfaces(*text, "interface", reader.diagnostics())) {
    if (interface.port != 0) reader.error(setting, "an address to connect from takes no port");
    draft.smtp.interfaces.push_back(interface.address);
  }
}

// A peer's bytes never name a file: no variable that holds any may stand in it.
void set_directory(TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
  draft.has_directory = true;
  const auto text = reader.expanded(setting);
  if (!text) return;
  if (!text->view().starts_with('/')) return reader.error(setting, "the directory must be absolute, beginning with /");
  draft.appendfile.directory = text->view();
}

// A peer's bytes never name a socket, either.
void set_socket(TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
  draft.has_socket = true;
  const auto text = reader.expanded(setting);
  if (!text) return;
  draft.smtp.socket = text->view();
  if (!text->view().starts_with('/')) reader.error(setting, "the path of the socket must be absolute, beginning with /");
  if (text->view().size() > kSocketPathMax)
    reader.error(setting, fmt::format("the path has {} bytes, and that of a UNIX socket at most {}", text->view().size(),
                                      kSocketPathMax));
}

template <lists::HostList routing::TlsHosts::* Member>
void set_tls_hosts(TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.text(setting);
  if (Member == &routing::TlsHosts::require) draft.smtp.requires_tls = text && !text->empty();
  set_hosts<Member>(draft.smtp.tls, setting, reader);
}

void set_batch_max(TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto count = reader.count(setting);
  if (count && *count == 0) return reader.error(setting, "a delivery is to one recipient at least: write 1 or more");
  if (count) draft.smtp.batch_max = *count;
}

// For options that are harmless while they are empty.
void refuse_text(TransportDraft&, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.text(setting);
  if (text && !text->empty()) reader.error(setting, "only an empty text is built: messages are stored as they are");
}

constexpr Row built(std::string_view name, ValueKind kind,
                    void (*apply)(TransportDraft&, const Setting&, const OptionReader&)) {
  return {name, kind, OptionStatus::built, apply, {}};
}
constexpr Row refused(std::string_view name, std::string_view why, ValueKind kind = ValueKind::text) {
  return {name, kind, OptionStatus::refused, nullptr, why};
}
constexpr Row no_effect(std::string_view name, std::string_view why, ValueKind kind = ValueKind::text) {
  return {name, kind, OptionStatus::no_effect, nullptr, why};
}
constexpr Row irrelevant(std::string_view name, ValueKind kind = ValueKind::text) {
  return {name, kind, OptionStatus::irrelevant, nullptr, kNotHere};
}

constexpr auto kFlag = ValueKind::boolean;
constexpr auto kText = ValueKind::text;
constexpr auto kNumber = ValueKind::integer;
constexpr auto kTime = ValueKind::time;

constexpr auto kGeneric = std::to_array<Row>({
    refused("body_only", kContent, kFlag),
    irrelevant("current_directory"),
    irrelevant("debug_print"),
    built("delivery_date_add", kFlag, set_bool<&Transport::delivery_date_add, TransportDraft>),
    no_effect("disable_logging", kLater, kFlag),
    built("driver", kText, set_driver),
    built("envelope_to_add", kFlag, set_bool<&Transport::envelope_to_add, TransportDraft>),
    no_effect("event_action", kEvents),
    refused("group", kUser),
    built("headers_add", kText, set_program<&Transport::headers_add, TransportDraft>),
    refused("headers_only", kContent, kFlag),
    refused("headers_remove", kLater),
    refused("headers_rewrite", kRewrite),
    irrelevant("home_directory"),
    irrelevant("initgroups", kFlag),
    no_effect("max_parallel", kLater),
    refused("message_size_limit", kSize),
    irrelevant("rcpt_include_affixes", kFlag),
    no_effect("retry_use_local_part", kLater, kFlag),
    refused("return_path", kRewrite),
    built("return_path_add", kFlag, set_bool<&Transport::return_path_add, TransportDraft>),
    irrelevant("shadow_condition"),
    refused("shadow_transport", kLater),
    refused("transport_filter", kFilter),
    irrelevant("transport_filter_timeout", kTime),
    refused("user", kUser),
});

template <auto Member>
void smtp_bool(TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
  set_bool<Member>(draft.smtp, setting, reader);
}
template <auto Member>
void smtp_count(TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
  set_count<Member>(draft.smtp, setting, reader);
}
template <auto Member>
void smtp_seconds(TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
  set_seconds<Member>(draft.smtp, setting, reader);
}

// Header fields may stand in these.
template <auto Member>
void set_dkim(TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
  set_program<Member>(draft.smtp.dkim, setting, reader.that_asks(draft.signing_services));
}

constexpr auto kSmtpPrivate = std::to_array<Row>({
    no_effect("address_retry_include_sender", kLater, kFlag),
    built("allow_localhost", kFlag, smtp_bool<&SmtpTransport::allow_localhost>),
    built("arc_sign", kText, set_dkim<&DkimOptions::arc_sign>),
    no_effect("authenticated_sender", kAuth),
    no_effect("authenticated_sender_force", kAuth, kFlag),
    built("command_timeout", kTime, smtp_seconds<&SmtpTransport::command_timeout_s>),
    built("connect_timeout", kTime, smtp_seconds<&SmtpTransport::connect_timeout_s>),
    built("connection_max_messages", kNumber, smtp_count<&SmtpTransport::connection_max_messages>),
    no_effect("dane_require_tls_ciphers", kTls),
    built("data_timeout", kTime, smtp_seconds<&SmtpTransport::data_timeout_s>),
    no_effect("delay_after_cutoff", kLater, kFlag),
    built("dkim_canon", kText, set_dkim<&DkimOptions::canon>),
    built("dkim_domain", kText, set_dkim<&DkimOptions::domain>),
    built("dkim_hash", kText, set_dkim<&DkimOptions::hash>),
    built("dkim_identity", kText, set_dkim<&DkimOptions::identity>),
    built("dkim_private_key", kText, set_dkim<&DkimOptions::private_key>),
    built("dkim_selector", kText, set_dkim<&DkimOptions::selector>),
    built("dkim_sign_headers", kText, set_dkim<&DkimOptions::sign_headers>),
    built("dkim_strict", kText, set_dkim<&DkimOptions::strict>),
    built("dkim_timestamps", kText, set_dkim<&DkimOptions::timestamps>),
    no_effect("dns_qualify_single", kDns, kFlag),
    no_effect("dns_search_parents", kDns, kFlag),
    no_effect("dnssec_request_domains", kDns),
    no_effect("dnssec_require_domains", kDns),
    no_effect("dscp", kLater),
    refused("fallback_hosts", kFallback),
    built("final_timeout", kTime, smtp_seconds<&SmtpTransport::final_timeout_s>),
    no_effect("gethostbyname", kDns, kFlag),
    built("helo_data", kText,
          [](TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
            set_program<&SmtpTransport::helo_data>(draft.smtp, setting, reader);
          }),
    no_effect("host_name_extract", kTls),
    built("hosts", kText, set_smtp_hosts),
    no_effect("hosts_avoid_esmtp", kLater),
    no_effect("hosts_avoid_pipelining", kLater),
    built("hosts_avoid_tls", kText, set_tls_hosts<&routing::TlsHosts::avoid>),
    no_effect("hosts_max_try", kLater, kNumber),
    no_effect("hosts_max_try_hardlimit", kLater, kNumber),
    no_effect("hosts_nopass_tls", kTls),
    no_effect("hosts_noproxy_tls", kTls),
    built("hosts_override", kFlag, smtp_bool<&SmtpTransport::hosts_override>),
    no_effect("hosts_pipe_connect", kLater),
    built("hosts_randomize", kFlag, smtp_bool<&SmtpTransport::hosts_randomize>),
    no_effect("hosts_request_ocsp", kTls),
    refused("hosts_require_alpn", kTlsRequired),
    refused("hosts_require_auth", kAuth),
    refused("hosts_require_dane", kTlsRequired),
    refused("hosts_require_ocsp", kTlsRequired),
    built("hosts_require_tls", kText, set_tls_hosts<&routing::TlsHosts::require>),
    no_effect("hosts_try_auth", kAuth),
    no_effect("hosts_try_chunking", kLater),
    no_effect("hosts_try_dane", kTls),
    no_effect("hosts_try_fastopen", kLater),
    no_effect("hosts_try_prdr", kLater),
    built("hosts_verify_avoid_tls", kText, set_tls_hosts<&routing::TlsHosts::verify_avoid>),
    built("interface", kText, set_interface),
    irrelevant("keepalive", kFlag),
    built("lmtp_ignore_quota", kFlag, smtp_bool<&SmtpTransport::ignore_quota>),
    built("max_rcpt", kNumber, smtp_count<&SmtpTransport::max_rcpt>),
    no_effect("message_linelength_limit", kLater, kNumber),
    no_effect("multi_domain", kLater, kFlag),
    built("port", kText, set_port),
    built("protocol", kText, set_protocol),
    no_effect("retry_include_ip_address", kLater, kFlag),
    no_effect("serialize_hosts", kLater),
    irrelevant("size_addition", kNumber),
    refused("socks_proxy", kProxy),
    no_effect("tls_alpn", kTls),
    no_effect("tls_certificate", kTls),
    no_effect("tls_crl", kTls),
    no_effect("tls_dh_min_bits", kTls, kNumber),
    no_effect("tls_privatekey", kTls),
    no_effect("tls_require_ciphers", kTls),
    no_effect("tls_resumption_hosts", kTls),
    no_effect("tls_sni", kTls),
    built("tls_tempfail_tryclear", kFlag,
          [](TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
            set_bool<&routing::TlsHosts::try_clear>(draft.smtp.tls, setting, reader);
          }),
    no_effect("tls_try_verify_hosts", kTls),
    no_effect("tls_verify_cert_hostnames", kTls),
    no_effect("tls_verify_certificates", kTls),
    refused("tls_verify_hosts", kTlsRequired),
    no_effect("utf8_downconvert", kLater),
});

constexpr auto kLmtpPrivate = std::to_array<Row>({
    refused("batch_id", "it is not built yet: recipients would share a delivery that are to have one each"),
    built("batch_max", kNumber, set_batch_max),
    refused("command", kPrograms),
    built("ignore_quota", kFlag, smtp_bool<&SmtpTransport::ignore_quota>),
    built("socket", kText, set_socket),
    built("timeout", kTime,
          [](TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
            const auto seconds = reader.seconds(setting);
            SmtpTransport& lmtp = draft.smtp;
            if (seconds)
              lmtp.connect_timeout_s = lmtp.command_timeout_s = lmtp.data_timeout_s = lmtp.final_timeout_s = *seconds;
          }),
});

constexpr auto kAppendfilePrivate = std::to_array<Row>({
    irrelevant("allow_fifo", kFlag),
    irrelevant("allow_symlink", kFlag),
    no_effect("batch_id", kLater),
    no_effect("batch_max", kLater, kNumber),
    irrelevant("check_group", kFlag),
    irrelevant("check_owner", kFlag),
    built("check_string", kText, refuse_text),
    built("create_directory", kFlag,
          [](TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
            set_bool<&AppendfileTransport::create_directory>(draft.appendfile, setting, reader);
          }),
    irrelevant("create_file"),
    built("directory", kText, set_directory),
    irrelevant("directory_file"),
    built("directory_mode", ValueKind::octal,
          [](TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
            set_octal<&AppendfileTransport::directory_mode>(draft.appendfile, setting, reader);
          }),
    built("escape_string", kText, refuse_text),
    refused("file", kFiles),
    irrelevant("file_format"),
    irrelevant("file_must_exist", kFlag),
    irrelevant("lock_fcntl_timeout", kTime),
    irrelevant("lock_flock_timeout", kTime),
    irrelevant("lock_interval", kTime),
    irrelevant("lock_retries", kNumber),
    irrelevant("lockfile_mode", ValueKind::octal),
    irrelevant("lockfile_timeout", kTime),
    irrelevant("mailbox_filecount"),
    irrelevant("mailbox_size"),
    built("maildir_format", kFlag, set_bool<&TransportDraft::maildir_format, TransportDraft>),
    irrelevant("maildir_quota_directory_regex"),
    irrelevant("maildir_retries", kNumber),
    no_effect("maildir_tag", kLater),
    irrelevant("maildir_use_size_file", kFlag),
    no_effect("maildirfolder_create_regex", kLater),
    refused("mailstore_format", kFiles, kFlag),
    irrelevant("mailstore_prefix"),
    irrelevant("mailstore_suffix"),
    refused("mbx_format", kFiles, kFlag),
    built("message_prefix", kText, refuse_text),
    built("message_suffix", kText, refuse_text),
    built("mode", ValueKind::octal,
          [](TransportDraft& draft, const Setting& setting, const OptionReader& reader) {
            set_octal<&AppendfileTransport::mode>(draft.appendfile, setting, reader);
          }),
    irrelevant("mode_fail_narrower", kFlag),
    irrelevant("notify_comsat", kFlag),
    refused("quota", kQuota),
    irrelevant("quota_directory"),
    refused("quota_filecount", kQuota),
    irrelevant("quota_is_inclusive", kFlag),
    irrelevant("quota_size_regex"),
    no_effect("quota_warn_message", kQuota),
    no_effect("quota_warn_threshold", kQuota),
    refused("use_bsmtp", kFiles, kFlag),
    refused("use_crlf", kContent, kFlag),
    irrelevant("use_fcntl_lock", kFlag),
    irrelevant("use_flock_lock", kFlag),
    irrelevant("use_lockfile", kFlag),
    irrelevant("use_mbx_lock", kFlag),
});

constexpr auto kSmtp = merged(kGeneric, kSmtpPrivate);
constexpr auto kLmtp = merged(kGeneric, kLmtpPrivate);
constexpr auto kAppendfile = merged(kGeneric, kAppendfilePrivate);
static_assert(std::ranges::is_sorted(kSmtp, {}, &Row::name));
static_assert(std::ranges::adjacent_find(kSmtp, {}, &Row::name) == kSmtp.end());
static_assert(std::ranges::is_sorted(kLmtp, {}, &Row::name));
static_assert(std::ranges::adjacent_find(kLmtp, {}, &Row::name) == kLmtp.end());
static_assert(std::ranges::is_sorted(kAppendfile, {}, &Row::name));
static_assert(std::ranges::adjacent_find(kAppendfile, {}, &Row::name) == kAppendfile.end());

constexpr auto kDrivers = std::to_array<DriverDef>({
    {"appendfile", {}},
    {"autoreply", "it is not built"},
    {"lmtp", {}},
    {"pipe", "it is not built yet"},
    {"queuefile", "it is not built yet"},
    {"smtp", {}},
});

}  // namespace

std::span<const DriverDef> transport_drivers() noexcept { return kDrivers; }

std::span<const Row> transport_table(std::string_view driver) noexcept {
  if (driver == "smtp") return kSmtp;
  if (driver == "lmtp") return kLmtp;
  if (driver == "appendfile") return kAppendfile;
  return kGeneric;
}

}  // namespace postern::config
