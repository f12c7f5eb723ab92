#include "appliance/delivery/transports/compose.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "engine/buffer/block_pool.h"

namespace postern::delivery {
namespace {

using spool::HeaderEdit;
using spool::HeaderPlace;

// A stored message, encoded as the spool does.
struct Stored {
  Stored(std::string_view content, std::vector<HeaderEdit> edits) {
    Chain chain;
    if (!content.empty()) chain.append(copy_to_slice(pool, content));
    spool::CommitInput input;
    input.header_edits = edits;
    input.content = &chain;
    payload.resize(spool::encoded_size(input));
    static_cast<void>(spool::encode_message(input, 0, reinterpret_cast<std::byte*>(payload.data())));
    view = spool::parse_message(spool::RecordKind::message, std::as_bytes(std::span(payload))).value();
  }
  BlockPool pool;
  std::string payload;
  spool::MessageView view;
};

std::string joined(const ComposedMessage& message) {
  std::string text;
  for (const std::string_view piece : message.pieces()) text += piece;
  EXPECT_EQ(text.size(), message.size());
  return text;
}

constexpr std::string_view kContent =
    "Received: one\r\n by two\r\nReceived: three\r\nResent-To: r\r\nX-Spam: yes\r\nSubject: s\r\nx-spam: no\r\n\r\nbody\r\n";

struct EditCase {
  std::vector<HeaderEdit> edits;
  std::string_view expected;
};

TEST(Compose, HeaderEdits) {
  const EditCase cases[] = {
      {{}, kContent},
      {{{HeaderPlace::at_start, "A: 1\r\n"}},
       "A: 1\r\nReceived: one\r\n by two\r\nReceived: three\r\nResent-To: r\r\nX-Spam: yes\r\nSubject: s\r\nx-spam: "
       "no\r\n\r\nbody\r\n"},
      {{{HeaderPlace::at_start, "A: 1\r\n"}, {HeaderPlace::at_start, "B: 2\r\n"}},
       "B: 2\r\nA: 1\r\nReceived: one\r\n by two\r\nReceived: three\r\nResent-To: r\r\nX-Spam: yes\r\nSubject: s\r\nx-spam: "
       "no\r\n\r\nbody\r\n"},
      {{{HeaderPlace::after_received, "A: 1\r\nB: 2\r\n c\r\n"}},
       "Received: one\r\n by two\r\nReceived: three\r\nA: 1\r\nB: 2\r\n c\r\nResent-To: r\r\nX-Spam: yes\r\nSubject: "
       "s\r\nx-spam: "
       "no\r\n\r\nbody\r\n"},
      {{{HeaderPlace::at_start_rfc, "A: 1\r\n"}},
       "Received: one\r\n by two\r\nReceived: three\r\nResent-To: r\r\nA: 1\r\nX-Spam: yes\r\nSubject: s\r\nx-spam: "
       "no\r\n\r\nbody\r\n"},
      // The first field stands where it is, whatever it is.
      {{{HeaderPlace::at_start, "B: 2\r\n"}, {HeaderPlace::at_start_rfc, "A: 1\r\n"}},
       "B: 2\r\nReceived: one\r\n by two\r\nReceived: three\r\nResent-To: r\r\nA: 1\r\nX-Spam: yes\r\nSubject: s\r\nx-spam: "
       "no\r\n\r\nbody\r\n"},
      {{{HeaderPlace::at_end, "A: 1\r\n"}},
       "Received: one\r\n by two\r\nReceived: three\r\nResent-To: r\r\nX-Spam: yes\r\nSubject: s\r\nx-spam: no\r\nA: "
       "1\r\n\r\nbody\r\n"},
      {{{HeaderPlace::remove, "X-SPAM"}},
       "Received: one\r\n by two\r\nReceived: three\r\nResent-To: r\r\nSubject: s\r\n\r\nbody\r\n"},
      // What an edit added is not taken away by name; only what was received is.
      {{{HeaderPlace::at_end, "X-Spam: ours\r\n"}, {HeaderPlace::remove, "x-spam"}},
       "Received: one\r\n by two\r\nReceived: three\r\nResent-To: r\r\nSubject: s\r\nX-Spam: ours\r\n\r\nbody\r\n"},
      // Our own Received: field counts as one.
      {{{HeaderPlace::at_start, "Received: zero\r\n"}, {HeaderPlace::after_received, "A: 1\r\n"}},
       "Received: zero\r\nReceived: one\r\n by two\r\nReceived: three\r\nA: 1\r\nResent-To: r\r\nX-Spam: yes\r\nSubject: "
       "s\r\nx-spam: no\r\n\r\nbody\r\n"},
  };
  for (const EditCase& c : cases) {
    const Stored stored(kContent, c.edits);
    const ComposedMessage message(stored.view, "");
    EXPECT_EQ(joined(message), c.expected);
    EXPECT_EQ(message.header_bytes(), c.expected.find("\r\n\r\n") + 2);
  }
}

TEST(Compose, TheReceivedBytesAreUntouched) {
  using namespace std::string_view_literals;
  for (const std::string_view content : {""sv, "\r\n"sv, "no header at all\r\n"sv, "A: 1\r\n"sv, "\r\nbody"sv, ".\r\n..\r\n"sv,
                                         "A: \xff\0\r\n\r\n\0\xfe"sv, " folded first\r\nA: 1\r\n\r\nx"sv}) {
    const Stored stored(content, {{HeaderPlace::at_start, "Received: by us\r\n"}});
    const ComposedMessage message(stored.view, "Return-path: <a@b>\r\n");
    EXPECT_EQ(joined(message), "Return-path: <a@b>\r\nReceived: by us\r\n" + std::string(content));
    EXPECT_EQ(message.has_8bit(), content.find('\xfe') != content.npos);
    EXPECT_EQ(message.has_8bit_header(), content.find('\xff') != content.npos);
  }
}

TEST(Compose, AnAdditionBehindTheHeaderGoesInFrontOfTextThatIsNone) {
  const Stored stored("A: 1\r\nthis is text\r\nB: 2\r\n", {{HeaderPlace::at_end, "Z: 9\r\n"}});
  EXPECT_EQ(joined(ComposedMessage(stored.view, "")), "A: 1\r\nZ: 9\r\nthis is text\r\nB: 2\r\n");
}

TEST(Compose, HeaderTextIsCutAtALine) {
  const Stored stored("A: 1\r\nB: 2\r\nC: 3\r\n\r\nbody\r\n", {{HeaderPlace::at_start, "R: 0\r\n"}});
  const ComposedMessage message(stored.view, "");
  EXPECT_EQ(message.header_text(1000), "R: 0\r\nA: 1\r\nB: 2\r\nC: 3\r\n");
  EXPECT_EQ(message.header_text(20), "R: 0\r\nA: 1\r\nB: 2\r\n");
  EXPECT_EQ(message.header_text(5), "");
}

}  // namespace
}  // namespace postern::delivery
