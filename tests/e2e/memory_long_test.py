#!/usr/bin/env python3
"""Memory over a million messages, and under more large messages at once than fit into it."""
# ctest: full alone timeout=1500

import json
import os
import subprocess
import time

from runner import run_tests
from support.case import GatewayTest
from support.gateway import PROGRAM, until
from support.process import private_bytes

LOAD = os.path.join(os.environ.get("POSTERN_BINARY_DIR", os.path.dirname(PROGRAM)), "postern-load")
MIB = 1 << 20
# docs/limits.md: messages that arrive, receive buffers, commit batches and the log's ring of a shard; and the process itself.
CAP_OF_A_SHARD = 256 * MIB + 40 * MIB + 8 * MIB + 1 * MIB
CAP_BESIDE = 64 * MIB


class LongMemory(GatewayTest):
    def load(self, gateway, *options):
        return subprocess.Popen([LOAD, "--quiet", "--json", *map(str, options), f"{gateway.address}:{gateway.port}"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def settled(self, pid):
        seen = []

        def still():
            seen.append(private_bytes(pid))
            time.sleep(0.1)
            return len(seen) > 20 and max(seen[-20:]) - min(seen[-20:]) < 64 * 1024
        until(still, what="memory that stays as it is")
        return seen[-1]

    def test_after_a_million_messages(self):
        gateway = self.gateway("spool_preallocate = 64M\n", command="ingress")
        pid = gateway.process.pid
        sizes = []
        for count in (100_000, 900_000):
            client = self.load(gateway, "-c", 100, "-n", count)
            figures = json.loads(client.communicate(timeout=900)[0])
            self.assertEqual(figures["total"]["accepted"], count)
            sizes.append(self.settled(pid))
        self.measured("private KiB after 100,000 and 1,000,000 messages: " + ", ".join(str(size >> 10) for size in sizes))
        self.assertLessEqual(sizes[1], sizes[0] * 1.02)

    def test_a_thousand_large_messages_at_once(self):
        gateway = self.gateway("message_size_limit = 60M\n", command="ingress")
        pid = gateway.process.pid
        client = self.load(gateway, "-c", 1000, "-s", "50m", "-t", 3600, "--timeout", 3600)
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        largest = pinned = sessions = 0
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            largest = max(largest, private_bytes(pid))
            stats = gateway.stats()["ingress"]
            pinned = max(pinned, stats["pinned_bytes"])
            sessions = max(sessions, stats["large_messages"]["open"])
            if sessions > 950 and stats["large_messages"]["writes"] > 20_000:
                break  # some gigabytes: it has shown what it does
            time.sleep(0.2)
        client.kill()
        self.measured(f"{sessions} side files at once, largest private size {largest >> 20} MiB, held by messages {pinned >> 20} MiB, "
                      f"{stats['large_messages']['writes']} writes")
        self.assertGreater(sessions, 950)  # some have just begun, or ended, at any look
        self.assertLessEqual(largest, stats["shards"] * CAP_OF_A_SHARD + CAP_BESIDE)
        self.assertEqual(stats["refused"]["storage"] + stats["refused"]["low_space"], 0)
        begun = time.monotonic()
        until(lambda: gateway.stats()["ingress"]["large_messages"]["open"] == 0, seconds=240, what="the end of all side files")
        self.measured(f"{time.monotonic() - begun:.0f} s until the last was removed")
        for shard in os.listdir(gateway.path("spool", "ingress")):
            left = gateway.path("spool", "ingress", shard, "large")
            self.assertEqual(os.listdir(left) if os.path.isdir(left) else [], [])


if __name__ == "__main__":
    run_tests()
