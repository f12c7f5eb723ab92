#!/usr/bin/env python3
"""verify = sender and recipient beside a real Exim: the same routers, the same servers to call, the same replies and log lines, and the
same words said to those servers."""
# ctest: timeout=240

import os
import re
import socket
import ssl
import subprocess
import tempfile
import time

from peers.exim import Exim, HEAVY
from runner import run_tests
from support.callout_target import Target
from support.case import GatewayTest
from support.gateway import own_address

RULES = {
    "acc": [],
    "ref": [("RCPT TO:<u@ref", "550-no such\n550 user here")],
    "def": [("RCPT TO:<u@def", "450 try later")],
    "nul": [("MAIL FROM:<>", "550 no bounces")],
    "ehl": [("EHLO", "550 go away"), ("HELO", "550 go away too")],
    "ban": [("connect", "554 no service")],
    "tmp": [("connect", "450 busy")],
    "drp": [("RCPT", "drop")],
    "pm": [("RCPT TO:<postmaster@", "550 no postmaster"), ("RCPT TO:<postmaster>", "550 none at all")],
    "pmf": [("RCPT TO:<postmaster@", "550 no postmaster")],
    "rnd": [("RCPT TO:<gate", "550 no random"), ("RCPT TO:<postmaster@", "550 no postmaster")],
    "rlt": [("RCPT TO:<gate", "450 random later")],
}

# Servers that offer STARTTLS.
TLS_RULES = {
    "tls": [("RCPT TO:<no@", "550 no such user")],
    "tlslater": [("STARTTLS", "454 not now")],
    "tlsnever": [("STARTTLS", "554 never")],
    "tlsdrop": [("STARTTLS", "drop")],
    "tlsbroken": [("STARTTLS", "220 drop")],
    "tlsshy": [("EHLO", "502 what"), ("RCPT TO:<no@", "550 no such user")],
}

ROUTE = """\
{name}:
  driver = manualroute
  domains = {name}.ex
  route_list = * 127.0.0.1::{port}
  transport = remote
  self = send
"""

# (pattern, replacement): what Exim says and postern means to say otherwise; docs/deviations.md has the reasons.
DIFFERS = [
    # It has sent QUIT by then, and shows that in place of what was refused; and the reply to EHLO and HELO twice.
    (r"(?<=ehl.ex>\n550-Called:   127.0.0.1\n550-Sent:     )QUIT", "HELO gateway.example"),
    (r"(?<=ban.ex>\n550-Called:   127.0.0.1\n550-Sent:     )QUIT", "initial connection"),
    ("550 go away too go away too", "550 go away too"),
    # A code of the other kind is not said; it is logged as it stands in the list.
    (r"(<wrong@list.ex>: )550 gone", r"\g<1>451 gone"),
    (r"(<defwrong@list.ex>: )451 gone", r"\g<1>551 gone"),
    (r" \(euid=\d+ egid=\d+\)", ""),
    # With fullpostmaster it logs the first refusal; what decided is the second.
    (r"(H=\(rcpt-full\).*RCPT TO:)<postmaster@pm.ex>: 550 no postmaster", r"\1<postmaster>: 550 none at all"),
]

# What stands in files: name, text, permissions, owner.
FILES = [
    ("one", "u@no.ex\n", 0o644, 0),
    ("two", "u@no.ex,\n v@no.ex\n", 0o644, 0),
    ("empty", "", 0o644, 0),
    ("fail", ":fail: from file\nmore\n", 0o644, 0),
    ("hole", ":blackhole:\n", 0o644, 0),
    ("writable", "u@no.ex\n", 0o666, 0),
    ("shared", "u@no.ex\n", 0o664, 0),
    ("secret", "u@no.ex\n", 0o600, 0),
    ("foreign", "u@no.ex\n", 0o644, 1234),
    ("filter", "# Exim filter\nfinish\n", 0o644, 0),
    ("sieve", "#Sieve filter\nkeep;\n", 0o644, 0),
    ("inc", "x@ok.ex # no comment\n:include:HOME/one\n", 0o644, 0),
    ("nest", ":include:HOME/one\n", 0o644, 0),
    ("bad", "bad@\n", 0o644, 0),
    ("big", "# " + "x" * (1 << 20) + "\n", 0o644, 0),
    ("folder/file", "u@no.ex\n", 0o644, 0),
    ("locked/file", "u@no.ex\n", 0o644, 0),
]

