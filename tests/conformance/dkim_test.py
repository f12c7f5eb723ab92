#!/usr/bin/env python3
"""DKIM: the examples of RFC 6376 and RFC 8463 and signed mail of large senders, each whole and with changes; see dkim/SOURCE.md."""

import unittest

from runner import run_tests
from support import dkim_check
from support.dkim_check import read_sample


class Samples(unittest.TestCase):
    # Name, time of verifying, and for each signature from the top: domain, algorithm, bits of the key.
    SAMPLES = [
        ("rfc6376-a.txt", 1764300000, [("example.com", "rsa-sha256", 1024)]),
        ("001.txt", 1764300000, [("football.example.com", "ed25519-sha256", 256), ("football.example.com", "rsa-sha256", 1024)]),
        ("002.txt", 1764300000, [("example.com", "rsa-sha256", 1024)]),
        ("003.txt", 1764300000, [("ietf.org", "rsa-sha256", 1024)] * 2),
        ("004.txt", 1764300000, [("facebookmail.com", "rsa-sha256", 1024)]),
        ("005.txt", 1667900000, [("topicbox.com", "rsa-sha256", 1024)]),
        ("006.txt", 1764300000, [("github.com", "rsa-sha256", 1024)]),
    ]

    def test_all_pass(self):
        for name, now, expected in self.SAMPLES:
            keys, message = read_sample(name)
            for piece in (1, 7, 65536):
                results = dkim_check.verify(message, keys, now, piece=piece)
                found = [(result["domain"], result["algorithm"], result["key_bits"]) for result in results]
                self.assertEqual([result["status"] for result in results], ["pass"] * len(expected), (name, results))
                self.assertEqual([(domain, algorithm) for domain, algorithm, _ in found],
                                 [(domain, algorithm) for domain, algorithm, _ in expected], name)
                for (_, algorithm, bits), (_, _, wanted) in zip(found, expected):
                    if algorithm.startswith("rsa"):
                        self.assertEqual(bits, wanted, name)

    def test_a_body_that_changed(self):
        for name, now, expected in self.SAMPLES:
            keys, message = read_sample(name)
            results = dkim_check.verify(message + b"more\r\n", keys, now)
            self.assertEqual([result["reason"] for result in results], ["bodyhash_mismatch"] * len(expected), name)

    def test_a_header_that_changed(self):
        for name, now, expected in self.SAMPLES:
            keys, message = read_sample(name)
            changed = message.replace(b"\r\nFrom: ", b"\r\nFrom: x", 1)
            self.assertNotEqual(changed, message)
            results = dkim_check.verify(changed, keys, now)
            self.assertEqual([result["reason"] for result in results], ["signature_incorrect"] * len(expected), name)

    def test_a_signature_that_has_expired(self):
        keys, message = read_sample("005.txt")
        self.assertEqual(dkim_check.verify(message, keys)[0]["text"], "signature expired")

    def test_signatures_under_arc(self):
        # Lists changed these on their way; what an ARC chain says of them is another matter.
        keys, message = read_sample("arc-002.txt")
        self.assertEqual([result["status"] for result in dkim_check.verify(message, keys)], ["pass"])
        keys, message = read_sample("arc-001.txt")
        results = dkim_check.verify(message, keys)
        self.assertEqual([result["domain"] for result in results], ["ietf.org", "ietf.org", "stalw.art"])

    def test_without_its_key(self):
        _, message = read_sample("003.txt")
        for result in dkim_check.verify(message, {}):
            self.assertEqual((result["status"], result["reason"], result["authres"]),
                             ("invalid", "pubkey_unavailable", "permerror"))


if __name__ == "__main__":
    run_tests()
