#include "policy/arc/verifier.h"

#include "policy/arc/arc_testing.h"

namespace postern::arc {
namespace {

using testing::ArcTest;
using testing::replaced;

// Takes one field, from its name to its end, out of a message.
std::string without_field(const std::string& text, std::string_view begin) {
  const std::size_t at = text.find(begin);
  EXPECT_NE(at, text.npos) << begin;
  std::size_t end = at;
  do end = text.find("\r\n", end) + 2;
  while (text[end] == '\t' || text[end] == ' ');
  return text.substr(0, at) + text.substr(end);
}
std::string field(const std::string& text, std::string_view begin) {
  const std::size_t at = text.find(begin);
  const std::string rest = without_field(text, begin);
  return text.substr(at, text.size() - rest.size());
}

TEST_F(ArcTest, NoChain) {
  const Result result = verify(std::string(kMessage));
  EXPECT_EQ(result.status, ChainStatus::none);
  EXPECT_EQ(result.reason, "");
  EXPECT_EQ(result.instances(), 0U);
  EXPECT_EQ(result.oldest_pass, 0U);
  EXPECT_EQ(result.domains(), "");
  EXPECT_TRUE(resolver_.asked.empty());
  const auth_results::Arc arc = result.for_auth_results();
  EXPECT_EQ(arc.result, auth_results::Result::none);
  EXPECT_EQ(arc.instance, 0U);
}

TEST_F(ArcTest, ChainsOfAllLengths) {
  std::string text(kMessage);
  for (unsigned hop = 1; hop <= kInstanceMax; ++hop) {
    text = next_hop(text, hop);
    const Result result = verify(text);
    ASSERT_EQ(result.status, ChainStatus::pass) << result.reason;
    EXPECT_EQ(result.instances(), hop);
    EXPECT_EQ(result.oldest_pass, 1U);
    EXPECT_EQ(result.sets.back().domain.view(), identity(hop));
    EXPECT_EQ(result.sets.back().results_id.view(), identity(hop));
  }
}

TEST_F(ArcTest, WhatIsTold) {
  std::string text = results(1, "iprev=pass (h) smtp.remote-ip=192.0.2.7") + std::string(kMessage);
  std::string why;
  auto sealer = make(settings(1), why);
  ASSERT_TRUE(sealer);
  text = next_hop(seal(*sealer, text, std::nullopt).value(), 2);
  const Result result = verify(text);
  EXPECT_EQ(result.domains(), "mx1.example:mx2.example");
  EXPECT_EQ(result.sets[0].remote_ip.view(), "192.0.2.7");
  EXPECT_EQ(result.sets[1].remote_ip.view(), "");
  EXPECT_EQ(result.sets[1].signature_selector.view(), "sel");
  EXPECT_EQ(result.sets[1].signature_domain.view(), "mx2.example");
  EXPECT_FALSE(result.ended || result.temporary);
  const auth_results::Arc arc = result.for_auth_results();
  EXPECT_EQ(arc.result, auth_results::Result::pass);
  EXPECT_EQ(arc.instance, 2U);
  EXPECT_EQ(arc.selector.view(), "sel");
  EXPECT_EQ(arc.oldest_pass, 1U);
}

TEST_F(ArcTest, KeysAreAskedForOnceAndBeforeTheBody) {
  const std::string text = chain(3);
  message::BodyHashes bodies;
  Verifier verifier(resolver_, cache_, policy_);
  with_header(text, [&](const message::HeaderIndex& headers) { verifier.begin(headers, bodies, {}); });
  EXPECT_EQ(resolver_.asked.size(), 3U);
  feed(bodies, text);
  EXPECT_EQ(postern::testing::run_task(scheduler_, verifier.finish({})).status, ChainStatus::pass);
  EXPECT_EQ(resolver_.asked.size(), 3U);
}

TEST_F(ArcTest, StructureFaults) {
  const std::string good = chain(3);
  const auto expect = [&](const std::string& text, std::string_view words) {
    resolver_.asked.clear();
    EXPECT_EQ(reason(text), words);
    EXPECT_TRUE(resolver_.asked.empty()) << words;
  };
  for (const std::string instance : {"1", "2", "3"}) {
    for (const std::string name : {"ARC-Seal: i=", "ARC-Message-Signature: i=", "ARC-Authentication-Results: i="}) {
      const std::string begin = name + instance;
      expect(without_field(good, begin), "i=" + instance + " (missing header)");
      expect(field(good, begin) + good, "i=" + instance + " (duplicate header)");
      const std::string what = name.substr(0, name.find(':')) + ": instance missing or out of range";
      for (const std::string_view bad : {"0", "51", "x", "", "99999999999999999999"})
        expect(replaced(good, begin, name + std::string(bad)), what);
      expect(replaced(good, begin, name.substr(0, name.size() - 2) + "j=" + instance), what);
    }
  }
  // A whole set that is not there, and one that stands alone far above.
  std::string gap = good;
  for (const std::string_view name : {"ARC-Seal: i=2", "ARC-Message-Signature: i=2", "ARC-Authentication-Results: i=2"})
    gap = without_field(gap, name);
  expect(gap, "i=2 (sequence; no such set)");
  std::string far = good;
  for (const std::string name : {"ARC-Seal: i=", "ARC-Message-Signature: i=", "ARC-Authentication-Results: i="})
    far = replaced(far, name + "3", name + "50");
  expect(far, "i=3 (sequence; no such set)");

  expect(replaced(good, "cv=none", "cv=pass"), "i=1 (cv)");
  expect(replaced(good, "cv=pass", "cv=none"), "i=3 (cv)");
  expect(replaced(good, "cv=pass", "cv=perhaps"), "i=3 (ARC-Seal: tag invalid)");
  expect(replaced(good, "cv=pass; ", ""), "i=3 (ARC-Seal: tag missing)");
  expect(replaced(good, "cv=none", "cv=fail"), "i=1 (cv)");
  expect(replaced(good, "cv=pass", "h=from; cv=pass"), "i=3 (ARC-Seal: h= in a seal)");
  expect(replaced(good, "cv=pass", "cv=pass; cv=pass"), "ARC-Seal: tag invalid");
  for (const std::string_view name : {"ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"})
    expect(replaced(good, "h=From:", "h=From:" + std::string(name) + ":"),
           "i=3 (ARC-Message-Signature: h= names a field of ARC)");
  expect(replaced(good, "h=From:", "h="), "i=3 (ARC-Message-Signature: h= without From)");
  expect(replaced(good, " bh=", " bx="), "i=3 (ARC-Message-Signature: tag missing)");
  expect(replaced(good, "c=relaxed", "c=lax"), "i=3 (ARC-Message-Signature: tag invalid)");
  expect(replaced(good, "ARC-Authentication-Results: i=3;", "ARC-Authentication-Results: i=3,"),
         "i=3 (ARC-Authentication-Results: tag invalid)");
}

TEST_F(ArcTest, MoreSetsThanMayBe) {
  const std::string seal = field(chain(1), "ARC-Seal: ");
  std::string many;
  for (int i = 0; i < 51; ++i) many += seal;
  EXPECT_EQ(reason(many + std::string(kMessage)), "i=1 (duplicate header)");
  std::string distinct;
  for (int i = 1; i <= 51; ++i) distinct += replaced(seal, "i=1", "i=" + std::to_string(i));
  const Result result = verify(distinct + std::string(kMessage));
  EXPECT_EQ(result.status, ChainStatus::fail);
  EXPECT_EQ(result.reason, "more than 50 sets");
  EXPECT_EQ(result.instances(), kInstanceMax);
  EXPECT_TRUE(resolver_.asked.empty());
}

TEST_F(ArcTest, AChainThatHasEnded) {
  const std::string good = chain(2);
  const Result ended = verify(replaced(good, "cv=pass", "cv=fail"));
  EXPECT_EQ(ended.status, ChainStatus::fail);
  EXPECT_TRUE(ended.ended);
  EXPECT_EQ(ended.reason, "i=2 (cv)");
  // Whatever else is wrong.
  const Result broken = verify(without_field(replaced(good, "cv=pass", "cv=fail"), "ARC-Seal: i=1"));
  EXPECT_TRUE(broken.ended);
  EXPECT_EQ(broken.reason, "i=2 (cv)");
  EXPECT_EQ(broken.domains(), ":mx2.example");
  EXPECT_TRUE(resolver_.asked.empty());
  EXPECT_FALSE(verify(replaced(good, "cv=none", "cv=fail")).ended);
}

TEST_F(ArcTest, ChangesBelowTheNewestSetMoveTheOldestPass) {
  const std::string lower = chain(2);
  const std::string text = next_hop(next_hop(replaced(lower, "Subject: ", "Subject: [list] "), 3), 4);
  const Result result = verify(text);
  EXPECT_EQ(result.status, ChainStatus::pass) << result.reason;
  EXPECT_EQ(result.oldest_pass, 3U);
  const Result body = verify(next_hop(lower + "-- \r\nlist\r\n", 3));
  EXPECT_EQ(body.status, ChainStatus::pass) << body.reason;
  EXPECT_EQ(body.oldest_pass, 3U);
}

TEST_F(ArcTest, ChangesAboveTheNewestSet) {
  const std::string good = chain(3);
  EXPECT_EQ(reason(replaced(good, "We  lost", "We won")), "AMS body hash miscompare");
  EXPECT_EQ(reason(replaced(good, "Subject: dinner", "Subject: lunch")), "AMS sig nonverify");
  for (const std::string instance : {"1", "2"})
    EXPECT_EQ(reason(replaced(good, "ARC-Authentication-Results: i=" + instance + "; ",
                              "ARC-Authentication-Results: i=" + instance + "; x")),
              "seal sigverify error: i=3 signature did not verify; headers probably modified in transit");
  EXPECT_EQ(reason(replaced(good, "ARC-Authentication-Results: i=3; ", "ARC-Authentication-Results: i=3; x")),
            "seal sigverify error: i=3 signature did not verify; headers probably modified in transit");
  const Result result = verify(replaced(good, "mx1.example;", "mx1.example ;"));
  EXPECT_EQ(result.status, ChainStatus::fail);
  EXPECT_EQ(result.oldest_pass, 1U);
}

TEST_F(ArcTest, ASealBelowThatIsNotItsKeys) {
  const std::string good = chain(3);
  dns::FakeResolver other;
  std::swap(resolver_, other);
  for (const unsigned hop : {1U, 3U}) publish(identity(hop), crypto::testing::kRsaPublic);
  const Result gone = verify(good);
  EXPECT_EQ(gone.status, ChainStatus::fail);
  EXPECT_EQ(gone.reason, "seal sigverify error: i=2 no public key record");
  EXPECT_FALSE(gone.temporary);
  EXPECT_EQ(gone.oldest_pass, 3U);
  publish(identity(2), "");
  EXPECT_EQ(reason(good), "seal sigverify error: i=2 public key revoked");
}

TEST_F(ArcTest, DnsThatDoesNotAnswer) {
  const std::string good = chain(2);
  dns::FakeResolver other;
  std::swap(resolver_, other);
  resolver_.fail("sel._domainkey.mx1.example", dns::Type::txt);
  publish(identity(2), crypto::testing::kRsaPublic);
  const Result seal = verify(good);
  EXPECT_EQ(seal.status, ChainStatus::fail);
  EXPECT_TRUE(seal.temporary);
  EXPECT_TRUE(seal.reason.starts_with("seal sigverify error: i=1 ")) << seal.reason;
  EXPECT_EQ(seal.oldest_pass, 2U);
  dns::FakeResolver silent;
  std::swap(resolver_, silent);
  resolver_.fail("sel._domainkey.mx2.example", dns::Type::txt);
  const Result newest = verify(good);
  EXPECT_TRUE(newest.temporary);
  EXPECT_TRUE(newest.reason.starts_with("pubkey problem: i=2 ")) << newest.reason;
  EXPECT_EQ(newest.oldest_pass, 0U);
  EXPECT_EQ(newest.for_auth_results().result, auth_results::Result::fail);
}

TEST_F(ArcTest, ADeadline) {
  const std::string good = chain(1);
  resolver_.delay("sel._domainkey.mx1.example", dns::Type::txt, 5000);
  const Result late = verify(good, 2000, {scheduler_.now().plus_ms(1000)});
  EXPECT_EQ(late.status, ChainStatus::fail);
  EXPECT_TRUE(late.temporary);
  EXPECT_EQ(verify(good, 6000).status, ChainStatus::pass);
}

TEST_F(ArcTest, AMessageThatGoesAway) {
  resolver_.delay("sel._domainkey.mx1.example", dns::Type::txt, 5000);
  message::BodyHashes bodies;
  Verifier verifier(resolver_, cache_, policy_);
  with_header(chain(1), [&](const message::HeaderIndex& headers) { verifier.begin(headers, bodies, {}); });
  Gate gate;
  gate.start(verifier.abandon());
  scheduler_.run();
  EXPECT_EQ(gate.inside(), 0U);
}

TEST_F(ArcTest, Times) {
  SealSettings with = settings(1);
  with.timestamps = true;
  with.expire = Expiry{.from_now = true, .seconds = 100};
  const std::string text = next_hop(std::string(kMessage), 1, ChainStatus::none, with);
  const WallTime now = scheduler_.wall_now();
  EXPECT_EQ(verify(text).status, ChainStatus::pass);
  scheduler_.clock().set_wall({now.us + 101'000'000});
  EXPECT_EQ(reason(text), "AMS: i=1 signature expired");
  // Of an older set it only ends the row of those that verify.
  const std::string longer = next_hop(text, 2);
  const Result result = verify(longer);
  EXPECT_EQ(result.status, ChainStatus::pass) << result.reason;
  EXPECT_EQ(result.oldest_pass, 2U);
  scheduler_.clock().set_wall({now.us - 301'000'000});
  EXPECT_EQ(reason(text), "AMS: i=1 signed in the future");
}

TEST_F(ArcTest, Algorithms) {
  const std::string good = chain(1);
  EXPECT_EQ(reason(replaced(good, "ARC-Seal: i=1; a=rsa-sha256", "ARC-Seal: i=1; a=rsa-sha1")),
            "seal sigverify error: i=1 insecure");
  EXPECT_EQ(reason(replaced(good, "ARC-Seal: i=1; a=rsa-sha256", "ARC-Seal: i=1; a=rsa-md9")),
            "seal sigverify error: i=1 unknown algorithm");
  EXPECT_EQ(reason(replaced(good, "ARC-Message-Signature: i=1; a=rsa-sha256", "ARC-Message-Signature: i=1; a=rsa-sha1")),
            "AMS: i=1 insecure");
  std::string why;
  auto sealer = make(settings(1), why, crypto::testing::kEd25519Private);
  ASSERT_TRUE(sealer) << why;
  const auto sealed = seal(*sealer, results(1) + std::string(kMessage), std::nullopt);
  ASSERT_TRUE(sealed);
  EXPECT_EQ(reason(*sealed), "pubkey problem: i=1 public key is of another type");
  dns::FakeResolver other;
  std::swap(resolver_, other);
  publish(identity(1), crypto::testing::kEd25519Public, "v=DKIM1; k=ed25519; p=");
  EXPECT_EQ(verify(*sealed).status, ChainStatus::pass);
}

TEST_F(ArcTest, TheNewestSignaturesAreHashedUpToALimit) {
  std::string text = "X-Large: " + std::string(200'000, 'x') + "\r\n" + std::string(kMessage);
  for (unsigned hop = 1; hop <= 25; ++hop) {
    SealSettings with = settings(hop);
    with.sign_headers = "From:X-Large";
    text = next_hop(text, hop, ChainStatus::pass, with);
  }
  const Result result = verify(text);
  EXPECT_EQ(result.status, ChainStatus::pass) << result.reason;
  EXPECT_EQ(result.oldest_pass, 25 - Verifier::kHeaderBytesMax / 200'000 + 1);
}

TEST_F(ArcTest, AVersionIsNoFaultOfTheStructure) {
  // It is covered by the signature all the same.
  EXPECT_EQ(reason(replaced(chain(1), "ARC-Message-Signature: i=1;", "ARC-Message-Signature: v=1; i=1;")), "AMS sig nonverify");
}

}  // namespace
}  // namespace postern::arc
