#!/usr/bin/env python3
"""ACLs as a client meets them: verbs in their phases, how long variables last, what is added to messages, rates over all shards and
over a restart, and a delay that ends with its client."""
# ctest: smoke timeout=240

import re

from runner import run_tests
from support.case import GatewayTest, SharedGatewayTest
from support.gateway import until
from support.messages import plain

MESSAGE = (b"From: Sender <sender@example.net>\r\nTo: box@example.org\r\nSubject: the subject\r\nX-Bad: 1\r\nX-Bad: 2\r\n"
           b"Message-ID: <1@example.net>\r\n\r\ntext\r\n")

VERBS = """\
connect:
  warn   set acl_c_banner = kept
  accept
helo:
  drop   condition = ${if eq{$sender_helo_name}{drop.example}}
         message   = 550 5.7.1 not you
  deny   condition = ${if eq{$sender_helo_name}{deny.example}}
         message   = not that name
  accept
mail:
  deny    senders = denied@example.net
          message = sender refused: $acl_c_banner
  defer   senders = later@example.net
          message = 450 4.7.0 come back
          log_message = a while
  discard senders = gone@example.net
  deny    senders = silent@example.net
          log_reject_target =
  deny    senders = nested@example.net
          !acl = nested one $sender_address
  accept
nested:
  deny   message = $acl_narg: $acl_arg1, $acl_arg2
rcpt:
  deny    recipients = denied@example.org
          message = 551 5.7.1 one\\ntwo
  require recipients = !required@example.org
  deny    recipients = unknown@example.org
          acl = ${if eq{a}{a}{no_such_acl}}
  accept  recipients = message@example.org
          message = 250 2.1.5 welcome
  accept
predata:
  deny    condition = ${if eq{$recipients_count}{2}}
          message = one recipient only
  accept
data:
  deny    condition = ${if match{$h_subject:}{refused}}
          message = subject: $h_subject:
  discard condition = ${if match{$h_subject:}{discarded}}
  warn    condition = ${if match{$h_subject:}{fake reject}}
          control = fakereject/550 5.7.1 we did not like it
  warn    condition = ${if match{$h_subject:}{fake defer}}
          control = fakedefer
  accept
quit:
  warn    logwrite = quit after $acl_c_banner
  accept  message = 221 see you
notquit:
  warn    logwrite = left: $smtp_notquit_reason
  accept
vrfy:
  accept  domains = example.org
  deny    message = 252 perhaps
etrn:
  deny    message = 458 not here
expn:
  accept  message = 250 <nobody@example.org>
"""

VERBS_MAIN = """\
acl_smtp_connect = connect
acl_smtp_helo = helo
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
acl_smtp_predata = predata
acl_smtp_data = data
acl_smtp_quit = quit
acl_smtp_notquit = notquit
acl_smtp_vrfy = vrfy
acl_smtp_etrn = ${if eq{$interface_port}{1}{accept}{etrn}}
acl_smtp_expn = expn
"""


