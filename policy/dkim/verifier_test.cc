#include "policy/dkim/verifier.h"

#include <gtest/gtest.h>

#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"
#include "engine/coro/manual_scheduler.h"
#include "policy/crypto/keys_testing.h"
#include "policy/dkim/signer.h"
#include "policy/expand/text_base64.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

namespace postern::dkim {
namespace {

namespace keys = crypto::testing;

constexpr std::string_view kHeader = "From: Joe <joe@example.com>\r\nTo: suzie@example.net\r\nSubject: dinner\r\n\r\n";
constexpr std::string_view kBody = "Hi.\r\n\r\nWe  lost.\r\n";
constexpr std::string_view kKeyName = "sel._domainkey.example.com";

class DkimTest : public ::testing::Test {
 protected:
  DkimTest() { publish(kKeyName, keys::kRsaPublic, "v=DKIM1; p="); }

  void publish(std::string_view name, std::string_view key, std::string_view before) {
    resolver_.add_text(name, std::string(before) + std::string(key));
  }
  static std::shared_ptr<const crypto::PrivateKey> key(std::string_view text) {
    std::string why;
    auto read = crypto::PrivateKey::read(text, why);
    EXPECT_TRUE(read) << why;
    return std::make_shared<const crypto::PrivateKey>(std::move(*read));
  }
  static SignSettings settings() { return {.domain = "example.com", .selector = "sel", .sign_headers = "From:To:Subject"}; }

  // A message with one more field on its top.
  std::string sign(const SignSettings& settings, const std::string& text, std::string_view key_text = keys::kRsaPrivate) {
    std::string why;
    auto signer = Signer::make(settings, key(key_text), why);
    EXPECT_TRUE(signer) << why;
    const std::size_t header_bytes = text.find("\r\n\r\n") + 4;
    const Chain chain(Slice::literal(text));
    message::BodyHashes bodies;
    signer->begin(message::HeaderIndex(smtp::HeaderView(chain, header_bytes, pool_)), bodies, scheduler_.wall_now());
    bodies.feed(std::string_view(text).substr(header_bytes));
    bodies.finish();
    const auto field = signer->finish(bodies, why);
    EXPECT_TRUE(field) << why;
    return field.value_or("") + text;
  }
  std::string message() { return sign(settings(), std::string(kHeader) + std::string(kBody)); }

  std::vector<SignatureResult> verify(const std::string& text, std::int64_t ms = 0, Wait wait = {}) {
    const std::size_t header_bytes = text.find("\r\n\r\n") + 4;
    message::BodyHashes bodies;
    Verifier verifier(resolver_, cache_, policy_);
    {
      // The header is gone when the body has arrived.
      const std::string header = text.substr(0, header_bytes);
      const Chain chain(Slice::literal(header));
      verifier.begin(message::HeaderIndex(smtp::HeaderView(chain, header_bytes, pool_)), bodies, {});
    }
    bodies.feed(std::string_view(text).substr(header_bytes));
    bodies.finish();
    ignored_ = verifier.ignored();
    return postern::testing::run_task(scheduler_, verifier.finish(wait), ms);
  }
  SignatureResult verify_one(const std::string& text) {
    std::vector<SignatureResult> results = verify(text);
    EXPECT_EQ(results.size(), 1U);
    return results.empty() ? SignatureResult{} : std::move(results.front());
  }
  Reason reason(const std::string& text) { return verify_one(text).reason; }
  Reason reason_with_record(std::string_view record) {
    dns::FakeResolver other;
    other.add_text(kKeyName, record);
    std::swap(resolver_, other);
    const Reason found = reason(message());
    std::swap(resolver_, other);
    return found;
  }

