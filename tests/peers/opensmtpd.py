"""A real OpenSMTPD that takes everything and delivers nothing: from the tree that tests/peers/fetch unpacked.

    with OpenSmtpd() as peer:     # root only; raises unittest.SkipTest where that is not so, or where it is not fetched
        ... send to 127.0.0.1, peer.port ...
        peer.accepted()           # messages in its queue

It answers 250 when the message is written, without a sync.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from peers import confined
from peers.tree import environment, free_port, tree, wait_for_greeting

PACKAGE = "opensmtpd"
USERS = {"opensmtpd": 61392, "opensmtpq": 61393}  # names built in; numbers of the peer's own /etc/passwd

CONFIGURATION = """\
listen on {listen} port {port} hostname peer.example
smtp limit max-mails 100000000
smtp max-message-size 100M
action "away" relay host smtp://127.0.0.1:1
match from any for any action "away"
"""


class OpenSmtpd:
    def __init__(self, listen="127.0.0.1", port=None, parent=None, cpu=None, cgroup=None):
        """`parent`: the folder to make its own one in. `cpu`, `cgroup`: see confined.command()."""
        if os.geteuid() != 0:
            raise unittest.SkipTest("OpenSMTPD wants root")
        self.listen = listen
        self.port = port or free_port(listen)
        self.home = tempfile.mkdtemp(prefix="opensmtpd.", dir=parent)
        os.chmod(self.home, 0o755)
        for folder in ("run", "spool", "lib/opensmtpd/empty", "spool/smtpd"):
            os.makedirs(os.path.join(self.home, folder), 0o755)
        os.chmod(os.path.join(self.home, "spool/smtpd"), 0o711)
        etc = confined.make_etc(self.home, users=USERS)
        with open(os.path.join(etc, "smtpd.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(listen=listen, port=self.port))
        self.binds = {etc: "/etc", os.path.join(self.home, "spool"): "/var/spool", os.path.join(self.home, "lib"): "/var/lib",
                      os.path.join(self.home, "run"): "/run"}
        program = os.path.join(tree(PACKAGE), "usr/sbin/smtpd")
        self.command = confined.command([program, "-d"], binds=self.binds, cpu=cpu, cgroup=cgroup)
        self.process = None

    def start(self):
        with open(os.path.join(self.home, "output"), "ab") as output:
            self.process = subprocess.Popen(self.command, env=environment(PACKAGE), stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, start_new_session=True)
        paused = None
        if wait_for_greeting(self.process, self.listen, self.port):
            paused = self.pause_delivery()
            if paused.returncode == 0:
                return self
        log = self.log() + (paused.stdout + paused.stderr if paused else "")
        self.close()
        raise AssertionError("OpenSMTPD did not start:\n" + log)

    def pause_delivery(self):
        control = os.path.join(tree(PACKAGE), "usr/sbin/smtpctl")
        as_group = ["setpriv", "--regid", str(USERS["opensmtpq"]), "--clear-groups"]  # in place of the installed program's setgid bit
        return subprocess.run(confined.command([*as_group, control, "pause", "mta"], binds=self.binds), env=environment(PACKAGE),
                              capture_output=True, text=True, timeout=20)

    def log(self):
        with open(os.path.join(self.home, "output"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def accepted(self):
        """How many messages are in the queue; each has a folder there."""
        queue = os.path.join(self.home, "spool/smtpd/queue")
        return sum(len(os.listdir(os.path.join(queue, bucket))) for bucket in os.listdir(queue))

    def close(self):
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()
