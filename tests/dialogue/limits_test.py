#!/usr/bin/env python3
"""Every limit that a client can run into: what it sees, and that the limit is exact."""
# ctest: timeout=180

import os
import subprocess
import sys
import threading
import time

from runner import run_tests
from support.case import GatewayTest, SharedGatewayTest
from support.gateway import until
from support.messages import of_size
from support.script import play
from support.smtp import Client, Closed

HOST_FULL = b"421 Too many concurrent SMTP connections from this IP address; please try again later.\r\n"
ALL_FULL = b"421 Too many concurrent SMTP connections; please try again later.\r\n"


class Connections(GatewayTest):
    def storm(self, gateway, count, sources=(None,), address=None):
        """`count` clients at once; those that were greeted, and what the others read."""
        greeted, refused, failed = [], [], []
        barrier = threading.Barrier(count)

        def connect(number):
            barrier.wait()
            try:
                client = Client(address or gateway.address, gateway.port, greet=False, source=sources[number % len(sources)])
                line = client.line()
                if line.startswith(b"220"):
                    greeted.append(client)
                    self.addCleanup(client.close)
                else:
                    refused.append(line + client.rest())
                    client.close()
            except (OSError, Closed) as error:
                failed.append(error)
        threads = [threading.Thread(target=connect, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        return greeted, refused

    def test_of_one_host_exactly(self):
        gateway = self.gateway("smtp_accept_max_per_host = 7\n", command="ingress")
        for round_number in range(3):
            greeted, refused = self.storm(gateway, 50)
            self.assertEqual((len(greeted), len(refused)), (7, 43))
            self.assertEqual(set(refused), {HOST_FULL})
            # Another host is not concerned.
            gateway.client(source="127.0.0.9").close()
            # Each that leaves makes room for one.
            greeted.pop().quit()
            self.eventually_greeted(gateway).close()
            while greeted:
                greeted.pop().close()
            until(lambda: gateway.stats()["ingress"]["connections"]["open"] == 0, what="the end of all connections")
        self.assertEqual(gateway.stats()["ingress"]["refused"]["too_many_from_host"], 3 * 43 + self.refused_while_waiting)
        gateway.wait_for_log(r"Connection from \[127\.0\.0\.1\] refused: too many connections from that IP address", count=3 * 43)

    def eventually_greeted(self, gateway):
        """The end of a connection takes a moment to be noticed."""
        def attempt():
            client = Client(gateway.address, gateway.port, greet=False)
            if client.line().startswith(b"220"):
                return client
            self.refused_while_waiting += 1
            client.close()
            return None
        return until(attempt, what="a free place")

    def setUp(self):
        self.refused_while_waiting = 0

    def test_of_all_exactly(self):
        gateway = self.gateway("smtp_accept_max = 20\n", command="ingress")
        greeted, refused = self.storm(gateway, 50, sources=[f"127.0.1.{n}" for n in range(1, 51)])
        self.assertEqual((len(greeted), len(refused)), (20, 30))
        self.assertEqual(set(refused), {ALL_FULL})
        figures = gateway.stats()["ingress"]
        self.assertEqual(figures["connections"]["open"], 20)
        self.assertEqual(figures["connections"]["open_max"], 20)
        self.assertEqual(figures["refused"]["too_many_connections"], 30)
        greeted.pop().quit()
        self.eventually_greeted(gateway).close()

    def test_many_shards_share_the_limit(self):
        gateway = self.gateway("smtp_accept_max_per_host = 25\n", command="ingress")
        self.measured(f"{gateway.stats()['ingress']['shards']} shards, {len(os.sched_getaffinity(0))} processors")
        greeted, refused = self.storm(gateway, 50)
        self.assertEqual((len(greeted), len(refused)), (25, 25))


class Networks(GatewayTest):
    def test_ipv6_is_counted_by_64(self):
        """Whoever has one address of a /64 has all of it."""
        if os.geteuid() != 0:
            self.skipTest("a network namespace wants root")
        addresses = ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:2::1"]
        setup = "ip link set lo up" + "".join(f" && ip -6 addr add {address}/128 dev lo nodad" for address in addresses)
        gateway = self.gateway("local_interfaces = <; ::1\nsmtp_accept_max_per_host = 2\n", command="ingress", port=2525,
                               listen=[("::1", 2525)], prefix=["unshare", "--net", "sh", "-c", f'{setup} && exec "$@"', "sh"])
        probe = subprocess.run(["nsenter", "--net", "--target", str(gateway.process.pid), sys.executable, "-B", "-c", f"""
from support.smtp import Client
clients = []
for source in {[*addresses[:3], addresses[0], addresses[3], addresses[3], addresses[3]]}:
    clients.append(Client("::1", 2525, source=source, greet=False))
    print(clients[-1].line()[:3].decode())
"""], capture_output=True, text=True, timeout=60)
        self.assertEqual(probe.returncode, 0, probe.stderr)
        self.assertEqual(probe.stdout.split(), ["220", "220", "421", "421", "220", "220", "421"])


class Numbers(SharedGatewayTest):
    GATEWAY = {"command": "ingress", "main": """
        smtp_accept_max_per_connection = 3
        recipients_max = 5
        message_size_limit = 20000
        header_maxsize = 5000
        received_headers_max = 5
        """}

    def test_messages_in_one_connection(self):
        with self.client(helo="client.example.net") as client:
            for _ in range(3):
                client.deliver(b"x\r\n")
            play(client, """
                C: MAIL FROM:<a@example.net>
                S: 421 4.7.0 too many messages in this connection
                E:
                """)

    def test_recipients(self):
        with self.client(helo="client.example.net") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            for number in range(5):
                client.expect(f"RCPT TO:<{number}@example.org>", 250)
            for number in range(2):
                self.assertEqual(client.command("RCPT TO:<more@example.org>").raw, b"452 4.5.3 too many recipients\r\n")
            # Those before it are served.
            self.assert_reply(client.data(b"x\r\n"), 250)
            # A new transaction counts from the start.
            client.deliver(b"x\r\n", recipients=[f"{number}@example.org" for number in range(5)])

    def test_size_of_a_message(self):
        for bdat in (False, True):
            with self.subTest(bdat=bdat), self.client(helo="client.example.net") as client:
                client.deliver(of_size(20000), bdat=bdat)
                client.envelope("a@example.net", ["b@example.org"])
                reply = client.bdat(of_size(20001)) if bdat else client.data(of_size(20001))
                self.assertEqual(reply.raw, b"552 5.3.4 Message size exceeds maximum permitted\r\n")
                client.deliver(of_size(20000), bdat=bdat)  # the connection goes on

    def test_size_that_is_announced(self):
        with self.client(helo="client.example.net") as client:
            self.assertEqual(client.command("MAIL FROM:<a@example.net> SIZE=20001").raw,
                             b"552 5.3.4 Message size exceeds maximum permitted\r\n")
            client.deliver(of_size(20000), parameters=" SIZE=20000")

    def test_size_of_the_header(self):
        with self.client(helo="client.example.net") as client:
            client.envelope("a@example.net", ["b@example.org"])
            self.assert_reply(client.data(b"X: " + b"x" * 5000 + b"\r\n\r\n"), 552)
            client.deliver(b"X: " + b"x" * 4000 + b"\r\n\r\n" + b"y" * 10000)

    def test_mail_loop(self):
        with self.client(helo="client.example.net") as client:
            client.envelope("a@example.net", ["b@example.org"])
            self.assert_reply(client.data(b"Received: from x by y; z\r\n" * 5 + b"\r\nx\r\n"), 550, "mail loop")
            client.deliver(b"Received: from x by y; z\r\n" * 4 + b"\r\nx\r\n")


class RecipientsRejected(SharedGatewayTest):
    GATEWAY = {"command": "ingress", "main": "recipients_max = 2\nrecipients_max_reject\n"}

    def test_no_message_with_some_of_its_recipients(self):
        with self.client(helo="client.example.net") as client:
            client.envelope("a@example.net", ["1@example.org", "2@example.org"])
            self.assert_reply(client.command("RCPT TO:<3@example.org>"), 552, "too many recipients")
            self.assert_reply(client.command("DATA"), 554, "Too many recipients")


class Errors(SharedGatewayTest):
    GATEWAY = {"command": "ingress"}

    def test_syntax_errors(self):
        with self.client(helo="client.example.net") as client:
            play(client, """
                C: RCPT TO:<b@example.org>
                S: 503 5.5.1 sender not yet given
                C: MAIL FROM:<a@@b>
                S~ 501 5\\.1\\.7 .*
                C: DATA x
                S: 501 5.5.4 unexpected argument data
                C: DATA
                S: 503-5.5.1 valid RCPT command must precede DATA
                S: 503 5.5.1 Too many syntax or protocol errors
                E:
                """)
        self.gateway.wait_for_log(r'SMTP call from \(client\.example\.net\) \[127\.0\.0\.1\] dropped: too many syntax or protocol errors '
                                  r'\(last command was "DATA",  C=EHLO,RCPT,MAIL,DATA,DATA\)', name="reject")

    def test_unknown_commands(self):
        with self.client(helo="client.example.net") as client:
            play(client, """
                C: ONE
                S: 500 5.5.2 unrecognized command
                C: TWO
                S: 500 5.5.2 unrecognized command
                C: THREE
                S: 500 5.5.2 unrecognized command
                C: FOUR
                S: 500 5.5.2 Too many unrecognized commands
                E:
                """)
        self.gateway.wait_for_log(r'dropped: too many unrecognized commands \(last was "FOUR"\)', name="reject")

    def test_commands_that_bring_no_mail(self):
        with self.client(helo="client.example.net") as client:
            for _ in range(10):
                client.expect("NOOP", 250)
            self.assertEqual(client.command("NOOP").raw, b"554 5.7.0 Too many nonmail commands\r\n")
            self.assertEqual(client.rest(), b"")


class OtherErrorLimits(SharedGatewayTest):
    GATEWAY = {"command": "ingress", "main": """
        smtp_max_synprot_errors = 0
        smtp_max_unknown_commands = 0
        smtp_accept_max_nonmail = 1
        smtp_accept_max_nonmail_hosts = ! 127.0.0.2 : *
        """}

    def test_the_first_error_is_the_last(self):
        with self.client(helo="client.example.net") as client:
            self.assert_reply(client.command("DATA"), 503, "Too many syntax or protocol errors")
            self.assertEqual(client.rest(), b"")
        with self.client(helo="client.example.net") as client:
            self.assert_reply(client.command("FROB"), 500, "Too many unrecognized")
            self.assertEqual(client.rest(), b"")

    def test_nonmail_by_host(self):
        with self.client(helo="client.example.net") as client:
            client.expect("NOOP", 250)
            client.expect("NOOP", 554)
        with self.client(helo="client.example.net", source="127.0.0.2") as client:
            for _ in range(30):
                client.expect("NOOP", 250)


class Timeouts(SharedGatewayTest):
    GATEWAY = {"command": "ingress", "main": "smtp_receive_timeout = 1s\n"}

    def timed(self, client, code=421):
        begun = time.monotonic()
        reply = client.reply()
        self.assertEqual(client.rest(), b"")
        took = time.monotonic() - begun
        self.measured(f"{reply!r} after {took:.2f} s")
        self.assertEqual(reply.code, code)
        self.assertGreater(took, 0.7)
        self.assertLess(took, 8)
        return reply

    def test_silence_in_each_state(self):
        for name, sent, replies in [
                ("before EHLO", b"", 0),
                ("after EHLO", b"EHLO client.example.net\r\n", 1),
                ("after MAIL", b"EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\n", 2),
                ("after RCPT", b"EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\n", 3),
                ("in a command", b"EHLO client.example.net\r\nMAIL FR", 1),
        ]:
            with self.subTest(name), self.client() as client:
                lines = sent.splitlines(keepends=True)
                for line in lines[:replies]:
                    client.send(line)
                    client.reply()
                client.send(b"".join(lines[replies:]))
                self.assertIn("SMTP command timeout - closing connection", self.timed(client).text)

    def test_silence_in_data(self):
        for name, sent, replies in [("DATA", b"DATA\r\n", 1), ("BDAT", b"BDAT 100\r\nSubj", 0)]:
            with self.subTest(name), self.client(helo="client.example.net") as client:
                client.envelope("a@example.net", ["b@example.org"])
                client.send(sent).replies(replies)
                client.send(b"Subject: x\r\n\r\nhalf a li")
                self.assertIn("SMTP incoming data timeout - closing connection.", self.timed(client).text)
        self.gateway.wait_for_log(r"SMTP data timeout \(message abandoned\) on connection from \(client\.example\.net\) \[127\.0\.0\.1\] "
                                  r"F=<a@example\.net>", count=2)

    def test_a_byte_now_and_then_does_not_prolong_a_command(self):
        with self.client() as client:
            begun = time.monotonic()
            for byte in b"EHLO a.very.slow.client.example.net":
                try:
                    client.send(bytes([byte]))
                except OSError:
                    break
                if not client.is_silent(0.25):
                    break
            took = time.monotonic() - begun
            self.measured(f"cut off after {took:.2f} s")
            self.assertLess(took, 5)
            self.assert_reply(client.reply(), 421, "SMTP command timeout")

    def test_figures(self):
        before = self.gateway.stats()["ingress"]["connections"]["timed_out"]
        self.timed(self.client())
        self.assertEqual(self.gateway.stats()["ingress"]["connections"]["timed_out"], before + 1)
        self.gateway.wait_for_log(r"SMTP command timeout on connection from \[127\.0\.0\.1\]")


if __name__ == "__main__":
    run_tests()
