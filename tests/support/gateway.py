"""The gateway under test: its own configuration, spool, logs and ports in a folder of its own.

    with Gateway() as gateway:                       # `postern run`, everything goes to one maildir
        with gateway.client() as client: ...
        gateway.maildir().wait_for(1)

The program is $POSTERN_BIN, else build/release/postern. Several tests run at once: each process listens on a loopback address of its
own, so that ports never collide.
"""

import itertools
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from support.maildir import Maildir
from support.smtp import Client

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("POSTERN_BIN", os.path.join(ROOT, "build/release/postern"))
# Under a sanitizer, or with the machine's other work going on, everything takes longer.
PATIENCE = float(os.environ.get("POSTERN_PATIENCE", "20"))

HOSTNAME = "gateway.example.org"

ACL = """\
acl_check_rcpt:
  accept
"""

ROUTERS = """\
mailbox:
  driver    = accept
  transport = local_maildir
"""

TRANSPORTS = """\
local_maildir:
  driver         = appendfile
  directory      = {home}/mail/box
  maildir_format
"""

RETRY = """\
*   *   F,1h,1s
"""


def own_address():
    """A loopback address that no other process of this machine's tests uses."""
    pid = os.getpid()
    return f"127.{10 + (pid >> 16) % 90}.{pid >> 8 & 255}.{pid & 255 or 1}"


def free_port(address=None):
    address = address or own_address()
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def until(condition, seconds=PATIENCE, what="it"):
    """What `condition` gives as soon as that is true; an AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about within {seconds:g} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def named_user():
    """(name, uid, gid) of an unprivileged user that the machine has."""
    for name in ("_postern", "nobody"):
        try:
            entry = pwd.getpwnam(name)
            return entry.pw_name, entry.pw_uid, entry.pw_gid
        except KeyError:
            continue
    raise AssertionError("no unprivileged user")


INSTANCES = itertools.count()


def user_of_ones_own():
    """(name, uid, gid) that nobody else has; None unless this is root. The kernel counts locked memory by user, and several gateways at
    once would share what one of them is allowed."""
    if os.geteuid() != 0:
        return None
    number = 1_000_000 + os.getpid() * 64 + next(INSTANCES) % 64
    return str(number), number, number


def processes():
    """pid -> (parent, command line) of everything that runs."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                stat = file.read()
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
        except OSError:
            continue
        fields = stat[stat.rindex(")") + 2:].split()
        if fields[0] != "Z":
            found[int(name)] = (int(fields[1]), words)
    return found


def is_alive(pid):
    return pid in processes()


