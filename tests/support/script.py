"""Dialogues written down and played.

    C: MAIL FROM:<a@example.org>     sent, with CR LF; lines that follow each other leave in one write
    C= a\\0b\\r\\n                      sent as it is, with escapes
    S: 250 2.1.0 OK                  a line of the answer, exactly
    S~ 250 2.0.0 OK id=.*            a line of the answer that matches as a whole
    E:                               the other side closes, and has said nothing more
    # ...                            a comment
"""

import re

ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")
NAMED = {"r": "\r", "n": "\n", "0": "\0", "t": "\t"}


def unescape(text):
    return ESCAPE.sub(lambda found: chr(int(found[1][1:], 16)) if found[1][0] == "x" else NAMED.get(found[1], found[1]),
                      text).encode("latin-1")


def play(client, script, pieces=None):
    """AssertionError at the first line that differs."""
    waiting = b""
    transcript = []

    def flush():
        nonlocal waiting
        if waiting:
            client.send(waiting, pieces)
        waiting = b""

    for line in script.strip().splitlines():
        line = line.strip()
        kind, text = line[:2], line[3:]
        if not line or line.startswith("#"):
            continue
        transcript.append(line)
        if kind == "C:":
            waiting += text.encode() + b"\r\n"
        elif kind == "C=":
            waiting += unescape(text)
        elif kind in ("S:", "S~"):
            flush()
            got = client.line()
            if kind == "S:":
                same = got == text.encode() + b"\r\n"
            else:
                same = re.fullmatch(text.encode() + b"\r\n", got)
            if not same:
                raise AssertionError(f"wanted {line!r}, got {got!r}, behind:\n" + "\n".join(transcript[-12:]))
        elif kind == "E:":
            flush()
            rest = client.rest()
            if rest:
                raise AssertionError(f"wanted the end, got {rest!r}, behind:\n" + "\n".join(transcript[-12:]))
        else:
            raise AssertionError(f"not a line of a script: {line!r}")
    flush()
