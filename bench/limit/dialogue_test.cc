#include "bench/limit/dialogue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace postern::limit {
namespace {

struct Heard {
  std::string replies;
  std::vector<std::string> messages;
  Dialogue::State state;
};

// What comes of `input` that arrives in two pieces, cut at `cut`.
Heard say(std::string_view input, std::size_t cut) {
  Dialogue dialogue;
  Heard heard;
  for (std::string_view piece : {input.substr(0, cut), input.substr(cut)}) {
    while (!piece.empty() && dialogue.state() == Dialogue::State::commands) {
      piece.remove_prefix(dialogue.read(piece, heard.replies));
      if (dialogue.state() != Dialogue::State::complete) continue;
      heard.messages.emplace_back(dialogue.message());
      dialogue.answer("250 taken\r\n", heard.replies);
    }
  }
  heard.state = dialogue.state();
  return heard;
}

constexpr std::string_view kConversation =
    "EHLO client\r\nmail FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
    "Subject: one\r\n\r\n..dots\r\r\n.\rstill\r\n.\r\n"
    "MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n.\r\nWHAT\r\nQUIT\r\n";
constexpr std::string_view kReplies =
    "250-limit\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n354 go\r\n250 "
    "taken\r\n"
    "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n354 go\r\n250 taken\r\n500 5.5.1 what\r\n221 2.0.0 bye\r\n";

TEST(Dialogue, AConversationCutAtEveryByte) {
  for (std::size_t cut = 0; cut <= kConversation.size(); ++cut) {
    const Heard heard = say(kConversation, cut);
    EXPECT_EQ(heard.replies, kReplies) << cut;
    EXPECT_EQ(heard.messages, (std::vector<std::string>{"Subject: one\r\n\r\n..dots\r\r\n.\rstill\r\n", ""})) << cut;
  }
}

TEST(Dialogue, ALineThatDoesNotEndBreaksIt) {
  const std::string line(Dialogue::kLineBytesMax, 'x');
  EXPECT_EQ(say(line, 10).state, Dialogue::State::commands);
  EXPECT_EQ(say(line + 'x', 10).state, Dialogue::State::broken);
}

TEST(Dialogue, ATextThatDoesNotEndBreaksIt) {
  const std::string begin = "DATA\r\n";
  const std::string text(Dialogue::kMessageBytesMax, 'x');
  EXPECT_EQ(say(begin + text, begin.size()).state, Dialogue::State::commands);
  EXPECT_EQ(say(begin + text + 'x', begin.size()).state, Dialogue::State::broken);
}

TEST(Dialogue, NothingIsReadBeforeAMessageIsAnswered) {
  Dialogue dialogue;
  std::string replies;
  const std::string_view input = "DATA\r\ntext\r\n.\r\nQUIT\r\n";
  EXPECT_EQ(dialogue.read(input, replies), input.size() - 6);
  EXPECT_EQ(dialogue.read("QUIT\r\n", replies), 0U);
  EXPECT_EQ(replies, "354 go\r\n");
}

}  // namespace
}  // namespace postern::limit
