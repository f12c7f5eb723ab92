#!/usr/bin/env python3
"""The logs in Exim's form, as its own tools read them, and the figures of `postern stats`."""
# ctest: timeout=180

import json
import os
import re
import subprocess
import unittest

from runner import run_tests
from support.case import GatewayTest, SharedGatewayTest
from support.gateway import PROGRAM, ROOT, until
from support.hop import Hop, TRANSPORTS, routers
from support.load import Load
from support.messages import of_size, plain

DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
ID = r"\w{6}-\w{6}-\w{2}"
FROM = r"H=\(client\.example\.net\) \[127\.0\.0\.1\]"

ACL = """\
acl_check_rcpt:
  deny    message = relay not permitted
          domains = relay.example
  defer   message = come back later
          domains = defer.example
  drop    message = go away
          domains = drop.example
  accept
"""


def tool(name):
    """A program of Exim's package, where tests/peers/fetch has unpacked it."""
    path = os.path.join(os.environ.get("POSTERN_PEERS", os.path.join(ROOT, "build/peers")), "exim4-base/usr/sbin", name)
    if not os.path.exists(path):
        raise unittest.SkipTest(f"no {name}: run tests/peers/fetch exim4-base")
    return path


class Lines(SharedGatewayTest):
    GATEWAY = {"acl": ACL, "main": "log_selector = +smtp_syntax_error +smtp_connection\n"}

    def session(self, *commands):
        with self.client(helo="client.example.net") as client:
            return [client.command(command) for command in commands]

    def wait(self, pattern, name="main", count=1):
        return self.gateway.wait_for_log(pattern, name=name, count=count)

    def test_arrival_and_delivery(self):
        with self.client(helo="client.example.net") as client:
            one = client.deliver(plain("one"))
            two = client.deliver(b"no message id\r\n", sender="", bdat=True)
            client.quit()
        with self.client() as client:
            client.expect("HELO client.example.net", 250)
            three = client.deliver(plain("three"))
        self.wait(rf"^{DATE} {one} <= sender@example\.net {FROM} P=esmtp S=\d+ id=[0-9a-f]{{8}}@example\.net$")
        self.wait(rf"^{DATE} {two} <= <> {FROM} P=esmtp K S=\d+$")
        self.wait(rf"^{DATE} {three} <= sender@example\.net {FROM} P=smtp S=\d+ id=[0-9a-f]{{8}}@example\.net$")
        for message in (one, two, three):
            self.wait(rf"^{DATE} {message} => box <box@example\.org> R=mailbox T=local_maildir$")
            self.wait(rf"^{DATE} {message} Completed$")
        # S= is the size of what was stored, the added field included.
        size = int(re.search(r"S=(\d+)", self.wait(f"{one} <=")[0]).group(1))
        arrived = self.gateway.maildir().by_id()[one][0]
        self.assertEqual(size, len(arrived.bytes.replace(b"\n", b"\r\n")))

    def test_refusals_stand_in_both_logs(self):
        self.session("MAIL FROM:<a@example.net>", "RCPT TO:<b@relay.example>", "RCPT TO:<b@defer.example>", "RCPT TO:<b@drop.example>")
        for pattern in [rf"^{DATE} {FROM} F=<a@example\.net> rejected RCPT <b@relay\.example>: relay not permitted$",
                        rf"^{DATE} {FROM} F=<a@example\.net> temporarily rejected RCPT <b@defer\.example>: come back later$",
                        rf"^{DATE} {FROM} F=<a@example\.net> rejected RCPT <b@drop\.example>: go away$"]:
            for name in ("main", "reject"):
                self.assertEqual(len(self.wait(pattern, name)), 1)
        self.wait(rf"^{DATE} SMTP connection from \(client\.example\.net\) \[127\.0\.0\.1\] closed by DROP in ACL$")

    def test_trouble_with_the_protocol(self):
        self.session("FROB")
        self.wait(rf'^{DATE} SMTP syntax error in "FROB" {FROM} unrecognized command$')
        with self.client() as client:
            client.command("EHLO (odd)")
        self.wait(rf"^{DATE} rejected EHLO from \[127\.0\.0\.1\]: syntactically invalid argument\(s\): \(odd\)$", "reject")
        with self.client() as client:
            client.command("MAIL FROM:<a@example.net>")
        self.wait(rf"^{DATE} rejected MAIL from \[127\.0\.0\.1\]: no HELO/EHLO given$", "reject")
        self.wait(rf"^{DATE} SMTP connection from \[127\.0\.0\.1\] lost D=\d+s$")
        self.session("MAIL FROM:<a@example.net>")
        self.wait(rf"^{DATE} unexpected disconnection while reading SMTP command from \(client\.example\.net\) \[127\.0\.0\.1\] D=\d+s$")

    def test_every_line_has_its_date(self):
        self.session("MAIL FROM:<a@example.net>", "RCPT TO:<other@relay.example>")
        self.wait("other@relay.example", "reject")
        for name in ("main", "reject"):
            for line in self.gateway.log(name).splitlines():
                self.assertRegex(line, rf"^{DATE} \S")

    def test_the_panic_log_is_silent(self):
        self.assertEqual(self.gateway.log("panic"), "")


