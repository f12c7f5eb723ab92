"""The program arc_check: our verifier and sealer of ARC over messages in memory, with keys given in place of the DNS."""

import os

from support import dkim_check

PROGRAM = os.path.join(os.environ["POSTERN_BINARY_DIR"], "arc_check")


def verify_all(messages, keys, now=dkim_check.NOW, **options):
    """`keys`: {name: record}. For each message what is said of its chain."""
    records = "".join(f"{name} {text}\n" for name, text in keys.items())
    return dkim_check.run("verify", "", records.encode(), now, messages, options, program=PROGRAM)


def verify(message, keys, now=dkim_check.NOW, **options):
    return verify_all([message], keys, now, **options)[0]


def seal(message, key, now=dkim_check.NOW, **options):
    """The message with our set on its top, and why there is none. `key`: the private key as text."""
    answer = dkim_check.run("seal", options.get("identity"), key.encode(), now, [message], options, program=PROGRAM)[0]
    return "".join(answer.get("fields", [])).encode() + message, answer.get("why", "")
