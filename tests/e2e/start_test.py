#!/usr/bin/env python3
"""How the gateway is started, what it says when it cannot, and what is left when it is killed."""
# ctest: timeout=180

import errno
import os
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import unittest

from runner import run_tests
from support import seccomp
from support.case import GatewayTest
from support.gateway import PROGRAM, free_port, is_alive, is_listening, named_user, own_address, until
from support.messages import plain
from support.smtp import Client

needs_root = unittest.skipIf(os.geteuid() != 0, "wants root")


class Configuration(GatewayTest):
    def try_to_start(self, gateway, command):
        return subprocess.run([PROGRAM, command, "-c", gateway.config_path], capture_output=True, text=True, timeout=30)

    def test_errors_name_file_line_and_column(self):
        gateway = self.gateway("\nsmtp_accept_max_per_hosts = 3\n", start=False)
        with open(gateway.config_path, encoding="utf-8") as file:
            line = file.read().splitlines().index("smtp_accept_max_per_hosts = 3") + 1
        for command in ("run", "ingress", "deliver", "check"):
            with self.subTest(command):
                done = self.try_to_start(gateway, command)
                self.assertEqual(done.returncode, 78, done)
                self.assertRegex(done.stderr, rf"(?m)^{re.escape(gateway.config_path)}:{line}:1: .*smtp_accept_max_per_hosts")
                self.assertIn('"smtp_accept_max_per_host"', done.stderr)  # the remedy
                self.assertEqual(done.stdout, "")

    def test_errors_of_every_part(self):
        for name, arguments, wanted in [
                ("a value that is no number", {"main": "smtp_accept_max = many\n"}, "smtp_accept_max"),
                ("a condition that is unknown", {"acl": "acl_check_rcpt:\n  accept  domians = a.example\n"}, "domains"),
                ("a verb that is unknown", {"acl": "acl_check_rcpt:\n  permit  hosts = *\n"}, "permit"),
                ("a driver that is unknown", {"routers": "one:\n  driver = acept\n  transport = local_maildir\n"}, "accept"),
                ("a transport that is not there", {"routers": "one:\n  driver = accept\n  transport = nowhere\n"}, "nowhere"),
                ("an option of another driver", {"transports": "local_maildir:\n  driver = appendfile\n  hosts = a.example\n"}, "hosts"),
                ("a retry rule that is none", {"retry": "* * X,1h,1s\n"}, "X"),
                ("an address that is none", {"main": "local_interfaces = 127.0.0.256\n"}, "127.0.0.256"),
                ("a port that is none", {"main": "daemon_smtp_ports = 70000\n"}, "70000"),
                ("a list item that is none", {"main": "host_reject_connection = 192.0.2.0/33\n"}, "192.0.2.0/33"),
                ("one in a named list", {"main": "hostlist few = 192.0.2.0/33\nhost_reject_connection = +few\n"}, '"+few" holds an item'),
                ("a list that is not there", {"main": "host_reject_connection = +none\n"}, "none"),
                ("a file that is not there", {"main": ".include /nonexistent/postern.conf\n"}, "/nonexistent/postern.conf"),
                ("an .ifdef that does not end", {"main": ".ifdef A\n"}, ".endif"),
                ("a log pattern without %s", {"main": "log_file_path = /var/tmp/x.log\n"}, "%s"),
        ]:
            gateway = self.gateway(start=False, **arguments)
            with self.subTest(name):
                done = self.try_to_start(gateway, "run")
                self.assertEqual(done.returncode, 78, done)
                self.assertRegex(done.stderr, rf"(?m)^{re.escape(gateway.config_path)}:\d+:\d+: ")
                self.assertIn(wanted, done.stderr)

    def test_what_is_wrong_only_where_it_is_used(self):
        """Errors for `check`; what becomes of clients that come to it stands in dialogue/late_test.py."""
        for name, main, wanted in [("an ACL that is not there", "acl_smtp_rcpt = acl_chek_rcpt\n", "acl_chek_rcpt"),
                                   ("an item of a named list", "hostlist few = 192.0.2.0/33\n", "192.0.2.0/33"),
                                   ("an expansion that does not end", "smtp_banner = ${if def:x {a}\n", "")]:
            gateway = self.gateway(main, start=False)
            with self.subTest(name):
                done = self.try_to_start(gateway, "check")
                self.assertEqual(done.returncode, 78, done)
                self.assertRegex(done.stderr, rf"(?m)^{re.escape(gateway.config_path)}:\d+:\d+: (?!warning)")
                self.assertIn(wanted, done.stderr)
                gateway.start()
                self.assertRegex(gateway.stderr(), rf"(?m)^{re.escape(gateway.config_path)}:\d+:\d+: warning: ")
                gateway.stop()

    def test_all_errors_are_told_at_once(self):
        gateway = self.gateway("smtp_accept_max = many\nsmtp_banner = ${\nfrob\n", start=False)
        done = self.try_to_start(gateway, "run")
        self.assertEqual(done.returncode, 78)
        self.assertGreaterEqual(len(re.findall(r"(?m)^\S+:\d+:\d+: ", done.stderr)), 3, done.stderr)

    def test_no_file(self):
        done = subprocess.run([PROGRAM, "run", "-c", "/nonexistent/postern.conf"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 78)
        self.assertIn("/nonexistent/postern.conf", done.stderr)

    def test_usage(self):
        for arguments in ([], ["fly"], ["run"], ["run", "-c"], ["run", "--frob", "x", "-c", "y"]):
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
            self.assertEqual(done.returncode, 64, arguments)
            self.assertIn("usage: postern", done.stderr)
        self.assertEqual(subprocess.run([PROGRAM, "--version"], capture_output=True).returncode, 0)

    def test_options_without_use_are_warned_about(self):
        gateway = self.gateway("tls_advertise_hosts = *\ndns_cname_loops = 3\n")
        for option in ("tls_advertise_hosts", "dns_cname_loops"):
            self.assertRegex(gateway.stderr(), rf"(?m)^{re.escape(gateway.config_path)}:\d+:1: warning: .*{option}")
        with gateway.client(helo="client.example.net") as client:
            client.deliver(plain())

    def test_a_gateway_that_asks_nothing_counts_no_questions(self):
        gateway = self.gateway("dns_servers = <; 127.0.0.1:53\ndns_retrans = 1s\n")
        with gateway.client(helo="client.example.net") as client:
            client.deliver(plain())
        counts = dict.fromkeys(("questions", "from_cache", "joined", "stale", "sent", "over_stream", "timeouts", "failures"), 0)
        self.assertEqual(gateway.stats()["ingress"]["dns"], counts)

    def test_check_says_that_it_is_well(self):
        gateway = self.gateway(start=False)
        done = self.try_to_start(gateway, "check")
        self.assertEqual((done.returncode, done.stdout), (0, f"{gateway.config_path}: no errors\n"), done.stderr)

    def test_the_language(self):
        """Macros, conditions, continuation, included files, named lists and lists in files."""
        gateway = self.gateway(start=False, main="""
            PORTS = {port}
            LIMIT = 5
            .ifdef LIMIT
            recipients_max = LIMIT
            .else
            recipients_max = 1
            .endif
            .ifndef NOWHERE
            .include {home}/more.conf
            .endif
            domainlist ours = example.org : *.example.org : \\
                              # a comment in between
                              !no.example.com : *.example.com : {home}/domains
            hostlist   relays = <; 127.0.0.2 ; 127.0.3.0/24 ; !127.0.4.1 ; 127.0.4.0/24 ; ::1
            """, acl="""
acl_check_rcpt:
  accept  domains = +ours
  accept  hosts   = +relays
  deny    message = relay not permitted
""")
        with open(gateway.path("more.conf"), "w", encoding="utf-8") as file:
            file.write("smtp_banner = included $primary_hostname\n")
        with open(gateway.path("domains"), "w", encoding="utf-8") as file:
            file.write("# ours too\nfile.example\n*.file.example   # with its children\n")
        gateway.start()
        for source, domain, code in [
                ("127.0.0.1", "example.org", 250), ("127.0.0.1", "EXAMPLE.ORG", 250), ("127.0.0.1", "a.example.org", 250),
                ("127.0.0.1", "example.com", 550), ("127.0.0.1", "yes.example.com", 250), ("127.0.0.1", "no.example.com", 550),
                ("127.0.0.1", "file.example", 250), ("127.0.0.1", "a.file.example", 250), ("127.0.0.1", "afile.example", 550),
                ("127.0.0.2", "example.com", 250), ("127.0.3.77", "example.com", 250), ("127.0.4.1", "example.com", 550),
                ("127.0.4.2", "example.com", 250), ("127.0.5.1", "example.com", 550),
        ]:
            with self.subTest(source=source, domain=domain), gateway.client(source=source, helo="client.example.net") as client:
                self.assertEqual(client.greeting.raw, b"220 included gateway.example.org\r\n")
                self.assertTrue(client.offers("LIMITS") and "LIMITS RCPTMAX=5" in client.keywords, client.keywords)
                client.expect("MAIL FROM:<a@example.net>", 250)
                reply = client.command(f"RCPT TO:<b@{domain}>")
                self.assert_reply(reply, code, "relay not permitted" if code == 550 else "Accepted")

    def test_without_rules_nobody_is_a_recipient(self):
        gateway = self.gateway("no acl_smtp_rcpt\n")
        self.assertIn("acl_smtp_rcpt is not set", gateway.stderr())
        with gateway.client(helo="client.example.net") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            for address in ("b@example.org", "postmaster", "b@localhost", "b@gateway.example.org"):
                self.assertEqual(client.command(f"RCPT TO:<{address}>").raw, b"550 5.7.1 Administrative prohibition\r\n")
            self.assert_reply(client.command("DATA"), 503)
        gateway.wait_for_log(r"H=\(client\.example\.net\) \[127\.0\.0\.1\] F=<a@example\.net> rejected RCPT <b@example\.org>", name="reject")


class Life(GatewayTest):
    def test_it_listens_soon_and_ends_soon(self):
        starts, stops = [], []
        gateway = self.gateway(start=False)
        for _ in range(5):
            gateway.start()
            starts.append(gateway.start_seconds * 1000)
            with gateway.client(helo="client.example.net") as client:
                client.expect("NOOP", 250)
                client.quit()
            stops.append(gateway.stop() * 1000)
        self.measured("ms from start to listening: " + " ".join(f"{one:.0f}" for one in starts) +
                      "; from SIGTERM to the end: " + " ".join(f"{one:.0f}" for one in stops))
        self.assertLess(min(starts), 3000)
        self.assertLess(min(stops), 5000)

    def test_it_answers_as_soon_as_it_listens(self):
        gateway = self.gateway(start=False)
        gateway.spawn()
        begun = time.monotonic()
        connected = until(lambda: self.try_to_connect(gateway), what="a connection")
        with connected as client:
            answered = time.monotonic()
            client.reply()
            self.measured(f"connected after {(answered - begun) * 1000:.0f} ms, greeted {(time.monotonic() - answered) * 1000:.0f} ms later")
            self.assertLess(time.monotonic() - answered, 2)

    def try_to_connect(self, gateway):
        try:
            return Client(gateway.address, gateway.port, greet=False)
        except OSError:
            return None

    def test_children_are_of_the_group_and_die_with_the_parent(self):
        gateway = self.gateway()
        children = {name: gateway.child(name) for name in ("ingress", "deliver")}
        for pid in children.values():
            self.assertEqual(os.getpgid(pid), os.getpgid(gateway.process.pid))
        gateway.kill9("run")
        until(lambda: not any(map(is_alive, children.values())), seconds=5, what="the end of the children")
        begun = time.monotonic()
        gateway.start()
        self.measured(f"listens {(time.monotonic() - begun) * 1000:.0f} ms after a start behind kill -9")
        with gateway.client(helo="client.example.net") as client:
            client.deliver(plain())
        gateway.maildir().wait_for(1)

    def test_started_at_once_behind_a_kill(self):
        """Nobody waits for the children of the one that was killed."""
        gateway = self.gateway()
        for round_number in range(5):
            with gateway.client(helo="client.example.net") as client:
                client.deliver(plain())
            gateway.kill9("run")
            gateway.start()
        self.assertEqual(len(gateway.maildir().wait_for(5)), 5)

    def test_children_that_die_are_started_again(self):
        gateway = self.gateway()
        for name in ("ingress", "deliver"):
            before = gateway.child(name)
            gateway.kill9(name)
            until(lambda: gateway.children().get(name) not in (None, before), what=f"another {name}")
        until(lambda: re.findall(r"(ingress|deliver) was ended by signal 9; starting it again", gateway.stderr()) == ["ingress", "deliver"],
              what="a word on it")
        with gateway.client(helo="client.example.net") as client:
            client.deliver(plain())
        gateway.maildir().wait_for(1)

    def test_connections_wait_while_ingress_is_started_again(self):
        """`run` holds the sockets: whoever connects between two lives of ingress is served by the next."""
        gateway = self.gateway()
        before = gateway.child("ingress")
        gateway.signal(signal.SIGSTOP)  # so that there is time between the two
        gateway.kill9("ingress")
        until(lambda: not is_alive(before), what="the end of ingress")
        # The kernel ends the accepts of a dead ring in its own time, and what they get meanwhile is closed at once. One that is left
        # alone for a moment lies in the queue.
        until(lambda: gateway.client(greet=False).is_silent(0.2), what="a connection that is queued")
        clients = [gateway.client(greet=False) for _ in range(20)]
        gateway.signal(signal.SIGCONT)
        for client in clients:
            self.assertEqual(client.reply().code, 220)
        self.assertNotEqual(gateway.child("ingress"), before)

    def test_a_second_instance(self):
        gateway = self.gateway()
        other = subprocess.run([PROGRAM, "run", "-c", gateway.config_path], capture_output=True, text=True, timeout=30)
        self.assertEqual(other.returncode, 69, other)
        self.assertIn("cannot listen on", other.stderr)
        # On another port it is the spool that is taken.
        elsewhere = self.gateway(f"daemon_smtp_ports = {free_port(gateway.address)}\nspool_directory = {gateway.home}/spool\n", start=False,
                                 command="ingress")
        done = subprocess.run([PROGRAM, "ingress", "-c", elsewhere.config_path], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 75, done)
        self.assertIn(f"runs on {gateway.home}/spool", done.stderr)
        with gateway.client(helo="client.example.net") as client:
            client.deliver(plain())

    def test_the_service_manager_is_told(self):
        gateway = self.gateway(start=False)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(gateway.path("notify"))
            os.chmod(gateway.path("notify"), 0o777)
            manager.settimeout(20)
            gateway.environment = {"NOTIFY_SOCKET": gateway.path("notify")}
            gateway.spawn()
            self.assertIn(b"READY=1", manager.recv(4096))
            # Not a moment too early.
            self.assertTrue(is_listening(gateway.address, gateway.port))
            with gateway.client(helo="client.example.net") as client:
                client.deliver(plain())
            gateway.maildir().wait_for(1)
            gateway.stop()
            self.assertIn(b"STOPPING=1", manager.recv(4096))

    def test_the_spool_is_filled_ahead(self):
        gateway = self.gateway("spool_preallocate = 96M\n", command="ingress")
        blocks = size = 0
        for folder, _, names in os.walk(gateway.path("spool/ingress")):
            for name in names:
                found = os.stat(os.path.join(folder, name))
                blocks += found.st_blocks * 512
                size += found.st_size
        self.measured(f"{blocks >> 20} MiB lie ready; listening after {gateway.start_seconds * 1000:.0f} ms")
        self.assertGreaterEqual(blocks, 96 << 20)
        self.assertGreaterEqual(size, 96 << 20)

    def test_fewer_descriptors_than_connections(self):
        """The limit on connections is lowered, and that is said."""
        if shutil.which("setpriv") is None or os.geteuid() != 0:
            self.skipTest("wants root and setpriv")
        gateway = self.gateway(command="ingress", start=False, prefix=["setpriv", "--bounding-set", "-sys_resource", "--"])
        gateway.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000)))
        self.assertRegex(gateway.stderr(), r"warning: smtp_accept_max lowered to \d+: no more than 1000 open files are allowed")
        lowered = gateway.stats()["ingress"]["connections"]["open_max"]
        self.assertLess(lowered, 1000)
        clients = [gateway.client() for _ in range(lowered)]
        self.assertTrue(gateway.client(greet=False).line().startswith(b"421 Too many concurrent SMTP connections"))
        self.assertEqual(len(clients), lowered)

    def test_several_instances_of_one_user(self):
        """The kernel counts locked memory by user; what a usual limit allows is enough for several of them."""
        if shutil.which("setpriv") is None or os.geteuid() != 0:
            self.skipTest("wants root and setpriv")
        gateways = []
        for _ in range(4):
            gateway = self.gateway(user=gateways[0].user if gateways else None, start=False,
                                   prefix=["setpriv", "--bounding-set", "-sys_resource", "--"])
            gateways.append(gateway.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (8 << 20, 8 << 20))))
        for gateway in gateways:
            with gateway.client(helo="client.example.net") as client:
                client.deliver(plain())
        for gateway in gateways:
            gateway.maildir().wait_for(1)

    def test_without_io_uring(self):
        gateway = self.gateway(start=False)
        for error, wanted in ((errno.EPERM, "kernel.io_uring_disabled"), (errno.ENOSYS, "this kernel has no io_uring")):
            for command in ("run", "ingress", "deliver"):
                with self.subTest(command=command, error=errno.errorcode[error]):
                    done = subprocess.run([PROGRAM, command, "-c", gateway.config_path], capture_output=True, text=True, timeout=30,
                                          preexec_fn=lambda: seccomp.forbid(seccomp.IO_URING_SETUP, error))
                    self.assertEqual(done.returncode, 69, done)
                    self.assertIn(wanted, done.stderr)

    @needs_root
    def test_in_a_network_of_its_own(self):
        """A namespace with nothing but lo."""
        gateway = self.gateway("local_interfaces = 127.0.0.1 : ::1\n".replace("::1", "::::1"), address="127.0.0.1", port=2525, start=False,
                               listen=[("127.0.0.1", 2525), ("::1", 2525)],
                               prefix=["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"])
        gateway.start()
        probe = subprocess.run(["nsenter", "--net", "--target", str(gateway.process.pid), sys.executable, "-B", "-c", """
import sys
from support.smtp import Client
for address in ("127.0.0.1", "::1"):
    with Client(address, 2525, helo="client.example.net") as client:
        print(client.deliver(b"x\\r\\n"))
"""], capture_output=True, text=True, timeout=60)
        self.assertEqual(probe.returncode, 0, probe.stderr)
        arrived = gateway.maildir().wait_for(2)
        self.assertEqual(sorted(message.id for message in arrived), sorted(probe.stdout.split()))


