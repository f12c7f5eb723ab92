#!/usr/bin/env python3
"""A full disk is told to the client, and nothing that was answered 250 is lost over it."""
# ctest: timeout=180

import os
import subprocess

from runner import run_tests
from support.case import GatewayTest
from support.gateway import until
from support.messages import of_size, plain

LOW = b"452 4.3.1 Space shortage, please try later\r\n"


class Space(GatewayTest):
    def test_more_is_wanted_than_there_can_be(self):
        gateway = self.gateway("check_spool_space = 1000000G\n", command="ingress")
        with gateway.client(helo="client.example.net") as client:
            for _ in range(2):
                self.assertEqual(client.command("MAIL FROM:<a@example.net>").raw, LOW)
            client.expect("RSET", 250)
        figures = gateway.stats()["ingress"]
        self.assertTrue(figures["low_space"])
        self.assertEqual(figures["refused"]["low_space"], 2)
        gateway.wait_for_log(r"H=\(client\.example\.net\) \[127\.0\.0\.1\] temporarily rejected")

    def small_disk(self, gateway, mebibytes):
        """The spool of a gateway that has not been started, on a file system of its own; that folder's path."""
        if os.geteuid() != 0:
            self.skipTest("mounting wants root")
        spool, image = gateway.path("spool"), gateway.path("image")
        os.mkdir(spool)
        with open(image, "wb") as file:
            file.truncate(mebibytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], check=True)
        mounted = subprocess.run(["mount", "-o", "loop", image, spool], capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest("no loop device: " + mounted.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "-l", spool], check=True)
        self.addCleanup(gateway.close)
        os.chown(spool, *gateway.user[1:])
        return spool

    def fill(self, spool, leave):
        """Somebody else takes the room, all but `leave` bytes; the path of the file that does."""
        filler = os.path.join(spool, "filler")
        with open(filler, "wb") as file:
            free = os.statvfs(spool).f_bavail * os.statvfs(spool).f_frsize
            os.posix_fallocate(file.fileno(), 0, free - leave)
        return filler

    def wait_until(self, low, gateway):
        def all_say_so():
            figures = gateway.stats()["ingress"]
            return figures["low_space"] == low and figures["low_space_shards"] == (figures["shards"] if low else 0)
        until(all_say_so, what=f"low_space = {low}")

    def test_a_disk_that_fills_and_empties(self):
        gateway = self.gateway("check_spool_space = 10M\n", command="ingress", start=False)
        spool = self.small_disk(gateway, 384)
        gateway.start()
        with gateway.client(helo="client.example.net") as client:
            client.deliver(of_size(1 << 20))
        self.assertFalse(gateway.stats()["ingress"]["low_space"])

        filler = self.fill(spool, leave=4 << 20)
        self.wait_until(True, gateway)
        with gateway.client(helo="client.example.net") as client:
            self.assertEqual(client.command("MAIL FROM:<a@example.net>").raw, LOW)
            self.assertEqual(client.command("MAIL FROM:<a@example.net> SIZE=1000").raw, LOW)
        gateway.wait_for_log(r"spool space is low: new messages are refused for now \(check_spool_space\)")

        os.truncate(filler, os.path.getsize(filler) - (64 << 20))
        self.wait_until(False, gateway)
        gateway.wait_for_log("spool space is sufficient again")
        with gateway.client(helo="client.example.net") as client:
            client.deliver(plain())

    def test_started_on_a_full_disk(self):
        """It says so to its clients, and takes mail when there is room."""
        gateway = self.gateway(command="ingress", start=False)
        spool = self.small_disk(gateway, 384)
        filler = self.fill(spool, leave=1 << 20)
        gateway.start()
        with gateway.client(helo="client.example.net") as client:
            self.assertEqual(client.command("MAIL FROM:<a@example.net>").raw, LOW)
        self.assertTrue(gateway.stats()["ingress"]["low_space"])
        os.unlink(filler)
        self.wait_until(False, gateway)
        with gateway.client(helo="client.example.net") as client:
            client.deliver(plain())

    def test_messages_until_the_disk_is_full(self):
        """Without any reserve: as many as fit are accepted, the rest is refused with 452 and never with a broken connection."""
        gateway = self.gateway("check_spool_space = 0\n", command="ingress", start=False)
        self.small_disk(gateway, 256)
        gateway.start()
        accepted, refused = [], []
        with gateway.client(helo="client.example.net") as client:
            message = of_size(1 << 20)
            while len(refused) < 3 and len(accepted) < 300:
                reply = client.command("MAIL FROM:<a@example.net>")
                if reply.code == 250:
                    client.expect("RCPT TO:<b@example.org>", 250)
                    reply = client.command("DATA")
                    if reply.code == 354:
                        client.send(message + b".\r\n")
                        reply = client.reply()
                if reply.code == 250:
                    accepted.append(reply.id)
                else:
                    self.assertIn(reply.code, (451, 452), reply)
                    refused.append(reply)
                    client.expect("RSET", 250)
        self.measured(f"{len(accepted)} messages of 1 MiB fitted onto 256 MiB; then {refused[0]!r}")
        self.assertGreater(len(accepted), 20)
        self.assertEqual(gateway.stats()["ingress"]["messages"]["accepted"], len(accepted))


if __name__ == "__main__":
    run_tests()
