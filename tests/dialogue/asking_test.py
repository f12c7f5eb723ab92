#!/usr/bin/env python3
"""What ACLs ask while a client waits: lists with lookups and names of hosts, lookups in expansions, files, sockets, a real Redis, a
real name server. What the data of lists are and how long they last is what Exim 4.96 said of the same ACL and the same dialogue."""
# ctest: smoke timeout=240

import itertools
import os
import re
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from peers.knot import Knot
from runner import run_tests
from support.case import GatewayTest
from support.gateway import free_port, until

REDIS = "/usr/bin/redis-check-rdb"  # the server, when it is called by that name

DATA = r"""
conn:
  warn   hosts = net-lsearch;{home}/hosts
         logwrite = conn host_data=$host_data
  accept logwrite = conn2 host_data=$host_data
mail:
  warn   senders = lsearch;{home}/senders
         logwrite = mail sender_data=<$sender_data> host_data=<$host_data> dom=<$domain_data>
  accept logwrite = mail2 sender_data=<$sender_data>
rcpt:
  warn logwrite = A sd=<$sender_data> hd=<$host_data> dd=<$domain_data>
  warn domains = +dl
       local_parts = lsearch;{home}/lps
       logwrite = B dd=<$domain_data> lp=<$local_part_data> 0=<$0> 1=<$1>
  warn logwrite = C dd=<$domain_data> lp=<$local_part_data> 0=<$0> 1=<$1>
  warn domains = ^(.*)[.]example\$
       logwrite = D dd=<$domain_data> 0=<$0> 1=<$1>
       condition = ${if match{abc}{^a(.)}{yes}}
       logwrite = E 0=<$0> 1=<$1>
  warn logwrite = F dd=<$domain_data> 0=<$0> 1=<$1>
  warn domains = *.org
       logwrite = never
  warn logwrite = G dd=<$domain_data> 0=<$0> 1=<$1>
  warn domains = *.example
       logwrite = H dd=<$domain_data> 0=<$0> 1=<$1>
  warn domains = partial-lsearch;{home}/partial
       logwrite = I dd=<$domain_data> 0=<$0> 1=<$1> 2=<$2>
  warn !domains = *.org
       logwrite = J dd=<$domain_data> 0=<$0> 1=<$1> 2=<$2>
  warn senders = S@sender.example
       logwrite = K sd=<$sender_data>  0=<$0> 1=<$1>
  warn senders = other@sender.example
       logwrite = K2 never
  warn logwrite = K3 sd=<$sender_data>
  warn recipients = lsearch;{home}/rcpts
       logwrite = L rd=<$recipient_data>  0=<$0> 1=<$1>
  warn sender_domains = ^([a-z]+)
       logwrite = M sd=<$sender_data>  0=<$0> 1=<$1>
  warn set acl_m_x = ${lookup{a.b.wild.example}partial-lsearch{{home}/partial}{v=$value 0=<$0> 1=<$1> 2=<$2>}}
       logwrite = N $acl_m_x 1=<$1>
  warn condition = ${if match_domain{$domain}{+dl}{yes}}
       logwrite = O v=<$value> dd=<$domain_data>
  warn set acl_m_x = ${if match_domain{$domain}{+dl}{v=<$value> 0=<$0> 1=<$1>}}
       logwrite = P $acl_m_x
  accept
"""

