#!/usr/bin/env python3
"""The texts that policy/spf reads are what tests/conformance/spf/convert.py makes of the public suites."""

import os
import sys
import unittest

from runner import run_tests

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "spf")

try:
    import yaml  # noqa: F401
except ImportError:
    print("skipped: python3-yaml is not installed")
    sys.exit(77)
sys.path.insert(0, FOLDER)
import convert  # noqa: E402


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


class Suites(unittest.TestCase):

    def test_the_texts_are_the_suites(self):
        for suite in ("rfc7208-tests", "rfc4408-tests"):
            with self.subTest(suite):
                self.assertEqual(read(suite + ".txt"), convert.convert(read(suite + ".yml")),
                                 f"run convert.py {suite}.yml > {suite}.txt")

    def test_no_case_is_lost(self):
        for suite, cases in (("rfc7208-tests", 203), ("rfc4408-tests", 191)):
            lines = read(suite + ".txt").splitlines()
            self.assertEqual(sum(line.startswith("test\t") for line in lines), cases, suite)


if __name__ == "__main__":
    run_tests()
