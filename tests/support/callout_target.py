"""A mail server as callouts meet it: it says what a table says, remembers what it was told, and takes no mail.

    with Target([("RCPT TO:<u@", "550 no such user")]) as target: ... 127.0.0.1, target.port ...; target.seen

A rule is the beginning of a command ("connect" for the greeting) and the reply, lines between \\n; or "silent", or "drop", or "220 drop". The
first rule that fits counts. With `tls`, an ssl.SSLContext, it offers STARTTLS; `seen` has "TLS" where that was begun.
"""

import socket
import threading


class Target:
    def __init__(self, rules=(), address="127.0.0.1", port=0, tls=None):
        self.rules = list(rules)
        self.tls = tls
        self.seen = []
        self.listener = socket.create_server((address, port))
        self.address, self.port = self.listener.getsockname()
        self.open = set()

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def take_seen(self):
        seen, self.seen = self.seen, []
        return seen

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def reply_to(self, line):
        for beginning, reply in self.rules:
            if line.upper().startswith(beginning.upper()):
                return reply
        return {"connect": "220 target.example ESMTP", "QUIT": "221 bye"}.get(line, "250 ok")

    def serve(self, connection):
        """Until the client hangs up."""
        with connection:
            try:
                if self.converse(connection, "connect", self.tls is not None):
                    with self.tls.wrap_socket(connection, server_side=True) as secured:
                        self.seen.append("TLS")
                        self.converse(secured, secured.recv(4096).decode("latin-1").rstrip("\r\n"), False)
            except OSError:
                pass
        self.open.discard(connection)

    def converse(self, connection, line, offers_tls):
        """True when it is time for TLS. A silent server says nothing more."""
        silent = False
        with connection.makefile("rb", buffering=0) as lines:
            while line:
                self.seen.append(line)
                reply = self.reply_to(line)
                if offers_tls and line.startswith("EHLO") and reply == "250 ok":
                    reply = "250-target.example\n250 STARTTLS"
                starts_tls = offers_tls and line == "STARTTLS" and reply == "250 ok"
                if reply == "drop":
                    connection.shutdown(socket.SHUT_RDWR)
                    return False
                silent = silent or reply == "silent"
                if not silent:
                    connection.sendall(("220 go ahead" if starts_tls else reply).replace("\n", "\r\n").encode("latin-1") + b"\r\n")
                if starts_tls or line == "QUIT" or reply == "220 drop":
                    return starts_tls
                line = lines.readline().decode("latin-1").rstrip("\r\n")
        return False
