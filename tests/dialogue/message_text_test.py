#!/usr/bin/env python3
"""What ACLs are shown of a message's text when it is large, when it comes in pieces, and when options say how much of it;
tests/differential/acl/message.txt compares it with Exim."""
# ctest: smoke timeout=120

import re

from runner import run_tests
from support.case import GatewayTest
from support.smtp import stuffed

ACL = """\
acl_check_rcpt:
  accept
data:
  accept  logwrite = start=<$message_body>
          logwrite = end=<$message_body_end>
          logwrite = zeros=$body_zerocount lines=$body_linecount size=$message_body_size all=$message_linecount \
                     longest=$max_received_linelength message=$message_size
"""
SHOWN = "acl_smtp_data = data\nmessage_body_visible = 8\n"
HEADER = b"Subject: text\r\nX-Folded: a\r\n b\r\n\r\n"


class MessageText(GatewayTest):
    def told(self, gateway, send):
        """{name: what the log says of it} of the message that `send` delivers."""
        with gateway.client(helo="client.example.net") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<b@example.org>", 250)
            send(client)
        gateway.wait_for_log("zeros=")
        return dict(re.findall(r"(\w+)=(<.*?>|\d+)", "\n".join(re.findall(r"(?:start|end|zeros)=.*", gateway.log()))))

    def data(self, body):
        def send(client):
            client.expect("DATA", 354)
            client.send(stuffed(HEADER + body))
            self.assertEqual(client.reply().code, 250)
        return send

    def bdat(self, body, pieces):
        def send(client):
            text = HEADER + body
            step = -(-len(text) // pieces)
            parts = [text[at:at + step] for at in range(0, len(text), step)]
            for number, part in enumerate(parts, 1):
                client.send(b"BDAT %d%s\r\n" % (len(part), b" LAST" if number == len(parts) else b"") + part)
                self.assertEqual(client.reply().code, 250)
        return send

    def numbers(self, body):
        return {"zeros": str(body.count(b"\0")), "lines": str(body.count(b"\n")), "size": str(len(body.replace(b"\r", b""))),
                "all": str((HEADER + body).count(b"\n")), "longest": str(max(len(line) for line in (HEADER + body).split(b"\r\n"))),
                "message": str(len((HEADER + body).replace(b"\r", b"")))}

    def test_of_a_large_message(self):
        body = b"first 1\r\n" + b"x" * 100 + b"\r\n" + b"0123456789\0abcdef\r\n" * 100_000 + b"the last\r\n9\r\n"
        for send in (self.data(body), self.bdat(body, 7)):
            gateway = self.gateway(SHOWN, acl=ACL)
            told = self.told(gateway, send)
            self.assertEqual(told, {"start": "<first 1 >", "end": "< last 9 >", **self.numbers(body)})
            self.assertEqual(gateway.stats()["ingress"]["large_messages"]["files"], 1)

    def test_in_pieces(self):
        body = b"one\r\n\0two\r\n"
        for pieces in (1, 2, 5, len(HEADER + body)):
            gateway = self.gateway(SHOWN + "message_body_newlines\n", acl=ACL)
            told = self.told(gateway, self.bdat(body, pieces))
            self.assertEqual(told, {"start": r"<one\n two>", "end": r"<ne\n two\n>", **self.numbers(body)})

    def test_of_no_body(self):
        gateway = self.gateway(SHOWN, acl=ACL)
        self.assertEqual(self.told(gateway, self.data(b"")), {"start": "<>", "end": "<>", **self.numbers(b"")})

    def test_a_text_that_is_compiled_later_cannot_be_the_only_one_to_name_it(self):
        gateway = self.gateway("acl_smtp_data = data\n", start=False, acl=(
            "acl_check_rcpt:\n  accept\ndata:\n  accept  logwrite = ${expand:${lookup{a}lsearch{{home}/texts}}}\n"))
        with open(gateway.path("texts"), "w", encoding="ascii") as file:
            file.write("a: $message_body\n")
        gateway.start()
        with gateway.client(helo="client.example.net") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<b@example.org>", 250)
            client.expect("DATA", 354)
            client.send(stuffed(HEADER + b"body\r\n"))
            self.assertEqual(client.reply().code, 451)
        gateway.wait_for_log(r"\$message_body cannot be used: it is kept of messages only where the configuration file itself names it")


if __name__ == "__main__":
    run_tests()
