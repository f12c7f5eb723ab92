"""The program dkim_check: our verifier and signer over messages in memory, with keys given in place of the DNS."""

import json
import os
import subprocess
import tempfile

PROGRAM = os.path.join(os.environ["POSTERN_BINARY_DIR"], "dkim_check")
NOW = 1764300000


def with_crlf(text):
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def run(mode, first, text, now, messages, options):
    """One answer for each message."""
    with tempfile.NamedTemporaryFile(prefix="postern-dkim-") as file:
        file.write(text)
        file.flush()
        command = [PROGRAM, mode, file.name, str(now), *[f"{name}={value}" for name, value in options.items()]]
        stream = b"".join(b"%d\n%s" % (len(message), message) for message in messages)
        done = subprocess.run(command, input=stream, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"dkim_check {mode} {first}: exit status {done.returncode}: {done.stderr.decode()}")
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
