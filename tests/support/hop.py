"""A next hop that does what a test wants: a small SMTP server that refuses, defers, hangs up and remembers everything.

    with Hop(rcpt=lambda address: "550 5.1.1 no such user" if ... else None) as hop:
        ... ROUTE % hop.route ...
        hop.wait_for(1)
"""

import re
import socket
import threading
import time

from support.gateway import free_port, own_address
from support.maildir import RECEIVED

ALL = ("PIPELINING", "SIZE 104857600", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES")


def routers(hop, name="peer", domains=None):
    """A router that sends everything (or those domains) to `hop`."""
    condition = f"  domains    = {domains}\n" if domains else ""
    return f"{name}:\n  driver     = manualroute\n{condition}  route_list = * {hop.address}::{hop.port}\n  transport  = remote_smtp\n  self       = send\n"


TRANSPORTS = """\
remote_smtp:
  driver = smtp
  allow_localhost
"""


class Taken:
    """A message as it came in."""

    def __init__(self, connection, sender, parameters, recipients, data, chunked):
        self.connection = connection
        self.sender = sender
        self.parameters = parameters
        self.recipients = recipients
        self.data = data
        self.chunked = chunked
        found = RECEIVED.match(data)
        self.id = found.group(1).decode() if found else None
        self.original = data[found.end():] if found else data


class Hop:
    """`mail`, `rcpt` and `end` may answer with a reply, with None for the usual one, or with "drop" to hang up. `end` is asked at the
    end of the data, and gets the message."""

    def __init__(self, extensions=ALL, mail=None, rcpt=None, end=None, greeting="220 hop.example ESMTP", address=None, port=None):
        # Not the gateway's own address: a host that is the gateway itself is treated otherwise.
        self.address = address or own_address().replace("127.", "127.1", 1)
        self.port = port or free_port(self.address)
        self.extensions = extensions
        self.mail, self.rcpt, self.end = mail, rcpt, end
        self.greeting = greeting
        self.messages = []
        self.connections = 0
        self.commands = []
        self.lock = threading.Lock()
        self.listener = None
        self.open = set()

    def start(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((self.address, self.port))
        self.listener.listen(100)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()
        return self

    def stop(self):
        """No more; open connections are cut."""
        if self.listener is not None:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        with self.lock:
            connections, self.open = self.open, set()
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def wait_for(self, count, seconds=20):
        deadline = time.monotonic() + seconds
        while len(self.messages) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(self.messages)} of {count} messages at the next hop")
            time.sleep(0.01)
        return list(self.messages)

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.add(connection)
                number = self.connections
            threading.Thread(target=self.serve, args=(connection, number), daemon=True).start()

    def serve(self, connection, number):
        connection.settimeout(60)
        try:
            with connection, connection.makefile("rb") as lines:
                self.converse(connection, lines, number)
        except (OSError, EOFError):
            pass
        with self.lock:
            self.open.discard(connection)

    def converse(self, connection, lines, number):
        def say(text):
            connection.sendall(text.encode() + b"\r\n")

        def ask(hook, argument, usual, then=None):
            """Whether the answer was a positive one; `then` is done before it is told."""
            answer = hook(argument) if hook else None
            if answer == "drop":
                raise EOFError
            is_positive = answer is None or answer.startswith("2")
            if then and is_positive:
                then(argument)
            say(answer or usual)
            return is_positive

        say(self.greeting)
        sender, parameters, recipients, chunks, lost = None, "", [], [], False
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            verb = text.split(" ")[0].upper()
            with self.lock:
                self.commands.append(text)
            if verb in ("EHLO", "HELO"):
                words = ["hop.example", *(self.extensions if verb == "EHLO" else ())]
                for word in words[:-1]:
                    say(f"250-{word}")
                say(f"250 {words[-1]}")
            elif verb == "MAIL":
                found = re.match(r"MAIL FROM:<(.*?)>(.*)", text, re.I)
                if ask(self.mail, found.group(1), "250 2.1.0 ok"):
                    sender, parameters = found.group(1), found.group(2)
            elif verb == "RCPT":
                address = re.match(r"RCPT TO:<(.*?)>", text, re.I).group(1)
                if sender is None:
                    say("503 5.5.1 MAIL first")
                elif ask(self.rcpt, address, "250 2.1.5 ok"):
                    recipients.append(address)
            elif verb == "DATA":
                if not recipients:
                    say("554 5.5.1 no valid recipients")
                    continue
                say("354 go on")
                data = []
                for part in lines:
                    if part == b".\r\n":
                        break
                    data.append(part[1:] if part.startswith(b".") else part)
                else:
                    return
                taken = Taken(number, sender, parameters, recipients, b"".join(data), False)
                ask(self.end, taken, "250 2.0.0 taken", then=self.messages.append)
                sender, parameters, recipients = None, "", []
            elif verb == "BDAT":
                size = int(text.split()[1])
                chunk = lines.read(size)
                if len(chunk) < size:
                    return
                chunks.append(chunk)
                if not recipients:
                    lost = True
                if not text.upper().endswith(" LAST"):
                    say("554 5.5.1 no valid recipients" if lost else "250 2.0.0 chunk")
                elif lost:
                    say("554 5.5.1 no valid recipients")
                    sender, parameters, recipients, chunks, lost = None, "", [], [], False
                else:
                    taken = Taken(number, sender, parameters, recipients, b"".join(chunks), True)
                    ask(self.end, taken, "250 2.0.0 taken", then=self.messages.append)
                    sender, parameters, recipients, chunks = None, "", [], []
            elif verb in ("RSET", "NOOP"):
                say("250 2.0.0 ok")
                if verb == "RSET":
                    sender, parameters, recipients, chunks, lost = None, "", [], [], False
            elif verb == "QUIT":
                say("221 2.0.0 bye")
                return
            else:
                say("500 5.5.2 what?")
