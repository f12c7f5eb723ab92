#!/usr/bin/env python3
# ctest: timeout=240
"""A gateway that verifies a message's ARC as it comes in and seals it as it leaves: the chain at the next hop is right for dkimpy."""

import re

from support import debian_python

debian_python.want("dkim", "authres")

# pylint: disable=wrong-import-position
import dkim

from peers.knot import Knot
from runner import run_tests
from support.case import GatewayTest
from support.dkim_keys import Keys
from support.hop import Hop, routers

KEYS = Keys()
PRIVATE, RECORD = KEYS.pair("rsa")
ID = b"mx.example.org"
MESSAGE = b"From: joe@example.com\r\nTo: suzie@example.net\r\nSubject: dinner\r\n\r\nHi.\r\n..dot\r\n"
ACL = """\
rcpt:
  accept
data:
  warn   verify = arc/none:pass:fail
  accept add_header = :at_start:${authresults {mx.example.org}}
"""
TRANSPORT = """\
remote_smtp:
  driver = smtp
  allow_localhost
  arc_sign = mx.example.org : sel : {home}/key
"""


def strings(text):
    return " ".join(f'"{text[at:at + 200]}"' for at in range(0, len(text), 200))


class Sealing(GatewayTest):
    @classmethod
    def setUpClass(cls):
        manager = Knot({}, {"lists.example": f"list._domainkey TXT {strings(RECORD)}\n"})
        cls.knot = manager.__enter__()
        cls.addClassCleanup(manager.__exit__, None, None, None)

    def passed_on(self, message, acl=ACL, transport=TRANSPORT):
        """The message as it arrives behind the gateway."""
        with Hop() as hop:
            gateway = self.gateway(main=f"dns_servers = <; 127.0.0.1:{self.knot.port}\nacl_smtp_rcpt = rcpt\nacl_smtp_data = data\n", acl=acl,
                                   routers=routers(hop), transports=transport, start=False)
            with open(gateway.path("key"), "wb") as file:
                file.write(PRIVATE if isinstance(PRIVATE, bytes) else PRIVATE.encode())
            gateway.start()
            with gateway.client(helo="x") as client:
                client.deliver(message, sender="joe@example.com", recipients=["suzie@example.net"])
            data = hop.wait_for(1)[0].data
            gateway.stop()
            return data

    def state(self, message):
        def find(name, timeout=5):  # pylint: disable=unused-argument
            known = (b"list._domainkey.lists.example.", b"sel._domainkey.mx.example.org.")
            return (RECORD if isinstance(RECORD, bytes) else RECORD.encode()) if name.lower() in known else None
        return dkim.arc_verify(message, dnsfunc=find)[0]

    @staticmethod
    def sealed(message):
        message = b"Authentication-Results: lists.example; spf=pass smtp.mailfrom=example.com\r\n" + message
        return b"".join(dkim.arc_sign(message, b"list", b"lists.example", KEYS.rsa, b"lists.example")) + message

    def test_the_first_set(self):
        message = self.passed_on(MESSAGE)
        self.assertEqual(self.state(message), b"pass")
        self.assertTrue(message.startswith(b"ARC-Seal: i=1; "), message)
        self.assertIn(b"cv=none", message.split(b"ARC-Message-Signature")[0])
        self.assertRegex(message, rb"ARC-Authentication-Results: i=1;\s+mx\.example\.org")

    def test_the_next_set(self):
        message = self.passed_on(self.sealed(MESSAGE))
        self.assertEqual(self.state(message), b"pass")
        self.assertTrue(message.startswith(b"ARC-Seal: i=2; "), message)
        self.assertIn(b"cv=pass", message.split(b"ARC-Message-Signature")[0])

    def test_a_chain_that_is_broken(self):
        message = self.passed_on(self.sealed(MESSAGE).replace(b"Hi.", b"Ho."))
        self.assertTrue(message.startswith(b"ARC-Seal: i=2; "), message)
        self.assertIn(b"cv=fail", message.split(b"ARC-Message-Signature")[0])
        self.assertNotEqual(self.state(message), b"pass")
        # It has ended: nobody adds to it.
        again = self.passed_on(message)
        self.assertEqual(len(re.findall(rb"(?m)^ARC-Seal:", again)), 2)

    def test_a_chain_that_nobody_verified_is_not_sealed(self):
        acl = ACL.replace("  warn   verify = arc/none:pass:fail\n", "")
        self.assertNotIn(b"mx.example.org", self.passed_on(self.sealed(MESSAGE), acl=acl).partition(b"Authentication-Results: mx.example.org")[0])
        forged = b"Authentication-Results: mx.example.org; arc=pass\r\n" + self.sealed(MESSAGE)
        self.assertEqual(len(re.findall(rb"(?m)^ARC-Seal:", self.passed_on(forged, acl=acl))), 1)

    def test_beside_dkim(self):
        transport = TRANSPORT + "  dkim_domain = example.com\n  dkim_selector = test\n  dkim_private_key = {home}/key\n"
        message = self.passed_on(MESSAGE, transport=transport)
        self.assertEqual(self.state(message), b"pass")
        self.assertTrue(dkim.verify(message, dnsfunc=lambda name, timeout=5: RECORD if isinstance(RECORD, bytes) else RECORD.encode()))

    def test_no_key_no_seal(self):
        message = self.passed_on(MESSAGE, transport=TRANSPORT.replace("{home}/key", "{home}/none"))
        self.assertNotIn(b"ARC-Seal", message)


if __name__ == "__main__":
    run_tests()
