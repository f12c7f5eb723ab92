#!/usr/bin/env python3
# ctest: timeout=300
"""The smtp transport signs by DKIM: what arrives at a next hop verifies in dkimpy, byte for byte as it arrived."""

import itertools
import os
import re
import smtplib

from support import debian_python

debian_python.want("dkim", "nacl")

# pylint: disable=wrong-import-position
import dkim

from runner import run_tests
from support import dkim_check
from support.case import GatewayTest
from support.dkim_keys import Keys
from support.hop import ALL, Hop, routers
from support.messages import header
from support.signing_exim import signing_exim

KEYS = Keys()
OTHER = Keys()
BASE = """\
remote_smtp:
  driver = smtp
  allow_localhost
"""
SIGNED = BASE + """\
  dkim_domain = example.com
  dkim_selector = test
"""
NAME = "test._domainkey.example.com"
MESSAGE = dkim_check.awkward_message(sender=b"joe@Example.COM", fields=b"X-Empty:\n", lines=b".dot\n..\n...dots\n" + b"long" * 240 + b"\n")


def verifies(message, records, number=0):
    """Whether the signature that stands there from the top is right."""
    def find(name, timeout=5):  # pylint: disable=unused-argument
        return records.get(name.decode().rstrip(".").lower(), "").encode() or None
    try:
        return dkim.DKIM(message).verify(idx=number, dnsfunc=find)
    except dkim.ValidationError:  # of the body's hash
        return False


def fields(message):
    """The tags of each signature from the top."""
    head = message.partition(b"\r\n\r\n")[0].decode("latin-1")
    found = [text[15:] for text in re.split(r"\r\n(?![ \t])", head) if text.startswith("DKIM-Signature:")]
    return [{name.strip(): re.sub(r"\s", "", value) for name, value in (tag.split("=", 1) for tag in text.split(";") if "=" in tag)}
            for text in found]


