#include "engine/smtp/reply.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "engine/smtp/reply_texts.h"

namespace postern::smtp {
namespace {

using namespace std::string_view_literals;

struct ReplyCase {
  Reply reply;
  ReplyFormat format;
  std::string_view wire;
};

const ReplyCase kCases[] = {
    {{250, {}, "OK"}, {}, "250 OK\r\n"},
    {{250, {2, 1, 5}, "Accepted"}, {}, "250 2.1.5 Accepted\r\n"},
    {{250, {2, 1, 5}, "Accepted"}, {.enhanced_codes = false}, "250 Accepted\r\n"},
    {{550, {5, 999, 999}, "x"}, {}, "550 5.999.999 x\r\n"},
    {{250, {}, ""}, {}, "250 \r\n"},
    {{550, {5, 7, 1}, "one\ntwo"}, {}, "550-5.7.1 one\r\n550 5.7.1 two\r\n"},
    {{550, {}, "one\r\ntwo\r\n"}, {}, "550-one\r\n550 two\r\n"},
    {{550, {}, "one\n\nthree\n\n\n"}, {}, "550-one\r\n550-\r\n550 three\r\n"},
    {{550, {}, "\n\n"}, {}, "550 \r\n"},
    {{550, {}, "\ntwo"}, {}, "550-\r\n550 two\r\n"},
    {{550, {}, "a\rb"}, {}, "550 a?b\r\n"},
    {{550, {}, "a\r\r\nb"}, {}, "550-a?\r\n550 b\r\n"},
    {{550, {}, "a\0b\x1b\x7f\tc"sv}, {}, "550 a?b?? c\r\n"},
    {{550, {}, "\xc3\xbc"}, {}, "550 ??\r\n"},
    {{550, {}, "\xc3\xbc"}, {.allow_utf8 = true}, "550 \xc3\xbc\r\n"},
    {{550, {}, "\xfcx\xc3"}, {.allow_utf8 = true}, "550 ?x?\r\n"},
    {{550, {}, "\xc2\x85"}, {.allow_utf8 = true}, "550 ?\r\n"},
    {{250, {}, " two  blanks "}, {}, "250  two  blanks \r\n"},
};

TEST(AppendReply, Table) {
  for (const ReplyCase& c : kCases) {
    std::string out = "before";
    append_reply(out, c.reply, c.format);
    EXPECT_EQ(out, "before" + std::string(c.wire));
  }
}

TEST(WriteReply, FitsOrSaysSo) {
  for (const ReplyCase& c : kCases) {
    for (std::size_t room = 0; room <= c.wire.size() + 1; ++room) {
      std::vector<char> buffer(room);
      const std::size_t written = write_reply(buffer, c.reply, c.format);
      EXPECT_EQ(written, room < c.wire.size() ? 0 : c.wire.size());
      EXPECT_EQ(std::string_view(buffer.data(), written), written == 0 ? "" : c.wire);
    }
  }
}

// Whatever the text: lines of at most 512 bytes, the code on each, '-' on all but the last, nothing below a blank.
void expect_one_reply(std::string_view wire, std::string_view code) {
  ASSERT_TRUE(wire.ends_with("\r\n"));
  std::size_t lines = 0;
  while (!wire.empty()) {
    const std::size_t end = wire.find("\r\n");
    const std::string_view line = wire.substr(0, end);
    wire.remove_prefix(end + 2);
    ASSERT_LE(line.size() + 2, kReplyLineBytesMax);
    ASSERT_TRUE(line.starts_with(code));
    ASSERT_EQ(line[3], wire.empty() ? ' ' : '-');
    for (const char c : line) ASSERT_TRUE(static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
    ++lines;
  }
  ASSERT_LE(lines, kReplyLinesMax);
}

TEST(AppendReply, LongTextIsBroken) {
  std::string words;
  while (words.size() < 2000) words += "word ";
  for (const std::string& text : {words, std::string(2000, 'x'), std::string(508, 'x'), std::string(509, 'x')}) {
    std::string out;
    append_reply(out, {550, {}, text});
    expect_one_reply(out, "550");
    std::string joined;
    for (std::size_t at = 0; at < out.size();) {
      const std::size_t end = out.find("\r\n", at);
      joined += out.substr(at + 4, end - at - 4);
      at = end + 2;
      if (text == words && at < out.size()) joined += ' ';
    }
    EXPECT_EQ(joined, text == words ? text.substr(0, joined.size()) : text);
    EXPECT_GE(joined.size() + 1, text.size());
  }
  std::string exact;
  append_reply(exact, {550, {}, std::string(506, 'x')});
  EXPECT_EQ(exact.size(), kReplyLineBytesMax);
}

TEST(AppendReply, NoSequenceIsCutInHalf) {
  for (std::size_t shift = 0; shift < 5; ++shift) {
    std::string text(shift, 'x');
    while (text.size() < 1500) text += "\xf0\x9f\x93\xa7";
    std::string out;
    append_reply(out, {550, {}, text}, {.allow_utf8 = true});
    expect_one_reply(out, "550");
    EXPECT_EQ(out.find('?'), std::string::npos);
  }
}

TEST(AppendReply, TooManyLinesAreDropped) {
  std::string text;
  for (int line = 0; line < 1000; ++line) text += "line\n";
  std::string out;
  append_reply(out, {550, {5, 0, 0}, text});
  expect_one_reply(out, "550");
  out.clear();
  append_reply(out, {550, {5, 0, 0}, std::string(100000, 'x')});
  expect_one_reply(out, "550");
}

TEST(ReplyLines, MakesAnEhloReply) {
  std::string out = "before ";
  {
    ReplyLines lines(out, 250);
    lines.add("mx.example.org Hello client [192.0.2.1]");
    lines.add("SIZE 1048576");
    lines.add("HELP");
  }
  EXPECT_EQ(out, "before 250-mx.example.org Hello client [192.0.2.1]\r\n250-SIZE 1048576\r\n250 HELP\r\n");
  out.clear();
  ReplyLines lines(out, 250);
  lines.add("evil\r\n250 name");
  lines.add(std::string(600, 'x'));
  lines.finish();
  expect_one_reply(out, "250");
  EXPECT_TRUE(out.starts_with("250-evil??250 name\r\n"));
  {
    std::string none;
    ReplyLines empty(none, 250);
    empty.finish();
    EXPECT_EQ(none, "");
  }
}

TEST(ReplyTexts, AreWhatLogToolsRead) {
  const auto wire = [](const Reply& reply) {
    std::string out;
    append_reply(out, reply, {.enhanced_codes = false});
    return out;
  };
  EXPECT_EQ(wire(reply::kSenderOk), "250 OK\r\n");
  EXPECT_EQ(wire(reply::kRecipientOk), "250 Accepted\r\n");
  EXPECT_EQ(wire(reply::kEnterMessage), "354 Enter message, ending with \".\" on a line by itself\r\n");
  EXPECT_EQ(wire(reply::kUnrecognizedCommand), "500 unrecognized command\r\n");
  EXPECT_EQ(wire(reply::kSynchronization), "554 SMTP synchronization error\r\n");
}

struct PrefixCase {
  std::string_view text;
  int reply_code;
  EnhancedCode code;
  std::size_t bytes;
};

constexpr PrefixCase kPrefixes[] = {
    {"2.1.5 Accepted", 250, {2, 1, 5}, 5},
    {"5.7.1", 550, {5, 7, 1}, 5},
    {"4.999.123 x", 451, {4, 999, 123}, 9},
    {"5.07.001 x", 550, {5, 7, 1}, 8},
    {"5.7.1x", 550, {}, 0},
    {"5.7", 550, {}, 0},
    {"5.7.", 550, {}, 0},
    {"5..1 x", 550, {}, 0},
    {"5.1000.1 x", 550, {}, 0},
    {"3.1.1 x", 354, {}, 0},
    {"2.1.5 Accepted", 550, {}, 0},
    {"", 250, {}, 0},
    {"192.0.2.1 is listed", 550, {}, 0},
    {"5.7.1.2 x", 550, {}, 0},
};

TEST(EnhancedPrefix, Table) {
  for (const PrefixCase& c : kPrefixes) {
    const EnhancedPrefix prefix = parse_enhanced_prefix(c.text, c.reply_code);
    EXPECT_EQ(prefix.code, c.code) << c.text;
    EXPECT_EQ(prefix.bytes, c.bytes) << c.text;
  }
}

}  // namespace
}  // namespace postern::smtp
