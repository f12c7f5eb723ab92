// Recorded dialogues. Each is played with every group of lines in one piece, byte by byte, and cut in two at each point.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/smtp/dialogue_testing.h"

namespace postern::smtp {

std::vector<DialogueStep> parse_script(std::string_view script) {
  std::vector<DialogueStep> steps;
  const auto unescape = [](std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        out.push_back(text[i]);
        continue;
      }
      const char c = text[++i];
      if (c == 'x') {
        out.push_back(static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16)));
        i += 2;
      } else {
        out.push_back(c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : c);
      }
    }
    return out;
  };
  bool last_was_sent = false;
  while (!script.empty()) {
    const std::size_t end = script.find('\n');
    const std::string_view line = script.substr(0, end);
    script.remove_prefix(end == script.npos ? script.size() : end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    const bool is_sent = line.starts_with("C");
    if (steps.empty() || (is_sent && !last_was_sent)) steps.emplace_back();
    last_was_sent = is_sent;
    DialogueStep& step = steps.back();
    const std::string_view text = line.size() > 3 ? line.substr(3) : "";
    if (line.starts_with("C:"))
      step.sent.append(text).append("\r\n");
    else if (line.starts_with("C="))
      step.sent.append(unescape(text));
    else if (line.starts_with("S:"))
      step.expected.append(text).append("\r\n");
    else if (line.starts_with("E:"))
      step.ends = true;
    else
      ADD_FAILURE() << "not a script line: " << line;
  }
  return steps;
}

