#!/usr/bin/env python3
"""postern-load: what it says it sent is what the server got, whatever the server does."""
# ctest: smoke timeout=240

import collections
import ipaddress
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from runner import run_tests
from support.case import GatewayTest
from support.gateway import PROGRAM, free_port, own_address, until
from support.hop import Hop

LOAD = os.path.join(os.environ.get("POSTERN_BINARY_DIR", os.path.dirname(PROGRAM)), "postern-load")


def load(target, *options, status=0):
    """Runs it; its figures."""
    arguments = [LOAD, "--quiet", "--json", *map(str, options), target]
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if done.returncode != status or done.stderr:
        raise AssertionError(f"{' '.join(arguments)}: status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout)


def at(hop):
    return f"{hop.address}:{hop.port}"


class LoadTest(unittest.TestCase):
    def assert_account(self, figures):
        """Every message that was begun has ended in one way."""
        total = figures["total"]
        self.assertEqual(total["begun"], total["accepted"] + total["refused"] + total["lost"] + total["cut_off"], figures)


class AgainstPostern(GatewayTest, LoadTest):
    def test_accepted_is_stored(self):
        gateway = self.gateway()
        target = f"{gateway.address}:{gateway.port}"
        sent = 0
        for options in [("-p", 0), ("-p", 1), ("-p", 2), ("-p", 0, "--bdat"), ("-p", 1, "--bdat"), ("-p", 8, "--bdat"),
                        ("-m", 1), ("-m", 3, "-p", 2), ("-m", 1, "--rate", 500)]:
            with self.subTest(options):
                figures = load(target, "-n", 100, "-c", 8, "-s", 2048, *options)
                sent += 100
                self.assertEqual(figures["total"]["begun"], 100)
                self.assertEqual(figures["total"]["accepted"], 100)
                self.assertEqual(figures["total"]["accepted_bytes"], 100 * 2048)
                self.assertEqual(set(figures["failures"].values()), {0}, figures)
                self.assertEqual(figures["not_offered"], 0)
                step = "bdat" if "--bdat" in options else "message"
                self.assertEqual(figures["replies"][step], {"250": 100})
                if "-m" in options and options[1] == 1:
                    self.assertEqual(figures["total"]["connections"], 100)
        arrived = gateway.maildir().wait_for(sent)
        gateway.wait_for_log(" Completed$", count=sent)
        until(lambda: gateway.stats()["delivery"]["queue"]["messages"] == 0, what="an empty queue")
        self.assertEqual(len(gateway.maildir().paths()), sent)
        self.assertEqual(len(gateway.wait_for_log(r" <= sender@example\.test ")), sent)
        for message in arrived:
            self.assertEqual(len(message.original) + message.original.count(b"\n"), 2048)

    def test_every_size_of_a_range_is_stored(self):
        gateway = self.gateway()
        figures = load(f"{gateway.address}:{gateway.port}", "-n", 200, "-c", 5, "-s", "200-600:9,20k:1", "-p", 2)
        arrived = gateway.maildir().wait_for(200)
        sizes = [len(message.original) + message.original.count(b"\n") for message in arrived]
        self.assertEqual(sum(sizes), figures["total"]["accepted_bytes"])
        self.assertGreater(len(set(sizes)), 50)
        self.assertTrue(all(200 <= size <= 600 or size == 20480 for size in sizes))


class WhatIsSent(LoadTest):
    def test_a_count_is_exact(self):
        for options in [("-c", 1), ("-c", 7), ("-c", 50), ("-c", 7, "-m", 1), ("-c", 7, "-m", 4), ("-c", 7, "-p", 2)]:
            with self.subTest(options), Hop() as hop:
                figures = load(at(hop), "-n", 33, *options)
                self.assertEqual(len(hop.messages), 33)
                self.assertEqual((figures["total"]["begun"], figures["total"]["accepted"]), (33, 33))
                self.assertEqual(figures["accepted"] + 3, 33, "the first tenth is warm-up")
                self.assertEqual(figures["total"]["connections"], hop.connections)
                until(lambda: hop.commands.count("QUIT") == hop.connections, what="QUIT everywhere")

    def test_latencies_are_of_what_was_measured(self):
        with Hop() as hop:
            figures = load(at(hop), "-n", 40, "-c", 4, "--warmup", 50)
            self.assertEqual(figures["accepted"], 20)
            for which in ("final", "transaction"):
                latency = figures["latency_us"][which]
                self.assertEqual(latency["count"], 20)
                self.assertGreater(latency["p50"], 0)
                self.assertEqual(sorted(latency[name] for name in ("p50", "p90", "p99", "p999", "max")),
                                 [latency[name] for name in ("p50", "p90", "p99", "p999", "max")])
            self.assertLessEqual(figures["latency_us"]["final"]["p50"], figures["latency_us"]["transaction"]["p50"])

    def test_addresses_and_names(self):
        with Hop() as hop:
            load(at(hop), "-n", 3, "-c", 1, "-r", 2, "--from", "s%n@a.test", "--to", "%r.%n@b.test", "--helo", "me.test", "--no-quit")
            self.assertEqual([(one.sender, one.recipients) for one in hop.messages],
                             [(f"s{n}@a.test", [f"0.{n}@b.test", f"1.{n}@b.test"]) for n in range(3)])
            self.assertIn("EHLO me.test", hop.commands)
            self.assertNotIn("QUIT", hop.commands)
        with Hop() as hop:
            load(at(hop), "-n", 1, "--from", "")
            self.assertEqual([(one.sender, one.recipients) for one in hop.messages], [("", ["recipient0@example.test"])])

    def test_what_is_not_offered_is_not_used(self):
        with Hop(extensions=()) as hop:
            figures = load(at(hop), "-n", 5, "-c", 1, "-p", 4, "--bdat")
            self.assertEqual(figures["not_offered"], 1)
            self.assertEqual([one.chunked for one in hop.messages], [False] * 5)

    def test_a_unix_socket(self):
        class UnixHop(Hop):
            def start(self):
                self.listener = socket.socket(socket.AF_UNIX)
                self.listener.bind(self.address)
                self.listener.listen(10)
                threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()
                return self
        with tempfile.TemporaryDirectory() as folder, UnixHop(address=f"{folder}/smtp", port=1) as hop:
            figures = load(f"unix:{folder}/smtp", "-n", 5)
            self.assertEqual((len(hop.messages), figures["total"]["accepted"]), (5, 5))
            self.assertEqual(figures["target"], f"unix:{folder}/smtp")

    def test_ipv6(self):
        class Hop6(Hop):
            def start(self):
                self.listener = socket.socket(socket.AF_INET6)
                self.listener.bind(("::1", 0))
                self.port = self.listener.getsockname()[1]
                self.listener.listen(10)
                threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()
                return self
        with Hop6(port=1) as hop:
            self.assertEqual(load(f"[::1]:{hop.port}", "-n", 5)["total"]["accepted"], 5)
            self.assertEqual(len(hop.messages), 5)


class Refusals(LoadTest):
    def test_each_is_counted_by_its_code(self):
        def number(address):
            return int(address.split("@")[0][1:])
        for pipeline in (0, 1, 2):
            with self.subTest(pipeline=pipeline), Hop(
                    mail=lambda address: "451 4.7.1 later" if number(address) % 10 == 0 else None,
                    rcpt=lambda address: "550 5.1.1 nobody" if number(address) % 10 == 1 else None,
                    end=lambda taken: "452 4.3.1 full" if number(taken.sender) % 10 == 2 else None) as hop:
                figures = load(at(hop), "-n", 100, "-c", 5, "-p", pipeline, "--from", "s%n@a.test", "--to", "r%n@a.test")
                self.assert_account(figures)
                self.assertEqual(len(hop.messages), 70)
                self.assertEqual((figures["total"]["accepted"], figures["total"]["refused"]), (70, 30))
                self.assertEqual(figures["total"]["lost"], 0)
                replies = figures["replies"]
                self.assertEqual(replies["mail"], {"250": 90, "451": 10})
                self.assertEqual(replies["rcpt"]["550"], 10)
                self.assertEqual(replies["message"], {"250": 70, "452": 10})
                self.assertEqual(replies["rset"], {"250": 10})
                self.assertEqual(replies["rcpt"].get("503", 0), 10 if pipeline else 0)

    def test_nothing_accepted_is_a_failure(self):
        with Hop(end=lambda taken: "554 5.0.0 no") as hop:
            figures = load(at(hop), "-n", 5, status=1)
            self.assertEqual(figures["replies"]["message"], {"554": 5})


class BadServers(LoadTest):
    def test_one_that_hangs_up(self):
        ends = iter(range(10 ** 9))
        with Hop(end=lambda taken: "drop" if next(ends) % 3 == 2 else None) as hop:
            figures = load(at(hop), "-n", 30, "-c", 1)
            self.assert_account(figures)
            self.assertEqual((figures["total"]["accepted"], figures["total"]["lost"]), (20, 10))
            self.assertEqual(len(hop.messages), 20)
            self.assertEqual(figures["failures"]["closed"], 10)
            self.assertEqual(hop.connections, figures["total"]["connections"])

    def test_one_that_says_421(self):
        ends = iter(range(10 ** 9))
        with Hop(end=lambda taken: "421 4.3.2 bye" if next(ends) % 2 else None) as hop:
            figures = load(at(hop), "-n", 20, "-c", 1)
            self.assert_account(figures)
            self.assertEqual((figures["total"]["accepted"], figures["total"]["refused"]), (10, 10))
            self.assertEqual(figures["replies"]["message"], {"250": 10, "421": 10})
            self.assertEqual(figures["failures"]["shut_down"], 10)

    def test_one_that_talks_nonsense(self):
        for greeting, failure in [("HTTP/1.1 400 Bad Request", "malformed"), ("554 5.7.1 no", "greeting"), ("421 4.3.2 no", "shut_down"),
                                  ("2" * 100_000, "malformed")]:
            with self.subTest(greeting[:20]), Hop(greeting=greeting) as hop:
                figures = load(at(hop), "-c", 3, "-n", 5, "--give-up", 1, status=1)
                self.assertTrue(figures["gave_up"])
                self.assertEqual(figures["total"]["begun"], 0)
                self.assertGreater(figures["failures"][failure], 3, "it was tried again")
                # A stranger's storm of new connections would be larger by orders of magnitude.
                self.assertLess(hop.connections, 3 * 60)

    def test_nobody_there(self):
        address = own_address()
        figures = load(f"{address}:{free_port(address)}", "-n", 5, "--give-up", 1, status=1)
        self.assertTrue(figures["gave_up"])
        self.assertGreater(figures["failures"]["connect"], 3)

    def test_one_that_falls_silent(self):
        silent = threading.Event()
        self.addCleanup(silent.set)
        with Hop(end=lambda taken: silent.wait(60) and "drop") as hop:
            figures = load(at(hop), "-c", 2, "-n", 2, "--timeout", 1, status=1)
            self.assert_account(figures)
            self.assertEqual((figures["total"]["lost"], figures["failures"]["timed_out"]), (2, 2))

    def test_one_that_answers_without_reading(self):
        class Blind(Hop):
            def converse(self, connection, lines, number):
                connection.sendall(b"220 hop\r\n250-hop\r\n250 PIPELINING\r\n")
                while True:
                    connection.sendall(b"250 mail\r\n250 rcpt\r\n354 data\r\n250 taken\r\n" * 100)
        with Blind() as hop:
            figures = load(at(hop), "-c", 1, "-s", "20k", "-t", 5, "--timeout", 1)
            self.assert_account(figures)
            self.assertGreater(figures["failures"]["timed_out"], 0)
            # No more is queued for it than 4 MiB, beside what the kernel takes.
            self.assertLess(figures["total"]["begun"] * 20480, figures["total"]["connections"] * (4 + 16) * 1024 * 1024)

    def test_one_that_comes_late(self):
        """The load waits for its server, which is not there when it begins."""
        hop = Hop()
        self.addCleanup(hop.stop)
        late = threading.Thread(target=lambda: (time.sleep(0.5), hop.start()))
        late.start()
        figures = load(at(hop), "-n", 10, "-c", 2)
        late.join()
        self.assertEqual(figures["total"]["accepted"], 10)
        self.assertGreater(figures["failures"]["connect"], 0)


class OpenLoop(LoadTest):
    def test_the_rate_decides_the_count(self):
        with Hop() as hop:
            figures = load(at(hop), "-c", 10, "--rate", 50, "--time", 2)
            self.assert_account(figures)
            self.assertEqual(figures["total"]["begun"] + figures["not_started"], 100)
            self.assertEqual(figures["total"]["accepted"], figures["total"]["begun"])
            self.assertEqual(len(hop.messages), figures["total"]["accepted"])
            self.assertEqual(figures["arrivals"], "even")

    def test_poisson(self):
        with Hop() as hop:
            figures = load(at(hop), "-c", 10, "--rate", 200, "--arrivals", "poisson", "-n", 60, "-m", 1)
            self.assertEqual((figures["total"]["accepted"], len(hop.messages), hop.connections), (60, 60, 60))

    def test_a_server_that_is_too_slow_shows(self):
        """One connection, and each message takes at least 20 ms: ten times as many are due."""
        with Hop(end=lambda taken: time.sleep(0.02)) as hop:
            figures = load(at(hop), "-c", 1, "--rate", 500, "--time", 1, "--warmup", 0)
            self.assertEqual(figures["total"]["begun"] + figures["not_started"], 500)
            self.assertGreaterEqual(figures["not_started"], 450)
            self.assertEqual(len(hop.messages), figures["total"]["accepted"])
            # The n-th message was due after 2n ms and could not begin before 20n ms.
            last = (figures["total"]["accepted"] - 1) * 18_000
            self.assertGreaterEqual(figures["latency_us"]["transaction"]["max"], last)

    def test_a_pipeline_fills_when_messages_are_due(self):
        with Hop() as hop:
            figures = load(at(hop), "-c", 2, "--rate", 400, "-n", 100, "-p", 4, "--bdat")
            self.assertEqual((figures["total"]["accepted"], len(hop.messages)), (100, 100))


class ProxyHop(Hop):
    """Reads so many bytes, or a line, before it greets."""

    def __init__(self, header_bytes=None, **more):
        super().__init__(**more)
        self.header_bytes = header_bytes
        self.headers = []

    def serve(self, connection, number):
        header = b""
        while not (len(header) == self.header_bytes if self.header_bytes else header.endswith(b"\r\n")):
            byte = connection.recv(1)
            if not byte:
                return
            header += byte
        self.headers.append(header)
        super().serve(connection, number)


class ProxyHeader(LoadTest):
    SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

    def test_version_2(self):
        with ProxyHop(28) as hop:
            figures = load(at(hop), "-n", 40, "-m", 1, "--proxy", "v2", "--proxy-from", "203.0.113.0/28")
            self.assertEqual(figures["total"]["accepted"], 40)
            self.assertEqual(len(hop.headers), 40)
            clients = collections.Counter()
            for header in hop.headers:
                self.assertEqual(header[:16], self.SIGNATURE + b"\x21\x11\x00\x0c")
                clients[ipaddress.ip_address(header[16:20])] += 1
                self.assertEqual(header[20:24], socket.inet_aton(hop.address))
                self.assertGreaterEqual(int.from_bytes(header[24:26], "big"), 1024)
                self.assertEqual(int.from_bytes(header[26:28], "big"), hop.port)
            self.assertTrue(all(client in ipaddress.ip_network("203.0.113.0/28") for client in clients))
            self.assertGreater(len(clients), 5)

    def test_version_2_with_ipv6_clients(self):
        with ProxyHop(52) as hop:
            load(at(hop), "-n", 5, "-m", 1, "--proxy", "v2", "--proxy-from", "2001:db8:7::/48")
            for header in hop.headers:
                self.assertEqual(header[:16], self.SIGNATURE + b"\x21\x21\x00\x24")
                self.assertIn(ipaddress.ip_address(header[16:32]), ipaddress.ip_network("2001:db8:7::/48"))
                self.assertEqual(header[32:48], socket.inet_pton(socket.AF_INET6, "::1"))

    def test_version_1(self):
        with ProxyHop() as hop:
            load(at(hop), "-n", 5, "-m", 1, "--proxy", "v1", "--proxy-from", "203.0.113.7")
            self.assertEqual(len(hop.headers), 5)
            for header in hop.headers:
                self.assertRegex(header.decode(), rf"\APROXY TCP4 203\.0\.113\.7 {hop.address} \d{{4,5}} {hop.port}\r\n\Z")


class SlowPeers(LoadTest):
    def test_they_count_for_themselves(self):
        with Hop() as hop:
            figures = load(at(hop), "-c", 6, "--slow", 50, "--slow-send", 3000, "--slow-read", 5000, "-s", 500, "-n", 2000, "-t", 4)
            self.assert_account(figures)
            slow = figures["slow"]
            self.assertEqual(slow["peers"], 3)
            self.assertEqual(slow["begun"], slow["accepted"] + slow["refused"] + slow["lost"] + slow["cut_off"])
            self.assertGreater(slow["begun"], 0)
            self.assertLessEqual(figures["total"]["begun"], 2000)
            accepted = figures["total"]["accepted"] + slow["accepted"]
            # The end of a text may have been on its way when its sender was cut off.
            self.assertGreaterEqual(len(hop.messages), accepted)
            self.assertLessEqual(len(hop.messages), accepted + slow["cut_off"])


class TheProgram(LoadTest):
    def test_a_signal_ends_it_in_good_order(self):
        with Hop() as hop:
            process = subprocess.Popen([LOAD, "--json", "-q", "-c", "3", "-t", "600", at(hop)], stdout=subprocess.PIPE, text=True)
            until(lambda: len(hop.messages) > 5, what="some messages")
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=60)
            figures = json.loads(output)
            self.assertEqual(process.returncode, 0)
            self.assertTrue(figures["interrupted"])
            self.assert_account(figures)
            self.assertEqual(figures["total"]["accepted"], len(hop.messages))

    def test_progress_and_text(self):
        with Hop() as hop:
            cpu = max(os.sched_getaffinity(0))
            done = subprocess.run([LOAD, "-c", "2", "-t", "2.5", "--cpu", str(cpu), at(hop)], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stderr, r"^ +\d\.\d s +\d+ msg/s  p50 \S+ ms  p99 \S+ ms  2 connections  0 refused  0 lost  0 failures\n")
            self.assertRegex(done.stdout, r"accepted +\d+ +\S+/s")
            self.assertRegex(done.stdout, rf"messages +{len(hop.messages)} begun, {len(hop.messages)} accepted, 0 refused")

    def test_mistakes_on_the_command_line(self):
        for arguments, wanted in [([], "no target"), (["127.0.0.1", "-c", "x"], "from 1 to 20000"), (["127.0.0.1", "--fly"], "unknown option"),
                                  (["127.0.0.1", "--cpu", "1000"], "--cpu"), (["127.0.0.1", "--source", "::1"], "family")]:
            done = subprocess.run([LOAD, *arguments], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 64, done.stderr)
            self.assertIn(wanted, done.stderr)
        done = subprocess.run([LOAD, "--help"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0)
        for option in ("--rate", "--size", "--proxy", "--json"):
            self.assertIn(option, done.stdout)


if __name__ == "__main__":
    run_tests()
