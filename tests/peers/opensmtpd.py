"""A real OpenSMTPD that takes everything and delivers nothing: from the tree that tests/peers/fetch unpacked.

    with OpenSmtpd() as peer:     # root only; raises unittest.SkipTest where that is not so, or where it is not fetched
        ... send to 127.0.0.1, peer.port ...
        peer.accepted()           # messages in its queue

It answers 250 when the message is written, without a sync.
"""

import os
import subprocess

from peers import confined
from peers.peer import Peer
from peers.tree import environment, tree, wait_for_greeting

PACKAGE = "opensmtpd"
USERS = {"opensmtpd": 61392, "opensmtpq": 61393}  # names built in; numbers of the peer's own /etc/passwd

CONFIGURATION = """\
listen on {listen} port {port} hostname peer.example
smtp limit max-mails 100000000
smtp max-message-size 100M
action "away" relay host smtp://127.0.0.1:1
match from any for any action "away"
"""


class OpenSmtpd(Peer):
    NAME = "OpenSMTPD"

    def __init__(self, listen="127.0.0.1", port=None, parent=None, cpu=None, cgroup=None):
        """`cpu`, `cgroup`: see confined.command()."""
        program = os.path.join(tree(PACKAGE), "usr/sbin/smtpd")
        super().__init__(listen, port, parent)
        for folder in ("run", "spool", "lib/opensmtpd/empty", "spool/smtpd"):
            os.makedirs(os.path.join(self.home, folder), 0o755)
        os.chmod(os.path.join(self.home, "spool/smtpd"), 0o711)
        etc = confined.make_etc(self.home, users=USERS)
        with open(os.path.join(etc, "smtpd.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(listen=listen, port=self.port))
        self.binds = {etc: "/etc", os.path.join(self.home, "spool"): "/var/spool", os.path.join(self.home, "lib"): "/var/lib",
                      os.path.join(self.home, "run"): "/run"}
        self.command = confined.command([program, "-d"], binds=self.binds, cpu=cpu, cgroup=cgroup)

    def start(self):
        self.spawn(self.command, environment(PACKAGE))
        if not wait_for_greeting(self.process, self.listen, self.port):
            self.refuse()
        paused = self.pause_delivery()
        if paused.returncode != 0:
            self.refuse(paused.stdout + paused.stderr)
        return self

    def pause_delivery(self):
        control = os.path.join(tree(PACKAGE), "usr/sbin/smtpctl")
        as_group = ["setpriv", "--regid", str(USERS["opensmtpq"]), "--clear-groups"]  # in place of the installed program's setgid bit
        return subprocess.run(confined.command([*as_group, control, "pause", "mta"], binds=self.binds), env=environment(PACKAGE),
                              capture_output=True, text=True, timeout=20)

    def accepted(self):
        """How many messages are in the queue; each has a folder there."""
        queue = os.path.join(self.home, "spool/smtpd/queue")
        return sum(len(os.listdir(os.path.join(queue, bucket))) for bucket in os.listdir(queue))
