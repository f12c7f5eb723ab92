#include "appliance/config/effective.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "appliance/config/config_testing.h"
#include "appliance/config/main_defaults.h"
#include "appliance/config/main_table.h"
#include "appliance/config/reload.h"

namespace postern::config {
namespace {

constexpr std::string_view kWhole = R"(
DOMAIN = example.org
primary_hostname = mx.DOMAIN
domainlist local_domains = DOMAIN : \
   *.DOMAIN
hide domainlist secret_domains = secret.DOMAIN
daemon_smtp_port = 26
no_smtp_enforce_sync
recipients_max_reject
smtp_banner = "$smtp_active_hostname ready\n"
hide mysql_servers = localhost/db/user/password
.ifdef DOMAIN
acl_smtp_rcpt = check
.endif

begin acl

check:
  # a comment
  deny    message = no \
                    way
          domains = !+local_domains
  accept

begin routers

all:
  driver = accept
  no_more
  transport = box

begin transports

box:
  driver = appendfile
  directory = /var/mail/box
  maildir_format

begin retry

*  *  F,1h,10m
)";

std::string effective(std::string_view text, HiddenValues hidden = HiddenValues::shown) {
  MemoryLoad loader;
  loader.options.effective = hidden;
  const LoadResult result = loader.load(text);
  EXPECT_TRUE(result.ok()) << format_diagnostics(result.diagnostics);
  return result.effective;
}

bool has_line(const std::string& text, const std::string& line) { return ("\n" + text).contains("\n" + line + "\n"); }

TEST(Effective, SaysEveryOptionOnce) {
  const std::string text = effective(kWhole);
  for (const char* line : {"primary_hostname = mx.example.org",
                           "qualify_domain = mx.example.org",
                           "domainlist local_domains = example.org : *.example.org",
                           "hide domainlist secret_domains = secret.example.org",
                           "daemon_smtp_ports = 26",
                           "smtp_enforce_sync = no",
                           "recipients_max_reject = yes",
                           "smtp_banner = \"$smtp_active_hostname ready\\n\"",
                           "smtp_accept_max = 20000",
                           "hide mysql_servers = localhost/db/user/password",
                           "acl_smtp_rcpt = check",
                           "acl_smtp_data =",
                           "begin acl",
                           "check:",
                           "  deny    message = no way",
                           "  domains = !+local_domains",
                           "begin routers",
                           "  no_more",
                           "begin retry",
                           "*  *  F,1h,10m"})
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
  EXPECT_FALSE(text.contains("daemon_smtp_port =")) << text;
  EXPECT_FALSE(text.contains("DOMAIN")) << text;
}

TEST(Effective, OfItsOwnOutputIsTheSame) {
  for (const std::string_view text : {kWhole, std::string_view("acl_smtp_rcpt = accept\n"), std::string_view("")}) {
    const std::string once = effective(text);
    EXPECT_EQ(effective(once), once);
  }
}

TEST(Effective, HiddenValuesAreLeftOut) {
  const std::string text = effective(kWhole, HiddenValues::left_out);
  EXPECT_FALSE(text.contains("password")) << text;
  EXPECT_FALSE(text.contains("secret.")) << text;
  EXPECT_TRUE(has_line(text, "# hide mysql_servers = <value not displayable>")) << text;
  EXPECT_EQ(effective(text, HiddenValues::left_out).find("mysql"), std::string::npos);
}

// Whoever builds an option says what it is when it is not set, in main_defaults.cc.
TEST(Effective, EveryOptionThatIsBuiltHasADefault) {
  for (const auto& row : main_table()) {
    const bool depends_on_others =
        row.name == "primary_hostname" || row.name == "qualify_domain" || row.name == "qualify_recipient";
    EXPECT_EQ(default_of(row.name).has_value(), row.status == OptionStatus::built && !depends_on_others) << row.name;
  }
}

// The texts of the defaults and the values that the program has without them are the same.
TEST(Effective, DefaultsAreWhatTheySay) {
  MemoryLoad loader;
  const auto without = loader.load("").config;
  const auto with = loader.load(effective("")).config;
  ASSERT_TRUE(without && with);
  const MainOptions& a = without->main;
  const MainOptions& b = with->main;
  EXPECT_EQ(a.primary_hostname, b.primary_hostname);
  EXPECT_EQ(a.qualify_domain, b.qualify_domain);
  EXPECT_EQ(a.qualify_recipient, b.qualify_recipient);
  EXPECT_EQ(a.spool_directory, b.spool_directory);
  EXPECT_EQ(a.log_file_path, b.log_file_path);
  EXPECT_EQ(a.log_selector, b.log_selector);
  EXPECT_EQ(a.log_format, b.log_format);
  EXPECT_EQ(a.log_timezone, b.log_timezone);
  EXPECT_EQ(a.write_rejectlog, b.write_rejectlog);
  EXPECT_EQ(a.exim_user, b.exim_user);
  EXPECT_EQ(a.exim_group, b.exim_group);
  EXPECT_EQ(a.listen, b.listen);
  EXPECT_EQ(a.local_addresses, b.local_addresses);
  EXPECT_EQ(a.smtp_accept_max, b.smtp_accept_max);
  EXPECT_EQ(a.smtp_accept_max_per_host, b.smtp_accept_max_per_host);
  EXPECT_EQ(a.smtp_accept_max_per_connection, b.smtp_accept_max_per_connection);
  EXPECT_EQ(a.smtp_accept_max_nonmail, b.smtp_accept_max_nonmail);
  EXPECT_EQ(a.smtp_max_synprot_errors, b.smtp_max_synprot_errors);
  EXPECT_EQ(a.smtp_max_unknown_commands, b.smtp_max_unknown_commands);
  EXPECT_EQ(a.smtp_receive_timeout_s, b.smtp_receive_timeout_s);
  EXPECT_EQ(a.smtp_enforce_sync, b.smtp_enforce_sync);
  EXPECT_EQ(a.smtp_bare_newline, b.smtp_bare_newline);
  EXPECT_EQ(a.helo_allow_chars, b.helo_allow_chars);
  EXPECT_EQ(a.message_size_limit, b.message_size_limit);
  EXPECT_EQ(a.recipients_max, b.recipients_max);
  EXPECT_EQ(a.recipients_max_reject, b.recipients_max_reject);
  EXPECT_EQ(a.received_headers_max, b.received_headers_max);
  EXPECT_EQ(a.header_maxsize, b.header_maxsize);
  EXPECT_EQ(a.accept_8bitmime, b.accept_8bitmime);
  EXPECT_EQ(a.allow_domain_literals, b.allow_domain_literals);
  EXPECT_EQ(a.strip_trailing_dot, b.strip_trailing_dot);
  EXPECT_EQ(a.bounce_return_message, b.bounce_return_message);
  EXPECT_EQ(a.proxy_count_by, b.proxy_count_by);
  EXPECT_EQ(a.proxy_protocol_timeout_s, b.proxy_protocol_timeout_s);
  EXPECT_EQ(a.dns_servers, b.dns_servers);
  EXPECT_EQ(a.dns_retrans_s, b.dns_retrans_s);
  EXPECT_EQ(a.dns_retry, b.dns_retry);
  EXPECT_EQ(a.dns_use_edns0, b.dns_use_edns0);
  EXPECT_EQ(a.dns_dnssec_ok, b.dns_dnssec_ok);
  EXPECT_EQ(a.dns_dnssec_trusted, b.dns_dnssec_trusted);
  EXPECT_EQ(a.redis_servers, b.redis_servers);
  EXPECT_EQ(a.sqlite_dbfile, b.sqlite_dbfile);
  EXPECT_EQ(a.sqlite_lock_timeout_s, b.sqlite_lock_timeout_s);
  EXPECT_EQ(a.lookup_open_max, b.lookup_open_max);
  EXPECT_EQ(a.strict_acl_vars, b.strict_acl_vars);
  EXPECT_EQ(a.expand_allow_run, b.expand_allow_run);
  EXPECT_EQ(a.spool_preallocate, b.spool_preallocate);
  EXPECT_EQ(a.check_spool_space, b.check_spool_space);
  EXPECT_EQ(a.ignore_bounce_errors_after_s, b.ignore_bounce_errors_after_s);
  EXPECT_EQ(a.timeout_frozen_after_s, b.timeout_frozen_after_s);
  EXPECT_EQ(a.retry_interval_max_s, b.retry_interval_max_s);
  const IpAddress anybody = *IpAddress::parse("203.0.113.9");
  for (const auto list :
       {&MainOptions::chunking_advertise_hosts, &MainOptions::dsn_advertise_hosts,
        &MainOptions::enhanced_status_advertise_hosts, &MainOptions::limits_advertise_hosts,
        &MainOptions::pipelining_advertise_hosts, &MainOptions::smtputf8_advertise_hosts,
        &MainOptions::smtp_accept_max_nonmail_hosts, &MainOptions::hosts_require_helo, &MainOptions::helo_accept_junk_hosts,
        &MainOptions::host_lookup, &MainOptions::host_reject_connection, &MainOptions::hosts_connection_nolog,
        &MainOptions::hosts_proxy, &MainOptions::recipient_unqualified_hosts, &MainOptions::sender_unqualified_hosts,
        &MainOptions::smtp_bare_newline_exempt_hosts})
    EXPECT_EQ((a.*list).matches(anybody), (b.*list).matches(anybody));
}

TEST(Reload, WhatWantsARestart) {
  MemoryLoad loader;
  const auto running = loader.load("acl_smtp_rcpt = accept\n").config;
  const auto same = loader.load("smtp_banner = x\nlog_selector = +pid\n").config;
  const auto other =
      loader.load("daemon_smtp_ports = 26\nexim_user = mail\nsmtp_accept_max = 3\ncheck_spool_space = 0\n").config;
  ASSERT_TRUE(running && same && other);
  EXPECT_EQ(wants_restart(running->main, same->main), std::vector<std::string>());
  EXPECT_EQ(wants_restart(running->main, other->main),
            (std::vector<std::string>{"local_interfaces and daemon_smtp_ports", "exim_user", "smtp_accept_max",
                                      "check_spool_space"}));
}

}  // namespace
}  // namespace postern::config
