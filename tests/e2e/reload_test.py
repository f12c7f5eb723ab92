#!/usr/bin/env python3
"""A configuration is taken into use while mail goes through: whole, or not at all."""
# ctest: timeout=240

import json
import re
import signal
import subprocess
import threading

from runner import run_tests
from support.case import GatewayTest
from support.gateway import PROGRAM, PATIENCE, free_port, until
from support.hop import Hop, TRANSPORTS, routers
from support.messages import plain

# A configuration that says of itself which it is, at each step of the dialogue.
GENERATION = """\
acl_check_connect:
  accept
acl_check_rcpt:
  deny    message = generation {number} refuses
          local_parts = refused
  accept  hosts = +everybody
acl_check_data:
  deny    message = generation {number} refuses the text
"""


def main_of(number):
    return (f"smtp_banner = generation {number}\nacl_smtp_data = acl_check_data\nhostlist everybody = *\n"
            f"received_header_text = Received: by generation {number}\\n\\tid $message_exim_id\n")


class ReloadTest(GatewayTest):
    def reload(self, gateway, *options, status=0):
        done = subprocess.run([PROGRAM, "reload", "-c", gateway.config_path, *options], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def rewrite(self, gateway, main, **sections):
        values = dict(acl="acl_check_rcpt:\n  accept\n", routers=self.ROUTERS, transports=self.TRANSPORTS, retry="")
        values.update(sections)
        gateway.write_config(gateway.compose(main, **values))

    ROUTERS = "mailbox:\n  driver = accept\n  transport = local_maildir\n"
    TRANSPORTS = "local_maildir:\n  driver = appendfile\n  directory = {home}/mail/box\n  maildir_format\n"


class Effect(ReloadTest):
    def banner(self, gateway):
        with gateway.client(greet=False) as client:
            return client.line()

    def test_new_connections_use_the_new_one_and_old_ones_the_old(self):
        gateway = self.gateway(main_of(1), acl=GENERATION.format(number=1))
        with gateway.client(helo="client.example.net") as old:
            old.expect("MAIL FROM:<a@example.net>", 250)
            self.rewrite(gateway, main_of(2), acl=GENERATION.format(number=2))
            self.assertEqual(self.reload(gateway), "ingress: reloaded\ndelivery: reloaded\n")
            # Every shard has it: connections are dealt out by the kernel.
            for _ in range(20):
                self.assertIn(b"generation 2", self.banner(gateway))
            self.assertIn("generation 1 refuses", old.command("RCPT TO:<refused@example.org>").text)
            old.expect("RCPT TO:<x@example.org>", 250)
            self.assertIn("generation 1 refuses the text", old.data(plain()).text)
            # A second transaction of the same connection too.
            old.expect("MAIL FROM:<a@example.net>", 250)
            self.assertIn("generation 1 refuses", old.command("RCPT TO:<refused@example.org>").text)
            self.assertEqual(gateway.stats()["ingress"]["configuration"]["earlier_in_use"], 1)
            old.quit()
        until(lambda: gateway.stats()["ingress"]["configuration"]["earlier_in_use"] == 0, what="the end of the old configuration")
        for half in ("ingress", "delivery"):
            figures = gateway.stats()[half]["configuration"]
            self.assertEqual((figures["reloads"], figures["failed_reloads"]), (1, 0))
            self.assertGreater(figures["last_reload_s"], 1_700_000_000)
        gateway.wait_for_log(r"ingress: configuration reloaded from ")
        gateway.wait_for_log(r"delivery: configuration reloaded from ")
        self.assertEqual(gateway.log("panic"), "")

    def test_sighup(self):
        gateway = self.gateway(main_of(1), acl=GENERATION.format(number=1))
        self.rewrite(gateway, main_of(2), acl=GENERATION.format(number=2))
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_log(r" configuration reloaded from ", count=2)
        self.assertIn(b"generation 2", self.banner(gateway))

    def test_files_of_lists_are_read_anew(self):
        gateway = self.gateway("domainlist ours = {home}/domains\n", acl="acl_check_rcpt:\n  accept domains = +ours\n", start=False)
        with open(gateway.path("domains"), "w", encoding="ascii") as file:
            file.write("one.example\n")
        gateway.start()
        with gateway.client(helo="client.example.net") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<x@two.example>", 550)
        with open(gateway.path("domains"), "a", encoding="ascii") as file:
            file.write("two.example\n")
        self.reload(gateway)
        with gateway.client(helo="client.example.net") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<x@two.example>", 250)

    LOOKUPS = """\
acl_check_rcpt:
  deny    message = {number}: ${{lookup{{$local_part}}lsearch{{{{home}}/table{number}}}}}
"""

    def test_lookups_of_both_are_answered(self):
        gateway = self.gateway(acl=self.LOOKUPS.format(number=1), start=False)
        for number in (1, 2):
            with open(gateway.path(f"table{number}"), "w", encoding="ascii") as file:
                file.write(f"user: found in {number}\n")
        gateway.start()
        with gateway.client(helo="client.example.net") as old:
            old.expect("MAIL FROM:<a@example.net>", 250)
            old.expect("RCPT TO:<user@example.org>", 550, "1: found in 1")
            self.rewrite(gateway, "", acl=self.LOOKUPS.format(number=2))
            self.reload(gateway)
            with gateway.client(helo="client.example.net") as new:
                new.expect("MAIL FROM:<a@example.net>", 250)
                new.expect("RCPT TO:<user@example.org>", 550, "2: found in 2")
                old.expect("RCPT TO:<user@example.org>", 550, "1: found in 1")
        gateway.stop()

    def test_what_exim_finds_late_is_a_warning(self):
        gateway = self.gateway()
        self.rewrite(gateway, "acl_smtp_mail = no_such_acl\n")
        self.assertRegex(self.reload(gateway), r'postern\.conf:\d+:17: warning: acl_smtp_mail: there is no ACL "no_such_acl"')
        with gateway.client(helo="client.example.net") as client:
            client.expect("MAIL FROM:<a@example.net>", 451)
        gateway.wait_for_log('unknown ACL verb "no_such_acl"', name="panic")

    def test_delivery_goes_the_new_way(self):
        first, second = Hop().start(), Hop().start()
        self.addCleanup(first.stop)
        self.addCleanup(second.stop)
        gateway = self.gateway(routers=routers(first), transports=TRANSPORTS, retry="* * F,1h,1s\n")
        with gateway.client(helo="client.example.net") as client:
            one = client.deliver(plain())
            gateway.wait_for_log(f"{one} Completed")
            self.rewrite(gateway, "", routers=routers(second), transports=TRANSPORTS, retry="* * F,1h,1s\n")
            self.reload(gateway)
            two = client.deliver(plain())
            gateway.wait_for_log(f"{two} Completed")
        self.assertEqual((len(first.messages), len(second.messages)), (1, 1))

    def test_the_log_changes_too(self):
        gateway = self.gateway()
        self.rewrite(gateway, "log_format = json\nlog_file_path = {home}/log/new-%slog\nlog_selector = +incoming_port\n")
        self.reload(gateway)
        with gateway.client(helo="client.example.net") as client:
            message = client.deliver(plain())
        until(lambda: f'{message} Completed' in gateway.read("log/new-mainlog"), what="the new log")
        events = [json.loads(line) for line in gateway.read("log/new-mainlog").splitlines()]
        arrival = next(event for event in events if event.get("event") == "arrival")
        self.assertEqual((arrival["id"], arrival["helo"], arrival["process"]), (message, "client.example.net", "ingress"))
        self.assertNotIn(message, gateway.log())


class Failure(ReloadTest):
    def test_nothing_changes_and_the_reason_is_told(self):
        gateway = self.gateway(main_of(1), acl=GENERATION.format(number=1))
        self.rewrite(gateway, main_of(2) + "smtp_acept_max = 3\n", acl=GENERATION.format(number=2))
        told = self.reload(gateway, status=78)
        reason = r'postern\.conf:\d+:1: unknown main option "smtp_acept_max": did you mean "smtp_accept_max"\?'
        self.assertRegex(told, r"(?m)^ingress: not reloaded, the configuration in use stays$")
        self.assertEqual(len(re.findall(reason, told)), 2)
        for half in ("ingress", "delivery"):
            for log in ("main", "panic"):
                gateway.wait_for_log(rf"{half}: configuration not reloaded, the one in use stays: ", name=log)
                gateway.wait_for_log(rf"{half}: reload: .*{reason}", name=log)
        with gateway.client(greet=False) as client:
            self.assertIn(b"generation 1", client.line())
        answer = json.loads(self.reload(gateway, "--json", status=78))
        self.assertFalse(answer["ingress"]["reloaded"])
        self.assertRegex(answer["delivery"]["messages"][0], reason)
        # And then a good one.
        self.rewrite(gateway, main_of(3), acl=GENERATION.format(number=3))
        self.reload(gateway)
        with gateway.client(greet=False) as client:
            self.assertIn(b"generation 3", client.line())
        self.assertEqual(gateway.stats()["ingress"]["configuration"]["failed_reloads"], 2)

    def test_what_wants_a_restart_is_said(self):
        gateway = self.gateway()
        self.rewrite(gateway, f"daemon_smtp_ports = {free_port(gateway.address)}\nsmtp_banner = new\nsmtp_accept_max = 77\n")
        told = self.reload(gateway)
        self.assertIn("the new value of local_interfaces and daemon_smtp_ports counts from the next start", told)
        self.assertIn("the new value of smtp_accept_max counts from the next start", told)
        with gateway.client(greet=False) as client:  # where it always was
            self.assertIn(b"new", client.line())

    def test_another_spool_is_refused(self):
        gateway = self.gateway()
        self.rewrite(gateway, "spool_directory = {home}/spool2\n")
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_log(r"reload: .*spool_directory cannot change while postern runs", name="panic", count=2)

    def test_a_log_that_cannot_be_written_is_refused(self):
        gateway = self.gateway()
        self.rewrite(gateway, "log_file_path = {home}/nowhere/%slog\nsmtp_banner = new\n")
        self.assertIn("make the directory", self.reload(gateway, status=78))
        with gateway.client(greet=False) as client:
            self.assertNotIn(b"new", client.line())

    def test_nobody_runs(self):
        gateway = self.gateway(start=False)
        done = subprocess.run([PROGRAM, "reload", "-c", gateway.config_path], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 69)
        self.assertIn("ingress was not asked", done.stderr)


class UnderLoad(ReloadTest):
    """Clients that never cease, and ten reloads: no connection is lost, and every session sees one generation only."""

    def session(self, gateway):
        """The generations that one session has met."""
        met = []

        def note(reply):
            met.extend(re.findall(rb"generation (\d+)", reply))
        with gateway.client(greet=False) as client:
            note(client.line())
            client.expect("EHLO client.example.net", 250)
            for _ in range(3):
                client.expect("MAIL FROM:<a@example.net>", 250)
                note(client.command("RCPT TO:<refused@example.org>").text.encode())
                client.expect("RCPT TO:<x@example.org>", 250)
                note(client.data(plain()).text.encode())
            client.expect("QUIT", 221)
        return met

    def test_no_session_sees_two(self):
        gateway = self.gateway(main_of(1), acl=GENERATION.format(number=1))
        stop, failures, sessions = threading.Event(), [], []

        def work():
            while not stop.is_set():
                try:
                    sessions.append(self.session(gateway))
                except (AssertionError, OSError, EOFError) as problem:
                    failures.append(problem)
        workers = [threading.Thread(target=work) for _ in range(6)]
        for worker in workers:
            worker.start()
        try:
            for number in range(2, 12):
                count = len(sessions)
                self.rewrite(gateway, main_of(number), acl=GENERATION.format(number=number))
                self.reload(gateway)
                until(lambda count=count: len(sessions) > count + 3 or failures, what="sessions")
        finally:
            stop.set()
            for worker in workers:
                worker.join()
        self.assertEqual(failures, [])
        self.measured(f"{len(sessions)} sessions over 11 configurations")
        for met in sessions:
            self.assertEqual(len(met), 7, met)
            self.assertEqual(len(set(met)), 1, "one session was judged by several configurations")
        self.assertGreater(len({met[0] for met in sessions}), 5)
        self.assertEqual(gateway.stats()["ingress"]["connections"]["lost"], 0)
        self.assertEqual(gateway.log("panic"), "")

    def test_a_stop_in_the_middle(self):
        gateway = self.gateway(main_of(1), acl=GENERATION.format(number=1))
        for _ in range(5):
            gateway.signal(signal.SIGHUP)
        gateway.stop()


if __name__ == "__main__":
    run_tests()