DATA_SAID = r"""conn host_data=hostfound
conn2 host_data=hostfound
mail sender_data=<sfound> host_data=<hostfound> dom=<>
mail2 sender_data=<sfound>
A sd=<sfound> hd=<hostfound> dd=<>
B dd=<domfound> lp=<lpfound> 0=<lp> 1=<>
C dd=<domfound> lp=<lpfound> 0=<lp> 1=<>
D dd=<^(.*)[.]example$> 0=<a.wild.example> 1=<a.wild>
E 0=<a.wild.example> 1=<a.wild>
F dd=<^(.*)[.]example$> 0=<a.wild.example> 1=<a.wild>
G dd=<> 0=<> 1=<>
H dd=<*.example> 0=<a.wild.example> 1=<a.wild>
I dd=<part> 0=<a.wild.example> 1=<a> 2=<wild.example>
J dd=<> 0=<> 1=<> 2=<>
K sd=<S@sender.example>  0=<> 1=<>
K3 sd=<S@sender.example>
L rd=<rfound>  0=<> 1=<>
M sd=<S@sender.example>  0=<sender.example> 1=<sender>
N v=part 0=<sender.example> 1=<a.b> 2=<wild.example> 1=<sender>
O v=<> dd=<>
P v=<domfound> 0=<a.wild.example> 1=<>
A sd=<S@sender.example> hd=<hostfound> dd=<>
C dd=<> lp=<lpfound> 0=<> 1=<>
D dd=<^(.*)[.]example$> 0=<b.wild.example> 1=<b.wild>
E 0=<b.wild.example> 1=<b.wild>
F dd=<^(.*)[.]example$> 0=<b.wild.example> 1=<b.wild>
G dd=<> 0=<> 1=<>
H dd=<*.example> 0=<b.wild.example> 1=<b.wild>
I dd=<part> 0=<b.wild.example> 1=<b> 2=<wild.example>
J dd=<> 0=<> 1=<> 2=<>
K sd=<S@sender.example>  0=<> 1=<>
K3 sd=<S@sender.example>
M sd=<S@sender.example>  0=<sender.example> 1=<sender>
N v=part 0=<sender.example> 1=<a.b> 2=<wild.example> 1=<sender>
P
"""


class Asking(GatewayTest):
    def gateway_with(self, files, **named):
        """A gateway with these files in its home."""
        gateway = self.gateway(start=False, **named)
        for name, text in files.items():
            self.write(gateway, name, text)
        return gateway.start()

    def write(self, gateway, name, text):
        path = gateway.path(name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path + ".new", 0o644)
        os.rename(path + ".new", path)

    def said(self, gateway, last, count=1):
        """What logwrite said, without the time in front."""
        gateway.wait_for_log(last, count=count)
        return "".join(line[20:].rstrip() + "\n" for line in gateway.log().splitlines())


class Lists(Asking):
    def test_data_and_captures_are_exims(self):
        gateway = self.gateway_with(
            {"domains": "a.wild.example: domfound\n", "hosts": "127.0.0.1: hostfound\n", "senders": "s@sender.example: sfound\n",
             "lps": "lp: lpfound\n", "partial": "*.wild.example: part\n", "rcpts": "lp@a.wild.example: rfound\n"},
            main="domainlist dl = lsearch;{home}/domains\nacl_smtp_connect = conn\nacl_smtp_mail = mail\nacl_smtp_rcpt = rcpt\n",
            acl=DATA)
        with gateway.client(helo="x", source="127.0.0.1") as client:
            client.expect("MAIL FROM:<s@sender.example>", 250)
            client.expect("RCPT TO:<lp@a.wild.example>", 250)
            client.expect("RCPT TO:<other@b.wild.example>", 250)
        said = self.said(gateway, r"^.{20}P\s*$")
        said = said[said.index("conn host_data"):said.index("\nP\n") + 3]
        self.maxDiff = None
        self.assertEqual(said, DATA_SAID)

    def test_a_file_that_is_not_there_puts_off_and_a_changed_one_counts(self):
        gateway = self.gateway(main="acl_smtp_rcpt = rcpt\nhostlist late = ${readfile{{home}/late}{}}\n",
                               acl="rcpt:\n  accept domains = lsearch;{home}/domains\n  deny message = not here\n")
        with gateway.client(helo="x") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<a@one.example>", 451)
            gateway.wait_for_log(r"temporarily rejected RCPT .*failed to open .*domains")
            self.write(gateway, "domains", "one.example\n")
            self.until_reply(client, "RCPT TO:<a@one.example>", 250)
            client.expect("RCPT TO:<a@two.example>", 550, "not here")
            self.write(gateway, "domains", "two.example: x\n")
            self.until_reply(client, "RCPT TO:<a@two.example>", 250)

    def until_reply(self, client, command, code):
        """Changes are looked for once a second."""
        for _ in range(100):
            reply = client.command(command)
            if reply.code == code:
                return
            time.sleep(0.1)
        self.fail(f"{command}: {reply!r}")

    def test_lists_that_are_expanded_when_they_are_used(self):
        gateway = self.gateway_with(
            {"users": "alice: one.example\nbob: two.example : three.example\n"},
            main="acl_smtp_rcpt = rcpt\n",
            acl="rcpt:\n"
                "  accept domains = ${lookup{$local_part}lsearch{{home}/users}}\n"
                "  deny   domains = $local_part : +nothing\n"
                "         message = never\n"
                "  deny   message = none of $local_part\n")
        with gateway.client(helo="x") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<alice@one.example>", 250)
            client.expect("RCPT TO:<bob@three.example>", 250)
            client.expect("RCPT TO:<alice@three.example>", 451)
        gateway.wait_for_log(r"temporarily rejected RCPT <alice@three.example>")


