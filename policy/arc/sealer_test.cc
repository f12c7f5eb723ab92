#include "policy/arc/sealer.h"

#include "policy/arc/arc_testing.h"

namespace postern::arc {
namespace {

using testing::ArcTest;
using testing::replaced;
namespace keys = crypto::testing;

TEST_F(ArcTest, TheFieldsOfASet) {
  std::string why;
  SealSettings with = settings(1);
  with.timestamps = true;
  with.expire = Expiry{.from_now = false, .seconds = 4'000'000'000};
  auto sealer = make(with, why);
  ASSERT_TRUE(sealer) << why;
  scheduler_.clock().set_wall({std::int64_t{1'764'300'000} * 1'000'000});
  const auto made = fields(*sealer, results(1) + std::string(kMessage), std::nullopt);
  ASSERT_TRUE(made);
  ASSERT_EQ(made->size(), 3U);
  EXPECT_TRUE((*made)[0].starts_with("ARC-Seal: i=1; a=rsa-sha256; t=1764300000; cv=none; d=mx1.example;\r\n\ts=sel; b="))
      << (*made)[0];
  EXPECT_TRUE(
      (*made)[1].starts_with("ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=mx1.example;\r\n\ts=sel; "
                             "t=1764300000; x=4000000000; h=From:Subject:To; "))
      << (*made)[1];
  EXPECT_EQ((*made)[2], "ARC-Authentication-Results: i=1; mx1.example;\r\n\tspf=pass smtp.mailfrom=example.com\r\n");
  for (const std::string& field : *made) EXPECT_TRUE(field.ends_with("\r\n"));
}

TEST_F(ArcTest, AllResultsOfOursAndNothingElse) {
  std::string why;
  auto sealer = make(settings(1), why);
  ASSERT_TRUE(sealer);
  const std::string text = "Authentication-Results: MX1.example; dkim=pass (a; b)\r\n\theader.d=x\r\n" +
                           std::string("Authentication-Results: other.example; spf=fail\r\n") +
                           "Authentication-Results: mx1.example 1; none\r\n" + "Authentication-Results: mx1.example; =\r\n" +
                           "Authentication-Results: mx1.example; dmarc=fail; spf=none\r\n" + std::string(kMessage);
  const auto made = fields(*sealer, text, std::nullopt);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->back(),
            "ARC-Authentication-Results: i=1; mx1.example;\r\n\tdkim=pass (a; "
            "b)\r\n\theader.d=x;\r\n\tdmarc=fail;\r\n\tspf=none\r\n");
  const auto none = fields(*sealer, "Authentication-Results: mx1.example; none\r\n" + std::string(kMessage), std::nullopt);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->back(), "ARC-Authentication-Results: i=1; mx1.example; none\r\n");
}

TEST_F(ArcTest, WhatIsNotSealed) {
  std::string why;
  auto sealer = make(settings(4), why);
  ASSERT_TRUE(sealer);
  const auto refused = [&](const std::string& text, std::optional<ChainStatus> verified) {
    EXPECT_FALSE(fields(*sealer, text, verified));
    return std::exchange(why_, {});
  };
  EXPECT_EQ(refused(std::string(kMessage), std::nullopt), "no Authentication-Results header for signing");
  EXPECT_EQ(refused(results(5) + std::string(kMessage), std::nullopt), "no Authentication-Results header for signing");
  EXPECT_EQ(refused("Authentication-Results: mx4.example; =\r\n" + std::string(kMessage), std::nullopt),
            "no Authentication-Results header for signing");
  const std::string good = results(4) + chain(3);
  EXPECT_EQ(refused(good, std::nullopt), "the chain was not verified when the message came in");
  EXPECT_EQ(refused(good, ChainStatus::none), "the chain was not verified when the message came in");
  for (const ChainStatus verified : {ChainStatus::pass, ChainStatus::fail})
    EXPECT_EQ(refused(replaced(good, "cv=pass", "cv=fail"), verified), "the chain has ended: its newest seal says cv=fail");
  std::string long_results = results(4, "dkim=pass");
  for (int i = 0; i < 200; ++i) long_results += results(4, "dkim=fail header.d=" + std::string(500, 'x'));
  EXPECT_EQ(refused(long_results + std::string(kMessage), std::nullopt), "more than 65536 bytes of Authentication-Results");
}

TEST_F(ArcTest, NothingBeyondFiftySets) {
  std::string why;
  auto sealer = make(settings(51), why);
  ASSERT_TRUE(sealer);
  EXPECT_FALSE(fields(*sealer, results(51) + chain(50), ChainStatus::pass));
  EXPECT_EQ(why_, "the chain has 50 sets");
}

TEST_F(ArcTest, AChainThatFailedIsSealedOnceAndAlone) {
  const std::string broken = replaced(chain(2), "Subject: dinner", "Subject: lunch");
  const std::string text = next_hop(broken, 3, ChainStatus::fail);
  EXPECT_NE(text.find("ARC-Seal: i=3; a=rsa-sha256; cv=fail;"), text.npos);
  const Result result = verify(text);
  EXPECT_EQ(result.status, ChainStatus::fail);
  EXPECT_TRUE(result.ended);
  // The seal covers its own set only (section 5.1.2): as the seal of a chain of one it verifies.
  std::string alone = text.substr(0, text.find("ARC-Seal: i=2"));
  for (const std::string_view name : {"ARC-Seal: ", "ARC-Message-Signature: ", "ARC-Authentication-Results: "})
    EXPECT_NE(alone.find(std::string(name) + "i=3"), alone.npos);
  // Fields below it may change without the seal's knowing.
  const std::string other = next_hop(replaced(broken, "ARC-Authentication-Results: i=1;", "ARC-Authentication-Results: i=1; x"),
                                     3, ChainStatus::fail);
  EXPECT_EQ(other.substr(0, other.find("ARC-Message-Signature")), text.substr(0, text.find("ARC-Message-Signature")));
}

TEST_F(ArcTest, AChainThatCannotBeOneHasFailed) {
  const std::string broken = replaced(chain(2), "cv=none", "cv=pass");
  const std::string text = next_hop(broken, 3, ChainStatus::pass);
  EXPECT_NE(text.find("ARC-Seal: i=3; a=rsa-sha256; cv=fail;"), text.npos);
  const std::string nameless = next_hop("ARC-Seal: i=x\r\n" + std::string(kMessage), 1, ChainStatus::fail);
  EXPECT_NE(nameless.find("ARC-Seal: i=1; a=rsa-sha256; cv=fail;"), nameless.npos);
}

TEST_F(ArcTest, TheFirstSetSaysNone) {
  for (const ChainStatus verified : {ChainStatus::none, ChainStatus::pass, ChainStatus::fail})
    EXPECT_EQ(verify(next_hop(std::string(kMessage), 1, verified)).status, ChainStatus::pass);
}

TEST_F(ArcTest, WhichFieldsAreSigned) {
  SealSettings with = settings(1);
  const std::string two = "DKIM-Signature: v=1\r\nDKIM-Signature: v=2\r\n" + std::string(kMessage);
  const auto names = [&](const std::string& list) {
    with.sign_headers = list;
    const std::string text = next_hop(two, 1, ChainStatus::none, with);
    EXPECT_EQ(verify(text).status, ChainStatus::pass) << list;
    const std::size_t at = text.find(" h=") + 3;
    return text.substr(at, text.find(';', at) - at);
  };
  EXPECT_EQ(names(""), "From:Subject:To:DKIM-Signature:DKIM-Signature");
  EXPECT_EQ(names("From:X-Absent:DKIM-Signature"), "From:DKIM-Signature");
  EXPECT_EQ(names("+From:=X-Absent:+X-Other:To"), "From:From:X-Other:To");
}

TEST_F(ArcTest, SettingsThatCannotBeUsed) {
  const auto refused = [&](const SealSettings& settings) {
    std::string why;
    EXPECT_FALSE(make(settings, why));
    EXPECT_TRUE(why.starts_with("arc_sign: ") || why.starts_with("dkim_sign_headers: ")) << why;
    return why;
  };
  SealSettings bad = settings(1);
  bad.identity = "not a domain";
  refused(bad);
  bad = settings(1);
  bad.selector = "";
  refused(bad);
  for (const std::string_view names : {"From:ARC-Seal", "From:arc-message-signature", "From:=ARC-Authentication-Results",
                                       "From:Authentication-Results", "To", "From:a b"}) {
    bad = settings(1);
    bad.sign_headers = names;
    refused(bad);
  }
}

TEST_F(ArcTest, WhatOurResultsSayOfTheChain) {
  const auto said = [&](const std::string& fields) {
    std::optional<ChainStatus> status;
    with_header(fields + std::string(kMessage),
                [&](const message::HeaderIndex& headers) { status = recorded_status(headers, identity(1)); });
    return status;
  };
  EXPECT_EQ(said(""), std::nullopt);
  EXPECT_EQ(said(results(1)), std::nullopt);
  EXPECT_EQ(said(results(2, "arc=pass")), std::nullopt);
  EXPECT_EQ(said(results(1, "spf=pass; arc=pass (i=2) header.s=s")), ChainStatus::pass);
  EXPECT_EQ(said(results(1, "arc=none")), ChainStatus::none);
  EXPECT_EQ(said(results(1, "arc=fail")), ChainStatus::fail);
  EXPECT_EQ(said(results(1, "arc=temperror")), ChainStatus::fail);
  EXPECT_EQ(said(results(1, "arc=pass; arc=pass")), ChainStatus::pass);
  EXPECT_EQ(said(results(1, "arc=pass") + results(1, "arc=none")), ChainStatus::fail);
}

TEST_F(ArcTest, LinesAreShort) {
  const std::string text = next_hop(std::string(kMessage), 1);
  std::string_view sealed = std::string_view(text).substr(0, text.find("From: "));
  for (std::size_t end = 0; (end = sealed.find("\r\n")) != sealed.npos; sealed.remove_prefix(end + 2)) EXPECT_LE(end, 78U);
}

}  // namespace
}  // namespace postern::arc
