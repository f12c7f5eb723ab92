#!/usr/bin/env python3
"""The whole gateway on a disk that is slow or fails, by the developer's switch: it is said on every start, a mistake in it starts
nothing, and what is answered 250 arrives whatever the disk refuses."""

import os
import subprocess

from runner import run_tests
from support.case import GatewayTest
from support.gateway import PROGRAM, until
from support.load import Load, TOKEN

DELAY = "POSTERN_TEST_FLUSH_DELAY_US"
FAULTS = "POSTERN_TEST_DISK_FAULTS"


class FaultyDisk(GatewayTest):
    def check(self, gateway, load):
        until(lambda: len(gateway.maildir().paths()) >= len(load.accepted), seconds=60, what="all that was answered 250")
        until(lambda: gateway.stats()["delivery"]["queue"]["messages"] == 0, what="an empty queue")
        arrived = [TOKEN.search(message.bytes).group(1).decode() for message in gateway.maildir().messages()]
        self.assertEqual(sorted(set(load.accepted) - set(arrived)), [], "answered 250, and missing")
        self.assertEqual(len(arrived), len(set(arrived)), "one arrived twice")
        self.assertEqual(sorted(set(arrived) - set(load.accepted) - load.doubtful), [], "arrived, and was refused")
        self.measured(f"{len(load.accepted)} answered 250, {len(load.refused)} refused")

    def test_a_slow_disk(self):
        gateway = self.gateway(environment={DELAY: "3000"})
        for text in (gateway.stderr(), gateway.wait_for_log("THIS IS A TEST")[0], gateway.wait_for_log("THIS IS A TEST", name="panic")[0]):
            self.assertIn("THIS IS A TEST, not for real mail: each flush of the disk takes 3000 us longer", text)
        load = Load(gateway, clients=20).start()
        until(lambda: len(load.accepted) > 400, what="400 messages")
        load.stop()
        stats = gateway.stats()["ingress"]
        self.assertEqual(load.refused, [])
        self.check(gateway, load)
        self.measured(f"{stats['spool']['batches']} batches for {stats['spool']['commits']} messages")

    def test_a_disk_that_fails_now_and_then(self):
        faults = "durable:EIO:skip=40,durable:short:skip=70,durable:ENOSPC:skip=100:lands,sync:EIO:skip=3,directory:EIO:skip=12"
        gateway = self.gateway(environment={FAULTS: faults}, main="spool_preallocate = 64M")
        load = Load(gateway, clients=6, pause=0.001).start()
        until(lambda: len(load.refused) > 0, what="an answer other than 250")
        before = len(load.accepted)
        until(lambda: len(load.accepted) > before + 300, what="mail being taken after the disk failed")
        load.stop()
        self.assertEqual({reply.code for reply in load.refused} - {451, 452}, set())
        self.check(gateway, load)

    def test_a_mistake_starts_nothing(self):
        gateway = self.gateway(start=False)
        for name, value, word in ((DELAY, "5ms", "microseconds"), (DELAY, "", "microseconds"), (FAULTS, "durable:EPERM", "EPERM")):
            for command in ("run", "ingress", "deliver"):
                done = subprocess.run([PROGRAM, command, "-c", gateway.config_path], env=dict(os.environ, **{name: value}), timeout=20,
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 64, done.stderr)
                self.assertIn(f"environment variable {name}: ", done.stderr)
                self.assertIn(word, done.stderr)


if __name__ == "__main__":
    run_tests()
