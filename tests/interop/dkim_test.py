#!/usr/bin/env python3
# ctest: timeout=300
"""DKIM between us and others: what dkimpy and opendkim sign verifies here, what is signed here verifies in dkimpy, and every
change that a canonical form does not forgive is found."""

import base64
import itertools
import os
import re
import smtplib
import subprocess
import tempfile
import time
import unittest

from support import debian_python

debian_python.want("dkim", "nacl")

# pylint: disable=wrong-import-position
import dkim
from dkim.canonicalization import Relaxed, Simple

from runner import run_tests
from support import dkim_check
from support.dkim_keys import Keys
from support.hop import Hop
from support.signing_exim import signing_exim

OPENDKIM = "/usr/sbin/opendkim-testmsg"
CANONS = list(itertools.product(("simple", "relaxed"), repeat=2))
NAME = "test._domainkey.example.com"
NOW = int(time.time())  # dkimpy and opendkim sign at the time it is

MESSAGE = dkim_check.awkward_message(fields=b"X-Empty:\nX-Bytes: \xc3\xa9\xff\n", lines=b"\xe2\x82\xac \x00 bytes\n.dot\n")
SIGNED = ["from", "to", "subject", "date", "message-id", "x-empty", "x-bytes"]


KEYS = Keys()


def dkimpy_sign(message, algorithm, canon, **options):
    key, _ = KEYS.pair(algorithm)
    field = dkim.sign(message, b"test", b"example.com", key, canonicalize=tuple(word.encode() for word in canon),
                      signature_algorithm=algorithm.encode(), **options)
    return field + message


def dkimpy_verifies(message, record):
    return dkim.verify(message, dnsfunc=lambda name, timeout=5: record.encode() if name == NAME.encode() + b"." else None)


class RelaxedHeader:
    """RFC 6376 section 3.4.2. dkimpy also strips form feeds, which are no blanks."""

    @staticmethod
    def canonicalize_headers(fields):
        def relax(value):
            return re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" ")
        return [(name.lower().rstrip(b" \t"), relax(value)) for name, value in fields]


class Canonical:
    """What the signer of a message put his signature to."""

    HEADERS = {"simple": Simple, "relaxed": RelaxedHeader}
    BODIES = {"simple": Simple, "relaxed": Relaxed}

    def __init__(self, message, canon):
        # A bare LF ends a line of the header here; none gets past the session.
        head, body = re.split(rb"(?<=\n)\r\n", message, maxsplit=1)
        fields = []
        for field in re.split(rb"\r?\n(?![ \t])", head):
            name, colon, value = field.partition(b":")
            if colon:
                fields.append((name, value + b"\r\n"))
        header = self.HEADERS[canon[0]]
        chosen, signatures = [], []
        left = list(reversed(fields))
        for name in SIGNED:
            for field in left:
                if field[0].rstrip(b" \t").lower() == name.encode():
                    chosen.append(field)
                    left.remove(field)
                    break
        self.signature_bytes = None
        for field in fields:
            if field[0].rstrip(b" \t").lower() == b"dkim-signature":
                found = re.search(rb"(?<=[;\s])b=([^;]*)", field[1])
                if found:
                    self.signature_bytes = self.decode(found.group(1))
                    field = (field[0], field[1][:found.start(1)] + field[1][found.end(1):])
                signatures.append(field)
        self.header = header.canonicalize_headers(chosen + signatures)
        self.body = self.BODIES[canon[1]].canonicalize_body(body)

    @staticmethod
    def decode(text):
        try:
            return base64.b64decode(re.sub(rb"[ \t\r\n]", b"", text), validate=True)
        except ValueError:
            return None

    def __eq__(self, other):
        return (self.header, self.body, self.signature_bytes) == (other.header, other.body, other.signature_bytes)


