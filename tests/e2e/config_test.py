#!/usr/bin/env python3
"""`postern check` and `postern config`."""
# ctest: timeout=60

import json
import os
import subprocess

from runner import run_tests
from support.case import GatewayTest
from support.gateway import PATIENCE, PROGRAM, named_user

SECRET = "hide mysql_servers = localhost/db/user/secret\n"


class ConfigTest(GatewayTest):
    def run_tool(self, command, path, *options, status=0, user=None):
        more = {"user": user[1], "group": user[2], "extra_groups": []} if user else {}
        done = subprocess.run([PROGRAM, command, "-c", path, *options], capture_output=True, text=True, timeout=PATIENCE, **more)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def file(self, text):
        gateway = self.gateway(start=False, config=text)
        return gateway.config_path


class Check(ConfigTest):
    BAD = "primary_hostname = mx.example\nsmtp_acept_max = 3\nsmtp_receive_timeout = soon\nacl_smtp_rcpt = accept\nbegin routers\nr:\n  driver = nothing\n"

    def test_all_errors_are_told(self):
        done = self.run_tool("check", self.file(self.BAD), status=78)
        lines = done.stderr.splitlines()
        self.assertEqual([line.split(":")[1] for line in lines], ["2", "3", "7"], done.stderr)

    def test_json(self):
        path = self.file(self.BAD)
        report = json.loads(self.run_tool("check", path, "--json", status=78).stdout)
        self.assertEqual((report["file"], report["ok"], report["errors"], report["warnings"]), (path, False, 3, 0))
        self.assertEqual([(each["severity"], each["line"], each["column"]) for each in report["diagnostics"]],
                         [("error", 2, 1), ("error", 3, 24), ("error", 7, 12)])
        self.assertIn("did you mean", report["diagnostics"][0]["message"])
        good = self.file("primary_hostname = mx.example\nacl_smtp_rcpt = accept\ntls_certificate = /x\n")
        report = json.loads(self.run_tool("check", good, "--json").stdout)
        self.assertEqual((report["ok"], report["errors"], report["warnings"]), (True, 0, 1))

    def test_bytes_that_are_no_text(self):
        path = self.file("")
        with open(path, "wb") as file:
            file.write(b"\xff\xfe = 3\n")
        report = json.loads(self.run_tool("check", path, "--json", status=78).stdout)
        self.assertFalse(report["ok"])
        self.run_tool("check", path + ".none", status=78)


class Effective(ConfigTest):
    def effective(self, path, **more):
        return self.run_tool("config", path, **more).stdout

    def test_its_own_output_gives_the_same(self):
        once = self.effective(self.gateway(start=False).config_path)
        twice = self.effective(self.file(once))
        self.assertEqual(once, twice)
        self.assertIn("\nsmtp_accept_max = ", once)

    def test_hidden_values(self):
        path = self.file("primary_hostname = mx.example\nacl_smtp_rcpt = accept\n" + SECRET)
        if os.geteuid() != 0:
            self.assertNotIn("secret", self.effective(path))
            return
        self.assertIn(SECRET, self.effective(path))
        program = os.path.join(os.path.dirname(path), "postern")
        subprocess.run(["cp", PROGRAM, program], check=True)
        user = named_user()
        done = subprocess.run([program, "config", "-c", path], capture_output=True, text=True, timeout=PATIENCE, user=user[1], group=user[2],
                              extra_groups=[])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("secret", done.stdout)
        self.assertIn("# hide mysql_servers = <value not displayable>\n", done.stdout)

    def test_an_error_gives_no_configuration(self):
        done = self.run_tool("config", self.file("smtp_acept_max = 3\n"), status=78)
        self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    run_tests()
