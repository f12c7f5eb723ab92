#!/usr/bin/env python3
"""Clients behind a proxy that speaks the PROXY protocol, with headers made by hand: what the proxy says of the client is what policy, limits
and log go by, and a proxy that does not say it gets nowhere."""
# ctest: timeout=180 smoke

from peers.knot import Knot
from runner import run_tests
from support.case import GatewayTest, SharedGatewayTest
from support.gateway import until
from support.messages import plain
from support.proxy import CLIENT, LOCAL, TARGET, tlv, v1, v2, v2_raw

REFUSED = "503 'Command refused, required Proxy negotiation failed'"
ACL = """\
acl_check_connect:
  drop    hosts = 192.0.2.66
          message = not you
  accept
acl_check_rcpt:
  deny    domains = facts.example
          message = s=$proxy_session c=$sender_host_address:$sender_host_port l=$proxy_local_address:$proxy_local_port \\
                    h=$proxy_host_address:$proxy_host_port e=$proxy_external_address:$proxy_external_port \\
                    t=$proxy_target_address:$proxy_target_port
  accept
"""
MAIN = "acl_smtp_connect = acl_check_connect\nlog_selector = +proxy\n"
BAD = {
    "a port of 0": v1(("192.0.2.44", 0)),
    "a family that is none": v2_raw(0x21, 0x41, b"\1" * 12),
    "a checksum that is wrong": v2(tlvs=tlv(3, b"\0\0\0\0")),
    "a TLV that is longer than the header": v2(tlvs=b"\4\0\5abc"),
    "addresses cut off": v2_raw(0x21, 0x11, b"\1" * 11),
    "a version that is none": v2_raw(0x31, 0x11, b"")[:16],
    "a line end without CR": v1().replace(b"\r\n", b"\n"),
}


class Behind:
    """What both ways of listing a proxy have in common."""

    def behind(self, header, helo="client.example.net", source=None):
        client = self.client(greet=False, source=source)
        client.send(header)
        client.greeting = client.reply()
        if helo:
            client.ehlo(helo)
        return client

    def facts(self, client):
        client.expect("MAIL FROM:<a@example.net>", 250)
        text = client.expect("RCPT TO:<b@facts.example>", 550).text
        return dict(word.split("=", 1) for word in text.split() if "=" in word)