class Rotation(GatewayTest):
    def test_a_log_that_was_renamed_is_begun_again(self):
        gateway = self.gateway(acl=ACL)

        def some():
            with gateway.client(helo="client.example.net") as client:
                message = client.deliver(plain())
                client.command("MAIL FROM:<a@example.net>")
                client.command("RCPT TO:<b@relay.example>")
                return message
        first = some()
        gateway.wait_for_log(f"{first} Completed")
        gateway.wait_for_log("rejected RCPT", name="reject")
        for name in ("main", "reject"):
            os.rename(gateway.path("log", name + "log"), gateway.path("log", name + "log.1"))
        messages = []

        def new_ones():
            messages.append(some())
            return gateway.log() and gateway.log("reject")
        until(new_ones, what="new log files")
        last = some()
        gateway.wait_for_log(f"{last} Completed")
        whole = gateway.read("log", "mainlog.1") + gateway.log()
        for message in [first, *messages, last]:
            gateway_lines = [line for line in whole.splitlines() if message in line]
            self.assertEqual(len(gateway_lines), 3, "a line was lost or doubled in the rotation: " + "\n".join(gateway_lines))

    def test_a_name_of_ones_own(self):
        gateway = self.gateway("log_file_path = {home}/elsewhere/deep/gateway-%s.txt\n")
        with gateway.client(helo="client.example.net") as client:
            message = client.deliver(plain())
        until(lambda: f"{message} Completed" in gateway.read("elsewhere/deep/gateway-main.txt"), what="the log")


class Order(GatewayTest):
    def test_arrival_stands_first(self):
        """Log tools read from top to bottom: what became of a message stands behind its arrival, Completed behind all."""
        gateway = self.gateway(mail_in="/dev/shm")
        load = Load(gateway, clients=4, sizes=(0, 200)).start()
        until(lambda: len(load.accepted) > 500, what="500 messages")
        load.stop()
        gateway.wait_for_log(" Completed$", count=len(load.accepted))
        marks = {}
        for line in gateway.log().splitlines():
            words = line.split()
            if words[3] in ("<=", "=>", "Completed"):
                marks.setdefault(words[2], []).append(words[3])
        wrong = [message for message, seen in marks.items() if seen != ["<=", "=>", "Completed"]]
        self.measured(f"{len(wrong)} of {len(marks)} messages have their lines in another order")
        self.assertEqual(wrong[:10], [])


