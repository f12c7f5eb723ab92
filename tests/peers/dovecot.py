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
import subprocess
import time

from peers.peer import Peer, files_in, wait_for_files
from peers.tree import environment, tree

PACKAGE = "dovecot-lmtpd"

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


class Dovecot(Peer):
    NAME = "Dovecot"
    LOGS = ["output", "log"]

    def __init__(self, users, listen="127.0.0.1", port=None, extra=""):
        self.tree = tree(PACKAGE)
        super().__init__(listen, port)
        self.socket = os.path.join(self.home, "lmtp")
        self.owner = pwd.getpwnam("nobody")
        os.mkdir(os.path.join(self.home, "mail"))
        self.users = []
        for user in users:
            self.add_user(user)
        with open(os.path.join(self.home, "dovecot.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(home=self.home, listen=self.listen, port=self.port, extra=extra))

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
        libraries = ["/usr/lib/dovecot", "/usr/lib/dovecot/modules/old-stats"]
        script = 'mount -t overlay -o "lowerdir=$1:/usr" overlay /usr && exec /usr/sbin/dovecot -F -c "$2"'
        self.spawn(
            ["unshare", "--mount", "sh", "-c", script, "sh", os.path.join(self.tree, "usr"), os.path.join(self.home, "dovecot.conf")],
            environment(PACKAGE, *libraries))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            if "starting up for lmtp" in self.log() and os.path.exists(self.socket):
                return self
            time.sleep(0.02)
        return self.refuse()

    def ask_to_end(self):
        """Its socket stays, on which nobody listens then."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            pass

    # What it shows.

    def messages(self, user):
        """Paths of the messages that have arrived."""
        return files_in(os.path.join(self.home_of(user), "Maildir"))

    def wait_for_messages(self, user, count, seconds=30):
        return wait_for_files(os.path.join(self.home_of(user), "Maildir"), count, seconds)
