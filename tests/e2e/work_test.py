#!/usr/bin/env python3
"""What a message costs the running ingress in system calls, synchronous writes, allocations and copies, at 100 pipelined connections.

Counts, not times: they say the same on a busy machine. System calls are counted by the kernel (perf), of all threads, and compared with
those of postern-limit in rounds side by side; the rest is what ingress counts of itself.
"""
# ctest: timeout=400 alone

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import unittest

from runner import run_tests
from support.case import GatewayTest
from support.gateway import PROGRAM, free_port, is_listening, until

TREE = os.environ.get("POSTERN_BINARY_DIR", os.path.dirname(PROGRAM))
LOAD = os.path.join(TREE, "postern-load")
LIMIT = os.path.join(TREE, "postern-limit")
ROUNDS = 5
MESSAGES = 20_000
CONNECTIONS = 100

SERVER_CPU, CLIENT_CPU = (sorted(os.sched_getaffinity(0)) * 2)[:2]


def can_count_system_calls():
    if not shutil.which("perf"):
        return False
    done = subprocess.run(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "true"], capture_output=True, text=True)
    return done.returncode == 0 and any(line[:1].isdigit() and "raw_syscalls" in line for line in done.stderr.splitlines())


class SystemCalls:
    """Of one process with all its threads, while the block runs."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        self.perf = subprocess.Popen(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", str(self.pid)],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        until(lambda: os.path.exists(f"/proc/{self.perf.pid}/fd") and len(os.listdir(f"/proc/{self.perf.pid}/fd")) > 4, what="perf")
        time.sleep(0.2)
        return self

    def __exit__(self, *_):
        self.perf.send_signal(2)
        lines = self.perf.communicate()[1].splitlines()
        self.count = sum(int(line.split(",")[0]) for line in lines if line[:1].isdigit() and "raw_syscalls" in line)


class Work(GatewayTest):
    PREALLOCATE = 256 << 20

    def ingress(self, main=""):
        return self.gateway(f"{main}spool_preallocate = {self.PREALLOCATE >> 20}M\n", command="ingress",
                            prefix=["taskset", "--cpu-list", str(SERVER_CPU)])

    def send(self, address, port, *options, count=MESSAGES, size=2048):
        done = subprocess.run([LOAD, "--quiet", "--json", "--cpu", str(CLIENT_CPU), "-c", str(CONNECTIONS), "-n", str(count), "-s",
                               str(size), *options, f"{address}:{port}"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        figures = json.loads(done.stdout)
        self.assertEqual(figures["total"]["accepted"], count, figures)
        return figures

    def work(self, gateway, *options, count=MESSAGES, size=2048):
        """Per message or byte, once warm."""
        self.send(gateway.address, gateway.port, *options, count=max(count // 4, CONNECTIONS), size=size)
        before = gateway.stats()["ingress"]
        self.send(gateway.address, gateway.port, *options, count=count, size=size)
        after = gateway.stats()["ingress"]

        def grown(*names):
            values = []
            for figures in (after, before):
                for name in names:
                    figures = figures[name]
                values.append(figures)
            return values[0] - values[1]
        self.assertEqual(grown("messages", "accepted"), count)
        return {"allocations": grown("heap", "allocations") / count,
                "synchronous writes": grown("spool", "batches") / count,
                "copied early": grown("copied_bytes") / grown("messages", "bytes"),
                "in records": grown("spool", "record_bytes") / grown("messages", "bytes"),
                "large": grown("large_messages", "files")}

    def show(self, name, work):
        self.measured(f"{name}: " + ", ".join(f"{value:.4f} {what}" for what, value in work.items()))

    def test_small_messages(self):
        work = self.work(self.ingress())
        self.show("2 KiB", work)
        self.assertLessEqual(work["synchronous writes"], 0.05)
        self.assertLessEqual(work["allocations"], 1)
        self.assertEqual(work["copied early"], 0)

    def test_messages_in_records_are_copied_once(self):
        gateway = self.ingress()
        for size in (2048, 20_000, 64 * 1024):
            work = self.work(gateway, count=2000, size=size)
            self.show(f"{size} bytes", work)
            # Encoding is the one copy: what a record holds of the text is the text, and nothing was copied before.
            self.assertEqual(work["copied early"], 0)
            self.assertEqual(work["large"], 0)
            self.assertLessEqual(work["in records"], 1 + 600 / size)

    def test_large_messages_are_hardly_copied(self):
        gateway = self.ingress()
        for size in (512 * 1024, 2 << 20):
            work = self.work(gateway, count=200, size=size)
            self.show(f"{size} bytes", work)
            self.assertEqual(work["large"], 200)
            self.assertLessEqual(work["copied early"] + work["in records"], 0.1)

    def test_allocations_are_counted(self):
        """A connection asks the allocator for some two dozen pieces of memory, most of which the thread's cache serves again and again."""
        work = self.work(self.ingress(), "-m", "1", count=2000)
        self.show("one message a connection", work)
        self.assertGreater(work["allocations"], 5)

    def ring_work(self, connections, count):
        """{"plain" or "PROXY": (operations, system calls)} a message, one message a connection."""
        per_message = {}
        for name, main, options in (("plain", "", []), ("PROXY", "hosts_proxy = 127.0.0.0/8\n", ["--proxy", "v2"])):
            gateway = self.ingress(main)
            before = gateway.stats()["ingress"]
            self.send(gateway.address, gateway.port, "-m", "1", "-c", str(connections), *options, count=count)
            after = gateway.stats()["ingress"]
            self.assertEqual(after["refused"]["proxy_header"], 0)
            self.assertGreaterEqual(after["connections"]["accepted"], count)
            per_message[name] = [(after["ring"][what] - before["ring"][what]) / count for what in ("submissions", "enters")]
            gateway.stop()
        self.measured(f"{connections} connections, operations and system calls a message: {per_message}")
        return per_message["plain"], per_message["PROXY"]

    def test_a_proxy_header_costs_no_operation(self):
        """As many operations go to the kernel with a header in front as without."""
        plain, proxied = self.ring_work(CONNECTIONS, MESSAGES // 4)
        self.assertLessEqual(proxied[0], 1.02 * plain[0])

    def test_a_proxy_header_costs_a_lone_connection_one_turn_of_the_loop(self):
        """Nobody else's work shares its turns; docs/life-of-a-message.md says why there is one more."""
        plain, proxied = self.ring_work(1, 500)
        self.assertLessEqual(proxied[0], 1.02 * plain[0])
        self.assertLessEqual(proxied[1], plain[1] + 1.5)

    @unittest.skipUnless(can_count_system_calls(), "perf cannot count system calls here")
    def test_system_calls(self):
        ratios = []
        for _ in range(ROUNDS):
            limit = self.system_calls_of_limit()
            gateway = self.ingress()
            ours = self.system_calls(gateway.process.pid, gateway.address, gateway.port)
            gateway.stop()
            ratios.append(ours / limit)
            self.measured(f"system calls a message: {ours:.3f}, of the limit program {limit:.3f}")
        self.measured(f"median of the ratios: {statistics.median(ratios):.2f}")
        self.assertLessEqual(statistics.median(ratios), 1.25)

    def system_calls(self, pid, address, port):
        self.send(address, port, count=MESSAGES // 4)
        with SystemCalls(pid) as calls:
            self.send(address, port)
        return calls.count / MESSAGES

    def system_calls_of_limit(self):
        port = free_port("127.0.0.1")
        with tempfile.TemporaryDirectory(prefix="postern-test.", dir="/var/tmp") as folder:
            process = subprocess.Popen(["taskset", "--cpu-list", str(SERVER_CPU), LIMIT, "--port", str(port), "--directory", folder],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            try:
                until(lambda: is_listening("127.0.0.1", port), what="the limit program")
                return self.system_calls(process.pid, "127.0.0.1", port)
            finally:
                process.terminate()
                process.wait()


if __name__ == "__main__":
    run_tests()