class Headers(SharedGatewayTest, Behind):
    GATEWAY = {"main": MAIN + "hosts_proxy = <; 127.0.0.1\nproxy_protocol_timeout = 2s\n", "acl": ACL, "command": "ingress"}

    def check_facts(self, header, client=CLIENT, target=TARGET):
        session = self.behind(header)
        own = "%s:%d" % session.socket.getsockname()
        self.assertEqual(self.facts(session), {"s": "yes", "c": "%s:%d" % client, "l": own, "h": own, "e": "%s:%d" % target, "t": "%s:%d" % target})
        session.quit()

    def test_both_versions(self):
        self.check_facts(v1())
        self.check_facts(v2())
        six = ("2001:db8::44", 4444), ("2001:db8::25", 25)
        self.check_facts(v1(*six), *six)
        self.check_facts(v2(*six), *six)

    def test_long_tlvs(self):
        self.check_facts(v2(tlvs=tlv(0xe0, b"x" * 4000) + tlv(5, b"id-1")))

    def test_a_header_in_pieces(self):
        for header in (v1(), v2(tlvs=tlv(5, b"id"))):
            client = self.client(greet=False)
            client.send(header, pieces=1)
            self.assert_reply(client.reply(), 220)
            client.ehlo()
            self.assertEqual(self.facts(client)["c"], "192.0.2.44:40044")

    def test_a_connection_of_the_proxy_itself(self):
        """The proxy's address stands, and is told, so that a rule can tell health checks from failures."""
        for header in (LOCAL, b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN some more\r\n", v2_raw(0x21, 0x00, b""), v2_raw(0x21, 0x31, b"u" * 216)):
            client = self.behind(header)
            own = "%s:%d" % client.socket.getsockname()
            self.assertEqual(self.facts(client), {"s": "yes", "c": own, "l": own, "h": own, "e": ":0", "t": ":0"})
            client.quit()

    def test_others_need_no_header(self):
        client = self.client(source="127.0.0.9", helo="client.example.net")
        own = "%s:%d" % client.socket.getsockname()
        self.assertEqual(self.facts(client), {"s": "no", "c": own, "l": ":0", "h": ":0", "e": ":0", "t": ":0"})
        client = self.client(source="127.0.0.9")
        self.assert_reply(client.command(v1()), 500)

    def test_the_client_is_whom_rules_judge(self):
        with self.client(greet=False) as client:
            client.send(v2(("192.0.2.66", 1)))
            self.assert_reply(client.reply(), 550, "not you")
            self.assertEqual(client.rest(), b"")
        self.gateway.wait_for_log(r'H=\[192\.0\.2\.66\] rejected connection in "connect" ACL: not you')

    def test_the_log_names_both(self):
        for header, more in ((v1(), ""), (v2(tlvs=tlv(5, b"id \"\n1")), r' PRXID="id \S+1"')):
            with self.behind(header) as client:
                message = client.deliver(plain())
            self.gateway.wait_for_log(rf" {message} <= sender@example\.net H=\(client\.example\.net\) \[192\.0\.2\.44\] P=esmtp "
                                      rf"PRX=127\.0\.0\.1{more} S=\d+ ")
        with self.client(source="127.0.0.9", helo="client.example.net") as client:
            message = client.deliver(plain())
        self.gateway.wait_for_log(rf" {message} <= .* P=esmtp S=\d+ ")

    def refused(self, client):
        for command in ("EHLO client.example.net", "MAIL FROM:<a@example.net>", "NOOP", "FROB"):
            reply = client.command(command)
            self.assertEqual(repr(reply), REFUSED)
        self.assertEqual(client.command("QUIT").code, 221)

    def test_bad_headers(self):
        """The banner comes, and then nothing is allowed."""
        for what, header in BAD.items():
            with self.subTest(what), self.client(greet=False) as client:
                client.send(header)
                self.assert_reply(client.reply(), 220)
                self.refused(client)

    def test_no_header(self):
        """The banner waits for it, until its time is up; what came of it is forgotten."""
        for begun in (b"", b"PROXY TCP4 192.", v2()[:20]):
            client = self.client(greet=False)
            client.send(begun)
            self.assertTrue(client.is_silent(0.3))
            self.assert_reply(client.reply(), 220)
            self.refused(client)

    def test_failure_shows_in_the_variables(self):
        """Nothing is written about it, but a rule may."""
        gateway = self.gateway
        before = gateway.stats()["ingress"]["refused"]["proxy_header"]
        with self.client(greet=False) as client:
            client.send(v1(("192.0.2.44", 0)))
            client.reply()
            client.quit()
        self.assertEqual(gateway.stats()["ingress"]["refused"]["proxy_header"], before + 1)

    def test_endless_commands_end(self):
        client = self.client(greet=False)
        client.send(v1(("192.0.2.44", 0)))
        client.reply()
        for _ in range(10):
            self.assertEqual(repr(client.command("NOOP")), REFUSED)
        self.assert_reply(client.command("NOOP"), 554, "Too many nonmail commands")
        self.assertEqual(client.rest(), b"")

    def test_talking_before_the_banner(self):
        """What is no header, or comes right behind one, is input before the greeting."""
        for sent in (b"EHLO client.example.net\r\n", v1() + b"EHLO client.example.net\r\n", v2() + b"EHLO client.example.net\r\n",
                     v1(("192.0.2.44", 0)) + b"EHLO client.example.net\r\n", b"\r\n\r\nEHLO client.example.net\r\n"):
            with self.client(greet=False) as client:
                client.send(sent)
                self.assert_reply(client.reply(), 554, "synchronization error")
                self.assertEqual(client.rest(), b"")
        self.gateway.wait_for_log(r"input sent without waiting for greeting\): rejected connection from H=\[127\.0\.0\.1\] next input=\"EHLO")
        self.gateway.wait_for_log(r"input sent without waiting for greeting\): rejected connection from H=\[192\.0\.2\.44\] next input=\"EHLO")

    def test_a_proxy_that_goes_away(self):
        """A check that only connects."""
        for begun in (b"", b"PROXY ", v2()):
            self.client(greet=False).send(begun).close()
        until(lambda: self.gateway.stats()["ingress"]["connections"]["open"] == 0, what="the end of all connections")


class Names(GatewayTest, Behind):
    def test_the_name_is_that_of_the_real_client(self):
        zones = {"names.example": "client A 192.0.2.44\nproxy A 127.0.0.1\n", "in-addr.arpa": "44.2.0.192 PTR client.names.example.\n1.0.0.127 PTR proxy.names.example.\n"}
        with Knot({}, zones) as knot:
            gateway = self.gateway(main=f"dns_servers = <; 127.0.0.1:{knot.port}\nhost_lookup = *\nhosts_proxy = 127.0.0.1\nacl_smtp_rcpt = rcpt\n",
                                   acl="rcpt:\n  deny message = name $sender_host_name\n")
            for header in (v1(), v2()):
                with gateway.client(greet=False) as client:
                    client.send(header)
                    client.greeting = client.reply()
                    client.ehlo("x")
                    client.expect("MAIL FROM:<a@example.net>", 250)
                    client.expect("RCPT TO:<b@example.org>", 550, "name client.names.example")
            gateway.wait_for_log(r"H=client.names.example \(x\) \[192.0.2.44\]")


class Failures(GatewayTest, Behind):
    def test_a_rule_can_log_them(self):
        gateway = self.gateway("acl_smtp_connect = acl_check_connect\nproxy_required_hosts = 127.0.0.1\n", command="ingress", acl="""\
acl_check_connect:
  deny    !hosts = 127.0.0.1
  deny    message = failed=$proxy_session,$proxy_host_address
acl_check_rcpt:
  accept
""")
        self.assertIn('"proxy_required_hosts" is an old name of "hosts_proxy"', gateway.stderr())
        with gateway.client(greet=False) as client:
            client.send(b"PROXY TCP4\r\n")
            self.assert_reply(client.reply(), 550, "^failed=yes,$")
        with gateway.client(greet=False) as client:
            client.send(LOCAL)
            self.assert_reply(client.reply(), 550, r"^failed=yes,127\.0\.0\.1$")
        gateway.stop()
        # Of the two, only the rule's own lines.
        lines = [line for line in gateway.log().splitlines() if "127.0.0.1" in line]
        self.assertEqual(len(lines), 2, lines)

    def test_everybody_listed_shuts_out_the_machine_itself(self):
        gateway = self.gateway("hosts_proxy = *\nproxy_protocol_timeout = 1s\n", command="ingress")
        client = gateway.client()
        self.assertEqual(repr(client.command("EHLO client.example.net")), REFUSED)

    def test_the_wait_is_three_seconds(self):
        """Not shorter: three of them pass in silence. That it ends at all is what the reply shows."""
        gateway = self.gateway("hosts_proxy = 127.0.0.1\n", command="ingress")
        client = gateway.client(greet=False)
        self.assertTrue(client.is_silent(2.5))
        self.assert_reply(client.reply(), 220)

    def test_stopping_does_not_wait_for_headers(self):
        gateway = self.gateway("hosts_proxy = 127.0.0.1\nproxy_protocol_timeout = 5m\n", command="ingress")
        client = gateway.client(greet=False)
        until(lambda: gateway.stats()["ingress"]["connections"]["open"] == 1, what="the connection")
        gateway.stop()
        self.assertIn(client.rest()[:4], (b"", b"421 ", b"220 "))


class Limits(GatewayTest, Behind):
    FULL = b"421 Too many concurrent SMTP connections from this IP address; please try again later.\r\n"

    def first_lines(self, gateway, headers):
        clients = []
        for header in headers:
            clients.append(gateway.client(greet=False))
            clients[-1].send(header)
            yield clients[-1].line()

    def test_of_the_real_client(self):
        gateway = self.gateway("hosts_proxy = 127.0.0.1\nsmtp_accept_max_per_host = 2\nhost_reject_connection = 192.0.2.9\n", command="ingress")
        one, other = v1(("192.0.2.1", 1)), v2(("192.0.2.2", 1))
        lines = list(self.first_lines(gateway, [one, one, one, other, other, other, LOCAL, LOCAL, LOCAL]))
        self.assertEqual([line[:3] for line in lines], [b"220", b"220", b"421"] * 3)
        self.assertEqual(lines[2], self.FULL)
        gateway.wait_for_log(r"Connection from \[192\.0\.2\.1\] refused: too many connections from that IP address")
        self.assertEqual([line[:3] for line in self.first_lines(gateway, [v2(("192.0.2.9", 1))])], [b"554"])
        # Failures are nobody's, and waiting for a header is not either.
        self.assertEqual([line[:3] for line in self.first_lines(gateway, [b"PROXY x\r\n"] * 4)], [b"220"] * 4)
        for client in gateway.clients:
            client.close()
        until(lambda: gateway.stats()["ingress"]["connections"]["open"] == 0, what="the end of all connections")
        self.assertEqual([line[:3] for line in self.first_lines(gateway, [one, one])], [b"220", b"220"])

    def test_of_the_proxy(self):
        """proxy_count_by = proxy: Exim's way, judged before the header is read."""
        gateway = self.gateway("hosts_proxy = 127.0.0.1\nsmtp_accept_max_per_host = 2\nproxy_count_by = proxy\n", command="ingress")
        lines = list(self.first_lines(gateway, [v1(("192.0.2.1", 1)), v1(("192.0.2.2", 1)), b""]))
        self.assertEqual([line[:3] for line in lines], [b"220", b"220", b"421"])
        gateway.wait_for_log(r"Connection from \[127\.0\.0\.1\] refused: too many connections from that IP address")

    def test_of_all_holds_those_who_say_nothing(self):
        gateway = self.gateway("hosts_proxy = 127.0.0.1\nsmtp_accept_max = 3\nproxy_protocol_timeout = 5m\n", command="ingress")
        silent = [gateway.client(greet=False) for _ in range(3)]
        until(lambda: gateway.stats()["ingress"]["connections"]["open"] == 3, what="three connections")
        self.assertTrue(gateway.client(greet=False).line().startswith(b"421 "))
        silent[0].close()
        until(lambda: gateway.stats()["ingress"]["connections"]["open"] == 2, what="room")


if __name__ == "__main__":
    run_tests()
