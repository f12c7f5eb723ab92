"""A real Dovecot for a test: its LMTP server, from the tree that tests/peers/fetch unpacked, in a folder of its own, on a UNIX socket and
on a port of its own.

    with Dovecot(users=["box@example.org"]) as peer:     # root only; raises unittest.SkipTest where that is not so
        ... deliver to peer.socket, or to peer.listen, peer.port ...
        for path in peer.wait_for_messages("box@example.org", 3): ...

Dovecot has the places of its parts built in, so it runs in a mount namespace in which its tree lies over /usr; nothing of that is seen
outside. Each user has a maildir; in its files Return-Path, Delivered-To and Dovecot's Received field come first, then the message as
it came, with LF at the ends of lines.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from peers.postfix import free_port

CONFIGURATION = """\
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
import_environment = LD_LIBRARY_PATH
protocols = lmtp
ssl = no
hostname = store.example
postmaster_address = postmaster@store.example
listen = {listen}
default_internal_user = uucp
default_internal_group = uucp
default_login_user = games
first_valid_uid = 1
mail_location = maildir:~/Maildir
mail_plugins = quota
passdb {{
  driver = passwd-file
  args = {home}/users
}}
userdb {{
  driver = passwd-file
  args = {home}/users
}}
service lmtp {{
  unix_listener {home}/lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = {listen}
    port = {port}
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
plugin {{
  quota = maildir:User quota
}}
{extra}
"""


def tree():
    """Where Dovecot is unpacked; SkipTest when it is not."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    folder = os.path.join(os.environ.get("POSTERN_PEERS", os.path.join(root, "build/peers")), "dovecot-lmtpd")
    if not os.path.exists(os.path.join(folder, ".complete")):
        raise unittest.SkipTest("no Dovecot: run tests/peers/fetch dovecot-lmtpd")
    return folder


class Dovecot:
    def __init__(self, users, listen="127.0.0.1", port=None, extra=""):
        if os.geteuid() != 0:
            raise unittest.SkipTest("Dovecot wants root")
        self.listen = listen
        self.port = port or free_port(listen)
        self.tree = tree()
        self.home = tempfile.mkdtemp(prefix="dovecot.")
        self.socket = os.path.join(self.home, "lmtp")
        os.chmod(self.home, 0o755)
        self.owner = pwd.getpwnam("nobody")
        os.mkdir(os.path.join(self.home, "mail"))
        self.users = []
        for user in users:
            self.add_user(user)
        with open(os.path.join(self.home, "dovecot.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(home=self.home, listen=self.listen, port=self.port, extra=extra))
        self.process = None

    # Users.

    def add_user(self, user, quota=None):
        """Before start(). `quota` in bytes."""
        os.mkdir(self.home_of(user))
        self.set_usable(user, True)
        self.users.append(user)
        rule = f"userdb_quota_rule=*:bytes={quota}" if quota is not None else ""
        with open(os.path.join(self.home, "users"), "a", encoding="utf-8") as file:
            file.write(f"{user}::{self.owner.pw_uid}:{self.owner.pw_gid}::{self.home_of(user)}::{rule}\n")

    def set_usable(self, user, usable):
        """Mail for a user whose home cannot be entered is for later: 451."""
        os.chown(self.home_of(user), *((self.owner.pw_uid, self.owner.pw_gid) if usable else (0, 0)))
        os.chmod(self.home_of(user), 0o700)

    def home_of(self, user):
        return os.path.join(self.home, "mail", user)

    # Its life.

    def start(self):
        libraries = [os.path.join("/usr/lib/dovecot", part) for part in ("", "modules/old-stats")]
        libraries.append(os.path.join(self.tree, "usr/lib/x86_64-linux-gnu"))
        script = 'mount -t overlay -o "lowerdir=$1:/usr" overlay /usr && exec /usr/sbin/dovecot -F -c "$2"'
        with open(os.path.join(self.home, "output"), "ab") as output:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", script, "sh", os.path.join(self.tree, "usr"), os.path.join(self.home, "dovecot.conf")],
                env=dict(os.environ, LD_LIBRARY_PATH=":".join(libraries)), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            if "starting up for lmtp" in self.log() and os.path.exists(self.socket):
                return self
            time.sleep(0.02)
        log = self.log()
        self.close()
        raise AssertionError("Dovecot did not start:\n" + log)

    def stop(self):
        """Ends it; the mail stays until close(), and so does the socket, on which nobody listens."""
        if self.process is not None:
            try:
                self.process.terminate()
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    # What it shows.

    def log(self):
        text = ""
        for name in ("output", "log"):
            path = os.path.join(self.home, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    text += file.read()
        return text

    def messages(self, user):
        """Paths of the messages that have arrived."""
        box = os.path.join(self.home_of(user), "Maildir/new")
        return [os.path.join(box, name) for name in sorted(os.listdir(box))] if os.path.isdir(box) else []

    def wait_for_messages(self, user, count, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and len(self.messages(user)) < count:
            time.sleep(0.05)
        return self.messages(user)