# Local parts, and what they are redirected to.
LISTS = [
    ("inc", ":include:HOME/one"), ("inctwo", ":include:HOME/two"), ("incnone", ":include:HOME/none"), ("increl", ":include:none"),
    ("incempty", ":include:HOME/empty"), ("incfail", ":include:HOME/fail"), ("inchole", ":include:HOME/hole"), ("incblank", ":include:"),
    ("incbad", ":include:HOME/bad"), ("incmix", "u@no.ex, :include:HOME/empty"), ("incsecret", ":include:HOME/secret"),
    ("incquoted", '":include:HOME/one"'), ("incspace", ":include: HOME/one"), ("inclater", ":include:HOME/none, :fail: x"),
    ("incnest", ":include:HOME/nest"), ("incopen", ":include:HOME/writable"), ("first", ":fail: x, :include:HOME/none"),
    ("badinc", "bad@, :include:HOME/none"), ("incfilter", ":include:HOME/filter"), ("filter", "# exim FILTER"), ("mixhole", "u@no.ex, :blackhole:"),
    ("holemix", ":blackhole: x, bad@"), ("devnull", "/dev/null"), ("devmix", "/dev/null, u@no.ex"), ("unknown", ":unknown:"),
    ("unkmix", "u@ok.ex, :unknown:"), ("unkword", ":unknown: x"), ("freeze", ":freeze: x"), ("code", ":fail: 551 5.7.1 gone"),
    ("onlycode", ":fail: 551"), ("defcode", ":defer: 452 4.7.1 gone"), ("wrong", ":fail: 451 gone"), ("defwrong", ":defer: 551 gone"),
    ("pipemix", "|/bin/cat, u@no.ex"), ("reply", ">x@ok.ex"), ("comma", "u@no.ex,"), ("unkbad", ":unknown:, bad@"), ("unkone", ":unknown:, u@ok.ex"),
]


def choices(cases):
    return "".join(f"${{if eq{{$local_part}}{{{name}}}{{{text}}}}}" for name, text in cases)


NAMES = [*((name, f"HOME/{name}") for name, *_ in FILES), ("none", "HOME/none"), ("nodir", "HOME/nodir/x"), ("notdir", "HOME/one/x"),
         ("relative", "one"), ("folder", "HOME/folder"), ("taint", "HOME/$local_part"), ("locked", "HOME/locked/file"),
         ("data", "HOME/$local_part_data"), ("folder", "HOME/folder/$domain_data"), ("forced", "${if eq{a}{b}{}fail}")]

REDIRECT = """\
{name}:
  driver = redirect
  verify_only
  domains = {name}.ex
  {options}
"""

# Routers named for their domains, and their options.
REDIRECTS = [
    ("list", "allow_fail\n allow_defer\n data = " + choices(LISTS)),
    ("tight", "data = " + choices(LISTS)),
    ("forbid", "allow_fail\n allow_defer\n forbid_include\n forbid_blackhole\n forbid_smtp_code\n data = " + choices(LISTS)),
    ("skip", "skip_syntax_errors\n data = " + choices([
        ("all", "bad@, a b"), ("some", "bad@, u@no.ex"), ("hole", ":blackhole:, bad@"), ("word", ":foo: x, u@no.ex"),
        ("inc", ":include:HOME/none, u@no.ex"), ("incbad", ":include:HOME/bad, u@no.ex")])),
    ("file", "allow_fail\n allow_defer\n local_parts = data : !nothing : *\n file = " + choices(NAMES)),
    ("loose", "modemask = 002\n ignore_eacces\n ignore_enotdir\n file = " + choices(NAMES)),
    ("owned", "owners = root\n file = " + choices(NAMES)),
    ("group", "owngroups = daemon : 4321\n file = " + choices(NAMES)),
    ("owner", "check_owner\n file = " + choices(NAMES)),
    ("chain", "check_ancestor\n data = " + choices([("a", "b@chain.ex"), ("b", "a@chain.ex")])),
    ("chain", "allow_fail\n data = :fail: end $local_part"),
    ("once", "one_time\n data = " + choices([("pipe", "|/bin/cat"), ("x", "u@no.ex")])),
]

