#!/usr/bin/env python3
# ctest: timeout=300
"""ARC between us and dkimpy: what it seals verifies here, what is sealed here verifies there, chains that both have a hand in too, and
every change that a canonical form does not forgive is found."""

import base64
import os
import re
import subprocess
import tempfile
import time
import unittest

from support import debian_python

debian_python.want("dkim", "authres")

# pylint: disable=wrong-import-position
import dkim
from dkim.canonicalization import Relaxed

from runner import run_tests
from support import arc_check, dkim_check

NOW = int(time.time())  # dkimpy seals at the time it is

MESSAGE = dkim_check.awkward_message()
SIGNED = [b"from", b"to", b"subject", b"date", b"message-id"]
ARC_FIELDS = (b"arc-seal", b"arc-message-signature", b"arc-authentication-results")
SETS_MAX = 50


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def make_key():
    key = openssl("genrsa", "-traditional", "1024")
    with tempfile.NamedTemporaryFile() as file:
        file.write(key)
        file.flush()
        public = openssl("rsa", "-in", file.name, "-pubout", "-outform", "DER")
    return key, "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()


KEY, RECORD = make_key()


def domain(hop):
    return f"mx{hop}.example"


KEYS = {f"test._domainkey.{domain(hop)}": RECORD for hop in range(1, SETS_MAX + 2)}


def results(hop, status):
    """What the handler found, with a comment and a fold in it."""
    return (f"Authentication-Results: {domain(hop)};\r\n\tspf=pass (a; b)\r\n\t smtp.mailfrom=joe@example.com;\r\n"
            f"\tarc={status}\r\n").encode()


def dkimpy_seals(message, hop, status, **options):
    message = results(hop, status) + message
    fields = dkim.arc_sign(message, b"test", domain(hop).encode(), KEY, domain(hop).encode(), include_headers=SIGNED, **options)
    assert len(fields) == 3, "a set"
    return b"".join(fields) + message


def we_seal(message, hop, status, **options):
    sealed, why = arc_check.seal(results(hop, status) + message, KEY.decode(), NOW, identity=domain(hop), selector="test", **options)
    assert not why, why
    return sealed


def dkimpy_says(message):
    status, sets, reason = dkim.arc_verify(message, dnsfunc=lambda name, timeout=5: KEYS.get(name.decode().rstrip("."), "").encode())
    return (status or b"ended").decode(), [one["instance"] for one in sets if one["ams-valid"]], reason


def chain_of(seals):
    """Messages with 1 to as many sets as there are sealers."""
    message, all_messages = MESSAGE, []
    for hop, seal in enumerate(seals, 1):
        message = seal(message, hop, "none" if hop == 1 else "pass")
        all_messages.append(message)
    return all_messages


DKIMPY_CHAINS = chain_of([dkimpy_seals] * SETS_MAX)


class Canonical:
    """All that the seals and the newest signature of a chain cover."""

    def __init__(self, message):
        # A bare LF ends a line of the header here; none gets past the session.
        head, body = re.split(rb"(?<=\n)\r\n", message, maxsplit=1)
        fields = []
        for field in re.split(rb"\r?\n(?![ \t])", head):
            name, colon, value = field.partition(b":")
            if colon:
                fields.append((name.rstrip(b" \t").lower(), self.relax(value)))
        self.body = Relaxed.canonicalize_body(body)
        # Each name once, from the bottom; it stands once in h=.
        lowest = dict(fields)
        self.header = [lowest.get(name) for name in SIGNED]
        self.sets = sorted(field for field in fields if field[0] in ARC_FIELDS)
        # Blanks in the signature of the newest seal, which no other covers.
        newest = next((value for name, value in fields if name == b"arc-seal"), b"")
        found = re.search(rb"(?<=[;\s])b=([^;]*)", newest)
        self.signature = None
        if found:
            self.sets.remove((b"arc-seal", newest))
            self.sets.append(newest[:found.start(1)] + newest[found.end(1):])
            self.signature = self.decode(found.group(1))

    @staticmethod
    def relax(value):
        return re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" ")

    @staticmethod
    def decode(text):
        try:
            return base64.b64decode(re.sub(rb"[ \t\r\n]", b"", text), validate=True)
        except ValueError:
            return None

    def __eq__(self, other):
        return (self.header, self.body, self.sets, self.signature) == (other.header, other.body, other.sets, other.signature)