class Selectors(GatewayTest):
    HOST = r"\(client\.example\.net\) \[127\.0\.0\.1\]:\d+ I=\[[0-9.]+\]:\d+"

    def test_everything(self):
        gateway = self.gateway("log_selector = +all\nlog_timezone\n", acl=ACL + "acl_check_data:\n  deny message = no\n        senders = bad@example.net\n"
                               "  accept\n")
        date = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [+-]\d{4} \[\d+\]"
        with gateway.client(helo="client.example.net") as client:
            one = client.deliver(plain("one"), recipients=["a@example.org", "b@example.org"])
            client.expect("MAIL FROM:<c@example.net>", 250)
            client.expect("QUIT", 221)
        with gateway.client(helo="client.example.net") as client:
            client.expect("NOOP", 250)
        time = r"\d+\.\d{3}s"
        for pattern in [
                rf"^{date} SMTP connection from \[127\.0\.0\.1\]:\d+ I=\[[0-9.]+\]:\d+ Ci=\S+ \(TCP/IP connection count = 1\)$",
                rf"^{date} {one} <= sender@example\.net H={self.HOST} Ci=\S+ P=esmtp L-? S=\d+ M8S=0 RT={time} id=\S+ T=\"one\""
                r" from <sender@example\.net> for a@example\.org b@example\.org$",
                rf"^{date} {one} => a <a@example\.org> F=<sender@example\.net> P=<sender@example\.net> R=mailbox T=local_maildir S=\d+ QT={time} DT={time}$",
                rf"^{date} {one} Completed QT={time}$",
                rf"^{date} H={self.HOST} incomplete transaction \(QUIT\) from <c@example\.net>$",
                rf"^{date} SMTP connection from {self.HOST} closed by QUIT$",
                rf"^{date} SMTP connection from {self.HOST} lost D={time}$",
                rf"^{date} no MAIL in SMTP connection from {self.HOST} D={time} C=EHLO,NOOP$"]:
            gateway.wait_for_log(pattern)

    def test_the_header_of_a_refused_message(self):
        gateway = self.gateway("acl_smtp_data = acl_check_data\n", acl=ACL + "acl_check_data:\n  deny message = no\n")
        with gateway.client(helo="client.example.net") as client:
            client.envelope("a@example.net", ["b@example.org"])
            client.data(b"Subject: forged\r\n2026-01-01 00:00:00 not ours\r\nTo: x\r\n\r\nbody\r\n")
        gateway.wait_for_log("rejected after DATA: no", name="reject")
        text = gateway.log("reject")
        self.assertRegex(text, r"(?m)^Envelope-from: <a@example\.net>\nEnvelope-to: <b@example\.org>\nP Received: from (?:.*\n\t)*.*\n  Subject: forged\n")
        self.assertRegex(text, r"(?m)^T To: x$")
        self.assertNotRegex(text, r"(?m)^2026-01-01")
        self.assertNotIn("Subject", gateway.log())

    def test_what_is_turned_off_is_silent(self):
        gateway = self.gateway("log_selector = -all\nwrite_rejectlog = no\nhosts_connection_nolog = *\n", acl=ACL)
        with gateway.client(helo="client.example.net") as client:
            one = client.deliver(plain("one"))
            client.command("FROB")
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<b@relay.example>", 550)
        gateway.wait_for_log(f"{one} Completed")
        gateway.wait_for_log("rejected RCPT")
        lines = [line[20:] for line in gateway.log().splitlines()]
        self.assertEqual(len(lines), 4, lines)
        self.assertRegex(lines[0], rf"^{one} <= sender@example\.net {FROM} P=esmtp S=\d+$")
        self.assertEqual(gateway.log("reject"), "")


