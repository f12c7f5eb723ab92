// What is appended to dmarc_history_file is what Debian's opendmarc-import takes. The program runs as it is packaged; only the
// database behind it is a stand-in (perl/DBI.pm). tests/peers/fetch opendmarc libswitch-perl libjson-perl brings it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "policy/dmarc/history.h"

namespace postern::dmarc {
namespace {

using auth_results::Result;
namespace fs = std::filesystem;

fs::path source_dir() {
  const char* root = std::getenv("POSTERN_SOURCE_DIR");
  return root == nullptr ? fs::current_path() : fs::path(root);
}

fs::path peers_dir() {
  const char* peers = std::getenv("POSTERN_PEERS");
  return peers == nullptr ? source_dir() / "build/peers" : fs::path(peers);
}

std::string text_of(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

struct Imported {
  int status = -1;
  std::string complaints;  // on standard error
  std::string rows;        // one JSON array a line: table and values
};

class ImportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* package : {"opendmarc", "libswitch-perl", "libjson-perl"})
      if (!fs::exists(peers_dir() / package / ".complete")) GTEST_SKIP() << "tests/peers/fetch has not brought " << package;
    folder_ = fs::path(::testing::TempDir()) / ("postern_import_" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  Imported import(const std::string& history) {
    std::ofstream(folder_ / "history") << history;
    const std::string libraries = (source_dir() / "tests/dmarc/perl").string() + ":" +
                                  (peers_dir() / "libswitch-perl/usr/share/perl5").string() + ":" +
                                  (peers_dir() / "libjson-perl/usr/share/perl5").string();
    const auto quoted = [](const fs::path& path) { return "'" + path.string() + "'"; };
    const std::string command = "PERL5LIB='" + libraries + "' POSTERN_DBI_LOG=" + quoted(folder_ / "rows") + " perl " +
                                quoted(peers_dir() / "opendmarc/usr/sbin/opendmarc-import") + " <" +
                                quoted(folder_ / "history") + " >" + quoted(folder_ / "complaints") + " 2>&1";
    const int status = std::system(command.c_str());
    return {status, text_of(folder_ / "complaints"), text_of(folder_ / "rows")};
  }

  fs::path folder_;
};

HistoryMessage message() {
  HistoryMessage message;
  message.id = "1abcde-000001-00";
  message.reporter = "mx.example";
  message.received = {1'700'000'000'000'000};
  message.client_address = "192.0.2.1";
  message.sender_domain = PeerText("bounce.example.com");
  message.facts.spf = {Result::pass, PeerText("bounce.example.com")};
  message.facts.dkim = {{Result::pass, PeerText("example.com"), PeerText("s1")},
                        {Result::fail, PeerText("example.net"), PeerText("s2")}};
  message.outcome.status = Status::accept;
  message.outcome.header_from = "mail.example.com";
  message.outcome.used_domain = "example.com";
  message.outcome.dkim_aligned = message.outcome.spf_aligned = true;
  message.outcome.record =
      read_record("v=DMARC1; p=reject; sp=quarantine; adkim=s; pct=50; rua=mailto:a@example.com,mailto:b@example.com");
  message.arc = Result::pass;
  message.arc_sets = {{1, PeerText("list.example"), PeerText("arc"), "192.0.2.9"}};
  return message;
}

TEST_F(ImportTest, AWholeMessage) {
  const Imported imported = import(history_entry(message()));
  EXPECT_EQ(imported.status, 0);
  EXPECT_EQ(imported.complaints, "");
  EXPECT_EQ(imported.rows,
            R"(["reporters","mx.example"]
["domains","mail.example.com"]
["domains","bounce.example.com"]
["domains","example.com"]
["ipaddr","192.0.2.1"]
["requests","2"]
["messages","1700000000","1abcde-000001-00","1","15","2","5","3","2","4","0","4","4","2","0","0"]
["selectors","s1","4"]
["signatures","7","4","8","0","0"]
["domains","example.net"]
["selectors","s2","10"]
["signatures","7","10","11","7","0"]
["arcauthresults","7","1","192.0.2.9"]
["domains","list.example"]
["selectors","arc","14"]
["arcseals","7","14","15","1"]
["requests","mailto:a@example.com,mailto:b@example.com","6"]
["requests","115","114","114","113","50","6"]
)");
}

TEST_F(ImportTest, SeveralMessagesOneBehindAnother) {
  HistoryMessage bare = message();
  bare.id = "1abcde-000002-00";
  bare.sender_domain = PeerText();
  bare.facts = {};
  bare.outcome = Outcome{.status = Status::norecord, .header_from = "other.example", .used_domain = "other.example"};
  bare.arc = Result::none;
  bare.arc_sets.clear();
  HistoryMessage evil = message();
  evil.id = "1abcde-000003-00";
  evil.sender_domain = PeerText("x\njob 1\nfrom victim.example y");
  evil.arc_sets = {{1, PeerText("a\"]}\n"), PeerText("\\"), "1 2"}};
  const Imported imported = import(history_entry(message()) + history_entry(bare) + history_entry(evil));
  EXPECT_EQ(imported.status, 0);
  EXPECT_EQ(imported.complaints, "");
  std::istringstream rows(imported.rows);
  std::vector<std::string> messages;
  for (std::string row; std::getline(rows, row);)
    if (row.starts_with("[\"messages\"")) messages.push_back(row);
  ASSERT_EQ(messages.size(), 3U) << imported.rows;
  EXPECT_NE(messages[1].find("\"1abcde-000002-00\",\"1\",\"14\",\"2\""), std::string::npos) << messages[1];
  EXPECT_NE(messages[2].find("\"1abcde-000003-00\""), std::string::npos) << messages[2];
  EXPECT_EQ(imported.rows.find("victim.example\"]"), std::string::npos) << "no domain of its own: " << imported.rows;
  EXPECT_NE(imported.rows.find("[\"domains\",\"x?job?1?from?victim.example?y\"]"), std::string::npos) << imported.rows;
}

TEST_F(ImportTest, TheStandInSaysWhatItDoesNotKnow) {
  EXPECT_NE(import("job 1\nnonsense 2\n").complaints.find("unknown key 'nonsense' at line 2"), std::string::npos);
}

}  // namespace
}  // namespace postern::dmarc