NAMES = """\
1.0.0 PTR client.names.example.
2.0.0 PTR liar.names.example.
"""
HOSTS = """\
client A 127.0.0.1
liar A 192.0.2.1
other A 127.0.0.5
"""


class Names(Asking):
    @classmethod
    def setUpClass(cls):
        manager = Knot({}, {"names.example": HOSTS, "127.in-addr.arpa": NAMES})
        cls.knot = manager.__enter__()
        cls.addClassCleanup(manager.__exit__, None, None, None)

    def main(self, more):
        return f"dns_servers = <; 127.0.0.1:{self.knot.port}\ndns_retry = 1\ndns_retrans = 2s\n{more}"

    def test_hosts_by_name(self):
        gateway = self.gateway(main=self.main("acl_smtp_rcpt = rcpt\n"), acl="""\
rcpt:
  accept  local_parts = wild
          hosts       = *.names.example
  accept  local_parts = lookup
          hosts       = lsearch;{home}/hosts
  accept  local_parts = forward
          hosts       = other.names.example
  accept  local_parts = include
          hosts       = +include_unknown : *.names.example
  accept  local_parts = ignore
          hosts       = +ignore_unknown : *.names.example : 127.0.0.2
  accept  local_parts = deferred
          hosts       = host.elsewhere.example
  accept  local_parts = put.aside
          hosts       = +ignore_defer : host.elsewhere.example : *
  accept  local_parts = name
          condition   = ${if eq{$sender_host_name}{client.names.example}}
  accept  local_parts = reverse
          verify      = reverse_host_lookup
          logwrite    = full host $sender_fullhost and $sender_rcvhost
  deny    message     = no: $sender_host_name failed=$host_lookup_failed deferred=$host_lookup_deferred
""")
        self.write(gateway, "hosts", "client.names.example: x\n")
        answers = {
            "127.0.0.1": dict(wild=250, lookup=250, forward=550, include=250, ignore=250, deferred=451, name=250, reverse=250),
            "127.0.0.2": dict(wild=550, lookup=550, forward=550, include=250, ignore=250, deferred=451, name=550, reverse=550),
            "127.0.0.3": dict(wild=550, lookup=550, forward=550, include=250, ignore=550, deferred=451, name=550, reverse=550),
            "127.0.0.5": dict(forward=250),
        }
        for source, wanted in answers.items():
            with gateway.client(helo="x", source=source) as client:
                client.expect("MAIL FROM:<a@example.net>", 250)
                self.assertEqual({name: client.command(f"RCPT TO:<{name}@example.org>").code for name in wanted}, wanted, source)
                client.expect("RCPT TO:<put.aside@example.org>", 250)
        with gateway.client(helo="x", source="127.0.0.1") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<other@example.org>", 550, "no: client.names.example failed=0 deferred=0")
        with gateway.client(helo="x", source="127.0.0.2") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<other@example.org>", 550, "no: +failed=1 deferred=0")
        gateway.wait_for_log(r"full host client.names.example \(x\) \[127.0.0.1\] and client.names.example \(\[127.0.0.1\] helo=x\)")
        gateway.wait_for_log(r"H=client.names.example \(x\) \[127.0.0.1\] F=<a@example.net> rejected RCPT <forward@example.org>")
        gateway.wait_for_log(r"no host name found for IP address 127.0.0.3")

    def test_host_lookup_gives_names_to_logs_and_lists_of_the_main_section(self):
        gateway = self.gateway(
            main=self.main("host_lookup = *\nacl_smtp_rcpt = accept\npipelining_advertise_hosts = *.names.example\n"
                           "host_reject_connection = lsearch;{home}/bad\nhosts_require_helo = !client.names.example\n"))
        self.write(gateway, "bad", "127.0.0.3\nliar.names.example\n")
        with gateway.client(helo="client.names.example", source="127.0.0.1") as client:
            self.assertIn("PIPELINING", client.ehlo("client.names.example").text)
            client.deliver(b"Subject: x\r\n\r\nx\r\n")
        gateway.wait_for_log(r"<= \S+ H=client.names.example \[127.0.0.1\] P=esmtp")
        arrived = gateway.maildir().wait_for(1)[0].bytes
        self.assertRegex(arrived, rb"Received: from client.names.example \(\[127.0.0.1\]\)")
        with gateway.client(source="127.0.0.5") as client:
            self.assertNotIn("PIPELINING", client.ehlo("x").text)

    def test_mx_of_a_domain(self):
        gateway = self.gateway(main=self.main("acl_smtp_rcpt = rcpt\n"),
                               acl="rcpt:\n  accept domains = @mx_any\n  deny message = none\n")
        with gateway.client(helo="x") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<a@names.example>", 550, "none")
            client.expect("RCPT TO:<a@elsewhere.example>", 451)


