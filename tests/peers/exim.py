"""A real Exim, from the tree that tests/peers/fetch unpacked. Unless it is told otherwise it takes everything and delivers nothing.

    with Exim() as peer:     # root only; raises unittest.SkipTest where that is not so, or where it is not fetched
        ... send to 127.0.0.1, peer.port ...
        peer.accepted()      # messages in its queue
    Exim(package=HEAVY, configuration=TEXT)      # {listen}, {port}, {home} and {extra} stand for what they say
    exim.expand(["$primary_hostname"])           # what `exim -be` prints for each; start() is not needed

It syncs as it does by default: the data and the header file of each message before it answers.
"""

import os
import subprocess

from peers import confined
from peers.peer import Peer
from peers.tree import environment, tree, wait_for_greeting

PACKAGE = "exim4-daemon-light"
HEAVY = "exim4-daemon-heavy"  # with lookups and all that Debian builds in
LIBRARIES = ["usr/lib"]  # libspf2 lies there
USER = "Debian-exim"  # built in
NUMBER = 61391  # of that user, in the peer's own /etc/passwd

# Its own place, and nothing that it would do of its own accord.
PLACE = """\
local_interfaces = {listen}
daemon_smtp_ports = {port}
spool_directory = {home}/spool
log_file_path = {home}/log/%slog
pid_file_path = {home}/exim.pid
keep_environment = LD_LIBRARY_PATH
tls_advertise_hosts =
queue_only
"""

CONFIGURATION = PLACE + """\
primary_hostname = peer.example
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

    def __init__(self, listen="127.0.0.1", port=None, extra="", parent=None, cpu=None, cgroup=None, package=PACKAGE,
                 configuration=CONFIGURATION, nameserver=None):
        """`extra`: more main options. `cpu`, `cgroup`: see confined.command(). `nameserver`: the address of one at port 53."""
        self.environment = environment(package, *LIBRARIES)
        program = os.path.join(tree(package), "usr/sbin/exim4")
        super().__init__(listen, port, parent)
        for folder in ("spool", "log"):
            os.mkdir(os.path.join(self.home, folder), 0o750)
            os.chown(os.path.join(self.home, folder), NUMBER, NUMBER)
        etc = confined.make_etc(self.home, users={USER: NUMBER}, nameserver=nameserver)
        os.mkdir(os.path.join(etc, "exim4"))
        with open(os.path.join(etc, "exim4/exim4.conf"), "w", encoding="utf-8") as file:
            file.write(configuration.format(listen=listen, port=self.port, home=self.home, extra=extra))
        self.confined = {"binds": {etc: "/etc"}, "cpu": cpu, "cgroup": cgroup}
        self.program = program

    def start(self):
        self.spawn(confined.command([self.program, "-bdf"], **self.confined), self.environment)
        if not wait_for_greeting(self.process, self.listen, self.port):
            self.refuse()
        return self

    def accepted(self):
        """How many messages are in the queue; each has a file of its header there."""
        return sum(name.endswith("-H") for name in os.listdir(os.path.join(self.home, "spool/input")))

    def children(self):
        """Ids of the processes that serve its connections and have not ended yet. (It may look after the dead at its leisure.)"""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            return [pid for pid in file.read().split() if runs(pid)]

    def expand(self, texts):
        """What each text becomes, in a process of its own, so that none sees what another one left in variables."""
        mark = "-- 7d1c2f --"
        loop = 'program=$1; mark=$2; shift 2; for text; do "$program" -be "$text"; echo "$mark"; done'
        line = confined.command(["sh", "-c", loop, "sh", self.program, mark, *texts], **self.confined)
        done = subprocess.run(line, env=self.environment, capture_output=True, encoding="latin-1", timeout=100, check=False)
        results = done.stdout.split(f"\n{mark}\n")
        if results.pop() != "" or len(results) != len(texts):
            raise AssertionError(f"exim -be gave {len(results)} results for {len(texts)} texts: {done.stderr}")
        return results


def runs(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
