#!/usr/bin/env python3
"""The resolver against real servers: Unbound, which validates, over Knot, which signs.

What is authenticated, what is bogus, replies too long for a datagram, servers that are silent or not there.
"""
# ctest: timeout=180

import json
import os
import socket
import subprocess
import tempfile
import unittest

from peers.knot import Knot
from peers.unbound import Unbound
from runner import run_tests

ASK = os.path.join(os.environ["POSTERN_BINARY_DIR"], "dns_ask")

LONG = "".join(f'long TXT "{number:03} {"x" * 200}"\n' for number in range(40))
RECORDS = f"""\
@ MX 10 mail
@ MX 20 mail2
mail A 192.0.2.1
mail AAAA 2001:db8::1
mail2 A 192.0.2.2
alias CNAME alias2
alias2 CNAME mail
text TXT "v=spf1 " "-all"
_25._tcp.mail TLSA 3 1 1 {"ab" * 32}
_client._smtp SRV 1 2 1 mail
{LONG}"""
REVERSE = "1 PTR mail.signed.example.\n2 PTR liar.signed.example.\n"


class Silent:
    """A port whose datagrams nobody reads."""

    def __enter__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        return self

    def __exit__(self, *_):
        self.socket.close()


class DnsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.knot = cls.enterClassContext(
            Knot({"signed.example": RECORDS, "bogus.example": RECORDS, "2.0.192.in-addr.arpa": REVERSE}, {"plain.example": RECORDS}))
        wrong = cls.knot.anchor("bogus.example").split()
        wrong[-1] = "00" * 32
        anchors = [cls.knot.anchor("signed.example"), cls.knot.anchor("2.0.192.in-addr.arpa"), " ".join(wrong)]
        zones = ("signed.example", "bogus.example", "plain.example", "2.0.192.in-addr.arpa")
        cls.unbound = cls.enterClassContext(Unbound(dict.fromkeys(zones, cls.knot.port), anchors))

    @classmethod
    def enterClassContext(cls, manager):
        entered = manager.__enter__()
        cls.addClassCleanup(manager.__exit__, None, None, None)
        return entered

    def ask(self, *words, servers=None, resolv_conf=""):
        """The answers to questions, and the resolver's figures behind them."""
        if servers is None:
            servers = [self.unbound.port]
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(resolv_conf)
            file.flush()
            command = [ASK, file.name, *(f"server=127.0.0.1:{port}" for port in servers), *words]
            done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_signed_answers_are_authenticated_and_unsigned_ones_not(self):
        signed, plain, _ = self.ask("A:mail.signed.example", "A:mail.plain.example")
        self.assertEqual((signed["status"], signed["records"], signed["authenticated"]), ("ok", ["192.0.2.1"], True))
        self.assertEqual((plain["status"], plain["records"], plain["authenticated"]), ("ok", ["192.0.2.1"], False))

    def test_a_bogus_zone_is_a_temporary_failure(self):
        bogus, signed, _ = self.ask("A:mail.bogus.example", "A:mail.signed.example!")
        self.assertEqual(bogus["status"], "temporary failure")
        self.assertIn("SERVFAIL", bogus["why"])
        self.assertEqual((signed["status"], signed["authenticated"]), ("ok", True), "the next zone does not suffer from it")

    def test_absences_are_told_apart_and_authenticated(self):
        none, no_data, _ = self.ask("A:nobody.signed.example", "MX:mail.signed.example")
        self.assertEqual((none["status"], none["authenticated"]), ("no such domain", True))
        self.assertEqual((no_data["status"], no_data["authenticated"]), ("no data", True))

    def test_every_type_is_read(self):
        *answers, _ = self.ask("MX:signed.example", "AAAA:mail.signed.example", "TXT:text.signed.example", "NS:signed.example",
                               "SOA:signed.example", "TLSA:_25._tcp.mail.signed.example", "SRV:_client._smtp.signed.example",
                               "A:alias.signed.example")
        self.assertEqual([sorted(answer["records"]) for answer in answers],
                         [["10 mail.signed.example", "20 mail2.signed.example"], ["2001:db8::1"], ["v=spf1 -all"],
                          ["ns.signed.example"], ["ns.signed.example"], ["32 bytes"], ["1 mail.signed.example"], ["192.0.2.1"]])
        self.assertEqual((answers[-1]["name"], answers[-1]["aliases"]), ("mail.signed.example", 2))

    def test_what_a_datagram_does_not_hold_comes_over_a_connection(self):
        answer, figures = self.ask("TXT:long.signed.example")
        self.assertEqual((answer["status"], len(answer["records"]), answer["authenticated"]), ("ok", 40, True))
        self.assertEqual(figures["over_stream"], 1)

    def test_answers_and_absences_are_remembered(self):
        first, none, again, none_again, figures = self.ask("A:mail.signed.example", "A:nobody.signed.example",
                                                           "A:MAIL.signed.example!", "A:nobody.signed.example")
        self.assertEqual([a["from_cache"] for a in (first, none, again, none_again)], [False, False, True, True])
        self.assertEqual((figures["sent"], figures["from_cache"]), (2, 2))

    def test_the_second_server_is_asked_when_the_first_is_silent(self):
        with Silent() as silent:
            first, second, figures = self.ask("A:mail.signed.example", "A:mail2.signed.example!", "timeout_ms=200",
                                              servers=[silent.port, self.unbound.port])
        self.assertEqual((first["status"], second["status"]), ("ok", "ok"))
        self.assertEqual(figures["timeouts"], 1, "the second question goes to the server that answers")

    def test_the_second_server_is_asked_when_the_first_is_not_there(self):
        with Silent() as gone:
            pass
        answer, figures = self.ask("A:mail.signed.example", servers=[gone.port, self.unbound.port])
        self.assertEqual((answer["status"], figures["timeouts"]), ("ok", 0))

    def test_silence_is_a_temporary_failure_after_all_attempts(self):
        with Silent() as silent:
            answer, figures = self.ask("A:mail.signed.example", "timeout_ms=100", "attempts=3", servers=[silent.port])
        self.assertEqual((answer["status"], figures["sent"], figures["timeouts"]), ("temporary failure", 3, 3))
        self.assertIn("no answer from", answer["why"])

    def test_resolv_conf_options(self):
        with Silent() as silent:
            answer, figures = self.ask("A:mail.signed.example", servers=[silent.port], resolv_conf="options timeout:1 attempts:1\n")
        self.assertEqual(answer["why"], f"no answer from [127.0.0.1]:{silent.port} in 1s")
        self.assertEqual(figures["sent"], 1)

    def test_names_of_an_address_are_confirmed(self):
        confirmed, liar, none, _ = self.ask("names:192.0.2.1", "names:192.0.2.2", "names:192.0.2.3")
        self.assertEqual((confirmed["result"], confirmed["name"], confirmed["authenticated"]), (0, "mail.signed.example", True))
        self.assertEqual((liar["result"], liar["name"]), (1, ""))
        self.assertEqual((none["result"], none["why"]), (1, "no host name found for IP address 192.0.2.3"))

    def test_many_questions_of_one_turn_share_system_calls(self):
        questions = [f"A:n{number}.plain.example" for number in range(200)]
        *answers, figures = self.ask(*questions)
        self.assertEqual({answer["status"] for answer in answers}, {"no such domain"})
        self.assertEqual(figures["sent"], 200)
        self.assertLess(figures["enters"], 200)


if __name__ == "__main__":
    run_tests()