namespace {

constexpr std::string_view kHello =
    "S: 220 mx.example ESMTP\n"
    "C: EHLO client.example\n"
    "S: 250-mx.example Hello client.example [192.0.2.1]\n"
    "S: 250-SIZE 52428800\n"
    "S: 250-LIMITS RCPTMAX=50000\n"
    "S: 250-8BITMIME\n"
    "S: 250-DSN\n"
    "S: 250-PIPELINING\n"
    "S: 250-CHUNKING\n"
    "S: 250-SMTPUTF8\n"
    "S: 250-ENHANCEDSTATUSCODES\n"
    "S: 250 HELP\n";

struct Dialogue {
  const char* name;
  bool hello;  // begins with kHello
  bool cuts;   // also played in pieces; false where what is in one piece is the point
  std::string_view script;
  std::function<void(TestSession&)> set_up = {};
  std::function<void(TestSession&)> check = {};
  std::function<void(TestSession&)> after_hello = {};
};

void expect_text(TestSession& t, std::size_t message, std::string_view text) {
  ASSERT_GT(t.hooks.messages.size(), message);
  EXPECT_TRUE(t.hooks.messages[message]->committed);
  EXPECT_EQ(t.hooks.messages[message]->text, text);
}

const std::vector<Dialogue>& dialogues() {
  static const std::vector<Dialogue> all{
      {"one message",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org>
S: 250 2.1.0 OK
C: RCPT TO:<b@example.net>
S: 250 2.1.5 Accepted
C: DATA
S: 354 Enter message, ending with "." on a line by itself
C: Subject: x
C:
C: ..dot
C: .
S: 250 2.0.0 OK id=id-1
C: QUIT
S: 221 2.0.0 mx.example closing connection
E:
)",
       {},
       [](TestSession& t) {
         expect_text(t, 0, "Subject: x\r\n\r\n.dot\r\n");
         EXPECT_EQ(t.hooks.messages[0]->sender, "a@example.org");
         EXPECT_EQ(t.hooks.messages[0]->recipients, std::vector<std::string>{"b@example.net"});
         EXPECT_EQ(t.hooks.tapped, ".dot\r\n");
         EXPECT_EQ(t.hooks.calls, (std::vector<std::string>{"connect", "helo", "mail", "rcpt", "predata", "open", "headers",
                                                            "data", "accepted id-1", "quit", "closed"}));
         EXPECT_TRUE(t.hooks.saw(SessionEventKind::closed_by_quit));
       }},
      {"pipelined, twice",
       true,
       true,
       R"(C: MAIL FROM:<>
C: RCPT TO:<b@example.net>
C: RCPT TO:<c@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C: one
C: .
C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.0.0 OK id=id-1
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C: .
C: QUIT
S: 250 2.0.0 OK id=id-2
S: 221 2.0.0 mx.example closing connection
E:
)",
       {},
       [](TestSession& t) {
         expect_text(t, 0, "one\r\n");
         expect_text(t, 1, "");
         EXPECT_EQ(t.hooks.messages[0]->recipients.size(), 2U);
       }},
      {"helo gets no enhanced codes", false, true,
       R"(S: 220 mx.example ESMTP
C: helo Client.Example
S: 250 mx.example Hello Client.Example [192.0.2.1]
C: mail from: <a@Example.ORG>
S: 250 OK
C: rcpt to:b@example.net
S: 250 Accepted
C: rset
S: 250 Reset OK
C: noop whatever
S: 250 OK
C: MAIL FROM:<a@example.org> BODY=8BITMIME
S: 555 BODY used when not advertised
C: quit
S: 221 mx.example closing connection
E:
)"},
      {"keywords are offered as told", false, true,
       R"(S: 220 mx.example ESMTP
C: EHLO [192.0.2.1]
S: 250-mx.example Hello [192.0.2.1] [192.0.2.1]
S: 250-SIZE
S: 250-LIMITS MAILMAX=7
S: 250-ETRN
S: 250-VRFY
S: 250-EXPN
S: 250 HELP
C: MAIL FROM:<a@example.org> SMTPUTF8
S: 555 SMTPUTF8 used when not advertised
C: BDAT 3
C= abc
S: 503 BDAT command used when CHUNKING not advertised
C: HELP
S: 214-Commands supported:
S: 214 HELO EHLO MAIL RCPT DATA BDAT NOOP QUIT RSET HELP ETRN EXPN VRFY
)",
       [](TestSession& t) {
         t.options.keywords = EhloKeywords()
                                  .set(EhloKeyword::limits)
                                  .set(EhloKeyword::smtputf8)
                                  .set(EhloKeyword::etrn)
                                  .set(EhloKeyword::vrfy)
                                  .set(EhloKeyword::expn);
         t.limits.message_size_limit = 0;
         t.limits.recipients_max = 0;
         t.limits.smtp_accept_max_per_connection = 7;
       }},
      {"the order of commands",
       true,
       true,
       R"(C: RCPT TO:<b@example.net>
S: 503 5.5.1 sender not yet given
C: DATA
S: 503 5.5.1 valid RCPT command must precede DATA
C: MAIL FROM:<a@example.org>
S: 250 2.1.0 OK
C: MAIL FROM:<a@example.org>
S: 503 5.5.1 sender already given
C: BDAT 5 LAST
C= ab\r\nc
S: 503-5.5.1 valid RCPT command must precede BDAT
S: 503 5.5.1 Too many syntax or protocol errors
E:
)",
       {},
       [](TestSession& t) {
         EXPECT_TRUE(t.hooks.saw(SessionEventKind::too_many_errors));
         EXPECT_EQ(t.hooks.count("notquit bad-command-synprot"), 1U);
       }},
      {"greeting required",
       false,
       true,
       R"(S: 220 mx.example ESMTP
C: MAIL FROM:<a@example.org>
S: 503 HELO or EHLO required
C: EHLO
S: 501 Syntactically invalid EHLO argument(s)
C: HELO under_score
S: 501 Syntactically invalid HELO argument(s)
C: EHLO a b
S: 501 Syntactically invalid EHLO argument(s)
E:
)",
       {},
       [](TestSession& t) { EXPECT_TRUE(t.hooks.saw(SessionEventKind::helo_missing)); }},
      {"greeting not required, junk allowed", false, true,
       R"(S: 220 mx.example ESMTP
C: MAIL FROM:<a@example.org>
S: 250 OK
C: RSET
S: 250 Reset OK
C: HELO under_score and more
S: 250 mx.example Hello under_score and more [192.0.2.1]
)",
       [](TestSession& t) {
         t.options.require_helo = false;
         t.options.accept_helo_junk = true;
       }},
      {"unknown commands",
       true,
       true,
       R"(C: FOO
S: 500 5.5.2 unrecognized command
C: MAIL TO:<a@example.org>
S: 500 5.5.2 unrecognized command
C: LHLO x
S: 500 5.5.2 unrecognized command
C:
S: 500 5.5.2 Too many unrecognized commands
E:
)",
       {},
       [](TestSession& t) {
         EXPECT_TRUE(t.hooks.saw(SessionEventKind::too_many_unknown));
         EXPECT_EQ(t.hooks.count("notquit bad-commands"), 1U);
       }},
      {"too many nonmail commands", true, true,
       R"(C: NOOP
S: 250 2.0.0 OK
C: RSET
S: 250 2.0.0 Reset OK
C: RSET
S: 250 2.0.0 Reset OK
C: VRFY x
S: 501 5.1.3 x: recipient address must contain a domain
C: HELP
S: 554 5.7.0 Too many nonmail commands
E:
)",
       [](TestSession& t) { t.limits.smtp_accept_max_nonmail = 3; },
       [](TestSession& t) { EXPECT_TRUE(t.hooks.saw(SessionEventKind::too_many_nonmail)); }},
      {"a message makes room for nonmail commands", true, true,
       R"(C: RSET
S: 250 2.0.0 Reset OK
C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C: .
S: 250 2.0.0 OK id=id-1
C: RSET
S: 250 2.0.0 Reset OK
C: RSET
S: 554 5.7.0 Too many nonmail commands
E:
)",
       [](TestSession& t) { t.limits.smtp_accept_max_nonmail = 0; }},
      {"input before the greeting", false, false,
       R"(S: 554 SMTP synchronization error
E:
)",
       [](TestSession& t) { t.peer.send("EHLO x\r\n"); },
       [](TestSession& t) {
         EXPECT_TRUE(t.hooks.saw(SessionEventKind::input_before_greeting));
         EXPECT_EQ(t.hooks.calls, (std::vector<std::string>{"connect", "closed"}));
       }},
      {"input behind EHLO",
       false,
       false,
       R"(S: 220 mx.example ESMTP
C: EHLO client.example
C: MAIL FROM:<a@example.org>
S: 554 SMTP synchronization error
E:
)",
       {},
       [](TestSession& t) {
         EXPECT_TRUE(t.hooks.saw(SessionEventKind::input_sent_too_soon));
         EXPECT_EQ(t.hooks.count("notquit synchronization-error"), 1U);
       }},
      {"input behind DATA", true, false,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
C: Subject: x
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 554 5.5.0 SMTP synchronization error
E:
)"},
      {"input behind an unknown command", true, false,
       R"(C: FOO
C: NOOP
S: 554 5.5.0 SMTP synchronization error
E:
)"},
      {"input behind MAIL where pipelining was not offered", false, false,
       R"(S: 220 mx.example ESMTP
C: HELO client.example
S: 250 mx.example Hello client.example [192.0.2.1]
C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
S: 554 SMTP synchronization error
E:
)"},
      {"synchronisation not enforced", false, true,
       R"(S: 220 mx.example ESMTP
C: HELO client.example
C: MAIL FROM:<a@example.org>
C: NOOP
C: RCPT TO:<b@example.net>
C: DATA
C: text
C: .
C: QUIT
S: 250 mx.example Hello client.example [192.0.2.1]
S: 250 OK
S: 250 OK
S: 250 Accepted
S: 354 Enter message, ending with "." on a line by itself
S: 250 OK id=id-1
S: 221 mx.example closing connection
E:
)",
       [](TestSession& t) { t.options.enforce_sync = false; }, [](TestSession& t) { expect_text(t, 0, "text\r\n"); }},
      {"declared size",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org> SIZE=101
S: 552 5.3.4 Message size exceeds maximum permitted
C: RCPT TO:<b@example.net>
S: 503 5.5.1 sender not yet given
C: MAIL FROM:<a@example.org> SIZE=99999999999999999999
S: 552 5.3.4 Message size exceeds maximum permitted
C: MAIL FROM:<a@example.org> SIZE=100
S: 250 2.1.0 OK
)",
       {},
       {},
       [](TestSession& t) {
         t.limits.message_size_limit = 100;
         t.limits.smtp_max_synprot_errors = 0;
       }},
      {"message too large",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C: A: 1
C:
C: 0123456789
C: 0123456789
C: .
S: 552 5.3.4 Message size exceeds maximum permitted
C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C: A: 1
C:
C: 012345678
C: .
S: 250 2.0.0 OK id=id-2
)",
       {},
       [](TestSession& t) {
         EXPECT_TRUE(t.hooks.messages[0]->aborted);
         EXPECT_TRUE(t.hooks.saw(SessionEventKind::message_too_large));
         expect_text(t, 1, "A: 1\r\n\r\n012345678\r\n");
       },
       [](TestSession& t) { t.limits.message_size_limit = 19; }},
      {"header too large, no space in the sink",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C: A: 0123456789
C: B: 0123456789
C: .
S: 552 5.3.4 Message header is ridiculously long
C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C: A: 1
C:
C: 0123456789
C: 0123456789
C: 0123456789
C: .
S: 452 4.3.1 Space shortage, please try later
)",
       {},
       [](TestSession& t) {
         EXPECT_TRUE(t.hooks.messages[0]->aborted);
         EXPECT_TRUE(t.hooks.messages[1]->aborted);
         EXPECT_TRUE(t.hooks.saw(SessionEventKind::header_too_large));
         EXPECT_TRUE(t.hooks.saw(SessionEventKind::no_space));
       },
       [](TestSession& t) {
         t.limits.header_maxsize = 20;
         t.hooks.sink_settings.bytes_max = 32;
       }},
      {"too many recipients",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: RCPT TO:<c@example.net>
C: RCPT TO:<d@example.net>
C: RCPT TO:<e@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 250 2.1.5 Accepted
S: 452 4.5.3 too many recipients
S: 452 4.5.3 too many recipients
S: 354 Enter message, ending with "." on a line by itself
C: .
S: 250 2.0.0 OK id=id-1
)",
       {},
       [](TestSession& t) {
         EXPECT_EQ(t.hooks.messages[0]->recipients.size(), 2U);
         EXPECT_EQ(std::ranges::count(t.hooks.events, SessionEventKind::too_many_recipients), 1);
       },
       [](TestSession& t) { t.limits.recipients_max = 2; }},
      {"too many recipients, all refused",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: RCPT TO:<c@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 552 5.5.3 too many recipients
S: 554 5.5.3 Too many recipients
C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: RCPT TO:<c@example.net>
C: BDAT 5 LAST
C= hello
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 552 5.5.3 too many recipients
S: 554 5.5.3 Too many recipients
)",
       {},
       [](TestSession& t) { EXPECT_TRUE(t.hooks.messages.empty()); },
       [](TestSession& t) {
         t.limits.recipients_max = 1;
         t.limits.recipients_max_reject = true;
       }},
      {"envelope too large",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<0123456789012345678901234567890123456789012345678901234567890123@example.net>
C: RCPT TO:<0123456789012345678901234567890123456789012345678901234567890123@example.net>
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 452 4.5.3 too many recipients
)",
       {},
       {},
       [](TestSession& t) { t.limits.envelope_bytes_max = 256; }},
      {"recipients refused for one reason", true, true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: RCPT TO:<c@example.net>
C: DATA
S: 250 2.1.0 OK
S: 550 5.1.1 no such user
S: 550 5.1.1 no such user
S: 503-5.5.1 All RCPT commands were rejected with this error:
S: 503-5.5.1 no such user
S: 503 5.5.1 Valid RCPT command must precede DATA
C: RSET
S: 250 2.0.0 Reset OK
)",
       [](TestSession& t) {
         t.hooks.on_rcpt = [](const Recipient&) { return Verdict{Decision::deny, "550 5.1.1 no such user"}; };
         t.limits.smtp_max_synprot_errors = 0;
       },
       [](TestSession& t) { EXPECT_EQ(t.hooks.count("reset"), 1U); }},
      {"recipients refused for several reasons", true, true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: RCPT TO:<c@example.net>
C: RCPT TO:<d@example.net>
C: RCPT TO:<e@example.net>
C: DATA
S: 250 2.1.0 OK
S: 550 5.7.1 Administrative prohibition
S: 451 4.3.0 Temporary local problem - please try later
S: 450 4.0.0 greylisted
S: 451-4.7.1 two
S: 451 4.7.1 lines
S: 503 5.5.1 Valid RCPT command must precede DATA
)",
       [](TestSession& t) {
         t.hooks.on_rcpt = [](const Recipient& r) {
           switch (r.address.text().view()[0]) {
             case 'b': return Verdict{Decision::deny};
             case 'c': return Verdict{Decision::defer};
             case 'd': return Verdict{Decision::defer, "450 greylisted"};
             default: return Verdict{Decision::defer, "two\nlines"};
           }
         };
       }},
      {"a recipient's connection is dropped", true, true,
       R"(C: MAIL FROM:<a@example.org>
S: 250 2.1.0 OK
C: RCPT TO:<b@example.net>
S: 550 5.7.1 Administrative prohibition
E:
)",
       [](TestSession& t) { t.hooks.on_rcpt = [](const Recipient&) { return Verdict{Decision::drop}; }; },
       [](TestSession& t) {
         EXPECT_EQ(t.hooks.count("notquit acl-drop"), 1U);
         EXPECT_TRUE(t.hooks.saw(SessionEventKind::closed_by_drop));
         EXPECT_EQ(t.hooks.count("reset"), 1U);
       }},
      {"texts of accepting verdicts", true, true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.1.0 welcome
S: 251 2.1.5 will forward
S: 354 go ahead
C: .
S: 250-2.0.0 taken
S: 250 2.0.0 thank you
C: QUIT
S: 221 2.0.0 so long
E:
)",
       [](TestSession& t) {
         t.hooks.on_mail = [] { return Verdict{Decision::accept, "welcome"}; };
         t.hooks.on_rcpt = [](const Recipient&) { return Verdict{Decision::accept, "251 2.1.5 will forward"}; };
         t.hooks.on_predata = [] { return Verdict{Decision::accept, "354 go ahead"}; };
         t.hooks.on_data = [] { return Verdict{Decision::accept, "taken\nthank you"}; };
         t.hooks.on_quit = [] { return Verdict{Decision::accept, "so long"}; };
       }},
      {"MAIL refused and discarded", true, true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 550 5.7.1 go away
S: 503 5.5.1 sender not yet given
S: 503 5.5.1 Valid RCPT command must precede DATA
C: MAIL FROM:<x@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C: text
C: .
S: 250 2.0.0 OK id=id-1
)",
       [](TestSession& t) {
         t.limits.smtp_max_synprot_errors = 0;
         t.hooks.on_mail = [first = true]() mutable {
           return std::exchange(first, false) ? Verdict{Decision::deny, "go away"} : Verdict{Decision::discard};
         };
       },
       [](TestSession& t) {
         EXPECT_TRUE(t.hooks.messages[0]->aborted);
         EXPECT_TRUE(t.hooks.messages[0]->recipients.empty());
         EXPECT_EQ(t.hooks.count("rcpt"), 0U);
         EXPECT_EQ(t.hooks.count("data"), 0U);
         EXPECT_EQ(t.hooks.count("headers"), 0U);
       }},
      {"recipients discarded", true, true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: BDAT 5 LAST
C= hello
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 250-2.0.0  5 byte chunk, total 5
S: 250 2.0.0 OK id=id-1
)",
       [](TestSession& t) { t.hooks.on_rcpt = [](const Recipient&) { return Verdict{Decision::discard}; }; },
       [](TestSession& t) { EXPECT_TRUE(t.hooks.messages[0]->aborted); }},
      {"DATA refused before and behind the text", true, true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 451 4.7.1 not now
C: DATA
S: 354 Enter message, ending with "." on a line by itself
C: A: b
C: .
S: 550 5.7.1 spam
C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C: A: b
C: .
S: 250 2.0.0 OK id=id-2
)",
       [](TestSession& t) {
         t.hooks.on_predata = [first = true]() mutable {
           return std::exchange(first, false) ? Verdict{Decision::defer, "not now"} : Verdict{};
         };
         t.hooks.on_data = [first = true]() mutable {
           return std::exchange(first, false) ? Verdict{Decision::deny, "spam"} : Verdict{Decision::discard};
         };
       },
       [](TestSession& t) {
         EXPECT_TRUE(t.hooks.messages[0]->aborted);
         EXPECT_TRUE(t.hooks.messages[1]->aborted);
         EXPECT_EQ(t.hooks.count("headers"), 2U);
       }},
      {"chunks",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: BDAT 9
C= A: b\r\n\r\n.
C: BDAT 0
C: NOOP
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 250 2.0.0 9 byte chunk received
S: 250 2.0.0 0 byte chunk received
S: 250 2.0.0 OK
C: bdat 3 last
C= \r\nx
C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: BDAT 0 LAST
S: 250-2.0.0  3 byte chunk, total 12
S: 250 2.0.0 OK id=id-1
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 250-2.0.0  0 byte chunk, total 0
S: 250 2.0.0 OK id=id-2
)",
       {},
       [](TestSession& t) {
         expect_text(t, 0, "A: b\r\n\r\n.\r\nx\r\n");
         expect_text(t, 1, "");
       }},
      {"something else between chunks",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: BDAT 5
C= hello
C: RCPT TO:<c@example.net>
C: BDAT 5 LAST
C= hello
C: RSET
C: MAIL FROM:<a@example.org>
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 250 2.0.0 5 byte chunk received
S: 503 5.5.1 only BDAT permissible after non-LAST BDAT
S: 503 5.5.1 only RSET accepted now
S: 250 2.0.0 Reset OK
S: 250 2.1.0 OK
)",
       {},
       [](TestSession& t) { EXPECT_TRUE(t.hooks.messages[0]->aborted); }},
      {"RSET and QUIT between chunks",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: BDAT 5
C= hello
C: RSET
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 250 2.0.0 5 byte chunk received
S: 250 2.0.0 Reset OK
C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: BDAT 5
C= hello
C: QUIT
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 250 2.0.0 5 byte chunk received
S: 221 2.0.0 mx.example closing connection
E:
)",
       {},
       [](TestSession& t) {
         EXPECT_TRUE(t.hooks.messages[0]->aborted);
         EXPECT_TRUE(t.hooks.messages[1]->aborted);
         EXPECT_EQ(std::ranges::count(t.hooks.events, SessionEventKind::incomplete_transaction), 2);
       }},
      {"a chunk too many",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: BDAT 5
C= hello
C: BDAT 6
C= hello!
C: BDAT 5 LAST
C= hello
C: RSET
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 250 2.0.0 5 byte chunk received
S: 552 5.3.4 Message size exceeds maximum permitted
S: 503 5.5.1 only RSET accepted now
S: 250 2.0.0 Reset OK
)",
       {},
       [](TestSession& t) { EXPECT_TRUE(t.hooks.messages[0]->aborted); },
       [](TestSession& t) { t.limits.message_size_limit = 10; }},
      {"no place for the first chunk", true, true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: BDAT 5
C= hello
C: BDAT 5 LAST
C= hello
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 452 4.3.1 Space shortage, please try later
S: 503 5.5.1 only RSET accepted now
)",
       [](TestSession& t) { t.hooks.open_error = Errc::disk_full; },
       [](TestSession& t) { EXPECT_EQ(t.hooks.count("open"), 1U); }},
      {"no place for the message", true, true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 552 5.3.4 Message size exceeds maximum permitted
C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: BDAT 2 LAST
C= hi
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 552 5.3.4 Message size exceeds maximum permitted
C: MAIL FROM:<a@example.org>
S: 250 2.1.0 OK
)",
       [](TestSession& t) { t.hooks.open_error = Errc::too_large; }},
      {"no space at MAIL", true, true,
       R"(C: MAIL FROM:<a@example.org>
S: 452 4.3.1 Space shortage, please try later
C: RCPT TO:<b@example.net>
S: 503 5.5.1 sender not yet given
)",
       [](TestSession& t) { t.hooks.has_room = false; }},
      {"not stored", true, true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C: .
S: 451 4.3.0 Error in writing spool file
C: MAIL FROM:<a@example.org>
S: 250 2.1.0 OK
)",
       [](TestSession& t) { t.hooks.sink_settings.commit_error = Errc::in_doubt; },
       [](TestSession& t) {
         EXPECT_TRUE(t.hooks.saw(SessionEventKind::no_space));
         EXPECT_EQ(t.hooks.count("accepted id-1"), 0U);
       }},
      {"chunk of unknown size", true, true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: BDAT LAST
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 501 5.5.4 missing size for BDAT command
E:
)"},
      {"chunk with a bad argument", true, true,
       R"(C: BDAT 5 FIRST
S: 501 5.5.4 malformed BDAT command
E:
)"},
      {"chunk beyond all bounds", true, true,
       R"(C: BDAT 99999999999999999999
S: 501 5.5.4 BDAT chunk size too large
E:
)"},
      {"NUL, 8-bit and bare newlines in commands",
       true,
       true,
       R"(C= NOOP \0\r\n
S: 501 5.5.2 NULL characters are not allowed in SMTP commands
C= RSET\nMAIL FROM:<a@example.org>\r\n
S: 501 5.5.2 Bare CR or LF characters are not allowed in SMTP commands
C= RSET\rX\r\n
S: 501 5.5.2 Bare CR or LF characters are not allowed in SMTP commands
C= MAIL FROM:<\xc3\xa9@example.org>\r\n
S: 501-5.1.7 <??@example.org>: non-ASCII address without SMTPUTF8
S: 501 5.1.7 Too many syntax or protocol errors
E:
)",
       {},
       [](TestSession& t) { EXPECT_EQ(t.hooks.count("mail"), 0U); }},
      {"bare LF mended in commands", false, true,
       R"(S: 220 mx.example ESMTP
C= HELO client.example\n
S: 250 mx.example Hello client.example [192.0.2.1]
C= MAIL FROM:<a@example.org>\n
S: 250 OK
C= RSET\rX\r\n
S: 501 Bare CR or LF characters are not allowed in SMTP commands
)",
       [](TestSession& t) { t.options.bare_newline = BareNewline::normalise; }},
      {"lines too long",
       true,
       true,
       R"(C: NOOP 0123456789012345678901234567890123456789012345678901234
S: 500 5.5.2 Line too long
C: NOOP 012345678901234567890123456789012345678901234567890123
S: 250 2.0.0 OK
C: NOOP 01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789
S: 500 5.5.2 Line too long
C: NOOP
S: 250 2.0.0 OK
)",
       {},
       {},
       [](TestSession& t) { t.limits.command_line_bytes_max = 61; }},
      {"bare newlines in a message refused",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C= A: b\r\n\r\nx\n.\nMAIL FROM:<evil@example.org>\r\n.\r\n
S: 550 5.6.0 Bare CR or LF characters are not allowed in messages
C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: BDAT 9
C= A: b\r\nx\ry
C: BDAT 1 LAST
C= z
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 550 5.6.0 Bare CR or LF characters are not allowed in messages
S: 503 5.5.1 only RSET accepted now
)",
       {},
       [](TestSession& t) {
         EXPECT_TRUE(t.hooks.messages[0]->aborted);
         EXPECT_TRUE(t.hooks.saw(SessionEventKind::bare_newline));
         EXPECT_EQ(t.hooks.count("mail"), 2U);
       }},
      {"bare newlines in a message mended", false, true,
       R"(S: 220 mx.example ESMTP
C: HELO client.example
S: 250 mx.example Hello client.example [192.0.2.1]
C: MAIL FROM:<a@example.org>
S: 250 OK
C: RCPT TO:<b@example.net>
S: 250 Accepted
C: DATA
S: 354 Enter message, ending with "." on a line by itself
C= A: b\n\nx\n.\ny\rz\r\n.\r\n
S: 250 OK id=id-1
)",
       [](TestSession& t) { t.options.bare_newline = BareNewline::normalise; },
       [](TestSession& t) { expect_text(t, 0, "A: b\r\n\r\nx\r\n.\r\ny\r\nz\r\n"); }},
      {"addresses",
       true,
       true,
       R"(C: MAIL FROM:a@example.org
C: RSET
C: MAIL FROM:<"quoted local"@example.org>
C: RCPT TO:<@one.example,@two.example:b@Example.NET>
C: RCPT TO:<Postmaster>
C: RCPT TO:<nobody>
C: RCPT TO:
C: RCPT TO:<>
C: RCPT TO:<a@[192.0.2.1]>
S: 250 2.1.0 OK
S: 250 2.0.0 Reset OK
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 250 2.1.5 Accepted
S: 501 5.1.3 <nobody>: recipient address must contain a domain
S: 501 5.5.4 RCPT must have an address operand
S: 501 5.1.3 <>: missing or malformed local part
S: 501 5.1.3 <a@[192.0.2.1]>: domain literals not allowed
C: DATA
S: 354 Enter message, ending with "." on a line by itself
C: .
S: 250 2.0.0 OK id=id-1
C: MAIL FROM:
S: 501-5.5.4 MAIL must have an address operand
S: 501 5.5.4 Too many syntax or protocol errors
E:
)",
       {},
       [](TestSession& t) {
         EXPECT_EQ(t.hooks.messages[0]->sender, "\"quoted local\"@example.org");
         EXPECT_EQ(t.hooks.messages[0]->recipients, (std::vector<std::string>{"b@example.net", "Postmaster@mx.example"}));
         EXPECT_TRUE(t.hooks.saw(SessionEventKind::recipient_unqualified));
       }},
      {"unqualified sender",
       true,
       true,
       R"(C: MAIL FROM:<joe>
S: 501 5.1.7 <joe>: sender address must contain a domain
)",
       {},
       [](TestSession& t) { EXPECT_TRUE(t.hooks.saw(SessionEventKind::sender_unqualified)); }},
      {"unqualified addresses and literals let pass", true, true,
       R"(C: MAIL FROM:<joe>
C: RCPT TO:<jane>
C: RCPT TO:<a@[192.0.2.1]>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C: .
S: 250 2.0.0 OK id=id-1
)",
       [](TestSession& t) {
         t.options.qualify_sender = t.options.qualify_recipient = true;
         t.options.allow_domain_literals = true;
       },
       [](TestSession& t) {
         EXPECT_EQ(t.hooks.messages[0]->sender, "joe@mx.example");
         EXPECT_EQ(t.hooks.messages[0]->recipients, (std::vector<std::string>{"jane@mx.example", "a@[192.0.2.1]"}));
       }},
      {"SMTPUTF8",
       true,
       true,
       R"(C= MAIL FROM:<\xc3\xa9@example.org> SMTPUTF8\r\n
C= RCPT TO:<\xc3\xb6@example.net>\r\n
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C: .
S: 250 2.0.0 OK id=id-1
)",
       {},
       [](TestSession& t) {
         EXPECT_EQ(t.hooks.messages[0]->sender, "\xc3\xa9@example.org");
         EXPECT_EQ(protocol_name(t.hooks.state(), true), "utf8esmtp");
         EXPECT_EQ(protocol_name(t.hooks.state(), false), "esmtp");
       }},
      {"parameters", true, true,
       R"(C: MAIL FROM:<a@example.org> RET=HDRS ENVID=abc SIZE=20 BODY=8BITMIME
C: RCPT TO:<b@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@example.net
C: RCPT TO:<c@example.net> NOTIFY=NEVER
C: RCPT TO:<d@example.net> NOTIFY=SOMETIMES
C: RCPT TO:<e@example.net> FOO=BAR
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 250 2.1.5 Accepted
S: 501 5.5.4 Invalid value for NOTIFY parameter
S: 555 5.5.4 FOO: parameter not recognized
C: RSET
S: 250 2.0.0 Reset OK
C: MAIL FROM:<a@example.org> RET=HDRS RET=FULL
S: 501 5.5.4 RET can be specified once only
)",
       [](TestSession& t) {
         t.hooks.on_rcpt = [](const Recipient& r) {
           const bool is_b = r.address.text().view()[0] == 'b';
           EXPECT_EQ(r.notify, is_b ? kNotifySuccess | kNotifyFailure : kNotifyNever);
           EXPECT_EQ(r.orcpt.view(), is_b ? "rfc822;b@example.net" : "");
           return Verdict{};
         };
       }},
      {"a mail loop",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C: Received: 1
C: Received: 2
C:
C: Received: 3
C: .
S: 250 2.0.0 OK id=id-1
C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 354 Enter message, ending with "." on a line by itself
C: Received: 1
C: received: 2
C: RECEIVED: 3
C: .
S: 550 5.4.6 Too many "Received" headers - suspected mail loop
)",
       {},
       [](TestSession& t) {
         EXPECT_TRUE(t.hooks.messages[1]->aborted);
         EXPECT_TRUE(t.hooks.saw(SessionEventKind::mail_loop));
       },
       [](TestSession& t) { t.limits.received_headers_max = 3; }},
      {"VRFY, EXPN, ETRN, HELP and what was not offered", true, true,
       R"(C: VRFY joe@example.org
S: 252 2.5.0 Administrative prohibition
C: EXPN list
S: 550 5.7.1 Administrative prohibition
C: ETRN #queue
S: 458 4.7.1 Administrative prohibition
C: HELP
S: 214-2.0.0 Commands supported:
S: 214 2.0.0 HELO EHLO MAIL RCPT DATA BDAT NOOP QUIT RSET HELP
C: STARTTLS
S: 503 5.5.1 STARTTLS command used when not advertised
C: AUTH PLAIN AGEAYg==
S: 503 5.5.1 AUTH command used when not advertised
C: DATA now
S: 501 5.5.4 unexpected argument data
)"},
      {"VRFY, EXPN and ETRN allowed", true, true,
       R"(C: VRFY <joe@Example.org>
S: 250 2.1.5 <joe@example.org> is deliverable
C: VRFY <joe@example.org
S: 501 5.1.3 '>' missing at end of address
C: EXPN list
S: 250-2.0.0 one
S: 250 2.0.0 two
C: ETRN #queue
S: 250 2.0.0 OK
C: MAIL FROM:<>
S: 250 2.1.0 OK
C: ETRN #queue
S: 503 5.5.1 ETRN is not permitted inside a transaction
)",
       [](TestSession& t) {
         t.hooks.on_vrfy = t.hooks.on_etrn = [] { return Verdict{}; };
         t.hooks.on_expn = [] { return Verdict{Decision::accept, "one\ntwo"}; };
       }},
      {"VRFY may be answered with any code", true, true,
       R"(C: VRFY joe@example.org
S: 550 5.1.1 no such user
)",
       [](TestSession& t) { t.hooks.on_vrfy = [] { return Verdict{Decision::deny, "550 5.1.1 no such user"}; }; }},
      {"too many messages",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org>
C: RSET
C: MAIL FROM:<a@example.org>
S: 250 2.1.0 OK
S: 250 2.0.0 Reset OK
S: 421 4.7.0 too many messages in this connection
E:
)",
       {},
       [](TestSession& t) { EXPECT_TRUE(t.hooks.saw(SessionEventKind::too_many_messages)); },
       [](TestSession& t) { t.limits.smtp_accept_max_per_connection = 1; }},
      {"connection refused", false, true,
       R"(S: 550-5.7.1 not
S: 550 5.7.1 you
E:
)",
       [](TestSession& t) { t.hooks.on_connect = [] { return Verdict{Decision::deny, "550 5.7.1 not\nyou"}; }; },
       [](TestSession& t) { EXPECT_EQ(t.hooks.calls, (std::vector<std::string>{"connect", "closed"})); }},
      {"connection refused for now", false, true,
       R"(S: 421 mx.example: Too many concurrent SMTP connections; please try again later
E:
)",
       [](TestSession& t) {
         t.hooks.on_connect = [] {
           return Verdict{Decision::defer, "421 mx.example: Too many concurrent SMTP connections; please try again later"};
         };
       }},
      {"greeting from a verdict, refused EHLO", false, true,
       R"(S: 220-one
S: 220 two
C: EHLO bad.example
S: 550 no such host
C: MAIL FROM:<a@example.org>
S: 503 HELO or EHLO required
C: EHLO good.example
S: 250-hi there
S: 250-SIZE 52428800
S: 250-LIMITS RCPTMAX=50000
S: 250 HELP
)",
       [](TestSession& t) {
         t.options.keywords = EhloKeywords().set(EhloKeyword::limits);
         t.hooks.on_connect = [] { return Verdict{Decision::accept, "one\ntwo\n"}; };
         t.hooks.on_helo = [first = true]() mutable {
           return std::exchange(first, false) ? Verdict{Decision::deny, "no such host"}
                                              : Verdict{Decision::accept, "hi there\nand more"};
         };
       },
       [](TestSession& t) { EXPECT_EQ(t.hooks.state().helo.view(), "good.example"); }},
      {"EHLO ends the transaction",
       true,
       true,
       R"(C: MAIL FROM:<a@example.org>
S: 250 2.1.0 OK
C: HELO client.example
S: 250 mx.example Hello client.example [192.0.2.1]
C: RCPT TO:<b@example.net>
S: 503 sender not yet given
)",
       {},
       [](TestSession& t) { EXPECT_EQ(t.hooks.count("reset"), 1U); }},
      {"sink and tap ask for pauses", true, true,
       R"(C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@example.net>
C: BDAT 20 LAST
C= A: b\r\n\r\nx\r\ny\r\nz
C= 12345
S: 250 2.1.0 OK
S: 250 2.1.5 Accepted
S: 250-2.0.0  20 byte chunk, total 20
S: 250 2.0.0 OK id=id-1
)",
       [](TestSession& t) {
         t.hooks.sink_settings.pauses = true;
         t.hooks.body_pauses = true;
       },
       [](TestSession& t) { expect_text(t, 0, "A: b\r\n\r\nx\r\ny\r\nz12345\r\n"); }},
  };
  return all;
}

