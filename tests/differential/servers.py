"""A live Exim and postern, each serving the dialogues of one theme, and what can be compared of them: replies, log lines and the
headers of the messages that were taken."""

import contextlib
import os
import re
import subprocess
import time

from dialogues import MARK_ADDRESS, Conversation
from peers.exim import HEAVY, PLACE, Exim
from peers.knot import Knot
from support.gateway import PROGRAM, Gateway, own_address, until
from support.smtp import Client

COMMON = """\
primary_hostname = peer.example
qualify_domain = example.org
smtp_banner = ready
log_selector = +received_recipients +received_sender +smtp_protocol_error +smtp_syntax_error
smtp_accept_max_per_connection = 0
dns_retrans = 2s
dns_retry = 1
"""

EXIM = COMMON + """\
message_logs = false
smtp_accept_max = 100
"""

POSTERN = COMMON + """\
enhanced_status_advertise_hosts =
limits_advertise_hosts =
"""

LOGS = ["mainlog", "rejectlog", "paniclog"]
MARK = re.compile(r"^\S+ \S+ MARK$")

OWN_ID = re.compile(r"\(Postern [^)]*\)[^;]*?\bid ([\w-]+)")

# What each server calls its own.
NAMELESS = [
    (re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "), ""),
    (re.compile(r"\b[0-9A-Za-z]{6}-(?:[0-9A-Za-z]{6}-[0-9A-Za-z]{2}|[0-9A-Za-z]{11}-[0-9A-Za-z]{4})\b"), "ID"),
    (re.compile(r"\bS=\d+"), "S=SIZE"),
    (re.compile(r"^P Received: from .*"), "P Received:"),
    (re.compile(r"^\t(?:with|by|\(envelope-from|id|for|\w\w\w, \d+) .*"), ""),  # it goes on
]
# Of delivery, which Exim does not begin here, and of starting and ending.
IGNORED = re.compile(r"(?:ID (?:=> (?!blackhole)|->|\*\*|==|Completed\b|Message is frozen|Frozen\b)|no host name found for IP address|exim 4\.|postern )|^$")


def options(own, main):
    """The lines of `main`, and those of `own` that it does not set itself."""
    given = {line.split()[0] for line in main.splitlines()}
    return "".join(line + "\n" for line in own.splitlines() if line.split()[0] not in given) + main


def write_files(home, files):
    for name, text in files.items():
        path = os.path.join(home, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        os.chmod(path, 0o644)


@contextlib.contextmanager
def name_server(zones):
    """The address of one that has these, at port 53; None where there are none."""
    if not zones:
        yield None
        return
    with Knot({}, zones, listen=own_address(), port=53) as knot:
        yield knot.listen


def nameless(text, server):
    for expression, by in NAMELESS:
        text = expression.sub(by, text)
    return text.replace(server.home, "HOME").replace(server.address, "SERVER")


def header_of(lines):
    """The fields of a header, unfolded; of Received nothing but the place."""
    text = re.sub(r"\n(?=[ \t])", "~", "\n".join(lines))
    return ["Received:" if field.startswith("Received:") else field for field in text.split("\n") if field]


class Outcome:
    """The parts of one dialogue on one server, as lists of lines."""

    def __init__(self, replies):
        self.replies = replies
        self.mainlog = []
        self.rejectlog = []
        self.paniclog = []
        self.messages = []


class Server:
    """`run` gives an Outcome for each dialogue."""

    home = address = None
    port = 0

    def settle(self):
        """Until all that the last client caused is in the logs, or will come before the mark."""

    def run(self, dialogues):
        outcomes = []
        ids = []
        for dialogue in dialogues:
            heard = Conversation(self.address, self.port, dialogue.address).run(dialogue.steps)
            self.settle()
            with Client(self.address, self.port, source=MARK_ADDRESS, greet=False) as mark:
                mark.rest()
            self.settle()
            ids.append(re.findall(r"\bOK id=(\S+)", "\n".join(heard)))
            outcomes.append(Outcome([line for text in heard for line in nameless(text, self).split("\r\n") if line]))
        for log in LOGS:
            for outcome, lines in zip(outcomes, self.log_pieces(log, len(dialogues)), strict=True):
                setattr(outcome, log, lines)
        headers = self.headers([each for some in ids for each in some])
        for outcome, some in zip(outcomes, ids, strict=True):
            outcome.messages = [line for each in some for line in headers.get(each, ["(none)"])]
            if "ID frozen by ACL" in outcome.mainlog:
                outcome.messages = ["(frozen: Exim's is in its queue, postern's is not delivered)"]
        return outcomes

    def log_pieces(self, name, count):
        lines = []

        def there():
            try:
                with open(os.path.join(self.home, "log", name), encoding="utf-8", errors="replace") as file:
                    lines[:] = file.read().split("\n")
            except FileNotFoundError:
                return False
            return sum(bool(MARK.match(line)) for line in lines) >= count
        until(there, what=f"the {count} marks in {name}")
        pieces = [[]]
        for line in lines:
            if MARK.match(line):
                pieces.append([])
                continue
            line = nameless(line, self)
            if not IGNORED.match(line):
                pieces[-1].append(line)
        return pieces[:count]

    def headers(self, ids):
        raise NotImplementedError


class EximServer(Server):
    def __init__(self, theme, skipped, nameserver):
        main, acl = theme.configuration(skipped)
        text = (options(EXIM, main) + "begin acl\n" + acl).replace("{", "{{").replace("}", "}}").replace("HOME", "{home}")
        text += "begin routers\nall:\n  driver = accept\n  transport = none\nbegin transports\nnone:\n  driver = appendfile\n  file = /dev/null\n"
        self.peer = Exim(package=HEAVY, configuration=PLACE + text, nameserver=nameserver)
        write_files(self.peer.home, theme.files)
        self.home = self.peer.home
        self.address = self.peer.listen
        self.port = self.peer.port

    def __enter__(self):
        self.peer.start()
        return self

    def __exit__(self, *_):
        self.peer.close()

    def settle(self):
        until(lambda: not self.peer.children(), what="the end of Exim's children")

    def headers(self, ids):
        found = {}
        for each in ids:
            path = os.path.join(self.home, "spool/input", each + "-H")
            if os.path.exists(path):
                with open(path, encoding="latin-1") as file:
                    found[each] = header_of(self.fields(file.read()))
        return found

    @staticmethod
    def fields(text):
        """Each has its length and its kind in front; a * is for one that was removed."""
        text = text[text.index("\n\n") + 2:].encode("latin-1")
        lines = []
        while text:
            length, kind = int(text[:3]), text[3:4]
            size = len(str(length).rjust(3, "0")) + 2
            if kind != b"*":
                lines += text[size:size + length].decode("latin-1").rstrip("\n").split("\n")
            text = text[size + length:]
        return lines


class PosternServer(Server):
    def __init__(self, theme, skipped, nameserver):
        # One processor, one shard: what comes later is logged later.
        self.gateway = gateway(theme, skipped, nameserver, prefix=["taskset", "-c", "0"])
        self.home = self.gateway.home
        self.address = self.gateway.address
        self.port = self.gateway.port

    def __enter__(self):
        self.gateway.start()
        return self

    def __exit__(self, *_):
        self.gateway.close()

    def settle(self):
        time.sleep(0.002)

    def headers(self, ids):
        wanted = set(ids)
        found = {}

        def there():
            for message in self.gateway.maildir().messages():
                head = message.bytes.replace(b"\r\n", b"\n").split(b"\n\n")[0].decode("latin-1")
                found[OWN_ID.search(head).group(1)] = header_of(head.split("\n"))
            return wanted <= set(found)
        try:
            until(there, 5)
        except AssertionError:
            pass  # what is frozen or discarded does not come
        return found


def gateway(theme, skipped, nameserver=None, **named):
    main, acl = theme.configuration(skipped)
    if nameserver:
        main += f"dns_servers = {nameserver}\n"
    made = Gateway(main=options(POSTERN, main).replace("HOME", "{home}"), acl=acl.replace("HOME", "{home}"), **named)
    write_files(made.home, theme.files)
    return made


def check(theme, skipped):
    """(status, what it said) of `postern check` with that configuration."""
    made = gateway(theme, skipped)
    try:
        done = subprocess.run([PROGRAM, "check", "-c", made.config_path], capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr
    finally:
        made.close()
