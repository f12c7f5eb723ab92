"""A relay that writes down what clients say, for clients that do not tell which bytes they send."""

import re
import socket
import threading

from support.gateway import free_port, own_address


class Recorder:
    """Listens for SMTP clients and passes them on to `target`. transactions() gives what they sent and were told."""

    def __init__(self, target):
        self.target = target
        self.address, self.port = own_address(), None
        self.streams = []
        self.sockets = []
        self.lock = threading.Lock()

    def __enter__(self):
        self.port = free_port(self.address)
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((self.address, self.port))
        self.listener.listen(200)
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.sockets:
            one.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            stream = (bytearray(), bytearray())
            with self.lock:
                self.streams.append(stream)
                self.sockets += [client, server]
            for source, sink, copy in ((client, server, stream[0]), (server, client, stream[1])):
                threading.Thread(target=self.pass_on, args=(source, sink, copy), daemon=True).start()

    @staticmethod
    def pass_on(source, sink, copy):
        try:
            while data := source.recv(65536):
                copy += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def transactions(self):
        """id -> message, dots not doubled, for everything that was accepted. Every DATA must have been answered with 354."""
        found = {}
        for said, heard in self.streams:
            messages, rest = [], bytes(said)
            while True:
                command = re.search(rb"(?im)^DATA\r\n", rest)
                if not command:
                    break
                rest = rest[command.end():]
                end = 0 if rest.startswith(b".\r\n") else rest.index(b"\r\n.\r\n") + 2
                messages.append(re.sub(rb"(?m)^\.\.", b".", rest[:end]))
                rest = rest[end + 3:]
            ids = re.findall(rb"(?m)^250 [\d.]* ?OK id=(\S+)\r\n", bytes(heard))
            if len(ids) != len(messages):
                raise AssertionError(f"{len(messages)} messages and {len(ids)} ids")
            found.update((one.decode(), message) for one, message in zip(ids, messages))
        return found
