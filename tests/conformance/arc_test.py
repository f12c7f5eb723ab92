#!/usr/bin/env python3
"""ARC: sealed mail, whole and with changes, RSA and Ed25519; see dkim/SOURCE.md."""

import unittest

from runner import run_tests
from support import arc_check
from support.dkim_check import read_sample

NOW = 1764300000


class Samples(unittest.TestCase):
    # Name, number of sets, domains, selector of the newest.
    SAMPLES = [
        ("arc-001.txt", 1, "google.com", "arc-20160816"),
        ("arc-002.txt", 2, "scamorza.org:manchego.org", "rsa"),
    ]

    def test_all_pass(self):
        for name, sets, domains, selector in self.SAMPLES:
            keys, message = read_sample(name)
            for piece in (1, 7, 65536):
                result = arc_check.verify(message, keys, NOW, piece=piece)
                self.assertEqual((result["status"], result["instances"], result["oldest_pass"]), ("pass", sets, 1), (name, result))
                self.assertEqual((result["domains"], result["sets"][-1]["selector"]), (domains, selector), name)

    def test_a_body_that_changed(self):
        for name, _, _, _ in self.SAMPLES:
            keys, message = read_sample(name)
            result = arc_check.verify(message + b"more\r\n", keys, NOW)
            self.assertEqual((result["status"], result["reason"]), ("fail", "AMS body hash miscompare"), name)

    def test_a_header_that_changed(self):
        for name, _, _, _ in self.SAMPLES:
            keys, message = read_sample(name)
            result = arc_check.verify(message.replace(b"\r\nFrom: ", b"\r\nFrom: x", 1), keys, NOW)
            self.assertEqual((result["status"], result["reason"]), ("fail", "AMS sig nonverify"), name)

    def test_results_that_changed(self):
        for name, sets, _, _ in self.SAMPLES:
            keys, message = read_sample(name)
            result = arc_check.verify(message.replace(b"dkim=pass", b"dkim=fail", 1), keys, NOW)
            self.assertEqual(result["status"], "fail", name)
            self.assertIn(f"seal sigverify error: i={sets} ", result["reason"], name)

    def test_without_its_key(self):
        for name, sets, _, _ in self.SAMPLES:
            _, message = read_sample(name)
            result = arc_check.verify(message, {}, NOW)
            self.assertEqual((result["status"], result["reason"]), ("fail", f"pubkey problem: i={sets} no public key record"), name)


if __name__ == "__main__":
    run_tests()