class Dkimpy(unittest.TestCase):
    def test_what_it_signs_verifies(self):
        for algorithm, canon, length in itertools.product(("rsa-sha256", "ed25519-sha256"), CANONS, (False, True)):
            signed = dkimpy_sign(MESSAGE, algorithm, canon, length=length)
            record = KEYS.pair(algorithm)[1]
            for piece in (1, 3, 4096):
                result, = dkim_check.verify(signed, {NAME: record}, NOW, piece=piece)
                self.assertEqual((result["status"], result["algorithm"]), ("pass", algorithm), (canon, length, result))

    def test_odd_bodies(self):
        head = b"From: joe@example.com\r\nTo: x@example.net\r\n\r\n"
        # Blanks at the very end without a line end are left out: dkimpy keeps one, and DATA cannot bring such a body.
        bodies = [b"", b"\r\n", b"\r\n\r\n", b"a", b"a\r\n", b" \r\n", b"a \r\n\r\n \r\n", b"\r\n\r\na", b"a\r\n\r\n\r\n"]
        for body, canon in itertools.product(bodies, CANONS):
            signed = dkimpy_sign(head + body, "rsa-sha256", canon)
            result, = dkim_check.verify(signed, {NAME: KEYS.rsa_record}, NOW, piece=1)
            self.assertEqual(result["status"], "pass", (body, canon))

    def test_two_signatures_over_one_message(self):
        signed = dkimpy_sign(dkimpy_sign(MESSAGE, "rsa-sha256", ("simple", "relaxed")), "rsa-sha256", ("relaxed", "simple"))
        results = dkim_check.verify(signed, {NAME: KEYS.rsa_record}, NOW)
        self.assertEqual([result["status"] for result in results], ["pass", "pass"])

    def test_sha1_verifies_only_where_it_is_accepted(self):
        signed = dkimpy_sign(MESSAGE, "rsa-sha1", ("relaxed", "relaxed"))
        result, = dkim_check.verify(signed, {NAME: KEYS.rsa_record}, NOW)
        self.assertEqual((result["status"], result["authres"], result["text"]), ("invalid", "policy", "insecure"))
        result, = dkim_check.verify(signed, {NAME: KEYS.rsa_record}, NOW, hashes="sha1:sha256")
        self.assertEqual(result["status"], "pass")

    def test_every_change_is_found(self):
        """Each byte changed in several ways. A message whose canonical form stays as it was passes; any other does not."""
        for algorithm, canon in zip(("rsa-sha256", "ed25519-sha256", "ed25519-sha256", "rsa-sha256"), CANONS):
            signed = dkimpy_sign(MESSAGE, algorithm, canon, include_headers=[name.encode() for name in SIGNED])
            original = Canonical(signed, canon)
            changed, places = [], []
            for at, byte in enumerate(signed):
                for new in {byte ^ 0x01, byte ^ 0x20, byte ^ 0x29, byte ^ 0xff, 0x20}:
                    if new != byte:
                        changed.append(signed[:at] + bytes([new]) + signed[at + 1:])
                        places.append((at, new))
            answers = dkim_check.verify_all(changed, {NAME: KEYS.pair(algorithm)[1]}, NOW)
            forgiven = 0
            for message, place, results in zip(changed, places, answers):
                passed = [result["status"] for result in results] == ["pass"]
                same = Canonical(message, canon) == original
                self.assertEqual(passed, same, (canon, place, message, results))
                forgiven += same
            # The fields that are not signed, and blanks.
            self.assertGreater(forgiven, 100)
            self.assertGreater(len(changed) - forgiven, 2000)

    def test_every_byte_taken_out_or_doubled_is_found(self):
        for canon in CANONS:
            signed = dkimpy_sign(MESSAGE, "ed25519-sha256", canon, include_headers=[name.encode() for name in SIGNED])
            original = Canonical(signed, canon)
            changed = [signed[:at] + signed[at + 1:] for at in range(len(signed)) if signed[at] not in b"\r\n"]
            changed += [signed[:at] + signed[at:at + 1] + signed[at:] for at in range(len(signed)) if signed[at] not in b"\r\n"]
            answers = dkim_check.verify_all(changed, {NAME: KEYS.ed25519_record}, NOW)
            for message, results in zip(changed, answers):
                passed = [result["status"] for result in results] == ["pass"]
                self.assertEqual(passed, Canonical(message, canon) == original, (canon, message, results))

    def test_what_we_sign_verifies_in_it(self):
        lists = ["", "From:To:Subject", "+From:=Received:To:X-Absent", "From:+To:=X-Absent:Date"]
        for algorithm, canon, names in itertools.product(("rsa", "ed25519"), CANONS, lists):
            key, record = KEYS.pair(algorithm)
            signed = dkim_check.sign(MESSAGE, key.decode(), domain="example.com", selector="test", canon="/".join(canon),
                                     sign_headers=names, timestamps="1000", identity="joe=1@mail.example.com",
                                     now=NOW)
            self.assertTrue(dkimpy_verifies(signed, record), (algorithm, canon, names, signed))
            self.assertFalse(dkimpy_verifies(signed.replace(b"Joe.", b"joe."), record))

    def test_our_lines_are_short(self):
        key = KEYS.rsa.decode()
        signed = dkim_check.sign(MESSAGE, key, domain="example.com", selector="test")
        field = signed[:-len(MESSAGE)]
        self.assertTrue(field.endswith(b"\r\n"))
        self.assertLessEqual(max(len(line) for line in field.split(b"\r\n")), 78)


