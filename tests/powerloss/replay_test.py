#!/usr/bin/env python3
"""Power is cut while the gateway runs at full load: whatever the disk kept of what was not flushed, nothing that was answered 250 is
missing.

The gateway runs with its spool, its journal and its maildir on a disk that records every write and flush in order
(support/recorded_disk.py). Then the disk is built again as a loss of power at a flush would leave it, with a random part of what was
not yet flushed. The gateway starts on that, and delivers what it finds to another maildir.

A few dozen places on ext4; with POSTERN_FULL=1 as many as POSTERN_POWERLOSS_SECONDS allow (900 for each file system), on ext4 and xfs:
first each flush once. POSTERN_POWERLOSS_SEED chooses the places and what is kept, POSTERN_POWERLOSS_POINTS how many places.
POSTERN_POWERLOSS_KEEP names a folder for the images that showed something wrong.
"""
# ctest: timeout=4000

import collections
import concurrent.futures
import contextlib
import hashlib
import mmap
import os
import random
import re
import shutil
import struct
import tempfile
import threading
import time

from runner import run_tests
from support import recorded_disk
from support.case import GatewayTest
from support.gateway import Gateway, user_of_ones_own, until
from support.load import Load, TOKEN, message_of
from support.maildir import RECEIVED
from support.messages import plain
from support.recorded_disk import Durable, Mount, Record, RecordedDisk, TIED

