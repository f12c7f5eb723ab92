"""A real Exim that takes everything and delivers nothing: from the tree that tests/peers/fetch unpacked.

    with Exim() as peer:     # root only; raises unittest.SkipTest where that is not so, or where it is not fetched
        ... send to 127.0.0.1, peer.port ...
        peer.accepted()      # messages in its queue

It syncs as it does by default: the data and the header file of each message before it answers.
"""

import os

from peers import confined
from peers.peer import Peer
from peers.tree import environment, tree, wait_for_greeting

PACKAGE = "exim4-daemon-light"
USER = "Debian-exim"  # built in
NUMBER = 61391  # of that user, in the peer's own /etc/passwd

CONFIGURATION = """\
primary_hostname = peer.example
local_interfaces = {listen}
daemon_smtp_ports = {port}
spool_directory = {home}/spool
log_file_path = {home}/log/%slog
pid_file_path = {home}/exim.pid
keep_environment = LD_LIBRARY_PATH
tls_advertise_hosts =
queue_only
acl_smtp_rcpt = accept
smtp_accept_max = 0
smtp_accept_max_per_connection = 0
smtp_connect_backlog = 1024
{extra}
begin acl
begin routers
begin transports
begin retry
"""


class Exim(Peer):
    NAME = "Exim"
    LOGS = ["output", "log/mainlog", "log/paniclog"]

    def __init__(self, listen="127.0.0.1", port=None, extra="", parent=None, cpu=None, cgroup=None):
        """`extra`: more main options. `cpu`, `cgroup`: see confined.command()."""
        program = os.path.join(tree(PACKAGE), "usr/sbin/exim4")
        super().__init__(listen, port, parent)
        for folder in ("spool", "log"):
            os.mkdir(os.path.join(self.home, folder), 0o750)
            os.chown(os.path.join(self.home, folder), NUMBER, NUMBER)
        etc = confined.make_etc(self.home, users={USER: NUMBER})
        os.mkdir(os.path.join(etc, "exim4"))
        with open(os.path.join(etc, "exim4/exim4.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(listen=listen, port=self.port, home=self.home, extra=extra))
        self.command = confined.command([program, "-bdf"], binds={etc: "/etc"}, cpu=cpu, cgroup=cgroup)

    def start(self):
        self.spawn(self.command, environment(PACKAGE))
        if not wait_for_greeting(self.process, self.listen, self.port):
            self.refuse()
        return self

    def accepted(self):
        """How many messages are in the queue; each has a file of its header there."""
        return sum(name.endswith("-H") for name in os.listdir(os.path.join(self.home, "spool/input")))
