"""A mail server as callouts meet it: it says what a table says, remembers what it was told, and takes no mail.

    with Target([("RCPT TO:<u@", "550 no such user")]) as target: ... 127.0.0.1, target.port ...; target.seen

A rule is the beginning of a command ("connect" for the greeting) and the reply, lines between \\n; or "silent", or "drop". The first
rule that fits counts.
"""

import socket
import threading


class Target:
    def __init__(self, rules=(), address="127.0.0.1", port=0):
        self.rules = list(rules)
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
        """Until the client hangs up; a silent server says nothing more, and waits for that."""
        silent = False
        with connection, connection.makefile("rb") as lines:
            line = "connect"
            while line:
                self.seen.append(line)
                reply = self.reply_to(line)
                if reply == "drop":
                    connection.shutdown(socket.SHUT_RDWR)
                    break
                silent = silent or reply == "silent"
                try:
                    if not silent:
                        connection.sendall(reply.replace("\n", "\r\n").encode("latin-1") + b"\r\n")
                    if line == "QUIT":
                        break
                    line = lines.readline().decode("latin-1").rstrip("\r\n")
                except OSError:
                    break
        self.open.discard(connection)