class WhatDkimpySeals(unittest.TestCase):
    def test_chains_of_one_to_fifty_sets(self):
        for hop, result in enumerate(arc_check.verify_all(DKIMPY_CHAINS, KEYS, NOW), 1):
            self.assertEqual((result["status"], result["instances"], result["oldest_pass"]), ("pass", hop, 1), (hop, result))
            self.assertEqual(result["domains"], ":".join(map(domain, range(1, hop + 1))))

    def test_in_pieces(self):
        for hop in (1, 2, 3, 10, 50):
            for piece in (1, 3, 4096):
                self.assertEqual(arc_check.verify(DKIMPY_CHAINS[hop - 1], KEYS, NOW, piece=piece)["status"], "pass", (hop, piece))

    def test_changes_on_the_way_move_the_oldest_pass(self):
        message = DKIMPY_CHAINS[1].replace(b"Subject:Is", b"Subject: [list] Is")
        message = dkimpy_seals(dkimpy_seals(message, 3, "pass"), 4, "pass")
        result = arc_check.verify(message, KEYS, NOW)
        self.assertEqual((result["status"], result["oldest_pass"]), ("pass", 3), result)
        self.assertEqual(dkimpy_says(message)[:2], ("pass", [4, 3]))

    def test_what_can_be_no_chain(self):
        """Faults of RFC 8617 section 5.2, steps 1 to 3."""
        good = DKIMPY_CHAINS[2]
        names = (b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results")

        def take(message, name, instance):
            found = re.search(rb"(?m)^" + name + rb": i=%d;(?:.|\r\n[ \t])*\r\n" % instance, message)
            return message[:found.start()] + message[found.end():], found.group()

        faults = []
        for instance in (1, 2, 3):
            whole = good
            for name in names:
                rest, field = take(good, name, instance)
                faults.append((rest, f"i={instance} (missing header)"))
                faults.append((field + good, f"i={instance} (duplicate header)"))
                for bad in (b"0", b"51", b"x"):
                    faults.append((good.replace(field, field.replace(b"i=%d;" % instance, b"i=" + bad + b";")),
                                   f"{name.decode()}: instance missing or out of range"))
                whole, _ = take(whole, name, instance)
            if instance < 3:
                faults.append((whole, f"i={instance} (sequence; no such set)"))
            seal = take(good, names[0], instance)[1]
            for status in {b"none", b"pass"} - {b"none" if instance == 1 else b"pass"}:
                faults.append((good.replace(seal, re.sub(rb"cv=\w+", b"cv=" + status, seal)), f"i={instance} (cv)"))
            ended = good.replace(seal, re.sub(rb"cv=\w+", b"cv=fail", seal))
            faults.append((ended, f"i={instance} (cv)"))
            faults.append((good.replace(seal, seal.replace(b"cv=", b"h=from; cv=")), f"i={instance} (ARC-Seal: h= in a seal)"))
            signature = take(good, names[1], instance)[1]
            for name in names:
                faults.append((good.replace(signature, signature.replace(b" h=from", b" h=from : " + name)),
                               f"i={instance} (ARC-Message-Signature: h= names a field of ARC)"))
        for (message, reason), result in zip(faults, arc_check.verify_all([message for message, _ in faults], KEYS, NOW)):
            self.assertNotEqual(message, good)
            # The last that was made of cv=fail is that of the newest seal.
            self.assertEqual((result["status"], result["reason"], result["ended"]), ("fail", reason, message == ended), message)
        # dkimpy reads past fields whose instance it cannot read; of all others it says so too.
        for message, reason in faults:
            if "instance" not in reason:
                self.assertNotEqual(dkimpy_says(message)[0], "pass", reason)

    def test_every_change_is_found(self):
        """Each byte changed in several ways, taken out and doubled. A message whose canonical form stays as it was passes; any
        other does not."""
        sealed = DKIMPY_CHAINS[1]
        original = Canonical(sealed)
        changed = []
        for at, byte in enumerate(sealed):
            changed += [sealed[:at] + bytes([new]) + sealed[at + 1:] for new in {byte ^ 0x01, byte ^ 0x20, 0x20} - {byte}]
            if byte not in b"\r\n":
                changed += [sealed[:at] + sealed[at + 1:], sealed[:at + 1] + sealed[at:]]
        forgiven = 0
        for message, result in zip(changed, arc_check.verify_all(changed, KEYS, NOW)):
            same = Canonical(message) == original
            self.assertEqual(result["status"] == "pass", same, (message, result))
            forgiven += same
        # The fields that are not signed, and blanks.
        self.assertGreater(forgiven, 100)
        self.assertGreater(len(changed) - forgiven, 3000)


class WhatWeSeal(unittest.TestCase):
    def test_it_verifies_in_dkimpy(self):
        for options in ({}, {"options": "timestamps,expire=+600"}, {"sign_headers": "+From:=Received:To:X-Absent"}):
            message = we_seal(MESSAGE, 1, "none", **options)
            self.assertEqual(dkimpy_says(message)[:2], ("pass", [1]), (options, message))
            message = we_seal(message, 2, "pass", **options)
            self.assertEqual(dkimpy_says(message)[:2], ("pass", [2, 1]), (options, message))
            self.assertNotEqual(dkimpy_says(message.replace(b"Joe.", b"joe."))[0], "pass")
            self.assertNotEqual(dkimpy_says(message.replace(b"spf=pass", b"spf=none", 1))[0], "pass")

    def test_chains_that_both_seal_up_to_fifty_sets(self):
        messages = chain_of([dkimpy_seals, we_seal] * (SETS_MAX // 2))
        ours = arc_check.verify_all(messages, KEYS, NOW)
        for hop, (message, result) in enumerate(zip(messages, ours), 1):
            self.assertEqual((result["status"], result["instances"], result["oldest_pass"]), ("pass", hop, 1), (hop, result))
            if hop in (1, 2, 3, 10, 49, 50):
                self.assertEqual(dkimpy_says(message)[:2], ("pass", list(range(hop, 0, -1))), hop)
        _, why = arc_check.seal(results(51, "pass") + messages[-1], KEY.decode(), NOW, identity=domain(51), selector="test")
        self.assertEqual(why, "the chain has 50 sets")

    def test_fifty_sets_of_ours(self):
        message = chain_of([we_seal] * SETS_MAX)[-1]
        self.assertEqual(dkimpy_says(message)[:2], ("pass", list(range(SETS_MAX, 0, -1))))

    def test_a_chain_that_failed_is_sealed_once(self):
        broken = DKIMPY_CHAINS[1].replace(b"Joe.", b"joe.")
        self.assertEqual(arc_check.verify(broken, KEYS, NOW)["status"], "fail")
        message = we_seal(broken, 3, "fail")
        self.assertIn(b"cv=fail", message)
        self.assertEqual(dkimpy_says(message)[0], "ended")
        result = arc_check.verify(message, KEYS, NOW)
        self.assertEqual((result["status"], result["ended"], result["reason"]), ("fail", True, "i=3 (cv)"))
        again, why = arc_check.seal(results(4, "fail") + message, KEY.decode(), NOW, identity=domain(4), selector="test")
        self.assertEqual((again, why), (results(4, "fail") + message, "the chain has ended: its newest seal says cv=fail"))

    def test_the_seal_of_a_failed_chain_covers_its_own_set_only(self):
        message = we_seal(DKIMPY_CHAINS[1].replace(b"Joe.", b"joe."), 3, "fail")
        theirs = dkimpy_seals(DKIMPY_CHAINS[1].replace(b"Joe.", b"joe."), 3, "fail")
        # Taken out of its chain, each verifies as if it stood alone, in dkimpy.
        for sealed in (message, theirs):
            checker = dkim.ARC(self.alone(sealed))
            _, fields = checker.sorted_arc_headers()
            found = checker.verify_instance(fields, 3, dnsfunc=lambda name, timeout=5: RECORD.encode())
            self.assertTrue(found["as-valid"] and found["ams-valid"], sealed)

    @staticmethod
    def alone(message):
        return re.sub(rb"(?m)^ARC-[A-Za-z-]+: i=[12];(?:.|\r\n[ \t])*\r\n", b"", message)


if __name__ == "__main__":
    run_tests()
