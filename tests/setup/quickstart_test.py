#!/usr/bin/env python3
"""./quickstart as a new user runs it, in a network namespace of its own so that a running one is not disturbed."""
# ctest: timeout=600 alone

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
import unittest

from runner import run_tests

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@unittest.skipIf(os.geteuid() != 0, "a network namespace of one's own wants root")
class Quickstart(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="quickstart.", dir="/var/tmp")
        os.chmod(self.folder, 0o755)
        self.environment = dict(os.environ, POSTERN_QUICKSTART=self.folder)
        # A process that holds the namespace open for as long as the test needs it.
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 3600"],
                                       stdout=subprocess.PIPE, text=True)
        self.assertEqual(self.holder.stdout.readline(), "up\n")

    def tearDown(self):
        try:
            self.run_in_namespace("./quickstart stop")
        finally:
            self.holder.kill()
            self.holder.wait()
            self.holder.stdout.close()
            shutil.rmtree(self.folder)

    def run_in_namespace(self, command):
        # Output goes to a file: the gateway that stays behind must not keep a pipe of ours open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(["nsenter", "--net", "--target", str(self.holder.pid), "sh", "-c", command], cwd=ROOT,
                                  env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            output.seek(0)
            text = output.read()
        self.assertEqual(done.returncode, 0, text)
        return text

    def delivered(self):
        box = os.path.join(self.folder, "maildir/new")
        messages = []
        for name in sorted(os.listdir(box)):
            with open(os.path.join(box, name), encoding="utf-8") as file:
                messages.append(file.read())
        return messages

    def test_a_new_user(self):
        said = self.run_in_namespace("./quickstart")
        self.assertIn("The delivered message", said)
        self.assertRegex(said, r"(?m)^Subject: hello \d+")
        self.assertRegex(said, r"(?m)^Received: from ")
        self.assertIn("./quickstart stop", said)
        self.assertEqual(len(self.delivered()), 1)

        # What it prints for the user to type works as printed.
        command = re.search(r"^ +(swaks .*)$", said, re.M).group(1)
        self.run_in_namespace(command + " --body " + shlex.quote("second message"))
        deadline = time.monotonic() + 10
        while len(self.delivered()) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(sum("second message" in message for message in self.delivered()), 1)

        # Nothing grows on the second run but the mailbox.
        again = self.run_in_namespace("./quickstart")
        self.assertIn("stopped the gateway", again)
        self.assertEqual(len(self.delivered()), 3)

        with open(os.path.join(self.folder, "pid"), encoding="utf-8") as file:
            process = int(file.read())
        self.run_in_namespace("./quickstart stop")
        self.assertFalse(os.path.exists(f"/proc/{process}"))


if __name__ == "__main__":
    run_tests()
