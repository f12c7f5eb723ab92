// Setters for main options that are of no common kind: what each may be, and what is said where it is not.
#pragma once

#include "appliance/config/main_table.h"
#include "appliance/config/option_reader.h"
#include "appliance/config/setting.h"

namespace postern::config {

// Each sets the option whose name it has, or leaves an error with the reader.
void set_bare_newline(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_body_newlines(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_body_visible(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_dmarc_history_file(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_dmarc_tld_file(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_dns_dnssec_trusted(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_dns_servers(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_log_file_path(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_log_format(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_log_selector(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_proxy_count_by(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_proxy_protocol_timeout(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_dccifd_address(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_dccifd_options(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_dkim_verify_hashes(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_dkim_verify_keytypes(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_dkim_verify_min_keysizes(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_dkim_verify_minimal(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_redis_servers(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_redis_tls_verify_certificates(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_retry_interval_max(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_spf_guess(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_spf_smtp_comment_template(MainDraft& draft, const Setting& setting, const OptionReader& reader);
void set_sqlite_dbfile(MainDraft& draft, const Setting& setting, const OptionReader& reader);

}  // namespace postern::config
