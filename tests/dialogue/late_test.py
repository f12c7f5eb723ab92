#!/usr/bin/env python3
"""What Exim finds only when it gets there: an error for whoever checks the configuration, a warning for who runs it, and a temporary
failure, with a line in the panic log, for the client that gets there."""
# ctest: timeout=120

import re
import subprocess

from runner import run_tests
from support.case import SharedGatewayTest
from support.gateway import PATIENCE, PROGRAM

MAIN = """\
acl_smtp_helo = throw_away
acl_smtp_mail = looks_at_recipients
acl_smtp_data = no_such_acl
acl_smtp_vrfy = ${if eq{a}
acl_smtp_etrn = /no/such/file
"""

ACL = """\
throw_away:
  discard condition = ${if eq{$sender_helo_name}{bad.example}}
  accept
looks_at_recipients:
  accept  senders = good@example.net
  accept  domains = example.org
acl_check_rcpt:
  accept  local_parts = good
  deny    local_parts = message
          message = ${nosuch:x}
  warn    local_parts = variable
          set acl_m_x = ${
  deny    local_parts = nested
          acl = no_such_acl
  accept  condition = ${if eq{a}
"""

TEMPORARY = "451 .*Temporary local problem"


class Late(SharedGatewayTest):
    GATEWAY = {"main": MAIN, "acl": ACL}

    def panics(self, text):
        self.gateway.wait_for_log(re.escape(text), name="panic")

    def begun(self):
        client = self.client(helo="client.example.net")
        client.expect("MAIL FROM:<good@example.net>", 250)
        return client

    def expect_temporary(self, reply, log):
        self.assertEqual(reply.code, 451, reply)
        self.assertIn("Temporary local problem - please try later", reply.text)
        self.gateway.wait_for_log(log)

    def test_checking_finds_all(self):
        done = subprocess.run([PROGRAM, "check", "-c", self.gateway.config_path], capture_output=True, text=True, timeout=PATIENCE,
                              check=False)
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 9, done.stderr)
        self.assertNotIn("warning", done.stderr)
        warned = self.gateway.stderr()
        for line in done.stderr.splitlines():
            place, text = re.fullmatch(r"(\S+:\d+:\d+): (.*)", line).groups()
            self.assertIn(f"{place}: warning: {text}\n", warned)

    def test_an_acl_that_is_not_there(self):
        client = self.begun()
        client.expect("RCPT TO:<good@example.org>", 250)
        client.expect("DATA", 354)
        client.send(b"Subject: x\r\n\r\n.\r\n")
        self.expect_temporary(client.reply(), r"temporarily rejected after DATA: unknown ACL verb \"no_such_acl\"")
        self.panics('acl_smtp_data: unknown ACL verb "no_such_acl"')

    def test_a_nested_acl_that_is_not_there(self):
        self.expect_temporary(self.begun().command("RCPT TO:<nested@example.org>"),
                              r'temporarily rejected RCPT <nested@example\.org>: unknown ACL verb "no_such_acl"')
        self.panics('unknown ACL verb "no_such_acl"')

    def test_texts_that_cannot_be_read(self):
        client = self.begun()
        self.expect_temporary(client.command("RCPT TO:<anybody@example.org>"),
                              r'rejected RCPT <anybody@example\.org>: failed to expand ACL string "\$\{if eq\{a\}": missing 2nd string')
        self.expect_temporary(client.command("RCPT TO:<variable@example.org>"),
                              r'rejected RCPT <variable@example\.org>: failed to expand ACL string "\$\{"')
        self.panics('failed to expand ACL string "${if eq{a}": missing 2nd string in {} after "eq"')
        self.expect_temporary(client.command("VRFY <good@example.org>"), r"rejected VRFY good@example\.org.*: missing 2nd string|"
                              r"rejected VRFY <good@example\.org>: missing 2nd string")

    def test_a_message_that_cannot_be_read_is_left_out(self):
        reply = self.begun().command("RCPT TO:<message@example.org>")
        self.assert_reply(reply, 550, "Administrative prohibition")
        self.panics('failed to expand ACL message "${nosuch:x}": unknown expansion operator "nosuch"')

    def test_words_out_of_phase(self):
        client = self.client()
        self.expect_temporary(client.command("HELO bad.example"), r"temporarily rejected EHLO or HELO bad\.example")
        self.panics('"discard" verb not allowed in EHLO or HELO ACL')
        client.expect("HELO client.example.net", 250)
        self.expect_temporary(client.command("MAIL FROM:<other@example.net>"),
                              r"temporarily rejected MAIL <other@example\.net>: cannot test domains condition in MAIL ACL")
        self.panics("cannot test domains condition in MAIL ACL")

    def test_a_file_that_is_not_there(self):
        self.expect_temporary(self.client(helo="client.example.net").command("ETRN #x"), r'rejected ETRN #x.*failed to open ACL file "/no/such/file"')


if __name__ == "__main__":
    run_tests()
