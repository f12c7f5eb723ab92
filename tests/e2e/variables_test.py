#!/usr/bin/env python3
"""Every variable of the table has its value made somewhere: one that loads and is silently empty would change what a policy means.

Each is shown in every place where texts are expanded; those that are empty there are listed here by name, with the reason.
"""
# ctest: smoke timeout=120

import email
import email.policy
import os
import re
import subprocess

from runner import run_tests
from support.case import GatewayTest
from support.gateway import PROGRAM
from support.messages import plain
from support.proxy import v1

TABLE = os.path.join(os.environ["POSTERN_SOURCE_DIR"], "policy/expand/variables.cc")
CHECKS_TEST = os.path.join(os.environ["POSTERN_SOURCE_DIR"], "tests/dialogue/checks_test.py")
with open(TABLE, encoding="utf-8") as _file:
    TEXT = _file.read()
BUILT = sorted(re.findall(r'^    (?:ours|peers|depends|fetched|of_text)\("(\w+)"', TEXT, re.MULTILINE))
OF_TEXT = sorted(re.findall(r'^    of_text\("(\w+)"', TEXT, re.MULTILINE))  # of a message; not for deliveries
IN_DELIVERIES = [name for name in BUILT if name not in OF_TEXT]

# By a host name in the DNS or a list there: tests/dialogue/asking_test.py and tests/differential show them.
BY_DNS = {"csa_status", "dnslist_domain", "dnslist_matched", "dnslist_text", "dnslist_value", "sender_host_name"}
NO_IDENT = {"sender_ident"}  # nobody is asked by RFC 1413
NO_TLS = {"tls_cipher", "tls_in_cipher", "tls_in_cipher_std", "tls_in_ourcert", "tls_in_peercert", "tls_in_peerdn", "tls_in_sni",
          "tls_in_ver", "tls_out_ourcert", "tls_out_peercert", "tls_peerdn", "tls_sni"}
# What the checks of messages found.
OF_CHECKS = {"arc_domains", "arc_oldest_pass", "arc_state", "arc_state_reason", "dcc_header", "dcc_result", "dkim_algo", "dkim_canon_body",
             "dkim_canon_headers", "dkim_copiedheaders", "dkim_cur_signer", "dkim_domain", "dkim_headernames", "dkim_identity",
             "dkim_key_notes", "dkim_selector", "dkim_signers", "dkim_verify_reason", "dkim_verify_status",
             "dmarc_alignment_dkim", "dmarc_alignment_spf", "dmarc_ar_header", "dmarc_domain_policy", "dmarc_status", "dmarc_status_text",
             "dmarc_used_domain", "spf_header_comment", "spf_received", "spf_result", "spf_smtp_comment", "spf_used_domain"}
OF_A_DELIVERY = {"host", "host_address", "router_name", "transport_name"}
OF_ACLS = {f"acl_arg{n}" for n in range(1, 10)} | {
    "acl_verify_message", "address_data", "domain_data", "headers_added", "host_data", "local_part_data", "prvscheck_result",
    "recipient_data", "recipient_verify_failure", "sender_address_data", "sender_data", "sender_rate", "sender_rate_limit",
    "sender_rate_period", "sender_verify_failure"}
OF_A_SESSION = {"proxy_external_address", "proxy_local_address", "smtp_command", "smtp_command_argument", "smtp_notquit_reason"}
# What is not kept with a message for its deliveries, nor told on the command line.
NOT_KEPT = {"connection_id", "interface_address", "received_ip_address", "recipients", "reply_address", "sender_fullhost", "sender_rcvhost",
            "smtp_command_history"}
OF_A_MESSAGE = {"message_body", "message_body_end", "message_headers", "message_headers_raw", "message_exim_id", "message_id", "received_for",
                "received_protocol"}
NUMBERS = {"acl_narg", "body_linecount", "body_zerocount", "dkim_bodylength", "dkim_created", "dkim_expires", "dkim_key_length",
           "dkim_key_nosubdomains", "dkim_key_testing", "host_lookup_deferred", "host_lookup_failed", "host_port", "interface_port",
           "load_average", "max_received_linelength", "message_body_size", "message_linecount", "message_size", "pid", "proxy_external_port",
           "proxy_local_port", "rcpt_count", "rcpt_defer_count", "rcpt_fail_count", "received_count", "received_port", "received_time", "recipients_count",
           "sender_host_port", "tls_bits", "tls_in_bits"}
YES_OR_NO = {"proxy_session", "sender_host_dnssec", "spf_result_guessed"}

MAIN = """\
hosts_proxy = 127.0.0.1
acl_smtp_connect = show
acl_smtp_helo = show
acl_smtp_mail = check_mail
acl_smtp_rcpt = check_rcpt
acl_smtp_predata = show
acl_smtp_data = check_data
acl_smtp_quit = show
acl_smtp_notquit = show
"""
ACL = """\
show:
  warn    acl = tell a b c d e f g h i
  accept
check_mail:
  warn    hosts = net-lsearch;{home}/hosts
  warn    senders = lsearch;{home}/senders
  warn    ratelimit = 0 / 1h / per_cmd / leaky
  warn    !verify = sender
          acl = tell a b c d e f g h i
  accept  acl = tell a b c d e f g h i
check_rcpt:
  warn    domains = lsearch;{home}/domains
  warn    local_parts = lsearch;{home}/locals
  warn    recipients = lsearch;{home}/recipients
  warn    condition = ${if eq{${prvscheck{${prvs{a@b.example}{key}}}{key}}}{a@b.example}}
  warn    add_header = X-Added: yes
  warn    !verify = recipient
          log_message = variable acl_verify_message=<$acl_verify_message>
          acl = tell a b c d e f g h i
  accept  acl = tell a b c d e f g h i
check_data:
  accept  acl = show
tell:
""" + "".join(f"  warn    logwrite = variable {name}=<${name}>\n" for name in BUILT) + "  accept\n"
FILES = {"hosts": "192.0.2.44: h\n", "senders": "sender@example.net: s\n", "domains": "example.org: d\n", "locals": "bad: l\n",
         "recipients": "bad@example.org: r\n"}
