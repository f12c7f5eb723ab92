#!/usr/bin/env python3
"""A real Dovecot behind the gateway: LMTP over its UNIX socket (the lmtp transport) and over TCP (the smtp transport)."""
# ctest: timeout=300

import os

from peers.dovecot import Dovecot
from runner import run_tests
from support.case import GatewayTest
from support.gateway import until
from support.maildir import originals_behind_peer, with_lf
from support.messages import corpus, of_size, plain

BOX = "box@example.org"
FULL, BROKEN = "full@example.org", "broken@example.org"
MANY = [f"user{number}@example.org" for number in range(100)]

# What is for sender.example stays here: bounces.
ROUTERS = """\
here:
  driver    = accept
  domains   = sender.example
  transport = local_maildir

store:
  driver    = accept
  transport = store
"""

LOCAL = """\
local_maildir:
  driver         = appendfile
  directory      = {home}/mail/box
  maildir_format
"""

SOCKET = """\
store:
  driver    = lmtp
  socket    = %s
  batch_max = 100
"""

TCP = """\
store:
  driver   = smtp
  protocol = lmtp
  hosts    = %s
  port     = %d
  allow_localhost
"""


class Store:
    """What both ways must do. WHERE is what stands in a log line between the transport's name and the answer."""

    WHERE = ""
    WHO = ""

    def transport(self):
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        cls.peer = Dovecot([BOX, *MANY])
        cls.peer.add_user(FULL, quota=100)
        cls.peer.add_user(BROKEN)
        cls.addClassCleanup(cls.peer.close)
        cls.peer.start()

    def setUp(self):
        for user in self.peer.users:
            for path in self.peer.messages(user):
                os.unlink(path)

    def to_dovecot(self, **more):
        return self.gateway(routers=ROUTERS, transports=LOCAL + self.transport(), **more)

    def taken(self, user):
        """id -> list of what stands behind our Received: field in each copy."""
        return originals_behind_peer(self.peer.messages(user))

    def check(self, gateway, wanted):
        """`wanted`: id -> message. The box has each of them, byte for byte."""
        self.peer.wait_for_messages(BOX, len(wanted), seconds=60)
        gateway.wait_for_log(" Completed$", count=len(wanted))
        found = self.taken(BOX)
        self.assertEqual(sorted(found), sorted(wanted))
        for one, message in wanted.items():
            with self.subTest(id=one, message=message[:100]):
                self.assertEqual(found[one], [with_lf(message)])

    def connections(self):
        return self.peer.log().count(": Connect from ")

    def test_every_shape(self):
        gateway = self.to_dovecot()
        wanted = {}
        with gateway.client(helo="client.example.net") as client:
            for _, message, is_8bit in corpus():
                for bdat in (False, True):
                    wanted[client.deliver(message, parameters=" BODY=8BITMIME" if is_8bit else "", bdat=bdat)] = message
            client.quit()
        self.check(gateway, wanted)
        self.assertTrue(all(" K C=" in line for line in gateway.wait_for_log(" => ")), "Dovecot offers CHUNKING")

    def test_sizes(self):
        gateway = self.to_dovecot()
        wanted = {}
        with gateway.client(helo="client.example.net") as client:
            for size in (300, 4096, 65536, 300_000, (1 << 20) - 1, 1 << 20):
                message = of_size(size)
                wanted[client.deliver(message, parameters=f" SIZE={size}")] = message
        self.check(gateway, wanted)

    def test_a_hundred_recipients_in_one_transaction(self):
        gateway = self.to_dovecot()
        before = self.connections()
        with gateway.client(helo="client.example.net") as client:
            message = client.deliver(plain(), recipients=MANY)
        gateway.wait_for_log(f"{message} Completed$")
        for user in MANY:
            self.assertEqual(self.taken(user), {message: [with_lf(plain())]})
        self.assertEqual(self.connections(), before + 1)
        lines = gateway.wait_for_log(f"{message} [-=]>", count=100)
        self.assertEqual([line.split()[3] for line in lines], ["=>"] + ["->"] * 99)
        for user, line in zip(MANY, lines):  # each with the answer for it
            local_part = user.split("@")[0]
            who = f"{local_part} <{user}>" if self.WHO else user
            self.assertRegex(line, rf"> {who} R=store T=store{self.WHERE} K C=\"250 2\.0\.0 <{user}> \S+ Saved\"$")

    def test_an_unknown_user_among_known_ones(self):
        gateway = self.to_dovecot()
        with gateway.client(helo="client.example.net") as client:
            message = client.deliver(plain(), sender="me@sender.example", recipients=[MANY[0], "nobody@example.org", MANY[1]])
        gateway.wait_for_log(f"{message} Completed$")
        for user in MANY[:2]:
            self.assertEqual(self.taken(user), {message: [with_lf(plain())]})
        gateway.wait_for_log(rf"{message} \*\* nobody@example\.org R=store T=store{self.WHERE}: .* error .*after "
                             r"RCPT TO:<nobody@example\.org>: 550 5\.1\.1 .*doesn't exist")
        bounce, = gateway.maildir().wait_for(1)
        self.assertIn(b"\nX-Failed-Recipients: nobody@example.org\n", b"\n" + bounce.original)
        self.assertIn(b"\nStatus: 5.1.1\n", bounce.original)
        self.assertNotIn(MANY[0].encode(), bounce.original)

    def test_answers_to_the_text_for_each_recipient(self):
        """One box is full, which is for good; one cannot be written to, which is for now."""
        self.peer.set_usable(BROKEN, False)
        gateway = self.to_dovecot(retry="* * F,1h,1s\n")
        with gateway.client(helo="client.example.net") as client:
            message = client.deliver(plain("quota", body="x" * 500 + "\r\n"), sender="me@sender.example",
                                     recipients=[BOX, FULL, BROKEN, MANY[0]])
        gateway.wait_for_log(rf"{message} \*\* full@example\.org R=store T=store{self.WHERE}: LMTP error after end of data: 552 5\.2\.2 ")
        gateway.wait_for_log(rf"{message} == broken@example\.org R=store T=store defer \(-46\){self.WHERE}: LMTP error after end of data: "
                             r"451 4\.")
        bounce, = gateway.maildir().wait_for(1)
        self.assertIn(b"\nX-Failed-Recipients: full@example.org\n", b"\n" + bounce.original)
        for user in (BOX, BROKEN, MANY[0]):
            self.assertNotIn(user.encode(), bounce.original.split(b"text/rfc822-headers")[0])
        self.assertNotIn("Completed", "".join(line for line in gateway.log().splitlines() if message in line))
        self.peer.set_usable(BROKEN, True)
        gateway.wait_for_log(f"{message} Completed$")
        for user in (BOX, MANY[0], BROKEN):
            self.assertEqual(list(self.taken(user)), [message], user)
        self.assertEqual(self.peer.messages(FULL), [])

    def test_one_connection_carries_many_messages(self):
        gateway = self.to_dovecot()
        before = self.connections()
        wanted = {}
        with gateway.client(helo="client.example.net") as client:
            for number in range(30):
                text = plain(f"number {number}")
                wanted[client.deliver(text)] = text
                gateway.wait_for_log(" Completed$", count=number + 1)
        self.check(gateway, wanted)
        # Another one is made when the machine stalls for so long that the first has gone idle.
        self.assertLess(self.connections() - before, 10)

    def test_a_store_that_is_away_for_a_while(self):
        gateway = self.to_dovecot(retry="* * F,1h,1s\n")
        wanted = {}
        with gateway.client(helo="client.example.net") as client:
            wanted[client.deliver(plain("before"))] = plain("before")
            gateway.wait_for_log(" Completed$")
            self.peer.stop()
            for number in range(10):
                text = plain(f"meanwhile {number}")
                wanted[client.deliver(text)] = text
        gateway.wait_for_log(" == ", count=10)
        self.check_refusal(gateway)
        until(lambda: gateway.stats()["delivery"]["queue"]["messages"] == 10, what="ten in the queue")
        self.peer.start()
        self.check(gateway, wanted)

    def check_refusal(self, gateway):
        raise NotImplementedError