@needs_root
class Privileges(GatewayTest):
    def status_of(self, pid):
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def test_the_children_are_nobody_special(self):
        name, uid, gid = named_user()
        gateway = self.gateway(user=(name, uid, gid))
        for child in ("ingress", "deliver"):
            with self.subTest(child):
                status = self.status_of(gateway.child(child))
                self.assertEqual(status["Uid"].split(), [str(uid)] * 4)
                self.assertEqual(status["Gid"].split(), [str(gid)] * 4)
                self.assertEqual(set(status["Groups"].split()), {str(gid)})
                for capabilities in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                    self.assertEqual(int(status[capabilities], 16), 0, capabilities)
                self.assertEqual(status["NoNewPrivs"], "1")

    def test_directories_are_made_with_their_parents(self):
        gateway = self.gateway("spool_directory = {home}/var/spool/gateway\nlog_file_path = {home}/var/log/gateway/%slog\n")
        uid, gid = gateway.user[1:]
        for path, mode in (("var/spool/gateway", 0o700), ("var/spool/gateway/ingress", 0o700), ("var/spool/gateway/delivery", 0o700),
                           ("var/log/gateway", 0o750)):
            with self.subTest(path):
                found = os.stat(gateway.path(path))
                self.assertEqual((found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)), (uid, gid, mode))
        for path in ("var", "var/spool", "var/log"):
            self.assertEqual(stat.S_IMODE(os.stat(gateway.path(path)).st_mode), 0o755)
        with gateway.client(helo="client.example.net") as client:
            client.deliver(plain())
        gateway.maildir().wait_for(1)
        for folder, _, names in os.walk(gateway.path("var")):
            for name in names:
                found = os.lstat(os.path.join(folder, name))
                self.assertEqual(found.st_uid, uid, name)
                self.assertEqual(stat.S_IMODE(found.st_mode) & 0o007, 0, f"{folder}/{name} is for everybody")

    def test_a_low_port(self):
        gateway = self.gateway("daemon_smtp_ports = 25\n", port=25, listen=[(own_address(), 25)])
        self.assertEqual(gateway.client().greeting.code, 220)

    def test_run_user_that_is_not_there(self):
        gateway = self.gateway("exim_user = nobody-of-that-name\n", start=False)
        done = subprocess.run([PROGRAM, "run", "-c", gateway.config_path], capture_output=True, text=True, timeout=30)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("exim_user names no user of this system: nobody-of-that-name", done.stderr)
        gateway = self.gateway("exim_user = root\n", start=False)
        done = subprocess.run([PROGRAM, "run", "-c", gateway.config_path], capture_output=True, text=True, timeout=30)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("exim_user is root", done.stderr)

    def test_the_owner_of_the_spool(self):
        """Where no user is configured, _postern; where there is none of that name, the owner of the spool. Here only the first can be
        seen, unless there is no _postern."""
        name, uid, gid = named_user()
        gateway = self.gateway(user=(name, uid, gid), main="exim_user =\n", start=False)
        os.mkdir(gateway.path("spool"))
        os.chown(gateway.path("spool"), uid, gid)
        gateway.start()
        self.assertEqual(self.status_of(gateway.child("ingress"))["Uid"].split(), [str(uid)] * 4)


