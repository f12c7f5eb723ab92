"""What every real server of a test has in common: a folder of its own, a process group, a log, and an end.

A peer is a context manager: entering starts it, leaving ends it and removes its folder. Root only: SkipTest elsewhere.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from peers.tree import free_port


class Peer:
    NAME = ""
    LOGS = ["output"]  # files in its folder: what it printed, and what it keeps itself

    def __init__(self, listen, port, parent=None):
        """`parent`: the folder to make its own one in."""
        if os.geteuid() != 0:
            raise unittest.SkipTest(f"{self.NAME} wants root")
        self.listen = listen
        self.port = port or free_port(listen)
        self.home = tempfile.mkdtemp(prefix=f"{self.NAME.lower()}.", dir=parent)
        os.chmod(self.home, 0o755)
        self.process = None

    def start(self):
        raise NotImplementedError

    def spawn(self, command, environment):
        with open(os.path.join(self.home, "output"), "ab") as output:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            start_new_session=True)

    def refuse(self, more=""):
        """It did not start: says why, and leaves nothing behind."""
        log = self.log() + more
        self.close()
        raise AssertionError(f"{self.NAME} did not start:\n{log}")

    def log(self):
        text = ""
        for name in self.LOGS:
            path = os.path.join(self.home, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    text += file.read()
        return text

    def ask_to_end(self):
        """Before it is killed. Nothing, where a server has nothing to lose."""

    def stop(self):
        """Ends it and all it started; its folder stays until close()."""
        if self.process is None:
            return
        self.ask_to_end()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


def files_in(maildir):
    """Paths of the messages that have arrived."""
    box = os.path.join(maildir, "new")
    return [os.path.join(box, name) for name in sorted(os.listdir(box))] if os.path.isdir(box) else []


def wait_for_files(maildir, count, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and len(files_in(maildir)) < count:
        time.sleep(0.05)
    return files_in(maildir)
