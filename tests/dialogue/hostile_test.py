#!/usr/bin/env python3
"""Clients that are early, broken, slow, deaf or gone: each gets a defined answer at a bounded cost."""
# ctest: smoke timeout=240

import os
import re
import signal
import socket
import time

from runner import run_tests
from support.case import GatewayTest, SharedGatewayTest
from support.gateway import until
from support.messages import plain
from support.script import play
from support.smtp import Client

SYNC = b"554 5.5.0 SMTP synchronization error\r\n"
SYNC_PLAIN = b"554 SMTP synchronization error\r\n"


class Early(SharedGatewayTest):
    GATEWAY = {"command": "ingress"}

    def before_the_greeting(self, gateway, data):
        """Everything that a client reads who sends before it is greeted. The gateway is held still meanwhile, so that the bytes are
        surely there first."""
        gateway.signal(signal.SIGSTOP)
        try:
            client = Client(gateway.address, gateway.port, greet=False)
            self.addCleanup(client.close)
            client.send(data)
        finally:
            gateway.signal(signal.SIGCONT)
        return client

    def test_before_the_greeting(self):
        client = self.before_the_greeting(self.gateway, b"EHLO early.example.net\r\n")
        self.assertEqual(client.rest(), SYNC_PLAIN)
        self.gateway.wait_for_log(r"SMTP protocol synchronization error \(input sent without waiting for greeting\): rejected "
                                  r'connection from H=\[127\.0\.0\.1\] next input="EHLO early\.example\.net\S*"', name="reject")

    def test_behind_commands_that_end_a_pipeline(self):
        for sent, codes in [
                ("EHLO a.example\r\nMAIL FROM:<a@example.net>\r\n", []),
                ("HELO a.example\r\nMAIL FROM:<a@example.net>\r\n", []),
                ("EHLO a.example\r\n|NOOP\r\nNOOP\r\n", [250]),
                ("EHLO a.example\r\n|VRFY a@example.org\r\nNOOP\r\n", [250]),
                ("EHLO a.example\r\n|MAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n",
                 [250, 250, 250]),
                # Without EHLO nothing may be pipelined.
                ("HELO a.example\r\n|MAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\n", [250]),
                ("HELO a.example\r\n|MAIL FROM:<a@example.net>\r\n|RCPT TO:<b@example.org>\r\nDATA\r\n", [250, 250]),
                ("HELO a.example\r\n|RSET\r\nNOOP\r\n", [250]),
        ]:
            with self.subTest(sent), self.client() as client:
                got = []
                *first, last = sent.split("|")
                for part in first:
                    client.send(part)
                    got.append(client.reply().code)
                client.send(last)
                while len(got) < len(codes):
                    got.append(client.reply().code)
                self.assertEqual(got, codes)
                self.assertIn(client.rest(), (SYNC, SYNC_PLAIN))
        self.gateway.wait_for_log(r'SMTP protocol synchronization error \(next input sent too soon: pipelining was advertised\): rejected '
                                  r'"DATA" H=\(a\.example\) \[127\.0\.0\.1\] next input="Subject: x', name="reject")
        self.gateway.wait_for_log(r'pipelining was not advertised\): rejected "RSET"', name="reject")

    def test_pipelines_that_are_allowed(self):
        with self.client(helo="client.example.net") as client:
            client.send("RSET\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nRCPT TO:<@>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n")
            self.assertEqual([reply.code for reply in client.replies(6)], [250, 250, 250, 501, 250, 354])
            client.send("Subject: x\r\n\r\nx\r\n.\r\nRSET\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nBDAT 3\r\nx\r\n"
                        "BDAT 0 LAST\r\nMAIL FROM:<a@example.net>\r\nQUIT\r\n")
            self.assertEqual([reply.code for reply in client.replies(8)], [250, 250, 250, 250, 250, 250, 250, 221])
            self.assertEqual(client.rest(), b"")

    def test_a_refused_sender_and_its_pipeline(self):
        with self.client(helo="client.example.net") as client:
            client.send("MAIL FROM:<a@@>\r\nRCPT TO:<b@example.org>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n")
            self.assertEqual([reply.code for reply in client.replies(4)], [501, 503, 503, 503])
            # Only one of these was the client's fault.
            client.deliver(plain())


class NotEnforced(SharedGatewayTest):
    GATEWAY = {"command": "ingress", "main": "smtp_enforce_sync = false\n"}

    def test_everything_at_once(self):
        Early.before_the_greeting  # the same way to be early
        client = Early.before_the_greeting(self, self.gateway, b"EHLO a.example\r\nMAIL FROM:<a@example.net>\r\n"
                                           b"RCPT TO:<b@example.org>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n")
        self.assertEqual([reply.code for reply in client.replies(7)], [220, 250, 250, 250, 354, 250, 221])


