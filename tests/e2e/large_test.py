#!/usr/bin/env python3
"""Large messages: through side files, by DATA and BDAT, to a maildir and over SMTP; what a client breaks off leaves nothing behind."""
# ctest: timeout=300

import os
import random
import threading
import zlib

from runner import run_tests
from support.case import GatewayTest
from support.gateway import until
from support.hop import Hop, TRANSPORTS, routers
from support.maildir import with_lf
from support.messages import header
from support.smtp import stuffed

MIB = 1 << 20


def large(size, seed=1):
    """Text with lines of all lengths, dots at line starts, and bytes above 127."""
    source = random.Random(seed)
    block = bytearray()
    while len(block) < 256 * 1024:
        block += (b"." * source.randrange(0, 3) + bytes(source.choices(range(33, 256), k=source.randrange(0, 900)))) + b"\r\n"
    parts = [header(f"large {seed}")]
    length = len(parts[0])
    while length < size:
        # The same line everywhere would hide parts that changed places.
        parts += [b"%016x\r\n" % source.getrandbits(64), bytes(block)]
        length += len(block) + 18
    return b"".join(parts)[:size - 2] .rstrip(b"\r\n") + b"\r\n"


class Large(GatewayTest):
    def side_files(self, gateway):
        found = []
        for folder, _, names in os.walk(gateway.path("spool")):
            if folder.endswith("/large"):
                found += [os.path.join(folder, name) for name in names]
        return found

    def check_arrived(self, gateway, wanted):
        """`wanted`: id -> text."""
        gateway.maildir().wait_for(len(wanted), seconds=60)
        gateway.wait_for_log(" Completed$", count=len(wanted))
        found = gateway.maildir().by_id()
        self.assertEqual(sorted(found), sorted(wanted))
        for message, text in wanted.items():
            arrived, = found[message]
            self.assertEqual(zlib.crc32(arrived.original), zlib.crc32(with_lf(text)))
            self.assertTrue(arrived.original == with_lf(text), message)
        until(lambda: not self.side_files(gateway), what="the removal of all side files")

    def test_50_mib_by_data_and_bdat(self):
        gateway = self.gateway(mail_in="/dev/shm")
        text = large(50 * MIB - 4096)
        with gateway.client(helo="client.example.net") as client:
            wanted = {client.deliver(text, parameters=f" SIZE={len(text)} BODY=8BITMIME"): text,
                      client.deliver(text, chunk=3 * MIB + 17): text}
        figures = gateway.stats()["ingress"]
        self.assertEqual(figures["large_messages"]["files"], 2)
        self.check_arrived(gateway, wanted)
        self.measured(f"writes to side files: {figures['large_messages']['writes']}, bytes: {figures['large_messages']['bytes']}")

    def test_around_the_limit_of_what_a_record_holds(self):
        gateway = self.gateway()
        wanted = {}
        for size in (64 * 1024, 255 * 1024, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 300 * 1024, MIB):
            text = large(size, size)
            for options in ({}, {"bdat": True}, {"parameters": f" SIZE={size}"}, {"chunk": 10_000}):
                with gateway.client(helo="client.example.net") as client:
                    wanted[client.deliver(text, **options)] = text
        self.assertGreater(gateway.stats()["ingress"]["large_messages"]["files"], 4)
        self.check_arrived(gateway, wanted)

    def test_over_smtp_and_after_a_restart(self):
        hop = Hop()
        gateway = self.gateway(transports=TRANSPORTS, routers=routers(hop), retry="* * F,1h,1s\n")
        text = large(3 * MIB)
        with gateway.client(helo="client.example.net") as client:
            message = client.deliver(text, recipients=["a@remote.example", "b@remote.example"], parameters=f" SIZE={len(text)}")
        gateway.wait_for_log(f"{message} == a@remote.example")  # the hop does not listen yet
        self.assertEqual(len(self.side_files(gateway)), 1)
        gateway.stop()
        with hop:
            gateway.start()
            arrived, = hop.wait_for(1)
            self.assertTrue(arrived.original == text)
            gateway.wait_for_log(f"{message} Completed")
        until(lambda: not self.side_files(gateway), what="the removal of the side file")

    def test_what_is_broken_off_or_refused_leaves_nothing(self):
        gateway = self.gateway("message_size_limit = 2M\n")
        text = stuffed(large(3 * MIB))
        with gateway.client(helo="client.example.net") as client:
            client.envelope("sender@example.net", ["box@example.org"])
            client.expect("DATA", 354)
            client.send(text)
            self.assert_reply(client.reply(), 552)  # too large
            client.envelope("sender@example.net", ["box@example.org"])
            client.expect("DATA", 354)
            client.send(text[:MIB])
            until(lambda: self.side_files(gateway), what="a side file")
        until(lambda: not self.side_files(gateway), what="the removal of what was broken off")
        figures = gateway.stats()["ingress"]
        self.assertEqual(figures["large_messages"], {"files": 0, "bytes": 0, "open": 0,
                                                     "writes": figures["large_messages"]["writes"]})
        self.assertEqual(figures["messages"]["accepted"], 0)

    def test_a_kill_leaves_nothing_after_the_next_start(self):
        gateway = self.gateway(mail_in="/dev/shm")
        text = stuffed(large(3 * MIB))
        broken = gateway.client(helo="client.example.net")
        broken.envelope("sender@example.net", ["box@example.org"])
        broken.expect("DATA", 354)
        broken.send(text[:2 * MIB])
        until(lambda: self.side_files(gateway), what="a side file")
        gateway.kill9("ingress")
        gateway.wait_for_log("1 files of large messages that were never taken removed")
        self.assertEqual(self.side_files(gateway), [])

    def test_a_damaged_file_is_kept_and_said(self):
        hop = Hop()
        gateway = self.gateway(transports=TRANSPORTS, routers=routers(hop), retry="* * F,1h,1s\n")
        with gateway.client(helo="client.example.net") as client:
            message = client.deliver(large(MIB))
        gateway.wait_for_log(f"{message} == ")
        path, = self.side_files(gateway)
        gateway.stop()
        with open(path, "r+b") as file:
            file.seek(500_000)
            byte = file.read(1)
            file.seek(500_000)
            file.write(bytes([byte[0] ^ 1]))
        with hop:
            gateway.start()
            gateway.wait_for_log(f"{message} == .*checksum of side file")
            self.assertEqual(hop.messages, [])
        self.assertEqual(self.side_files(gateway), [path])

    def test_many_at_once(self):
        """Far more than a shard may keep in memory."""
        gateway = self.gateway(mail_in="/dev/shm")
        text = large(8 * MIB)
        ids = []

        def send():
            with gateway.client(helo="client.example.net") as client:
                ids.append(client.deliver(text, parameters=f" SIZE={len(text)}"))
        threads = [threading.Thread(target=send) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(ids)), 40)
        self.check_arrived(gateway, dict.fromkeys(ids, text))


if __name__ == "__main__":
    run_tests()
