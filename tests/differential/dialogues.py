r"""SMTP dialogues in files, one for each theme (acl/*.txt), for a live Exim and for postern: what they have in common.

    # a comment
    main: hostlist friends = 127.1.0.0/16         for all dialogues of the file: main options and named lists,
    mail: accept                                  ACLs of dialogues that have none for that phase,
    acl nested: deny  message = no                ACLs that others name,
    file some.acl: deny                           files, which options name as HOME/some.acl,
    zone names.example: host A 127.1.0.1          and records of a name server that both ask

    == the name of a dialogue
    rcpt: deny   message = no                     its ACL for a phase
          accept                                  (indented lines go on)
    zone names.example: host A ADDRESS            records, and main options too, may name the client's address; REVERSE is its last
                                                  three parts, reversed
    > mail; rcpt two@example.org; data X-A: 1     what the client does
    differs log: why                              that part is meant to differ: docs/deviations.md has it; else it must not
    refused: why                                  postern refuses the ACL by name when it is loaded; only Exim runs this dialogue

Phases are those of the options acl_smtp_PHASE; without an ACL they accept. Steps of the client are separated by semicolons:

    ehlo NAME, helo NAME    EHLO client.example comes first unless one of these, or `greeting`, is the first step
    mail [ADDRESS [more]], rcpt [ADDRESS [more]]   sender@example.net and box@example.org unless given
    data [FIELD | FIELD]    DATA and a message, with those fields besides or instead (`\n` folds one, `\x3b` is a
                            semicolon); `data =` has no field at all
    body TEXT               DATA and a message with that body, `\r\n` for its line ends; `TEXT*N` is N times that text, and nothing is
                            no body at all
    say TEXT                that line as it stands (`\r`, `\n`, `\x41` for bytes); `say` lines in one write are joined by ` + `
    rset, noop, quit        those commands
    close                   the client goes away
    beside                  another connection from the same address, which stays until the end
    again                   QUIT, and another connection from the same address; EHLO comes first

A dialogue that neither quits nor closes quits in the end. Each client has an address of its own, 127.1.0.N, which decides what ACLs it
meets, so that a server serves a whole file.
"""

import contextlib
import glob
import os
import re
import socket

from support.smtp import Client, Closed, stuffed

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "acl")
PHASES = ["connect", "helo", "mail", "rcpt", "predata", "dkim", "data", "quit", "notquit", "vrfy", "expn", "etrn"]
PARTS = ["replies", "mainlog", "rejectlog", "paniclog", "messages"]
MESSAGE = ["From: Sender <sender@example.net>", "To: box@example.org", "Subject: a subject", "X-One: 1",
           "Message-ID: <1@example.net>", "Date: Tue, 04 Nov 2025 10:00:00 +0000"]
MARK_ADDRESS = "127.1.0.254"
LAST_NUMBER = 250


class Dialogue:
    def __init__(self, name, number):
        self.name = name
        self.number = number
        self.address = f"127.1.0.{number}"
        self.acls = {}  # phase -> text
        self.steps = []
        self.differs = {}  # part -> why
        self.refused = None


class Theme:
    """One file: `main` (lines), `acls` (own name -> text), `phases` (phase -> text), `files` (name -> text), `zones` (name -> records) and
    `dialogues`."""

    def __init__(self, path):
        self.name = os.path.basename(path)[:-4]
        self.main = []
        self.acls = {}
        self.phases = {}
        self.files = {}
        self.zones = {}
        self.dialogues = []
        with open(path, encoding="utf-8") as file:
            self.read(file.read().split("\n"))

    def read(self, lines):
        dialogue = None
        add = None  # takes what an indented line goes on with
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("== "):
                dialogue = Dialogue(line[3:], len(self.dialogues) + 1)
                self.dialogues.append(dialogue)
                continue
            if line[0] == " ":
                add(line)
                continue
            word, _, text = line.partition(" ")
            if word == ">":
                dialogue.steps += [step.strip() for step in text.split(";")]
                continue
            found = re.match(r"(?:(acl|differs|file|zone) )?([\w.-]+): ?(.*)", line)
            if not found:
                raise ValueError(f"{self.name}:{number}: {line}")
            add = self.take(dialogue, *found.groups())
        if len(self.dialogues) > LAST_NUMBER:
            raise ValueError(f"{self.name}: too many dialogues for their addresses")

    def take(self, dialogue, kind, word, text):
        if kind == "differs":
            if word not in PARTS:
                raise ValueError(f"{self.name}: differs {word}")
            dialogue.differs[word] = text
            return None
        if word == "refused":
            dialogue.refused = text
            return None
        if word == "main":
            def more_main(line):
                self.main.append(about(dialogue, line.strip()))
            more_main(text)
            return more_main
        if kind == "zone":
            return self.take_zone(dialogue, word, text)
        if not kind and word not in PHASES:
            raise ValueError(f"{self.name}: {word} is no phase")
        texts = {"acl": self.acls, "file": self.files}.get(kind, dialogue.acls if dialogue else self.phases)
        texts[word] = "  " + text

        def more(line):
            texts[word] += "\n" + line
        return more

    def take_zone(self, dialogue, name, text):
        def more(line):
            self.zones[name] = self.zones.get(name, "") + about(dialogue, line.strip()) + "\n"
        more(text)
        return more

    def configuration(self, skipped):
        """(main options, ACL section) that send each client to its own ACLs. Dialogues of `skipped` have none."""
        main = list(self.main)
        section = "mark:\n  deny  logwrite = :main,reject,panic: MARK\n        log_reject_target =\n"
        given = {line.split()[0] for line in main}
        for phase in PHASES:
            if f"acl_smtp_{phase}" in given:
                continue
            names = {MARK_ADDRESS: "mark"} if phase == "connect" else {}
            if phase in self.phases:
                section += f"{phase}_all:\n{self.phases[phase]}\n"
            for dialogue in self.dialogues:
                if phase in dialogue.acls and dialogue not in skipped:
                    names[dialogue.address] = f"{phase}_{dialogue.number}"
                    section += f"{phase}_{dialogue.number}:\n{dialogue.acls[phase]}\n"
            otherwise = f"{phase}_all" if phase in self.phases else "accept"
            if names:
                pairs = " ".join(f"{address}={name}" for address, name in names.items())
                main.append(f"acl_smtp_{phase} = ${{extract{{$sender_host_address}}{{{pairs}}}{{$value}}{{{otherwise}}}}}")
            elif phase in self.phases or phase in ("rcpt", "vrfy", "expn", "etrn"):
                main.append(f"acl_smtp_{phase} = {otherwise}")
        for name, text in self.acls.items():
            section += f"{name}:\n{text}\n"
        return "\n".join(main) + "\n", section