# What redirects is for verification only, as deliveries do not know it.
ROUTERS = r"""
last:
  driver = redirect
  verify_only
  domains = last.ex
  data = ${if eq{$local_part}{x}{u@acc.ex}}
  no_more
  cannot_route_message = no way for $local_part
red:
  driver = redirect
  verify_only
  domains = red.ex
  allow_fail
  allow_defer
  data = ${if eq{$local_part}{fail}{:fail: no, such, person}}\
         ${if eq{$local_part}{empty}{:fail:}}\
         ${if eq{$local_part}{later}{:defer: not\nnow}}\
         ${if eq{$local_part}{hole}{:blackhole:}}\
         ${if eq{$local_part}{file}{/tmp/file}}\
         ${if eq{$local_part}{pipe}{|/bin/cat}}\
         ${if eq{$local_part}{comment}{Comment <x@ok.ex> (yes)}}\
         ${if eq{$local_part}{plain}{plain}}\
         ${if eq{$local_part}{one}{u@ok.ex}}\
         ${if eq{$local_part}{bad}{u@no.ex}}\
         ${if eq{$local_part}{two}{u@no.ex, v@ok.ex}}\
         ${if eq{$local_part}{cut}{bad@}}\
         ${if eq{$local_part}{words}{a b c}}\
         ${if eq{$local_part}{lines}{# c\na@ok.ex}}\
         ${if eq{$local_part}{quoted}{\"x y\"@ok.ex}}\
         ${if eq{$local_part}{self}{self@red.ex}}\
         ${if eq{$local_part}{loop}{pool@red.ex}}\
         ${if eq{$local_part}{pool}{loop@red.ex}}\
         ${if eq{$local_part}{ref}{u@ref.ex}}
strict:
  driver = redirect
  verify_only
  domains = strict.ex
  data = ${if eq{$local_part}{fail}{:fail: no}{:defer: later}}
ok:
  driver = accept
  domains = ok.ex : gateway.example
  transport = local
  address_data = data of $local_part
self:
  driver = accept
  domains = red.ex
  local_parts = self
  transport = local
forced:
  driver = accept
  domains = forced.ex
  fail_verify_recipient
  transport = local
sender_only:
  driver = accept
  domains = only.ex
  no_verify_recipient
  transport = local
conditional:
  driver = accept
  domains = cond.ex
  condition = ${if eq{$local_part}{yes}}
  transport = local
here:
  driver = manualroute
  domains = here.ex
  route_list = * HERE
  transport = remote
  self = defer
passed:
  driver = manualroute
  domains = passed.ex
  route_list = * HERE
  transport = remote
  self = pass
  pass_router = behind
between:
  driver = redirect
  verify_only
  domains = passed.ex
  data = :fail: it was not passed over
  allow_fail
behind:
  driver = accept
  domains = passed.ex
  transport = local
"""

ACLS = {
    "plain": "  require verify = sender\n  accept\n",
    "called": "  require verify = sender/callout=2s\n  accept\n",
    "postmaster": "  require verify = sender/callout=2s,postmaster\n  accept\n",
    "no_details": "  require verify = sender/no_details\n  accept\n",
    "worded": "  deny message = M: $acl_verify_message | $sender_verify_failure\n       !verify = sender\n  accept\n",
    "defer_ok": "  require verify = sender/defer_ok\n          verify = sender/callout=2s,defer_ok\n  accept\n",
    "recipient": "  require verify = recipient\n  warn log_message = data=$address_data\n  accept\n",
    "rcpt_called": "  require verify = recipient/callout=2s\n  accept\n",
    "rcpt_random": "  require verify = recipient/callout=2s,random\n  accept\n",
    "rcpt_full": "  require verify = recipient/callout=2s,fullpostmaster,postmaster_mailfrom=pm@x.ex\n  accept\n",
    "rcpt_sender": "  require verify = recipient/callout=2s,use_sender\n  accept\n",
    "rcpt_master": "  require verify = recipient/callout=2s,use_postmaster,no_cache\n  accept\n",
    "redirect_ok": "  require verify = recipient/success_on_redirect\n  accept\n",
    "failure": "  deny message = F: $recipient_verify_failure\n       !verify = recipient/callout=2s\n  accept\n",
}

