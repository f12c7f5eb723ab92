#!/usr/bin/env python3
"""The client of dccifd over real sockets, against a fake daemon: the real one and its servers cannot be had for tests."""
# ctest: timeout=180

import hashlib
import json
import os
import subprocess
import tempfile
import unittest

from fakes import dccifd
from fakes.dccifd import Dccifd
from runner import run_tests

ASK = os.path.join(os.environ["POSTERN_BINARY_DIR"], "dcc_ask")
MESSAGE = b"From: a@example.org\r\nSubject: x\r\n\r\n.one\r\ntwo\r\n"
ENVELOPE = ("client=192.0.2.1", "helo=mail.example", "sender=a@example.org")
FIELD = "X-DCC-fake-Metrics: fake.dcc.example 1234; Body=%s Fuz1=%s\\n\\tFuz2=%s\\n"


def ask_all(address, *words, message=MESSAGE):
    done = subprocess.run([ASK, address, *ENVELOPE, *words], input=message, stdout=subprocess.PIPE, check=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


def ask(address, *words, message=MESSAGE):
    return ask_all(address, *words, message=message)[0]


class DccTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="postern-dcc-")
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "dccifd")

    def daemon(self, where=None, **how):
        return self.enterContext(Dccifd(where or self.path, **how))

    def assert_told(self, daemon):
        question = daemon.questions[-1]
        self.assertEqual(daemon.complaints, [])
        self.assertEqual(question.options, ["header"])
        self.assertEqual((question.client, question.name, question.helo), ("192.0.2.1", "", "mail.example"))
        self.assertEqual((question.sender, question.recipients), ("a@example.org", ["b@example.net"]))
        self.assertEqual(question.message, MESSAGE)

    def test_unix_socket(self):
        daemon = self.daemon()
        answer = ask(daemon.address, "recipient=b@example.net")
        self.assert_told(daemon)
        self.assertEqual(answer["status"], "accept")
        self.assertEqual(answer["letter"], "A")
        self.assertEqual(answer["recipients"], "A")
        self.assertEqual(answer["header"], FIELD % (1, 1, 1))

    def test_tcp_in_both_families(self):
        for host in ("127.0.0.1", "::1"):
            with self.subTest(host):
                daemon = self.daemon((host, 0))
                answer = ask(daemon.address, "recipient=b@example.net")
                self.assert_told(daemon)
                self.assertEqual((answer["status"], answer["letter"]), ("accept", "A"))

    def test_the_whole_envelope(self):
        daemon = self.daemon()
        ask(daemon.address, "client=2001:db8::5", "name=host.example", "sender=", "recipient=b@example.net", "recipient=c@example.net",
            "options=header grey-off no-reject")
        question = daemon.questions[-1]
        self.assertEqual(question.options, ["header", "grey-off", "no-reject"])
        self.assertEqual((question.client, question.name), ("2001:db8::5", "host.example"))
        self.assertEqual((question.sender, question.recipients), ("<>", ["b@example.net", "c@example.net"]))

    def test_bulk_is_refused(self):
        daemon = self.daemon(bulk=3)
        to_two = ("recipient=b@example.net", "recipient=c@example.net")
        self.assertEqual(ask(daemon.address, *to_two)["letter"], "A")
        answer = ask(daemon.address, *to_two)
        self.assertEqual((answer["status"], answer["letter"], answer["recipients"]), ("reject", "R", "RR"))
        self.assertEqual(answer["header"], FIELD % ("many", "many", "many"))
        self.assertEqual(answer["log"], "rejected by DCC")
        self.assertEqual(ask(daemon.address, *to_two, "options=header no-reject")["letter"], "A")
        self.assertEqual(ask(daemon.address, *to_two, message=b"S: x\r\n\r\nanother\r\n")["letter"], "A")

    def test_greylisting(self):
        daemon = self.daemon(greylist=True)
        first = ask(daemon.address, "recipient=b@example.net")
        self.assertEqual((first["status"], first["letter"], first["recipients"]), ("reject", "G", "G"))
        self.assertEqual(first["text"], "Greylisted by DCC")
        self.assertEqual(ask(daemon.address, "recipient=b@example.net")["letter"], "A")
        self.assertEqual(ask(daemon.address, "recipient=c@example.net", "options=header grey-off")["letter"], "A")

    def test_without_recipients_it_is_a_query(self):
        daemon = self.daemon(bulk=1)
        self.assertEqual(ask(daemon.address)["letter"], "A")
        self.assertEqual(ask(daemon.address, "recipient=b@example.net", "options=query")["header"], "")
        self.assertEqual(daemon.counts, {})

    def test_checksums_are_left_where_they_are(self):
        answer = ask(self.daemon().address, "recipient=b@example.net", "options=cksums")
        self.assertEqual(answer["letter"], "A")
        self.assertIn("X-DCC-fake-Metrics", answer["header"])
        self.assertNotIn("Body: ", answer["header"])

    def test_a_large_message_arrives_whole(self):
        daemon = self.daemon()
        body = b"".join(b"%07d%s\r\n" % (number, b"x" * 60) for number in range(100_000))
        for size in ("700", "65536"):
            answer = ask(daemon.address, "recipient=b@example.net", f"slice={size}", message=b"S: x\r\n\r\n" + body)
            self.assertEqual(answer["letter"], "A")
            self.assertGreater(answer["pauses"], 0)
            self.assertEqual(hashlib.sha256(daemon.questions[-1].body).digest(), hashlib.sha256(body).digest())

    def test_many_at_once_share_the_connections(self):
        daemon = self.daemon()
        answers = ask_all(daemon.address, "recipient=b@example.net", "times=200")
        self.assertEqual([answer["letter"] for answer in answers], ["A"] * 200)
        self.assertEqual(daemon.connections, 200)
        self.assertLessEqual(daemon.most_at_once, 33)  # its thread may end a little after the connection

    def test_nobody_there(self):
        for address in (self.path, "127.0.0.1 1", "::1 1"):
            with self.subTest(address):
                first, second = ask_all(address, "recipient=b@example.net", "times=2")
                self.assertEqual((first["status"], first["letter"]), ("failed", ""))
                self.assertIn("connection failed", first["log"])
                self.assertEqual(second["status"], "failed")

    def test_wrong_answers(self):
        for answer, status, log in (
                (b"T\n\n", "defer", "Temporary error with DCC: T"),
                (b"S\nA\n\n", "accept", ""),
                (b"X\nA\n\n", "defer", "Unknown DCC response: X"),
                (b"220 smtp.example ESMTP\r\n\r\n\n", "defer", "Unknown DCC response: 220 smtp.example ESMTP"),
                (b"", "failed", "hung up before it had answered"),
                (b"A", "failed", "hung up before it had answered"),
                (b"A\nA\nX-DCC-x: cut", "accept", "")):
            with self.subTest(answer):
                with Dccifd(self.path, misbehave=dccifd.says(answer)) as daemon:
                    result = ask(daemon.address, "recipient=b@example.net")
                self.assertEqual(result["status"], status)
                self.assertIn(log, result["log"])
                self.assertEqual(result["header"], "")

    def test_slow_and_hostile_daemons_end_in_a_reason(self):
        large = b"S: x\r\n\r\n" + b"x" * 10_000_000
        for way, message, log in (
                (dccifd.silent, MESSAGE, "no answer in the time there was"),
                (dccifd.drip, MESSAGE, "no answer in the time there was"),
                (dccifd.deaf, large, "no answer in the time there was"),
                (dccifd.flood, MESSAGE, "its reply is too long"),
                (dccifd.hangs_up, large, "the message could not be sent")):
            with self.subTest(way.__name__):
                with Dccifd(self.path, misbehave=way) as daemon:
                    result = ask(daemon.address, "recipient=b@example.net", "deadline_ms=2000", message=message)
                self.assertEqual((result["status"], result["letter"]), ("failed", ""))
                self.assertIn(log, result["log"])

    def test_what_the_daemon_would_not_take_it_complains_about(self):
        daemon = self.daemon()
        self.assertEqual(ask(daemon.address, "options=headers")["status"], "failed")
        self.assertEqual(daemon.complaints, ['unrecognized option value: "headers"'])

    def test_an_address_that_is_none(self):
        done = subprocess.run([ASK, "dcc.example 1025"], input=b"", capture_output=True, check=False)
        self.assertEqual(done.returncode, 64)
        self.assertIn(b"wanted is the path of a socket", done.stderr)


if __name__ == "__main__":
    run_tests()
