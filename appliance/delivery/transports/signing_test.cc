#include "appliance/delivery/transports/signing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "appliance/delivery/transports/dkim_settings.h"
#include "appliance/delivery/transports/signing_pass.h"
#include "appliance/delivery/transports/testing.h"
#include "engine/coro/manual_scheduler.h"
#include "policy/crypto/keys_testing.h"
#include "policy/dkim/key_cache.h"
#include "policy/dkim/verifier.h"
#include "policy/expand/compile.h"
#include "policy/expand/config_text_for_test.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

namespace postern::delivery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace keys = crypto::testing;

// Files by name.
class FakeFiles final : public expand::Services {
 public:
  [[nodiscard]] std::optional<expand::Answer> file_now(const expand::FileQuestion&) override { return std::nullopt; }
  [[nodiscard]] Task<expand::Answer> file(expand::FileQuestion question) override {
    asked.emplace_back(question.path);
    const auto found = files.find(std::string(question.path));
    if (found == files.end()) co_return expand::Answer::failed("failed to open " + std::string(question.path));
    co_return expand::Answer::found(found->second);
  }
  std::map<std::string, std::string> files;
  std::vector<std::string> asked;
};

class Variables final : public expand::EvalContext {
 public:
  explicit Variables(expand::Services& services) : services_(services) {}
  [[nodiscard]] std::string_view variable(expand::VariableId id, std::string&) const override {
    return id == expand::VariableId::sender_address ? "joe@example.com" : "";
  }
  [[nodiscard]] expand::Services* services() const override { return &services_; }

 private:
  expand::Services& services_;
};

// Texts may name what the loader gives to them.
class Compiling final : public expand::CompileServices {
 public:
  [[nodiscard]] std::expected<Lookup, std::string> find_lookup(std::string_view) override { return std::unexpected("none"); }
  [[nodiscard]] bool is_lookup_type(std::string_view) override { return false; }
  [[nodiscard]] std::expected<List, std::string> find_list(expand::ListKind, const expand::ConfigText&) override {
    return List{};
  }
  [[nodiscard]] bool is_named_list(std::string_view) override { return false; }
};

class SigningTest : public ::testing::Test {
 protected:
  SigningTest() {
    set(options_.domain, "example.com");
    set(options_.selector, "sel");
    set(options_.private_key, keys::kRsaPrivate);
    resolver_.add_text("sel._domainkey.example.com", "v=DKIM1; p=" + std::string(keys::kRsaPublic));
  }

  void set(std::optional<expand::Program>& option, std::string_view text) {
    expand::Diagnostics diagnostics;
    option = expand::compile(expand::ConfigTextForTest::line(text), diagnostics, &compiling_);
    ASSERT_TRUE(option) << text;
  }

  Signed sign(const std::string& content = "From: Joe <joe@Example.com>\r\nSubject: s\r\n\r\n.body\r\n\r\n") {
    const testing::StoredMessage message(testing::MessageSpec{.content = content});
    const TransportJob job{
        message.record, message.view, message.view.sender.view(), message.recipients, message.all, {}, events_, guard_, stop_};
    const ComposedMessage composed(message.view, added_.top, added_.bottom);
    Signed made = postern::testing::run_task(
        scheduler_, postern::delivery::sign(options_, keys_, composed, added_, job, pool_, variables_));
    sent_ = made.fields;
    for (const std::string_view piece : composed.pieces()) sent_ += piece;
    return made;
  }

  // The words of all signatures of what would be sent.
  std::vector<std::string> verify() {
    const std::size_t header_bytes = sent_.find("\r\n\r\n") + 4;
    const Chain chain(Slice::literal(sent_));
    message::BodyHashes bodies;
    dkim::KeyCache cache;
    const dkim::VerifyPolicy policy;
    dkim::Verifier verifier(resolver_, cache, policy);
    verifier.begin(message::HeaderIndex(smtp::HeaderView(chain, header_bytes, pool_)), bodies, {});
    bodies.feed(std::string_view(sent_).substr(header_bytes));
    bodies.finish();
    std::vector<std::string> words;
    for (const dkim::SignatureResult& result : postern::testing::run_task(scheduler_, verifier.finish({})))
      words.emplace_back(dkim::to_string(result.status));
    return words;
  }