  ManualScheduler scheduler_;
  BlockPool pool_;
  dns::FakeResolver resolver_;
  KeyCache cache_;
  VerifyPolicy policy_;
  std::size_t ignored_ = 0;
};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}

TEST_F(DkimTest, WhatWasSignedVerifies) {
  const SignatureResult result = verify_one(message());
  EXPECT_EQ(result.status, Status::pass);
  EXPECT_EQ(result.reason, Reason::none);
  EXPECT_EQ(result.key_bits, 1024U);
  EXPECT_EQ(result.signature.domain.view(), "example.com");
  EXPECT_EQ(result.body_bytes, 17U);
  EXPECT_EQ(result.unsigned_body_bytes, 0U);
  EXPECT_TRUE(result.oversigned.empty());
  ASSERT_TRUE(result.record);
  EXPECT_FALSE(result.record->testing);
}

TEST_F(DkimTest, AMessageWithoutSignatures) {
  EXPECT_TRUE(verify(std::string(kHeader)).empty());
  EXPECT_TRUE(resolver_.asked.empty());
}

TEST_F(DkimTest, ChangesAreFound) {
  const std::string text = message();
  EXPECT_EQ(reason(replaced(text, "lost", "won")), Reason::body_hash);
  EXPECT_EQ(reason(replaced(text, "dinner", "Dinner")), Reason::signature);
  EXPECT_EQ(reason(replaced(text, "To: suzie@example.net\r\n", "")), Reason::signature);
  EXPECT_EQ(verify_one(replaced(text, "We  lost.", "We \t lost. \t")).status, Status::pass) << "relaxed";
}

TEST_F(DkimTest, ABodyThatChangedNeedsNoKey) {
  resolver_.fail(kKeyName, dns::Type::txt);
  EXPECT_EQ(verify_one(replaced(message(), "lost", "won")).status, Status::fail);
}

TEST_F(DkimTest, BothKindsOfKeys) {
  publish("ed._domainkey.example.com", keys::kEd25519Public, "v=DKIM1; k=ed25519; p=");
  SignSettings both = settings();
  both.selector = "ed";
  const std::string text = sign(both, message(), keys::kEd25519Private);
  const auto results = verify(text);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].signature.algorithm_text.view(), "ed25519-sha256");
  EXPECT_EQ(results[0].status, Status::pass);
  EXPECT_EQ(results[1].status, Status::pass);
}

TEST_F(DkimTest, KeysAreAskedTogetherAndEachNameOnce) {
  for (const char* selector : {"a", "b"}) {
    publish(std::string(selector) + "._domainkey.example.com", keys::kRsaPublic, "p=");
    resolver_.delay(std::string(selector) + "._domainkey.example.com", dns::Type::txt, 100);
  }
  std::string text = std::string(kHeader) + std::string(kBody);
  for (const char* selector : {"a", "b", "A", "a"}) {
    SignSettings one = settings();
    one.selector = selector;
    text = sign(one, text);
  }
  const auto results = verify(text, 110);
  ASSERT_EQ(results.size(), 4U);
  for (const SignatureResult& result : results) EXPECT_EQ(result.status, Status::pass);
  EXPECT_EQ(resolver_.asked.size(), 2U);
}

TEST_F(DkimTest, AnAnswerThatIsKnownNeedsNoQuestion) {
  resolver_.know_at_once(true);
  EXPECT_EQ(verify_one(message()).status, Status::pass);
  EXPECT_TRUE(resolver_.asked.empty());
}

TEST_F(DkimTest, TemporaryIsNotAbsent) {
  const std::string text = message();
  resolver_.fail("other._domainkey.example.com", dns::Type::txt, "SERVFAIL");
  SignSettings other = settings();
  other.selector = "other";
  const SignatureResult failed = verify_one(sign(other, std::string(kHeader) + std::string(kBody)));
  EXPECT_EQ(failed.reason, Reason::key_temporary);
  EXPECT_TRUE(failed.temporary());
  EXPECT_EQ(failed.status, Status::invalid);
  EXPECT_EQ(failed.why, "SERVFAIL");
  EXPECT_EQ(words(failed.reason).authres, "temperror");
  other.selector = "nowhere";
  const SignatureResult absent = verify_one(sign(other, std::string(kHeader) + std::string(kBody)));
  EXPECT_EQ(absent.reason, Reason::key_unavailable);
  EXPECT_FALSE(absent.temporary());
  EXPECT_EQ(words(absent.reason).authres, "permerror");
}

