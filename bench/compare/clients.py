"""The programs that send: what a row asks for, as each wants to be told."""

import json
import os
import subprocess
import time
import unittest

from peers import postfix

CPU = 1
LONGEST_S = 180  # one of these that takes longer is broken, or its server is


class Failed(Exception):
    """Not every message was answered 250."""


class Run:
    """A client at work; it has `count` messages to send."""

    def __init__(self, command, environment, count):
        self.count = count
        self.began = time.monotonic()
        self.process = subprocess.Popen(["taskset", "-c", str(CPU), *command], env=environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def is_running(self, seconds):
        """Whether it still does so after waiting so long. (It says little on its pipes before it ends: they do not fill.)"""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def seconds(self):
        """Waits for the end, and tells how long the run took. Failed unless all messages were accepted."""
        try:
            self.output, errors = self.process.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise Failed(f"not done after {LONGEST_S} s") from None
        took = time.monotonic() - self.began
        if self.process.returncode != 0:
            raise Failed(f"exit status {self.process.returncode}: {errors.strip()[-300:]}")
        return self.told_seconds(took)

    def told_seconds(self, took):
        return took


class SourceRun(Run):
    """Postfix's smtp-source: never pipelines, ends with an error at the first reply that is not the wanted one."""

    def __init__(self, row, port, count):
        command = [postfix.program("smtp-source"), "-s", str(row.sessions), "-m", str(count), "-l", str(row.size),
                   "-f", "sender@example.net", "-t", "box@example.org", "-M", "client.example"]
        command += ["-d"] if row.reused else []
        super().__init__([*command, f"127.0.0.1:{port}"], postfix.environment(), count)


class LoadRun(Run):
    """bench/load."""

    def __init__(self, program, row, port, count):
        super().__init__([program, "--connections", str(row.sessions), "--size", str(row.size), "--pipeline", str(int(row.pipelined)),
                          "--per-connection", "0" if row.reused else "1", "--count", str(count), "--warmup", "0", "--quiet", "--json",
                          f"127.0.0.1:{port}"], None, count)

    def told_seconds(self, took):
        told = json.loads(self.output)
        if told["total"]["accepted"] != self.count:
            raise Failed(f"{told['total']['accepted']} of {self.count} messages were accepted")
        return told["seconds"]


def missing(row, load_program):
    """Why this row cannot be run here, or None."""
    if row.client == "postern-load":
        return None if os.access(load_program, os.X_OK) else f"{load_program} is not built"
    try:
        postfix.tree()  # smtp-source lies there
        return None
    except unittest.SkipTest as missing:
        return str(missing)


def start(row, port, count, load_program):
    return SourceRun(row, port, count) if row.client == "smtp-source" else LoadRun(load_program, row, port, count)
