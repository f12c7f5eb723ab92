#!/usr/bin/env python3
"""`postern expand` beside what Exim made of the same texts (expansions.txt)."""

import os
import re
import subprocess
import tempfile
import unittest

from runner import run_tests

PROGRAM = os.environ["POSTERN_BIN"]
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expansions.txt")
CONFIGURATION = "primary_hostname = peer.example\nspool_directory = {home}/spool\nlog_file_path = {home}/%slog\n"
SAME_AT_LEAST = 330  # what is refused by name, because it is not built yet, is not a difference; but it is not the same either


def pairs():
    """(text, result, whether a difference is meant), as they stand in the file."""
    with open(FILE, encoding="latin-1") as file:
        lines = file.read().split("\n")
    for number, line in enumerate(lines):
        if line.startswith("in "):
            yield line[3:], lines[number + 1][4:], lines[number - 1].startswith("# differs: ")


class Expansions(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="postern-expansions.")
        self.addCleanup(subprocess.run, ["rm", "-r", self.home], check=True)
        self.config = os.path.join(self.home, "postern.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(home=self.home))
        self.mailname = os.path.join(self.home, "mailname")
        with open(self.mailname, "w", encoding="utf-8") as file:
            file.write("peer.example\n")

    def expand(self, text, *options):
        return subprocess.run([PROGRAM, "expand", "-c", self.config, *options, "--", text], capture_output=True, timeout=20,
                              encoding="latin-1")

    def test_the_results_are_exims(self):
        same = refused = 0
        for text, result, differs in pairs():
            done = self.expand(text.replace("/etc/mailname", self.mailname))
            self.assertIn(done.returncode, (0, 65), (text, done))
            self.assertEqual(done.returncode == 65, done.stdout.startswith("Failed: "), text)
            said = done.stdout[:-1].replace("\\", "\\\\").replace("\n", "\\n")
            if said == result:
                same += 1
                self.assertFalse(differs, f"{text}: marked as different, and it is not")
            elif re.match(r"Failed: .*(cannot be used|not built)", said):
                refused += 1
            elif not differs:
                self.assertEqual(said, result, text)
        print(f"{same} the same, {refused} refused by name")
        self.assertGreaterEqual(same, SAME_AT_LEAST)

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
