#!/usr/bin/env python3
"""The words of the dialogue: Exim's texts in Exim's order, with and without enhanced codes."""
# ctest: smoke

import re

from runner import run_tests
from support.case import SharedGatewayTest
from support.script import play

GREETING = r"S~ 220 gateway\.example\.org ESMTP Postern \S+ \w{3}, \d{2} \w{3} \d{4} \d\d:\d\d:\d\d [-+]\d{4}" "\n"

ENHANCED = GREETING + """
C: EHLO client.example.net
S: 250-gateway.example.org Hello client.example.net [127.0.0.1]
S: 250-SIZE 52428800
S: 250-LIMITS RCPTMAX=50000
S: 250-8BITMIME
S: 250-DSN
S: 250-PIPELINING
S: 250-CHUNKING
S: 250-SMTPUTF8
S: 250-ENHANCEDSTATUSCODES
S: 250 HELP
C: MAIL FROM:<a@example.net>
S: 250 2.1.0 OK
C: RCPT TO:<b@example.org>
S: 250 2.1.5 Accepted
C: DATA
S: 354 Enter message, ending with "." on a line by itself
C: Subject: x
C:
C: x
C: .
S~ 250 2\\.0\\.0 OK id=\\w{6}-\\w{6}-\\w{2}
C: RSET
S: 250 2.0.0 Reset OK
C: NOOP
S: 250 2.0.0 OK
C: VRFY b@example.org
S: 252 2.5.0 Administrative prohibition
C: EXPN list
S: 550 5.7.1 Administrative prohibition
C: ETRN example.org
S: 458 4.7.1 Administrative prohibition
C: HELP
S: 214-2.0.0 Commands supported:
S: 214 2.0.0 HELO EHLO MAIL RCPT DATA BDAT NOOP QUIT RSET HELP
C: QUIT
S: 221 2.0.0 gateway.example.org closing connection
E:
"""


def without_codes(script):
    """The same where no enhanced codes are given."""
    script = script.replace("S: 250-ENHANCEDSTATUSCODES\n", "").replace(r"2\.0\.0 ", "")
    return re.sub(r"(?m)^(S: \d{3}[- ])\d\.\d\.\d ", r"\1", script)


