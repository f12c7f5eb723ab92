"""A real Unbound that validates: from the tree that tests/peers/fetch unpacked.

    with Unbound({"signed.example": port}, anchors=[ds_record]) as peer:      # zones, and the ports of their servers
        ... ask 127.0.0.1, peer.port ...
"""

import os
import time

from peers.knot import answers
from peers.peer import Peer
from peers.tree import environment, tree

PACKAGE = "unbound"

CONFIGURATION = """\
server:
    directory: "{home}"
    chroot: ""
    username: ""
    pidfile: ""
    interface: {listen}
    port: {port}
    outgoing-interface: {listen}
    do-ip6: no
    do-not-query-localhost: no
    do-daemonize: no
    use-syslog: no
    logfile: ""
    num-threads: 1
    qname-minimisation: no
    module-config: "validator iterator"
    local-zone: "127.in-addr.arpa." nodefault
    local-zone: "2.0.192.in-addr.arpa." nodefault
{anchors}remote-control:
    control-enable: no
"""


class Unbound(Peer):
    NAME = "Unbound"

    def __init__(self, zones, anchors):
        self.program = os.path.join(tree(PACKAGE), "usr/sbin/unbound")
        super().__init__("127.0.0.1", None)
        text = CONFIGURATION.format(home=self.home, listen=self.listen, port=self.port,
                                    anchors="".join(f"    trust-anchor: \"{anchor}\"\n" for anchor in anchors))
        for zone, port in zones.items():
            text += f"stub-zone:\n    name: \"{zone}\"\n    stub-addr: 127.0.0.1@{port}\n"
        self.configuration = os.path.join(self.home, "unbound.conf")
        with open(self.configuration, "w", encoding="ascii") as file:
            file.write(text)

    def start(self):
        self.spawn([self.program, "-d", "-p", "-c", self.configuration], environment(PACKAGE))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            if answers(self.listen, self.port):
                return self
            time.sleep(0.02)
        return self.refuse()
