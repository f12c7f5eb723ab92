#!/usr/bin/env python3
"""`postern probe`: a dialogue as from any address, through the gateway's own session and ACLs, of which nothing remains."""
# ctest: timeout=120

import os
import re
import subprocess

from runner import run_tests
from support.case import GatewayTest
from support.gateway import PATIENCE, PROGRAM, named_user

ACL = """\
check_connect:
  drop    hosts   = 203.0.113.0/24
          message = go away
  accept
check_helo:
  warn    set acl_c_name = $sender_helo_name
  accept
check_mail:
  deny    senders = *@bad.example
          message = not from $sender_address_domain
  deny    sender_domains = lsearch;{home}/blocked
          message = blocked: ${lookup{$sender_address_domain}lsearch{{home}/blocked}}
  warn    delay = 30s
  accept
acl_check_rcpt:
  accept  hosts = <; 192.0.2.0/28 ; 2001:db8::/32
          endpass
          domains = +relayed
          message = not relayed
  deny    !domains = +local
          message = relay not permitted
          log_message = $acl_c_name wanted $local_part@$domain
  defer   local_parts = later
          message = 450 4.2.1 come back
  require acl = limits $local_part
  accept
limits:
  deny    ratelimit = 1.5 / 1h / per_cmd / strict / $acl_arg1
          message = $sender_rate in an hour
  accept
check_data:
  deny    condition = ${if eq{$h_subject:}{refused}}
          message = subject
  warn    add_header = X-Seen: yes
  accept
check_quit:
  accept  message = 221 see you
"""

MAIN = """\
domainlist local = example.org : *.example.org
domainlist relayed = relayed.example
acl_smtp_connect = check_connect
acl_smtp_helo = check_helo
acl_smtp_mail = check_mail
acl_smtp_data = check_data
acl_smtp_quit = check_quit
"""

MESSAGE = "DATA\nFrom: a@example.net\nTo: b@example.org\nSubject: {subject}\n\ntext\n.dot\n.\n"


class Probe:
    def __init__(self, path, lines, *options, **more):
        text = lines if isinstance(lines, str) else "".join(line + "\n" for line in lines)
        done = subprocess.run([PROGRAM, "probe", "-c", path, *options], input=text.encode(), capture_output=True,
                              timeout=PATIENCE, **more)
        self.status = done.returncode
        self.said = done.stdout.decode()
        self.trace = done.stderr.decode()
        self.codes = [int(line[:3]) for line in self.said.split("\r\n") if re.match(r"\d{3} ", line)]


class ProbeTest(GatewayTest):
    def setUp(self):
        self.idle = self.gateway(MAIN, acl=ACL, start=False)
        self.path = self.idle.config_path
        with open(self.idle.path("blocked"), "w", encoding="ascii") as file:
            file.write("listed.example: spam\n")

    def probe(self, *lines, client="192.0.2.77", options=(), **more):
        done = Probe(self.path, lines, "--from", client, *options, **more)
        self.assertEqual(done.status, 0, done.trace)
        self.assertNotIn("ERROR: AddressSanitizer", done.trace)
        return done


