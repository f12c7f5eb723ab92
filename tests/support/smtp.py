"""A client that does exactly what it is told: bytes in chosen pieces, replies awaited or not."""

import re
import socket
import time


class Reply:
    """One reply: its code, its lines without code and separator, and all its bytes."""

    def __init__(self, raw):
        self.raw = raw
        text = raw.decode("utf-8", "replace")
        self.code = int(text[:3])
        self.lines = [line[4:] for line in text.split("\r\n")[:-1]]

    @property
    def text(self):
        return "\n".join(self.lines)

    @property
    def id(self):
        """The message id of `250 OK id=...`."""
        found = re.search(r"\bOK id=(\S+)$", self.lines[-1])
        return found.group(1) if found else None

    def __repr__(self):
        return f"{self.code} {self.text!r}"


class Refused(AssertionError):
    """Another reply than the one that was wanted."""

    def __init__(self, reply, wanted, what=""):
        super().__init__(f"{what}: wanted {wanted}, got {reply!r}")
        self.reply = reply


class Closed(AssertionError):
    """The other side closed the connection where a reply was due."""


class Client:
    def __init__(self, address, port, timeout=20, source=None, greet=True, helo=None, receive_buffer=None):
        """`greet` awaits the greeting; `helo` also says EHLO with that name. `receive_buffer` bytes make a narrow pipe."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout)
        try:
            if source:
                self.socket.bind((source, 0))
            self.socket.connect((address, port))
        except OSError:
            self.socket.close()
            raise
        self.timeout = timeout
        self.buffer = b""
        self.greeting = None
        self.keywords = []
        try:
            if greet or helo:
                self.greeting = self.reply()
            if helo:
                self.ehlo(helo)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def abort(self):
        """Closes with a reset instead of an orderly end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()

    # Bytes.

    def send(self, data, pieces=None):
        """All of `data` at once, or in pieces of that many bytes, each in a packet of its own."""
        if isinstance(data, str):
            data = data.encode()
        if pieces is None:
            self.socket.sendall(data)
        else:
            for at in range(0, len(data), pieces):
                self.socket.sendall(data[at:at + pieces])
        return self

    def fill(self, timeout):
        """Reads what comes; False at the end."""
        self.socket.settimeout(max(timeout, 0.001))
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        finally:
            self.socket.settimeout(self.timeout)
        self.buffer += data
        return bool(data)

    def reply(self, timeout=None):
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            found = re.match(rb"(?:\d{3}-[^\n]*\r\n)*\d{3} [^\n]*\r\n", self.buffer)
            if found:
                self.buffer = self.buffer[found.end():]
                return Reply(found.group())
            if not self.fill(deadline - time.monotonic()):
                raise Closed(f"closed; unread: {self.buffer!r}")

    def line(self, timeout=None):
        """One line, its end included."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while b"\n" not in self.buffer:
            if not self.fill(deadline - time.monotonic()):
                raise Closed(f"closed; unread: {self.buffer!r}")
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line + b"\n"

    def replies(self, count):
        return [self.reply() for _ in range(count)]

    def rest(self, timeout=None):
        """All bytes up to the end of the connection."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while self.fill(deadline - time.monotonic()):
            pass
        data, self.buffer = self.buffer, b""
        return data

    def is_silent(self, seconds):
        """True when nothing at all comes for that long."""
        if self.buffer:
            return False
        try:
            self.fill(seconds)
            return False
        except TimeoutError:
            return True

    # Commands.

    def command(self, line, timeout=None):
        self.send(line if isinstance(line, bytes) else line.encode() + b"\r\n")
        return self.reply(timeout)

    def expect(self, line, code, pattern=None):
        """The reply to `line`, which must have that code and match."""
        reply = self.command(line)
        if reply.code != code or (pattern and not re.search(pattern, reply.text)):
            raise Refused(reply, f"{code} {pattern or ''}", line)
        return reply

    def ehlo(self, name="client.example.net"):
        reply = self.expect(f"EHLO {name}", 250)
        self.keywords = reply.lines[1:]
        return reply

    def offers(self, keyword):
        return any(line.split()[0] == keyword for line in self.keywords)

    def envelope(self, sender, recipients, parameters=""):
        """MAIL and RCPT; every one must be accepted. One write where PIPELINING was offered."""
        lines = [f"MAIL FROM:<{sender}>{parameters}"] + [f"RCPT TO:<{recipient}>" for recipient in recipients]
        if self.offers("PIPELINING"):
            for at in range(0, len(lines), 500):
                part = lines[at:at + 500]
                self.send("".join(line + "\r\n" for line in part).encode())
                for line in part:
                    reply = self.reply()
                    if reply.code != 250:
                        raise Refused(reply, 250, line)
        else:
            for line in lines:
                self.expect(line, 250)

    def data(self, message, pieces=None):
        """DATA with the message, which has CR LF line ends; the last reply."""
        self.expect("DATA", 354)
        self.send(stuffed(message), pieces)
        return self.reply()

    def bdat(self, message, chunk=None):
        """BDAT in chunks of that many bytes; the last reply."""
        chunk = chunk or max(len(message), 1)
        parts = [message[at:at + chunk] for at in range(0, len(message), chunk)] or [b""]
        for part in parts[:-1]:
            self.send(b"BDAT %d\r\n" % len(part) + part)
            reply = self.reply()
            if reply.code != 250:
                raise Refused(reply, 250, "BDAT")
        self.send(b"BDAT %d LAST\r\n" % len(parts[-1]) + parts[-1])
        return self.reply()

    def deliver(self, message, sender="sender@example.net", recipients=("box@example.org",), parameters="", chunk=None, bdat=False,
                pieces=None):
        """A whole transaction; the id of the message that was accepted."""
        self.envelope(sender, recipients, parameters)
        reply = self.bdat(message, chunk) if bdat or chunk else self.data(message, pieces)
        if reply.code != 250:
            raise Refused(reply, 250, "end of data")
        return reply.id

    def quit(self):
        self.expect("QUIT", 221)
        self.close()


def stuffed(message):
    """As it goes over the wire after DATA: dots doubled, the last line ended, and the end mark."""
    if message and not message.endswith(b"\r\n"):
        message += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", message) + b".\r\n"


def lines_of(text):
    """A readable text as it goes over the wire."""
    return text.replace("\n", "\r\n").encode()