class Json(GatewayTest):
    def test_each_line_is_an_object(self):
        gateway = self.gateway("log_format = json\nlog_selector = +received_recipients +subject\n", acl=ACL)
        with gateway.client(helo="client.example.net") as client:
            one = client.deliver(plain('one" F=<forged@example.com> \\'))
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<b@relay.example>", 550)
        until(lambda: f"{one} Completed" in gateway.log(), what="Completed")
        until(lambda: "rejected RCPT" in gateway.log("reject"), what="the refusal")
        events = [json.loads(line) for line in gateway.log().splitlines()]
        arrival, = (event for event in events if event.get("event") == "arrival")
        delivered, = (event for event in events if event.get("event") == "delivered")
        self.assertEqual([event["id"] for event in events if event.get("event") == "completed"], [one])
        self.assertEqual((arrival["id"], arrival["sender"], arrival["host_address"], arrival["protocol"], arrival["recipients"]),
                         (one, "sender@example.net", "127.0.0.1", "esmtp", "box@example.org"))
        self.assertEqual(arrival["subject"], r"one\" F=<forged@example.com> \\")
        self.assertEqual((delivered["process"], delivered["recipient"], delivered["router"], delivered["transport"]),
                         ("delivery", "box@example.org", "mailbox", "local_maildir"))
        for event in events:
            self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d$")
        refused, = (json.loads(line) for line in gateway.log("reject").splitlines())
        self.assertEqual((refused["log"], refused["event"], refused["reason"]), ("reject", "rejected", "relay not permitted"))