class Broken(SharedGatewayTest):
    GATEWAY = {"command": "ingress", "main": "smtp_max_synprot_errors = 1000\nsmtp_max_unknown_commands = 1000\n"
                                             "smtp_accept_max_nonmail = 1000\nlog_selector = +smtp_syntax_error\n"}

    def test_nul(self):
        with self.client(helo="client.example.net") as client:
            play(client, """
                C= NOOP a\\0b\\r\\n
                S: 501 5.5.2 NULL characters are not allowed in SMTP commands
                C= \\0\\r\\n
                S: 501 5.5.2 NULL characters are not allowed in SMTP commands
                C= MAIL FROM:<a\\0@example.net>\\r\\n
                S: 501 5.5.2 NULL characters are not allowed in SMTP commands
                C: MAIL FROM:<a@example.net>
                S: 250 2.1.0 OK
                """)

    def test_eight_bits(self):
        with self.client(helo="client.example.net") as client:
            play(client, """
                C= NOOP \\xff\\x80\\r\\n
                S: 250 2.0.0 OK
                C= FR\\xd6B\\r\\n
                S: 500 5.5.2 unrecognized command
                C= MAIL FROM:<\\xff@example.net> SMTPUTF8\\r\\n
                S~ 501 5\\.1\\.7 .*
                C= MAIL FROM:<\\xc3\\xa4@example.net> SMTPUTF8\\r\\n
                S: 250 2.1.0 OK
                """)

    def test_long_lines(self):
        for pieces in (None, 7000, 1):
            with self.subTest(pieces=pieces), self.client(helo="client.example.net") as client:
                client.send(b"NOOP " + b"x" * (4096 - 7) + b"\r\n", pieces)
                self.assert_reply(client.reply(), 250)
                client.send(b"NOOP " + b"x" * (4096 - 6) + b"\r\n", pieces)
                self.assertEqual(client.reply().raw, b"500 5.5.2 Line too long\r\n")
                client.expect("NOOP", 250)

    def test_a_line_without_end(self):
        before = self.resident_kilobytes()
        with self.client(helo="client.example.net") as client:
            for _ in range(64):
                client.send(b"NOOP " + b"x" * (1 << 20))
            client.send(b"\r\n")
            self.assertEqual(client.reply().raw, b"500 5.5.2 Line too long\r\n")
            client.expect("NOOP", 250)
        grown = self.resident_kilobytes() - before
        self.measured(f"64 MiB in one line: {grown} KiB more resident")
        self.assertLess(grown, 20_000)

    def resident_kilobytes(self):
        with open(f"/proc/{self.gateway.process.pid}/status", encoding="utf-8") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def test_byte_by_byte(self):
        with self.client(helo="client.example.net") as client:
            client.send(b"MAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n", 1)
            self.assertEqual([reply.code for reply in client.replies(3)], [250, 250, 354])
            client.send(plain(body="line\r\n" * 300) + b".\r\n", 1)
            self.assert_reply(client.reply(), 250)

    def test_nothing_of_a_client_breaks_a_log_line(self):
        with self.client() as client:
            client.command(b"EHLO \x1b[31m\x7f\r\n")
            client.command(b"HELO x\r\n")
            client.command(b"MAIL FROM:<a\x01\x1b@example.net>\r\n")
            client.command(b"FROB \xc2\x85\xe2\x80\xa8 <= a@example.net\r\n")
            client.command(b"QUIT\r\n")
        self.gateway.wait_for_log("FROB")
        self.assertIsNone(re.search(r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]", self.gateway.log()), self.gateway.log())

    def test_a_client_that_never_reads(self):
        with self.client(helo="client.example.net", receive_buffer=4096) as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.socket.setblocking(False)
            lines = b"RCPT TO:<recipient@example.org>\r\n" * 100
            sent, waiting, quiet_since = 0, b"", time.monotonic()
            while time.monotonic() - quiet_since < 1:
                waiting = waiting or lines
                try:
                    done = client.socket.send(waiting)
                    sent, waiting, quiet_since = sent + done, waiting[done:], time.monotonic()
                except BlockingIOError:
                    time.sleep(0.01)
                if sent > 64 << 20:
                    break
            self.measured(f"{sent >> 10} KiB of commands were taken before the gateway stopped reading")
            self.assertLess(sent, 24 << 20)
            # Others are served meanwhile.
            with self.client(helo="client.example.net") as other:
                other.deliver(plain())
            # And when it reads at last, nothing is missing.
            wanted = sent // 33
            client.socket.settimeout(20)
            for number in range(wanted):
                self.assertIn(client.reply().code, (250, 452), f"reply {number} of {wanted}")


STATES = [
    ("connected", b"", 0),
    ("in EHLO", b"EHLO client.exa", 0),
    ("after EHLO", b"EHLO client.example.net\r\n", 1),
    ("in MAIL", b"EHLO client.example.net\r\nMAIL FROM:<a@exam", 1),
    ("after MAIL", b"EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\n", 2),
    ("after RCPT", b"EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\n", 3),
    ("after DATA", b"EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n", 4),
    ("in the header", b"EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nSubj", 4),
    ("in the body", b"EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n\r\nbody\r\nbo", 4),
    ("in the end", b"EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n\r\nbody\r\n.\r", 4),
    ("in a chunk", b"EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nBDAT 100\r\nSubj", 3),
    ("between chunks", b"EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nBDAT 4\r\nSubj", 4),
    ("in the last chunk", b"EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nBDAT 9 LAST\r\nSubj", 3),
]


def bring(client, sent, replies):
    """Plays a client up to a state: a command at a time, then the rest."""
    lines = sent.splitlines(keepends=True)
    codes = []
    for number, line in enumerate(lines):
        client.send(line)
        if number < replies and not (line.startswith(b"BDAT") and number + 1 < len(lines)):
            codes.append(client.reply().code)
    while len(codes) < replies:
        codes.append(client.reply().code)
    return codes


class Gone(GatewayTest):
    """A client may leave at any moment, politely or not."""

    def test_in_every_state(self):
        gateway = self.gateway(command="ingress")

        def orderly(client):
            client.close()

        def half(client):
            client.socket.shutdown(socket.SHUT_WR)
            client.rest()
            client.close()

        def reset(client):
            client.abort()
        for way in (orderly, half, reset):
            for name, sent, replies in STATES:
                with self.subTest(way=way.__name__, state=name):
                    client = gateway.client()
                    bring(client, sent, replies)
                    way(client)
        until(lambda: gateway.stats()["ingress"]["connections"]["open"] == 0, what="the end of all connections")
        figures = gateway.stats()["ingress"]
        self.assertEqual(figures["messages"]["accepted"], 0)
        self.assertEqual(figures["connections"]["lost"], 3 * len(STATES))
        self.assertEqual(figures["pinned_bytes"], 0)
        with gateway.client(helo="client.example.net") as client:
            client.deliver(plain())

    def test_half_closed_behind_the_end_of_data(self):
        """Who has said all that there is to say still wants the answer."""
        gateway = self.gateway(command="ingress")
        with gateway.client(helo="client.example.net") as client:
            client.envelope("a@example.net", ["b@example.org"])
            client.expect("DATA", 354)
            client.send(b"x\r\n.\r\n")
            client.socket.shutdown(socket.SHUT_WR)
            self.assert_reply(client.reply(), 250)


class Begins(SharedGatewayTest):
    """RSET and EHLO in every state in which there are commands: the next message is whole and alone."""

    GATEWAY = {"command": "ingress"}

    def test_rset(self):
        self.begin_again("RSET", 250)

    def test_ehlo(self):
        self.begin_again("EHLO again.example.net", 250)

    def begin_again(self, command, code):
        for name, sent, replies in STATES:
            if name in ("after EHLO", "after MAIL", "after RCPT", "between chunks"):
                if name == "between chunks" and command != "RSET":
                    continue  # there only RSET begins again
                with self.subTest(name), self.client() as client:
                    bring(client, sent, replies)
                    self.assert_reply(client.command(command), code)
                    self.assert_reply(client.command("RCPT TO:<b@example.org>"), 503)
                    message = client.deliver(b"whole\r\n", sender="alone@example.net")
                    line, = self.gateway.wait_for_log(f"{message} <= ")
                    self.assertRegex(line, r"<= alone@example\.net .* S=\d+$")

    def test_between_chunks_only_chunks(self):
        with self.client(helo="client.example.net") as client:
            client.envelope("a@example.net", ["b@example.org"])
            client.send(b"BDAT 4\r\nSubj")
            self.assert_reply(client.reply(), 250)
            self.assert_reply(client.command("EHLO client.example.net"), 503, "only BDAT permissible after non-LAST BDAT")
            self.assert_reply(client.command("DATA"), 503, "only RSET accepted now")
            client.expect("RSET", 250)
            client.deliver(plain())


if __name__ == "__main__":
    run_tests()
