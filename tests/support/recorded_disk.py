"""A disk that remembers the order of its writes and flushes, and what it may hold after its power was cut.

    with RecordedDisk("ext4", folder, size) as disk:     # root only; see missing()
        ... disk.mounted is a folder on it; disk.position() the length of the record so far ...
    record = Record(disk.record_path)
    for image in ...: record.build(...)

A block is 4 KiB. A write is durable once a flush stands behind it in the record; until then each of its blocks is on the disk or not,
by itself. Mounts are made in the mount namespace that the test has for itself (own_mounts), so that they end with it whatever happens.
"""

import bisect
import mmap
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

BLOCK = 4096
HEAD = struct.Struct("<QQQ")
WRITE, FLUSH, ZEROS = 1, 2, 3

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RECORDER = os.path.join(os.environ.get("POSTERN_BINARY_DIR", os.path.join(ROOT, "build/release")), "block_recorder")
# Whatever is started ends with the thread that started it.
TIED = ["setpriv", "--pdeathsig", "KILL"]

MAKE = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-b", "4096"],
    "xfs": ["mkfs.xfs", "-q", "-f", "-b", "size=4096", "-s", "size=4096"],
}


def own_mounts():
    """Begins the program anew where its mounts are its own. Does nothing where that cannot be; missing() then says so."""
    if os.geteuid() != 0 or os.environ.get("POSTERN_OWN_MOUNTS") or not shutil.which("unshare"):
        return
    if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        os.environ["POSTERN_OWN_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, "-B", *sys.argv])


def missing(kind):
    """Why no such disk can be had here; "" when it can."""
    if os.geteuid() != 0:
        return "mounting needs root"
    if not os.environ.get("POSTERN_OWN_MOUNTS"):
        return "a mount namespace of its own is not allowed (unshare --mount)"
    if not os.path.exists(RECORDER):
        return f"{RECORDER} was not built: libfuse3-dev is missing"
    for program in (MAKE[kind][0], "setpriv"):
        if not shutil.which(program):
            return f"{program} is missing"
    for device in ("/dev/fuse", "/dev/loop-control"):
        if not os.path.exists(device):
            return f"{device} is missing"
    with tempfile.TemporaryDirectory() as folder:
        try:
            with RecordedDisk("ext4", folder, 16 << 20):
                return ""
        except OSError as failure:
            return f"a file system on a loop device over FUSE cannot be mounted: {failure}"


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")


class Mount:
    """The file system in `file`, which a loop device makes a disk of, at `folder`."""

    def __init__(self, kind, file, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        # The loop device goes with the mount. Several images of one disk may be mounted at once.
        run("mount", "-t", kind, "-o", "loop,noatime" + (",nouuid" if kind == "xfs" else ""), file, folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # The kernel lets go of the files of a ring a moment after the process has ended.
        deadline = time.monotonic() + 20
        while subprocess.run(["umount", self.folder], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            if time.monotonic() > deadline:
                run("umount", "--lazy", self.folder)
                raise OSError(f"{self.folder} is still in use")
            time.sleep(0.005)


class RecordedDisk:
    def __init__(self, kind, folder, size):
        self.kind = kind
        self.size = size
        self.image_path = os.path.join(folder, "image")
        self.record_path = os.path.join(folder, "record")
        self.served = os.path.join(folder, "served")
        self.mounted = os.path.join(folder, "mounted")
        self.recorder = None
        self.mount = None
        self.position_file = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    def start(self):
        with open(self.image_path, "wb") as image:
            image.truncate(self.size)
        os.makedirs(self.served, exist_ok=True)
        self.recorder = subprocess.Popen([*TIED, RECORDER, self.served, self.image_path, self.record_path], stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True)
        said = self.recorder.stdout.readline()
        if said != "ready\n":
            raise OSError(f"block_recorder: {said}{self.recorder.stdout.read()}")
        run(*MAKE[self.kind], os.path.join(self.served, "device"))
        self.position_file = os.open(os.path.join(self.served, "position"), os.O_RDONLY)
        self.mount = Mount(self.kind, os.path.join(self.served, "device"), self.mounted)
        return self

    def position(self):
        """What completed before this call stands before that place in the record."""
        return int(os.pread(self.position_file, 32, 0))

    def stop(self):
        if self.mount:
            mount, self.mount = self.mount, None
            mount.__exit__()
        if self.position_file is not None:
            os.close(self.position_file)
            self.position_file = None
        if self.recorder:
            subprocess.run(["umount", self.served], stderr=subprocess.DEVNULL, check=False)
            try:
                self.recorder.wait(20)
            finally:
                self.recorder.kill()
                self.recorder.wait()
                self.recorder.stdout.close()
                self.recorder = None


class Record:
    """What was done to the disk. `entries` are (kind, offset, length, where the bytes lie)."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        self.entries = []
        at = 0
        while at < len(self.bytes):
            kind, offset, length = HEAD.unpack_from(self.bytes, at)
            at += HEAD.size
            self.entries.append((kind, offset, length, at))
            if kind == WRITE:
                at += length
        self.flushes = [index for index, entry in enumerate(self.entries) if entry[0] == FLUSH]
        self.starts = [entry[3] for entry in self.entries]

    def blocks(self, entry):
        """(offset on the disk, bytes) of each block of an entry."""
        kind, offset, length, at = entry
        if kind == FLUSH:
            return
        for done in range(0, length, BLOCK):
            count = min(BLOCK, length - done)
            yield offset + done, self.bytes[at + done:at + done + count] if kind == WRITE else bytes(count)

    def writes_with(self, pattern):
        """The writes whose bytes match, in order: (index, where on the disk the match stands, the match)."""
        for match in re.finditer(pattern, self.bytes):
            index = bisect.bisect_right(self.starts, match.start()) - 1
            kind, offset, length, start = self.entries[index]
            if kind == WRITE and match.end() <= start + length:
                yield index, offset + match.start() - start, match

    def is_flushed(self, index, position):
        """Whether a flush stands behind that entry and before `position`."""
        behind = bisect.bisect_right(self.flushes, index)
        return behind < len(self.flushes) and self.flushes[behind] < position


class Durable:
    """What is on the disk for certain, at places further and further on in the record."""

    def __init__(self, record, path, size):
        self.record = record
        self.path = path
        self.applied = 0
        with open(path, "wb+") as file:
            file.truncate(size)
            self.disk = mmap.mmap(file.fileno(), size)

    def go_to(self, position):
        """All entries before `position`."""
        for kind, offset, length, at in self.record.entries[self.applied:position]:
            if kind == WRITE:
                self.disk[offset:offset + length] = self.record.bytes[at:at + length]
            elif kind == ZEROS:
                self.disk[offset:offset + length] = bytes(length)
        self.applied = max(self.applied, position)

    def image(self, path, end, choose):
        """Writes to `path` what the disk may hold when power goes at `end`, the entries from here to there in flight. `choose` is given
        how many versions of a block there are, the durable one among them, and says which stays (0 the durable one)."""
        subprocess.run(["cp", "--sparse=always", self.path, path], check=True)
        versions = {}
        for entry in self.record.entries[self.applied:end]:
            for offset, block in self.record.blocks(entry):
                versions.setdefault(offset, []).append(block)
        kept = 0
        with open(path, "rb+") as file:
            for offset, blocks in versions.items():
                chosen = choose(len(blocks) + 1)
                if chosen > 0:
                    kept += 1
                    file.seek(offset)
                    file.write(blocks[chosen - 1])
        return len(versions), kept