// How a group of lines reaches the server: in pieces that end after so many bytes each.
using Pieces = std::function<std::vector<std::size_t>(std::size_t bytes)>;

void play(const Dialogue& dialogue, const Pieces& pieces) {
  TestSession t;
  if (dialogue.set_up) dialogue.set_up(t);
  t.start();
  if (dialogue.hello) {
    const std::vector<DialogueStep> hello = parse_script(kHello);
    ASSERT_EQ(t.peer.received(), hello[0].expected);
    ASSERT_EQ(t.say(hello[1].sent), hello[1].expected);
  }
  if (dialogue.after_hello) dialogue.after_hello(t);
  for (const DialogueStep& step : parse_script(dialogue.script)) {
    std::string_view rest = step.sent;
    for (const std::size_t piece : pieces(rest.size())) {
      t.peer.send(rest.substr(0, piece));
      t.scheduler.run();
      rest.remove_prefix(piece);
    }
    t.peer.send(rest);
    t.scheduler.run();
    if (step.ends) t.scheduler.advance_ms(1000);
    ASSERT_EQ(t.peer.received(), step.expected) << "after: " << step.sent;
    ASSERT_EQ(t.has_ended(), step.ends) << "after: " << step.sent;
    // Whoever waits for a command holds no buffers.
    if (step.sent.ends_with("\r\n") && !t.has_ended() && !t.hooks.has_open_message()) {
      EXPECT_EQ(t.peer.pinned_bytes(), 0U) << step.sent;
    }
  }
  if (dialogue.check) dialogue.check(t);
}

