#!/usr/bin/env python3
"""SPF, DKIM, DMARC and DCC where ACLs ask about them, with a real name server, messages that dkimpy has signed, and a fake dccifd (the real
one cannot be had)."""
# ctest: smoke timeout=240

import base64
import hashlib
import os
import re
import subprocess

from fakes.dccifd import Dccifd
from fakes import dccifd
from peers.knot import Knot
from runner import run_tests
from support.case import GatewayTest
from support.gateway import PROGRAM, until
from support.debian_python import want

want("dkim", "cryptography")

import dkim
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

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
    "aligned.example": f'@ TXT "v=spf1 ip4:127.0.0.1 -all"\n_dmarc TXT "v=DMARC1; p=reject; sp=quarantine; rua=mailto:r@aligned.example"\n',
    "signed.example": f"_dmarc TXT \"v=DMARC1; p=quarantine\"\nkey._domainkey TXT {strings('v=DKIM1; k=rsa; p=' + PUBLIC)}\nweak._domainkey TXT \"v=DKIM1; p=\"\n"
                      f"told._domainkey TXT {strings('v=DKIM1; k=rsa; g=a*; n=a note; s=email; t=y:s; p=' + PUBLIC)}\n",
}
MESSAGE = b"From: a@signed.example\r\nTo: b@example.org\r\nSubject: x\r\n\r\nHello.\r\n"


def signed(message=MESSAGE, domain=b"signed.example", selector=b"key", **named):
    return dkim.sign(message, selector, domain, PEM, **named) + message


