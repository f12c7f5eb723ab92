"""The servers: each starts in a folder and a control group of its own, takes everything, and delivers nothing."""

import glob
import gzip
import os
import pathlib
import re
import struct
import subprocess
import unittest

from peers import confined, exim, opensmtpd, postfix, tree

CPU = 0
PROCESSES = 600  # of Postfix: one for each session, and some
USER = {"postern-compare": 61390}  # of the servers' own /etc/passwd

POSTERN_CONFIGURATION = """\
primary_hostname = gateway.example.org
local_interfaces = 127.0.0.1
daemon_smtp_ports = <port>
spool_directory = <home>/spool
log_file_path = <home>/log/%slog
spool_preallocate = <preallocate>
exim_user = postern-compare
acl_smtp_rcpt = accept
begin acl
begin routers
nowhere:
  driver = accept
  transport = nowhere
begin transports
nowhere:
  driver = appendfile
  directory = <home>/mail
  maildir_format
begin retry
"""
PREALLOCATE = "2G"
ISP_CONFIGURATION = pathlib.Path(__file__).with_name("isp.conf")
ISP_DOMAINS = 1_000_000


class Missing(Exception):
    """This server cannot take part here; the text says why."""


class Own:
    """A server that is one program with a folder for its files."""

    environment = None

    def __init__(self, parent, cgroup):
        self.port = tree.free_port()
        self.home = os.path.join(parent, self.folder)
        os.mkdir(self.home, 0o755)
        self.command = confined.command(self.arguments(), {confined.make_etc(self.home, USER): "/etc"}, CPU, cgroup.path)
        self.process = None

    def start(self):
        self.output = os.path.join(self.home, "output")
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        if not tree.wait_for_greeting(self.process, "127.0.0.1", self.port, seconds=60):
            with open(self.output, encoding="utf-8", errors="replace") as output:
                raise RuntimeError(f"{self.folder} did not start:\n" + output.read())

    def accepted(self):
        return None

    def tidy(self):
        pass


class Postern(Own):
    folder = "postern"
    configuration = POSTERN_CONFIGURATION

    def __init__(self, parent, cgroup, build, preallocate):
        self.program = os.path.join(build, "postern")
        self.preallocate = preallocate
        self.counted = self.read_to = 0
        if not os.access(self.program, os.X_OK):
            raise Missing(f"{self.program} is not built")
        super().__init__(parent, cgroup)

    def arguments(self):
        for name in ("spool", "log", "mail"):
            os.mkdir(os.path.join(self.home, name))
            os.chown(os.path.join(self.home, name), *USER.values(), *USER.values())
        path = os.path.join(self.home, "conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.configured())
        return [self.program, "ingress", "-c", path]

    def configured(self):
        text = self.configuration
        for name, value in (("port", self.port), ("home", self.home), ("preallocate", self.preallocate)):
            text = text.replace(f"<{name}>", str(value))
        return text

    def accepted(self):
        """By its log, which has a line for each message."""
        path = os.path.join(self.home, "log/mainlog")
        if os.path.exists(path):
            with open(path, "rb") as file:
                file.seek(self.read_to)
                text = file.read()
            whole = text[:text.rfind(b"\n") + 1]
            self.read_to += len(whole)
            self.counted += len(re.findall(rb"^\S+ \S+ \S+ <= ", whole, re.M))
        return self.counted

    def tidy(self):
        """In place of delivery: hands sealed segments back, as docs/spool-format.md has it."""
        for path in glob.glob(os.path.join(self.home, "spool/ingress/*/*.seg")):
            with open(path, "rb") as file:
                number, incarnation = struct.unpack_from("<QQ", file.read(4096), 16)
                seal = file.read(4096)
            if seal.startswith(b"PSTRNEND") and struct.unpack_from("<QQ", seal, 16) == (number, incarnation):
                os.rename(path, os.path.join(os.path.dirname(path), "free", os.path.basename(path)))


class Policy(Postern):
    """With what a provider of some size asks of each message, in isp.conf."""

    folder = "policy"
    configuration = ISP_CONFIGURATION.read_text(encoding="utf-8")

    def arguments(self):
        self.write_list("customers", (f"customer-{number * 7919:x}.example.{('com', 'net', 'org')[number % 3]}" for number in range(ISP_DOMAINS)),
                        ["example.org"])
        self.write_list("blocked", (f"{number % 100 + 11}.{number * 131 % 251}.{number * 17 % 241}.{number % 239}" for number in range(15_000)),
                        (f"{number % 64 + 128}.{number % 251}.64.0/18" for number in range(5_000)))
        self.write_list("bad_senders", (f"user{number}@spam{number % 997}.example" for number in range(15_000)),
                        (f"*@junk{number}.example" for number in range(5_000)))
        return super().arguments()

    def write_list(self, name, *parts):
        with open(os.path.join(self.home, name), "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for part in parts for line in part)


class Limit(Own):
    folder = "limit"

    def __init__(self, parent, cgroup, build):
        self.program = os.path.join(build, "postern-limit")
        if not os.access(self.program, os.X_OK):
            raise Missing(f"{self.program} is not built")
        super().__init__(parent, cgroup)

    def arguments(self):
        return [self.program, "--port", str(self.port), "--directory", self.home]


class SmtpSink(Own):
    folder = "smtp-sink"

    def __init__(self, parent, cgroup):
        self.environment = postfix.environment()
        super().__init__(parent, cgroup)

    def arguments(self):
        return [postfix.program("smtp-sink"), "-u", "nobody", f"127.0.0.1:{self.port}", "1024"]


class Peer:
    """A peer of tests/peers, made when it starts."""

    def __init__(self, make):
        self.peer = make()
        self.port = self.peer.port

    def start(self):
        self.peer.start()

    def accepted(self):
        return self.peer.accepted()

    def tidy(self):
        pass


def make(name, parent, cgroup, build, quick):
    """The server of that name, not started. Missing when it cannot take part."""
    where = {"parent": parent, "cpu": CPU, "cgroup": cgroup.path}
    makers = {
        "postern": lambda: Postern(parent, cgroup, build, "64M" if quick else PREALLOCATE),
        "policy": lambda: Policy(parent, cgroup, build, "64M" if quick else PREALLOCATE),
        "limit": lambda: Limit(parent, cgroup, build),
        "Postfix": lambda: Peer(lambda: postfix.Postfix(["example.org"], holding=True, processes=PROCESSES, **where)),
        "Exim": lambda: Peer(lambda: exim.Exim(**where)),
        "OpenSMTPD": lambda: Peer(lambda: opensmtpd.OpenSmtpd(**where)),
        "smtp-sink": lambda: SmtpSink(parent, cgroup),
    }
    try:
        return makers[name]()
    except unittest.SkipTest as missing:
        raise Missing(str(missing)) from None


PACKAGES = {"Postfix": "postfix", "Exim": exim.PACKAGE, "OpenSMTPD": opensmtpd.PACKAGE, "smtp-sink": "postfix"}


def version(name):
    """Of the Debian package that the server came in."""
    package = PACKAGES[name]
    documents = glob.glob(os.path.join(tree.tree(package), f"usr/share/doc/{package}/changelog.Debian*.gz"))
    if not documents:
        return "unknown"
    with gzip.open(documents[0], "rt", encoding="utf-8", errors="replace") as file:
        return file.readline().split("(")[1].split(")")[0]