class Verbs(SharedGatewayTest):
    GATEWAY = {"main": VERBS_MAIN, "acl": VERBS}

    def test_helo(self):
        with self.client() as client:
            self.assertEqual(client.command("EHLO deny.example").raw, b"550 not that name\r\n")
            client.expect("EHLO client.example", 250)
        with self.client() as client:
            self.assertEqual(client.command("EHLO drop.example").raw, b"550 5.7.1 not you\r\n")
            self.assertEqual(client.rest(), b"")
        self.gateway.wait_for_log(r"left: acl-drop$")

    def test_mail(self):
        with self.client(helo="client.example") as client:
            client.expect("MAIL FROM:<denied@example.net>", 550, "^5.7.1 sender refused: kept$")
            client.expect("MAIL FROM:<later@example.net>", 450, "^4.7.0 come back$")
            client.expect("MAIL FROM:<nested@example.net>", 550, "2: one, nested@example.net$")
            client.expect("MAIL FROM:<gone@example.net>", 250)
            client.expect("RCPT TO:<a@example.org>", 250)
            self.assertIsNotNone(client.data(MESSAGE).id)
            client.expect("MAIL FROM:<silent@example.net>", 550)
        self.gateway.wait_for_log(r"temporarily rejected MAIL <later@example.net>: a while", name="reject")
        self.assertNotIn("silent@example.net", self.gateway.log("reject"))

    def test_rcpt(self):
        with self.client(helo="client.example") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            self.assertEqual(client.command("RCPT TO:<denied@example.org>").raw, b"551-5.7.1 one\r\n551 5.7.1 two\r\n")
            client.expect("RCPT TO:<required@example.org>", 550)
            client.expect("RCPT TO:<message@example.org>", 250, "^2.1.5 welcome$")
            self.assertEqual(client.command("RCPT TO:<unknown@example.org>").raw,
                             b"451 4.3.0 Temporary local problem - please try later\r\n")
            client.expect("RCPT TO:<b@example.org>", 250)
            client.expect("DATA", 550, "one recipient only")
        self.gateway.wait_for_log(r'unknown ACL verb "no_such_acl"', name="panic")

    def test_data(self):
        with self.client(helo="client.example") as client:
            for subject, code, pattern in [("refused", 550, "subject: refused$"), ("discarded", 250, "OK id="),
                                           ("fake reject", 550, "^5.7.1 we did not like it$"),
                                           ("fake defer", 450, "being kept for evaluation")]:
                client.envelope("a@example.net", ["box@example.org"])
                reply = client.data(f"Subject: {subject}\r\n\r\nx\r\n".encode())
                self.assert_reply(reply, code, pattern)
        arrived = self.gateway.maildir().wait_for(2)
        self.assertEqual(sorted(re.search(rb"Subject: (.*)\n", each.bytes).group(1).strip() for each in arrived),
                         [b"fake defer", b"fake reject"])

    def assert_reply(self, reply, code, pattern):
        self.assertEqual(reply.code, code, reply)
        self.assertRegex(reply.text, pattern)

    def test_the_rest(self):
        with self.client(helo="client.example") as client:
            client.expect("VRFY box@example.org", 250, "<box@example.org> is deliverable")
            client.expect("VRFY box@elsewhere.example", 252, "perhaps")
            client.expect("ETRN x", 458, "not here")
            client.expect("EXPN list", 250, "<nobody@example.org>")
            self.assertEqual(client.command("QUIT").raw, b"221 2.0.0 see you\r\n")
        self.gateway.wait_for_log(r"quit after kept$")
        client = self.client(helo="client.example")
        client.close()
        self.gateway.wait_for_log(r"left: connection-lost$")


VARIABLES = """\
say:
  warn   logwrite = $acl_arg1 c=<$acl_c0> m=<$acl_m_x>
  accept
connect:
  warn   set acl_c0 = connection
         set acl_m_x = early
  accept
helo:
  accept acl = say helo
mail:
  accept acl = say mail
rcpt:
  accept set acl_m_x = $local_part
         acl = say rcpt
data:
  accept acl = say data
"""


class Variables(GatewayTest):

    def test_how_long_they_last(self):
        gateway = self.gateway(main="acl_smtp_connect = connect\nacl_smtp_helo = helo\nacl_smtp_mail = mail\nacl_smtp_rcpt = rcpt\n"
                               "acl_smtp_data = data\n", acl=VARIABLES)
        with gateway.client(helo="one.example") as client:
            client.deliver(plain(), recipients=["First@example.org"])
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<second@example.org>", 250)
            client.expect("RSET", 250)
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<third@example.org>", 250)
            client.ehlo("two.example")
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.quit()
        gateway.wait_for_log(r"mail c=", count=4)
        said = re.findall(r"(\w+) c=<connection> m=<(.*)>", gateway.log())
        self.assertEqual(said, [("helo", ""), ("mail", ""), ("rcpt", "first"), ("data", "first"),
                                ("mail", ""), ("rcpt", "second"), ("mail", ""), ("rcpt", "third"),
                                ("helo", "third"), ("mail", "")])


HEADERS = """\
rcpt:
  warn   add_header = X-End: $local_part
         add_header = :at_start:X-Start: 1\\nX-Second: 2
  warn   message = X-Warned: by message
         add_header = X-End: $local_part
  accept remove_header = X-Bad : subject
         control = caseful_local_part
data:
  accept add_header = :after_received:X-After: $h_x-end: <$h_subject:>
         add_header = :at_start_rfc:X-Rfc: ${if def:h_x-bad:{there}{gone}}
         logwrite = added: ${sg{$headers_added}{\\n}{|}}
"""


