#include "appliance/config/load.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "appliance/config/config_testing.h"
#include "appliance/config/macros.h"
#include "policy/acl/run.h"
#include "policy/routing/route.h"
#include "tests/fakes/run_task.h"

namespace postern::config {
namespace {

class Nothing final : public expand::EvalContext {
 public:
  std::string_view variable(expand::VariableId id, std::string&) const override {
    return id == expand::VariableId::primary_hostname ? "host.example.net" : "";
  }
};

constexpr std::string_view kRefusesAll = "c: warning: acl_smtp_rcpt is not set: every recipient is refused\n";

// A configuration of some size, with a bit of everything that is built.
constexpr std::string_view kWhole = R"(
# main
DOMAIN = example.org
primary_hostname = mx.DOMAIN
qualify_domain = DOMAIN
spool_directory = /var/spool/$primary_hostname
log_file_path = /var/log/x/%slog
local_interfaces = <; 127.0.0.1 ; [::1]:1225 ; 192.0.2.1.26
daemon_smtp_ports = 25 : submission
domainlist local_domains = DOMAIN : *.DOMAIN
domainlist relay_to_domains =
hostlist relay_from_hosts = <; 127.0.0.1 ; ::1
hide addresslist_cache bad = spam@junk.example
smtp_accept_max = 1K
smtp_accept_max_per_host = 20
smtp_receive_timeout = 1m30s
no_smtp_enforce_sync
smtp_bare_newline = normalise
smtp_bare_newline_exempt_hosts = 192.0.2.0/24
pipelining_advertise_hosts = !192.0.2.9
message_size_limit = 500K
recipients_max = 100
recipients_max_reject
check_spool_space = 20M
spool_preallocate = 1M
smtp_banner = "$smtp_active_hostname ready\n"
exim_user = mail
acl_smtp_rcpt = check_rcpt
acl_smtp_data = accept
acl_smtp_connect = deny hosts = 198.51.100.0/24

begin acl

check_rcpt:
  deny    senders = +bad
  accept  domains = +local_domains : +relay_to_domains
  accept  hosts = +relay_from_hosts
  deny    message = relay not permitted

begin routers

local:
  driver = accept
  domains = +local_domains
  transport = maildir

smart:
  driver = manualroute
  route_list = * "127.0.0.1::10025 : [192.0.2.77]::26" randomize
  self = send
  transport = remote
  errors_to = bounces@DOMAIN
  no_more

begin transports

remote:
  driver = smtp
  port = submission
  connect_timeout = 30s
  max_rcpt = 50
  interface = 192.0.2.1

maildir:
  driver = appendfile
  directory = /var/mail/$primary_hostname
  maildir_format
  directory_mode = 0750
  delivery_date_add
  headers_add = X-Here: $primary_hostname

begin retry

*.slow.example  timeout   F,1d,1h
*               *         F,2h,15m; G,16h,1h,1.5; F,4d,6h
)";

TEST(Load, ReadsAWholeConfiguration) {
  MemoryLoad memory;
  const LoadResult result = memory.load(kWhole);
  ASSERT_TRUE(result.ok()) << format_diagnostics(result.diagnostics);
  EXPECT_EQ(format_diagnostics(result.diagnostics), "");
  const MainOptions& main = result.config->main;
  EXPECT_EQ(main.primary_hostname, "mx.example.org");
  EXPECT_EQ(main.qualify_domain, "example.org");
  EXPECT_EQ(main.qualify_recipient, "example.org");
  EXPECT_EQ(main.spool_directory, "/var/spool/mx.example.org");
  EXPECT_EQ(main.log_file_path, "/var/log/x/%slog");
  std::string listening;
  for (const SocketAddress& address : main.listen) listening += address.to_string() + " ";
  EXPECT_EQ(listening, "[127.0.0.1]:25 [127.0.0.1]:587 [::1]:1225 [192.0.2.1]:26 ");
  EXPECT_EQ(main.smtp_accept_max, 1024u);
  EXPECT_EQ(main.smtp_accept_max_per_host, 20u);
  EXPECT_EQ(main.smtp_receive_timeout_s, 90);
  EXPECT_FALSE(main.smtp_enforce_sync);
  EXPECT_EQ(main.smtp_bare_newline, BareNewlines::normalise);
  EXPECT_TRUE(main.smtp_bare_newline_exempt_hosts.matches(*IpAddress::parse("192.0.2.5")));
  EXPECT_FALSE(main.pipelining_advertise_hosts.matches(*IpAddress::parse("192.0.2.9")));
  EXPECT_TRUE(main.pipelining_advertise_hosts.matches(*IpAddress::parse("192.0.2.8")));
  EXPECT_TRUE(main.chunking_advertise_hosts.matches(*IpAddress::parse("192.0.2.9")));
  EXPECT_EQ(main.message_size_limit, 500u * 1024);
  EXPECT_EQ(main.recipients_max, 100u);
  EXPECT_TRUE(main.recipients_max_reject);
  EXPECT_EQ(main.check_spool_space, 20u << 20);
  EXPECT_EQ(main.spool_preallocate, 1u << 20);
  EXPECT_EQ(main.exim_user, "mail");
  EXPECT_EQ(main.smtp_banner.source(), "$smtp_active_hostname ready\n");
  EXPECT_EQ(result.config->acls.size(), 1u);
  EXPECT_EQ(result.config->acl_for(acl::Phase::rcpt), result.config->acls.at("check_rcpt").get());
  EXPECT_EQ(result.config->acl_for(acl::Phase::data)->statements.size(), 1u);
  EXPECT_EQ(result.config->acl_for(acl::Phase::connect)->statements[0].steps.size(), 1u);
  EXPECT_EQ(result.config->acl_for(acl::Phase::mail), nullptr);
}

TEST(Load, WarnsOfWhatDeliveriesLackWhereItIsOnlyLookedAt) {
  MemoryLoad memory;
  memory.options.for_use = false;
  const LoadResult result = memory.load("acl_smtp_rcpt = accept\nbegin routers\na:\n  driver = redirect\n  data = x@y\n");
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(format_diagnostics(result.diagnostics),
            "c:3:1: warning: the router \"a\" cannot be used for deliveries: redirections are not built for them yet: write "
            "verify_only, and deliver by another router\n");
}

TEST(Load, KeepsHeadersAndAclVariablesFromDeliveries) {
  MemoryLoad memory;
  const auto said = [&](std::string_view more) {
    return memory.said(
        "acl_smtp_rcpt = accept\nbegin routers\na:\n  driver = accept\n  transport = t\n  condition = $h_x:$acl_m_y\n" +
        std::string(more) + "begin transports\nt:\n  driver = smtp\n  hosts = 192.0.2.1\n");
  };
  EXPECT_EQ(said("  verify_only\n"), "");
  EXPECT_EQ(said(""), "c:6:15: $h_x cannot be used: looking at message headers is not built yet here\n");
}

TEST(Load, GivesRoutersAndTransports) {
  MemoryLoad memory;
  const LoadResult result = memory.load(kWhole);
  ASSERT_TRUE(result.ok());
  const Config& config = *result.config;
  ASSERT_EQ(config.routers.size(), 2u);
  const Nothing context;
  ManualScheduler scheduler;
  const auto local = testing::run_task(
      scheduler, routing::route(config.routers, {"user", "a.example.org", "s@x", context}, {config.local_addresses}));
  EXPECT_EQ(local.transport, "maildir");
  const auto remote = testing::run_task(
      scheduler, routing::route(config.routers, {"user", "other.example", "s@x", context}, {config.local_addresses}));
  EXPECT_EQ(remote.transport, "remote");
  ASSERT_EQ(remote.hosts.size(), 2u);
  EXPECT_EQ(remote.hosts[0].port, 10025);
  EXPECT_EQ(remote.errors_to, "bounces@example.org");

  const auto& smtp = std::get<SmtpTransport>(config.transport("remote")->driver);
  EXPECT_EQ(smtp.port, 587);
  EXPECT_EQ(smtp.connect_timeout_s, 30);
  EXPECT_EQ(smtp.command_timeout_s, 300);
  EXPECT_EQ(smtp.max_rcpt, 50u);
  EXPECT_EQ(smtp.interfaces, std::vector<IpAddress>{*IpAddress::parse("192.0.2.1")});
  EXPECT_EQ(smtp.helo_data.source(), "$primary_hostname");
  const Transport& maildir = *config.transport("maildir");
  EXPECT_EQ(std::get<AppendfileTransport>(maildir.driver).directory, "/var/mail/mx.example.org");
  EXPECT_EQ(std::get<AppendfileTransport>(maildir.driver).directory_mode, 0750u);
  EXPECT_TRUE(maildir.delivery_date_add);
  EXPECT_FALSE(maildir.return_path_add);
  EXPECT_EQ(maildir.headers_add->source(), "X-Here: $primary_hostname");
  EXPECT_EQ(config.transport("none"), nullptr);
}

TEST(Load, GivesWhatSigns) {
  MemoryLoad memory;
  const std::string_view transport = "begin transports\nt:\n  driver = smtp\n  hosts = 192.0.2.1\n";
  const LoadResult result = memory.load(std::string(transport) +
                                        "  dkim_domain = ${lc:${domain:$h_from:}}\n  dkim_selector = s\n"
                                        "  dkim_private_key = ${if exists{/keys/$dkim_domain}{/keys/$dkim_domain}{0}}\n"
                                        "  dkim_canon = simple\n  dkim_hash = sha512\n  dkim_identity = @$dkim_domain\n"
                                        "  dkim_sign_headers = _DKIM_OVERSIGN_HEADERS\n  dkim_strict = true\n"
                                        "  dkim_timestamps = 3600\n");
  ASSERT_TRUE(result.ok()) << format_diagnostics(result.diagnostics);
  const DkimOptions dkim = std::get<SmtpTransport>(result.config->transport("t")->driver).dkim;
  EXPECT_TRUE(dkim.sign());
  EXPECT_EQ(dkim.selector->source(), "s");
  EXPECT_TRUE(dkim.sign_headers->source().starts_with("+From:+Sender:"));
  EXPECT_TRUE(dkim.canon && dkim.hash && dkim.identity && dkim.strict && dkim.timestamps);
  // A domain without a key signs nothing.
  const LoadResult incomplete = memory.load(std::string(transport) + "  dkim_domain = example.com\n  dkim_selector = s\n");
  ASSERT_TRUE(incomplete.ok());
  EXPECT_NE(
      format_diagnostics(incomplete.diagnostics)
          .find("warning: the transport \"t\" signs nothing: besides dkim_domain write dkim_selector and dkim_private_key"),
      std::string::npos);
  EXPECT_FALSE(std::get<SmtpTransport>(incomplete.config->transport("t")->driver).dkim.sign());
}

TEST(Load, GivesLmtpTransports) {
  MemoryLoad memory;
  const LoadResult result = memory.load(
      "begin routers\n"
      "r:\n  driver = accept\n  transport = socket\n"
      "begin transports\n"
      "socket:\n  driver = lmtp\n  socket = /run/$primary_hostname/lmtp\n"
      "batches:\n  driver = lmtp\n  socket = /run/lmtp\n  batch_max = 50\n  timeout = 1m\n  ignore_quota\n  envelope_to_add\n"
      "tcp:\n  driver = smtp\n  protocol = lmtp\n  hosts = 192.0.2.1\n  lmtp_ignore_quota\n"
      "port:\n  driver = smtp\n  port = 2424\n  protocol = lmtp\n  hosts = 192.0.2.1\n"
      "smtp:\n  driver = smtp\n  protocol = smtp\n  hosts = 192.0.2.1\n");
  ASSERT_TRUE(result.ok());
  const auto transport = [&](std::string_view name) { return std::get<SmtpTransport>(result.config->transport(name)->driver); };
  const SmtpTransport socket = transport("socket");
  EXPECT_TRUE(socket.lmtp);
  EXPECT_EQ(socket.socket, "/run/" + result.config->main.primary_hostname + "/lmtp");
  EXPECT_EQ(socket.batch_max, 1u);
  EXPECT_EQ(socket.max_rcpt, 0u);
  EXPECT_EQ(socket.final_timeout_s, 300);
  EXPECT_FALSE(socket.ignore_quota);
  const SmtpTransport batches = transport("batches");
  EXPECT_EQ(batches.batch_max, 50u);
  for (const std::int64_t seconds :
       {batches.connect_timeout_s, batches.command_timeout_s, batches.data_timeout_s, batches.final_timeout_s})
    EXPECT_EQ(seconds, 60);
  EXPECT_TRUE(batches.ignore_quota);
  EXPECT_TRUE(result.config->transport("batches")->envelope_to_add);
  const SmtpTransport tcp = transport("tcp");
  EXPECT_TRUE(tcp.lmtp && tcp.ignore_quota);
  EXPECT_EQ(tcp.port, 24);
  EXPECT_EQ(tcp.batch_max, 0u);
  EXPECT_EQ(tcp.max_rcpt, 100u);
  EXPECT_EQ(transport("port").port, 2424);
  EXPECT_FALSE(transport("smtp").lmtp);
  EXPECT_EQ(transport("smtp").port, 25);
  EXPECT_TRUE(is_built_in_macro("_DRIVER_TRANSPORT_LMTP"));
  EXPECT_TRUE(is_built_in_macro("_OPT_TRANSPORT_LMTP_SOCKET"));
  EXPECT_FALSE(is_built_in_macro("_OPT_TRANSPORT_LMTP_COMMAND"));
}

TEST(Load, AsksTheAclsItBound) {
  MemoryLoad memory;
  const LoadResult result = memory.load(kWhole);
  ASSERT_TRUE(result.ok());
  const Nothing context;
  const auto verdict = [&](std::string_view client, std::string_view sender, std::string_view domain) {
    const acl::AclSubject subject{.variables = context,
                                  .client = *IpAddress::parse(client),
                                  .sender = sender,
                                  .recipient = "u@x",
                                  .local_part = "u",
                                  .domain = domain};
    return acl::run(*result.config->acl_for(acl::Phase::rcpt), subject);
  };
  EXPECT_EQ(verdict("203.0.113.1", "a@b", "sub.example.org").verdict, acl::AclVerdict::accept);
  EXPECT_EQ(verdict("203.0.113.1", "a@b", "other.example").message, "relay not permitted");
  EXPECT_EQ(verdict("::1", "a@b", "other.example").verdict, acl::AclVerdict::accept);
  EXPECT_EQ(verdict("::1", "spam@junk.example", "example.org").verdict, acl::AclVerdict::deny);
}

TEST(Load, HasAGatewaysDefaults) {
  MemoryLoad memory;
  const LoadResult result = memory.load("");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(format_diagnostics(result.diagnostics), kRefusesAll);
  const MainOptions& main = result.config->main;
  EXPECT_EQ(main.primary_hostname, "host.example.net");
  EXPECT_EQ(main.qualify_domain, "host.example.net");
  EXPECT_EQ(main.listen, (std::vector<SocketAddress>{{*IpAddress::parse("::"), 25}, {IpAddress(), 25}}));
  EXPECT_EQ(main.local_addresses.size(), 3u);
  EXPECT_EQ(main.smtp_accept_max, 20'000u);
  EXPECT_EQ(main.smtp_accept_max_per_host, 0u);
  EXPECT_EQ(main.recipients_max, 50'000u);
  EXPECT_EQ(main.message_size_limit, 50u * 1024 * 1024);
  EXPECT_EQ(main.ignore_bounce_errors_after_s, 10 * 7 * 24 * 3600);
  EXPECT_TRUE(main.enhanced_status_advertise_hosts.matches(IpAddress()));
  EXPECT_FALSE(main.host_reject_connection.matches(IpAddress()));
  EXPECT_TRUE(result.config->routers.empty());
  EXPECT_EQ(result.config->acl_for(acl::Phase::rcpt), nullptr);
  std::string out;
  EXPECT_TRUE(expand::evaluate(main.received_header_text, Nothing(), out));
  EXPECT_EQ(out, "Received: by host.example.net (Postern )\n\tid ");
}

TEST(Load, ReadsHowToAskTheDns) {
  MemoryLoad memory;
  const LoadResult result = memory.load(
      "acl_smtp_rcpt = accept\ndns_servers = <; 192.0.2.1 ; [2001:db8::1]:5353\ndns_retrans = 3s\ndns_retry = 4\ndns_use_edns0 "
      "= 0\n"
      "dns_dnssec_ok = 1\ndns_dnssec_trusted = 192.0.2.1 : 192.0.2.2\ndns_again_means_nonexist = *.broken.example\n");
  ASSERT_TRUE(result.ok()) << format_diagnostics(result.diagnostics);
  EXPECT_EQ(format_diagnostics(result.diagnostics), "");
  const MainOptions& main = result.config->main;
  ASSERT_EQ(main.dns_servers.size(), 2u);
  EXPECT_EQ(main.dns_servers[0].to_string(), "[192.0.2.1]:53");
  EXPECT_EQ(main.dns_servers[1].to_string(), "[2001:db8::1]:5353");
  EXPECT_EQ(main.dns_retrans_s, 3);
  EXPECT_EQ(main.dns_retry, 4u);
  EXPECT_FALSE(main.dns_use_edns0);
  EXPECT_TRUE(main.dns_dnssec_ok);
  EXPECT_EQ(main.dns_dnssec_trusted.size(), 2u);
  EXPECT_TRUE(main.dns_again_means_nonexist.matches("a.broken.example"));
  EXPECT_FALSE(main.dns_again_means_nonexist.matches("broken.test"));
}

struct Case {
  std::string_view text;
  std::string_view said;  // all of it
};

// One mistake each; errors hide the warning that no ACL is set.
constexpr Case kMistakes[] = {
    {"smtp_acept_max = 5\n", "c:1:1: unknown main option \"smtp_acept_max\": did you mean \"smtp_accept_max\"?\n"},
    {"dns_servers = ns.example\n",
     "c:1:15: dns_servers: \"ns.example\" is not the address of a server, as in <; 192.0.2.1 ; [2001:db8::1]:5353\n"},
    {"dns_servers = 192.0.2.1 : 192.0.2.2 : 192.0.2.3 : 192.0.2.4\n",
     "c:1:15: dns_servers: 4 servers, and at most 3 are asked\n"},
    {"dns_dnssec_trusted = here\n", "c:1:22: dns_dnssec_trusted: \"here\" is not an IP address\n"},
    {"dns_use_edns0 = 2\n", "c:1:17: dns_use_edns0: it is 0 (off), 1 (on) or -1 (the default)\n"},
    {"\n  zzzzzz = 5\n", "c:2:3: unknown main option \"zzzzzz\"\n"},
    {"no_zzzzzz\n", "c:1:1: unknown main option \"no_zzzzzz\"\n"},
    {"smtp_accept_max\n", "c:1:16: \"=\" and a value are missing behind \"smtp_accept_max\"\n"},
    {"smtp_accept_max 5\n", "c:1:17: \"=\" is expected behind \"smtp_accept_max\", not \"5\"\n"},
    {"smtp_accept_max = five\n", "c:1:19: smtp_accept_max: a number is expected, not \"five\"\n"},
    {"smtp_accept_max = -1\n", "c:1:19: smtp_accept_max: -1 is not between 0 and 4294967295\n"},
    {"no_smtp_accept_max\n", "c:1:1: \"smtp_accept_max\" is not a yes or no option: nothing to negate\n"},
    {"no_smtp_enforce_sync = yes\n", "c:1:24: no_smtp_enforce_sync: a value behind no_ or not_: say one or the other\n"},
    {"smtp_enforce_sync = maybe\n", "c:1:21: smtp_enforce_sync: \"maybe\" is not yes, no, true or false\n"},
    {"smtp_enforce_sync\nno_smtp_enforce_sync\n", "c:2:1: \"smtp_enforce_sync\" is set for the second time\n"},
    {"daemon_smtp_port = 25\ndaemon_smtp_ports = 26\n", "c:2:1: \"daemon_smtp_ports\" is set for the second time\n"},
    {"smtp_receive_timeout = 5\n",
     "c:1:24: smtp_receive_timeout: \"5\" is not a time: write numbers with s, m, h, d or w, as in 1h30m\n"},
    {"message_size_limit = $sender_host_address\n",
     "c:1:22: message_size_limit uses $sender_host_address, which is known only when mail arrives: this is not built yet "
     "here\n"},
    {"smtp_bare_newline = mend\n", "c:1:21: smtp_bare_newline: \"mend\" is neither reject nor normalise\n"},
    {"primary_hostname =\n", "c:1:19: primary_hostname: the name is empty\n"},
    {"primary_hostname = a b\n", "c:1:20: primary_hostname: a name is expected, without blanks, and it is not expanded\n"},
    {"spool_directory = spool\n", "c:1:19: spool_directory: the name must be absolute, beginning with /\n"},
    {"log_file_path = /var/log/mainlog\n",
     "c:1:17: log_file_path: the file name must hold %s once, for \"main\", \"reject\" or \"panic\", and no other %\n"},
    {"log_file_path = /a/%slog : /b/%slog\n", "c:1:17: log_file_path: there can be one file name\n"},
    {"log_selector = +subjekt\n", "c:1:17: log_selector: unknown selector \"subjekt\": did you mean \"subject\"?\n"},
    {"local_interfaces = 127.0.0.1 : ::1\n",
     "c:1:32: local_interfaces: \":1\" cannot be used: it is not an IP address; in a list separated by colons those of an IPv6 "
     "address are doubled, or the list begins with \"<;\" and is separated by semicolons\n"},
    {"daemon_smtp_ports = 25 : mail\n",
     "c:1:26: daemon_smtp_ports: \"mail\" is no port: write a number from 1 to 65535, smtp, smtps, submission or "
     "submissions\n"},
    {"proxy_count_by = host\n", "c:1:18: proxy_count_by: \"host\" is neither client nor proxy\n"},
    {"proxy_protocol_timeout = 0s\n", "c:1:26: proxy_protocol_timeout: it must be between 1s and 5m\n"},
    {"proxy_protocol_timeout = 6m\n", "c:1:26: proxy_protocol_timeout: it must be between 1s and 5m\n"},
    {"queue_only\n",
     "c:1:1: \"queue_only\" cannot be used: holding mail back is not built yet: it would be delivered at once\n"},
    {"acl_smtp_mime = accept\n", "c:1:1: \"acl_smtp_mime\" cannot be used: content scanning is not built yet\n"},
    {"host_reject_connection = +bad\n", "c:1:26: unknown named host list \"+bad\"\n"},
    {"domainlist a = b\ndomainlist a = c\n", "c:2:12: the named list \"a\" was defined before, at c:1:12\n"},
    {"domainlist = b\n", "c:1:12: the name of the list is missing: domainlist NAME = items\n"},
    {"domainlist a b\n", "c:1:14: \"=\" is missing behind \"a\"\n"},
    {"Smtp_banner = x\nB x\n",
     "c:2:1: a line that begins with a capital letter defines a macro: NAME = value (options are in small letters)\n"},
    {".inclde /x\n", "c:1:1: unknown directive \".inclde\": did you mean \".include\"?\n"},
    {"= x\n", "c:1:1: the name of an option is expected, not \"\"\n"},
    {"begin acls\nbegin rooters\n  x = y\n", "c:2:7: unknown section \"rooters\": did you mean \"routers\"?\n"},
    {"begin acl\nbegin acl\n", "c:2:7: the section \"acl\" has begun before: each may stand once\n"},
    {"begin acl\naccept\n", "c:2:1: an ACL begins with its name: acl_check_rcpt:\n"},
    {"begin acl\na:\n acept\n", "c:3:2: unknown ACL verb \"acept\": did you mean \"accept\"?\n"},
    {"begin acl\na: accept\n", "c:2:4: nothing can stand behind the name of an ACL\n"},
    {"begin acl\na:\n accept\na:\n deny\n", "c:4:1: there is another ACL \"a\" at c:2:1\n"},
    {"begin routers\ndriver = accept\n", "c:2:1: a router begins with its name: my_router:\n"},
    {"begin routers\na:\n  more\n",
     "c:2:1: the router \"a\" has no driver: write driver = accept or driver = dnslookup "
     "or driver = manualroute or driver = redirect\n"},
    {"begin routers\na:\n  driver = dnslookup\n", "c:2:1: the router \"a\" has no transport: write transport = NAME\n"},
    {"begin routers\na:\n  driver = iplookup\n",
     "c:3:12: the driver \"iplookup\" of the router \"a\" cannot be used: postern has nothing of this kind\n"},
    {"begin routers\na:\n  driver = redirect\n  verify_only\n",
     "c:2:1: the redirect router \"a\" has no data: write data = addresses, or file = /name\n"},
    {"begin routers\na:\n  driver = redirect\n  verify_only\n  data = x@y\n  file = /x\n  owners = root : "
     "nobody-of-this-name\n",
     "c:2:1: the redirect router \"a\" has both data and file: only one may be set\n"
     "c:7:12: owners: \"nobody-of-this-name\" is neither a number nor a name that this machine knows\n"},
    {"begin routers\na:\n  driver = redirect\n  verify_only\n  file = /x\n  include_directory = /y\n  allow_filter\n",
     "c:6:3: \"include_directory\" cannot be used: where a name leads is not followed from folder to folder: write "
     "forbid_include\n"
     "c:7:3: \"allow_filter\" cannot be used: filters are not built\n"},
    {"begin routers\na:\n  driver = dnslookup\n  transport = t\n  widen_domains = a.ex : -\n  condition = ${acl{x}}\n"
     "begin transports\nt:\n  driver = smtp\n  hosts_require_tls = *\n",
     "c:2:1: the router \"a\" cannot be used for deliveries: TLS, which hosts_require_tls wants, is not built for them yet: "
     "write "
     "verify_only, and deliver by another router\n"
     "c:2:1: the router \"a\" cannot be used for deliveries: \"widen_domains\" is not built for them: write verify_only, and "
     "deliver by "
     "another router\n"
     "c:5:19: widen_domains: \"-\" is no domain\n"
     "c:6:17: ${acl...} cannot be used: there is no ACL to ask where a message is delivered\n"},
    {"begin routers\na:\n  driver = redirect\n  data = x@y\n",
     "c:2:1: the router \"a\" cannot be used for deliveries: redirections are not built for them yet: write verify_only, and "
     "deliver by another router\n"},
    {"begin routers\na:\n  driver = redirect\n  data = x@y\n  verify_only\n  redirect_router = b\n  pass_router = a\n",
     "c:6:21: there is no router \"b\"\n"
     "c:7:17: pass_router: it must be a router behind this one\n"},
    {"begin routers\na:\n  driver = manualroute\n  verify_only\n  route_data = x\n  host_find_failed = frieze\n",
     "c:6:22: host_find_failed: \"frieze\" is none of decline, defer, fail, freeze, ignore, pass: did you mean \"freeze\"?\n"},
    {"begin routers\na:\n  driver = manualrout\n",
     "c:3:12: unknown driver \"manualrout\" of the router \"a\": did you mean \"manualroute\"?\n"},
    {"begin routers\na:\n  driver = accept\n", "c:2:1: the router \"a\" has no transport: write transport = NAME\n"},
    {"begin routers\na:\n  driver = accept\n  transport = remot\nbegin transports\nremote:\n driver = smtp\n hosts = "
     "192.0.2.1\n",
     "c:4:15: there is no transport \"remot\": did you mean \"remote\"?\n"},
    {"begin routers\na:\n  driver = accept\n  transport = t\nbegin transports\nt:\n driver = smtp\n",
     "c:2:1: neither the router \"a\" nor the smtp transport \"t\" names a host\n"},
    {"begin routers\na:\n  driver = manualroute\n  transport = t\nbegin transports\nt:\n driver = smtp\n",
     "c:2:1: the manualroute router \"a\" has no route_list: write route_list = pattern hosts\n"},
    {"begin routers\na:\n  driver = manualroute\n  transport = t\n  route_list = x mail_ex\nbegin transports\nt:\n driver = "
     "smtp\n",
     "c:5:18: route_list: the host \"mail_ex\" cannot be used: it is neither an IP address nor the name of a host\n"},
    {"begin routers\na:\n  driver = accept\n  route_list = x y\n  transport = t\nbegin transports\nt:\n driver = smtp\n hosts "
     "= 192.0.2.1\n",
     "c:4:3: unknown option of the accept router \"route_list\"\n"},
    {"begin routers\na:\n  driver = accept\n  transport = t\n  unseen\n  self = sent\n  condition = yes\nbegin transports\nt:\n"
     "  driver = smtp\n  hosts = 192.0.2.1\n",
     "c:2:1: the router \"a\" cannot be used for deliveries: \"unseen\" is not built for them: write verify_only, and deliver "
     "by "
     "another router\n"
     "c:6:10: self: \"sent\" is none of defer, fail, freeze, pass, send: did you mean \"send\"?\n"},
    {"begin transports\nt:\n  driver = smtp\n  protocol = smtps\n  port = 0\n  hosts = a.b\n  hosts_require_alpn = *\n",
     "c:4:14: protocol: TLS, which smtps needs, is not built yet: write smtp or lmtp\n"
     "c:5:10: port: \"0\" is no port: write a number from 1 to 65535, smtp, smtps, submission, submissions or lmtp\n"
     "c:6:11: hosts: the host \"a.b\" cannot be used: names of hosts are not looked up here: write an IP address, or name the "
     "host in a router\n"
     "c:7:3: \"hosts_require_alpn\" cannot be used: TLS is not built yet: mail would leave in clear\n"},
    {"begin transports\nt:\n  driver = smtp\n  protocol = lmpt\n",
     "c:4:14: protocol: \"lmpt\" is no protocol: write smtp or lmtp\n"},
    {"begin transports\nt:\n  driver = lmtp\n  batch_max = 10\n",
     "c:2:1: the lmtp transport \"t\" has no socket: write socket = /path\n"},
    {"begin transports\nt:\n  driver = lmtp\n  command = /usr/lib/deliver -l\n  batch_id = $domain\n  socket = run/lmtp\n",
     "c:4:3: \"command\" cannot be used: postern runs no programs yet: write socket = /path\n"
     "c:5:3: \"batch_id\" cannot be used: it is not built yet: recipients would share a delivery that are to have one each\n"
     "c:6:12: socket: the path of the socket must be absolute, beginning with /\n"},
    {"begin transports\nt:\n  driver = lmtp\n  socket = /run/$local_part\n  batch_max = 0\n",
     "c:4:12: socket uses $local_part, which is known only when mail arrives: this is not built yet here\n"
     "c:5:15: batch_max: a delivery is to one recipient at least: write 1 or more\n"},
    {"begin transports\nt:\n  driver = lmtp\n  socket = "
     "/long67890/long67890/long67890/long67890/long67890/long67890/long67890/long67890/long67890/long67890/long678\n",
     "c:4:12: socket: the path has 108 bytes, and that of a UNIX socket at most 107\n"},
    {"begin transports\nt:\n  driver = lmtp\n  socket = /run/lmtp\n  port = 24\n",
     "c:5:3: unknown option of the lmtp transport \"port\"\n"},
    {"begin transports\nt:\n  driver = appendfile\n  file = /var/mail/x\n",
     "c:2:1: the appendfile transport \"t\" has no directory: write directory = /name\n"
     "c:2:1: the appendfile transport \"t\" writes maildirs only: write maildir_format\n"
     "c:4:3: \"file\" cannot be used: mailboxes that are one file are not built: use directory with maildir_format\n"},
    {"begin transports\nt:\n  driver = appendfile\n  maildir_format\n  directory = /var/mail/$local_part\n",
     "c:5:15: directory uses $local_part, which is known only when mail arrives: this is not built yet here\n"},
    {"begin transports\nt:\n  driver = pipe\n",
     "c:3:12: the driver \"pipe\" of the transport \"t\" cannot be used: it is not built yet\n"},
    {"begin retry\n* *  F,2h\n",
     "c:2:10: a comma and a time are missing here: a step is F,cutoff,interval or G,cutoff,interval,factor\n"},
    {"begin retry\n*\n", "c:2:2: a retry rule has the form: pattern error steps; * stands for any error\n"},
    {"begin retry\n* timout F,2h,1m\n", "c:2:3: unknown retry error \"timout\": did you mean \"timeout\"?\n"},
    {"begin retry\n* * X,2h,1m\n", "c:2:5: \"X\": a step begins with F, G or H, as in F,2h,15m\n"},
    {"begin retry\n* * G,2h,1m,0.5\n", "c:2:5: times must be longer than 0s, and a factor is at least 1\n"},
    {"begin retry\n* * F,2h,15m G,3h,1h,2\n", "c:2:14: steps are separated by semicolons\n"},
    {"begin rewrite\n*@a b\n", "c:2:1: rewriting of addresses is not built yet\n"},
    {"add_environment = A=b : =c\nkeep_environment = X : ^(\n",
     "c:1:25: add_environment: \"=c\" has no name: write NAME=value\n"
     "c:2:24: keep_environment: regular expression error in \"^(\": missing closing parenthesis at offset 2\n"},
    {".include /nowhere\n", "c:1:10: cannot read /nowhere: open: not found\n"},
};

TEST(Load, SaysWhatIsWrongWhereAndWhatToDo) {
  for (const Case& c : kMistakes) {
    MemoryLoad memory;
    EXPECT_EQ(memory.said(c.text), c.said) << c.text;
    EXPECT_EQ(memory.load(c.text).config, nullptr) << c.text;
  }
}

// What Exim finds only when it gets there. Whoever gets there fails.
constexpr Case kLateMistakes[] = {
    {"smtp_banner = $primary_hostnam ESMTP\nacl_smtp_rcpt = accept\n",
     "c:1:15: unknown variable name \"primary_hostnam\": did you mean \"$primary_hostname\"?\n"},
    {"acl_smtp_rcpt = chek\nbegin acl\ncheck:\n accept\n",
     "c:1:17: acl_smtp_rcpt: there is no ACL \"chek\": did you mean \"check\"?\n"},
    {"acl_smtp_rcpt = ${if eq{a}\n", "c:1:27: missing 2nd string in {} after \"eq\"\n"},
    {"acl_smtp_rcpt = accept\nacl_smtp_data = deny domains = a\n",
     "c:2:22: \"domains\" is not allowed in the ACL for DATA, and acl_smtp_data = deny domains = a makes this one\n"},
    {"acl_smtp_rcpt = accept\nacl_smtp_helo = discard\n",
     "c:2:17: \"discard\" is not allowed in the ACL for EHLO or HELO, and acl_smtp_helo = discard makes this one\n"},
    {"acl_smtp_rcpt = /no/file\n", "c:1:17: cannot read the ACL file /no/file: open: not found\n"},
    {"acl_smtp_rcpt = a\nbegin acl\na:\n accept acl = /no/file\n",
     "c:4:15: cannot read the ACL file /no/file: open: not found\n"},
    {"acl_smtp_rcpt = a\nbegin acl\na:\n accept condition = ${nosuch:x}\n", "c:4:23: unknown expansion operator \"nosuch\"\n"},
    {"acl_smtp_rcpt = a\nbegin acl\na:\n warn set acl_m_x = ${\n accept\n", "c:4:21: letter or digit expected after ${\n"},
};

TEST(Load, ToleratesWhatFailsOnlyWhereItIsUsed) {
  for (const Case& c : kLateMistakes) {
    MemoryLoad memory;
    const LoadResult loaded = memory.load(c.text);
    EXPECT_EQ(format_diagnostics(loaded.diagnostics, LateMistakes::are_errors), c.said) << c.text;
    const std::string said = format_diagnostics(loaded.diagnostics);
    EXPECT_NE(said.find(": warning: "), said.npos) << c.text;
    ASSERT_NE(loaded.config, nullptr) << c.text;
  }
  const auto rcpt = static_cast<std::size_t>(acl::Phase::rcpt);
  EXPECT_TRUE(MemoryLoad().load("acl_smtp_rcpt = chek\n").config->acl_text_of_phase[rcpt].has_value());
  EXPECT_TRUE(MemoryLoad().load("acl_smtp_rcpt = ${if\n").config->acl_text_of_phase[rcpt].has_value());
}

constexpr Case kWarnings[] = {
    {"tls_certificate = /etc/cert\n",
     "c:1:1: warning: \"tls_certificate\" has no effect: TLS is not built yet, and not offered\n"},
    {"delay_warning = 4h:8h\n",
     "c:1:1: warning: \"delay_warning\" has no effect: bounces have a fixed form for now, and delays are not announced\n"},
    {"hosts_proxy = <; 10.0.0.1 ; 2001:db8::/32\nproxy_protocol_timeout = 5s\nproxy_count_by = proxy\n"
     "log_selector = +proxy\n",
     ""},
    {"proxy_required_hosts = 10.0.0.1\n", "c:1:1: warning: \"proxy_required_hosts\" is an old name of \"hosts_proxy\"\n"},
    {"keep_environment =\ntrusted_users = uucp\nno_queue_only\n", ""},
    {"log_selector = +dnssec\n", "c:1:16: warning: log_selector: \"+dnssec\" has no effect: it is not built yet\n"},
    {"log_file_path = syslog : /x/%slog\n", "c:1:1: warning: log_file_path: \"syslog\" has no effect: it is not built yet\n"},
    {"begin authenticators\ndovecot-plain:\n  driver = plaintext\n",
     "c:2:1: warning: the authenticator \"dovecot-plain\" has no effect: SMTP AUTH is not built yet\n"},
    {"smtp_banner = $proxy_host_address$proxy_target_port\n",
     "c:1:15: warning: \"$proxy_host_address\" is an old name of \"$proxy_local_address\"\n"
     "c:1:34: warning: \"$proxy_target_port\" is an old name of \"$proxy_external_port\"\n"},
    {"begin authenticators\nplain:\n  driver = plaintext\n",
     "c:2:1: warning: the authenticator \"plain\" has no effect: SMTP AUTH is not built yet\n"},
    {"hostlist unused = 1.2.3\n",
     "c:1:19: warning: malformed IPv4 address or address mask \"1.2.3\": write all four numbers, and a mask of 0 to 32\n"},
    {"domainlist a = b c\n",
     "c:1:16: warning: the item \"b c\" holds a blank, so nothing will match it: items are separated by colons\n"},
};

TEST(Load, WarnsAboutWhatHasNoEffect) {
  for (const Case& c : kWarnings) {
    MemoryLoad memory;
    EXPECT_EQ(memory.said(c.text), std::string(kRefusesAll) + std::string(c.said)) << c.text;
    EXPECT_NE(memory.load(c.text).config, nullptr) << c.text;
  }
}

TEST(Load, ReportsAllErrorsInTheOrderOfTheFiles) {
  MemoryLoad memory;
  memory.files.put("/inc", "foo = 1\nacl_smtp_rcpt = accept hosts = +xy\n");
  EXPECT_EQ(memory.said("bar = 1\n.include /inc\nsmtp_banner = ${\nbegin acl\na:\n  deny verify = x\n  frob = y\n"),
            "c:1:1: unknown main option \"bar\"\n"
            "c:3:15: warning: letter or digit expected after ${\n"
            "c:6:17: warning: verify: unknown word \"x\"\n"
            "c:7:3: unknown ACL condition or modifier \"frob\"\n"
            "/inc:1:1: unknown main option \"foo\"\n"
            "/inc:2:32: warning: unknown named host list \"+xy\"\n");
}

TEST(Load, KeepsTextsOfAclOptionsThatAreKnownLater) {
  MemoryLoad memory;
  const LoadResult result = memory.load(
      "acl_smtp_rcpt = ${if eq{$interface_port}{25}{a}{accept}}\nacl_smtp_mail = ${if eq{x}{x}{a}}\n"
      "begin acl\na:\n  accept\n");
  ASSERT_TRUE(result.ok()) << format_diagnostics(result.diagnostics);
  EXPECT_EQ(result.config->acl_for(acl::Phase::rcpt), nullptr);
  EXPECT_TRUE(result.config->acl_text_of_phase[static_cast<std::size_t>(acl::Phase::rcpt)].has_value());
  EXPECT_EQ(result.config->acl_for(acl::Phase::mail) != nullptr,
            !result.config->acl_text_of_phase[static_cast<std::size_t>(acl::Phase::mail)].has_value());
}

TEST(Load, FindsAclsThatAclsAskFor) {
  EXPECT_EQ(
      MemoryLoad().said("acl_smtp_rcpt = a\nacl_smtp_connect = a\nbegin acl\na:\n  accept acl = chek x\n  deny acl = check\n"
                        "check:\n  accept recipients = x@y\n  deny acl = $sender_address\n"),
      "c:5:10: warning: acl: there is no ACL \"chek\": did you mean \"check\"?\n"
      "c:8:10: warning: \"recipients\" is not allowed in the ACL for connection, and acl_smtp_connect = check makes this "
      "one\n");
}

TEST(Load, PutsErrorsWhereMacrosAndContinuationsStand) {
  MemoryLoad memory;
  EXPECT_EQ(memory.said("BAD = +x.y\nhost_reject_connection = 192.0.2.1 : \\\n   192.0.2.2 : BAD\n"),
            "c:3:16: unknown named host list \"+x.y\"\n");
}

TEST(Load, ReadsAclsFromFiles) {
  MemoryLoad memory;
  memory.files.put("/acl", "# a file\naccept hosts = 192.0.2.1 : \\\n  192.0.2.2\ndeny message = no\n");
  const LoadResult result = memory.load("acl_smtp_rcpt = /acl\n");
  ASSERT_TRUE(result.ok()) << format_diagnostics(result.diagnostics);
  EXPECT_EQ(result.config->acl_for(acl::Phase::rcpt)->statements.size(), 2u);
  memory.files.put("/acl", "accept\n hosts = +ab\n");
  EXPECT_EQ(memory.said("acl_smtp_rcpt = /acl\n"), "/acl:2:10: warning: unknown named host list \"+ab\"\n");
}

TEST(Load, TakesMacrosFromItsCaller) {
  MemoryLoad memory;
  memory.options.macros = {{"HOST", "from.caller"}};
  const LoadResult result = memory.load("HOST = from.file\nprimary_hostname = HOST\n");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.config->main.primary_hostname, "from.caller");
}

TEST(Load, LeavesOutIpv6WhenTold) {
  MemoryLoad memory;
  const LoadResult result = memory.load("disable_ipv6 = true\n");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.config->main.listen, (std::vector<SocketAddress>{{IpAddress(), 25}}));
}

TEST(Load, SaysThatAFileIsMissing) {
  MemoryLoad memory;
  EXPECT_EQ(format_diagnostics(parse_config("/none", memory.files, memory.host).diagnostics),
            "/none: cannot read /none: open: not found\n");
}

}  // namespace
}  // namespace postern::config