class OverASocket(Store, GatewayTest):
    WHO = "local part first"

    def transport(self):
        return SOCKET % self.peer.socket

    def check_refusal(self, gateway):
        gateway.wait_for_log(rf" == box@example\.org R=store T=store defer \(111\): Connection refused: failed to connect to socket {self.peer.socket}$")

    def test_no_such_socket(self):
        gateway = self.gateway(routers=ROUTERS, transports=LOCAL + SOCKET % "/nowhere/lmtp")
        with gateway.client(helo="client.example.net") as client:
            client.deliver(plain())
        gateway.wait_for_log(r" == box@example\.org R=store T=store defer \(2\): No such file or directory: failed to connect to socket "
                             r"/nowhere/lmtp$")

    def test_a_socket_that_may_not_be_written_to(self):
        os.chmod(self.peer.socket, 0o600)
        self.addCleanup(os.chmod, self.peer.socket, 0o666)
        gateway = self.to_dovecot(retry="* * F,1h,1s\n")
        with gateway.client(helo="client.example.net") as client:
            message = client.deliver(plain())
        gateway.wait_for_log(rf" == box@example\.org R=store T=store defer \(13\): Permission denied: failed to connect to socket {self.peer.socket}$")
        os.chmod(self.peer.socket, 0o666)
        self.check(gateway, {message: plain()})

    def test_a_copy_for_each_recipient_unless_told(self):
        """Exim's batch_max is 1; Envelope-to: names who gets the copy."""
        transport = "store:\n  driver = lmtp\n  socket = %s\n  envelope_to_add\n  return_path_add\n" % self.peer.socket
        gateway = self.gateway(routers=ROUTERS, transports=LOCAL + transport)
        with gateway.client(helo="client.example.net") as client:
            client.deliver(plain(), recipients=MANY[:5])
        gateway.wait_for_log(" Completed$")
        for user in MANY[:5]:
            path, = self.peer.messages(user)
            with open(path, "rb") as file:
                data = file.read()
            self.assertIn(b"\nEnvelope-to: %s\nReceived: " % user.encode(), data)


class OverTcp(Store, GatewayTest):
    WHERE = r" H=127\.0\.0\.1 \[127\.0\.0\.1\]\*?"

    def transport(self):
        return TCP % (self.peer.listen, self.peer.port)

    def check_refusal(self, gateway):
        gateway.wait_for_log(r" H=127\.0\.0\.1 \[127\.0\.0\.1\] Connection refused$")


if __name__ == "__main__":
    run_tests()