ROUTERS = """\
data:
  driver       = redirect
  verify_only
  allow_fail
  address_data = data of $local_part
  data         = :fail: nobody
local:
  driver    = accept
  transport = local_maildir
"""
TRANSPORTS = """\
local_maildir:
  driver         = appendfile
  directory      = {home}/mail/box
  maildir_format
  headers_add    = """ + "".join(f"X-Variable-{name}: <${name}>\\n" for name in IN_DELIVERIES) + "\n"


def without_value(values):
    return {name for name in BUILT if not any(values.get(name, ()))}


class Variables(GatewayTest):
    def setUp(self):
        self.assertGreater(len(BUILT), 70, "the table is not read any more")

    def check_kinds(self, values):
        """Numbers, and what is yes or no, are so before anything has set them: an expansion that counts with them must not fail."""
        for name in NUMBERS:
            self.assertEqual([value for value in values[name] if not re.fullmatch(r"-?\d+", value)], [], name)
        for name in YES_OR_NO:
            self.assertLessEqual(set(values[name]), {"yes", "no"}, name)

    def test_in_a_session(self):
        gateway = self.gateway(MAIN, acl=ACL, routers=ROUTERS, transports=TRANSPORTS, start=False)
        for name, text in FILES.items():
            with open(gateway.path(name), "w", encoding="ascii") as file:
                file.write(text)
        gateway.start()
        for end in ("QUIT", "nothing"):
            with gateway.client(greet=False) as client:
                client.send(v1())
                client.greeting = client.reply()
                client.ehlo("client.example.net")
                client.deliver(plain(), sender="sender@example.net", recipients=["bad@example.org"])
                if end == "QUIT":
                    client.quit()
        gateway.wait_for_log("variable smtp_notquit_reason=<connection-lost>")
        gateway.stop()
        values = {}
        for name, value in re.findall(r"variable (\w+)=<(.*)>$", gateway.log(), re.MULTILINE):
            values.setdefault(name, []).append(value)
        self.assertEqual(without_value(values), BY_DNS | NO_IDENT | NO_TLS | OF_CHECKS - {"dkim_verify_status"} | OF_A_DELIVERY)
        self.check_kinds(values)

    def test_of_checks_are_shown_where_the_checks_are_made(self):
        with open(CHECKS_TEST, encoding="utf-8") as file:
            text = file.read()
        self.assertEqual([name for name in sorted(OF_CHECKS) if not re.search(rf"[\"$]{name}\b", text)], [])

    def test_in_a_delivery(self):
        gateway = self.gateway(transports=TRANSPORTS, routers=ROUTERS)
        with gateway.client(helo="client.example.net") as client:
            client.deliver(plain(), sender="sender@example.net", recipients=["b@example.org"])
        arrived, = gateway.maildir().wait_for(1)
        message = email.message_from_bytes(arrived.bytes, policy=email.policy.compat32)
        values = {name: [message[f"X-Variable-{name}"].strip("<>")] for name in IN_DELIVERIES}
        self.assertEqual(without_value(values) - set(OF_TEXT),
                         BY_DNS | NO_IDENT | NO_TLS | OF_CHECKS | OF_ACLS | OF_A_SESSION | NOT_KEPT | {"host", "host_address"})

    def test_of_a_message_are_refused_in_deliveries(self):
        for name in OF_TEXT:
            for parts in ({"routers": ROUTERS.replace("transport =", f"condition = ${name}\n  transport =")},
                          {"transports": TRANSPORTS.replace("headers_add    = ", f"headers_add    = X: ${name} ")}, {"main": f"smtp_banner = ${name}\n"}):
                gateway = self.gateway(**{"routers": ROUTERS, "transports": TRANSPORTS, **parts}, start=False)
                done = subprocess.run([PROGRAM, "check", "-c", gateway.config_path], capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 78, name)
                self.assertIn(f"${name} cannot be used: the text of a message is known to ACLs alone", done.stdout + done.stderr)

    def test_on_the_command_line(self):
        gateway = self.gateway(start=False)
        text = "".join(f"{name}=<${name}>\n" for name in BUILT)
        done = subprocess.run([PROGRAM, "expand", "-c", gateway.config_path, "--with-sender-ip", "192.0.2.1", "--with-sender", "a@b.example",
                               "--with-recipient", "c@d.example", "--with-helo", "client.example.net", text],
                              capture_output=True, text=True, check=True)
        values = {name: [value] for name, value in re.findall(r"^(\w+)=<(.*)>$", done.stdout, re.MULTILINE)}
        self.assertEqual(without_value(values),
                         BY_DNS | NO_IDENT | NO_TLS | OF_CHECKS | OF_ACLS | OF_A_SESSION | OF_A_DELIVERY | NOT_KEPT | OF_A_MESSAGE)
        self.check_kinds(values)


if __name__ == "__main__":
    run_tests()
