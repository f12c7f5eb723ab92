#!/usr/bin/env python3
"""The examples of the historic documents, one file each in tests/data/seeds, named by the claim they show: each loads, or is refused by
the names of what is not built yet, and NOT_BUILT says which. The table is exact in both directions."""

import glob
import os
import re
import subprocess
import unittest

from runner import run_tests

PROGRAM = os.environ["POSTERN_BIN"]
FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data/seeds")

# Example -> what it names that is not built yet.
NOT_BUILT = {
    "S012": ["control = bmi_run"],
    "S018": ["bmi_dont_deliver"],
    "S019": ["bmi_rule"],
    "S020": ["check_local_user", "headers_add"],
    "S021": ["check_local_user", "headers_add"],
    "S025": ["bmi_optin", "control = bmi_run"],
    "S052": ["srs", "srs_alias", "srs_condition", "srs_dbinsert", "srs_dbselect"],
    "S182": ["hosts_require_dane"],
    "S200": ["queuefile"],
    "S233": ["control = requiretls"],
    "S245": ["$sending_ip_address"],
}

REFUSAL = re.compile(r".*?:\d+:\d+: (.*)")


def examples():
    return sorted(os.path.basename(path)[:-5] for path in glob.glob(os.path.join(FOLDER, "*.conf")))


def check(example):
    done = subprocess.run([PROGRAM, "check", "-c", os.path.join(FOLDER, example + ".conf")], capture_output=True, text=True, timeout=60,
                          check=False)
    lines = (done.stdout + done.stderr).splitlines()
    errors = [found.group(1) for line in lines if (found := REFUSAL.match(line)) and not found.group(1).startswith("warning:")]
    return done.returncode, errors, lines


NAMES = [
    re.compile(r'the driver "(\w+)" of '),
    re.compile(r"((?:control|verify) = \w+) cannot be used"),
    re.compile(r'"(\w+)" cannot be used'),
    re.compile(r"(\$\w+|\$\{\w+\.\.\.\}) cannot be used"),
    re.compile(r"(lookups) are not built yet"),
    re.compile(r'the driver "(\w+)"'),
]


def names_of(errors):
    """What each error says is not built; the error itself where it says something else."""
    found = set()
    for error in errors:
        names = [match.group(1) for name in NAMES if (match := name.match(error))]
        found.add(names[0] if names else error)
    return sorted(found)


class Seeds(unittest.TestCase):
    def test_every_example_loads_or_names_what_is_missing(self):
        for example in examples():
            with self.subTest(example):
                status, errors, lines = check(example)
                self.assertIn(status, (0, 78), lines)
                self.assertEqual(status == 78, bool(errors), lines)
                self.assertEqual(names_of(errors), sorted(NOT_BUILT.get(example, [])), lines)

    def test_the_table_names_only_examples(self):
        self.assertEqual(sorted(set(NOT_BUILT) - set(examples())), [])

    def test_examples_are_named_by_their_claims(self):
        for example in examples():
            self.assertRegex(example, r"^S\d{3}(-\w+)?$")

    def test_what_is_written_the_old_way_warns_of_the_new_one(self):
        for example, old, new in [("S130", '"proxy_required_hosts"', '"hosts_proxy"'), ("S088", "without $", "acl_m_quarantine =")]:
            _, _, lines = check(example)
            self.assertTrue(any("warning:" in line and old in line and new in line for line in lines), (example, lines))


if __name__ == "__main__":
    run_tests()