  ManualScheduler scheduler_;
  BlockPool pool_;
  dns::FakeResolver resolver_;
  Compiling compiling_;
  FakeFiles files_;
  Variables variables_{files_};
  config::DkimOptions options_;
  SigningKeys keys_;
  AddedHeaders added_;
  testing::RecordedEvents events_;
  testing::TestGuard guard_;
  StopSource stop_;
  std::string sent_;
};

TEST_F(SigningTest, SignsWhatIsSent) {
  added_.top = "Return-path: <joe@example.com>\r\n";
  added_.bottom = "X-Added: one\r\n";
  set(options_.sign_headers, "From:Subject:Return-path:X-Added:Received");
  const Signed made = sign();
  EXPECT_TRUE(made.remarks.empty());
  EXPECT_FALSE(made.problem);
  EXPECT_THAT(made.fields, StartsWith("DKIM-Signature: v=1; a=rsa-sha256;"));
  EXPECT_THAT(verify(), ElementsAre("pass"));
  sent_.replace(sent_.find("X-Added: one"), 12, "X-Added: two");
  EXPECT_THAT(verify(), ElementsAre("fail"));
}

TEST_F(SigningTest, EachDomainHasItsSelectorsAndKeys) {
  set(options_.domain, "example.com : : example.org:EXAMPLE.com");
  set(options_.selector, "${if eq{$dkim_domain}{example.com}{sel:two}{other}}");
  set(options_.private_key, "${if eq{$dkim_selector}{two}{false}{/keys/$dkim_domain.$dkim_selector}}");
  files_.files = {{"/keys/example.com.sel", std::string(keys::kRsaPrivate)},
                  {"/keys/example.org.other", std::string(keys::kEd25519Private)}};
  resolver_.add_text("other._domainkey.example.org", "v=DKIM1; k=ed25519; p=" + std::string(keys::kEd25519Public));
  EXPECT_TRUE(sign().remarks.empty());
  EXPECT_THAT(verify(), ElementsAre("pass", "pass"));
  EXPECT_THAT(files_.asked, ElementsAre("/keys/example.com.sel", "/keys/example.org.other"));
  EXPECT_LT(sent_.find("d=example.com"), sent_.find("d=example.org"));
}

TEST_F(SigningTest, AFieldOfTheMessageNamesTheDomain) {
  added_.top = "From: <x@other.example>\r\n";
  added_.bottom = "From: <y@other.example>\r\n";
  set(options_.domain, "${lc:${domain:$h_from:}}");
  set(options_.sign_headers, "=From");
  EXPECT_THAT(sign().fields, HasSubstr("d=example.com;"));
  EXPECT_THAT(verify(), ElementsAre("pass"));
}

TEST_F(SigningTest, SomeKeysSayThatNothingIsSigned) {
  set(options_.strict, "true");
  for (const std::string_view key : {"", "0", "false"}) {
    set(options_.private_key, key);
    const Signed made = sign();
    EXPECT_TRUE(made.fields.empty() && made.remarks.empty() && !made.problem) << key;
  }
  set(options_.private_key, keys::kRsaPrivate);
  set(options_.domain, "");
  EXPECT_TRUE(sign().fields.empty());
}

TEST_F(SigningTest, WithoutStrictItLeavesUnsigned) {
  set(options_.private_key, "/keys/absent");
  for (const std::string_view strict : {"", "0", "yes", "2", "${if eq{a}{b}{1}fail}"}) {
    set(options_.strict, strict);
    const Signed made = sign();
    EXPECT_TRUE(made.fields.empty() && !made.problem) << strict;
    ASSERT_EQ(made.remarks.size(), 1U);
    EXPECT_EQ(made.remarks[0].text, "unable to open file for reading: /keys/absent: failed to open /keys/absent");
    EXPECT_TRUE(made.remarks[0].is_serious);
  }
}

TEST_F(SigningTest, StrictMakesItWait) {
  set(options_.private_key, "/keys/absent");
  for (const std::string_view strict : {"1", "true", "TRUE", "${if eq{$dkim_domain}{example.com}{1}}"}) {
    set(options_.strict, strict);
    const Signed made = sign();
    ASSERT_TRUE(made.problem) << strict;
    EXPECT_FALSE(made.problem->permanent);
    EXPECT_EQ(made.remarks.size(), 2U);
    EXPECT_EQ(made.remarks[1].text, "DKIM: message could not be signed, and dkim_strict is set. Deferring message delivery.");
  }
}

