#!/usr/bin/env python3
"""Real clients on one side, a real Postfix on the other: swaks, smtp-source and our own client in, smtp transport out."""
# ctest: timeout=300

import os
import shutil
import subprocess
import unittest

from peers import postfix
from runner import run_tests
from support.case import GatewayTest
from support.gateway import until
from support.hop import TRANSPORTS, routers
from support.maildir import Maildir, originals_behind_peer, with_lf
from support.messages import corpus, header, of_size, plain
from support.recorder import Recorder

# Nothing of a message is changed, or looked at.
UNTOUCHED = """\
local_header_rewrite_clients =
remote_header_rewrite_domain =
message_drop_headers =
disable_mime_input_processing = yes
smtpd_recipient_restrictions =
  check_recipient_access inline:{ {refused@remote.example = REJECT no such person here} }, permit_mynetworks, reject
"""

LOCAL = """\
local_maildir:
  driver         = appendfile
  directory      = {home}/mail/box
  maildir_format
"""


class Peer:
    """As hop.routers() wants it."""

    def __init__(self, peer):
        self.address, self.port = peer.listen, peer.port


class Interop(GatewayTest):
    @classmethod
    def setUpClass(cls):
        cls.peer = postfix.Postfix(["example.org", "remote.example"], extra=UNTOUCHED)
        cls.addClassCleanup(cls.peer.close)
        cls.peer.start()

    def setUp(self):
        for path in self.peer.messages():
            os.unlink(path)

    def to_postfix(self, **more):
        # The peer's address is one that the gateway does not listen on: 127.0.0.1.
        return self.gateway(routers=routers(Peer(self.peer)), transports=TRANSPORTS, **more)

    def taken(self):
        """id -> list of what stands behind our Received: field in each copy that Postfix delivered."""
        return originals_behind_peer(self.peer.messages())

    def check(self, gateway, wanted, copies=1):
        """`wanted`: id -> message. Postfix has each of them, `copies` times, byte for byte."""
        self.peer.wait_for_messages(len(wanted) * copies, seconds=60)
        gateway.wait_for_log(" Completed$", count=len(wanted))
        found = self.taken()
        self.assertEqual(sorted(found), sorted(wanted))
        for one, message in wanted.items():
            with self.subTest(id=one):
                self.assertEqual(len(found[one]), copies)
                for text in found[one]:
                    self.assertEqual(text, self.as_postfix_has_it(message))
        self.assertEqual(gateway.maildir().paths(), [])

    @staticmethod
    def as_postfix_has_it(message):
        """Postfix puts an empty line between header and body where there is none."""
        text = with_lf(message)
        position = 0
        while position < len(text):
            end = text.index(b"\n", position) + 1
            line = text[position:end]
            if line == b"\n":
                break
            is_field = b":" in line and line.split(b":")[0].isascii() and b" " not in line.split(b":")[0].rstrip() and line[:1] not in b" \t."
            if not is_field and not (position and line[:1] in b" \t"):
                return text[:position] + b"\n" + text[position:]
            position = end
        return text

    def test_every_shape(self):
        gateway = self.to_postfix()
        wanted = {}
        with gateway.client(helo="client.example.net") as client:
            for name, message, is_8bit in corpus():
                for bdat in (False, True):
                    wanted[client.deliver(message, parameters=" BODY=8BITMIME" if is_8bit else "", bdat=bdat)] = message
            client.quit()
        self.check(gateway, wanted)
        self.assertTrue(all(" K C=" in line for line in gateway.wait_for_log(" => ")), "Postfix offers CHUNKING")

    def test_sizes(self):
        gateway = self.to_postfix()
        wanted = {}
        with gateway.client(helo="client.example.net") as client:
            for size in (300, 4096, 65536, 300_000, (1 << 20) - 1, 1 << 20):
                message = of_size(size)
                wanted[client.deliver(message, parameters=f" SIZE={size}")] = message
        self.check(gateway, wanted)

    def test_a_hundred_recipients(self):
        gateway = self.to_postfix()
        recipients = [f"recipient{number}@example.org" for number in range(100)]
        with gateway.client(helo="client.example.net") as client:
            message = client.deliver(plain(), recipients=recipients)
        self.check(gateway, {message: plain()}, copies=100)
        delivered = []
        for path in self.peer.messages():
            with open(path, encoding="utf-8") as file:
                delivered += [line.split(": ")[1].strip() for line in file if line.startswith("Delivered-To: ")]
        self.assertEqual(sorted(delivered), sorted(recipients))

    def test_internationalized(self):
        gateway = self.to_postfix()
        message = "From: <ä@example.net>\r\nSubject: Grüße\r\n\r\nÄ\r\n".encode()
        with gateway.client(helo="client.example.net") as client:
            one = client.deliver(message, sender="ä@example.net", recipients=["ü@example.org"], parameters=" SMTPUTF8 BODY=8BITMIME")
        self.check(gateway, {one: message})

    def test_smtp_source(self):
        """Postfix's load generator, with several sessions at once."""
        gateway = self.to_postfix()
        with Recorder((gateway.address, gateway.port)) as recorder:
            for arguments in (["-s", "10", "-m", "100", "-l", "4000"], ["-s", "2", "-m", "10", "-l", "200000"], ["-s", "4", "-m", "20", "-d"],
                              ["-m", "5", "-r", "20"]):
                done = subprocess.run([postfix.program("smtp-source"), *arguments, "-f", "sender@example.net", "-t", "box@example.org",
                                       f"{recorder.address}:{recorder.port}"], env=postfix.environment(), capture_output=True, text=True,
                                      timeout=120)
                self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
            wanted = recorder.transactions()
        self.assertEqual(len(wanted), 135)
        self.peer.wait_for_messages(130 + 5 * 20, seconds=60)
        gateway.wait_for_log(" Completed$", count=len(wanted))
        found = self.taken()
        self.assertEqual(sorted(found), sorted(wanted))
        copies = {}
        for one, texts in found.items():
            copies[len(texts)] = copies.get(len(texts), 0) + 1
            for text in texts:
                self.assertEqual(text, self.as_postfix_has_it(wanted[one]), one)
        self.assertEqual(copies, {1: 130, 20: 5})

    def test_swaks(self):
        if shutil.which("swaks") is None:
            raise unittest.SkipTest("no swaks")
        gateway = self.to_postfix()
        data = gateway.path("message")
        with open(data, "wb") as file:
            file.write((header("from a file") + "Zeile mit Umlauten: äöü\r\n.\r\n..\r\n\r\nend\r\n".encode()).replace(b"\r\n", b"\n"))
        with Recorder((gateway.address, gateway.port)) as recorder:
            for arguments in ([], ["--pipeline"], ["--body", "one line"], ["--attach", f"@{data}"], ["--data", f"@{data}"],
                              ["--to", ",".join(f"r{number}@example.org" for number in range(10))], ["--helo", "[192.0.2.1]", "--protocol", "SMTP"]):
                done = subprocess.run(["swaks", "--server", recorder.address, "--port", str(recorder.port), "--from", "sender@example.net", "--to",
                                       "box@example.org", *arguments], capture_output=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            wanted = recorder.transactions()
        self.assertEqual(len(wanted), 7)
        self.peer.wait_for_messages(6 + 10, seconds=60)
        gateway.wait_for_log(" Completed$", count=7)
        found = self.taken()
        self.assertEqual(sorted(found), sorted(wanted))
        self.assertEqual(sorted(len(texts) for texts in found.values()), [1] * 6 + [10])
        for one, texts in found.items():
            for text in texts:
                self.assertEqual(text, self.as_postfix_has_it(wanted[one]))

    def test_a_recipient_that_postfix_refuses(self):
        """The bounce reaches the sender's maildir."""
        gateway = self.gateway(routers="local:\n  driver = accept\n  domains = sender.example\n  transport = local_maildir\n" +
                               routers(Peer(self.peer)), transports=LOCAL + TRANSPORTS)
        with gateway.client(helo="client.example.net") as client:
            message = client.deliver(plain(), sender="me@sender.example", recipients=["box@remote.example", "refused@remote.example"])
        gateway.wait_for_log(f"{message} Completed")
        self.assertEqual(len(self.peer.wait_for_messages(1)), 1)
        gateway.wait_for_log(rf"{message} => box@remote\.example R=peer T=remote_smtp H=127\.0\.0\.1 \[127\.0\.0\.1\] K C=\"250 2\.0\.0 Ok: ")
        gateway.wait_for_log(rf"{message} \*\* refused@remote\.example R=peer T=remote_smtp H=127\.0\.0\.1 \[127\.0\.0\.1\]: SMTP error from "
                             r"remote mail server after (pipelined )?RCPT TO:<refused@remote\.example>: 554 5\.7\.1 .*no such person here")
        bounce, = gateway.maildir().wait_for(1)
        self.assertIn(b"X-Failed-Recipients: refused@remote.example\n", bounce.bytes)
        self.assertIn(b"no such person here", bounce.bytes)

    def test_postfix_that_is_restarted(self):
        gateway = self.to_postfix(retry="* * F,1h,1s\n")
        wanted = {}
        with gateway.client(helo="client.example.net") as client:
            wanted[client.deliver(plain("before"))] = plain("before")
            self.peer.wait_for_messages(1)
            self.peer.stop()
            for number in range(10):
                text = plain(f"meanwhile {number}")
                wanted[client.deliver(text)] = text
                client.expect("RSET", 250)
        gateway.wait_for_log(" == ", count=10)
        until(lambda: gateway.stats()["delivery"]["queue"]["messages"] == 10, what="ten in the queue")
        self.peer.start()
        self.check(gateway, wanted)


class SwaksToMaildir(GatewayTest):
    """Also without any peer: what the README tells a new user to do."""

    def test_swaks(self):
        if shutil.which("swaks") is None:
            raise unittest.SkipTest("no swaks")
        gateway = self.gateway()
        with Recorder((gateway.address, gateway.port)) as recorder:
            for number in range(3):
                done = subprocess.run(["swaks", "--server", recorder.address, "--port", str(recorder.port), "--to", "anybody@example.org",
                                       "--from", "me@example.net", "--body", f"number {number}\n.\n..\n"], capture_output=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            wanted = recorder.transactions()
        arrived = gateway.maildir().wait_for(3)
        self.assertEqual({one.id: one.original for one in arrived}, {one: with_lf(text) for one, text in wanted.items()})

    def test_smtp_source(self):
        gateway = self.gateway(mail_in="/dev/shm" if os.path.isdir("/dev/shm") else None)
        with Recorder((gateway.address, gateway.port)) as recorder:
            done = subprocess.run([postfix.program("smtp-source"), "-s", "20", "-m", "300", "-l", "1500", "-f", "sender@example.net",
                                   "-t", "box@example.org", f"{recorder.address}:{recorder.port}"], env=postfix.environment(),
                                  capture_output=True, text=True, timeout=120)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            wanted = recorder.transactions()
        self.assertEqual(len(wanted), 300)
        arrived = Maildir(gateway.path("mail/box")).wait_for(300)
        gateway.wait_for_log(" Completed$", count=300)
        self.assertEqual(len(arrived), 300)
        self.assertEqual({one.id: one.original for one in arrived}, {one: with_lf(text) for one, text in wanted.items()})


if __name__ == "__main__":
    run_tests()
