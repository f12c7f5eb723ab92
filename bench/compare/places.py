"""Where servers run: namespaces that end with the command, file systems, control groups, and what there is to say about the machine.

Everything happens in process, mount and network namespaces of their own: when the first process in there ends, however it does,
the kernel ends the servers, unmounts the loop device, which lets it go, and forgets the loopback. The process outside waits for that,
and clears away what has a name: control groups and the servers' files.
"""

import ctypes
import glob
import os
import platform
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

INSIDE = "POSTERN_COMPARE_INSIDE"  # the folder of our control groups
WORK = "POSTERN_COMPARE_WORK"  # the folder for the servers' files
LOOP_BYTES = 24 << 30
NICE = -10  # for servers and clients alike: what else the machine does gets in their way less


def problem(output):
    """Why nothing can be measured here with files in the folder `output`, or None."""
    if os.geteuid() != 0:
        return "root is needed: for namespaces, for mounting, and for servers that start as root"
    if os.cpu_count() < 2:
        return "two processors are needed: one for the server, one for the client"
    if cgroup_root() is None:
        return "no control groups are mounted (mount -t cgroup2 none /sys/fs/cgroup/unified)"
    closed = closed_folder(output)
    if closed is not None:
        return f"{closed} is closed to the servers' users: chmod o+x, or choose another --output"
    for tool in ("unshare", "setpriv", "ip", "taskset", "mkfs.ext4", "losetup"):
        if shutil.which(tool) is None:
            return f"there is no {tool}: install util-linux, iproute2 and e2fsprogs"
    return None


def closed_folder(path):
    """The first folder on the way to `path` that not everybody may pass through, or None."""
    parents = [path]
    while parents[-1] != "/":
        parents.append(os.path.dirname(parents[-1]))
    return next((folder for folder in reversed(parents) if not os.stat(folder).st_mode & 1), None)


def run_inside(command, output):
    """Runs `command` in the new namespaces, with INSIDE and WORK in its environment, the latter a folder made in `output`; gives its
    exit status. Whatever ends this process ends everything in there."""
    groups = os.path.join(cgroup_root(), f"postern-compare-{os.getpid()}")
    os.mkdir(groups)
    work = tempfile.mkdtemp(prefix="work.", dir=output)
    os.chmod(work, 0o755)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "--net", "--pid",
                                "--fork", "--kill-child", "--mount-proc", *command], env={**os.environ, INSIDE: groups, WORK: work})
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        process.kill()
        process.wait()
        remove_groups(groups)
        shutil.rmtree(work, ignore_errors=True)


def remove_groups(folder):
    """Once the last of their processes are gone, which the kernel sees to."""
    deadline = time.monotonic() + 10
    while os.path.isdir(folder):
        for path in [*glob.glob(os.path.join(folder, "*/")), folder]:
            try:
                os.rmdir(path)
            except OSError:
                if time.monotonic() > deadline:
                    raise
        time.sleep(0.01)


def settle_in():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w", encoding="ascii") as file:
        file.write("10000 65000")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.nice(NICE)
    os.setsid()
    prefer([os.getpid()])
    os.sched_setaffinity(0, {1})  # what is not told otherwise stays away from the servers' processor


def prefer(processes):
    """The kernel shares processors between sessions first, where it is so configured: then nice counts within a session only."""
    for pid in processes:
        try:
            with open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as file:
                file.write(str(NICE))
        except OSError:
            pass  # not so configured, or the process has ended


def mount_loop(folder):
    """Mounts a fresh ext4 there. Its file has no name and its device detaches when the mount goes, with this namespace."""
    os.makedirs(folder, exist_ok=True)
    image = tempfile.NamedTemporaryFile(dir=os.path.dirname(folder), prefix="loop.", delete=False)
    try:
        os.posix_fallocate(image.fileno(), 0, LOOP_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image.name], check=True)
        device = subprocess.run(["losetup", "--find", "--show", "--direct-io=on", image.name], check=True, capture_output=True,
                                text=True).stdout.strip()
    finally:
        os.unlink(image.name)
    try:
        subprocess.run(["mount", device, folder], check=True)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)  # when it is unmounted


