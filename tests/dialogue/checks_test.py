#!/usr/bin/env python3
"""SPF and DKIM where ACLs ask about them, with a real name server, and messages that dkimpy has signed."""
# ctest: timeout=240

import base64

from peers.knot import Knot
from runner import run_tests
from support.case import GatewayTest
from support.debian_python import want

want("dkim", "cryptography")

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).decode()


def strings(text):
    return " ".join(f'"{text[at:at + 200]}"' for at in range(0, len(text), 200))


ZONES = {
    "pass.example": '@ TXT "v=spf1 ip4:127.0.0.1 -all"\n',
    "fail.example": '@ TXT "v=spf1 ip4:192.0.2.1 -all"\n',
    "soft.example": '@ TXT "v=spf1 ~all"\n',
    "broken.example": '@ TXT "v=spf1 nonsense"\n',
    "bare.example": "@ A 127.0.0.1\n",
    "signed.example": f"key._domainkey TXT {strings('v=DKIM1; k=rsa; p=' + PUBLIC)}\nweak._domainkey TXT \"v=DKIM1; p=\"\n",
}
MESSAGE = b"From: a@signed.example\r\nTo: b@example.org\r\nSubject: x\r\n\r\nHello.\r\n"


def signed(message=MESSAGE, domain=b"signed.example", selector=b"key", **named):
    return dkim.sign(message, selector, domain, PEM, **named) + message


class Checks(GatewayTest):
    @classmethod
    def setUpClass(cls):
        manager = Knot({}, ZONES)
        cls.knot = manager.__enter__()
        cls.addClassCleanup(manager.__exit__, None, None, None)

    def sent(self, client, message):
        client.envelope("a@signed.example", ["b@example.org"])
        return client.data(message)

    def gateway_with(self, main, acl):
        return self.gateway(main=f"dns_servers = <; 127.0.0.1:{self.knot.port}\ndns_retry = 1\ndns_retrans = 2s\n{main}", acl=acl)


class Spf(Checks):
    def said(self, gateway, sender, helo="helo.pass.example"):
        with gateway.client(helo=helo) as client:
            client.expect(f"MAIL FROM:<{sender}>", 250)
            return client.expect("RCPT TO:<b@example.org>", 550).text

    def test_results_and_variables(self):
        gateway = self.gateway_with("acl_smtp_rcpt = rcpt\n", """\
rcpt:
  deny  spf     = fail
        message = $spf_result: $spf_smtp_comment
  deny  spf     = !none : temperror
        message = $spf_result of $spf_used_domain guessed=$spf_result_guessed $spf_header_comment
  deny  spf_guess = pass
        message = guess $spf_result guessed=$spf_result_guessed
  deny  message = none of them: $spf_result
""")
        self.assertIn("fail: Please see", self.said(gateway, "a@fail.example"))
        self.assertIn("pass of pass.example guessed=no", self.said(gateway, "a@pass.example"))
        self.assertIn("softfail of soft.example", self.said(gateway, "a@soft.example"))
        self.assertIn("permerror of broken.example", self.said(gateway, "a@broken.example"))
        self.assertIn("guess pass guessed=yes", self.said(gateway, "a@bare.example"))
        self.assertIn("none of them: neutral", self.said(gateway, "a@none.bare.example"))
        # The null sender is judged by the name of HELO.
        self.assertIn("pass of pass.example", self.said(gateway, "", helo="pass.example"))

    def test_the_field_on_top_of_the_message(self):
        gateway = self.gateway_with("acl_smtp_rcpt = rcpt\n", """\
rcpt:
  warn   spf        = *
         add_header = :at_start:$spf_received
  accept
""")
        with gateway.client(helo="h.example") as client:
            client.deliver(MESSAGE, sender="a@pass.example")
        first = gateway.maildir().wait_for(1)[0].bytes.split(b"\n")[0]
        self.assertRegex(first, rb"^Received-SPF: pass \(\S+: .*\) client-ip=127\.0\.0\.1; envelope-from=a@pass\.example; helo=h\.example;")

    def test_a_variable_shows_nothing_before_an_acl_has_asked(self):
        gateway = self.gateway_with("acl_smtp_rcpt = rcpt\n", "rcpt:\n  deny message = <$spf_result>\n")
        self.assertIn("<>", self.said(gateway, "a@pass.example"))


class Dkim(Checks):
    ACLS = """\
rcpt:
  accept
signer:
  deny   dkim_signers = evil.example
         message      = we do not like $dkim_cur_signer
  deny   dkim_status  = fail
         message      = $dkim_verify_status of $dkim_domain: $dkim_verify_reason
  accept dkim_status  = none
         logwrite     = no signature of $dkim_cur_signer
  accept logwrite     = $dkim_verify_status d=$dkim_domain s=$dkim_selector a=$dkim_algo c=$dkim_canon_headers/$dkim_canon_body \\
                        i=$dkim_identity bits=$dkim_key_length l=$dkim_bodylength names=$dkim_headernames all=$dkim_signers
"""
    MAIN = "acl_smtp_rcpt = rcpt\nacl_smtp_dkim = signer\nlog_selector = +dkim_verbose\n"

    def test_a_signature_that_verifies(self):
        gateway = self.gateway_with(self.MAIN, self.ACLS)
        with gateway.client(helo="x") as client:
            client.deliver(signed(canonicalize=(b"relaxed", b"simple")))
        gateway.wait_for_log(r"pass d=signed.example s=key a=rsa-sha256 c=relaxed/simple i=@signed.example bits=2048 l=9999999999999 names=\S+ "
                             "all=signed.example:@signed.example")
        gateway.wait_for_log(r"DKIM: d=signed.example s=key c=relaxed/simple a=rsa-sha256 b=2048 i=@signed.example t=\d+ \[verification succeeded\]")
        gateway.wait_for_log(r" <= .* S=\d+ DKIM=signed\.example$")

    def test_a_changed_body(self):
        gateway = self.gateway_with(self.MAIN, self.ACLS)
        with gateway.client(helo="x") as client:
            reply = self.sent(client, signed().replace(b"Hello.", b"Hallo."))
            self.assert_reply(reply, 550, "fail of signed.example: bodyhash_mismatch")
        gateway.wait_for_log(r"rejected DKIM: fail of signed.example: bodyhash_mismatch")

    def test_signers_may_be_named(self):
        gateway = self.gateway_with(self.MAIN + "dkim_verify_signers = other.example : evil.example\n", self.ACLS)
        with gateway.client(helo="x") as client:
            self.assert_reply(self.sent(client, MESSAGE), 550, "we do not like evil.example")
        gateway.wait_for_log("no signature of other.example")


if __name__ == "__main__":
    run_tests()