TEST_F(SigningTest, OneSignatureThatFailsLeavesNone) {
  set(options_.domain, "example.com:example.org");
  set(options_.hash, "${if eq{$dkim_domain}{example.org}{md5}}");
  const Signed made = sign();
  EXPECT_TRUE(made.fields.empty());
  ASSERT_EQ(made.remarks.size(), 1U);
  EXPECT_THAT(made.remarks[0].text, StartsWith("DKIM: signing failed: dkim_hash: \"md5\""));
}

TEST_F(SigningTest, AStrangerNamesNoFile) {
  files_.files = {{"/keys/example.com", std::string(keys::kRsaPrivate)}};
  set(options_.private_key, "/keys/$sender_address");
  EXPECT_THAT(sign().remarks.at(0).text, HasSubstr("Tainted filename"));
  // A domain that came from the message is no better.
  set(options_.domain, "${domain:$h_from:}");
  set(options_.private_key, "/keys/$dkim_domain");
  EXPECT_THAT(sign().remarks.at(0).text, HasSubstr("Tainted filename"));
  EXPECT_TRUE(files_.asked.empty());
}

TEST_F(SigningTest, AnUnknownFormIsRelaxed) {
  set(options_.canon, "wild");
  const Signed made = sign();
  EXPECT_THAT(made.fields, HasSubstr("c=relaxed/relaxed;"));
  ASSERT_EQ(made.remarks.size(), 1U);
  EXPECT_EQ(made.remarks[0].text, "DKIM: unknown canonicalization method 'wild', defaulting to 'relaxed'.");
  EXPECT_FALSE(made.remarks[0].is_serious);
}

TEST_F(SigningTest, TimesAreAsEximHasThem) {
  set(options_.timestamps, "1000");
  EXPECT_THAT(sign().fields, HasSubstr(" x="));
  EXPECT_THAT(verify(), ElementsAre("pass"));
  set(options_.timestamps, "0");
  EXPECT_THAT(sign().fields, ::testing::AllOf(HasSubstr(" t="), ::testing::Not(HasSubstr(" x="))));
  EXPECT_THAT(verify(), ElementsAre("pass"));
}

TEST_F(SigningTest, SignaturesHaveACap) {
  std::string selectors;
  for (std::size_t i = 0; i < DkimSettings::kSignaturesMax; ++i) selectors += "s" + std::to_string(i) + ":";
  set(options_.selector, selectors);
  EXPECT_TRUE(sign().remarks.empty());
  set(options_.selector, selectors + "more");
  EXPECT_EQ(sign().remarks.at(0).text, "DKIM: signing failed: more than 20 signatures");
}

TEST_F(SigningTest, OddMessages) {
  for (const std::string& content :
       {std::string("From: a@b\r\n\r\n"), std::string("From: a@b\r\n\r\nno end"), std::string("From: a@b\r\n\r\n\r\n\r\n"),
        "From: a@b\r\n\r\n" + std::string(300'000, 'x') + "\r\n",
        "From: a@b\r\nX: " + std::string(200'000, 'y') + "\r\n\r\nb\r\n"}) {
    EXPECT_TRUE(sign(content).remarks.empty());
    EXPECT_THAT(verify(), ElementsAre("pass")) << content.substr(0, 30);
  }
}

TEST_F(SigningTest, WithoutFromThereIsNoSignatureToVerify) {
  EXPECT_TRUE(sign("Subject: s\r\n\r\nbody\r\n").remarks.empty());
  EXPECT_THAT(sent_, StartsWith("DKIM-Signature:"));
}

TEST(SigningKeys, AreKeptByTheirTextAndHaveACap) {
  SigningKeys keys;
  std::string why;
  const auto first = keys.read(keys::kRsaPrivate, why);
  ASSERT_TRUE(first) << why;
  EXPECT_EQ(keys.read(keys::kRsaPrivate, why), first);
  EXPECT_NE(keys.read(keys::kEd25519Private, why), first);
  EXPECT_FALSE(keys.read("nonsense", why));
  EXPECT_THAT(why, HasSubstr("cannot be read"));
  // The same key, of another text each time; one that is in use stays.
  for (std::size_t i = 0; i < SigningKeys::kKeysMax + 10; ++i) {
    ASSERT_TRUE(keys.read(std::string(keys::kRsaPrivate) + std::string(i + 1, '\n'), why)) << why;
    EXPECT_EQ(keys.read(keys::kRsaPrivate, why), first);
    ASSERT_LE(keys.size(), SigningKeys::kKeysMax);
  }
}

}  // namespace
}  // namespace postern::delivery