# It takes recipients over TLS only.
TLS_SERVER = """\
primary_hostname = peer.example
local_interfaces = {listen}
daemon_smtp_ports = {port}
spool_directory = {home}/spool
log_file_path = {home}/log/%slog
pid_file_path = {home}/exim.pid
keep_environment = LD_LIBRARY_PATH
tls_advertise_hosts = *
tls_certificate = {home}/certificate
tls_privatekey = {home}/key
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  accept encrypted = *
  deny message = not over TLS
begin routers
begin transports
begin retry
"""

EXIM = """\
primary_hostname = gateway.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
spool_directory = {home}/spool
log_file_path = {home}/log/%slog
pid_file_path = {home}/exim.pid
keep_environment = LD_LIBRARY_PATH
tls_advertise_hosts =
host_lookup =
queue_only
acl_smtp_rcpt = {which}
begin acl
{acls}
begin routers
{routers}
begin transports
remote:
  driver = smtp
  allow_localhost
  hosts_try_fastopen =
local:
  driver = appendfile
  file = /tmp/none
begin retry
"""

TRANSPORTS = """\
remote:
  driver = smtp
  allow_localhost
local:
  driver = appendfile
  directory = {home}/mail/box
  maildir_format
"""


# The client says HELO with the name of the ACL that it wants, as far as such a name can.
WHICH = "".join(f"${{if eq{{$sender_helo_name}}{{{name.replace('_', '-')}}}{{{name}}}}}" for name in ACLS)


# What callouts find out, each shard remembers by itself.
ONE_SHARD = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]


def acls():
    return "".join(f"{name}:\n{text}" for name, text in ACLS.items())


class ConfiguredExim(Exim):
    """The ACL for RCPT is the one that HELO names."""

    def __init__(self, routers):
        super().__init__(package=HEAVY)
        text = EXIM.replace("{port}", str(self.port)).replace("{home}", self.home).replace("{acls}", acls()).replace("{which}", WHICH)
        with open(os.path.join(self.home, "etc-private/exim4/exim4.conf"), "w", encoding="utf-8") as file:
            file.write(text.replace("{routers}", routers.replace("HERE", "127.0.0.1")))

    def mainlog(self):
        with open(os.path.join(self.home, "log/mainlog"), encoding="utf-8") as file:
            return file.read()


def dialogue(address, port, acl, commands):
    """The replies, each with its lines."""
    replies = []
    with socket.create_connection((address, port), timeout=60) as connection, connection.makefile("rb") as lines:
        def reply():
            text = ""
            while True:
                line = lines.readline().decode("latin-1").rstrip("\r\n")
                text += line + "\n"
                if line[3:4] != "-":
                    return text
        reply()
        for command in ["HELO " + acl.replace("_", "-"), *commands, "QUIT"]:
            connection.sendall(command.encode() + b"\r\n")
            text = reply()
            if command.startswith("RCPT"):
                replies.append((command, "250" if text.startswith("250") else text))
    return replies


def lines_about_verification(log):
    wanted = [line for line in log.splitlines() if re.search(r"sender verify|rejected RCPT|Warning:", line)]
    return [re.sub(r"gateway.example-\d+-testing", "RANDOM", re.sub(r"^\S+ \S+ |: $", "", line)) for line in wanted]