class Defaults(SharedGatewayTest):
    GATEWAY = {"command": "ingress"}

    def play(self, script, pieces=None):
        play(self.client(greet=False), script, pieces)

    def test_a_whole_dialogue(self):
        self.play(ENHANCED)

    def test_a_whole_dialogue_byte_by_byte(self):
        self.play(ENHANCED, pieces=1)

    def test_helo_gives_no_extensions_and_no_codes(self):
        script = without_codes(ENHANCED)
        hello = script[script.index("C: EHLO"):script.index("C: MAIL")]
        self.play(script.replace(hello, "C: HELO client.example.net\n"
                                        "S: 250 gateway.example.org Hello client.example.net [127.0.0.1]\n"))

    def test_before_ehlo_no_codes(self):
        self.play(GREETING + """
            C: NOOP
            S: 250 OK
            C: MAIL FROM:<a@example.net>
            S: 503 HELO or EHLO required
            """)

    def test_chunks(self):
        self.play(GREETING + """
            C: EHLO [127.0.0.1]
            S: 250-gateway.example.org Hello [127.0.0.1] [127.0.0.1]
            S~ 250-.*
            S~ 250-.*
            S~ 250-.*
            S~ 250-.*
            S~ 250-.*
            S~ 250-.*
            S~ 250-.*
            S~ 250-.*
            S: 250 HELP
            C: MAIL FROM:<>
            C: RCPT TO:<b@example.org>
            C= BDAT 10\\r\\nSubject: xBDAT 4 LAST\\r\\n\\r\\n\\r\\n
            S: 250 2.1.0 OK
            S: 250 2.1.5 Accepted
            S: 250 2.0.0 10 byte chunk received
            S: 250-2.0.0  4 byte chunk, total 14
            S~ 250 2\\.0\\.0 OK id=\\S+
            """)

    def test_order_of_commands(self):
        with self.client(helo="client.example.net") as client:
            play(client, """
                C: RCPT TO:<b@example.org>
                S: 503 5.5.1 sender not yet given
                C: MAIL FROM:<a@example.net>
                S: 250 2.1.0 OK
                C: MAIL FROM:<a@example.net>
                S: 503 5.5.1 sender already given
                C: DATA
                S: 503 5.5.1 valid RCPT command must precede DATA
                """)

    def test_what_is_not_built_is_not_offered(self):
        with self.client(helo="client.example.net") as client:
            self.assertFalse([word for word in ("STARTTLS", "AUTH", "PRDR", "ETRN", "VRFY", "EXPN", "BINARYMIME", "XCLIENT",
                                                "REQUIRETLS") if client.offers(word)], client.keywords)
            play(client, """
                C: STARTTLS
                S: 503 5.5.1 STARTTLS command used when not advertised
                C: AUTH PLAIN AHVzZXIAcGFzcw==
                S: 503 5.5.1 AUTH command used when not advertised
                """)

    def test_addresses_and_parameters_that_are_wrong(self):
        for line, answer in [
                ("MAIL FROM:a b", "501 "),
                ("MAIL FROM:", "501 "),
                ("MAIL FROM:<a@@example.net>", "501 "),
                ("MAIL FROM:<a@example.net> SIZE=x", "501 "),
                ("MAIL FROM:<a@example.net> SIZE=52428801", "552 "),
                ("MAIL FROM:<a@example.net> BODY=9BIT", "501 "),
                ("MAIL FROM:<a@example.net> FROB=1", "555 "),
                ("MAIL FROM:<a@example.net> AUTH=<>", "555 "),
                ("MAIL FROM:<a@example.net> RET=FULL RET=FULL", "501 "),
                ("MAIL FROM:<ä@example.net>", "501 "),
        ]:
            with self.subTest(line), self.client(helo="client.example.net") as client:
                reply = client.command(line)
                self.assertTrue(reply.raw.startswith(answer.encode() + answer[:1].encode() + b"."), reply)
                client.expect("MAIL FROM:<a@example.net>", 250)
        for line, answer in [
                ("RCPT TO:<>", "501 "),
                ("RCPT TO:<b>", "501 "),
                ("RCPT TO:<b@example.org> NOTIFY=SOMETIMES", "501 "),
                ("RCPT TO:<b@example.org> NOTIFY=NEVER,DELAY", "501 "),
                ("RCPT TO:<b@example.org> FROB=1", "555 "),
                ("RCPT TO:<ü@example.org>", "501 "),
        ]:
            with self.subTest(line), self.client(helo="client.example.net") as client:
                client.expect("MAIL FROM:<a@example.net>", 250)
                reply = client.command(line)
                self.assertTrue(reply.raw.startswith(answer.encode() + answer[:1].encode() + b"."), reply)
                client.expect("RCPT TO:<b@example.org>", 250)

    def test_parameters_that_are_right(self):
        for mail, rcpt in [
                ("MAIL FROM:<a@example.net> SIZE=52428800", "RCPT TO:<b@example.org>"),
                ("mail from:<a@example.net> body=8bitmime", "rcpt to:<b@example.org>"),
                ("MAIL FROM:<ä@example.net> SMTPUTF8 BODY=8BITMIME", "RCPT TO:<ü@exämple.org>"),
                ("MAIL FROM:<a@example.net> RET=HDRS ENVID=QQ+2B1", "RCPT TO:<b@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c@example.com"),
                ("MAIL FROM:<>", "RCPT TO:<postmaster>"),
                ('MAIL FROM:<"a b"@example.net>', 'RCPT TO:<"c\\" d"@example.org>'),
                ("MAIL FROM: <a@example.net>", "RCPT TO: <b@example.org>"),
                ("MAIL FROM:<@relay.example:a@example.net>", "RCPT TO:<@relay.example:b@example.org>"),
        ]:
            with self.subTest(mail), self.client(helo="client.example.net") as client:
                client.expect(mail, 250)
                client.expect(rcpt, 250)

    def test_greeting_names(self):
        for name, code in [("client.example.net", 250), ("[192.0.2.1]", 250), ("[IPv6:2001:db8::1]", 250), ("localhost", 250),
                           ("a_b.example", 501), ("", 501), ("a b", 501), ("x" * 300, 501), ("(comment)", 501), ("ä.example", 501)]:
            with self.subTest(name), self.client() as client:
                self.assert_reply(client.command(f"EHLO {name}".rstrip()), code)


