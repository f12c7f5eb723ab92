"""The program dkim_check: our verifier and signer over messages in memory, with keys given in place of the DNS."""

import json
import os
import subprocess
import tempfile

PROGRAM = os.path.join(os.environ["POSTERN_BINARY_DIR"], "dkim_check")
NOW = 1764300000


def with_crlf(text):
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def read_sample(name):
    """Of tests/conformance/dkim: the key records of a sample, and its message."""
    with open(os.path.join(os.environ["POSTERN_SOURCE_DIR"], "tests/conformance/dkim", name), "rb") as file:
        head, _, message = file.read().replace(b"\r\n", b"\n").partition(b"\n\n")
    keys = dict(line.split(" ", 1) for line in head.decode().splitlines())
    return keys, with_crlf(message)


def awkward_message(sender=b"joe@example.com", fields=b"", lines=b".dot\n"):
    """Blanks at ends of lines, runs of them, folds, empty lines at the end: all that a canonical form changes. `fields` end the header, `lines`
    stand in the body."""
    return with_crlf(b"""\
Received: from a.example.com by b.example.com;
\tFri, 11 Jul 2003 21:01:54 -0700 (PDT)
FROM:  Joe SixPack   <""" + sender + b""">\t
To: Suzie Q
  \t<suzie@example.net>,
 another@example.net
Subject:Is dinner\tready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <1@example.com>
""" + fields + b"""
Hi.
 \t
We  lost\tthe game. \t
""" + lines + b"""
Joe.


""")


def run(mode, first, text, now, messages, options, program=PROGRAM):
    """One answer for each message."""
    with tempfile.NamedTemporaryFile(prefix="postern-dkim-") as file:
        file.write(text)
        file.flush()
        command = [program, mode, file.name, str(now), *[f"{name}={value}" for name, value in options.items()]]
        stream = b"".join(b"%d\n%s" % (len(message), message) for message in messages)
        done = subprocess.run(command, input=stream, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{os.path.basename(program)} {mode} {first}: exit status {done.returncode}: {done.stderr.decode()}")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(messages), "an answer for each message"
    return answers


def verify_all(messages, keys, now=NOW, **options):
    """`keys`: {name: record}. For each message a list of what is said of its signatures."""
    records = "".join(f"{name} {text}\n" for name, text in keys.items())
    return run("verify", "", records.encode(), now, messages, options)


def verify(message, keys, now=NOW, **options):
    return verify_all([message], keys, now, **options)[0]


def sign(message, key, now=NOW, **options):
    """The message with our field on its top. `key`: the private key as text."""
    field = run("sign", options.get("domain"), key.encode(), now, [message], options)[0]
    return field.encode() + message