def listening_sockets(address, port, pid="self"):
    """Inodes of the sockets that listen there, in the network namespace of `pid`. Asks the kernel, so that nothing is connected."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    # The kernel prints each 32-bit word in its own byte order.
    wanted = "".join(packed[i:i + 4][::-1].hex().upper() for i in range(0, len(packed), 4)) + f":{port:04X}"
    try:
        with open(f"/proc/{pid}/net/" + ("tcp6" if family == socket.AF_INET6 else "tcp"), encoding="ascii") as file:
            rows = [line.split() for line in file]
    except OSError:
        return set()
    return {row[9] for row in rows if len(row) > 9 and row[1] == wanted and row[3] == "0A"}


def is_listening(address, port):
    return bool(listening_sockets(address, port))


def sockets_of(pid):
    """Inodes of the sockets that the process holds."""
    found = set()
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{name}")
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:
        pass
    return found


class Gateway:
    """`main` holds further lines of main options; one that it sets is not set by default. `listen` says which addresses and ports
    the lines amount to, where that is not the one address of own. `mail_in` is a folder for the maildirs, where they are not to lie
    beside the spool."""

    def __init__(self, main="", acl=ACL, routers=ROUTERS, transports=TRANSPORTS, retry=RETRY, command="run", listen=None,
                 home=None, address=None, port=None, config=None, prefix=(), environment=None, user=None, mail_in=None):
        self.user = user or user_of_ones_own()
        self.own_home = home is None
        self.home = home or tempfile.mkdtemp(prefix="postern-test.", dir=os.environ.get("POSTERN_TEST_FOLDER", "/var/tmp"))
        os.chmod(self.home, 0o755)
        self.address = address or own_address()
        self.port = port or free_port(self.address)
        self.listen = listen or [(self.address, self.port)]
        self.command = command
        self.prefix = list(prefix)
        self.environment = environment
        self.config_path = os.path.join(self.home, "postern.conf")
        self.process = None
        self.clients = []
        mail = os.path.join(self.home, "mail")
        self.mail_elsewhere = mail_in and tempfile.mkdtemp(prefix="postern-test.", dir=mail_in)
        if mail_in:
            os.symlink(self.mail_elsewhere, mail)
        else:
            os.makedirs(mail, exist_ok=True)
        if self.user:
            os.chown(mail, self.user[1], self.user[2])
        self.write_config(config or self.compose(main, acl, routers, transports, retry))

    def compose(self, main, acl, routers, transports, retry):
        main = main.replace("{home}", self.home).replace("{port}", str(self.port)).replace("{address}", self.address)
        options = {
            "primary_hostname": HOSTNAME,
            "qualify_domain": "example.org",
            "local_interfaces": self.address,
            "daemon_smtp_ports": str(self.port),
            "spool_directory": self.home + "/spool",
            "log_file_path": self.home + "/log/%slog",
            "acl_smtp_rcpt": "acl_check_rcpt",
        }
        if self.user:
            options["exim_user"] = self.user[0]
        given = set(re.findall(r"^\s*(?:no_|not_)?(\w+)", main, re.M))
        if re.search(r"^no acl_smtp_rcpt$", main, re.M):
            main = re.sub(r"^no acl_smtp_rcpt$", "", main, flags=re.M)
            given.add("acl_smtp_rcpt")
        lines = [f"{name} = {value}" for name, value in options.items() if name not in given] + [main]
        for title, text in (("acl", acl), ("routers", routers), ("transports", transports), ("retry", retry)):
            lines += [f"begin {title}", text.replace("{home}", self.home)]
        return "\n".join(lines) + "\n"

    def write_config(self, text):
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(text)

    # Life.

    def arguments(self):
        return self.prefix + [PROGRAM, self.command, "-c", self.config_path]

    def spawn(self, **more):
        """Starts it and does not wait."""
        with open(self.path("stderr"), "ab") as errors:
            self.process = subprocess.Popen(self.arguments(), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                            env=dict(os.environ, **(self.environment or {})), **more)
        return self

    def start(self, **more):
        """Starts it and waits until it listens everywhere; `self.start_seconds` is how long that took."""
        begun = time.monotonic()
        self.spawn(**more)
        self.wait_until_listening()
        self.start_seconds = time.monotonic() - begun
        return self

    def wait_until_listening(self):
        def there():
            if self.process.poll() is not None:
                raise AssertionError(f"the gateway ended with status {self.process.returncode}:\n{self.stderr()}")
            # One that was killed a moment ago may still listen; this one's sockets are meant.
            own = sockets_of(self.process.pid)
            return all(listening_sockets(address, port, self.process.pid) & own for address, port in self.listen)
        until(there, what="listening")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=PATIENCE):
        """Waits for its end; the exit status."""
        return self.process.wait(seconds)

    def stop(self, seconds=PATIENCE):
        """Ends it gracefully; how long that took."""
        begun = time.monotonic()
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(seconds)
        took = time.monotonic() - begun
        if status != 0:
            raise AssertionError(f"the gateway ended with status {status}:\n{self.stderr()}")
        self.check_stderr()
        return took

    def check_stderr(self):
        text = self.stderr()
        for sign in ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:", "check failed"):
            if sign in text:
                raise AssertionError(text)

    def children(self):
        """{"ingress": pid, "deliver": pid} of those that run."""
        found = {}
        for pid, (parent, words) in processes().items():
            if parent == self.process.pid and len(words) > 1 and words[1] in ("ingress", "deliver"):
                found[words[1]] = pid
        return found

    def child(self, name):
        return until(lambda: self.children().get(name), what=f"the process {name}")

    def kill9(self, which):
        """Kills "run", "ingress" or "deliver" without mercy. Returns the id of the process that was killed, None when there was none."""
        pid = self.process.pid if which in ("run", self.command) else self.children().get(which)
        if pid is None:
            return None
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        if pid == self.process.pid:
            self.process.wait()
        return pid

    def close(self):
        for client in self.clients:
            client.close()
        if self.process is not None and self.process.poll() is None:
            children = list(self.children().values())
            self.process.kill()
            self.process.wait()
            until(lambda: not any(map(is_alive, children)), what="the end of the children")
        if self.own_home:
            shutil.rmtree(self.home, ignore_errors=True)
        if self.mail_elsewhere:
            shutil.rmtree(self.mail_elsewhere, ignore_errors=True)

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, *_):
        self.close()

    # What it shows.

    def path(self, *parts):
        return os.path.join(self.home, *parts)

    def read(self, *parts):
        try:
            with open(self.path(*parts), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def stderr(self):
        return self.read("stderr")

    def log(self, name="main"):
        return self.read("log", name + "log")

    def wait_for_log(self, pattern, count=1, name="main", seconds=PATIENCE):
        """The lines of the log that match; at least `count`."""
        expression = re.compile(pattern)
        found = []

        def there():
            found[:] = [line for line in self.log(name).splitlines() if expression.search(line)]
            return len(found) >= count
        try:
            until(there, seconds)
        except AssertionError:
            raise AssertionError(f"{len(found)} of {count} lines match {pattern!r} in the {name} log:\n" + self.log(name)[-8000:]) from None
        return found

    def stats(self):
        done = subprocess.run([PROGRAM, "stats", "--json", "-c", self.config_path], capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode != 0:
            raise AssertionError(f"stats ended with status {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def maildir(self, name="box"):
        return Maildir(self.path("mail", name))

    def client(self, **more):
        """A client, closed with the gateway at the latest."""
        self.clients.append(Client(self.address, self.port, **more))
        return self.clients[-1]

    def describe(self):
        """For whoever looks at a failure."""
        parts = [("standard error", self.stderr()), ("main log", self.log()), ("panic log", self.log("panic"))]
        return "\n".join(f"--- {title}:\n{text[-6000:]}" for title, text in parts if text)
