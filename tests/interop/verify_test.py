#!/usr/bin/env python3
"""Verification and delivery through a real DNS: Unbound over Knot, and servers that callouts and deliveries meet where the MX records
lead. The client that goes away, the server that says nothing, and what it costs when many ask at once."""
# ctest: timeout=240

import re

from peers.knot import Knot
from peers.unbound import Unbound
from runner import run_tests
from support.callout_target import Target
from support.case import GatewayTest
from support.gateway import free_port, own_address, until
from support.hop import Hop
from support.messages import plain

HOP = own_address().replace("127.", "127.1", 1)
SECOND, NOBODY = (re.sub(r"^127\.\d+", other, own_address()) for other in ("127.9", "127.8"))

ROUTERS = """\
dns:
  driver = dnslookup
  domains = ! nowhere.example : ! aliases.example
  transport = remote
  self = send
  no_more
aliases:
  driver = redirect
  verify_only
  domains = aliases.example
  allow_fail
  data = ${lookup{$local_part}lsearch{{home}/aliases}}
"""

TRANSPORTS = """\
remote:
  driver = smtp
  port = {port}
  allow_localhost
"""

ACL = """\
rcpt:
  warn    senders = slow@*
          set acl_m_slow = yes
  require verify = sender/callout=${if def:acl_m_slow{60s}{3s}}
  require verify = recipient/callout=3s,no_cache
  accept
vrfy:
  accept
"""


