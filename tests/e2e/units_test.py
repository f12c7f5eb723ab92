#!/usr/bin/env python3
"""What the gateway asks of the kernel while it serves, delivers, and answers what the language asks, is what the systemd units allow.

Nothing here runs under systemd: strace shows the system calls of all processes, programs of `${run` among them, and they are held
against the units' SystemCallFilter, RestrictAddressFamilies and MemoryDenyWriteExecute.
"""
# ctest: timeout=120

import os
import re
import shutil
import socket
import subprocess
import threading
import unittest

from runner import run_tests
from support.case import GatewayTest
from support.gateway import until
from support.messages import plain

UNITS = os.path.join(os.environ["POSTERN_SOURCE_DIR"], "systemd")
ASKED = {
    "run": "${run{/bin/sh -c \"echo program; cat /proc/self/status >/dev/null\"}}",
    "file": "${readfile{{home}/file}{}}",
    "socket": "${readsocket{{home}/socket}{ask}}",
    "port": "${readsocket{inet:127.0.0.1:PORT}{ask}{2s}{}{none}}",
    "lsearch": "${lookup{a}lsearch{{home}/lsearch}}",
    "dsearch": "${lookup{file}dsearch{{home}}}",
    "cdb": "${lookup{a}cdb{{home}/cdb}}",
    "lmdb": "${lookup{a}lmdb{{home}/lmdb}}",
    "sqlite": "${lookup sqlite{insert into t values('b','c')}}${lookup sqlite{select v from t where k='a'}}",
    "dnsdb": "${lookup dnsdb{defer_never,a=host.example}{$value}{none}}",
    "stat": "${if exists{{home}/file}{there}}",
}
ANSWERS = {"run": r"program\n", "file": "content", "socket": "answer", "port": "none", "lsearch": "data", "dsearch": "file", "cdb": "data",
           "lmdb": "data", "sqlite": "data", "dnsdb": "none", "stat": "there"}


def members(name, known):
    """The system calls of a set of systemd's ("@system-service"), those in it of other sets too."""
    found = set()
    for word in known[name]:
        found |= members(word, known) if word.startswith("@") else {word}
    return found


def filter_sets():
    text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], capture_output=True, text=True, check=True).stdout
    known, name = {}, None
    for line in text.splitlines():
        word = line.strip()
        if line.startswith("@"):
            name = word
            known[name] = []
        elif name and word and not word.startswith("#"):
            known[name].append(word)
    return known


def settings(unit):
    with open(os.path.join(UNITS, unit), encoding="utf-8") as file:
        return dict(re.findall(r"^(\w+)=(.*)$", file.read(), re.MULTILINE))


class Answers(threading.Thread):
    """A UNIX socket that says the same to everybody."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.socket.listen()
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                client.recv(100)
                client.sendall(b"answer")


@unittest.skipUnless(shutil.which("strace") and shutil.which("systemd-analyze"), "strace and systemd-analyze are wanted")
class Units(GatewayTest):
    def traced(self):
        """The lines of strace for a gateway that does everything once."""
        asked = "".join(f"  warn logwrite = {name}=<{text}>\n" for name, text in ASKED.items()).replace("PORT", "9")
        gateway = self.gateway("acl_smtp_data = data\nsqlite_dbfile = {home}/db/file\ndns_servers = <; 127.0.0.1:9\ndns_retry = 1\n",
                               acl=f"acl_check_rcpt:\n  accept\ndata:\n{asked}  accept\n", start=False)
        trace = gateway.path("trace")
        gateway.prefix = ["strace", "--daemonize", "--follow-forks", "--quiet=all", "-o", trace]
        with open(gateway.path("file"), "w", encoding="ascii") as file:
            file.write("content")
        with open(gateway.path("lsearch"), "w", encoding="ascii") as file:
            file.write("a: data\n")
        subprocess.run(["cdb", "-c", "-m", gateway.path("cdb")], input="a data\n", text=True, check=True)
        subprocess.run(["mdb_load", "-n", "-T", gateway.path("lmdb")], input="a\ndata\n",
                       text=True, check=True)
        os.mkdir(gateway.path("db"))
        subprocess.run(["sqlite3", gateway.path("db/file"), "create table t(k,v); insert into t values('a','data')"], check=True)
        for name in ("db", "db/file", "cdb", "lmdb"):
            os.chmod(gateway.path(name), 0o777)
        answers = Answers(gateway.path("socket"))
        gateway.start()
        with gateway.client(helo="client.example.net") as client:
            client.deliver(plain(), recipients=["b@example.org"])
        gateway.maildir().wait_for(1)
        gateway.wait_for_log(" Completed$")
        gateway.stop()
        answers.socket.close()

        def traced():
            with open(trace, encoding="utf-8", errors="replace") as file:
                return file.readlines()
        end = re.compile(rf"{gateway.process.pid} +exit_group\(0\)")
        until(lambda: any(end.match(line) for line in traced()[-20:]), what="the end of the trace")
        told = dict(re.findall(r" (\w+)=<(.*)>$", gateway.log(), re.MULTILINE))
        self.assertEqual({name: told.get(name) for name in ANSWERS}, ANSWERS)
        return traced()

    def test_they_allow_what_the_language_needs(self):
        lines = self.traced()
        calls = {match[1] for line in lines if (match := re.match(r"\d+ +(\w+)\(", line))}
        families = {match[1] for line in lines if (match := re.match(r"\d+ +socket(?:pair)?\((\w+),", line))}
        writes_code = [line for line in lines if re.search(r" (?:mmap|mprotect|pkey_mprotect)\(.*PROT_WRITE\|PROT_EXEC", line)]
        self.measured(f"{len(calls)} system calls, families {sorted(families)}")
        self.assertGreater(len(calls), 50)
        self.assertIn("execve", calls)
        self.assertIn("io_uring_enter", calls)
        known = filter_sets()
        for unit in ("postern.service", "postern-ingress.service", "postern-deliver.service"):
            allowed = set()
            for word in settings(unit)["SystemCallFilter"].split():
                allowed |= members(word, known) if word.startswith("@") else {word}
            self.assertEqual(calls - allowed, set(), unit)
            self.assertEqual(families - set(settings(unit)["RestrictAddressFamilies"].split()), set(), unit)
            self.assertEqual(settings(unit)["MemoryDenyWriteExecute"], "yes")
            self.assertEqual(writes_code, [], unit)


if __name__ == "__main__":
    run_tests()