class Verify(GatewayTest):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.targets = {name: cls.enterClassContext(Target(rules)) for name, rules in RULES.items()}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*cls.make_certificate(cls.enterClassContext(tempfile.TemporaryDirectory())))
        cls.targets |= {name: cls.enterClassContext(Target(rules, tls=context)) for name, rules in TLS_RULES.items()}
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            nobody = closed.getsockname()[1]
        ports = {name: target.port for name, target in cls.targets.items()} | {"closed": nobody}
        cls.routers = "".join(ROUTE.format(name=name, port=port) for name, port in ports.items()) + ROUTERS

    @staticmethod
    def make_certificate(folder):
        certificate, key = f"{folder}/certificate", f"{folder}/key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=x",
                        "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
        return certificate, key

    @classmethod
    def make_files(cls):
        """A folder that both servers can read, with FILES in it."""
        home = cls.enterClassContext(tempfile.TemporaryDirectory())
        os.chmod(home, 0o755)
        for name, text, permissions, owner in FILES:
            path = os.path.join(home, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="ascii") as file:
                file.write(text.replace("HOME", home))
            os.chmod(path, permissions)
            os.chown(path, owner, 0)
        os.chmod(os.path.join(home, "locked"), 0o700)
        return home

    @classmethod
    def enterClassContext(cls, manager):
        entered = manager.__enter__()
        cls.addClassCleanup(manager.__exit__, None, None, None)
        return entered

    def servers_heard(self):
        heard = {name: target.take_seen() for name, target in self.targets.items()}
        return {name: [re.sub(r"gateway.example-\d+-testing", "RANDOM", line) for line in seen]
                for name, seen in heard.items() if seen}

    def compare(self, *dialogues):
        """`dialogues`: (ACL, commands)."""
        self.servers_heard()
        with ConfiguredExim(self.routers) as exim:
            wanted = [dialogue("127.0.0.1", exim.port, *each) for each in dialogues]
            time.sleep(0.1)
            wanted_log = lines_about_verification(exim.mainlog())
        wanted_heard = self.servers_heard()
        address = own_address()
        gateway = self.gateway(address=address, main="primary_hostname = gateway.example\nqualify_domain = gateway.example\n"
                                    f"acl_smtp_rcpt = {WHICH}\nenhanced_status_advertise_hosts =\n"
                                    "log_selector = -smtp_connection\n",
                               acl=acls(), routers=self.routers.replace("HERE", address), transports=TRANSPORTS,
                               prefix=ONE_SHARD)
        got = [dialogue(gateway.address, gateway.port, *each) for each in dialogues]
        gateway.stop()
        got_log = lines_about_verification(gateway.log())
        for pattern, replacement in DIFFERS:
            wanted = [[(command, re.sub(pattern, replacement, reply)) for command, reply in each] for each in wanted]
            wanted_log = [re.sub(pattern, replacement, line) for line in wanted_log]
        self.assertEqual(got, wanted)
        self.assertEqual(got_log, wanted_log)
        self.assertEqual(self.servers_heard(), wanted_heard)

    @staticmethod
    def from_each(acl, senders):
        return [(acl, [f"MAIL FROM:<{sender}>", "RCPT TO:<a@ok.ex>"]) for sender in senders]

    @staticmethod
    def to_each(acl, recipients, sender="s@ok.ex"):
        return (acl, [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{recipient}>" for recipient in recipients)])

    def test_senders_by_routers(self):
        self.compare(*self.from_each("plain", ["s@no.ex", "s@ok.ex", "", "fail@red.ex", "empty@red.ex", "later@red.ex", "hole@red.ex",
                                               "bad@red.ex", "two@red.ex", "s@here.ex", "u@last.ex", "u@forced.ex", "u@only.ex",
                                               "fail@strict.ex", "later@strict.ex"]),
                     ("plain", ["MAIL FROM:<s@no.ex>", "RCPT TO:<a@ok.ex>", "RCPT TO:<b@ok.ex>", "RSET", "MAIL FROM:<s@no.ex>",
                                "RCPT TO:<a@ok.ex>", "RSET", "MAIL FROM:<t@no.ex>", "RCPT TO:<a@ok.ex>"]),
                     *self.from_each("no_details", ["s@no.ex", "later@red.ex"]),
                     *self.from_each("worded", ["s@no.ex", "u@last.ex", "s@ok.ex"]),
                     *self.from_each("defer_ok", ["later@red.ex", "s@here.ex", "u@def.ex", "u@closed.ex", "u@ref.ex"]))

    def test_senders_by_callout(self):
        self.compare(*self.from_each("called", ["u@acc.ex", "u@acc.ex", "u@ref.ex", "u@ref.ex", "v@ref.ex", "u@def.ex", "u@nul.ex",
                                                "u@nul.ex", "u@ehl.ex", "u@ban.ex", "u@tmp.ex", "u@drp.ex", "u@closed.ex", "ref@red.ex",
                                                "u@ok.ex"]),
                     *self.from_each("postmaster", ["u@pm.ex", "u@pm.ex", "u@acc.ex", "u@acc.ex"]))

    def test_recipients_by_routers(self):
        redirected = [f"{name}@red.ex" for name in ("fail", "later", "hole", "file", "pipe", "comment", "plain", "one", "bad",
                                                    "two", "cut", "words", "lines", "quoted", "self", "loop", "pool", "nothing")]
        self.compare(self.to_each("recipient", ["u@no.ex", "u@ok.ex", "fail@strict.ex", "later@strict.ex", *redirected, "u@here.ex", "u@last.ex",
                                                "u@forced.ex", "u@only.ex", "yes@cond.ex", "no@cond.ex", "u@passed.ex"]),
                     self.to_each("redirect_ok", ["bad@red.ex", "fail@red.ex", "nothing@red.ex"]))

    def test_callouts_over_tls(self):
        recipients = [f"{local_part}@{name}.ex" for name in TLS_RULES for local_part in ("u", "no")]
        self.compare(self.to_each("rcpt_called", recipients), *self.from_each("called", ["u@tls.ex", "no@tls.ex", "u@tlsbroken.ex"]))

    def test_a_real_server_is_called_over_tls(self):
        server = Exim(package=HEAVY, configuration=TLS_SERVER)
        for path in self.make_certificate(server.home):
            os.chmod(path, 0o644)
        with server:
            routers = ROUTE.format(name="secure", port=server.port)
            for option, code in (("", "250"), ("hosts_avoid_tls = *", "550"), ("hosts_verify_avoid_tls = 127.0.0.0/8", "550")):
                with self.subTest(option):
                    gateway = self.gateway(main=f"primary_hostname = gateway.example\nacl_smtp_rcpt = {WHICH}\n", acl=acls(), routers=routers,
                                           transports=TRANSPORTS.replace("allow_localhost", f"allow_localhost\n  {option}"))
                    got = dialogue(gateway.address, gateway.port, *self.to_each("rcpt_called", ["u@secure.ex"]))
                    self.assertEqual(got[0][1][:3], code, got)
                    gateway.stop()

    def test_redirections(self):
        home = self.make_files()
        redirects = [REDIRECT.format(name=name, options=options.replace("HOME", home)).replace(f"{name}:\n", f"{name}_{n}:\n", 1)
                     for n, (name, options) in enumerate(REDIRECTS)]
        self.routers = "".join(redirects) + self.routers
        lists = [name for name, _ in LISTS]
        names = [name for name, _ in NAMES]
        wanted = {"list": lists, "tight": lists, "forbid": lists, "skip": ["all", "some", "hole", "word", "inc", "incbad"], "file": names,
                  "loose": names, "owned": names, "group": names, "owner": names, "chain": ["a", "b", "c"], "once": ["pipe", "x"]}
        self.compare(*(self.to_each("recipient", [f"{local_part}@{domain}.ex" for local_part in local_parts])
                       for domain, local_parts in wanted.items()))

    def test_recipients_by_callout(self):
        self.compare(self.to_each("rcpt_called", ["u@acc.ex", "u@ref.ex", "u@ref.ex", "v@ref.ex", "u@def.ex", "u@nul.ex", "u@ehl.ex",
                                                  "u@ban.ex", "u@tmp.ex", "u@drp.ex", "u@closed.ex", "u@last.ex", "ref@red.ex"]),
                     self.to_each("rcpt_random", ["u@acc.ex", "v@acc.ex", "u@rnd.ex", "v@rnd.ex", "u@rlt.ex"]),
                     self.to_each("rcpt_full", ["u@pm.ex", "u@pm.ex", "u@pmf.ex"]),
                     self.to_each("rcpt_sender", ["u@acc.ex", "u@nul.ex", "u@acc.ex"]),
                     self.to_each("rcpt_master", ["u@acc.ex", "u@acc.ex", "u@ref.ex"]),
                     self.to_each("failure", ["u@no.ex", "u@ref.ex"]))


if __name__ == "__main__":
    run_tests()