class WithoutCodes(SharedGatewayTest):
    GATEWAY = {"command": "ingress", "main": "enhanced_status_advertise_hosts = ! 127.0.0.0/8 : *\n"}

    def test_a_whole_dialogue(self):
        play(self.client(greet=False), without_codes(ENHANCED))


class ByHost(SharedGatewayTest):
    """Who gets which keyword is a matter of host lists."""

    GATEWAY = {
        "command": "ingress",
        "main": """
            hostlist trusted = 127.0.0.2 : 127.0.0.3
            limits_advertise_hosts = +trusted
            enhanced_status_advertise_hosts = +trusted
            pipelining_advertise_hosts = +trusted
            chunking_advertise_hosts = +trusted
            smtputf8_advertise_hosts = +trusted
            dsn_advertise_hosts = +trusted
            smtp_accept_max_per_connection = 7
            recipients_max = 9
            message_size_limit = 20000
            smtp_banner = hello from $smtp_active_hostname\\n$primary_hostname talks
            smtp_active_hostname = mx.$primary_hostname
            """,
        "acl": """
acl_check_rcpt:
  deny    message = 5.7.1 relay not permitted
          domains = coded.example
  deny    message = relay not permitted
          domains = plain.example
  deny    message = 554 5.7.9 go away
          domains = both.example
  accept
""",
    }

    def test_trusted(self):
        with self.client(source="127.0.0.2", helo="client.example.net") as client:
            self.assertEqual(client.keywords, ["SIZE 20000", "LIMITS MAILMAX=7 RCPTMAX=9", "8BITMIME", "DSN", "PIPELINING",
                                               "CHUNKING", "SMTPUTF8", "ENHANCEDSTATUSCODES", "HELP"])
            play(client, """
                C: MAIL FROM:<a@example.net>
                S: 250 2.1.0 OK
                C: RCPT TO:<x@coded.example>
                S: 550 5.7.1 relay not permitted
                C: RCPT TO:<x@plain.example>
                S: 550 5.7.1 relay not permitted
                C: RCPT TO:<x@both.example>
                S: 554 5.7.9 go away
                """)

    def test_others(self):
        with self.client(source="127.0.0.4", helo="client.example.net") as client:
            self.assertEqual(client.keywords, ["SIZE 20000", "8BITMIME", "HELP"])
            # Codes that the configuration writes are written to everybody.
            play(client, """
                C: MAIL FROM:<a@example.net>
                S: 250 OK
                C: RCPT TO:<x@coded.example>
                S: 550 5.7.1 relay not permitted
                C: RCPT TO:<x@plain.example>
                S: 550 relay not permitted
                C: RCPT TO:<x@both.example>
                S: 554 5.7.9 go away
                C: BDAT 3 LAST
                S: 503 BDAT command used when CHUNKING not advertised
                """)

    def test_parameters_of_delivery_reports(self):
        for source, wanted in (("127.0.0.2", 250), ("127.0.0.4", 555)):
            for parameter in ("RET=HDRS", "RET=FULL", "ENVID=one"):
                with self.client(source=source, helo="client.example.net") as client:
                    self.assert_reply(client.command(f"MAIL FROM:<a@example.net> {parameter}"), wanted)
            for parameter in ("NOTIFY=NEVER", "NOTIFY=SUCCESS,FAILURE,DELAY", "ORCPT=rfc822;b@example.org"):
                with self.client(source=source, helo="client.example.net") as client:
                    client.expect("MAIL FROM:<a@example.net>", 250)
                    self.assert_reply(client.command(f"RCPT TO:<b@example.org> {parameter}"), wanted)

    def test_banner_and_name(self):
        with self.client() as client:
            self.assertEqual(client.greeting.raw, b"220-hello from mx.gateway.example.org\r\n220 gateway.example.org talks\r\n")
            self.assertEqual(client.command("HELO x.example").text, "mx.gateway.example.org Hello x.example [127.0.0.1]")
            self.assertEqual(client.command("QUIT").text, "mx.gateway.example.org closing connection")


if __name__ == "__main__":
    run_tests()