class VerifyByDns(GatewayTest):
    @classmethod
    def setUpClass(cls):
        cls.port = free_port(HOP)
        mail = f"@ MX 10 mx1\n@ MX 20 mx2\nmx1 A {HOP}\nmx2 A {SECOND}\n"
        zones = {"good.example": mail, "plain.example": f"@ A {HOP}\n", "null.example": f"@ MX 0 .\n@ A {HOP}\n",
                 "lost.example": "@ MX 10 gone\n", "empty.example": 'text TXT "x"\n', "second.example": f"@ MX 10 nobody\n@ MX 20 mx2\nnobody A {NOBODY}\nmx2 A {SECOND}\n"}
        cls.knot = cls.enterClassContext(Knot({}, zones))
        # Nobody serves broken.example: its server refuses, which is trouble and no absence.
        cls.unbound = cls.enterClassContext(Unbound(dict.fromkeys([*zones, "broken.example"], cls.knot.port), []))

    @classmethod
    def enterClassContext(cls, manager):
        entered = manager.__enter__()
        cls.addClassCleanup(manager.__exit__, None, None, None)
        return entered

    def started(self, acl=ACL, main=""):
        home_routers = ROUTERS
        gateway = self.gateway(main=f"dns_servers = <; 127.0.0.1:{self.unbound.port}\nacl_smtp_rcpt = rcpt\nacl_smtp_vrfy = vrfy\n{main}",
                               acl=acl, routers=home_routers, transports=TRANSPORTS.format(port=self.port), start=False)
        with open(gateway.path("aliases"), "w", encoding="utf-8") as file:
            file.write("known: u@good.example\nbad: no@good.example\nfar: u@null.example\ntwo: x@nowhere.example, y@nowhere.example\n"
                       "never: :fail: not here\n")
        return gateway.start()

    def replies(self, gateway, sender, *recipients):
        with gateway.client() as client:
            client.command("EHLO client.example")
            client.command(f"MAIL FROM:<{sender}>")
            return [client.command(f"RCPT TO:<{recipient}>") for recipient in recipients]

    def test_addresses_lead_where_the_dns_says(self):
        gateway = self.started(acl="rcpt:\n  require verify = recipient\n  accept\nvrfy:\n  accept\n")
        wanted = {
            "u@good.example": (250, ""), "u@plain.example": (250, ""),
            "u@null.example": (550, "an MX or SRV record indicated no SMTP service"),
            "u@lost.example": (550, "all relevant MX records point to non-existent hosts"),
            "u@empty.example": (550, "Unrouteable address"), "u@no.good.example": (550, "Unrouteable address"),
            "u@broken.example": (451, "Temporary local problem"), "u@nowhere.example": (550, "Unrouteable address"),
            "known@aliases.example": (250, ""), "far@aliases.example": (550, "indicated no SMTP service"),
            "two@aliases.example": (250, ""), "nobody@aliases.example": (550, "Unrouteable address"),
        }
        got = self.replies(gateway, "s@good.example", *wanted)
        for (address, (code, text)), reply in zip(wanted.items(), got):
            with self.subTest(address):
                self.assert_reply(reply, code, text or None)
        with gateway.client() as client:
            client.command("EHLO client.example")
            self.assert_reply(client.command("VRFY u@good.example"), 250)
            self.assert_reply(client.command("VRFY u@null.example"), 550, "u@null.example> an MX or SRV")
            self.assert_reply(client.command("VRFY u@broken.example"), 451)

    def test_callouts_follow_the_exchangers(self):
        gateway = self.started()
        with Target([("RCPT TO:<no@", "550 no such user"), ("RCPT TO:<later@", "450 not now")], HOP, self.port) as first:
            self.assert_reply(self.replies(gateway, "u@good.example", "u@good.example")[0], 250)
            self.assert_reply(self.replies(gateway, "no@good.example", "u@good.example")[0], 550, "(?s)no such user.*Sender verify failed")
            self.assertEqual(first.take_seen().count("RCPT TO:<no@good.example>"), 1)
            # What the first exchanger puts off, the second may know.
            with Target([], SECOND, self.port) as second:
                self.assert_reply(self.replies(gateway, "u@good.example", "later@good.example")[0], 250)
                self.assertIn("RCPT TO:<later@good.example>", second.take_seen())
            self.assert_reply(self.replies(gateway, "u@good.example", "later@good.example")[0], 451, "Could not complete recipient verify")
            self.assert_reply(self.replies(gateway, "", "bad@aliases.example")[0], 550, "Callout verification failed")
            self.assert_reply(self.replies(gateway, "", "never@aliases.example")[0], 550, "not here")
        gateway.wait_for_log(r"sender verify fail for <no@good.example>: mx1.good.example \[127[^ ]*\] : SMTP error from remote mail "
                             r"server after RCPT TO:<no@good.example>: 550 no such user")

    def test_a_callout_ends_with_its_client(self):
        gateway = self.started(main="smtp_accept_max = 20\n")
        with Target([("RCPT", "silent")], HOP, self.port) as target:
            client = gateway.client()
            client.command("EHLO client.example")
            client.command("MAIL FROM:<slow@good.example>")
            client.send(b"RCPT TO:<u@good.example>\r\n")
            until(lambda: "RCPT TO:<slow@good.example>" in target.seen, what="the callout")
            client.close()
            until(lambda: not target.open, seconds=15, what="the end of the callout")

    def test_hostile_servers_do_no_harm(self):
        rules = {"long": "250 " + "x" * 100_000, "many": "\n".join(["250-line"] * 5_000) + "\n250 end", "bytes": "550 \x00\xff\x1b[2J\x7f",
                 "nothing": "", "split": "550 a\n250 b", "twice": "250 ok\n250 ok"}
        gateway = self.started(acl="rcpt:\n  require verify = recipient/callout=2s,no_cache\n  accept\nvrfy:\n  accept\n")
        with Target([(f"RCPT TO:<{name}@", reply) for name, reply in rules.items()], HOP, self.port):
            got = dict(zip(rules, self.replies(gateway, "", *(f"{name}@good.example" for name in rules))))
        self.assertEqual({name: reply.code for name, reply in got.items() if name not in ("twice", "split")},
                         {"long": 451, "many": 451, "bytes": 550, "nothing": 451})
        self.assertNotRegex(got["bytes"].text, "[\x00\x1b\x7f]")
        self.assertNotRegex(gateway.log(), "[\x00\x1b\x7f]")
        with gateway.client() as client:
            self.assert_reply(client.command("EHLO client.example"), 250)

    def test_many_callouts_at_once(self):
        gateway = self.started(acl="rcpt:\n  require verify = recipient/callout=20s,no_cache\n  accept\nvrfy:\n  accept\n")
        with Target([], HOP, self.port) as target:
            clients = [gateway.client() for _ in range(60)]
            for number, client in enumerate(clients):
                client.ehlo()
                client.send(f"MAIL FROM:<>\r\nRCPT TO:<u{number}@good.example>\r\n".encode())
            for client in clients:
                self.assertEqual([client.reply().code for _ in range(2)], [250, 250])
            self.assertEqual(len({line for line in target.seen if line.startswith("RCPT")}), 60)
            until(lambda: not target.open, what="the end of the callouts")

    def test_deliveries_follow_the_exchangers(self):
        gateway = self.started(acl="rcpt:\n  require verify = recipient\n  accept\nvrfy:\n  accept\n")
        self.assert_reply(self.replies(gateway, "", "u@second.example")[0], 250)
        with Hop(address=SECOND, port=self.port) as hop:
            with gateway.client() as client:
                client.ehlo()
                client.deliver(plain(), sender="s@example.net", recipients=["u@second.example"])
            hop.wait_for(1)
        self.assertEqual(hop.messages[0].recipients, ["u@second.example"])
        gateway.wait_for_log(r"=> u@second.example R=dns T=remote H=mx2.second.example")


if __name__ == "__main__":
    run_tests()
