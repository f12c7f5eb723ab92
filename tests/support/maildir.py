"""What arrived: maildirs that the gateway or a peer wrote."""

import os
import re
import time

# Our own Received: field, at the very front.
RECEIVED = re.compile(rb"\AReceived: (?:[^\n]|\n(?=[ \t]))*?\bid (\S+?)(?:\r?\n\tfor \S+)?;\s+\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d "
                      rb"[-+]\d{4}\r?\n")


class Arrived:
    """One message, as its file has it, and taken apart: the id in our Received: field, and what stands behind that field."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.bytes = file.read()
        found = RECEIVED.match(self.bytes)
        self.id = found.group(1).decode() if found else None
        self.received = found.group() if found else b""
        self.original = self.bytes[found.end():] if found else self.bytes

    def __repr__(self):
        return f"<{self.path}: {self.bytes[:200]!r}>"


# What another server writes above our field, the message having come through it.
PEERS_RECEIVED = re.compile(rb"^Received: from gateway\.example\.org[ \n](?:[^\n]|\n(?=[ \t]))*\n", re.MULTILINE)


def originals_behind_peer(paths):
    """id -> what stands behind our Received: field, of each copy that a peer wrote."""
    found = {}
    for path in paths:
        with open(path, "rb") as file:
            data = file.read()
        data = data[PEERS_RECEIVED.search(data).end():]
        ours = RECEIVED.match(data)
        assert ours, f"{path} has no field of ours: {data[:1000]!r}"
        found.setdefault(ours.group(1).decode(), []).append(data[ours.end():])
    return found


class Maildir:
    def __init__(self, path):
        self.path = path

    def paths(self):
        folder = os.path.join(self.path, "new")
        try:
            return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
        except FileNotFoundError:
            return []

    def messages(self):
        return [Arrived(path) for path in self.paths()]

    def wait_for(self, count, seconds=30):
        """The messages, once there are that many; whoever wants exactly so many looks at the length."""
        deadline = time.monotonic() + seconds
        while len(self.paths()) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(self.paths())} of {count} messages in {self.path}")
            time.sleep(0.02)
        return self.messages()

    def by_id(self):
        """id -> list of the messages that carry it."""
        found = {}
        for message in self.messages():
            found.setdefault(message.id, []).append(message)
        return found


def with_lf(message):
    """A message with CR LF line ends as a maildir holds it: the last line ended, LF only."""
    if message and not message.endswith(b"\r\n"):
        message += b"\r\n"
    return message.replace(b"\r\n", b"\n")