FULL = os.environ.get("POSTERN_FULL") == "1"
SEED = int(os.environ.get("POSTERN_POWERLOSS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
POINTS = int(os.environ.get("POSTERN_POWERLOSS_POINTS", "0")) or (1_000_000 if FULL else 36)
SECONDS = float(os.environ.get("POSTERN_POWERLOSS_SECONDS", "900" if FULL else "30"))
KEEP = os.environ.get("POSTERN_POWERLOSS_KEEP")

DISK_BYTES = 512 << 20
# Most bytes lie in the segments, so that these fill soon; the largest go to side files where there are such.
SIZES = (0, 2000, 20_000, 200_000, 200_000, 200_000, 200_000, 600_000)
REUSES = 5 if FULL else 2  # that often a segment's file is used again, at least
BACKLOG = 60  # messages accepted and not yet delivered
SEGMENT_HEADER = re.compile(rb"PSTRNSEG.{8}(.{8})", re.S)  # version and note_count, number

# As little as it goes with, so that segments come round soon and a start is quick.
MAIN = "spool_preallocate = 1M\nsmtp_accept_max = 100"

TRANSPORTS = """\
local_maildir:
  driver         = appendfile
  directory      = {box}
  maildir_format
"""


def on_one_processor(number):
    """One shard, so that segments come round soon."""
    return [*TIED, "taskset", "-c", str(sorted(os.sched_getaffinity(0))[number % len(os.sched_getaffinity(0))])]


class PositionedLoad(Load):
    """Also remembers how long the record was, at the most, when each 250 was sent."""

    def __init__(self, gateway, disk, **more):
        super().__init__(gateway, **more)
        self.disk = disk
        self.positions = {}
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def send(self, client, token, source):
        self.may_go_on.wait(10)
        super().send(client, token, source)
        if token in self.accepted:
            self.positions[token] = self.disk.position()

    def stop(self):
        self.stopping.set()
        self.may_go_on.set()
        super().stop()

    def hold_back(self, delivered):
        if len(self.accepted) - delivered < BACKLOG:
            self.may_go_on.set()
        else:
            self.may_go_on.clear()


class Run:
    """What is known of the run that was recorded."""

    def __init__(self, disk, user, begun, ended, load):
        self.kind = disk.kind
        self.user = user
        self.record = Record(disk.record_path)
        self.begun = begun
        self.ended = ended
        self.answered = dict(load.positions)
        self.accepted = dict(load.accepted)
        self.doubtful = set(load.doubtful)
        self.digests = {token: digest(message_of(token, size).replace(b"\r\n", b"\n")) for token, (_, size) in self.accepted.items()}

    def answered_before(self, position):
        return {token for token, at in self.answered.items() if at <= position}


def digest(text):
    return hashlib.blake2b(text, digest_size=16).digest()


def taken_apart(path):
    """(token, id, digest of the text behind our Received: field); None for what is no message of ours, or not whole."""
    with open(path, "rb") as file:
        data = file.read()
    received = RECEIVED.match(data)
    token = received and TOKEN.search(data, received.end())
    return (token.group(1).decode(), received.group(1).decode(), digest(data[received.end():])) if token else None


def in_maildir(folder):
    try:
        names = os.listdir(os.path.join(folder, "new"))
    except FileNotFoundError:
        return []
    return [taken_apart(os.path.join(folder, "new", name)) for name in names]


class PowerLoss(GatewayTest):
    def work_folder(self):
        """Memory where there is enough of it."""
        def room(folder):
            return shutil.disk_usage(folder).free if os.path.isdir(folder) else 0
        where = "/dev/shm" if room("/dev/shm") > 6 * DISK_BYTES else "/var/tmp"
        folder = tempfile.mkdtemp(prefix="postern-powerloss.", dir=where)
        os.chmod(folder, 0o755)
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    # The run that is recorded.

    def recorded_run(self, kind):
        why_not = recorded_disk.missing(kind)
        if why_not:
            self.skipTest(why_not)
        self.folder = self.work_folder()
        user = user_of_ones_own()
        with RecordedDisk(kind, self.folder, DISK_BYTES) as disk:
            self.check_flushes(disk)
            for name in ("", "mail"):
                os.makedirs(os.path.join(disk.mounted, name), exist_ok=True)
                os.chown(os.path.join(disk.mounted, name), user[1], user[2])
            os.sync()
            begun = disk.position()
            box = os.path.join(disk.mounted, "mail/box")
            with Gateway(main=f"spool_directory = {disk.mounted}/spool\n{MAIN}", user=user, prefix=on_one_processor(0),
                         transports=TRANSPORTS.format(box=box)) as gateway:
                load = PositionedLoad(gateway, disk, clients=6, seed=SEED, sizes=SIZES).start()
                numbers = collections.defaultdict(set)  # inode -> the segments it has been
                until(lambda: self.is_long_enough(disk, load, box, numbers), seconds=120, what="segments that come round again")
                load.stop()
                stats = gateway.stats()
                until(lambda: gateway.stats()["delivery"]["queue"]["messages"] == 0, seconds=60, what="an empty queue")
                gateway.stop()
                ended = disk.position()
                self.assertEqual(gateway.log("panic"), "")
        run = Run(disk, user, begun, ended, load)
        self.assertEqual(load.refused, [])
        self.measured(f"{kind}, seed {SEED} (POSTERN_POWERLOSS_SEED): {len(run.answered)} messages answered 250, "
                      f"{stats['delivery']['messages']['completed']} delivered by the last of them; {len(run.record.entries)} entries, "
                      f"{len(run.record.flushes)} of them flushes; {self.check_reuse(run.record)} times a segment's file was used again")
        return run

    def is_long_enough(self, disk, load, box, numbers):
        try:
            delivered = len(os.listdir(os.path.join(box, "new")))
        except FileNotFoundError:
            delivered = 0
        load.hold_back(delivered)
        if load.failures:
            raise load.failures[0]
        if load.refused:
            raise RuntimeError(f"refused: {load.refused[0]!r}; is the disk too small?")
        spool = os.path.join(disk.mounted, "spool/ingress/00")
        for folder in (spool, spool + "/free"):
            with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".seg"):
                        numbers[entry.inode()].add(int(entry.name[:-4], 16))
        return sum(len(each) - 1 for each in numbers.values()) >= REUSES

    def check_flushes(self, disk):
        """That the disk is told of a synchronous write before whoever made it."""
        path = os.path.join(disk.mounted, "probe")
        memory = mmap.mmap(-1, recorded_disk.BLOCK)
        mark = b"synchronous write "
        memory[:len(mark)] = mark
        with open(path, "wb") as file:
            file.write(bytes(1 << 20))
            os.fsync(file.fileno())
        file = os.open(path, os.O_RDWR | os.O_DIRECT)
        try:
            before = disk.position()
            os.pwritev(file, [memory], 0, os.RWF_DSYNC)
            after = disk.position()
        finally:
            os.close(file)
            os.remove(path)
        record = Record(disk.record_path)
        written = [index for index, _, _ in record.writes_with(mark)]
        self.assertEqual(len(written), 1)
        self.assertTrue(before <= written[0] and record.is_flushed(written[0], after), "completed before it was flushed")

    def check_answers(self, run):
        """That each message was written and flushed before its 250 was read."""
        unproven = set(run.answered)
        for index, _, found in run.record.writes_with(rb"Subject: token (\S+)\r\n"):
            token = found[1].decode()
            if token in unproven and run.record.is_flushed(index, run.answered[token]):
                unproven.remove(token)
        self.assertEqual(sorted(unproven), [], "answered 250 before they were flushed")

    def check_reuse(self, record):
        """How often a segment began where another had been: in a file that was handed back."""
        numbers = collections.defaultdict(set)
        for _, place, found in record.writes_with(SEGMENT_HEADER):
            if place % recorded_disk.BLOCK == 0:
                numbers[place].add(struct.unpack("<Q", found[1])[0])
        again = sum(len(found) - 1 for found in numbers.values())
        self.assertGreaterEqual(again, REUSES, f"which place on the disk has been which segments: {dict(numbers)}")
        return again

    # Power comes back.

    def start_on(self, run, image, number, end):
        """Starts the gateway on a disk; what is wrong, and figures."""
        answered = run.answered_before(end)
        problems = []
        with Mount(run.kind, image, f"{self.folder}/replay.{number}") as disk, contextlib.closing(
                Gateway(main=f"spool_directory = {disk.folder}/spool\n{MAIN}", user=run.user,
                        prefix=on_one_processor(number), mail_in="/dev/shm",
                        transports=TRANSPORTS.format(box="{home}/mail/box"))) as gateway:
            fresh = self.drained(gateway, problems)
            before = in_maildir(os.path.join(disk.folder, "mail/box"))
            kept = {one[0] for one in before if one and one[2] == run.digests.get(one[0])}
            twice = self.check_arrived(run, fresh, kept, answered, problems)
            told = set(re.findall(r"(\S+) possible duplicate", gateway.log()))
            untold = sorted(token for token in twice if run.accepted.get(token, ("", 0))[0] not in told)
            if untold:
                problems.append(f"{len(untold)} were delivered twice, and not logged as possible duplicates: {untold[:5]}")
            self.check_words(gateway, problems)
        return problems, {"twice": len(twice), "again": len(fresh) - 1}

    def drained(self, gateway, problems):
        """What arrives after a start. The probe is behind all that was found."""
        try:
            gateway.start()
            with gateway.client(helo="client.example.net") as client:
                probe = client.deliver(plain("token probe"))
            box = os.path.join(gateway.home, "mail/box")
            until(lambda: f"{probe} Completed" in gateway.log(), seconds=60, what="the probe")
            until(lambda: gateway.stats()["delivery"]["queue"]["messages"] == 0, seconds=60, what="an empty queue")
            return in_maildir(box)
        except AssertionError as failure:
            problems.append(f"{failure}\n{gateway.describe()}")
            return []

    @staticmethod
    def check_arrived(run, fresh, kept, answered, problems):
        """Tokens of what was delivered before and again."""
        if None in fresh:
            problems.append(f"{fresh.count(None)} files that are no messages")
        arrived = collections.Counter(one[0] for one in fresh if one)
        lost = sorted(answered - set(arrived) - kept)
        if lost:
            problems.append(f"{len(lost)} of {len(answered)} messages answered 250 are missing: {lost[:5]}")
        for token, message, found in filter(None, fresh):
            if token in run.accepted and (message != run.accepted[token][0] or found != run.digests[token]):
                problems.append(f"{token} ({message}) arrived changed")
            if token not in run.accepted and token not in run.doubtful and token != "probe":
                problems.append(f"{token} ({message}) arrived, and was never sent")
        doubled = [token for token, count in arrived.items() if count > 1]
        if doubled:
            problems.append(f"delivered twice after one start: {doubled[:5]}")
        return set(arrived) & kept

    @staticmethod
    def check_words(gateway, problems):
        log = gateway.log()
        damaged = [line for line in log.splitlines() if "spool damage" in line or re.search(r", [1-9]\d* bytes damaged", line)]
        for name, text in (("damage was found", "\n".join(damaged)), ("the panic log", gateway.log("panic")), ("standard error", gateway.stderr())):
            if text:
                problems.append(f"{name}: {text[:1000]}")

    # Places.

    def passes(self, run):
        """Lists of (index of the flush that power cuts off, seed), each list in order; first every flush once."""
        flushes = run.record.flushes
        ends = [index for index, flush in enumerate(flushes) if index > 0 and run.begun < flushes[index - 1] and flush <= run.ended]
        source = random.Random(SEED)
        if POINTS < len(ends):
            step = len(ends) / POINTS
            yield [(ends[int((number + source.random()) * step)], source.getrandbits(32)) for number in range(POINTS)]
            return
        # Whatever there is time for is spread over the whole run.
        stride = 16
        while True:
            for first in source.sample(range(stride), stride):
                yield [(end, source.getrandbits(32)) for end in ends[first::stride]]

    @staticmethod
    def chooser(seed):
        """Nothing of what was in flight, all of it, or (mostly) for each block by itself."""
        source = random.Random(seed)
        kind = source.choice(("none", "all") + ("random",) * 6)
        return {"none": lambda count: 0, "all": lambda count: count - 1, "random": source.randrange}[kind]

    def replay(self, run):
        workers = len(os.sched_getaffinity(0))
        deadline = time.monotonic() + SECONDS
        figures = collections.Counter()
        failures = []
        seen = set()
        free = list(range(workers))
        running = {}

        def collect(when):
            done, _ = concurrent.futures.wait(running, return_when=when)
            for future in done:
                number, end, seed, image = running.pop(future)
                free.append(number)
                try:
                    problems, found = future.result()
                except OSError as failure:
                    problems, found = [f"the disk: {failure}"], {}
                figures.update(found)
                if problems:
                    failures.append(f"entry {end} of the record, seed {seed}: " + "; ".join(problems))
                    if KEEP:
                        shutil.copy(image, os.path.join(KEEP, f"{end}.{seed}"))

        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for points in self.passes(run):
                durable = Durable(run.record, f"{self.folder}/durable", DISK_BYTES)
                for index, seed in points:
                    if not free:
                        collect(concurrent.futures.FIRST_COMPLETED)
                    if time.monotonic() > deadline or len(failures) > 3:
                        break
                    number = free.pop()
                    end = run.record.flushes[index]
                    durable.go_to(run.record.flushes[index - 1])
                    image = f"{self.folder}/image.{number}"
                    blocks, kept = durable.image(image, end, self.chooser(seed))
                    figures.update(points=1, blocks=blocks, kept=kept)
                    seen.add(end)
                    running[pool.submit(self.start_on, run, image, number, end)] = (number, end, seed, image)
                durable.disk.close()
                if POINTS < len(run.record.flushes) or time.monotonic() > deadline or len(failures) > 3:
                    break
            while running:
                collect(concurrent.futures.FIRST_COMPLETED)
        self.measured(f"power cut {figures['points']} times at {len(seen)} of {len(run.record.flushes)} flushes; of {figures['blocks']} blocks in "
                      f"flight {figures['kept']} were kept; {figures['again']} messages delivered afterwards, {figures['twice']} of them for "
                      "the second time, all logged as possible duplicates")
        self.assertEqual(failures, [], "\n\n".join(failures))
        self.assertGreater(figures["points"], 0, "there was no time for any")

    def check_that_loss_is_found(self, run, count=3):
        """Takes a block away that was flushed: the harness must see it. Messages that were not yet delivered at their 250 are chosen."""
        found = 0
        for token in random.Random(SEED).sample(sorted(run.answered), len(run.answered)):
            end = run.answered[token]
            if end > run.ended:
                continue
            line = re.escape(f"Subject: token {token}".encode())
            written = [place for index, place, _ in run.record.writes_with(line + b"\r\n") if index < end]
            is_delivered = any(index < end for index, _, _ in run.record.writes_with(line + b"\n"))
            if len(written) != 1 or is_delivered:
                continue
            durable = Durable(run.record, f"{self.folder}/durable", DISK_BYTES)
            durable.go_to(end)
            block = written[0] // recorded_disk.BLOCK * recorded_disk.BLOCK
            durable.disk[block:block + recorded_disk.BLOCK] = bytes(recorded_disk.BLOCK)
            durable.image(f"{self.folder}/image.0", end, lambda versions: 0)
            durable.disk.close()
            problems, _ = self.start_on(run, f"{self.folder}/image.0", 0, end)
            self.assertRegex("; ".join(problems), rf"\d+ of \d+ messages answered 250 are missing:.*'{re.escape(token)}'",
                             "a block was taken away, and nobody missed it")
            found += 1
            if found == count:
                break
        self.assertEqual(found, count)
        self.measured(f"{found} blocks taken away after their flush, all missed")

    def both(self, kind):
        run = self.recorded_run(kind)
        self.check_answers(run)
        self.check_that_loss_is_found(run)
        self.replay(run)

    def test_on_ext4(self):
        self.both("ext4")

    def test_on_xfs(self):
        if not FULL:
            self.skipTest("only with POSTERN_FULL=1")
        self.both("xfs")


if __name__ == "__main__":
    recorded_disk.own_mounts()
    run_tests()