class Dialogue(ProbeTest):
    def test_a_message_that_is_taken(self):
        done = self.probe("EHLO client.example.net", "MAIL FROM:<a@example.net>", "RCPT TO:<b@example.org>",
                          *MESSAGE.format(subject="x").splitlines(), "QUIT")
        self.assertEqual(done.codes, [220, 250, 250, 250, 354, 250, 221])
        self.assertRegex(done.said, r"250 2\.0\.0 OK id=\w{6}-\w{6}-\w\w\r\n")
        self.assertIn("221 2.0.0 see you", done.said)
        self.assertRegex(done.trace, r"(?m)^LOG: main: \w{6}-\w{6}-\w\w <= a@example\.net H=\(client\.example\.net\) \[192\.0\.2\.77\] P=esmtp S=\d+$")
        self.assertFalse(os.path.exists(self.idle.path("spool")))
        self.assertFalse(os.path.exists(self.idle.path("log")))

    def test_it_says_why(self):
        done = self.probe("HELO client.example.net", "MAIL FROM:<a@example.net>", "RCPT TO:<b@elsewhere.example>", "QUIT")
        self.assertEqual(done.codes, [220, 250, 250, 550, 221])
        lines = self.idle.read("postern.conf").splitlines()
        deny = next(n for n, line in enumerate(lines, 1) if "!domains" in line)
        wanted = f"""\
>>> using ACL "acl_check_rcpt" for RCPT
>>> processing "accept" \\({re.escape(self.path)} {deny - 4}\\)
>>>   check hosts = <; 192.0.2.0/28 ; 2001:db8::/32
>>>     "192.0.2.77"? no (end of list)
>>> accept: condition test failed in ACL "acl_check_rcpt"
>>> processing "deny" \\({re.escape(self.path)} {deny}\\)
>>>   check !domains = +local
>>>     "elsewhere.example"? no (end of list), and with ! yes
>>> deny: condition test succeeded in ACL "acl_check_rcpt"
>>>   message = relay not permitted
>>>     "relay not permitted"
>>>   log_message = $acl_c_name wanted $local_part@$domain
>>>     "client.example.net wanted b@elsewhere.example"
>>> end of ACL "acl_check_rcpt": DENY
LOG: main: H=(client.example.net) [192.0.2.77] F=<a@example.net> rejected RCPT <b@elsewhere.example>: client.example.net wanted b@elsewhere.example
"""
        begin = done.trace.index('>>> using ACL "acl_check_rcpt"')
        got = done.trace[begin:begin + len(wanted) + 200]
        for line in wanted.splitlines():
            pattern = line if "processing" in line else re.escape(line)
            self.assertRegex(got, "(?m)^" + pattern + "$", done.trace)

    def test_lists_and_nested_acls(self):
        done = self.probe("HELO x", "MAIL FROM:<a@example.net>", "RCPT TO:<b@sub.example.org>", "RCPT TO:<b@example.org>",
                          "RCPT TO:<b@example.org>", "RCPT TO:<later@example.org>", "QUIT")
        self.assertEqual(done.codes, [220, 250, 250, 250, 550, 550, 450, 221])
        self.assertIn('"sub.example.org"? yes (matched "*.example.org"), and with ! no', done.trace)
        self.assertIn('>>>     processing "deny"', done.trace)
        self.assertIn('>>>     end of ACL "limits": DENY', done.trace)
        self.assertRegex(done.trace, r"ratelimit = 1\.5 / 1h.*\n>>>         \".*\"\? yes \(rate 2\.0 in 1h, limit 1\.5\)")
        self.assertIn('"later"? yes (matched "later")', done.trace)

    def test_who_one_is(self):
        for client, code in [("192.0.2.7", 250), ("192.0.2.7:1234", 250), ("2001:db8::7", 250), ("[2001:db8::7]:99", 250),
                             ("192.0.2.77", 550)]:
            done = self.probe("HELO x", "MAIL FROM:<>", "RCPT TO:<b@relayed.example>", client=client)
            self.assertEqual(done.codes[:4], [220, 250, 250, code], client)
        done = self.probe("EHLO x", client="203.0.113.9")
        self.assertEqual(done.codes, [550])
        self.assertIn('"203.0.113.9"? yes (matched "203.0.113.0/24")', done.trace)
        self.assertRegex(self.probe("HELO x", client="192.0.2.7:1234").said, r"250 gateway\.example\.org Hello x \[192\.0\.2\.7\]")

    def test_accept_with_endpass(self):
        done = self.probe("HELO x", "MAIL FROM:<a@example.net>", "RCPT TO:<b@example.org>", client="192.0.2.7")
        self.assertEqual(done.codes[3], 550)
        self.assertIn('"192.0.2.7"? yes (matched "192.0.2.0/28")', done.trace)
        self.assertIn('end of ACL "acl_check_rcpt": DENY', done.trace)

    def test_lookups(self):
        done = self.probe("HELO x", "MAIL FROM:<a@listed.example>", "MAIL FROM:<a@other.example>", "QUIT")
        self.assertEqual(done.codes, [220, 250, 550, 250, 221])
        self.assertIn("blocked: spam", done.said)
        self.assertIn('"listed.example"? yes (lookup found "spam")', done.trace)
        self.assertIn('"other.example"? no (end of list)', done.trace)

    def test_delays_are_passed_over(self):
        done = self.probe("HELO x", "MAIL FROM:<a@example.net>", "QUIT")
        self.assertEqual(done.codes, [220, 250, 250, 221])
        self.assertIn("delay of 30.000s passed over", done.trace)

    def test_after_the_text(self):
        done = self.probe("HELO x", "MAIL FROM:<a@example.net>", "RCPT TO:<b@example.org>",
                          *MESSAGE.format(subject="refused").splitlines(), "QUIT")
        self.assertEqual(done.codes, [220, 250, 250, 250, 354, 550, 221])
        self.assertIn("rejected after DATA: subject", done.trace)

    def test_ends_of_lines_and_of_input(self):
        for text in ("HELO x\r\nMAIL FROM:<a@bad.example>\r\n", "HELO x\nMAIL FROM:<a@bad.example>"):
            done = Probe(self.path, text, "--from", "192.0.2.77")
            self.assertEqual((done.status, done.codes), (0, [220, 250, 550, 421]), done.trace)
            self.assertIn("not from bad.example", done.said)
        self.assertEqual(Probe(self.path, "", "--from", "192.0.2.77").codes, [220, 421])
        self.assertEqual(Probe(self.path, "HELO " + "x" * 100_000 + "\n", "--from", "192.0.2.77").codes[0], 220)

    def test_commands_for_the_curious(self):
        done = self.probe("NOOP", "FROB", "VRFY <b@example.org>", "RSET", "HELP", "QUIT")
        self.assertEqual(done.codes[:3] + done.codes[-1:], [220, 250, 500, 221])

    def test_what_is_missing(self):
        for arguments, status in [((), 64), (("--from", "nobody"), 64), (("--from", "192.0.2.1:x"), 64), (("--from", "[::1"), 64)]:
            self.assertEqual(Probe(self.path, "", *arguments).status, status, arguments)
        self.idle.write_config("nonsense\n")
        self.assertEqual(Probe(self.path, "", "--from", "192.0.2.1").status, 78)


