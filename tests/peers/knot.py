"""A real Knot DNS that signs the zones it is given, from the tree that tests/peers/fetch unpacked.

    with Knot({"signed.example": RECORDS}, {"plain.example": RECORDS}) as peer:      # signed, unsigned
        ... ask 127.0.0.1, peer.port ...
        peer.anchor("signed.example")     # its DS record, as a validating resolver wants it
"""

import os
import socket
import subprocess
import time

from peers.peer import Peer
from peers.tree import environment, tree

PACKAGE = "knot"

CONFIGURATION = """\
server:
    rundir: "{home}"
    listen: {listen}@{port}
log:
  - target: stderr
    any: info
database:
    storage: "{home}/db"
policy:
  - id: test
    algorithm: ECDSAP256SHA256
    single-type-signing: on
template:
  - id: default
    storage: "{home}"
    zonefile-load: difference
    journal-content: all
    zonefile-sync: -1
    file: "%s.zone"
zone:
{zones}"""

START_OF_ZONE = """\
$TTL 300
@ SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 60
@ NS ns.{zone}.
ns A 127.0.0.1
"""


class Knot(Peer):
    NAME = "Knot"

    def __init__(self, signed, unsigned, listen="127.0.0.1", port=None):
        self.program = os.path.join(tree(PACKAGE), "usr/sbin/knotd")
        super().__init__(listen, port)
        os.mkdir(os.path.join(self.home, "db"))
        lines = ""
        for zones, signing in ((signed, "on"), (unsigned, "off")):
            for zone, records in zones.items():
                lines += f"  - domain: {zone}\n    dnssec-signing: {signing}\n    dnssec-policy: test\n"
                with open(os.path.join(self.home, zone + ".zone"), "w", encoding="ascii") as file:
                    file.write(START_OF_ZONE.format(zone=zone) + records)
        self.configuration = os.path.join(self.home, "knot.conf")
        with open(self.configuration, "w", encoding="ascii") as file:
            file.write(CONFIGURATION.format(home=self.home, listen=self.listen, port=self.port, zones=lines))

    def start(self):
        self.spawn([self.program, "-c", self.configuration], environment(PACKAGE))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            if answers(self.listen, self.port):
                return self
            time.sleep(0.02)
        return self.refuse()

    def anchor(self, zone):
        keymgr = os.path.join(tree(PACKAGE), "usr/sbin/keymgr")
        done = subprocess.run([keymgr, "-c", self.configuration, zone, "ds"], env=environment(PACKAGE), capture_output=True,
                              text=True, timeout=20, check=True)
        return next(line for line in done.stdout.splitlines() if line.split()[-2] == "2")


def answers(listen, port):
    """Whether a DNS server there answers anything at all."""
    query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09localhost\x00\x00\x01\x00\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect((listen, port))
            probe.send(query)
            return probe.recv(512)[:2] == query[:2]
        except OSError:
            return False
