#!/usr/bin/env python3
"""What was answered 250 lies in the maildir: every message once for each of its recipients, byte for byte behind what was added."""
# ctest: smoke timeout=240

import re
import threading

from runner import run_tests
from support.case import GatewayTest, SharedGatewayTest
from support.gateway import until
from support.hop import Hop, TRANSPORTS, routers
from support.maildir import with_lf
from support.messages import corpus, eight_bit, header, of_size, plain
from support.smtp import stuffed


class ToMaildir(GatewayTest):
    def check(self, gateway, wanted):
        """`wanted`: id -> (name, message). Everything has arrived, and nothing twice."""
        arrived = gateway.maildir().wait_for(len(wanted))
        gateway.wait_for_log(" Completed$", count=len(wanted))
        until(lambda: gateway.stats()["delivery"]["queue"]["messages"] == 0, what="an empty queue")
        self.assertEqual(len(gateway.maildir().paths()), len(wanted))
        found = gateway.maildir().by_id()
        self.assertEqual(sorted(found), sorted(wanted))
        for message, (name, text) in wanted.items():
            with self.subTest(name, id=message):
                self.assertEqual(len(found[message]), 1)
                self.assertEqual(found[message][0].original, with_lf(text))
        for message in arrived:
            self.assertRegex(message.received.decode(), r"\AReceived: from \[127\.0\.0\.1\] \(helo=client\.example\.net\)\n"
                             r"\tby gateway\.example\.org with esmtp \(Postern \S+\)\n"
                             r"\t\(envelope-from <sender@example\.net>\)\n\tid \S+\n\tfor box@example\.org; ")

    def test_every_shape_in_every_way(self):
        gateway = self.gateway()
        wanted = {}
        for name, message, is_8bit in corpus():
            parameters = " BODY=8BITMIME" if is_8bit else ""
            for way, options in [("DATA", {}), ("DATA in pieces", {"pieces": 997}), ("BDAT", {"bdat": True}),
                                 ("BDAT in chunks", {"chunk": max(len(message) // 7, 1)})]:
                with self.subTest(name, way=way), gateway.client(helo="client.example.net") as client:
                    text = message
                    if not way.startswith("BDAT") and text and not text.endswith(b"\r\n"):
                        text += b"\r\n"  # DATA cannot say otherwise
                    wanted[client.deliver(message, parameters=parameters, **options)] = (f"{name}, {way}", text)
        self.check(gateway, wanted)
        self.measured(f"{len(wanted)} messages")

    def test_cut_at_every_byte(self):
        """A small message whose bytes arrive in two packets, cut at each place; then byte by byte."""
        gateway = self.gateway()
        message = header("cut") + b"..\r\n.\r\nx\r\n\r\n"
        wire = b"DATA\r\n"
        wanted = {}
        with gateway.client(helo="client.example.net") as client:
            body = stuffed(message)
            for at in range(len(body) + 1):
                client.envelope("sender@example.net", ["box@example.org"])
                client.send(wire)
                client.reply()
                client.send(body[:at])
                client.send(body[at:])
                reply = client.reply()
                self.assert_reply(reply, 250)
                wanted[reply.id] = (f"cut at {at}", message)
            wanted[client.deliver(message, pieces=1)] = ("byte by byte", message)
        self.check(gateway, wanted)

    def test_sizes_up_to_the_limit(self):
        gateway = self.gateway()
        wanted = {}
        with gateway.client(helo="client.example.net") as client:
            for size in [200, 2047, 2048, 2049, 4095, 4096, 4097, 32767, 32768, 32769, 65536, 262143, 262144, 262145, (1 << 20) - 1, 1 << 20]:
                for bdat in (False, True):
                    message = of_size(size)
                    self.assertEqual(len(message), size)
                    wanted[client.deliver(message, bdat=bdat)] = (f"{size} bytes, bdat={bdat}", message)
        self.check(gateway, wanted)

    def test_many_clients_at_once(self):
        gateway = self.gateway()
        shapes = [(name, message) for name, message, _ in corpus() if not message or message.endswith(b"\r\n")]
        wanted, errors = {}, []
        lock = threading.Lock()

        def work(number):
            try:
                with gateway.client(helo="client.example.net") as client:
                    for count in range(10):
                        name, message = shapes[(number * 7 + count) % len(shapes)]
                        one = client.deliver(message, bdat=count % 3 == 0)
                        with lock:
                            wanted[one] = (name, message)
                    client.quit()
            except Exception as error:  # shown below
                errors.append(error)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        self.assertEqual(len(wanted), 160)
        self.check(gateway, wanted)

    def test_pipelined_transactions(self):
        """Fifty transactions in one write: each message is its own."""
        gateway = self.gateway()
        wanted = {}
        with gateway.client(helo="client.example.net") as client:
            wire = b""
            for number in range(50):
                text = header(f"number {number}") + b"x" * number + b"\r\n"
                wire += (b"MAIL FROM:<sender@example.net>\r\nRCPT TO:<box@example.org>\r\n" +
                         b"BDAT %d LAST\r\n" % len(text) + text)
            client.send(wire)
            for number in range(50):
                replies = client.replies(3)
                self.assertEqual([reply.code for reply in replies], [250, 250, 250])
                wanted[replies[2].id] = (str(number), header(f"number {number}") + b"x" * number + b"\r\n")
        self.check(gateway, wanted)

    def test_many_recipients(self):
        """A hundred recipients in one transaction: one message, one copy for each of them."""
        gateway = self.gateway(transports="""
local_maildir:
  driver         = appendfile
  directory      = {home}/mail/box
  maildir_format
  envelope_to_add
  return_path_add
  delivery_date_add
""")
        recipients = [f"recipient{number}@example.org" for number in range(100)]
        with gateway.client(helo="client.example.net") as client:
            message = client.deliver(plain(), recipients=recipients)
        arrived = gateway.maildir().wait_for(100)
        gateway.wait_for_log(f"{message} Completed")
        self.assertEqual(len(gateway.maildir().paths()), 100)
        seen = []
        for one in arrived:
            self.assertRegex(one.bytes.decode(), r"(?m)^Return-path: <sender@example\.net>$")
            self.assertRegex(one.bytes.decode(), r"(?m)^Delivery-date: \w{3}, \d{2} ")
            seen.append(re.search(rb"(?m)^Envelope-to: (\S+)$", one.bytes).group(1).decode())
            self.assertTrue(one.bytes.endswith(with_lf(plain())))
        self.assertEqual(sorted(seen), sorted(recipients))
        self.assertEqual(len(gateway.wait_for_log(f"{message} [=-]> ", count=100)), 100)
        self.assertEqual(len(gateway.wait_for_log(f"{message} Completed")), 1)

    def test_internationalized(self):
        gateway = self.gateway()
        message = "From: <ä@exämple.net>\r\nSubject: Grüße\r\n\r\nÄ\r\n".encode()
        with gateway.client(helo="client.example.net") as client:
            one = client.deliver(message, sender="ä@exämple.net", recipients=["ü@example.org"], parameters=" SMTPUTF8 BODY=8BITMIME")
        arrived, = gateway.maildir().wait_for(1)
        self.assertEqual(arrived.original, with_lf(message))
        self.assertIn("with utf8esmtp", arrived.received.decode())
        gateway.wait_for_log(f"{one} <= ä@exämple.net H=.* P=utf8esmtp ")

    def test_header_text_of_ones_own(self):
        for text, wanted in [("received_header_text = Received: by $primary_hostname for $received_for with $received_protocol\n",
                              rb"\AReceived: by gateway\.example\.org for box@example\.org with esmtp; \w{3}, "),
                             ("received_header_text =\n", rb"\AFrom: ")]:
            gateway = self.gateway(text)
            with self.subTest(text), gateway.client(helo="client.example.net") as client:
                client.deliver(plain())
                arrived, = gateway.maildir().wait_for(1)
                self.assertRegex(arrived.bytes, wanted)


class TwoRouters(SharedGatewayTest):
    """The first router that takes an address sends it on."""

    @classmethod
    def setUpClass(cls):
        cls.hop = Hop().start()
        cls.addClassCleanup(cls.hop.stop)
        cls.GATEWAY = {
            "routers": routers(cls.hop, domains="remote.example : *.remote.example") + """\
second:
  driver    = accept
  local_parts = postmaster : abuse
  transport = second_maildir
rest:
  driver    = accept
  transport = local_maildir
""",
            "transports": TRANSPORTS + """\
local_maildir:
  driver         = appendfile
  directory      = {home}/mail/box
  maildir_format
second_maildir:
  driver         = appendfile
  directory      = {home}/mail/deep/below/second
  maildir_format
"""}
        super().setUpClass()

    def test_each_to_its_own(self):
        with self.client(helo="client.example.net") as client:
            message = client.deliver(plain(), recipients=["a@remote.example", "abuse@example.org", "b@sub.remote.example", "c@example.org",
                                                          "abuse@remote.example"])
        taken, = self.hop.wait_for(1)
        self.assertEqual((taken.id, taken.sender), (message, "sender@example.net"))
        self.assertEqual(sorted(taken.recipients), ["a@remote.example", "abuse@remote.example", "b@sub.remote.example"])
        self.assertEqual(taken.original, plain())
        for box in ("box", "deep/below/second"):
            arrived, = self.gateway.maildir(box).wait_for(1)
            self.assertEqual((arrived.id, arrived.original), (message, with_lf(plain())))
        self.gateway.wait_for_log(f"{message} Completed")
        for pattern in [rf"{message} => a@remote\.example R=peer T=remote_smtp H=\S+ \[{self.hop.address}\]",
                        rf"{message} -> b@sub\.remote\.example R=peer T=remote_smtp H=",
                        rf"{message} => abuse <abuse@example\.org> R=second T=second_maildir$",
                        rf"{message} => c <c@example\.org> R=rest T=local_maildir$"]:
            self.gateway.wait_for_log(pattern)


class ToHop(GatewayTest):
    """The smtp transport uses what the next hop offers, and nothing else."""

    def test_what_the_hop_offers_decides_the_form(self):
        for extensions in [("PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "CHUNKING"), ("PIPELINING", "8BITMIME"), ("CHUNKING", "8BITMIME"),
                           ("8BITMIME",)]:
            with self.subTest(extensions), Hop(extensions) as hop:
                gateway = self.gateway(routers=routers(hop), transports=TRANSPORTS)
                wanted = {}
                with gateway.client(helo="client.example.net") as client:
                    for name, message, is_8bit in corpus():
                        parameters = " BODY=8BITMIME" if is_8bit else ""
                        wanted[client.deliver(message, parameters=parameters, bdat=True)] = (name, message)
                taken = hop.wait_for(len(wanted))
                gateway.wait_for_log("Completed", count=len(wanted))
                self.assertEqual(sorted(one.id for one in hop.messages), sorted(wanted))
                for one in taken:
                    name, message = wanted[one.id]
                    if message and not message.endswith(b"\r\n"):
                        message += b"\r\n"
                    self.assertEqual(one.original, message, name)
                    self.assertEqual(one.chunked, "CHUNKING" in extensions)
                    self.assertEqual("SIZE=" in one.parameters, "SIZE" in extensions)
                    self.assertEqual("BODY=8BITMIME" in one.parameters, name == "8 bit")
                self.measured(f"{extensions}: {len(wanted)} messages over {hop.connections} connections")

    def test_connections_are_used_again(self):
        with Hop() as hop:
            gateway = self.gateway(routers=routers(hop), transports=TRANSPORTS)
            with gateway.client(helo="client.example.net") as client:
                for number in range(10):
                    message = client.deliver(plain())
                    gateway.wait_for_log(f"{message} Completed")
            self.assertEqual(hop.connections, 1)
            self.assertEqual(len(gateway.wait_for_log(rf"H={hop.address} \[{hop.address}\]\* K C=", count=9)), 9)

    def test_eight_bits_to_a_hop_that_takes_seven(self):
        """What cannot be sent as it is goes back to its sender, and is not changed."""
        with Hop(("PIPELINING",)) as hop:
            gateway = self.gateway(routers=routers(hop, domains="remote.example") + "rest:\n  driver = accept\n  transport = local_maildir\n",
                                   transports=TRANSPORTS + "local_maildir:\n  driver = appendfile\n  directory = {home}/mail/box\n"
                                                           "  maildir_format\n")
            with gateway.client(helo="client.example.net") as client:
                internationalized = client.deliver(plain(), sender="sender@example.org", recipients=["ü@remote.example"],
                                                   parameters=" SMTPUTF8")
            bounce, = gateway.maildir().wait_for(1)
            self.assertIn(b"Auto-Submitted: auto-replied", bounce.bytes)
            gateway.wait_for_log(rf"{internationalized} \*\* ü@remote\.example R=peer T=remote_smtp")
            self.assertEqual(hop.messages, [])

    def test_eight_bit_bytes_that_nobody_announced(self):
        with Hop() as hop:
            gateway = self.gateway(routers=routers(hop), transports=TRANSPORTS)
            with gateway.client(helo="client.example.net") as client:
                client.deliver(eight_bit())
            self.assertEqual(hop.wait_for(1)[0].original, eight_bit())

    def test_a_hundred_recipients(self):
        with Hop() as hop:
            gateway = self.gateway(routers=routers(hop), transports=TRANSPORTS)
            recipients = [f"recipient{number}@example.org" for number in range(100)]
            with gateway.client(helo="client.example.net") as client:
                message = client.deliver(plain(), recipients=recipients)
            gateway.wait_for_log(f"{message} Completed")
            self.assertEqual(sorted(sum((one.recipients for one in hop.messages), [])), sorted(recipients))
            self.assertEqual({one.original for one in hop.messages}, {plain()})
            self.measured(f"100 recipients in {len(hop.messages)} transactions")
            self.assertEqual(len(gateway.wait_for_log(f"{message} => ")), 1)
            self.assertEqual(len(gateway.wait_for_log(f"{message} -> ", count=99)), 99)


if __name__ == "__main__":
    run_tests()
