"""A real Postfix for a test: from the tree that tests/peers/fetch unpacked, in a folder of its own, on a port of its own.

    with Postfix(domains=["example.org"]) as peer:     # root only; raises unittest.SkipTest where that is not so
        ... deliver to 127.0.0.1, peer.port ...
        for path in peer.wait_for_messages(3): ...

Every recipient in `domains` is accepted, and every copy lands in one maildir as Postfix's virtual transport writes it: Return-Path,
Delivered-To and X-Original-To first, its Received field next, then the message as it came. With `holding=True` messages stay in
the hold queue instead, and accepted() counts them.
"""

import os
import pwd
import signal
import subprocess

from peers import confined, tree as trees
from peers.peer import Peer, files_in, wait_for_files
from peers.tree import wait_for_greeting

MASTER_CF = """\
{listen}:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {home}/spool
data_directory = {home}/data
daemon_directory = {tree}/usr/lib/postfix/sbin
command_directory = {tree}/usr/sbin
shlib_directory = {tree}/usr/lib/postfix
meta_directory = {home}/etc
mail_owner = {owner}
setgid_group = {group}
default_privs = nobody
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C LD_LIBRARY_PATH
export_environment = TZ LD_LIBRARY_PATH
maillog_file = {home}/mail.log
maillog_file_prefixes = {home}
myhostname = peer.example
mydestination =
mynetworks = 127.0.0.0/8 [::1]/128
inet_interfaces = all
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {home}/mail
virtual_mailbox_maps = static:box/
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_mailbox_limit = 0
message_size_limit = 104857600
mailbox_size_limit = 0
smtputf8_enable = yes
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_recipient_limit = 20000
header_size_limit = 10240000
default_process_limit = {processes}
duplicate_filter_limit = 0
{extra}
"""

# Nothing is delivered, nor does the queue manager look at it; and a message is not slowed down because none leaves.
HOLDING = """\
smtpd_client_restrictions = static:HOLD
in_flow_delay = 0
"""

QUEUES = ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"]


def tree():
    """Where Postfix is unpacked; SkipTest when it is not."""
    return trees.tree("postfix")


def environment():
    """For running any program of the tree, smtp-source and smtp-sink among them."""
    return trees.environment("postfix", "usr/lib/postfix")


def program(name):
    """The path of a program of the tree, such as smtp-source."""
    return os.path.join(tree(), "usr/sbin", name)


class Postfix(Peer):
    NAME = "Postfix"
    LOGS = ["output", "mail.log"]

    def __init__(self, domains, listen="127.0.0.1", port=None, extra="", holding=False, processes=100, parent=None, cpu=None, cgroup=None):
        """`processes`: at most so many of a kind, each of which serves one connection. `cpu`, `cgroup`: see confined.command()."""
        super().__init__(listen, port, parent)
        # Postfix wants an owner of its queue that owns nothing else, and a group nobody is in. These come with every Debian.
        owner, group = pwd.getpwnam("uucp"), "fax"
        user = pwd.getpwnam("nobody")
        for folder in ["etc", "spool", "data", "mail"]:
            os.mkdir(os.path.join(self.home, folder))
        for queue in QUEUES + ["maildrop", "public", "pid"]:
            os.mkdir(os.path.join(self.home, "spool", queue), 0o700)
            if queue != "pid":
                os.chown(os.path.join(self.home, "spool", queue), owner.pw_uid, owner.pw_gid)
        os.chmod(os.path.join(self.home, "spool/public"), 0o710)
        os.chmod(os.path.join(self.home, "spool/maildrop"), 0o730)
        os.chown(os.path.join(self.home, "data"), owner.pw_uid, owner.pw_gid)
        os.chown(os.path.join(self.home, "mail"), user.pw_uid, user.pw_gid)
        values = dict(home=self.home, tree=tree(), owner=owner.pw_name, group=group, uid=user.pw_uid, gid=user.pw_gid,
                      domains=" ".join(domains), listen=listen, port=self.port, processes=processes, extra=HOLDING + extra if holding else extra)
        for name, text in (("main.cf", MAIN_CF), ("master.cf", MASTER_CF)):
            with open(os.path.join(self.home, "etc", name), "w", encoding="utf-8") as file:
                file.write(text.format(**values))
        self.command = confined.command(
            [os.path.join(tree(), "usr/lib/postfix/sbin/master"), "-c", os.path.join(self.home, "etc"), "-d"],
            binds={confined.make_etc(self.home): "/etc"}, cpu=cpu, cgroup=cgroup)

    def start(self):
        self.spawn(self.command, dict(environment(), MAIL_CONFIG=os.path.join(self.home, "etc")))
        if wait_for_greeting(self.process, self.listen, self.port):
            return self
        # Complaints about the configuration go to syslog only; its tools tell them on standard error.
        checked = subprocess.run([program("postsuper"), "-c", os.path.join(self.home, "etc")], env=environment(), timeout=10,
                                 capture_output=True, text=True)
        return self.refuse(checked.stderr)

    def messages(self):
        """Paths of the messages that have arrived."""
        return files_in(os.path.join(self.home, "mail/box"))

    def wait_for_messages(self, count, seconds=30):
        return wait_for_files(os.path.join(self.home, "mail/box"), count, seconds)

    def accepted(self):
        """How many messages are on hold."""
        return len(os.listdir(os.path.join(self.home, "spool/hold")))

    def ask_to_end(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