TEST_F(DkimTest, TheDeadlineEndsTheWait) {
  resolver_.delay(kKeyName, dns::Type::txt, 5000);
  const auto results = verify(message(), 210, {.deadline = scheduler_.now().plus_ms(200)});
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].reason, Reason::key_temporary);
}

TEST_F(DkimTest, AbandonedWhileItWaits) {
  resolver_.delay(kKeyName, dns::Type::txt, 5000);
  const std::string text = message();
  const Chain chain(Slice::literal(text));
  message::BodyHashes bodies;
  Verifier verifier(resolver_, cache_, policy_);
  verifier.begin(message::HeaderIndex(smtp::HeaderView(chain, text.find("\r\n\r\n") + 4, pool_)), bodies, {});
  Gate gate;
  gate.start(verifier.abandon());
  scheduler_.run();
  EXPECT_EQ(gate.inside(), 0U);
}

TEST_F(DkimTest, AStopFromOutsideEndsTheQuestions) {
  resolver_.delay(kKeyName, dns::Type::txt, 5000);
  const std::string text = message();
  const Chain chain(Slice::literal(text));
  message::BodyHashes bodies;
  StopSource stop;
  Verifier verifier(resolver_, cache_, policy_);
  verifier.begin(message::HeaderIndex(smtp::HeaderView(chain, text.find("\r\n\r\n") + 4, pool_)), bodies, {.stop = &stop});
  bodies.feed(kBody);
  bodies.finish();
  stop.request_stop();
  EXPECT_EQ(postern::testing::run_task(scheduler_, verifier.finish({})).front().reason, Reason::key_temporary);
}

TEST_F(DkimTest, WhatTheKeyRecordSays) {
  const std::string key(keys::kRsaPublic);
  EXPECT_EQ(reason_with_record("p=" + key), Reason::none);
  EXPECT_EQ(reason_with_record("v=DKIM1; p="), Reason::key_revoked);
  EXPECT_EQ(reason_with_record("v=DKIM1; k=ed25519; p=" + std::string(keys::kEd25519Public)), Reason::key_mismatch);
  EXPECT_EQ(reason_with_record("h=sha1; p=" + key), Reason::key_hash);
  EXPECT_EQ(reason_with_record("h=sha1:sha256; p=" + key), Reason::none);
  EXPECT_EQ(reason_with_record("s=tlsrpt; p=" + key), Reason::key_service);
  EXPECT_EQ(reason_with_record("p=AAAA"), Reason::key_bytes);
  EXPECT_EQ(reason_with_record("v=spf1 -all"), Reason::key_syntax);
  EXPECT_EQ(reason_with_record("p=" + std::string(keys::kEllipticPublic)), Reason::key_bytes);
  EXPECT_EQ(reason_with_record("t=y; p=" + key), Reason::none);
}

TEST_F(DkimTest, OneOfSeveralRecordsIsEnough) {
  const std::string text = message();
  const auto with_records = [&](std::vector<std::string> records) {
    resolver_ = {};
    for (const std::string& record : records) resolver_.add_text(kKeyName, record);
    return verify_one(text);
  };
  const std::string key(keys::kRsaPublic);
  EXPECT_EQ(with_records({"v=spf1 -all", "p=", "t=y; p=" + key}).status, Status::pass);
  EXPECT_EQ(with_records({"p=", "p=AAAA"}).reason, Reason::key_revoked) << "the first tells why";
  EXPECT_EQ(with_records({"p=", "p=", "p=", "p=" + key}).reason, Reason::key_revoked) << "no more than three are tried";
  EXPECT_TRUE(with_records({"p=", "t=y; p=" + key}).record->testing) << "of the record that decided";
}

TEST_F(DkimTest, SubdomainsWhereTheKeyForbidsThem) {
  SignSettings below = settings();
  below.identity = "joe@mail.example.com";
  const std::string text = sign(below, std::string(kHeader) + std::string(kBody));
  EXPECT_EQ(reason(text), Reason::none);
  resolver_ = {};
  publish(kKeyName, keys::kRsaPublic, "t=s; p=");
  EXPECT_EQ(reason(text), Reason::key_subdomain);
  EXPECT_EQ(reason(message()), Reason::none);
}