class Interfaces(GatewayTest):
    def test_forms_of_addresses_and_ports(self):
        address = own_address()
        first, second, third, fourth, fifth = (free_port(address) for _ in range(5))
        v6 = free_port("::1"), free_port("::1"), free_port("::1")
        for main, listen in [
                (f"local_interfaces = {address}\ndaemon_smtp_ports = {first} : {second}\n", [(address, first), (address, second)]),
                (f"local_interfaces = {address}.{first} : [{address}]::{second} : {address}\ndaemon_smtp_ports = {third}\n",
                 [(address, first), (address, second), (address, third)]),
                (f"local_interfaces = <; {address}.{first} ; ::1 ; [::1]:{v6[0]} ; ::1.{v6[1]}\ndaemon_smtp_ports = <, {v6[2]}\n",
                 [(address, first), ("::1", v6[2]), ("::1", v6[0]), ("::1", v6[1])]),
                (f"local_interfaces = <, [::1]:{v6[0]} , {address}.{fourth}\n", [("::1", v6[0]), (address, fourth)]),
                (f"local_interfaces = ::::1.{v6[0]} : {address}.{fifth}\n", [("::1", v6[0]), (address, fifth)]),
        ]:
            gateway = self.gateway(main, listen=listen, command="ingress")
            with self.subTest(main):
                for where, port in listen:
                    with Client(where, port, helo="client.example.net") as client:
                        client.deliver(plain())
                gateway.stop()

    def test_ipv6_client(self):
        port = free_port("::1")
        gateway = self.gateway(f"local_interfaces = <; [::1]:{port}\n", listen=[("::1", port)])
        with Client("::1", port) as client:
            self.assertEqual(client.ehlo("client.example.net").lines[0], "gateway.example.org Hello client.example.net [::1]")
            message = client.deliver(plain())
        gateway.wait_for_log(rf"{message} <= sender@example\.net H=\(client\.example\.net\) \[::1\] P=esmtp S=\d+")
        arrived, = gateway.maildir().wait_for(1)
        self.assertIn(b"from [::1] (helo=client.example.net)", arrived.received)

    def test_a_port_that_is_taken(self):
        gateway = self.gateway(start=False)
        with socket.socket() as taken:
            taken.bind((gateway.address, gateway.port))
            taken.listen()
            done = subprocess.run([PROGRAM, "run", "-c", gateway.config_path], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 69, done)
        self.assertIn(f"cannot listen on [{gateway.address}]:{gateway.port}", done.stderr)
        self.assertFalse(is_listening(gateway.address, gateway.port))


if __name__ == "__main__":
    run_tests()
