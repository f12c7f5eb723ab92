#!/usr/bin/env python3
"""The end: what clients see when the service stops, and how long it takes."""
# ctest: timeout=180

import signal
import time

from runner import run_tests
from support.case import GatewayTest
from support.gateway import is_alive, is_listening, until
from support.messages import plain
from support.smtp import Closed

STOPPED = "gateway.example.org: Service not available - closing connection"


class Stop(GatewayTest):
    def test_idle(self):
        for command in ("ingress", "run"):
            gateway = self.gateway(command=command)
            with self.subTest(command):
                took = gateway.stop()
                self.measured(f"`{command}` listened {gateway.start_seconds * 1000:.0f} ms after its start and ended {took * 1000:.0f} ms "
                              "after SIGTERM")
                self.assertLess(took, 5)
                self.assertFalse(is_listening(gateway.address, gateway.port))

    def test_idle_sessions_are_told_at_once(self):
        gateway = self.gateway(command="ingress")
        greeted = gateway.client()
        helo = gateway.client(helo="client.example.net")
        sent = gateway.client(helo="client.example.net")
        sent.deliver(plain())
        begun = time.monotonic()
        gateway.signal(signal.SIGTERM)
        for name, client, codes in (("greeted", greeted, ""), ("after EHLO", helo, "4.3.2 "), ("after a message", sent, "4.3.2 ")):
            with self.subTest(name):
                self.assertEqual(client.reply().raw.decode(), f"421 {codes}{STOPPED}\r\n")
                self.assertEqual(client.rest(), b"")
        took = time.monotonic() - begun
        self.measured(f"all were told within {took * 1000:.0f} ms")
        self.assertLess(took, 5)
        self.assertEqual(gateway.wait(), 0)

    def test_open_transactions_may_end(self):
        gateway = self.gateway(command="ingress")
        clients = []
        for _ in range(3):
            client = gateway.client(helo="client.example.net")
            client.envelope("a@example.net", ["b@example.org"])
            clients.append(client)
        clients[1].expect("DATA", 354)
        clients[1].send(b"Subject: x\r\n")
        clients[2].send(b"BDAT 4\r\nSubj").reply()
        other = gateway.client(helo="client.example.net")
        gateway.signal(signal.SIGTERM)
        self.assert_reply(other.reply(), 421)
        # They end what they began, and then there is no more to be had.
        self.assert_reply(clients[0].data(plain()), 250)
        clients[1].send(b"\r\nx\r\n.\r\n")
        self.assert_reply(clients[1].reply(), 250)
        clients[2].send(b"BDAT 10 LAST\r\nect: x\r\n\r\n")
        self.assert_reply(clients[2].reply(), 250)
        for client in clients:
            self.assertEqual(client.reply().raw.decode(), f"421 4.3.2 {STOPPED}\r\n")
            self.assertEqual(client.rest(), b"")
        self.assertEqual(gateway.wait(), 0)
        # Also the last words reach the log.
        self.assertEqual(gateway.log().count(" <= a@example.net "), 3)

    def test_no_new_connections(self):
        """Whoever comes while the last transactions end is refused, and not left to wait."""
        for command in ("ingress", "run"):
            gateway = self.gateway(command=command)
            with self.subTest(command):
                client = gateway.client(helo="client.example.net")
                client.envelope("a@example.net", ["b@example.org"])
                gateway.signal(signal.SIGTERM)
                until(lambda: not is_listening(gateway.address, gateway.port), seconds=3, what="the end of listening")
                with self.assertRaises(OSError):
                    gateway.client()
                self.assert_reply(client.data(plain()), 250)
                self.assertEqual(gateway.wait(), 0)

    def test_open_transactions_have_bounded_time(self):
        gateway = self.gateway(command="ingress")
        client = gateway.client(helo="client.example.net")
        client.envelope("a@example.net", ["b@example.org"])
        begun = time.monotonic()
        gateway.signal(signal.SIGTERM)
        reply = client.reply(30)
        took = time.monotonic() - begun
        self.measured(f"an open transaction was cut off after {took:.1f} s")
        self.assertEqual(reply.raw.decode(), f"421 4.3.2 {STOPPED}\r\n")
        self.assertGreater(took, 5)
        self.assertLess(took, 25)
        self.assertEqual(gateway.wait(), 0)

    def test_the_second_signal_stops_at_once(self):
        for command in ("ingress", "run"):
            gateway = self.gateway(command=command)
            with self.subTest(command):
                children = list(gateway.children().values())
                client = gateway.client(helo="client.example.net")
                client.envelope("a@example.net", ["b@example.org"])
                gateway.signal(signal.SIGTERM)
                self.assertTrue(client.is_silent(0.5), client.buffer)
                self.assertIsNone(gateway.process.poll())
                begun = time.monotonic()
                gateway.signal(signal.SIGTERM)
                gateway.wait()
                took = time.monotonic() - begun
                self.measured(f"`{command}` ended {took * 1000:.0f} ms after the second SIGTERM")
                self.assertLess(took, 4)
                until(lambda: not any(map(is_alive, children)), what="the end of the children")
                with self.assertRaises((Closed, OSError)):
                    client.reply()

    def test_stop_under_load_loses_nothing(self):
        gateway = self.gateway(command="ingress")
        clients = [gateway.client(helo="client.example.net") for _ in range(20)]
        accepted = []
        for number, client in enumerate(clients):
            client.envelope("a@example.net", ["b@example.org"])
            client.expect("DATA", 354)
        gateway.signal(signal.SIGTERM)
        for client in clients:
            client.send(b"x\r\n.\r\n")
        for client in clients:
            reply = client.reply()
            self.assert_reply(reply, 250)
            accepted.append(reply.id)
        self.assertEqual(gateway.wait(), 0)
        for message in accepted:
            self.assertIn(f"{message} <= ", gateway.log())


if __name__ == "__main__":
    run_tests()