TEST_F(DkimTest, WhatThePolicyRefuses) {
  const std::string text = message();
  policy_.rsa_bits_min = 1025;
  EXPECT_EQ(reason(text), Reason::key_too_short);
  policy_ = {};
  policy_.hashes = {crypto::Hash::sha512};
  EXPECT_EQ(reason(text), Reason::insecure);
  policy_ = {};
  policy_.key_types = {crypto::KeyType::ed25519};
  EXPECT_EQ(reason(text), Reason::insecure);
  policy_ = {};
  EXPECT_EQ(reason(replaced(text, "rsa-sha256", "rsa-sha1")), Reason::insecure);
  EXPECT_EQ(words(Reason::insecure).authres, "policy");
}

TEST_F(DkimTest, Times) {
  SignSettings timed = settings();
  timed.timestamps = "100";
  const std::string text = sign(timed, std::string(kHeader) + std::string(kBody));
  EXPECT_EQ(reason(text), Reason::none);
  const WallTime signed_at = scheduler_.wall_now();
  scheduler_.clock().set_wall({signed_at.us + 100'000'000});
  EXPECT_EQ(reason(text), Reason::none);
  scheduler_.clock().set_wall({signed_at.us + 101'000'000});
  EXPECT_EQ(reason(text), Reason::expired);
  scheduler_.clock().set_wall({signed_at.us - 300'000'000});
  EXPECT_EQ(reason(text), Reason::none) << "clocks differ";
  scheduler_.clock().set_wall({signed_at.us - 301'000'000});
  EXPECT_EQ(reason(text), Reason::future);
}

TEST_F(DkimTest, NoMoreSignaturesThanThePolicySays) {
  std::string text = std::string(kHeader) + std::string(kBody);
  for (int i = 0; i < 5; ++i) text = sign(settings(), text);
  policy_.signatures_max = 3;
  EXPECT_EQ(verify(text).size(), 3U);
  EXPECT_EQ(ignored_, 2U);
}

TEST_F(DkimTest, MinimalJudgesNoneBehindTheFirstThatPasses) {
  policy_.minimal = true;
  const auto results = verify(sign(settings(), sign(settings(), message())));
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0].status, Status::pass);
  EXPECT_EQ(results[1].status, Status::none);
  EXPECT_EQ(results[1].reason, Reason::not_judged);
  EXPECT_EQ(results[2].status, Status::none);
}