std::vector<std::size_t> whole(std::size_t) { return {}; }
std::vector<std::size_t> bytes_alone(std::size_t bytes) { return std::vector<std::size_t>(bytes, 1); }

class DialogueTest : public testing::TestWithParam<std::size_t> {
 protected:
  const Dialogue& dialogue() const { return dialogues()[GetParam()]; }
};

TEST_P(DialogueTest, InOnePiece) { play(dialogue(), whole); }

TEST_P(DialogueTest, ByteByByte) {
  if (dialogue().cuts) play(dialogue(), bytes_alone);
}

TEST_P(DialogueTest, CutAtEachPoint) {
  if (!dialogue().cuts) return;
  std::size_t longest = 0;
  for (const DialogueStep& step : parse_script(dialogue().script)) longest = std::max(longest, step.sent.size());
  for (std::size_t cut = 1; cut < longest; ++cut) {
    play(dialogue(), [cut](std::size_t bytes) { return std::vector<std::size_t>(bytes > cut ? 1 : 0, cut); });
    if (HasFailure()) break;
  }
}

INSTANTIATE_TEST_SUITE_P(All, DialogueTest, testing::Range<std::size_t>(0, dialogues().size()), [](const auto& info) {
  std::string name = dialogues()[info.param].name;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
});

}  // namespace
}  // namespace postern::smtp
