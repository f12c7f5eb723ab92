#!/usr/bin/env python3
"""bench/compare, in a small form: every server that is here starts, takes exactly what it is sent, and is gone afterwards."""
# ctest: timeout=900 full alone

import glob
import json
import os
import subprocess
import tempfile
import unittest

from runner import run_tests

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("POSTERN_BINARY_DIR", os.path.join(ROOT, "build/release"))
RUN = os.path.join(ROOT, "bench/compare/run")
KEPT = {"figures.json", "page.md", "page-disk.svg", "page-loop.svg"}


def mentions(pattern, text):
    """Files of the kernel, by shell pattern, in which `text` stands."""
    found = []
    for path in glob.glob(pattern):
        try:
            with open(path, "rb") as file:
                if text.encode() in file.read():
                    found.append(path)
        except OSError:
            pass  # it has ended meanwhile
    return found


@unittest.skipUnless(os.geteuid() == 0, "wants root")
@unittest.skipUnless((os.cpu_count() or 1) >= 2, "wants two processors")
class Compare(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="compare.", dir=BUILD)
        cls.addClassCleanup(cls.folder.cleanup)
        os.chmod(cls.folder.name, 0o755)
        done = subprocess.run([RUN, "--quick", "--build", BUILD, "--output", cls.folder.name], capture_output=True, text=True, timeout=850)
        print(done.stdout + done.stderr)
        if done.returncode != 0:
            raise AssertionError("bench/compare/run --quick: " + done.stderr[-3000:])
        cls.figures = json.loads(cls.read(os.path.join(cls.folder.name, "figures.json")))
        if not cls.figures["rows"]:
            raise unittest.SkipTest(f"no client is here: {cls.figures['missing']}")

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_every_row_took_exactly_what_was_sent(self):
        runs = self.figures["runs"]
        self.assertEqual([run for run in runs if "failure" in run], [])
        wanted = {(place, row["name"], server) for place in ("disk", "loop") for row in self.figures["rows"] for server in row["servers"]
                  if server not in self.figures["missing"]}
        self.assertEqual({(run["place"], run["row"], run["server"]) for run in runs}, wanted)
        for run in runs:
            with self.subTest(run=run):
                self.assertGreater(run["messages"], 0)
                self.assertGreater(run["cpu_us"], 0)
                self.assertGreater(run["memory_kib"], 0)
                self.assertEqual(run["counted"], run["server"] not in ("limit", "smtp-sink"))

    def test_our_own_servers_took_part(self):
        for server in ("postern", "limit"):
            self.assertNotIn(server, self.figures["missing"])

    def test_a_page_comes_of_it(self):
        page = os.path.join(self.folder.name, "page.md")
        subprocess.run([RUN, "--report", os.path.join(self.folder.name, "figures.json"), "--page", page], check=True, timeout=60)
        text = self.read(page)
        for row in self.figures["rows"]:
            self.assertIn(f"| {row['name']} |", text)

    def test_nothing_stays_behind(self):
        self.assertEqual([name for name in os.listdir(self.folder.name) if name not in KEPT], [])
        for pattern in ("/proc/[0-9]*/environ", "/proc/[0-9]*/cmdline", "/proc/self/mounts", "/sys/block/loop*/loop/backing_file"):
            self.assertEqual(mentions(pattern, self.folder.name), [])


if __name__ == "__main__":
    run_tests()