class Expansions(Asking):
    ACL = r"""
first:
  accept condition = ${if eq{$acl_arg1}{good}}
         message   = arg <$acl_arg1> of $acl_narg
  deny   message   = denied $acl_arg1
rcpt:
  deny   local_parts = acl
         message   = ${acl {first}{good}}|${if acl {{first}{bad}}{yes}{no: $value}}
  deny   local_parts = files
         message   = ${readfile{{home}/file}{,}} ${if exists{{home}/none}{there}{gone}} ${extract{size}{${stat:{home}/file}}}
  deny   local_parts = lists
         message   = ${if match_ip{192.0.2.7}{+nets}{in $value}{out}} ${if match_domain{x.one.example}{+domains}{<$1>}} \
                     ${if match_local_part{root}{root:daemon}{local}} ${if match_address{a@b.example}{lsearch;{home}/addresses}{$value}}
  deny   local_parts = text
         message   = ${if match_domain{$domain}{${lookup{list}lsearch{{home}/keys}}}{at use}{not}}
  deny   local_parts = socket
         message   = ${readsocket{{home}/socket}{ask $local_part\n}{2s}{ }{failed}}
  deny   local_parts = inet
         message   = ${readsocket{inet:127.0.0.1:PORT}{ask $local_part\n}}
  deny   local_parts = silence
         message   = ${readsocket{{home}/silent}{x}{1s}{}{too late}}
  deny   local_parts = kept
         message   = ${readsocket{{home}/counter}{x}{2s:cache=yes}}${readsocket{{home}/counter}{x}{2s:cache=yes}}\
                     ${readsocket{{home}/counter}{x}}${readsocket{{home}/counter}{x}{2s:cache=yes}}
  deny   local_parts = service
         message   = unseen
         condition = ${readsocket{inet:127.0.0.1:tcpmux}{x}}
  deny   local_parts = sqlite
         message   = ${lookup sqlite{select v from t where k='${quote_sqlite:$domain}'}}
  deny   local_parts = broken
         message   = unseen
         condition = ${lookup{x}lsearch{{home}/missing}}
  accept local_parts = late
         acl       = ${lookup{acl}lsearch{{home}/keys}}
  deny   message   = other
"""

    def serve(self, listener, answers, said=lambda number: "you said\n"):
        """`answers`: whether it does, with what it was asked behind what `said` gives for the number of the connection."""
        def work():
            for number in itertools.count(1):
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    if not answers:
                        connection.recv(1)
                        time.sleep(3)
                        continue
                    asked = b""
                    while piece := connection.recv(4096):
                        asked += piece
                    connection.sendall(said(number).encode() + asked)

        listener.listen()
        threading.Thread(target=work, daemon=True).start()
        self.addCleanup(listener.close)

    def test_a_socket_with_tls(self):
        gateway = self.gateway(start=False, main="acl_smtp_rcpt = rcpt\n", acl="rcpt:\n  deny message = ${{readsocket{{inet:127.0.0.1:{tls}}}"
                               "{{ask}}{{5s:tls=yes}}{{ }}{{failed}}}}, ${{readsocket{{inet:127.0.0.1:{clear}}}{{ask}}{{5s:tls=yes}}{{ }}{{failed}}}}\n".format(
                                   tls=self.tls_server(), clear=self.clear_server()))
        gateway.start()
        with gateway.client(helo="x") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<b@example.org>", 550, "you said ask, failed")

    def tls_server(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        certificate, key = f"{folder}/certificate", f"{folder}/key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=x",
                        "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.serve(listener, True)
        return listener.getsockname()[1]

    def clear_server(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.serve(listener, True)
        return listener.getsockname()[1]

    def local_socket(self, path):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        os.chmod(path, 0o666)
        return listener

    def test_what_they_ask(self):
        inet = socket.create_server(("127.0.0.1", 0))
        self.serve(inet, True)
        gateway = self.gateway(
            start=False, acl=self.ACL.replace("PORT", str(inet.getsockname()[1])),
            main="acl_smtp_rcpt = rcpt\nhostlist nets = 192.0.2.0/24\ndomainlist domains = *.one.example\nsqlite_dbfile = {home}/db\n")
        for name, text in {"file": "one\ntwo\n", "addresses": "a@b.example: address data\n",
                           "keys": "list: a.example : *.b.example\nacl: accept domains = +domains\n"}.items():
            self.write(gateway, name, text)
        self.serve(self.local_socket(gateway.path("socket")), True)
        self.serve(self.local_socket(gateway.path("silent")), False)
        self.serve(self.local_socket(gateway.path("counter")), True, said=str)
        subprocess.run(["sqlite3", gateway.path("db"), "create table t(k,v); insert into t values('example.org','from sqlite')"],
                       check=True)
        os.chmod(gateway.path("db"), 0o644)
        gateway.start()
        wanted = {"acl": "arg <good> of 1|no: denied bad", "files": "one,two, gone 8", "lists": "in  <x> local address data",
                  "text": "not", "socket": "you said ask socket ", "inet": "you said\nask inet", "kept": "1x1x2x3x", "silence": "too late",
                  "sqlite": "from sqlite", "other": "other"}
        with gateway.client(helo="x") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            for local_part, text in wanted.items():
                reply = client.command(f"RCPT TO:<{local_part}@example.org>")
                self.assertEqual((reply.code, reply.text.replace("5.7.1 ", "").strip()), (550, text.strip()), local_part)
            client.expect("RCPT TO:<text@x.b.example>", 550, "at use")
            client.expect("RCPT TO:<broken@example.org>", 451)
            client.expect("RCPT TO:<service@example.org>", 451)
            client.expect("RCPT TO:<late@x.one.example>", 250)
            client.expect("RCPT TO:<late@example.org>", 550)
        gateway.wait_for_log("failed to open .*missing", name="panic")
        gateway.wait_for_log("failed to connect to socket inet:127.0.0.1:tcpmux: Connection refused", name="panic")

    def test_programs(self):
        gateway = self.gateway(main="acl_smtp_rcpt = rcpt\n", acl=r"""
rcpt:
  deny   local_parts = echo
         message   = ${run{/bin/echo $sender_address "two  words" ${if eq{a}{a}{x y}{}}}}
  deny   local_parts = status
         message   = ${run{/bin/sh -c "echo to both; exit 3"}{good}{status $runrc, $value}}
  deny   local_parts = nothing
         message   = ${run{/bin/sh -c "id -u; cat; env; ls /proc/self/fd"}}
  deny   local_parts = missing
         message   = ${run{/no/such/program}{good}{status $runrc}}
  deny   local_parts = killed
         message   = unseen
         condition = ${run{/bin/sh -c "kill -TERM \$\$"}}
  deny   local_parts = loud
         message   = unseen
         condition = ${run{/usr/bin/yes}}
  deny   local_parts = slow
         message   = ${run{/bin/sleep 1}}slept
""")
        with gateway.client(helo="x") as client:
            client.expect("MAIL FROM:<a&rm@example.net>", 250)
            for local_part, pattern in {"echo": r"a&rm@example.net two  words x y$", "status": "status 3, to both$",
                                        "missing": "status 127$", "slow": "slept$"}.items():
                client.expect(f"RCPT TO:<{local_part}@example.org>", 550, pattern)
            reply = client.expect("RCPT TO:<nothing@example.org>", 550)
            lines = [line.replace("5.7.1 ", "") for line in reply.lines]
            if gateway.user:
                self.assertEqual(lines[0], str(gateway.user[1]), "as the user of the gateway")
            self.assertEqual([line for line in lines[1:] if line.strip() and not line.startswith(("PWD=", "SHLVL=", "_="))],
                             ["0", "1", "2", "3"], "no input, no environment, no descriptor of the gateway")
            client.expect("RCPT TO:<killed@example.org>", 451)
            client.expect("RCPT TO:<loud@example.org>", 451)
        gateway.wait_for_log("command killed by signal 15", name="panic")
        gateway.wait_for_log("command wrote more than 262144 bytes", name="panic")

    def test_a_program_does_not_hold_up_others_nor_the_end(self):
        gateway = self.gateway(main="acl_smtp_rcpt = rcpt\n", acl="""
rcpt:
  accept local_parts = slow
         set acl_m_x = ${run{/bin/sleep 50}}
  accept
""")
        with gateway.client(helo="x") as slow, gateway.client(helo="y") as other:
            slow.expect("MAIL FROM:<a@example.net>", 250)
            slow.send(b"RCPT TO:<slow@example.org>\r\n")
            self.wait_for_program(gateway, "sleep")
            other.deliver(b"Subject: x\r\n\r\nx\r\n")
            gateway.stop(60)  # transactions have their grace, programs have not
            self.assertEqual(slow.reply().code, 451)

    def wait_for_program(self, gateway, name):
        def there():
            children = subprocess.run(["pgrep", "-P", str(gateway.child("ingress"))], stdout=subprocess.PIPE, text=True, check=False)
            names = set()
            for pid in children.stdout.split():
                try:
                    with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                        names.add(file.read().strip())
                except OSError:
                    pass
            return name in names
        until(there, what=f"{name} running")

    def test_signed_addresses(self):
        gateway = self.gateway(main="acl_smtp_rcpt = rcpt\n", acl="""
rcpt:
  deny    local_parts = sign
          message     = ${prvs{back@example.org}{secret $sender_address_local_part}{7}}
  deny    condition   = ${prvscheck{$local_part@$domain}{secret ${if eq{$prvscheck_keynum}{7}{a}}}{1}}
          !condition  = $prvscheck_result
          message     = forged
  accept  condition   = $prvscheck_result
          message     = 250 signed
  deny    message     = not signed
""")
        with gateway.client(helo="x") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            signed = client.expect("RCPT TO:<sign@example.org>", 550).text.split()[-1]
            self.assertRegex(signed, r"^prvs=7\d{3}[0-9a-f]{6}=back@example.org$")
            client.expect(f"RCPT TO:<{signed}>", 250, "signed")
            wrong = signed.replace(signed[9:15], "0" * 6 if signed[9:15] != "0" * 6 else "1" * 6)
            client.expect(f"RCPT TO:<{wrong}>", 550, "forged")
            client.expect("RCPT TO:<back@example.org>", 550, "not signed")

    def redis(self, home):
        port = free_port("127.0.0.1")
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", home, "--save", ""]
        server = subprocess.Popen(["redis-server", *options], executable=REDIS, stdout=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        for _ in range(200):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    return server, port
            time.sleep(0.05)
        self.fail("Redis does not start")

    def test_redis(self):
        if not os.access(REDIS, os.X_OK):
            self.skipTest("redis-tools is not installed")
        gateway = self.gateway(start=False)
        server, port = self.redis(gateway.home)
        gateway.write_config(gateway.compose(
            f"hide redis_servers = 127.0.0.1::{port}/0/\nacl_smtp_rcpt = rcpt\n",
            "rcpt:\n"
            "  warn   set acl_m_n = ${lookup redis{incr $local_part}}\n"
            "  accept domains = redis;lrange ${quote_redis:$domain} 0 -1\n"
            "         message = 250 $domain_data $acl_m_n\n"
            "  deny   message = 550 unknown after $acl_m_n\n",
            "r:\n  driver = accept\n  transport = t\n", "t:\n  driver = appendfile\n  directory = {home}/mail/box\n  maildir_format\n",
            "* * F,1h,1s\n"))
        gateway.start()
        with socket.create_connection(("127.0.0.1", port)) as redis:
            redis.sendall(b"RPUSH known.example tenant-7\r\n")
            self.assertEqual(redis.recv(100), b":1\r\n")
        with gateway.client(helo="x") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<a@known.example>", 250, "tenant-7 1$")
            client.expect("RCPT TO:<b@unknown.example>", 550, "unknown after 1$")
            server.kill()
            server.wait()
            client.expect("RCPT TO:<d@known.example>", 250, "tenant-7")  # known as long as the message lasts
            client.expect("RSET", 250)
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<c@known.example>", 451)
            with gateway.client(helo="y") as other:  # nobody else waits
                other.expect("NOOP", 250)
        gateway.wait_for_log("temporarily rejected RCPT <c@known.example>")


if __name__ == "__main__":
    run_tests()
