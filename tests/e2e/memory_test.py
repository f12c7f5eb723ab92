#!/usr/bin/env python3
"""What an idle session costs: private memory at 10,000 sessions after EHLO less that at 1,000, divided by 9,000."""
# ctest: timeout=300 alone

import resource
import socket
import time
import unittest

from runner import run_tests
from support.case import GatewayTest
from support.gateway import until
from support.process import private_bytes

FEW, MANY = 1_000, 10_000
BYTES_MAX = 4096


class Memory(GatewayTest):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MANY + 500
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
        except (OSError, ValueError):
            raise unittest.SkipTest(f"{wanted} open files are not allowed, {hard} are") from None
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, max(hard, wanted)))
        self.sockets = []
        self.addCleanup(lambda: [one.close() for one in self.sockets])

    def grow(self, gateway, count):
        """Up to `count` sessions that have said EHLO and nothing since."""
        while len(self.sockets) < count:
            batch = []
            for _ in range(min(500, count - len(self.sockets))):
                one = socket.create_connection((gateway.address, gateway.port), timeout=30)
                self.sockets.append(one)
                batch.append(one)
            for one in batch:
                self.read_reply(one, b"220 ")
                one.sendall(b"EHLO client.example.net\r\n")
            for one in batch:
                self.read_reply(one, b"250 HELP")

    def read_reply(self, one, last):
        data = b""
        while not data.endswith(b"\r\n") or not data.splitlines()[-1].startswith(last):
            more = one.recv(4096)
            self.assertTrue(more, "closed")
            data += more

    def settled(self, pid):
        """Private memory once it no longer moves."""
        seen = [private_bytes(pid)]

        def still():
            time.sleep(0.1)
            seen.append(private_bytes(pid))
            return len(seen) > 5 and max(seen[-5:]) - min(seen[-5:]) < 64 * 1024
        until(still, what="memory that stays as it is")
        return seen[-1]

    def test_an_idle_session(self):
        gateway = self.gateway(command="ingress")
        pid = gateway.process.pid
        empty = self.settled(pid)
        self.grow(gateway, FEW)
        few = self.settled(pid)
        self.grow(gateway, MANY)
        many = self.settled(pid)
        self.assertEqual(gateway.stats()["ingress"]["connections"]["open"], MANY)
        each = (many - few) / (MANY - FEW)
        self.measured(f"private memory: {empty >> 10} KiB idle, {few >> 10} KiB at {FEW}, {many >> 10} KiB at {MANY} sessions: "
                      f"{each:.0f} bytes each")
        self.assertLessEqual(each, BYTES_MAX)

        # They are alive, and what they cost comes back, or is used by the next.
        self.sockets[-1].sendall(b"NOOP\r\n")
        self.read_reply(self.sockets[-1], b"250 ")
        for one in self.sockets:
            one.close()
        self.sockets.clear()
        until(lambda: gateway.stats()["ingress"]["connections"]["open"] == 0, what="the end of all sessions")
        self.grow(gateway, MANY)
        again = self.settled(pid)
        self.measured(f"a second {MANY}: {again >> 10} KiB")
        self.assertLess(again, many * 1.2 + (4 << 20))


if __name__ == "__main__":
    run_tests()
