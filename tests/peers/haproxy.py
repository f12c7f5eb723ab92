"""A real HAProxy, from the tree that tests/peers/fetch unpacked: passes TCP connections on with PROXY headers.

    with HaProxy({"one": "send-proxy-v2"}, gateway.address, gateway.port, listen) as proxy:
        ... connect to listen, proxy.ports["one"] ...
        proxy.state("one")       # "UP", "DOWN" ... and what its last check said
"""

import csv
import os
import shutil
import socket
import subprocess
import tempfile

from peers.tree import environment, free_port, tree
from support.gateway import is_listening, until

PACKAGE = "haproxy"

CONFIGURATION = """\
global
  stats socket {home}/stats mode 600
defaults
  mode tcp
  timeout connect 10s
  timeout client 60s
  timeout server 60s
"""

SECTION = """\
frontend {name}
  bind {listen}:{port}
  {extra}
  default_backend {name}
backend {name}
  option smtpchk EHLO probe.example
  server gateway {address}:{target} {words}
"""


class HaProxy:
    def __init__(self, sections, address, target, listen, extra=""):
        """`sections`: name -> words of its server line. `extra`: a line of each frontend."""
        self.program = os.path.join(tree(PACKAGE), "usr/sbin/haproxy")
        self.home = tempfile.mkdtemp(prefix="postern-test.", dir="/var/tmp")
        self.listen = listen
        self.ports = {name: free_port(listen) for name in sections}
        with open(os.path.join(self.home, "haproxy.cfg"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(home=self.home))
            for name, words in sections.items():
                file.write(SECTION.format(name=name, listen=listen, port=self.ports[name], extra=extra, address=address, target=target,
                                          words=words))

    def __enter__(self):
        with open(os.path.join(self.home, "output"), "wb") as output:
            self.process = subprocess.Popen([self.program, "-db", "-f", os.path.join(self.home, "haproxy.cfg")], stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output, env=environment(PACKAGE))
        try:
            until(lambda: all(is_listening(self.listen, port) for port in self.ports.values()), what="HAProxy: " + self.output())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def output(self):
        with open(os.path.join(self.home, "output"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def state(self, name):
        """(status, how the last check ended)."""
        with socket.socket(socket.AF_UNIX) as stats:
            stats.connect(os.path.join(self.home, "stats"))
            stats.sendall(b"show stat\n")
            text = b""
            while data := stats.recv(65536):
                text += data
        for row in csv.DictReader(text.decode().lstrip("# ").splitlines()):
            if row["pxname"] == name and row["svname"] == "gateway":
                return row["status"], row["check_status"]
        raise AssertionError(text)
