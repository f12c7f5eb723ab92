#!/usr/bin/env python3
"""Expansions (expansions.txt) by `postern expand` and by a live Exim: results and failure texts.

Every difference is named in that file with its reason, and there are no others. What Exim says stands there too, so that it can be read,
and so that postern is compared where no Exim is at hand; where one is, it must say that.
"""

import os
import re
import subprocess
import tempfile
import unittest

from peers.exim import HEAVY, Exim
from runner import run_tests

PROGRAM = os.environ["POSTERN_BIN"]
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expansions.txt")
CONFIGURATION = "primary_hostname = peer.example\nspool_directory = {home}/spool\nlog_file_path = {home}/%slog\n"
ENVIRONMENT = "add_environment = ADDED=a=b : EMPTIED= : GONE\n"
REFUSED = re.compile(r"Failed: .*(cannot be used|not built)")
AT_LEAST = 400


class Expansion:
    """`mark` is "differs", "refused" or empty, as the line in front says."""

    def __init__(self, mark, text, result):
        self.mark, self.text, self.result = mark, text, result


def expansions():
    with open(FILE, encoding="latin-1") as file:
        lines = file.read().split("\n")
    for number, line in enumerate(lines):
        if line.startswith("in "):
            mark = re.match(r"# (differs|refused): \S", lines[number - 1])
            yield Expansion(mark.group(1) if mark else "", line[3:], lines[number + 1][4:])


def written(text):
    """As the file writes a result."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")


class Expansions(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="postern-expansions.")
        self.addCleanup(subprocess.run, ["rm", "-r", self.home], check=True)
        self.config = os.path.join(self.home, "postern.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(home=self.home) + ENVIRONMENT)
        self.mailname = os.path.join(self.home, "mailname")
        with open(self.mailname, "w", encoding="utf-8") as file:
            file.write("peer.example\n")

    def expand(self, text, *options):
        return subprocess.run([PROGRAM, "expand", "-c", self.config, *options, "--", text], capture_output=True, timeout=20,
                              encoding="latin-1")

    def test_there_are_enough(self):
        texts = [each.text for each in expansions()]
        self.assertEqual(len(texts), len(set(texts)))
        self.assertGreaterEqual(len(texts), AT_LEAST)

    def test_exim_says_what_stands_there(self):
        exim = Exim(package=HEAVY, extra=ENVIRONMENT)
        self.addCleanup(exim.close)
        listed = list(expansions())
        for each, result in zip(listed, exim.expand([each.text for each in listed])):
            with self.subTest(each.text):
                self.assertEqual(written(result), each.result)

    def test_postern_says_the_same(self):
        counts = {"": 0, "differs": 0, "refused": 0}
        for each in expansions():
            with self.subTest(each.text):
                done = self.expand(each.text.replace("/etc/mailname", self.mailname))
                said = written(done.stdout[:-1])
                self.assertIn(done.returncode, (0, 65), done)
                self.assertEqual(done.returncode == 65, said.startswith("Failed: "))
                if not each.mark:
                    self.assertEqual(said, each.result)
                else:
                    self.assertNotEqual(said, each.result, f"marked as \"{each.mark}\", and it is the same")
                    self.assertEqual(each.mark == "refused", bool(REFUSED.match(said)), said)
                counts[each.mark] += 1
        print(f"{counts['']} the same, {counts['differs']} differ on purpose, {counts['refused']} refused by name")

    def test_the_scene_is_set(self):
        done = self.expand("$sender_host_address|$sender_helo_name|$sender_address_domain|$local_part@$domain|$sender_address",
                           "--with-sender-ip", "192.0.2.1", "--with-helo", "h.example", "--with-sender", "a@b.example",
                           "--with-recipient", "c@d.example")
        self.assertEqual(done.stdout, "192.0.2.1|h.example|b.example|c@d.example|a@b.example\n")

    def test_a_peers_bytes_name_no_file(self):
        done = self.expand("${readfile{/$sender_helo_name}}", "--with-helo", "etc/passwd")
        self.assertEqual(done.returncode, 65)
        self.assertTrue(done.stdout.startswith("Failed: tainted"), done.stdout)

    def test_it_leaves_nothing_behind(self):
        before = sorted(os.listdir(self.home))
        self.expand("$primary_hostname")
        self.assertEqual(sorted(os.listdir(self.home)), before)


if __name__ == "__main__":
    run_tests()
