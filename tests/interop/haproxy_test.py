#!/usr/bin/env python3
"""A real HAProxy in front: both versions of the PROXY protocol, TLVs with a unique id and a checksum, health checks of its own."""
# ctest: timeout=180

from peers.haproxy import HaProxy
from runner import run_tests
from support.case import GatewayTest
from support.gateway import until
from support.messages import plain
from support.smtp import Client

CLIENT = "127.0.0.77"
PROXY = "127.0.0.88"
ID = r"[0-9a-f]{8}-[0-9a-f-]{27}"
SECTIONS = {
    "one": "send-proxy",
    "two": "send-proxy-v2",
    "tlvs": "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority,ssl",
    "checked-one": "send-proxy check check-send-proxy inter 200",
    "checked-two": "send-proxy-v2 proxy-v2-options crc32c check check-send-proxy inter 200",
}
ACL = """\
acl_check_rcpt:
  deny    domains = facts.example
          message = $sender_host_address:$sender_host_port through $proxy_local_address to $proxy_external_address:$proxy_external_port
  accept
"""


class Front(GatewayTest):
    def setUp(self):
        self.front = self.gateway(f"hosts_proxy = {PROXY}\nlog_selector = +proxy\n", acl=ACL)
        words = {name: f"{words} source {PROXY}" for name, words in SECTIONS.items()}
        self.haproxy = HaProxy(words, self.front.address, self.front.port, self.front.address, extra="unique-id-format %[uuid()]")
        self.enterContext(self.haproxy)

    def client(self, name):
        client = Client(self.front.address, self.haproxy.ports[name], source=CLIENT, helo="client.example.net")
        self.addCleanup(client.close)
        return client

    def test_clients(self):
        for name in SECTIONS:
            with self.subTest(name):
                client = self.client(name)
                client.expect("MAIL FROM:<a@example.net>", 250)
                reply = client.expect("RCPT TO:<b@facts.example>", 550)
                own = "%s:%d" % client.socket.getsockname()
                self.assertTrue(reply.text.endswith(f"{own} through {PROXY} to {self.front.address}:{self.haproxy.ports[name]}"), reply)
                client.expect("RSET", 250)
                message = client.deliver(plain())
                client.quit()
                more = rf' PRXID="{ID}"' if name == "tlvs" else ""
                self.front.wait_for_log(rf" {message} <= .* H=\(client\.example\.net\) \[{CLIENT}\] P=esmtp PRX={PROXY}{more} S=")
        self.front.maildir().wait_for(len(SECTIONS))

    def test_health_checks(self):
        """They are the proxy's own connections, and are answered like any client's."""
        for name in ("checked-one", "checked-two"):
            until(lambda name=name: self.haproxy.state(name)[1] == "L7OK", what=f"a good check of {name}: {self.haproxy.state(name)}")
            self.assertEqual(self.haproxy.state(name), ("UP", "L7OK"))
        self.assertEqual(self.front.stats()["ingress"]["refused"]["proxy_header"], 0)

    def test_without_its_header_it_gets_nowhere(self):
        """The same gateway, with a proxy that was not told to send one."""
        with HaProxy({"bare": f"source {PROXY}"}, self.front.address, self.front.port, self.front.address) as bare:
            client = Client(self.front.address, bare.ports["bare"], source=CLIENT)
            self.addCleanup(client.close)
            self.assert_reply(client.command("EHLO client.example.net"), 503, "required Proxy negotiation failed")


if __name__ == "__main__":
    run_tests()