def about(dialogue, text):
    if dialogue is None:
        return text
    return text.replace("ADDRESS", dialogue.address).replace("REVERSE", f"{dialogue.number}.0.1")


def themes():
    return [Theme(path) for path in sorted(glob.glob(os.path.join(FOLDER, "*.txt")))]


def body_of(text):
    once, times, count = text.rpartition("*")
    return unescaped(once if times else text).encode("latin-1") * (int(count) if times else 1)


def message_of(fields, body=b"text\r\n"):
    own = [unescaped(field.strip().replace("\\n", "\r\n ")) for field in fields.split("|")] if fields else []
    names = {field.split(":")[0].lower() for field in own}
    if own == ["="]:
        own, base = [], []
    else:
        base = [field for field in MESSAGE if field.split(":")[0].lower() not in names]
    return "".join(field + "\r\n" for field in base + own).encode("latin-1") + b"\r\n" + body


def unescaped(text):
    return text.encode("latin-1").decode("unicode_escape")


class Conversation:
    """What one client says to a server and hears from it: `heard` has a line for each of both."""

    def __init__(self, address, port, source):
        self.server = (address, port)
        self.source = source
        self.heard = []
        self.client = None
        self.beside = []

    def run(self, steps):
        first = steps[0].split(" ")[0]
        try:
            self.connect()
            if first not in ("ehlo", "helo", "greeting"):
                self.step("ehlo client.example")
            for step in steps:
                self.step(step)
            if self.client and steps[-1] != "close":
                self.step("quit")
            while self.beside:
                self.client = self.beside.pop()
                self.step("quit")
        except Closed as closed:
            self.heard.append(str(closed))
        finally:
            for client in [self.client, *self.beside]:
                if client:
                    client.close()
        return self.heard

    def connect(self):
        self.client = Client(*self.server, source=self.source, greet=False)
        return self.hear("connect")

    def hear(self, what):
        reply = self.client.reply()
        text = reply.raw.decode("latin-1")
        if what.lower().startswith("ehlo") and reply.code == 250:
            text = text.split("\r\n")[0] + "\r\n"  # what is offered is not ACLs' business
        self.heard.append(f"{what}\n{text}")
        return reply

    def command(self, line):
        self.client.send(line.encode() + b"\r\n")
        return self.hear(line)

    def step(self, step):
        if self.client is None:
            return
        word, _, rest = step.partition(" ")
        if word in ("ehlo", "helo"):
            self.command(f"{word.upper()} {rest}")
        elif word in ("mail", "rcpt"):
            address, _, more = rest.partition(" ")
            address = address or ("sender@example.net" if word == "mail" else "box@example.org")
            address = "" if address == "<>" else address
            self.command(f"{'MAIL FROM' if word == 'mail' else 'RCPT TO'}:<{address}>{' ' + more if more else ''}")
        elif word == "data":
            if self.command("DATA").code == 354:
                self.client.send(stuffed(message_of(rest)))
                self.hear("message")
        elif word == "say":
            lines = rest.split(" + ")
            self.client.send("".join(unescaped(line) + "\r\n" for line in lines).encode("latin-1"))
            for line in lines:
                self.hear(line)
        elif word == "body":
            if self.command("DATA").code == 354:
                self.client.send(stuffed(message_of("", body_of(rest))))
                self.hear("message")
        elif word in ("rset", "noop"):
            self.command(word.upper())
        elif word == "quit":
            # Exim holds its last reply back for 200 ms unless it hears that nothing more comes.
            self.client.send(b"QUIT\r\n")
            with contextlib.suppress(OSError):  # it may have ended the connection before
                self.client.socket.shutdown(socket.SHUT_WR)
            self.hear("QUIT")
            self.close()
        elif word == "close":
            self.close()
        elif word == "beside":
            first = self.client
            if self.connect().code == 220:
                self.beside.append(self.client)
            else:
                self.client.close()
            self.client = first
        elif word == "again":
            self.step("quit")
            self.connect()
            self.step("ehlo client.example")
        elif word != "greeting":
            raise ValueError(step)

    def close(self):
        self.client.close()
        self.client = None
