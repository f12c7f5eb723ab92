#include "appliance/delivery/transports/maildir.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "appliance/delivery/transports/testing.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "engine/io/fake_file_system.h"
#include "policy/expand/compile.h"
#include "policy/expand/config_text_for_test.h"

namespace postern::delivery {
namespace {

using namespace std::string_view_literals;
using testing::MessageSpec;
using testing::StoredMessage;

expand::Program program(std::string_view text) {
  expand::Diagnostics diagnostics;
  return expand::compile(expand::ConfigTextForTest::line(text), diagnostics).value();
}

class MaildirTest : public ::testing::Test {
 protected:
  void SetUp() override { run(make_mail_directory()); }
  void run(Task<void> task) {
    Gate gate;
    gate.start(std::move(task));
    scheduler_.run();
    ASSERT_EQ(gate.inside(), 0U);
  }
  Task<void> make_mail_directory() {
    EXPECT_TRUE((co_await files_.make_directory("/mail", 0700)));
    EXPECT_TRUE((co_await files_.sync_directory("")));
  }
  void deliver(const StoredMessage& message, std::vector<std::uint32_t> wanted = {0}) {
    MaildirTransport transport(files_, transport_, "gw.example");
    events_ = {};
    const TransportJob job{message.record, message.view, message.view.sender.view(), message.recipients, wanted, {}, events_,
                           guard_,         stop_};
    run(transport.deliver(job, variables_));
  }
  std::vector<std::string> files_in(std::string directory) {
    std::vector<std::string> names;
    run(list_into(std::move(directory), names));
    return names;
  }
  Task<void> list_into(std::string directory, std::vector<std::string>& names) {
    const auto entries = co_await files_.list(directory);
    if (entries)
      for (const DirectoryEntry& entry : *entries) names.push_back(entry.name);
  }
  std::string content_of(const std::string& path) {
    const std::span<std::byte> bytes = files_.bytes(path);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  ManualScheduler scheduler_;
  FakeFileSystem files_;
  config::Transport transport_{.name = "local", .driver = config::AppendfileTransport{.directory = "/mail/box"}};
  testing::RecordedEvents events_;
  testing::TestGuard guard_;
  testing::NoVariables variables_;
  StopSource stop_;
};

TEST_F(MaildirTest, AMessageBecomesAFileInNew) {
  deliver(StoredMessage(MessageSpec{}));
  ASSERT_EQ(events_.deliveries.size(), 1U);
  const std::string name = "1700000000.I0000000000001a2bO2000R0.gw.example,S=33";
  EXPECT_EQ(files_in("/mail/box/new"), std::vector{name});
  EXPECT_TRUE(files_in("/mail/box/tmp").empty());
  EXPECT_TRUE(files_.exists("/mail/box/cur"));
  EXPECT_EQ(content_of("/mail/box/new/" + name), "Received: by us\nSubject: s\n\nbody\n");
  EXPECT_EQ(guard_.asked, 1);
}

TEST_F(MaildirTest, BytesArriveAsTheyAre) {
  std::string long_line(300'000, 'l');
  std::string dots;
  for (int i = 0; i < 10'000; ++i) dots += ".\r\n";
  std::uint64_t offset = 8192;
  for (const std::string& content :
       {std::string(), std::string("\r\n"), std::string("x\r\n"), std::string("8-bit \xc3\xa9\xff nul \0 end\r\n"sv),
        long_line + "\r\n", dots, std::string("cr \r alone\r\n"), std::string("ends in cr\r"),
        std::string(262'143, 'a') + "\r\nb\r\n"}) {
    deliver(StoredMessage(MessageSpec{.content = content, .received = "", .key = {{1, 2}, offset += 64}}));
    ASSERT_EQ(events_.deliveries.size(), 1U);
    std::string expected = content;
    for (std::size_t at = expected.find("\r\n"); at != expected.npos; at = expected.find("\r\n", at + 1)) expected.erase(at, 1);
    const std::string size = "S=" + std::to_string(expected.size());
    const std::vector<std::string> names = files_in("/mail/box/new");
    const auto found = std::ranges::find_if(
        names, [&](const std::string& name) { return name.find("O" + fmt::format("{:x}", offset) + "R") != name.npos; });
    ASSERT_NE(found, names.end());
    EXPECT_TRUE(found->ends_with(size)) << *found;
    EXPECT_EQ(content_of("/mail/box/new/" + *found), expected);
  }
}

TEST_F(MaildirTest, FieldsOnTop) {
  transport_.return_path_add = transport_.envelope_to_add = transport_.delivery_date_add = true;
  transport_.headers_add = program("X-One: $sender_address\nX-Two: a\n b");
  deliver(StoredMessage(MessageSpec{.sender = "", .recipients = {"a@x", "b@y"}, .content = "T: 1\r\n"}), {0, 1});
  const std::string text = content_of("/mail/box/new/" + files_in("/mail/box/new").at(0));
  EXPECT_TRUE(text.starts_with("Return-path: <>\nEnvelope-to: a@x,\n\tb@y\nDelivery-date: ")) << text;
  EXPECT_TRUE(text.ends_with("\nReceived: by us\nT: 1\nX-One: \nX-Two: a\n b\n")) << text;
}

TEST_F(MaildirTest, EachRecipientHasAFile) {
  const StoredMessage message(MessageSpec{.recipients = {"a@x", "b@y"}});
  deliver(message, {0});
  deliver(message, {1});
  EXPECT_EQ(files_in("/mail/box/new").size(), 2U);
}

TEST_F(MaildirTest, AnAttemptRepeatedAddsNothing) {
  const StoredMessage message{MessageSpec{}};
  deliver(message);
  deliver(message);
  EXPECT_EQ(events_.deliveries.size(), 1U);
  EXPECT_EQ(files_in("/mail/box/new").size(), 1U);
}

TEST_F(MaildirTest, TroubleIsTemporaryAndLeavesNothingBehind) {
  const StoredMessage message{MessageSpec{}};
  for (const FakeOp op : {FakeOp::make_directory, FakeOp::write, FakeOp::sync, FakeOp::link, FakeOp::open}) {
    files_.inject({.op = op, .path_contains = "/mail/box", .error = {Errc::disk_full, 28, "fake"}});
    deliver(message);
    ASSERT_EQ(events_.problems.size(), 1U) << static_cast<int>(op);
    EXPECT_FALSE(events_.problems[0].problem.permanent);
    EXPECT_EQ(events_.problems[0].problem.kind, ProblemKind::disk_full);
    EXPECT_TRUE(files_in("/mail/box/new").empty());
    EXPECT_TRUE(files_in("/mail/box/tmp").empty());
    files_.clear_faults();
  }
  for (const char* bad : {" continues nothing", "no field", "A: 1\n: 2"}) {
    transport_.headers_add = program(bad);
    deliver(message);
    ASSERT_EQ(events_.problems.size(), 1U) << bad;
    EXPECT_TRUE(events_.problems[0].problem.text.starts_with("headers_add is not a header"));
  }
}

TEST_F(MaildirTest, ShortWritesAreContinued) {
  files_.inject({.op = FakeOp::write, .is_short = true, .transferred = 5, .effective = 5});
  deliver(StoredMessage(MessageSpec{}));
  ASSERT_EQ(events_.deliveries.size(), 1U);
  EXPECT_EQ(content_of("/mail/box/new/" + files_in("/mail/box/new").at(0)), "Received: by us\nSubject: s\n\nbody\n");
}

TEST_F(MaildirTest, WithoutARecordOfTheAttemptNothingIsWritten) {
  guard_.answer = failure(Errc::stopped, "journal");
  deliver(StoredMessage(MessageSpec{}));
  EXPECT_EQ(events_.problems.size(), 1U);
  EXPECT_FALSE(files_.exists("/mail/box"));
}

// Power goes after each change in turn. What was reported as delivered is there; what was not is delivered again, and there is
// one file in the end.
TEST_F(MaildirTest, DurableBeforeSuccessAndOnceAfterACrash) {
  const StoredMessage message{MessageSpec{}};
  for (std::uint64_t cut = 0; cut < 20; ++cut) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      FakeFileSystem& files = files_;
      const std::string directory = "/mail/box" + std::to_string(cut) + "-" + std::to_string(seed);
      std::get<config::AppendfileTransport>(transport_.driver).directory = directory;
      SeededRandom random(seed * 100 + cut);
      files.cut_power_after(files.changes() + cut);
      deliver(message);
      const bool reported = !events_.deliveries.empty();
      files.cut_power();
      files.restart(FakeFileSystem::Survival::random, &random);
      std::vector<std::string> names = files_in(directory + "/new");
      if (reported) {
        ASSERT_EQ(names.size(), 1U) << cut;
      } else {
        deliver(message);
        ASSERT_EQ(events_.deliveries.size(), 1U) << cut << " " << seed << " " << events_.problems.at(0).problem.text;
        names = files_in(directory + "/new");
      }
      ASSERT_EQ(names.size(), 1U) << cut;
      EXPECT_EQ(content_of(directory + "/new/" + names[0]), "Received: by us\nSubject: s\n\nbody\n");
    }
  }
}

TEST(LineEndWriter, CutAtEveryByte) {
  constexpr std::string_view text = "a\r\nb\r\r\nc\r\n\r\nd\re\n\r";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    LineEndWriter writer;
    std::string out;
    writer.append(text.substr(0, cut), out);
    writer.append(text.substr(cut), out);
    writer.finish(out);
    EXPECT_EQ(out, "a\nb\r\nc\n\nd\re\n\r") << cut;
  }
}

}  // namespace
}  // namespace postern::delivery
