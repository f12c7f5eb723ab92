#!/usr/bin/env python3
"""Only CR LF ends a line, and only CR LF . CR LF ends the data: nothing else ever begins a second message."""
# ctest: smoke timeout=240

import re

from runner import run_tests
from support.case import GatewayTest
from support.smtp import Client

# What stands where CR LF . CR LF should be. `dots` are there to be told apart from an end of data only by the bytes around them.
ENDS = [end.encode() for end in (
    "\n.\n", "\n.\r", "\n.\r\n", "\r.\r", "\r.\n", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\r\n.\r\r\n", "\r\r\n.\r\r\n",
    "\n\n.\r\n", "\r\n\n.\r\n", "\n\r.\r\n", "\r\n.\n\r\n", "\r\n\r.\r\n", "\r\n.\r\r", "\r\n.\0\r\n", "\r\n\0.\r\n", "\r\n.\x85\r\n",
    "\x85.\r\n", "\x0b.\x0b", "\x0c.\x0c", "\r\n.\n\n", "\r\n..\r\n", "\r\n .\r\n", "\r\n. \r\n", "\r\n.\t\r\n")]
# The variants in which every CR and LF has its partner.
CLEAN = [end for end in ENDS if not re.search(rb"\r(?!\n)|(?<!\r)\n", end)]

SMUGGLED = (b"MAIL FROM:<smuggled@example.net>\r\nRCPT TO:<smuggled@example.org>\r\nDATA\r\n"
            b"Subject: smuggled\r\n\r\nsmuggled\r\n")
FIRST = b"Subject: first\r\n\r\nfirst"


class Newlines(GatewayTest):
    def send_in_data(self, gateway, text, pieces):
        """A message with that text in DATA; the replies to DATA's end and to a NOOP behind it."""
        with Client(gateway.address, gateway.port, helo="client.example.net") as client:
            client.envelope("sender@example.net", ["box@example.org"])
            client.expect("DATA", 354)
            client.send(text + b"\r\n.\r\n", pieces)
            answer = client.reply()
            noop = client.command("NOOP")
            self.assertEqual((noop.code, client.buffer), (250, b""), f"{text!r}: {noop!r} {client.buffer!r}")
            client.quit()
            return answer

    def test_refused(self):
        gateway = self.gateway(command="ingress")
        for end in ENDS:
            for pieces in (None, 1):
                with self.subTest(end=end, pieces=pieces):
                    answer = self.send_in_data(gateway, FIRST + end + SMUGGLED, pieces)
                    if end in CLEAN:
                        self.assert_reply(answer, 250)
                    else:
                        self.assertEqual(answer.raw, b"550 5.6.0 Bare CR or LF characters are not allowed in messages\r\n")
        figures = gateway.stats()["ingress"]
        self.assertEqual(figures["messages"]["accepted"], 2 * len(CLEAN))
        self.assertEqual(figures["refused"]["bare_newline"], 2 * (len(ENDS) - len(CLEAN)))
        gateway.wait_for_log("rejected: bare CR or LF in message", count=2 * (len(ENDS) - len(CLEAN)), name="reject")
        self.assertNotIn("smuggled", gateway.log())

    def test_a_bare_newline_does_not_hide_the_end(self):
        """CR LF . CR LF ends the data whatever stood before it."""
        gateway = self.gateway(command="ingress")
        for before in (b"\r", b"\n", b"\r\n\r", b"\r\n\n", b"\n.\n", b"\0"):
            for pieces in (None, 1):
                with self.subTest(before=before, pieces=pieces), \
                     Client(gateway.address, gateway.port, helo="client.example.net") as client:
                    client.envelope("sender@example.net", ["box@example.org"])
                    client.expect("DATA", 354)
                    client.send(FIRST + before + b"\r\n.\r\nNOOP\r\n", pieces)
                    self.assertEqual([reply.code for reply in client.replies(2)], [250 if before == b"\0" else 550, 250])

    def test_the_same_in_chunks(self):
        gateway = self.gateway(command="ingress")
        for end in ENDS:
            with self.subTest(end=end), Client(gateway.address, gateway.port, helo="client.example.net") as client:
                text = FIRST + end + SMUGGLED + b"\r\n.\r\n"
                client.envelope("sender@example.net", ["box@example.org"])
                answer = client.bdat(text)
                self.assert_reply(answer, 250 if end in CLEAN else 550)
                client.expect("NOOP", 250)
        self.assertEqual(gateway.stats()["ingress"]["messages"]["accepted"], len(CLEAN))
        self.assertNotIn("smuggled", gateway.log())

    def test_normalised(self):
        gateway = self.gateway("smtp_bare_newline = normalise\n")
        wanted = {}
        for end in ENDS:
            for pieces in (None, 1):
                with self.subTest(end=end, pieces=pieces):
                    text = FIRST + end + SMUGGLED
                    answer = self.send_in_data(gateway, text, pieces)
                    self.assert_reply(answer, 250)
                    wanted[answer.id] = self.normalised(text)
        arrived = gateway.maildir().wait_for(len(wanted))
        self.assertEqual(sorted(message.id for message in arrived), sorted(wanted))
        for message in arrived:
            self.assertEqual(message.original, wanted[message.id])
        self.assertEqual(gateway.stats()["ingress"]["messages"]["accepted"], 2 * len(ENDS))

    @staticmethod
    def normalised(text):
        """Dots at the start of what are lines on the wire are taken out; then every bare CR or LF is a line end."""
        lines = (text + b"\r\n").split(b"\r\n")[:-1]
        lines = [line[1:] if line.startswith(b".") else line for line in lines]
        return re.sub(rb"\r\n|\r|\n", b"\n", b"\r\n".join(lines) + b"\r\n")

    def test_hosts_that_are_excepted(self):
        gateway = self.gateway("smtp_bare_newline_exempt_hosts = 127.0.0.2\n", command="ingress")
        for source, code in (("127.0.0.1", 550), ("127.0.0.2", 250)):
            with Client(gateway.address, gateway.port, source=source, helo="client.example.net") as client:
                client.envelope("sender@example.net", ["box@example.org"])
                self.assert_reply(client.data(b"a\nb\r\n"), code)

    def test_in_commands(self):
        for main, lf in (("", 501), ("smtp_bare_newline = normalise\n", 250)):
            gateway = self.gateway(main + "smtp_max_synprot_errors = 100\n", command="ingress")
            for line, code in [
                    (b"NOOP\r\n", 250),
                    (b"NOOP a\rb\r\n", 501),
                    (b"NOOP\r\r\n", 501),
                    (b"\rNOOP\r\n", 501),
            ]:
                with self.subTest(main=main, line=line), Client(gateway.address, gateway.port, helo="client.example.net") as client:
                    self.assert_reply(client.command(line), code)
                    client.expect("NOOP", 250)
            with self.subTest(main=main), Client(gateway.address, gateway.port, helo="client.example.net") as client:
                if lf == 250:
                    self.assert_reply(client.command(b"NOOP\n"), 250)
                else:
                    # The line goes on up to CR LF: what follows a bare LF is never a command of its own.
                    client.send(b"NOOP\n")
                    self.assertTrue(client.is_silent(0.3), client.buffer)
                    self.assert_reply(client.command(b"MAIL FROM:<smuggled@example.net>\r\n"), 501, "Bare CR or LF")
                    client.expect("MAIL FROM:<a@example.net>", 250)


if __name__ == "__main__":
    run_tests()