# With tags that dkimpy does not write; relaxed and simple.
def signed_with_all_tags():
    body = MESSAGE.partition(b"\r\n\r\n")[2]
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    value = ("v=1; a=rsa-sha256; c=relaxed/simple; d=signed.example; s=told; i=a@signed.example; t=1700000000; x=4000000000; "
             f"l={len(body)}; h=From:Subject; z=From:a@signed.example|Subject:x; bh={digest}; b=")
    text = f"from:a@signed.example\r\nsubject:x\r\ndkim-signature:{value}"
    signature = base64.b64encode(KEY.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
    return f"DKIM-Signature: {value}{signature}\r\n".encode() + MESSAGE


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

    def test_all_that_a_signature_and_its_key_say(self):
        said = {"dkim_algo": "rsa-sha256", "dkim_bodylength": "8", "dkim_canon_body": "simple", "dkim_canon_headers": "relaxed",
                "dkim_copiedheaders": "From:a@signed.example|Subject:x", "dkim_created": "1700000000",
                "dkim_cur_signer": "signed.example", "dkim_domain": "signed.example", "dkim_expires": "4000000000",
                "dkim_headernames": "From:Subject", "dkim_identity": "a@signed.example", "dkim_key_granularity": "a*",
                "dkim_key_length": "2048", "dkim_key_nosubdomains": "1", "dkim_key_notes": "a note", "dkim_key_srvtype": "email",
                "dkim_key_testing": "1", "dkim_selector": "told", "dkim_signers": "signed.example:a@signed.example",
                "dkim_verify_reason": "", "dkim_verify_status": "pass"}
        gateway = self.gateway_with(self.MAIN + "dkim_verify_signers = signed.example\n", "rcpt:\n  accept\nsigner:\n" + "".join(
            f"  warn logwrite = {name}=<${name}>\n" for name in said) + "  accept\n")
        with gateway.client(helo="x") as client:
            client.deliver(signed_with_all_tags())
        gateway.wait_for_log("dkim_verify_status=<")
        self.assertEqual(dict(re.findall(r" (dkim_\w+)=<(.*)>$", gateway.log(), re.MULTILINE)), said)

    def test_a_changed_body(self):
        gateway = self.gateway_with(self.MAIN, self.ACLS)
        with gateway.client(helo="x") as client:
            reply = self.sent(client, signed().replace(b"Hello.", b"Hallo."))
            self.assert_reply(reply, 550, "fail of signed.example: bodyhash_mismatch")
        gateway.wait_for_log(r"rejected DKIM : fail of signed.example: bodyhash_mismatch")

    def test_signers_may_be_named(self):
        gateway = self.gateway_with(self.MAIN + "dkim_verify_signers = other.example : evil.example\n", self.ACLS)
        with gateway.client(helo="x") as client:
            self.assert_reply(self.sent(client, MESSAGE), 550, "we do not like evil.example")
        gateway.wait_for_log("no signature of other.example")


SUFFIXES = "example\norg\nnet\n"


class Dmarc(Checks):
    ACL = """\
rcpt:
  accept
data:
  deny   dmarc_status   = reject
         message        = $dmarc_status: $dmarc_status_text ($dmarc_used_domain p=$dmarc_domain_policy)
  warn   dmarc_status   = !accept
         logwrite       = $dmarc_status of $dmarc_used_domain p=$dmarc_domain_policy spf=$dmarc_alignment_spf dkim=$dmarc_alignment_dkim
  accept add_header     = :at_start:${authresults {mx.example}}
         add_header     = X-Dmarc: ${sg{$dmarc_ar_header}{\\N\\s+\\N}{ }}
"""
    MAIN = "acl_smtp_rcpt = rcpt\nacl_smtp_data = data\ndmarc_tld_file = {home}/suffixes\ndmarc_history_file = {home}/log/history\n"

    def dmarc_gateway(self, main="", acl=ACL):
        gateway = self.gateway(main=f"dns_servers = <; 127.0.0.1:{self.knot.port}\ndns_retry = 1\ndns_retrans = 2s\n{self.MAIN}{main}", acl=acl, start=False)
        with open(os.path.join(gateway.home, "suffixes"), "w", encoding="ascii") as file:
            file.write(SUFFIXES)
        gateway.start()
        return gateway

    def test_statuses(self):
        gateway = self.dmarc_gateway()
        message = MESSAGE.replace(b"a@signed.example", b"a@aligned.example")
        with gateway.client(helo="x") as client:
            # Aligned by SPF.
            client.deliver(message, sender="a@aligned.example")
            # Neither.
            client.envelope("a@pass.example", ["box@example.org"])
            self.assert_reply(client.data(message), 550, r"reject: Reject \(aligned.example p=reject\)")
            # Aligned by DKIM, also where SPF fails.
            client.deliver(signed(), sender="a@fail.example")
            # The policy of subdomains, and no record at all.
            client.deliver(message.replace(b"a@aligned", b"a@sub.aligned"), sender="a@pass.example")
            client.deliver(message.replace(b"a@aligned", b"a@bare"), sender="a@pass.example")
            client.deliver(b"Subject: no author\r\n\r\nx\r\n", sender="a@pass.example")
        gateway.wait_for_log(r"quarantine of aligned.example p=quarantine spf=no dkim=no")
        gateway.wait_for_log(r"norecord of bare.example p= spf=no dkim=no")
        gateway.wait_for_log(r"nofrom of ")
        fields = sorted(re.match(rb"(?s)Authentication-Results: mx\.example;\n\t(.*?)\n(?=\S)", each.bytes).group(1).decode()
                        for each in gateway.maildir().wait_for(5))
        self.assertTrue(any(re.search(r"dkim=pass .*header.d=signed.example.*dmarc=pass .*header.from=signed.example", each, re.S) for each in fields), fields)
        self.assertTrue(any(re.search(r"spf=pass smtp.mailfrom=aligned.example.*dmarc=pass", each, re.S) for each in fields), fields)
        for each in gateway.maildir().wait_for(5):
            self.assertRegex(each.bytes, rb"(?m)^X-Dmarc: Authentication-Results: gateway\.example\.org; dmarc=\w+(?: |$)")

    def test_the_history_file(self):
        gateway = self.dmarc_gateway()
        message = MESSAGE.replace(b"a@signed.example", b"a@aligned.example")
        with gateway.client(helo="x") as client:
            client.envelope("a@pass.example", ["box@example.org"])
            self.assert_reply(client.data(message), 550)
            client.deliver(message, sender="a@aligned.example")
        path = os.path.join(gateway.home, "log", "history")

        def blocks():
            if not os.path.exists(path):
                return None
            with open(path, encoding="ascii") as file:
                text = file.read()
            return text.split("job ")[1:] if text.count("job ") == 2 else None
        refused, taken = until(blocks)
        self.assertIn("from aligned.example\nmfrom pass.example\nspf 0\n", refused)
        self.assertIn("action 0\n", refused)
        self.assertIn("align_spf 4\n", taken)
        self.assertIn("action 2\n", taken)

    def test_a_control_switches_it_off(self):
        gateway = self.dmarc_gateway(acl=self.ACL.replace("rcpt:\n  accept", "rcpt:\n  accept control = dmarc_disable_verify"))
        with gateway.client(helo="x") as client:
            client.deliver(MESSAGE.replace(b"a@signed.example", b"a@aligned.example"), sender="a@pass.example")
        gateway.wait_for_log(r"off of ")


class Arc(Checks):
    ACL = """\
rcpt:
  accept
data:
  deny   !verify  = arc/none:pass
         message  = $arc_state: $arc_state_reason
  warn   verify   = arc/pass
         logwrite = arc $arc_state of $arc_domains oldest=$arc_oldest_pass
  accept add_header = :at_start:${authresults {mx.example}}
"""

    def arc_gateway(self):
        return self.gateway_with("acl_smtp_rcpt = rcpt\nacl_smtp_data = data\n", self.ACL)

    def sealed(self, message):
        message = b"Authentication-Results: lists.example; spf=pass smtp.mailfrom=signed.example\r\n" + message
        fields = dkim.arc_sign(message, b"key", b"signed.example", PEM, b"lists.example")
        return b"".join(fields) + message

    def test_chains(self):
        gateway = self.arc_gateway()
        once = self.sealed(MESSAGE)
        with gateway.client(helo="x") as client:
            client.deliver(MESSAGE)
            client.deliver(once)
            self.assert_reply(self.sent(client, once.replace(b"Hello.", b"Hallo.")), 550, "fail: AMS body hash miscompare")
            self.assert_reply(self.sent(client, once.replace(b"cv=none", b"cv=pass")), 550, "fail: ")
        gateway.wait_for_log(r"arc pass of signed.example oldest=1")
        fields = [each.bytes for each in gateway.maildir().wait_for(2)]
        self.assertTrue(any(re.match(rb"(?s)Authentication-Results: mx\.example;.*arc=pass \(i=1\)", each) for each in fields), fields)


class InOurName(Checks):
    MESSAGE = (b"Received: from x by y; Sat, 28 Nov 2026 10:00:00 +0000\r\n"
               b"Authentication-Results: lists.example; spf=pass smtp.mailfrom=a.example\r\n"
               b"Authentication-Results: (no) MX.example 1;\r\n\tdkim=pass header.d=bank.example\r\n"
               b"Authentication-Results: gateway.example.org; none\r\n"
               b"authentication-results: other.example; none\r\nSubject: x\r\n\r\nx\r\n")
    ACL = "rcpt:\n  accept\ndata:\n  accept add_header = :at_start:${authresults {mx.example}}\n"
    MAIN = "acl_smtp_rcpt = rcpt\nacl_smtp_data = data\n"

    def fields(self, main=""):
        gateway = self.gateway_with(self.MAIN + main, self.ACL)
        with gateway.client(helo="x") as client:
            client.deliver(self.MESSAGE)
        head = gateway.maildir().wait_for(1)[0].bytes.partition(b"\n\n")[0]
        return re.findall(rb"(?mi)^authentication-results: (.*)$", head)

    def test_fields_of_strangers_in_our_name_go(self):
        self.assertEqual(self.fields(), [b"mx.example; none", b"lists.example; spf=pass smtp.mailfrom=a.example", b"other.example; none"])

    def test_those_of_trusted_clients_stay(self):
        self.assertEqual(len(self.fields("authres_trust_hosts = 127.0.0.0/8\n")), 5)

    def test_our_name_may_be_another(self):
        fields = self.fields("authserv_id = other.example\n")
        self.assertIn(b"gateway.example.org; none", fields)
        self.assertNotIn(b"other.example; none", fields)


class Probed(Checks):
    def test_the_trace_tells_what_checks_have_found(self):
        gateway = self.gateway(main=f"dns_servers = <; 127.0.0.1:{self.knot.port}\n"
                                    "acl_smtp_rcpt = rcpt\nacl_smtp_data = data\ndmarc_tld_file = {home}/suffixes\n",
                               acl="rcpt:\n  deny spf = pass\n  accept\ndata:\n  deny dmarc_status = accept\n  deny !verify = arc\n  accept\n", start=False)
        with open(os.path.join(gateway.home, "suffixes"), "w", encoding="ascii") as file:
            file.write(SUFFIXES)
        dialogue = "EHLO x\r\nMAIL FROM:<a@fail.example>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nFrom: a@aligned.example\r\n\r\nhi\r\n.\r\nQUIT\r\n"
        done = subprocess.run([PROGRAM, "probe", "--from", "192.0.2.9", "-c", gateway.config_path], input=dialogue, capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertIn("check spf = pass? no (SPF is fail: gateway.example.org: domain of fail.example ", done.stderr)
        self.assertIn('check dmarc_status = accept\n>>>     "reject"? no (end of list)', done.stderr)
        self.assertIn("(ARC is none)", done.stderr)


class Dcc(Checks):
    ACL = """\
rcpt:
  accept
data:
  defer  !dcc    = *
         message = $dcc_result
  accept logwrite = dcc $dcc_result <$dcc_header>
"""

    def dcc_gateway(self, address, main="", acl=ACL):
        return self.gateway_with(f"acl_smtp_rcpt = rcpt\nacl_smtp_data = data\ndccifd_address = {address}\n{main}", acl)

    def test_the_daemon_is_told_and_heard(self):
        with Dccifd(("127.0.0.1", 0)) as daemon:
            gateway = self.dcc_gateway(daemon.address)
            with gateway.client(helo="h.example") as client:
                client.deliver(MESSAGE, sender="a@pass.example", recipients=["box@example.org", "two@example.org"])
            gateway.wait_for_log(r"dcc A <X-DCC-fake-Metrics: ")
            asked = daemon.questions[0]
            self.assertEqual((asked.client, asked.helo, asked.sender), ("127.0.0.1", "h.example", "a@pass.example"))
            self.assertEqual(asked.recipients, ["box@example.org", "two@example.org"])
            self.assertEqual(asked.message, MESSAGE)

    def test_bulk_is_refused_and_greylisting_defers(self):
        with Dccifd(("127.0.0.1", 0), bulk=2) as daemon:
            gateway = self.dcc_gateway(daemon.address)
            with gateway.client(helo="h.example") as client:
                client.deliver(MESSAGE)
                client.envelope("a@pass.example", ["box@example.org"])
                self.assert_reply(client.data(MESSAGE), 451, "R")
        with Dccifd(("127.0.0.1", 0), greylist=True) as daemon:
            gateway = self.dcc_gateway(daemon.address)
            with gateway.client(helo="h.example") as client:
                client.envelope("a@pass.example", ["box@example.org"])
                self.assert_reply(client.data(MESSAGE), 451, "G")
                client.deliver(MESSAGE, sender="a@pass.example", recipients=["box@example.org"])

    def test_a_daemon_that_is_away(self):
        gateway = self.dcc_gateway("127.0.0.1 1")
        with gateway.client(helo="h.example") as client:
            client.envelope("a@pass.example", ["box@example.org"])
            self.assert_reply(client.data(MESSAGE), 451)
        gateway = self.dcc_gateway("127.0.0.1 1", acl=self.ACL.replace("= *", "= */defer_ok").replace("defer  !dcc", "deny  dcc"))
        with gateway.client(helo="h.example") as client:
            client.deliver(MESSAGE)

    def test_added_at_once_and_another_address(self):
        with Dccifd(("127.0.0.1", 0)) as daemon:
            gateway = self.dcc_gateway(daemon.address, main="dcc_direct_add_header = true\n", acl=self.ACL.replace("  accept\ndata", """\
  accept set acl_m_dcc_override_client_ip = 192.0.2.99
         set acl_m_dcc_add_header = X-More: yes
data"""))
            with gateway.client(helo="h.example") as client:
                client.deliver(MESSAGE)
            arrived = gateway.maildir().wait_for(1)[0].bytes
            self.assertRegex(arrived, rb"(?m)^X-DCC-fake-Metrics: ")
            self.assertRegex(arrived, rb"(?m)^X-More: yes$")
            self.assertEqual(daemon.questions[0].client, "192.0.2.99")

    def test_a_large_body_passes_with_pauses(self):
        with Dccifd(("127.0.0.1", 0), misbehave=None) as daemon:
            gateway = self.dcc_gateway(daemon.address)
            message = MESSAGE + b"x" * 70 + b"\r\n" + (b"0123456789" * 7 + b"\r\n") * 80000
            with gateway.client(helo="h.example") as client:
                client.deliver(message)
            self.assertEqual(daemon.questions[0].message, message)

    def test_a_silent_daemon_costs_its_time_only(self):
        with Dccifd(("127.0.0.1", 0), misbehave=dccifd.silent) as daemon:
            gateway = self.dcc_gateway(daemon.address, main="dccifd_timeout = 1s\n")
            with gateway.client(helo="h.example") as client:
                client.envelope("a@pass.example", ["box@example.org"])
                self.assert_reply(client.data(MESSAGE), 451)


if __name__ == "__main__":
    run_tests()
