"""Runs a server that believes it is installed: with an /etc of its own (users, hosts, resolv.conf), and folders of its own where its
program has their names built in. Nothing of the machine changes; what is mounted is seen by that server alone. Root only.

    etc = make_etc(home, users={"opensmtpd": 391})
    subprocess.Popen(command(program, binds={etc: "/etc", spool: "/var/spool"}, cpu=0, cgroup=folder))
"""

import os
import shutil

# What programs and their libraries read to find each other; the rest of the machine's /etc is none of a peer's business.
COPIED = ["ld.so.cache", "ld.so.conf", "localtime", "protocols", "services", "ssl", "passwd", "group"]

SCRIPT = """\
set -e
while [ "$1" != -- ]; do
  mount --bind "$1" "$2"
  shift 2
done
shift
if [ -n "$CONFINED_CGROUP" ]; then echo 0 >"$CONFINED_CGROUP/cgroup.procs"; fi
unset CONFINED_CGROUP
exec "$@"
"""


def make_etc(home, users=(), nameserver=None):
    """Makes home/etc-private: with `users` (name -> number, a group of the same name each), and where names are asked of
    nobody but `nameserver`, if there is one."""
    folder = os.path.join(home, "etc-private")
    os.mkdir(folder)
    for name in COPIED:
        source = os.path.join("/etc", name)
        if os.path.isdir(source):
            shutil.copytree(source, os.path.join(folder, name), symlinks=True)
        elif os.path.exists(source):
            shutil.copy(source, os.path.join(folder, name))
    for name, line in (("passwd", "{0}:x:{1}:{1}::/nonexistent:/usr/sbin/nologin\n"), ("group", "{0}:x:{1}:\n")):
        with open(os.path.join(folder, name), "a", encoding="utf-8") as file:
            file.writelines(line.format(user, number) for user, number in dict(users).items())
    for name, text in (("hosts", "127.0.0.1 localhost peer.example\n"), ("resolv.conf", f"nameserver {nameserver or '127.0.0.1'}\n"),
                       ("nsswitch.conf", f"passwd: files\ngroup: files\nhosts: files{' dns' if nameserver else ''}\n"), ("mailname", "peer.example\n")):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    return folder


def command(arguments, binds=(), cpu=None, cgroup=None):
    """The command line that runs `arguments` confined: `binds` (source -> where the program looks) are mounted in order, it is bound to
    processor `cpu`, and it begins its life in the control group `cgroup` (a folder of cgroup2)."""
    line = ["unshare", "--mount", "--propagation", "private", "env", f"CONFINED_CGROUP={cgroup or ''}", "sh", "-c", SCRIPT, "sh"]
    for source, target in dict(binds).items():
        line += [source, target]
    line.append("--")
    if cpu is not None:
        line += ["taskset", "-c", str(cpu)]
    return line + list(arguments)