class Opendkim(unittest.TestCase):
    def test_what_it_signs_verifies(self):
        if not os.access(OPENDKIM, os.X_OK):
            self.skipTest("opendkim-tools is not installed")
        # It keeps messages as C strings.
        message = MESSAGE.replace(b"\x00", b"")
        with tempfile.TemporaryDirectory(prefix="postern-dkim-") as home:
            key = os.path.join(home, "key")
            with open(key, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(KEYS.rsa)
            done = subprocess.run([OPENDKIM, "-C", "-d", "example.com", "-s", "test", "-k", key, "-t", home], input=message,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)
        signed = dkim_check.with_crlf(done.stdout)
        self.assertIn(b"DKIM-Signature: ", signed)
        # Debian's signs by SHA-1, and there is no option.
        result, = dkim_check.verify(signed, {NAME: KEYS.rsa_record}, NOW, hashes="sha1:sha256")
        self.assertEqual((result["status"], result["domain"]), ("pass", "example.com"), (result, signed))


# The local part says how a message is signed. Exim 4.96 breaks its own signature when simple and dkim_timestamps come together, by a
# blank before a fold: dkimpy does not verify those either.
SIGNING = """\
  dkim_domain = example.com
  dkim_selector = test
  dkim_canon = ${{if match{{$local_part}}{{simple}}{{simple}}{{relaxed}}}}
  dkim_private_key = {home}/${{if match{{$local_part}}{{rsa}}{{rsa}}{{ed25519}}}}
  dkim_sign_headers = ${{if match{{$local_part}}{{all}}{{+from:=received:to}}{{_DKIM_SIGN_HEADERS}}}}
"""


class SigningExim(unittest.TestCase):
    def test_what_it_signs_verifies_and_what_it_names_is_what_we_name(self):
        ways = [f"{canon}-{key}{more}" for canon in ("simple", "relaxed") for key in ("rsa", "ed25519") for more in ("", "-all")]
        transports = {"plain": SIGNING, "timed": SIGNING + "  dkim_timestamps = 1000\n"}
        with Hop() as hop, signing_exim(hop, transports, KEYS, "${{if match{{$local_part}}{{simple}}{{plain}}{{timed}}}}") as exim:
            with smtplib.SMTP(exim.listen, exim.port, timeout=60) as client:
                for way in ways:
                    client.sendmail("joe@example.com", [f"{way}@example.net"], MESSAGE.replace(b"\x00", b""))
            hop.wait_for(len(ways))
            taken = list(hop.messages)
        self.assertEqual(len(taken), len(ways))
        for message in taken:
            way = message.recipients[0].strip("<>").partition("@")[0]
            canon, kind = way.split("-")[:2]
            key, record = KEYS.pair(kind)
            result, = dkim_check.verify(message.data, {NAME: record}, NOW + 1)
            self.assertEqual((result["status"], result["algorithm"]), ("pass", f"{kind}-sha256"), (way, result, message.data))
            # The same settings in our signer cover the same fields.
            unsigned = message.data[message.data.index(b"Received: "):]
            names = "+from:=received:to" if way.endswith("all") else ""
            ours = dkim_check.sign(unsigned, key.decode(), domain="example.com", selector="test", canon=canon, sign_headers=names)
            again, = dkim_check.verify(ours, {NAME: record})
            self.assertEqual(again["status"], "pass", way)
            self.assertEqual(sorted(again["names"].lower().split(":")), sorted(result["names"].lower().split(":")), way)


if __name__ == "__main__":
    run_tests()
