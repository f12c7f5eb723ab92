#include "bench/load/dialogue.h"

#include <gtest/gtest.h>

#include "bench/load/dialogue_testing.h"

namespace postern::load {
namespace {

constexpr std::string_view kOffer = "250-server\r\n250-Pipelining\r\n250-SIZE 1000\r\n250 CHUNKING\r\n";
constexpr std::string_view kGroup = "MAIL FROM:<s@x>\r\nRCPT TO:<r0@x>\r\nDATA\r\n";

TEST(LoadDialogue, ATransactionInTwoWrites) {
  TestDialogue test(2);
  EXPECT_EQ(test.says("220 hello\r\n"), "EHLO me\r\n");
  EXPECT_FALSE(test.dialogue.is_ready());
  EXPECT_EQ(test.says(kOffer), kGroup);
  EXPECT_TRUE(test.dialogue.is_ready());
  EXPECT_EQ(test.says("250 ok\r\n250 ok\r\n"), "");
  EXPECT_EQ(test.says("354 go\r\n"), test.text() + ".\r\n");
  EXPECT_EQ(test.says("250 taken\r\n"), kGroup);
  EXPECT_EQ(test.says("250 ok\r\n250 ok\r\n354 go\r\n"), test.text() + ".\r\n");
  EXPECT_EQ(test.says("250 taken\r\n"), "QUIT\r\n");
  EXPECT_FALSE(test.dialogue.is_done());
  EXPECT_EQ(test.says("221 bye\r\n"), "");
  EXPECT_TRUE(test.dialogue.is_done());
  EXPECT_FALSE(test.dialogue.has_failed());
  EXPECT_EQ(test.figures.counts.begun, 2U);
  EXPECT_EQ(test.figures.counts.accepted, 2U);
  EXPECT_EQ(test.figures.counts.ended(), 2U);
  EXPECT_EQ(test.figures.counts.accepted_bytes, 400U);
  EXPECT_EQ(test.figures.counts.not_offered, 0U);
  EXPECT_EQ(test.replies(Step::greeting, 220), 1U);
  EXPECT_EQ(test.replies(Step::ehlo, 250), 1U);
  EXPECT_EQ(test.replies(Step::mail, 250), 2U);
  EXPECT_EQ(test.replies(Step::rcpt, 250), 2U);
  EXPECT_EQ(test.replies(Step::data, 354), 2U);
  EXPECT_EQ(test.replies(Step::message, 250), 2U);
  EXPECT_EQ(test.replies(Step::quit, 221), 1U);
}

TEST(LoadDialogue, RepliesMayBeCutAnywhere) {
  const std::string server =
      "220-hello\r\n220 there\r\n" + std::string(kOffer) + "250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n221 bye\r\n";
  TestDialogue whole(1);
  const std::string said = whole.says(server);
  EXPECT_TRUE(whole.dialogue.is_done());
  for (std::size_t cut = 0; cut <= server.size(); ++cut) {
    TestDialogue test(1);
    EXPECT_EQ(test.says(server.substr(0, cut)) + test.says(server.substr(cut)), said) << cut;
    EXPECT_TRUE(test.dialogue.is_done());
    EXPECT_EQ(test.figures.counts.accepted, 1U);
  }
}

TEST(LoadDialogue, OneCommandAtATime) {
  TestDialogue test(1, {.recipients = 2, .pipeline = 0});
  test.says("220 hello\r\n");
  EXPECT_EQ(test.says(kOffer), "MAIL FROM:<s@x>\r\n");
  EXPECT_EQ(test.says("250 ok\r\n"), "RCPT TO:<r0@x>\r\n");
  EXPECT_EQ(test.says("550 no\r\n"), "RCPT TO:<r1@x>\r\n");
  EXPECT_EQ(test.says("250 ok\r\n"), "DATA\r\n");
  EXPECT_EQ(test.says("354 go\r\n"), test.text() + ".\r\n");
  EXPECT_EQ(test.says("250 taken\r\n"), "QUIT\r\n");
  EXPECT_EQ(test.replies(Step::rcpt, 550), 1U);
  EXPECT_EQ(test.figures.counts.accepted, 1U);
  EXPECT_EQ(test.figures.counts.not_offered, 0U) << "nothing was asked for";
}

TEST(LoadDialogue, OneCommandAtATimeWithBdat) {
  TestDialogue test(1, {.pipeline = 0, .bdat = true});
  test.says("220 hello\r\n");
  EXPECT_EQ(test.says(kOffer), "MAIL FROM:<s@x>\r\n");
  EXPECT_EQ(test.says("250 ok\r\n"), "RCPT TO:<r0@x>\r\n");
  EXPECT_EQ(test.says("250 ok\r\n"), "BDAT 200 LAST\r\n" + test.text());
  EXPECT_EQ(test.says("250 taken\r\n"), "QUIT\r\n");
  EXPECT_EQ(test.replies(Step::bdat, 250), 1U);
}

TEST(LoadDialogue, TheNextCommandsLeaveWithTheText) {
  TestDialogue test(3, {.pipeline = 2});
  test.says("220 hello\r\n");
  EXPECT_EQ(test.says(kOffer), kGroup);
  EXPECT_EQ(test.says("250 ok\r\n250 ok\r\n354 go\r\n"), test.text() + ".\r\n" + std::string(kGroup));
  EXPECT_EQ(test.says("250 taken\r\n250 ok\r\n250 ok\r\n"), "");
  EXPECT_EQ(test.says("354 go\r\n"), test.text() + ".\r\n" + std::string(kGroup));
  EXPECT_EQ(test.says("250 taken\r\n550 no\r\n503 no\r\n503 no\r\n"), "QUIT\r\n");
  EXPECT_EQ(test.figures.counts.accepted, 2U);
  EXPECT_EQ(test.figures.counts.refused, 1U);
}

TEST(LoadDialogue, WholeTransactionsUnderWayWithBdat) {
  TestDialogue test(5, {.pipeline = 3, .bdat = true});
  test.says("220 hello\r\n");
  const std::string one = "MAIL FROM:<s@x>\r\nRCPT TO:<r0@x>\r\nBDAT 200 LAST\r\n" + test.text();
  EXPECT_EQ(test.says(kOffer), one + one + one);
  EXPECT_EQ(test.says("250 ok\r\n250 ok\r\n"), "");
  EXPECT_EQ(test.says("250 taken\r\n"), one);
  EXPECT_EQ(test.says("250 ok\r\n250 ok\r\n250 taken\r\n"), one);
  EXPECT_EQ(test.figures.counts.begun, 5U);
  EXPECT_EQ(test.says("250 ok\r\n250 ok\r\n250 taken\r\n250 ok\r\n250 ok\r\n250 taken\r\n250 ok\r\n250 ok\r\n250 taken\r\n"),
            "QUIT\r\n");
  EXPECT_EQ(test.figures.counts.accepted, 5U);
}

TEST(LoadDialogue, ARefusedChunkIsForgottenBeforeAnythingElseIsSaid) {
  TestDialogue test(3, {.pipeline = 2, .bdat = true});
  test.says("220 hello\r\n");
  const std::string one = "MAIL FROM:<s@x>\r\nRCPT TO:<r0@x>\r\nBDAT 200 LAST\r\n" + test.text();
  EXPECT_EQ(test.says(kOffer), one + one);
  EXPECT_EQ(test.says("250 ok\r\n550 no\r\n554 none\r\n"), "") << "one is still under way";
  EXPECT_EQ(test.says("503 nested\r\n250 ok\r\n554 none\r\n"), "RSET\r\n" + one);
  EXPECT_EQ(test.says("250 reset\r\n250 ok\r\n250 ok\r\n250 taken\r\n"), "QUIT\r\n");
  EXPECT_EQ(test.figures.counts.refused, 2U);
  EXPECT_EQ(test.figures.counts.accepted, 1U);
}

TEST(LoadDialogue, ARefusedSenderNeedsNoReset) {
  TestDialogue test(2);
  test.says("220 hello\r\n");
  test.says(kOffer);
  EXPECT_EQ(test.says("550 no\r\n503 no\r\n503 no\r\n"), kGroup);
  EXPECT_EQ(test.figures.counts.refused, 1U);
  EXPECT_EQ(test.replies(Step::mail, 550), 1U);
  EXPECT_EQ(test.replies(Step::rcpt, 503), 1U);
  EXPECT_EQ(test.replies(Step::data, 503), 1U);
}

TEST(LoadDialogue, RefusedRecipientsNeedOne) {
  TestDialogue test(2);
  test.says("220 hello\r\n");
  test.says(kOffer);
  EXPECT_EQ(test.says("250 ok\r\n550 no\r\n554 no recipients\r\n"), "RSET\r\n" + std::string(kGroup));
  EXPECT_EQ(test.says("250 reset\r\n250 ok\r\n451 later\r\n554 no recipients\r\n"), "RSET\r\nQUIT\r\n");
  EXPECT_EQ(test.figures.counts.refused, 2U);
}

TEST(LoadDialogue, OneAtATimeTheResetIsAwaited) {
  TestDialogue test(2, {.pipeline = 0});
  test.says("220 hello\r\n");
  test.says(kOffer);
  EXPECT_EQ(test.says("250 ok\r\n"), "RCPT TO:<r0@x>\r\n");
  EXPECT_EQ(test.says("550 no\r\n"), "RSET\r\n");
  EXPECT_FALSE(test.dialogue.wants_message());
  EXPECT_EQ(test.says("250 reset\r\n"), "MAIL FROM:<s@x>\r\n");
  EXPECT_EQ(test.says("550 no\r\n"), "QUIT\r\n");
  EXPECT_EQ(test.figures.counts.refused, 2U);
}

TEST(LoadDialogue, A354WithoutRecipientsGetsNoText) {
  TestDialogue test(2);
  test.says("220 hello\r\n");
  test.says(kOffer);
  EXPECT_EQ(test.says("250 ok\r\n550 no\r\n354 go\r\n"), ".\r\n");
  EXPECT_EQ(test.says("554 no recipients\r\n"), kGroup) << "the end of the text was a reset";
  EXPECT_EQ(test.figures.counts.refused, 1U);
  EXPECT_EQ(test.replies(Step::message, 554), 1U);
}

TEST(LoadDialogue, ARefusedTextNeedsNoReset) {
  TestDialogue test(2);
  test.says("220 hello\r\n");
  test.says(kOffer);
  test.says("250 ok\r\n250 ok\r\n354 go\r\n");
  EXPECT_EQ(test.says("452 full\r\n"), kGroup);
  EXPECT_EQ(test.figures.counts.refused, 1U);
  EXPECT_EQ(test.figures.latencies.final_reply.count(), 0U) << "latencies are those of accepted messages";
}

TEST(LoadDialogue, AServerThatGoesAway) {
  const std::string before = "220 hello\r\n" + std::string(kOffer);
  struct Case {
    std::string server;
    std::uint64_t refused;
    std::uint64_t lost;
  };
  for (const Case& one : {Case{"421 busy\r\n", 0, 0}, Case{before + "421 bye\r\n", 1, 0},
                          Case{before + "250 ok\r\n250 ok\r\n354 go\r\n421 bye\r\n", 1, 1}}) {
    TestDialogue test(9, {.pipeline = 2});
    test.says(one.server);
    EXPECT_TRUE(test.dialogue.is_done());
    EXPECT_TRUE(test.dialogue.has_failed());
    EXPECT_EQ(test.failures(Failure::shut_down), 1U);
    EXPECT_EQ(test.figures.counts.refused, one.refused);
    EXPECT_EQ(test.figures.counts.lost, one.lost);
    EXPECT_EQ(test.figures.counts.begun, test.figures.counts.ended());
    EXPECT_EQ(test.says("250 ok\r\n"), "") << "nothing more is said";
  }
}

TEST(LoadDialogue, WrongAnswersAreCounted) {
  const std::string before = "220 hello\r\n" + std::string(kOffer);
  struct Case {
    std::string server;
    Failure failure;
  };
  for (const Case& one :
       {Case{"554 no\r\n", Failure::greeting}, Case{"250 ok\r\n", Failure::greeting},
        Case{"HTTP/1.1 400 Bad Request\r\n", Failure::malformed}, Case{"220 a\r\n450 later\r\n", Failure::hello},
        Case{"220 a\r\n500 what\r\n500 what\r\n", Failure::hello}, Case{before + "999 ok\r\n", Failure::malformed},
        Case{before + "250-a\r\n251 b\r\n", Failure::malformed}, Case{"220 a\r\n220 a\r\n", Failure::hello},
        Case{std::string(5000, '2') + "\r\n", Failure::malformed}, Case{"220 " + std::string(5000, 'x'), Failure::malformed}}) {
    TestDialogue test(9);
    test.says(one.server);
    EXPECT_EQ(test.failures(one.failure), 1U) << one.server.substr(0, 60);
    EXPECT_TRUE(test.dialogue.is_done());
    EXPECT_EQ(test.figures.counts.begun, test.figures.counts.ended());
  }
  TestDialogue test(1);
  test.source.due = false;
  test.says(before + "250 what?\r\n");
  EXPECT_EQ(test.failures(Failure::uncalled), 1U);
}

TEST(LoadDialogue, HeloForThoseWhoKnowNoEhlo) {
  TestDialogue test(1, {.pipeline = 2, .bdat = true});
  test.says("220 hello\r\n");
  EXPECT_EQ(test.says("502 what\r\n"), "HELO me\r\n");
  EXPECT_EQ(test.says("250 hello\r\n"), "MAIL FROM:<s@x>\r\n");
  EXPECT_EQ(test.figures.counts.not_offered, 1U);
  EXPECT_EQ(test.says("250 ok\r\n"), "RCPT TO:<r0@x>\r\n");
  EXPECT_EQ(test.says("250 ok\r\n"), "DATA\r\n");
}

TEST(LoadDialogue, WhatIsNotOfferedIsNotUsed) {
  TestDialogue no_chunking(1, {.pipeline = 5, .bdat = true});
  no_chunking.says("220 hello\r\n");
  EXPECT_EQ(no_chunking.says("250-server CHUNKING\r\n250-XCHUNKING\r\n250 PIPELINING\r\n"), kGroup);
  EXPECT_EQ(no_chunking.figures.counts.not_offered, 1U);
  TestDialogue nothing(1);
  nothing.says("220 hello\r\n");
  EXPECT_EQ(nothing.says("250 PIPELINING\r\n"), "MAIL FROM:<s@x>\r\n") << "the first line is a name";
  EXPECT_EQ(nothing.figures.counts.not_offered, 1U);
}

TEST(LoadDialogue, AConnectionHasItsNumberOfMessages) {
  TestDialogue test(9, {.pipeline = 2, .per_connection = 2});
  test.says("220 hello\r\n");
  test.says(kOffer);
  test.says("250 ok\r\n250 ok\r\n354 go\r\n");
  EXPECT_EQ(test.says("250 taken\r\n250 ok\r\n250 ok\r\n354 go\r\n"), test.text() + ".\r\n");
  EXPECT_EQ(test.says("250 taken\r\n"), "QUIT\r\n");
  EXPECT_EQ(test.figures.counts.begun, 2U);
}

TEST(LoadDialogue, WithoutQuit) {
  TestDialogue test(1, {.quit = false});
  test.says("220 hello\r\n");
  test.says(kOffer);
  test.says("250 ok\r\n250 ok\r\n354 go\r\n");
  EXPECT_EQ(test.says("250 taken\r\n"), "");
  EXPECT_TRUE(test.dialogue.is_done());
  EXPECT_FALSE(test.dialogue.has_failed());
}

TEST(LoadDialogue, WaitsUntilAMessageIsDueAndCountsFromThen) {
  TestDialogue test(1);
  test.source.due = false;
  test.says("220 hello\r\n");
  EXPECT_FALSE(test.dialogue.wants_message()) << "not before hello";
  EXPECT_EQ(test.says(kOffer), "");
  EXPECT_TRUE(test.dialogue.wants_message());
  EXPECT_FALSE(test.dialogue.awaits_reply());
  EXPECT_EQ(test.looks_again(), "") << "still none";
  test.source.due = true;
  test.source.since = test.now;
  test.now.ns += 40;
  EXPECT_EQ(test.looks_again(), kGroup);
  EXPECT_TRUE(test.dialogue.awaits_reply());
  test.now.ns += 10;
  test.says("250 ok\r\n250 ok\r\n354 go\r\n");
  test.now.ns += 7;
  test.says("250 taken\r\n");
  EXPECT_EQ(test.figures.latencies.transaction.max_ns(), 57);
  EXPECT_EQ(test.figures.latencies.final_reply.max_ns(), 7);
}

TEST(LoadDialogue, AnEndFromOutside) {
  TestDialogue lost(9, {.pipeline = 3, .bdat = true});
  lost.says("220 hello\r\n" + std::string(kOffer));
  lost.dialogue.fail(Failure::timed_out);
  lost.dialogue.fail(Failure::closed);
  EXPECT_EQ(lost.figures.counts.lost, 3U);
  EXPECT_EQ(lost.failures(Failure::timed_out), 1U);
  EXPECT_EQ(lost.failures(Failure::closed), 0U) << "ended already";
  TestDialogue cut(9, {.pipeline = 3, .bdat = true});
  cut.says("220 hello\r\n" + std::string(kOffer));
  cut.dialogue.cut_off();
  EXPECT_EQ(cut.figures.counts.cut_off, 3U);
  EXPECT_FALSE(cut.dialogue.has_failed());
}

}  // namespace
}  // namespace postern::load
