"""A fake dccifd: the protocol of the Distributed Checksum Clearinghouse's interface daemon, without the Clearinghouse.

It is no DCC. What it speaks is the daemon's own protocol, written down from its published description and header file; what it
decides is a small model of what the real one does: bodies are counted for each recipient, a body counted often enough is bulk
and refused, and with `greylist` a triple of client, sender and recipient is put off the first time. The real daemon and its
servers were never run against this tree.

    with Dccifd(path) as daemon:                     a UNIX socket
    with Dccifd(("::1", 0)) as daemon:               TCP; daemon.address is what dccifd_address wants
    with Dccifd(path, bulk=3, greylist=True) ...
    with Dccifd(path, misbehave=drip) ...            one of the functions at the end of this file, or one like them

`daemon.questions` holds what it was asked, in order.
"""

import hashlib
import ipaddress
import os
import socket
import threading

OPTIONS = {"log", "spam", "body", "header", "cksums", "query", "grey-off", "no-grey", "grey-query", "no-reject", "rcvd-nxt", "rcvd-next"}
LINE_MAX = 4096


class Question:
    """One message as it was told."""

    def __init__(self, options, client, name, helo, sender, recipients, message):
        self.options, self.client, self.name, self.helo = options, client, name, helo
        self.sender, self.recipients, self.message = sender, recipients, message

    @property
    def body(self):
        for end in (b"\r\n\r\n", b"\n\n"):
            if end in self.message:
                return self.message.split(end, 1)[1]
        return b""

    @property
    def is_query(self):
        return "query" in self.options or not self.recipients


class Malformed(Exception):
    """The real daemon writes these to its log and hangs up without an answer."""


class Dccifd:
    def __init__(self, where, bulk=1_000_000, greylist=False, brand="fake", host="fake.dcc.example", misbehave=None):
        self.bulk, self.greylist, self.brand, self.host = bulk, greylist, brand, host
        self.misbehave = misbehave
        self.questions = []
        self.complaints = []
        self.connections = 0
        self.at_once = 0
        self.most_at_once = 0
        self.counts = {}
        self.embargoed = set()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = []
        self.path = where if isinstance(where, str) else None
        if self.path:
            self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.listener.bind(self.path)
            self.address = self.path
        else:
            family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
            self.listener = socket.socket(family, socket.SOCK_STREAM)
            self.listener.bind(where)
            self.address = "{} {}".format(*self.listener.getsockname()[:2])
        self.listener.listen(64)

    def __enter__(self):
        self.acceptor = threading.Thread(target=self.accept, daemon=True)
        self.acceptor.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.acceptor.join()
        for thread in self.threads:
            thread.join()
        self.listener.close()
        if self.path:
            os.unlink(self.path)

    def accept(self):
        while not self.stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, connection):
        with self.lock:
            self.connections += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        connection.settimeout(30)
        try:
            with connection:
                if self.misbehave and self.misbehave(self, connection):
                    return
                question = self.read(connection)
                with self.lock:
                    self.questions.append(question)
                    reply = self.reply(question)
                connection.sendall(reply)
        except Malformed as complaint:
            self.complaints.append(str(complaint))
        except OSError as error:
            self.complaints.append(f"connection: {error}")
        finally:
            with self.lock:
                self.at_once -= 1

    def read(self, connection):
        # The daemon's lines end with LF alone; a CR in them separates two values.
        with connection.makefile("rb") as file:
            def line(what):
                text = file.readline(LINE_MAX + 1)
                if not text.endswith(b"\n"):
                    raise Malformed(f"{what}: truncated, or too long")
                return text[:-1].decode("utf-8", "surrogateescape")

            options = line("options").split()
            for option in options:
                if option not in OPTIONS:
                    raise Malformed(f'unrecognized option value: "{option}"')
            if "spam" in options and ("query" in options or "grey-query" in options):
                raise Malformed("spam and query are incompatible")
            client, _, name = line("client").partition("\r")
            if client:
                try:
                    ipaddress.ip_address(client)
                except ValueError as error:
                    raise Malformed(f'unrecognized IP address "{client}"') from error
            elif name:
                raise Malformed("a name without an address")
            helo = line("HELO")
            sender = line("sender")
            recipients = []
            while recipient := line("recipients"):
                recipients.append(tuple(recipient.split("\r", 1)) if "\r" in recipient else recipient)
            return Question(options, client, name, helo, sender, recipients, file.read())

    def count(self, question):
        """How often this body was seen, the message asked about included where it counts."""
        checksum = hashlib.sha256(b"".join(question.body.split())).hexdigest()
        if not question.is_query:
            self.counts[checksum] = self.counts.get(checksum, 0) + len(question.recipients)
        if "spam" in question.options:
            self.counts[checksum] = max(self.bulk, self.counts.get(checksum, 0))
        return self.counts.get(checksum, 0)

    def is_embargoed(self, question, is_bulk):
        if not self.greylist or {"grey-off", "no-grey"} & set(question.options):
            return False
        triples = {(question.client, question.sender, recipient) for recipient in question.recipients}
        new = triples - self.embargoed
        if "grey-query" not in question.options and not is_bulk:
            self.embargoed |= triples
        return bool(new)

    def field(self, seen):
        body = "many" if seen >= self.bulk else seen
        return f"X-DCC-{self.brand}-Metrics: {self.host} 1234; Body={body} Fuz1={body}\n\tFuz2={body}\n"

    def reply(self, question):
        seen = self.count(question)
        is_bulk = seen >= self.bulk
        if self.is_embargoed(question, is_bulk):
            overall, letters = "G", "G" * len(question.recipients)
        elif is_bulk and "no-reject" not in question.options:
            overall, letters = "R", "R" * len(question.recipients)
        else:
            overall, letters = "A", "A" * len(question.recipients)
        text = f"{overall}\n{letters}\n".encode()
        if "body" in question.options:
            return text + self.field(seen).replace("\n", "\r\n").encode() + question.message
        if "header" in question.options or "cksums" in question.options:
            text += self.field(seen).encode()
            if "cksums" in question.options:
                text += f"                            reported: {len(question.recipients)}  checksum server\n".encode()
                text += b"Body: 0a1b2c3d 4e5f6071 8293a4b5 c6d7e8f9\n"
            text += b"\n"
        return text


# Ways to be wrong. Each is given the daemon and the connection; true: the conversation is over.


def says(answer):
    """Listens to everything, and answers with these bytes."""
    def misbehave(daemon, connection):
        question = daemon.read(connection)
        daemon.questions.append(question)
        connection.sendall(answer)
        return True
    return misbehave


def silent(daemon, connection):
    """Listens, and says nothing."""
    daemon.read(connection)
    daemon.stopping.wait(30)
    return True


def deaf(daemon, connection):
    """Does not read."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    daemon.stopping.wait(30)
    return True


def drip(daemon, connection):
    """An answer that never ends, a byte at a time."""
    daemon.read(connection)
    connection.sendall(b"A\nA\nX-DCC-x: ")
    while not daemon.stopping.wait(0.05):
        connection.sendall(b"y")
    return True


def flood(daemon, connection):
    """As many bytes as anybody takes."""
    daemon.read(connection)
    while not daemon.stopping.is_set():
        connection.sendall(b"A" * 65536)
    return True


def hangs_up(_, connection):
    """Reads a little and goes."""
    connection.recv(10)
    return True