def unmount(folder):
    subprocess.run(["umount", folder], check=True)


def sync(folder):
    """So that the next server does not pay for what the one before it left to be written."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        ctypes.CDLL(None, use_errno=True).syncfs(descriptor)
    finally:
        os.close(descriptor)


def cgroup_root():
    """Where cgroup2 is mounted; None when it is not."""
    with open("/proc/mounts", encoding="utf-8") as file:
        return next((words[1] for words in map(str.split, file) if words[2] == "cgroup2"), None)


class ControlGroup:
    """All processes of one server: they are in it from their first instruction on, and their children are born in it."""

    def __init__(self, name):
        self.path = tempfile.mkdtemp(prefix=name + ".", dir=os.environ[INSIDE])

    def cpu_us(self):
        """Processor time of all that is and ever was in it: the scheduler's own account, exact, of user and system together."""
        with open(os.path.join(self.path, "cpu.stat"), encoding="ascii") as file:
            return int(file.readline().split()[1])

    def settled_cpu_us(self):
        """The same when the server has come to rest: what it does behind its last reply belongs to the message too."""
        deadline = time.monotonic() + 2
        before = self.cpu_us()
        while True:
            time.sleep(0.02)
            now = self.cpu_us()
            if now - before < 100 or time.monotonic() > deadline:
                return now
            before = now

    def memory_kib(self):
        """Proportional set sizes of all processes in it: each page counts once, however many share it."""
        total = 0
        for pid in self.processes():
            try:
                with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                    total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
            except (OSError, StopIteration):
                pass  # it has ended meanwhile
        return total

    def processes(self):
        with open(os.path.join(self.path, "cgroup.procs"), encoding="ascii") as file:
            return file.read().split()

    def close(self):
        with open(os.path.join(self.path, "cgroup.kill"), "w", encoding="ascii") as file:
            file.write("1")
        deadline = time.monotonic() + 10
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.01)
        while True:  # the last of them may still be on its way out
            try:
                return os.rmdir(self.path)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


def file_costs_us(folder):
    """What a file system asks for the two things that mail servers do all the time: (making a file, an append of 4 KiB and its sync)."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        made, synced = [], []
        for number in range(200):
            began = time.perf_counter()
            descriptor = os.open(os.path.join(place, str(number)), os.O_CREAT | os.O_WRONLY)
            made.append(time.perf_counter() - began)
            if number % 4 == 0:
                os.write(descriptor, b"x" * 4096)
                began = time.perf_counter()
                os.fdatasync(descriptor)
                synced.append(time.perf_counter() - began)
            os.close(descriptor)
    return statistics.median(made) * 1e6, statistics.median(synced) * 1e6


def describe_machine():
    def first(path, key):
        with open(path, encoding="utf-8") as file:
            return next((line.split(":")[1].strip() for line in file if line.startswith(key)), "unknown")

    return {
        "processors": os.cpu_count(),
        "processor": first("/proc/cpuinfo", "model name"),
        "hypervisor": "hypervisor" in first("/proc/cpuinfo", "flags").split(),
        "memory_gib": round(int(first("/proc/meminfo", "MemTotal").split()[0]) / (1 << 20)),
        "kernel": platform.release(),
        "disks": sorted(os.path.basename(path) for path in glob.glob("/sys/block/*") if "loop" not in path),
        "date": time.strftime("%Y-%m-%d"),
    }


def describe_place(folder):
    found = subprocess.run(["findmnt", "--noheadings", "--output", "FSTYPE,SOURCE,OPTIONS", "--target", folder], capture_output=True,
                           text=True).stdout.split()
    made, synced = file_costs_us(folder)
    return {"type": found[0], "source": found[1], "options": found[2], "create_us": made, "sync_us": synced}