TEST_F(DkimTest, MoreHeaderThanIsHashedForOneMessage) {
  std::string text = "From: a@example.com\r\nX: " + std::string(900'000, 'x') + "\r\n\r\nbody\r\n";
  SignSettings wide = settings();
  wide.sign_headers = "From:X";
  for (int i = 0; i < 6; ++i) text = sign(wide, text);
  const auto results = verify(text);
  ASSERT_EQ(results.size(), 6U);
  EXPECT_EQ(results[0].reason, Reason::none);
  EXPECT_EQ(results[3].reason, Reason::none);
  EXPECT_EQ(results[4].reason, Reason::costly);
  EXPECT_EQ(results[5].reason, Reason::costly);
}

TEST_F(DkimTest, OversigningFindsAFieldThatWasAdded) {
  SignSettings more = settings();
  more.sign_headers = "+From:To:Subject:Cc";
  const std::string text = sign(more, std::string(kHeader) + std::string(kBody));
  const SignatureResult result = verify_one(text);
  EXPECT_EQ(result.status, Status::pass);
  ASSERT_EQ(result.oversigned.size(), 2U);
  EXPECT_EQ(result.oversigned[0].view(), "From");
  EXPECT_EQ(result.oversigned[1].view(), "Cc");
  EXPECT_EQ(reason("From: evil@example.org\r\n" + text), Reason::signature);
  EXPECT_EQ(reason("Cc: evil@example.org\r\n" + text), Reason::signature);
}

TEST_F(DkimTest, AFromThatIsNotSignedIsTold) {
  const SignatureResult result = verify_one("From: evil@example.org\r\n" + message());
  EXPECT_EQ(result.status, Status::pass) << "the lowest one is what was signed (RFC 6376 section 8.15)";
  EXPECT_EQ(result.unsigned_from_fields, 1U);
}

TEST_F(DkimTest, FaultsOfTheField) {
  const std::string text = message();
  EXPECT_EQ(reason(replaced(text, "v=1", "v=2")), Reason::version);
  EXPECT_EQ(reason(replaced(text, "d=example.com", "d=exa_mple.com")), Reason::key_unavailable);
  EXPECT_EQ(reason("DKIM-Signature: v=1\r\n" + std::string(kHeader)), Reason::missing_tag);
  EXPECT_EQ(reason("DKIM-Signature: \r\n" + std::string(kHeader)), Reason::syntax);
  EXPECT_EQ(verify_one("DKIM-Signature: \r\n" + std::string(kHeader)).status, Status::invalid);
}

// l= is what our signer never writes: the field is made here.
TEST_F(DkimTest, ALengthThatCoversLess) {
  crypto::Digest digest;
  ASSERT_TRUE(crypto::digest(crypto::Hash::sha256, "Hi.\r\n", digest));
  std::string body_hash;
  expand::append_base64(body_hash, digest.view());
  const auto field = [&](const std::string& length) {
    const std::string start =
        "v=1; a=rsa-sha256; c=relaxed/simple; d=example.com; s=sel; h=From; l=" + length + "; bh=" + body_hash + "; b=";
    const std::string canonical = "from:Joe <joe@example.com>\r\ndkim-signature:" + start;
    crypto::Digest header;
    EXPECT_TRUE(crypto::digest(crypto::Hash::sha256, canonical, header));
    std::string signature;
    expand::append_base64(signature, key(keys::kRsaPrivate)->sign(crypto::Hash::sha256, header).value_or(""));
    return "DKIM-Signature: " + start + signature + "\r\n";
  };
  const SignatureResult result = verify_one(field("5") + std::string(kHeader) + std::string(kBody));
  EXPECT_EQ(result.status, Status::pass);
  EXPECT_EQ(result.unsigned_body_bytes, kBody.size() - 5);
  EXPECT_EQ(verify_one(field("5") + std::string(kHeader) + "Hi.\r\n").status, Status::pass);
  EXPECT_EQ(reason(field("6") + std::string(kHeader) + "Hi.\r\n"), Reason::body_too_short);
  EXPECT_EQ(reason(field("4") + std::string(kHeader) + "Hi.\r\n"), Reason::body_hash);
}

// --- signing

std::string refused(const SignSettings& settings, std::string_view key_text = keys::kRsaPrivate) {
  std::string why;
  auto read = crypto::PrivateKey::read(key_text, why);
  EXPECT_TRUE(read) << why;
  const auto signer = Signer::make(settings, std::make_shared<const crypto::PrivateKey>(std::move(*read)), why);
  return signer ? "" : why;
}

TEST_F(DkimTest, TheFieldThatIsMade) {
  SignSettings all = settings();
  all.identity = "joe=x@example.com";
  all.timestamps = "3600";
  const std::string text = sign(all, std::string(kHeader) + std::string(kBody));
  EXPECT_TRUE(
      text.starts_with("DKIM-Signature: v=1; a=rsa-sha256; q=dns/txt; c=relaxed/relaxed;\r\n\td=example.com; s=sel; "
                       "i=joe=3Dx@example.com; t=1700000000; x=1700003600;\r\n\th=From:To:Subject; bh="))
      << text;
  const SignatureResult result = verify_one(text);
  EXPECT_EQ(result.status, Status::pass);
  EXPECT_EQ(result.signature.identity.view(), "joe=x@example.com");
  EXPECT_EQ(result.signature.created, 1'700'000'000U);
}

TEST_F(DkimTest, AllCanonicalFormsAndHashes) {
  for (const char* canon : {"", "relaxed", "simple", "simple/relaxed", "relaxed/simple"}) {
    for (const char* hash : {"", "sha256", "sha512"}) {
      SignSettings one = settings();
      one.canon = canon;
      one.hash = hash;
      EXPECT_EQ(verify_one(sign(one, std::string(kHeader) + std::string(kBody))).status, Status::pass) << canon << ' ' << hash;
    }
  }
}

TEST_F(DkimTest, WhichFieldsAreSigned) {
  const std::string text = "A: 1\r\nFrom: x@example.com\r\nA: 2\r\nB: 3\r\n\r\n";
  const auto names = [&](std::string_view list) {
    SignSettings one = settings();
    one.sign_headers = list;
    std::string all;
    for (const PeerText& name : verify_one(sign(one, text)).signature.names) all += std::string(name.view()) + ' ';
    return all;
  };
  EXPECT_EQ(names("From:A:B:C"), "From A B C ");
  EXPECT_EQ(names("from : a : a : a"), "from a a a ");
  EXPECT_EQ(names("From:=A:=B:=C"), "From A A B ");
  EXPECT_EQ(names("+From:+A:+C"), "From From A A A C ");
  EXPECT_EQ(names("From:A:=A:+A"), "From A A A ");
  EXPECT_TRUE(names("").starts_with("From Sender Reply-To Subject Date ")) << "absent ones are signed as absent";
}

TEST_F(DkimTest, SettingsThatCannotBeUsed) {
  const auto with = [](auto change) {
    SignSettings one = settings();
    change(one);
    return one;
  };
  EXPECT_EQ(refused(with([](auto& s) { s.domain = "a b"; })),
            "dkim_domain: \"a b\" cannot be a domain; IDNs are written as xn--");
  EXPECT_EQ(refused(with([](auto& s) { s.selector = ""; })), "dkim_selector: \"\" cannot be a selector");
  EXPECT_EQ(refused(with([](auto& s) { s.identity = "joe@example.org"; })),
            "dkim_identity: \"joe@example.org\" has no at sign, or is not in or below example.com");
  EXPECT_EQ(refused(with([](auto& s) { s.canon = "nofws"; })), "dkim_canon: \"nofws\" is neither relaxed nor simple");
  EXPECT_EQ(refused(with([](auto& s) { s.sign_headers = "To:Subject"; })),
            "dkim_sign_headers: From must be among them (RFC 6376 section 5.4)");
  EXPECT_EQ(refused(with([](auto& s) { s.sign_headers = "From:a b"; })),
            "dkim_sign_headers: \"a b\" cannot be the name of a header field");
  EXPECT_EQ(refused(with([](auto& s) { s.hash = "sha1"; })),
            "dkim_hash: sha1 is not to be used any more (RFC 8301); take sha256");
  EXPECT_EQ(refused(with([](auto& s) { s.hash = "md4"; })), "dkim_hash: \"md4\" is neither sha256 nor sha512");
  EXPECT_EQ(refused(with([](auto& s) { s.hash = "sha512"; }), keys::kEd25519Private),
            "dkim_hash: Ed25519 keys go with sha256 only (RFC 8463)");
  EXPECT_EQ(refused(with([](auto& s) { s.timestamps = "1h"; })), "dkim_timestamps: \"1h\" is no number of seconds");
  EXPECT_EQ(refused(settings(), keys::kShortPrivate),
            "dkim_private_key: RSA keys have at least 1024 bits (RFC 8301), this one has 512");
}

TEST_F(DkimTest, TooManyFieldsToSign) {
  std::string text = "From: x@example.com\r\n";
  for (std::size_t i = 0; i < message::kSignedNamesMax; ++i) text += "A: 1\r\n";
  text += "\r\n";
  SignSettings one = settings();
  one.sign_headers = "From:=A";
  std::string why;
  auto signer = Signer::make(one, key(keys::kRsaPrivate), why);
  const Chain chain(Slice::literal(text));
  message::BodyHashes bodies;
  signer->begin(message::HeaderIndex(smtp::HeaderView(chain, text.size(), pool_)), bodies, scheduler_.wall_now());
  bodies.finish();
  EXPECT_EQ(signer->finish(bodies, why), std::nullopt);
  EXPECT_EQ(why, "more than 1000 header fields to sign");
}

}  // namespace
}  // namespace postern::dkim
