#!/usr/bin/env python3
"""kill -9 of each process at random moments under load: nothing that was answered 250 is missing.

POSTERN_CRASH_ROUNDS sets how often is killed (6; 20 where POSTERN_FULL=1), POSTERN_CRASH_SEED when.
"""
# ctest: timeout=600

import collections
import os
import random
import time

from runner import run_tests
from support.case import GatewayTest
from support.gateway import until
from support.hop import Hop, TRANSPORTS, routers
from support.load import Load, TOKEN, message_of
from support.maildir import RECEIVED

ROUNDS = int(os.environ.get("POSTERN_CRASH_ROUNDS", "20" if os.environ.get("POSTERN_FULL") == "1" else "6"))
SEED = int(os.environ.get("POSTERN_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)

# What dies in a round, in turn: each of the halves, both at once, and `run` itself with both.
VICTIMS = [("ingress",), ("deliver",), ("ingress", "deliver"), ("run",)]


class Kill(GatewayTest):
    def rounds(self, gateway, load, victims=VICTIMS):
        moments = random.Random(SEED)
        self.measured(f"seed {SEED} (POSTERN_CRASH_SEED), {ROUNDS} rounds")
        outages = []
        for number in range(ROUNDS):
            time.sleep(moments.uniform(0.3, 1.5))
            killed = victims[number % len(victims)]
            for name in killed:
                gateway.kill9(name)
            before = len(load.accepted)
            begun = time.monotonic()
            if "run" in killed:
                gateway.start()
            until(lambda: len(load.accepted) > before + 5, what=f"mail being taken after kill -9 of {' and '.join(killed)} in round {number}")
            outages.append(f"{'+'.join(killed)} {time.monotonic() - begun:.2f}")
        self.measured("s until mail was taken again: " + ", ".join(outages))

    def check(self, gateway, load, arrived):
        """`arrived()` gives (token, id, the bytes behind our Received: field) for everything that arrived."""
        missing = []

        def all_there():
            found = {token for token, _, _ in arrived()}
            missing[:] = [f"{token} {message}" for token, (message, _) in load.accepted.items() if token not in found]
            return not missing
        begun = time.monotonic()
        try:
            until(all_there, seconds=60)
        except AssertionError:
            raise AssertionError(f"{len(missing)} of {len(load.accepted)} messages answered 250 are missing: {missing[:20]}") from None
        until(lambda: gateway.stats()["delivery"]["queue"]["messages"] == 0, seconds=60, what="an empty queue")

        drained = time.monotonic() - begun

        copies = collections.Counter()
        by_id = {}
        for token, message, text in arrived():
            copies[token] += 1
            by_id.setdefault(message, set()).add(token)
            if token in load.accepted:
                expected_id, size = load.accepted[token]
                self.assertEqual(message, expected_id)
                self.assertEqual(text, message_of(token, size).replace(b"\r\n", b"\n"), token)
            else:
                self.assertIn(token, load.doubtful, "arrived, and was refused")
        self.assertEqual({message: tokens for message, tokens in by_id.items() if len(tokens) > 1}, {}, "one id for two messages")
        self.assertEqual(len({message for message, _ in load.accepted.values()}), len(load.accepted), "one id was given twice")
        duplicates = {token: count for token, count in copies.items() if count > 1}
        names = [f"{token} {load.accepted.get(token, ('?', 0))[0]} x{count}" for token, count in list(duplicates.items())[:10]]
        self.measured(f"{len(load.accepted)} messages answered 250, none missing; {len(duplicates)} arrived more than once {names}; of "
                      f"{len(load.doubtful)} without an answer {sum(token in copies for token in load.doubtful)} arrived; "
                      f"{len(load.refused)} refused; the queue was empty after {drained:.1f} s")
        return duplicates

    def in_maildir(self, gateway):
        cache = {}

        def arrived():
            for message in gateway.maildir().paths():
                if message not in cache:
                    with open(message, "rb") as file:
                        data = file.read()
                    cache[message] = self.taken_apart(data)
            return list(cache.values())
        return arrived

    def taken_apart(self, data):
        found = RECEIVED.match(data)
        self.assertIsNotNone(found, data[:300])
        text = data[found.end():].replace(b"\r\n", b"\n")
        return TOKEN.search(text).group(1).decode(), found.group(1).decode(), text

    def test_into_a_maildir(self):
        # What a kill can take away does not depend on the disk below; to remove thousands of files from one does.
        gateway = self.gateway(mail_in="/dev/shm")
        load = Load(gateway, clients=6, seed=SEED, pause=0.002).start()
        self.rounds(gateway, load)
        load.stop()
        # A maildir has its files by name: not even a crash makes two of one.
        self.assertEqual(self.check(gateway, load, self.in_maildir(gateway)), {})

    def test_to_a_next_hop(self):
        with Hop() as hop:
            gateway = self.gateway(routers=routers(hop), transports=TRANSPORTS)
            load = Load(gateway, clients=4, seed=SEED + 1, sizes=(0, 200, 2000), pause=0.01).start()
            self.rounds(gateway, load, [("deliver",), ("ingress", "deliver"), ("run",)])
            load.stop()
            duplicates = self.check(gateway, load, lambda: [self.taken_apart(one.data) for one in list(hop.messages)])
            # Only what was on its way when delivery was killed can come twice, and that is said.
            self.assertLessEqual(len(duplicates), 20 * ROUNDS)
            log = gateway.log()
            untold = [load.accepted[token][0] for token in duplicates if token in load.accepted and
                      f"{load.accepted[token][0]} possible duplicate" not in log]
            self.measured(f"{len(untold)} of them were not logged as possible duplicates {untold[:10]}")
            self.assertEqual(untold, [])

    def test_killed_while_nothing_is_read(self):
        """Mail that is accepted while delivery cannot get rid of it lies in the spool through any number of deaths."""
        hop = Hop()
        gateway = self.gateway(routers=routers(hop), transports=TRANSPORTS)
        load = Load(gateway, clients=4, seed=SEED + 2, sizes=(0, 2000)).start()
        until(lambda: len(load.accepted) > 200, what="200 messages")
        load.stop()
        for victims in (("ingress",), ("deliver",), ("run",), ("run",)):
            for name in victims:
                gateway.kill9(name)
            if "run" in victims:
                gateway.start()
        with hop:
            self.check(gateway, load, lambda: [self.taken_apart(one.data) for one in list(hop.messages)])


if __name__ == "__main__":
    run_tests()
