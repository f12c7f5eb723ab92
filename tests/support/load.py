"""Clients that send one message after another and remember what they were told, whatever happens to the other side."""

import hashlib
import random
import re
import threading
import time

from support.smtp import Client, Closed, Refused

TOKEN = re.compile(rb"^Subject: token (\S+)\r?\n", re.M)


def message_of(token, size):
    """The message of a token: the same bytes for the same arguments, CR LF line ends."""
    line = f"{token} " + hashlib.sha256(token.encode()).hexdigest()
    lines = [f"From: <sender@example.net>\r\nSubject: token {token}\r\n\r\n"]
    written = 0
    while written < size:
        lines.append(f"{line} {written}\r\n")
        written += len(line)
    return "".join(lines).encode()


class Load:
    """`clients` threads. `accepted` holds token -> (id, size) of everything that was answered 250; `doubtful` the tokens of messages
    whose connection broke before an answer came; `refused` counts answers of another kind."""

    def __init__(self, gateway, clients=8, seed=1, sizes=(0, 200, 2000, 20_000), recipients=("box@example.org",), pause=0.0):
        self.gateway = gateway
        self.seed = seed
        self.sizes = sizes
        self.recipients = recipients
        self.pause = pause
        self.accepted = {}
        self.doubtful = set()
        self.refused = []
        self.failures = []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work, args=(number,), daemon=True) for number in range(clients)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        if any(thread.is_alive() for thread in self.threads):
            raise AssertionError("a client hangs")
        if self.failures:
            raise self.failures[0]

    def work(self, number):
        source = random.Random(self.seed * 1000 + number)
        count = 0
        try:
            while not self.stopping.is_set():
                try:
                    with Client(self.gateway.address, self.gateway.port, helo="client.example.net", timeout=30) as client:
                        for _ in range(source.randrange(1, 20)):
                            if self.stopping.is_set():
                                client.command("QUIT")
                                break
                            count += 1
                            self.send(client, f"{number}.{count}", source)
                            if self.pause:
                                time.sleep(self.pause)
                except (OSError, Closed, TimeoutError):
                    time.sleep(0.005)
                except Refused as refused:
                    with self.lock:
                        self.refused.append(refused.reply)
        except BaseException as failure:  # shown by stop()
            self.failures.append(failure)

    def send(self, client, token, source):
        size = source.choice(self.sizes)
        message = message_of(token, size)
        use_bdat = source.random() < 0.5
        client.envelope("sender@example.net", self.recipients)
        if not use_bdat:
            client.expect("DATA", 354)
        with self.lock:
            self.doubtful.add(token)
        reply = client.bdat(message) if use_bdat else self.finish_data(client, message)
        with self.lock:
            self.doubtful.discard(token)
            if reply.code == 250:
                self.accepted[token] = (reply.id, size)
            else:
                self.refused.append(reply)

    @staticmethod
    def finish_data(client, message):
        client.send(message + b".\r\n")
        return client.reply()
