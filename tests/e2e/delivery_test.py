#!/usr/bin/env python3
"""What becomes of a message that cannot be handed on at once: refusals, bounces, retries, and what the log says of each."""
# ctest: timeout=240

import email
import email.policy
import os
import re
import subprocess
import threading
import time

from runner import run_tests
from support.case import GatewayTest
from support.gateway import PROGRAM, until
from support.hop import Hop, TRANSPORTS, routers
from support.maildir import with_lf
from support.messages import of_size, plain

DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
ID = r"\w{6}-\w{6}-\w{2}"

LOCAL_ROUTER = """\
local:
  driver    = accept
  domains   = example.org
  transport = local_maildir
"""
LOCAL_TRANSPORT = """\
local_maildir:
  driver         = appendfile
  directory      = {home}/mail/box
  maildir_format
"""


class Delivery(GatewayTest):
    def with_hop(self, hop, main="", retry="* * F,1h,1s\n", **more):
        """Mail for example.org lies in a maildir, all other goes to `hop`."""
        return self.gateway(main, routers=LOCAL_ROUTER + routers(hop), transports=LOCAL_TRANSPORT + TRANSPORTS, retry=retry, **more)

    def send(self, gateway, recipients, sender="sender@example.org", message=None, **more):
        with gateway.client(helo="client.example.net") as client:
            one = client.deliver(message or plain(), sender=sender, recipients=recipients, **more)
            client.quit()
            return one

    def bounce_of(self, gateway, count=1):
        arrived = gateway.maildir().wait_for(count)
        self.assertEqual(len(arrived), count)
        return email.message_from_bytes(arrived[-1].bytes, policy=email.policy.default)

    def test_a_refused_recipient_comes_back(self):
        with Hop(rcpt=lambda address: "550 5.1.1 no such user here" if address.startswith("bad") else None) as hop:
            gateway = self.with_hop(hop)
            message = self.send(gateway, ["good@remote.example", "bad@remote.example"])
            taken, = hop.wait_for(1)
            self.assertEqual(taken.recipients, ["good@remote.example"])
            bounce = self.bounce_of(gateway)
            gateway.wait_for_log(f"{message} Completed")

            self.assertEqual(bounce["X-Failed-Recipients"], "bad@remote.example")
            self.assertEqual(bounce["Auto-Submitted"], "auto-replied")
            self.assertEqual(bounce["To"], "sender@example.org")
            self.assertEqual(bounce.get_content_type(), "multipart/report")
            self.assertIn("no such user here", bounce.as_string())
            self.assertIn("Subject: plain", bounce.as_string())  # what it was about

            log = [line for line in gateway.log().splitlines() if not line.endswith("]")]
            failed, = gateway.wait_for_log(rf"^{DATE} {message} \*\* bad@remote\.example R=peer T=remote_smtp H={hop.address} \[{hop.address}\]: "
                                           r"SMTP error from remote mail server after (pipelined )?RCPT TO:<bad@remote\.example>: "
                                           r"550 5\.1\.1 no such user here$")
            arrival, = gateway.wait_for_log(rf"^{DATE} {ID} <= <> R={message} U=\S+ P=local S=\d+$")
            returned = arrival.split()[2]
            gateway.wait_for_log(rf"^{DATE} {returned} => sender <sender@example\.org> R=local T=local_maildir$")
            gateway.wait_for_log(rf"^{DATE} {returned} Completed$")
            self.assertNotIn("==", "\n".join(log))
            self.assertEqual(gateway.stats()["delivery"]["bounces"], 1)

    def test_refusals_in_each_phase(self):
        for name, options, wanted in [
                ("greeting", {"greeting": "554 5.3.2 not today"}, "554 5.3.2 not today"),
                ("MAIL", {"mail": lambda _: "550 5.7.1 not from you"}, "550 5.7.1 not from you"),
                ("RCPT", {"rcpt": lambda _: "550 5.1.1 nobody"}, "550 5.1.1 nobody"),
                ("end of data", {"end": lambda _: "554 5.6.0 not that"}, "554 5.6.0 not that"),
        ]:
            with self.subTest(name), Hop(**options) as hop:
                gateway = self.with_hop(hop)
                message = self.send(gateway, ["a@remote.example", "b@remote.example"])
                bounce = self.bounce_of(gateway)
                self.assertEqual(sorted(re.split(r",\s*", bounce["X-Failed-Recipients"])), ["a@remote.example", "b@remote.example"])
                self.assertIn(wanted, bounce.as_string())
                gateway.wait_for_log(rf"{message} \*\* [ab]@remote\.example R=peer T=remote_smtp H=.*{re.escape(wanted)}", count=2)
                gateway.wait_for_log(f"{message} Completed")

    def test_unrouteable(self):
        gateway = self.gateway(routers=LOCAL_ROUTER, transports=LOCAL_TRANSPORT)
        message = self.send(gateway, ["someone@nowhere.example", "box@example.org"])
        gateway.wait_for_log(f"{message} Completed")
        arrived = gateway.maildir().wait_for(2)
        self.assertEqual(sorted(one.id == message for one in arrived), [False, True])
        gateway.wait_for_log(rf"^{DATE} {message} \*\* someone@nowhere\.example: Unrouteable address$")
        gateway.wait_for_log(rf"^{DATE} {message} => box <box@example\.org> R=local T=local_maildir$")

    def test_what_a_bounce_says_is_configured(self):
        with Hop(rcpt=lambda address: "550 5.1.1 no such user here") as hop:
            gateway = self.with_hop(hop, "dsn_from = Postmaster for $sender_address_local_part <postmaster@$qualify_domain>\n"
                                         "no_bounce_return_message\n")
            self.send(gateway, ["bad@remote.example"])
            bounce = self.bounce_of(gateway)
            self.assertEqual(bounce["From"], "Postmaster for sender <postmaster@example.org>")
            self.assertEqual([part.get_content_type() for part in bounce.iter_parts()], ["text/plain", "message/delivery-status"])
            self.assertNotIn("Subject: plain", bounce.as_string())

    def test_nobody_is_told_of_a_bounce_that_fails(self):
        gateway = self.gateway(routers=LOCAL_ROUTER, transports=LOCAL_TRANSPORT)
        message = self.send(gateway, ["someone@nowhere.example"], sender="")
        gateway.wait_for_log(f"{message} Completed")
        # A bounce to an address that cannot be reached ends there, too.
        message = self.send(gateway, ["someone@nowhere.example"], sender="nobody@nowhere.example")
        gateway.wait_for_log(f"{message} Completed")
        bounce = gateway.wait_for_log(rf"<= <> R={message} ")[0].split()[2]
        gateway.wait_for_log(f"{bounce} Completed")
        self.assertEqual(gateway.maildir().paths(), [])
        self.assertEqual(gateway.stats()["delivery"]["bounces"], 1)

    def test_a_sender_who_wants_no_report(self):
        gateway = self.gateway(routers=LOCAL_ROUTER, transports=LOCAL_TRANSPORT)
        with gateway.client(helo="client.example.net") as client:
            client.expect("MAIL FROM:<sender@example.org>", 250)
            client.expect("RCPT TO:<someone@nowhere.example> NOTIFY=NEVER", 250)
            message = client.data(plain()).id
        gateway.wait_for_log(f"{message} Completed")
        self.assertEqual(gateway.stats()["delivery"]["bounces"], 0)
        self.assertEqual(gateway.maildir().paths(), [])

    def test_a_temporary_refusal_is_tried_again(self):
        refusals = {"later@remote.example": 2}

        def rcpt(address):
            if refusals.get(address, 0) > 0:
                refusals[address] -= 1
                return "451 4.7.1 come back later"
            return None
        with Hop(rcpt=rcpt) as hop:
            gateway = self.with_hop(hop, retry="* * F,1h,1s\n")
            message = self.send(gateway, ["now@remote.example", "later@remote.example"])
            gateway.wait_for_log(f"{message} Completed")
            self.assertEqual([one.recipients for one in hop.messages], [["now@remote.example"], ["later@remote.example"]])
            self.assertEqual({one.original for one in hop.messages}, {plain()})
            lines = gateway.wait_for_log(rf"^{DATE} {message} == later@remote\.example R=peer T=remote_smtp defer \(-44\) H={hop.address} "
                                         rf"\[{hop.address}\]\*?: SMTP error from remote mail server after (pipelined )?"
                                         r"RCPT TO:<later@remote\.example>: 451 4\.7\.1 come back later$", count=2)
            self.assertEqual(len(lines), 2)
            self.assertEqual(gateway.maildir().paths(), [])

    def test_a_hop_that_is_down_is_tried_by_the_rule(self):
        """The example of the rule: every two seconds. And everything is delivered when the hop is back."""
        hop = Hop()
        gateway = self.with_hop(hop, retry="* * F,1h,2s\n")
        begun = time.monotonic()
        messages = [self.send(gateway, [f"{number}@remote.example"]) for number in range(5)]
        gateway.wait_for_log(rf"^{DATE} {messages[0]} H={hop.address} \[{hop.address}\] Connection refused$")
        gateway.wait_for_log(rf"^{DATE} {messages[0]} == 0@remote\.example R=peer T=remote_smtp defer \(\d+\): Connection refused$")
        until(lambda: gateway.stats()["delivery"]["queue"]["messages"] == 5, what="five messages in the queue")
        until(lambda: gateway.stats()["delivery"]["queue"]["oldest_age_s"] >= 2, what="some age")
        down = time.monotonic() - begun
        with hop:
            taken = hop.wait_for(5)
            self.measured(f"down for {down:.1f} s, everything delivered {time.monotonic() - begun - down:.1f} s later, "
                          f"{hop.connections} connections")
            self.assertEqual(sorted(one.id for one in taken), sorted(messages))
            for message in messages:
                gateway.wait_for_log(f"{message} Completed")
            until(lambda: gateway.stats()["delivery"]["queue"]["messages"] == 0, what="an empty queue")
            self.assertEqual(len(hop.messages), 5)

    def test_the_rule_has_an_end(self):
        hop = Hop()
        gateway = self.with_hop(hop, retry="* * F,2s,1s\n")
        message = self.send(gateway, ["a@remote.example"])
        bounce = self.bounce_of(gateway)
        self.assertIn("retry timeout exceeded", bounce.as_string())
        gateway.wait_for_log(rf"^{DATE} {message} \*\* a@remote\.example: retry timeout exceeded$")
        gateway.wait_for_log(f"{message} Completed")

    def test_without_a_rule_the_first_failure_is_the_last(self):
        hop = Hop()
        gateway = self.with_hop(hop, retry="other.example * F,1h,1s\n")
        message = self.send(gateway, ["a@remote.example"])
        self.bounce_of(gateway)
        gateway.wait_for_log(f"{message} Completed")

    def test_the_retry_survives_a_restart(self):
        hop = Hop()
        gateway = self.with_hop(hop, retry="* * F,1h,1s\n")
        message = self.send(gateway, ["a@remote.example", "b@remote.example"])
        gateway.wait_for_log(f"{message} == ", count=2)
        gateway.stop()
        with hop:
            gateway.start()
            taken, = hop.wait_for(1)
            self.assertEqual((taken.id, sorted(taken.recipients)), (message, ["a@remote.example", "b@remote.example"]))
            gateway.wait_for_log(f"{message} Completed")

    def test_mail_of_a_shard_that_is_gone(self):
        """Fewer processors than last time: what their shards accepted is delivered all the same."""
        processors = sorted(os.sched_getaffinity(0))
        if len(processors) < 2:
            self.skipTest("wants two processors")
        hop = Hop()
        gateway = self.with_hop(hop)
        messages = [self.send(gateway, ["a@remote.example"]) for _ in range(20)]
        shards = {message[7:9] for message in messages}
        self.assertGreater(len(shards), 1, messages)
        gateway.stop()
        gateway.prefix = ["taskset", "--cpu-list", str(processors[0])]
        with hop:
            gateway.start()
            self.assertEqual(gateway.stats()["ingress"]["shards"], 1)
            self.assertEqual(sorted(one.id for one in hop.wait_for(20)), sorted(messages))
            for message in messages:
                gateway.wait_for_log(f"{message} Completed")
            self.assertEqual(len(hop.messages), 20)

    def test_the_halves_on_their_own(self):
        """As two services, in any order, without `run` between them."""
        gateway = self.gateway(command="ingress")
        deliver = subprocess.Popen([PROGRAM, "deliver", "-c", gateway.config_path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            begun = time.monotonic()
            message = self.send(gateway, ["box@example.org"])
            arrived, = gateway.maildir().wait_for(1)
            self.measured(f"delivered after {time.monotonic() - begun:.2f} s")
            self.assertEqual(arrived.id, message)
            gateway.wait_for_log(f"{message} Completed")
            # Ingress is away: delivery goes on by itself, and both find each other again.
            gateway.kill9("ingress")
            gateway.start()
            again = self.send(gateway, ["box@example.org"])
            gateway.wait_for_log(f"{again} Completed")
        finally:
            deliver.terminate()
            self.assertEqual(deliver.wait(20), 0)

    def test_the_spool_does_not_grow(self):
        """Segments that are delivered are used again."""
        gateway = self.gateway(mail_in="/dev/shm")
        message = of_size(1 << 20)
        sizes = []
        with gateway.client(helo="client.example.net") as client:
            for _ in range(200):
                client.deliver(message)
                if _ % 20 == 19:
                    client.expect("RSET", 250)
                    arrived = gateway.maildir().paths()
                    for path in arrived:
                        os.unlink(path)
                    sizes.append(self.disk_bytes(gateway.path("spool")) >> 20)
        gateway.wait_for_log(" Completed$", count=200)
        self.measured(f"MiB on the disk while 200 MiB passed through: {sizes}")
        self.assertLess(max(sizes), 160)
        self.assertEqual(gateway.stats()["ingress"]["messages"]["accepted"], 200)

    @staticmethod
    def disk_bytes(path):
        total = 0
        for folder, _, names in os.walk(path):
            for name in names:
                try:
                    total += os.stat(os.path.join(folder, name)).st_blocks * 512
                except FileNotFoundError:
                    pass
        return total

    def test_what_was_delivered_is_not_delivered_again_after_a_restart(self):
        refused = threading.Event()

        def rcpt(address):
            return "451 4.7.1 later" if address.startswith("later") and not refused.is_set() else None
        with Hop(rcpt=rcpt) as hop:
            gateway = self.with_hop(hop, retry="* * F,1h,1s\n")
            message = self.send(gateway, ["now@remote.example", "later@remote.example", "box@example.org"])
            gateway.wait_for_log(f"{message} => now@")
            gateway.wait_for_log(f"{message} => box ")
            gateway.wait_for_log(f"{message} == later@")
            for way in (gateway.stop, lambda: gateway.kill9("run")):
                way()
                gateway.start()
                gateway.wait_for_log(f"{message} == later@", count=len(re.findall("== later@", gateway.log())) + 1)
            refused.set()
            gateway.wait_for_log(f"{message} Completed")
            self.assertEqual([one.recipients for one in hop.messages], [["now@remote.example"], ["later@remote.example"]])
            self.assertEqual(len(gateway.maildir().paths()), 1)

    def test_a_hop_that_hangs_up(self):
        """Instead of any of its replies: the message is tried again."""
        for where in ("mail", "rcpt", "end"):
            drops = ["drop"]
            with self.subTest(where), Hop(**{where: lambda _: drops.pop() if drops else None}) as hop:
                gateway = self.with_hop(hop)
                message = self.send(gateway, ["a@remote.example"])
                gateway.wait_for_log(f"{message} Completed")
                self.assertEqual(len(hop.messages), 1)
                self.assertGreaterEqual(hop.connections, 2)

    def test_the_next_host_of_the_list(self):
        down = Hop()
        with Hop() as hop:
            router = routers(hop).replace(f"route_list = * {hop.address}::{hop.port}",
                                          f"route_list = * {down.address}::{down.port}:{hop.address}::{hop.port}")
            gateway = self.gateway(routers=router, transports=TRANSPORTS)
            message = self.send(gateway, ["a@remote.example"])
            hop.wait_for(1)
            gateway.wait_for_log(rf"{message} H={down.address} \[{down.address}\] Connection refused")
            gateway.wait_for_log(rf"{message} => a@remote\.example ")
            gateway.wait_for_log(f"{message} Completed")

    def test_a_maildir_that_cannot_be_written(self):
        """A disk or a directory in trouble defers; nothing is lost over it."""
        gateway = self.gateway()
        obstacle = gateway.path("mail", "box")
        with open(obstacle, "w", encoding="utf-8") as file:
            file.write("not a directory")
        message = self.send(gateway, ["box@example.org"])
        gateway.wait_for_log(rf"^{DATE} {message} == box@example\.org R=mailbox T=local_maildir defer \(\d+\): .*")
        os.unlink(obstacle)
        arrived, = gateway.maildir().wait_for(1)
        self.assertEqual((arrived.id, arrived.original), (message, with_lf(plain())))
        gateway.wait_for_log(f"{message} Completed")

    def test_slow_hops_do_not_hold_up_others(self):
        release = threading.Event()

        def slow(_):
            release.wait(30)
        with Hop(end=slow) as tortoise, Hop() as hare:
            gateway = self.gateway(routers=routers(tortoise, "slow", "slow.example") + routers(hare), transports=TRANSPORTS)
            held = [self.send(gateway, [f"{number}@slow.example"]) for number in range(60)]
            begun = time.monotonic()
            quick = [self.send(gateway, [f"{number}@quick.example"]) for number in range(20)]
            for message in quick:
                gateway.wait_for_log(f"{message} Completed")
            self.measured(f"20 messages passed 60 that were stuck within {time.monotonic() - begun:.2f} s")
            self.assertEqual(tortoise.messages, [])
            release.set()
            for message in held:
                gateway.wait_for_log(f"{message} Completed")
            self.assertEqual(sorted(one.id for one in tortoise.messages), sorted(held))


if __name__ == "__main__":
    run_tests()
