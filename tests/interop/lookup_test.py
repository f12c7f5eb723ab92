#!/usr/bin/env python3
"""Lookups as people write them, through `postern expand`: files that other programs have made, a real Redis."""

import os
import socket
import subprocess
import tempfile
import time
import unittest

from runner import run_tests

POSTERN = os.environ["POSTERN_BIN"]
REDIS = "/usr/bin/redis-check-rdb"  # the server, when it is called by that name


class Expansions(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="postern-lookup-")
        self.addCleanup(folder.cleanup)
        self.home = folder.name
        self.main = ""

    def write(self, name, text):
        path = os.path.join(self.home, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def make(self, program, *arguments):
        if not os.access(program, os.X_OK):
            self.skipTest(f"{program} is not installed")
        subprocess.run([program, *arguments], check=True, cwd=self.home, stdout=subprocess.DEVNULL)

    def expand(self, text):
        configuration = self.write("conf", f"primary_hostname = here.example\n{self.main}acl_smtp_rcpt = accept\n")
        command = [POSTERN, "expand", "-c", configuration, text]
        return subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, timeout=60).stdout.rstrip("\n")

    def test_lmdb_in_its_three_forms(self):
        self.write("list", "alpha\none\n")
        self.make("/usr/bin/mdb_load", "-n", "-T", "-f", "list", "list.mdb")
        lookup = f"${{lookup{{alpha}}lmdb{{{self.home}/list.mdb}}"
        missing = f"${{lookup{{beta}}lmdb{{{self.home}/list.mdb}}"
        self.assertEqual(self.expand(lookup + "{$value}}"), "one")
        self.assertEqual(self.expand(lookup + "{$value}fail}"), "one")
        self.assertEqual(self.expand(lookup + "}"), "one")
        self.assertEqual(self.expand(missing + "{$value}}"), "")
        self.assertEqual(self.expand(missing + "{$value}fail}"), 'Failed: "lookup" failed and "fail" requested')
        self.assertEqual(self.expand(missing + "}"), "")

    def test_text_files_and_directories(self):
        path = self.write("list", "alpha: one\n*.wild.example: wild\n*: any\n")
        self.assertEqual(self.expand(f"${{lookup{{alpha}}lsearch{{{path}}}}}"), "one")
        self.assertEqual(self.expand(f"${{lookup{{a.b.wild.example}}partial-lsearch{{{path}}}}}"), "wild")
        self.assertEqual(self.expand(f"${{lookup{{x@y}}lsearch*@{{{path}}}{{got $value}}{{no}}}}"), "got any")
        self.assertEqual(self.expand(f"${{lookup{{list}}dsearch,ret=full{{{self.home}}}}}"), path)
        self.assertEqual(
            self.expand("${lookup{x}lsearch{/no/such}}"),
            "Failed: failed to open /no/such for linear search: No such file or directory",
        )

    def test_cdb_and_sqlite(self):
        self.write("list", "alpha one\n")
        self.make("/usr/bin/cdb", "-c", "-m", "list.cdb", "list")
        self.assertEqual(self.expand(f"${{lookup{{alpha}}cdb{{{self.home}/list.cdb}}}}"), "one")
        self.make("/usr/bin/sqlite3", "db", "create table t(k,v); insert into t values('a','it''s')")
        self.main = f"sqlite_dbfile = {self.home}/db\n"
        self.assertEqual(self.expand("${lookup sqlite{select v from t where k='a'}}"), "it's")
        self.assertEqual(self.expand("${lookup sqlite{select k from t where v='${quote_sqlite:it's}'}}"), "a")

    def start_redis(self, *options, port_option="--port"):
        if not os.access(REDIS, os.X_OK):
            self.skipTest("redis-tools is not installed")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = subprocess.Popen(["redis-server", *options, port_option, str(port), "--bind", "127.0.0.1", "--dir", self.home, "--save", "",
                                   "--requirepass", "secret"], executable=REDIS, stdout=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        for _ in range(200):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        return port

    def test_redis(self):
        port = self.start_redis()
        self.main = f"hide redis_servers = 127.0.0.1::{port}/2/secret\n"
        self.assertEqual(self.expand("${lookup redis{set name ${quote_redis:two words}}}"), "OK")
        self.assertEqual(self.expand("${lookup redis{get name}}"), "two words")
        self.assertEqual(self.expand("${lookup redis{rpush list a b c}}"), "3")
        self.assertEqual(self.expand("${lookup redis{lrange list 0 -1}}"), "a\nb\nc")

    def test_redis_with_tls(self):
        certificate = f"{self.home}/certificate"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=redis",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{self.home}/key", "-out", certificate], check=True,
                       stderr=subprocess.DEVNULL)
        port = self.start_redis("--port", "0", "--tls-cert-file", certificate, "--tls-key-file", f"{self.home}/key",
                                "--tls-ca-cert-file", certificate, "--tls-auth-clients", "no", port_option="--tls-port")
        servers = f"hide redis_servers = <; rediss://127.0.0.1:{port}/0/secret\n"
        self.main = servers + f"redis_tls_verify_certificates = {certificate}\n"
        self.assertEqual(self.expand("${lookup redis{set name value}}"), "OK")
        self.assertEqual(self.expand("${lookup redis{get name}}"), "value")
        large = "y" * 60_000  # several records
        self.assertEqual(self.expand(f"${{lookup redis{{set name {large}}}}}"), "OK")
        self.assertEqual(self.expand("${lookup redis{get name}}"), large)
        self.assertEqual(self.expand("${lookup redis{set name value}}"), "OK")
        self.main = servers
        self.assertIn("certificate verify failed (self-signed certificate)", self.expand("${lookup redis{get name}}"))
        self.main = servers + "redis_tls_verify_certificates =\n"
        self.assertEqual(self.expand("${lookup redis{get name}}"), "value")
        # TLS to a server without it ends in a reason, and so does the other way round.
        self.main = f"hide redis_servers = 127.0.0.1::{port}/0/secret\n"
        self.assertIn("REDIS: 127.0.0.1", self.expand("${lookup redis{get name}}"))


if __name__ == "__main__":
    run_tests()