class Tools(GatewayTest):
    MAIN = ""

    def mixed(self):
        """A log with something of everything."""
        self.hop = Hop(rcpt=lambda address: "550 5.1.1 nobody" if address.startswith("bad") else
                       "451 4.7.1 later" if address.startswith("later") else None).start()
        self.addCleanup(self.hop.stop)
        gateway = self.gateway(self.MAIN, acl=ACL, retry="* * F,1h,30m\n", transports=TRANSPORTS + """\
local_maildir:
  driver = appendfile
  directory = {home}/mail/box
  maildir_format
""", routers=routers(self.hop, domains="remote.example") + "mailbox:\n  driver = accept\n  transport = local_maildir\n")
        with gateway.client(helo="client.example.net") as client:
            done = [client.deliver(plain(), recipients=["a@remote.example", "b@remote.example"]), client.deliver(plain())]
            failed = client.deliver(plain(), recipients=["bad@remote.example"])
            deferred = client.deliver(plain(), recipients=["later@remote.example"])
            client.command("MAIL FROM:<a@example.net>")
            client.command("RCPT TO:<b@relay.example>")
        for message in [*done, failed]:
            gateway.wait_for_log(f"{message} Completed")
        gateway.wait_for_log(f"{deferred} == ")
        gateway.wait_for_log(" Completed", count=4)  # the bounce
        return gateway, done, failed, deferred

    def test_eximstats(self):
        program = tool("eximstats")
        gateway, *_ = self.mixed()
        done = subprocess.run(["perl", program, gateway.path("log", "mainlog")], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("Use of uninitialized", done.stderr)
        self.assertRegex(done.stdout, r"(?m)^  Received\s+\d+\s+5\s", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^  Delivered\s+\d+\s+3\s+4\s", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^  Rejects\s+1", done.stdout)
        self.assertRegex(done.stdout, r"remote_smtp\s+\d+\s+1\n")
        self.assertIn("Errors encountered: 1", done.stdout)

    def test_exigrep(self):
        program = tool("exigrep")
        gateway, done, failed, deferred = self.mixed()
        for pattern, message, lines in [("a@remote\\.example", done[0], 4), ("bad@remote\\.example", failed, 3), ("later@remote\\.example", deferred, 2)]:
            found = subprocess.run(["perl", program, pattern, gateway.path("log", "mainlog")], capture_output=True, text=True, timeout=60)
            self.assertEqual(found.returncode, 0, found.stderr)
            self.assertEqual(len(re.findall(rf"(?m)^{DATE}\S*(?: \[\d+\])? {message} ", found.stdout)), lines, found.stdout)


class ToolsWithEverything(Tools):
    """They understand what log_selector adds, too."""

    MAIN = "log_selector = +all\n"


class Figures(GatewayTest):
    def test_everything_is_counted(self):
        gateway = self.gateway("message_size_limit = 100K\nsmtp_accept_max_per_host = 3\nrecipients_max = 2\n", acl=ACL)
        figures = gateway.stats()
        self.assertEqual(figures["ingress"]["connections"]["accepted"], 0)
        for name in ("too_many_connections", "too_many_from_host", "proxy_header", "policy_connect", "policy_helo", "policy_mail", "policy_rcpt",
                     "policy_data", "helo_syntax", "synchronization", "syntax", "too_many_errors", "unqualified", "too_many_recipients",
                     "too_many_messages", "message_too_large", "bare_newline", "mail_loop", "low_space", "storage"):
            self.assertEqual(figures["ingress"]["refused"][name], 0, name)

        with gateway.client(helo="client.example.net") as client:
            for _ in range(3):
                client.deliver(of_size(10_000))
            client.expect("RSET", 250)
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<b@relay.example>", 550)
            client.expect("RCPT TO:<b@defer.example>", 451)
            client.expect("RCPT TO:<b@example.org>", 452)
            client.expect("RSET", 250)
            client.expect("MAIL FROM:<a@example.net> SIZE=200000", 552)
            client.envelope("a@example.net", ["b@example.org"])
            self.assert_reply(client.data(b"a\nb\r\n"), 550)
            client.expect("MAIL FROM:<a>", 501)
            client.expect("FROB", 500)
            others = [gateway.client(), gateway.client()]
            self.assertTrue(gateway.client(greet=False).line().startswith(b"421 "))
            self.assertEqual(gateway.stats()["ingress"]["connections"]["open"], 3)
            for other in others:
                other.quit()
            client.quit()
        until(lambda: gateway.stats()["ingress"]["connections"]["open"] == 0, what="the end of all connections")
        gateway.maildir().wait_for(3)
        until(lambda: gateway.stats()["delivery"]["messages"]["completed"] == 3, what="completion")

        ingress, delivery = gateway.stats()["ingress"], gateway.stats()["delivery"]
        self.assertEqual(ingress["connections"]["accepted"], 4)
        self.assertEqual(ingress["connections"]["lost"], 0)
        self.assertEqual(ingress["messages"]["accepted"], 3)
        self.assertEqual(ingress["messages"]["recipients"], 3)
        self.assertEqual(ingress["messages"]["bytes"], 30_000)
        refused = {name: count for name, count in ingress["refused"].items() if count}
        self.assertEqual(refused, {"policy_rcpt": 2, "too_many_recipients": 1, "message_too_large": 1, "bare_newline": 1, "unqualified": 1,
                                   "syntax": 1, "too_many_from_host": 1})
        self.assertEqual(ingress["commit_us"]["count"], 3)
        self.assertGreater(ingress["commit_us"]["p99"], 0)
        self.assertLessEqual(ingress["commit_us"]["p50"], ingress["commit_us"]["p99"])
        self.assertFalse(ingress["low_space"])
        self.assertEqual(ingress["log"]["dropped"], 0)
        self.assertEqual(delivery["queue"]["messages"], 0)
        self.assertEqual(delivery["queue"]["oldest_age_s"], 0)
        self.assertEqual(delivery["recipients"]["delivered"], 3)
        self.measured(f"commit latency in microseconds: {ingress['commit_us']}")

    def test_plain_text_and_nobody_there(self):
        gateway = self.gateway()
        done = subprocess.run([PROGRAM, "stats", "-c", gateway.config_path], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"(?m)^ingress\.messages\.accepted +0$")
        gateway.stop()
        done = subprocess.run([PROGRAM, "stats", "--json", "-c", gateway.config_path], capture_output=True, text=True)
        self.assertEqual(done.returncode, 69)
        self.assertIn("no figures of ingress", done.stderr)

    def test_a_half_that_is_away(self):
        """The figures of the other half are there all the same."""
        gateway = self.gateway(command="ingress")
        figures = gateway.stats()
        self.assertIsNone(figures["delivery"])
        self.assertEqual(figures["ingress"]["shards"], len(os.sched_getaffinity(0)))


if __name__ == "__main__":
    run_tests()