class Headers(GatewayTest):

    def test_they_arrive_where_they_were_put(self):
        gateway = self.gateway(main="acl_smtp_rcpt = rcpt\nacl_smtp_data = data\n", acl=HEADERS)
        with gateway.client(helo="client.example") as client:
            client.deliver(MESSAGE)
        [message] = gateway.maildir().wait_for(1)
        head = message.bytes.replace(b"\r\n", b"\n").split(b"\n\n")[0].decode()
        unfolded = re.sub(r"\n[ \t]+", " ", head).split("\n")
        received = [line for line in unfolded if line.startswith("Received:")]
        self.assertEqual(len(received), 1)
        self.assertEqual([line for line in unfolded if line != received[0]],
                         ["X-Start: 1", "X-Rfc: gone", "X-After: box <>", "From: Sender <sender@example.net>", "To: box@example.org",
                          "Message-ID: <1@example.net>", "X-End: box", "X-Second: 2", "X-Warned: by message"])
        self.assertEqual(unfolded[1], received[0])
        gateway.wait_for_log(r"added: X-End: box\|X-Start: 1\|X-Second: 2\|X-Warned: by message\|X-After: box <>\|X-Rfc: gone$")


class Frozen(GatewayTest):

    def test_a_frozen_message_stays(self):
        gateway = self.gateway(main="acl_smtp_data = data\n", acl="acl_check_rcpt:\n  accept\ndata:\n"
                               "  warn condition = ${if match{$h_subject:}{freeze}}\n       control = freeze\n  accept\n")
        with gateway.client(helo="client.example") as client:
            frozen = client.deliver(b"Subject: freeze\r\n\r\nx\r\n")
            free = client.deliver(b"Subject: free\r\n\r\nx\r\n")
        gateway.wait_for_log(f"{frozen} Message is frozen$")
        self.assertEqual([message.id for message in gateway.maildir().wait_for(1)], [free])
        gateway.stop()
        gateway.start()
        until(lambda: gateway.log().count(f"{frozen} Message is frozen") == 2, what="the frozen message after a restart")
        self.assertEqual(len(gateway.maildir().messages()), 1)


RATES = """\
rcpt:
  deny   ratelimit = 9.5 / 1h / per_rcpt / strict / $sender_address
         message = $sender_rate of $sender_rate_limit in $sender_rate_period
  accept
"""


class Rates(GatewayTest):

    def test_over_all_shards_and_over_a_restart(self):
        gateway = self.gateway(main="acl_smtp_rcpt = rcpt\n", acl=RATES)
        # Each of these connections belongs to one shard or the other, and each key to one of them.
        for sender in ("a@example.net", "b@example.net", "c@example.net"):
            codes = []
            for _ in range(14):
                with gateway.client(helo="client.example") as client:
                    client.expect(f"MAIL FROM:<{sender}>", 250)
                    codes.append(client.command("RCPT TO:<box@example.org>").code)
            self.assertEqual(codes, [250] * 9 + [550] * 5, sender)
        gateway.stop()
        gateway.start()
        with gateway.client(helo="client.example") as client:
            client.expect("MAIL FROM:<a@example.net>", 250)
            client.expect("RCPT TO:<box@example.org>", 550, r"1\d\.\d of 9\.5 in 1h$")
            client.expect("RSET", 250)
            client.expect("MAIL FROM:<d@example.net>", 250)
            client.expect("RCPT TO:<box@example.org>", 250)


DELAYS = """\
acl_check_rcpt:
  accept
mail:
  accept senders = slow@example.net
         delay   = 10m
  accept senders = short@example.net
         delay   = 1s
  accept
notquit:
  accept logwrite = left: $smtp_notquit_reason
"""


class Delays(GatewayTest):

    def test_a_delay_ends_with_its_client(self):
        gateway = self.gateway(main="acl_smtp_mail = mail\nacl_smtp_notquit = notquit\n", acl=DELAYS)
        client = gateway.client(helo="client.example")
        # The reply to the command in front is not held back.
        client.send("RSET\r\nMAIL FROM:<slow@example.net>\r\n")
        self.assertEqual(client.reply().code, 250)
        self.assertTrue(client.is_silent(0.3))
        client.close()
        gateway.wait_for_log(r"left: connection-lost$")

    def test_a_short_one_ends_by_itself_and_forgets_nothing(self):
        gateway = self.gateway(main="acl_smtp_mail = mail\n", acl=DELAYS)
        with gateway.client(helo="client.example") as client:
            client.send("MAIL FROM:<short@example.net>\r\n")
            self.assertTrue(client.is_silent(0.1))
            client.send("RCPT TO:<box@example.org>\r\nDATA\r\n")
            self.assertEqual([reply.code for reply in client.replies(3)], [250, 250, 354])
            client.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
            self.assertEqual(client.reply().code, 250)

    def test_a_stop_ends_it(self):
        gateway = self.gateway(main="acl_smtp_mail = mail\n", acl=DELAYS)
        client = gateway.client(helo="client.example")
        client.send("MAIL FROM:<slow@example.net>\r\n")
        self.assertTrue(client.is_silent(0.3))
        gateway.stop()


if __name__ == "__main__":
    run_tests()