class Alone(ProbeTest):
    def test_without_privileges(self):
        if os.geteuid() != 0:
            self.skipTest("is without them anyway")
        user = named_user()
        done = self.probe("HELO x", "QUIT", user=user[1], group=user[2], extra_groups=[])
        self.assertEqual(done.codes, [220, 250, 221])

    def test_beside_a_running_gateway(self):
        self.idle.start()
        with self.idle.client(helo="client.example.net") as client:
            done = self.probe("EHLO x", "MAIL FROM:<a@example.net>", "RCPT TO:<b@example.org>",
                              *MESSAGE.format(subject="x").splitlines(), "QUIT")
            self.assertEqual(done.codes, [220, 250, 250, 250, 354, 250, 221])
            client.expect("NOOP", 250)
        self.assertEqual(self.idle.stats()["ingress"]["messages"]["accepted"], 0)

    def test_files_as_input_and_output(self):
        source, result = self.idle.path("in"), self.idle.path("out")
        with open(source, "w", encoding="ascii") as file:
            file.write("HELO x\nQUIT\n")
        with open(source, "rb") as file, open(result, "wb") as out:
            done = subprocess.run([PROGRAM, "probe", "-c", self.path, "--from", "192.0.2.1"], stdin=file, stdout=out,
                                  stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertEqual([line[:3] for line in self.idle.read("out").splitlines()], ["220", "250", "221"])

    def test_nobody_reads_the_replies(self):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([PROGRAM, "probe", "-c", self.path, "--from", "192.0.2.1"], input=b"HELO x\nQUIT\n", stdout=write,
                              stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False)
        os.close(write)
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    run_tests()
