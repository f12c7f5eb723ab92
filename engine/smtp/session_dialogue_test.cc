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
  bool hello;          // begins with kHello
  bool cuts;           // also played in pieces; false where what is in one piece is the point
  std::string_view script;
  std::function<void(TestSession&)> set_up = {};
  std::function<void(TestSession&)> check = {};
};

void expect_text(TestSession& t, std::size_t message, std::string_view text) {
  ASSERT_GT(t.hooks.messages.size(), message);
  EXPECT_TRUE(t.hooks.messages[message]->committed);
  EXPECT_EQ(t.hooks.messages[message]->text, text);
}

const std::vector<Dialogue>& dialogues() {
  static const std::vector<Dialogue> all{
      {"one message", true, true,
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
         EXPECT_EQ(t.hooks.calls, (std::vector<std::string>{"connect", "helo", "mail", "rcpt", "predata", "open", "headers", "data",
                                                            "accepted id-1", "quit", "closed"}));
         EXPECT_TRUE(t.hooks.saw(SessionEventKind::closed_by_quit));
       }},
      {"pipelined, twice", true, true,
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
  };
  return all;
}

// How a group of lines reaches the server: in pieces that end after so many bytes each.
using Pieces = std::function<std::vector<std::size_t>(std::size_t bytes)>;

void play(const Dialogue& dialogue, const Pieces& pieces) {
  TestSession t;
  if (dialogue.set_up) dialogue.set_up(t);
  t.start();
  const std::string script = std::string(dialogue.hello ? kHello : "").append(dialogue.script);
  for (const DialogueStep& step : parse_script(script)) {
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
    if (step.sent.ends_with("\r\n") && !t.has_ended() && t.hooks.waits_for == nullptr) {
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