class Signing(GatewayTest):
    def with_keys(self, hop, transports, keys=(("rsa", KEYS.rsa), ("ed25519", KEYS.ed25519_pem())), **more):
        gateway = self.gateway(start=False, routers=routers(hop), transports=transports, **more)
        for name, text in keys:
            self.write_key(gateway, name, text)
        return gateway.start()

    @staticmethod
    def write_key(gateway, name, text):
        """Replaces the file, as a careful administrator does."""
        with open(gateway.path(name + ".new"), "wb") as file:
            file.write(text)
        os.rename(gateway.path(name + ".new"), gateway.path(name))

    def send(self, gateway, *recipients, text=MESSAGE, sender="joe@example.com"):
        with gateway.client(helo="client.example.net") as client:
            return client.deliver(text, sender=sender, recipients=recipients or ["suzie@example.net"])

    def test_every_form_with_every_key(self):
        ways = list(itertools.product(("rsa", "ed25519"), ("simple", "relaxed"), ("simple", "relaxed")))
        transports = SIGNED + """\
  max_rcpt = 1
  dkim_private_key = ${if match{$local_part}{^rsa}{{home}/rsa}{{home}/ed25519}}
  dkim_canon = ${extract{2}{-}{$local_part}}/${extract{3}{-}{$local_part}}
  dkim_sign_headers = +From:=Received:To:Subject:X-Empty:X-Absent
  dkim_identity = joe=1@mail.example.com
  dkim_timestamps = 1000
"""
        for extensions in (ALL, ("PIPELINING", "8BITMIME")):
            with Hop(extensions=extensions) as hop:
                gateway = self.with_keys(hop, transports)
                for way in ways:
                    self.send(gateway, "-".join(way) + "@example.net")
                arrived = hop.wait_for(len(ways))
                gateway.stop()
            for message in arrived:
                way = tuple(message.recipients[0].partition("@")[0].split("-"))
                ways_signed, = fields(message.data)
                self.assertEqual((ways_signed["a"], ways_signed["c"]), (f"{way[0]}-sha256", "/".join(way[1:])))
                self.assertEqual(int(ways_signed["x"]) - int(ways_signed["t"]), 1000)
                self.assertEqual(ways_signed["h"], "From:From:Received:Received:To:Subject:X-Empty:X-Absent")
                self.assertTrue(message.data.startswith(b"DKIM-Signature:"))
                self.assertTrue(message.data.endswith(MESSAGE))
                record = {NAME: KEYS.pair(way[0])[1]}
                self.assertTrue(verifies(message.data, record), way)
                self.assertFalse(verifies(message.data.replace(b"Joe.\r\n", b"joe.\r\n"), record), way)
                self.assertFalse(verifies(message.data.replace(b"dinner", b"supper"), record), way)

    def test_what_the_transport_adds_is_signed(self):
        transports = SIGNED + """\
  dkim_private_key = {home}/rsa
  dkim_sign_headers = From:=X-Added:Return-path:Envelope-to:Delivery-date
  headers_add = X-Added: one\\nX-Added: two$dkim_domain
  return_path_add
  envelope_to_add
  delivery_date_add
"""
        with Hop() as hop:
            gateway = self.with_keys(hop, transports)
            self.send(gateway, "a@example.net", "b@example.net")
            message, = hop.wait_for(1)
        record = {NAME: KEYS.rsa_record}
        self.assertIn(b"\r\nX-Added: one\r\nX-Added: two\r\n\r\n", message.data)
        self.assertEqual(fields(message.data)[0]["h"], "From:X-Added:X-Added:Return-path:Envelope-to:Delivery-date")
        self.assertTrue(verifies(message.data, record))
        for before, after in ((b"X-Added: one", b"X-Added: two"), (b"Return-path: <joe", b"Return-path: <jim"), (b"a@example.net,", b"c@example.net,")):
            self.assertIn(before, message.data)
            self.assertFalse(verifies(message.data.replace(before, after), record), before)

    def test_two_domains_with_their_keys_and_selectors(self):
        transports = BASE + """\
  dkim_domain = <; example.com ; example.org; Example.Com
  dkim_selector = ${if eq{$dkim_domain}{example.com}{one : two}{three}}
  dkim_private_key = ${if exists{{home}/$dkim_domain.$dkim_selector}{{home}/$dkim_domain.$dkim_selector}{false}}
  dkim_strict = 1
"""
        keys = (("example.com.one", KEYS.rsa), ("example.com.two", KEYS.ed25519), ("example.org.three", OTHER.rsa))
        with Hop() as hop:
            gateway = self.with_keys(hop, transports, keys)
            self.send(gateway)
            hop.wait_for(1)
            os.unlink(gateway.path("example.com.two"))
            self.send(gateway)
            both, fewer = hop.wait_for(2)
        records = {"one._domainkey.example.com": KEYS.rsa_record, "two._domainkey.example.com": KEYS.ed25519_record,
                   "three._domainkey.example.org": OTHER.rsa_record}
        self.assertEqual([(field["s"], field["d"]) for field in fields(both.data)],
                         [("one", "example.com"), ("two", "example.com"), ("three", "example.org")])
        for number in range(3):
            self.assertTrue(verifies(both.data, records, number), number)
        self.assertEqual([field["s"] for field in fields(fewer.data)], ["one", "three"])

    def test_the_domain_of_the_header_with_keys_that_are_looked_up(self):
        transports = BASE + """\
  dkim_domain = ${lookup{${lc:${domain:$h_from:}}}lsearch{{home}/domains}{$value}}
  dkim_selector = test
  dkim_private_key = {home}/$dkim_domain.key
"""
        with Hop() as hop:
            gateway = self.with_keys(hop, transports, (("domains", b"example.com: example.com\n"), ("example.com.key", KEYS.rsa)))
            self.send(gateway)
            self.send(gateway, text=MESSAGE.replace(b"Example.COM", b"example.net"))
            signed, plain = hop.wait_for(2)
            gateway.wait_for_log(" Completed$", count=2)
        self.assertTrue(verifies(signed.data, {NAME: KEYS.rsa_record}))
        self.assertEqual(fields(plain.data), [])
        self.assertNotIn("DKIM", gateway.log())

    def test_a_key_that_is_missing(self):
        with Hop() as hop:
            gateway = self.with_keys(hop, SIGNED + "  dkim_private_key = {home}/absent\n")
            message = self.send(gateway)
            arrived, = hop.wait_for(1)
            for log in ("main", "panic"):
                gateway.wait_for_log(f"{message} unable to open file for reading: {gateway.path('absent')}: .*No such file", name=log)
            gateway.wait_for_log(f"{message} Completed")
        self.assertEqual(fields(arrived.data), [])

    def test_strict_waits_for_the_key(self):
        with Hop() as hop:
            gateway = self.with_keys(hop, SIGNED + "  dkim_private_key = {home}/late\n  dkim_strict = ${if eq{$dkim_domain}{example.com}{True}}\n")
            message = self.send(gateway)
            gateway.wait_for_log(f"{message} DKIM: message could not be signed, and dkim_strict is set. Deferring message delivery.$")
            gateway.wait_for_log(f"{message} == suzie@example.net R=peer T=remote_smtp defer \\(13\\): Permission denied")
            self.assertEqual(hop.messages, [])
            self.write_key(gateway, "late", KEYS.rsa)
            arrived, = hop.wait_for(1)
        self.assertTrue(verifies(arrived.data, {NAME: KEYS.rsa_record}))

    def test_a_changed_key_is_noticed(self):
        with Hop() as hop:
            gateway = self.with_keys(hop, SIGNED + "  dkim_private_key = {home}/rsa\n")
            for count, keys in enumerate((KEYS, OTHER, KEYS), 1):
                self.write_key(gateway, "rsa", keys.rsa)
                self.send(gateway)
                self.assertTrue(verifies(hop.wait_for(count)[-1].data, {NAME: keys.rsa_record}))

    def test_a_stranger_names_no_file_and_bad_settings_are_told(self):
        cases = {
            "{home}/$sender_address_local_part": "unable to open file for reading: .*: Tainted filename",
            "no key": "DKIM: signing failed: dkim_private_key: the private key cannot be read",
            "{home}/rsa\n  dkim_hash = md5": "DKIM: signing failed: dkim_hash: \"md5\"",
            "{home}/rsa\n  dkim_canon = ${if eq{1}{2}{simple}fail}": 'failed to expand dkim_canon: "if" failed and "fail" requested',
        }
        for text, pattern in cases.items():
            with Hop() as hop:
                gateway = self.with_keys(hop, SIGNED + f"  dkim_private_key = {text}\n")
                message = self.send(gateway, sender="rsa@example.com")
                arrived, = hop.wait_for(1)
                gateway.wait_for_log(f"{message} {pattern}", name="panic")
                gateway.wait_for_log(f"{message} {pattern}")
                self.assertEqual(fields(arrived.data), [])
                gateway.stop()

    def test_an_unknown_form_is_relaxed(self):
        with Hop() as hop:
            gateway = self.with_keys(hop, SIGNED + "  dkim_private_key = {home}/rsa\n  dkim_canon = wild\n")
            message = self.send(gateway)
            arrived, = hop.wait_for(1)
            gateway.wait_for_log(f"{message} DKIM: unknown canonicalization method 'wild', defaulting to 'relaxed'.$")
        self.assertEqual(fields(arrived.data)[0]["c"], "relaxed/relaxed")
        self.assertTrue(verifies(arrived.data, {NAME: KEYS.rsa_record}))

    def test_50_mb_from_a_side_file(self):
        line = b"".join(b"%d  bytes \t" % number for number in range(60)) + b"\r\n"
        text = header("large") + (b"..\r\n" + line * 100) * (50_000_000 // (len(line) * 100)) + b"\r\n\r\n"
        with Hop() as hop:
            gateway = self.with_keys(hop, SIGNED + "  dkim_private_key = {home}/ed25519\n")
            self.send(gateway, text=text)
            arrived, = hop.wait_for(1, seconds=120)
            self.assertEqual(gateway.stats()["ingress"]["large_messages"]["files"], 1)
            with open(f"/proc/{gateway.child('deliver')}/status", encoding="ascii") as file:
                most, = re.findall(r"VmHWM:\s+(\d+) kB", file.read())
        self.measured(f"memory of the delivery process at most: {int(most) >> 10} MiB")
        self.assertTrue(arrived.data.endswith(text))
        self.assertTrue(verifies(arrived.data, {NAME: KEYS.ed25519_record}))

    def test_exim_names_the_same_fields(self):
        options = "  dkim_domain = example.com\n  dkim_selector = test\n  dkim_private_key = {home}/rsa\n"
        for names in ("", "  dkim_sign_headers = _DKIM_SIGN_HEADERS\n", "  dkim_sign_headers = +from:=received:to:subject:+x-none:=x-no\n"):
            with Hop() as hop:
                gateway = self.with_keys(hop, BASE + options + names)
                self.send(gateway)
                ours, = hop.wait_for(1)
                gateway.stop()
            with Hop() as hop, signing_exim(hop, {"signed": options + names}, KEYS, "signed") as exim:
                with smtplib.SMTP(exim.listen, exim.port, timeout=60) as client:
                    client.sendmail("joe@example.com", ["suzie@example.net"], MESSAGE)
                theirs, = hop.wait_for(1)
            (we, ), (they, ) = fields(ours.data), fields(theirs.data)
            self.assertEqual(sorted(we["h"].lower().split(":")), sorted(they["h"].lower().split(":")), names)
            for tag in ("a", "c", "d", "q", "s", "bh", "v"):
                self.assertEqual(we[tag], they[tag], tag)
            for message in (ours, theirs):
                self.assertTrue(verifies(message.data, {NAME: KEYS.rsa_record}), names)


if __name__ == "__main__":
    run_tests()
