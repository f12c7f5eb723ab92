// What DKIM-Signature fields and key records say.
#include <gtest/gtest.h>

#include "policy/crypto/keys_testing.h"
#include "policy/dkim/key_cache.h"
#include "policy/dkim/key_record.h"
#include "policy/dkim/signature_field.h"

namespace postern::dkim {
namespace {

constexpr std::string_view kField =
    " v=1; a=rsa-sha256; c=relaxed/simple; d=example.com; s=sel.2026;\r\n\ti=user=3B1@mail.example.com; q=dns/txt; l=100; "
    "t=1700000000; x=1700009999;\r\n\th=From : To:\r\n\t Subject; z=From:a=20b|To:c; bh=AAAA; b=QUJD\r\n\tREVG; unknown=x";

Reason read(std::string_view text, Signature& signature) {
  const std::string owned(text);  // views into it would be caught
  return read_signature(PeerView(owned), signature);
}

// kField with a tag changed, or left out where there is no new text.
std::string with(std::string_view tag, std::string_view text) {
  std::string field(kField);
  const std::size_t at = field.find(std::string(" ") + std::string(tag) + "=") == field.npos
                             ? field.find(std::string("\t") + std::string(tag) + "=")
                             : field.find(std::string(" ") + std::string(tag) + "=");
  const std::size_t end = field.find(';', at);
  field.replace(at + 1, end - at, text.empty() ? "" : std::string(text) + ";");
  return field;
}

TEST(SignatureField, EverythingThatItSays) {
  Signature signature;
  ASSERT_EQ(read(kField, signature), Reason::none);
  EXPECT_EQ(signature.domain.view(), "example.com");
  EXPECT_EQ(signature.selector.view(), "sel.2026");
  EXPECT_EQ(signature.identity.view(), "user;1@mail.example.com");
  EXPECT_EQ(signature.identity_domain(), "mail.example.com");
  EXPECT_EQ(signature.algorithm_text.view(), "rsa-sha256");
  EXPECT_EQ(signature.canon, (message::Canonicalization{message::Canon::relaxed, message::Canon::simple}));
  EXPECT_EQ(signature.body_hash.size(), 3U);
  EXPECT_EQ(signature.signature.view(), "ABCDEF");
  ASSERT_EQ(signature.names.size(), 3U);
  EXPECT_EQ(signature.names[2].view(), "Subject");
  EXPECT_EQ(signature.length, 100U);
  EXPECT_EQ(signature.created, 1'700'000'000U);
  EXPECT_EQ(signature.expires, 1'700'009'999U);
  EXPECT_EQ(signature.copied.view(), "From:a b|To:c");
  EXPECT_EQ(kField.substr(signature.cut_begin, signature.cut_end - signature.cut_begin), "QUJD\r\n\tREVG");
}

TEST(SignatureField, WhatMayBeMissing) {
  Signature signature;
  ASSERT_EQ(read("v=1;a=ed25519-sha256;d=example.com;s=s;h=from;bh=AAAA;b=AAAA", signature), Reason::none);
  EXPECT_EQ(signature.identity.view(), "@example.com");
  EXPECT_EQ(signature.canon, message::Canonicalization{});
  EXPECT_FALSE(signature.length || signature.created || signature.expires);
  EXPECT_TRUE(signature.copied.empty());
}

TEST(SignatureField, WhatMakesItInvalid) {
  const auto reason = [](const std::string& text) {
    Signature signature;
    return read(text, signature);
  };
  EXPECT_EQ(reason("no tags"), Reason::syntax);
  for (const char* tag : {"v", "a", "d", "s", "h", "bh", "b"}) {
    const Reason why = reason(with(tag, ""));
    EXPECT_TRUE(why == Reason::missing_tag) << tag;
  }
  EXPECT_EQ(reason(with("v", "v=2")), Reason::version);
  EXPECT_EQ(reason(with("v", "v=1.0")), Reason::version);
  EXPECT_EQ(reason(with("a", "a=rsa-md5")), Reason::algorithm);
  EXPECT_EQ(reason(with("c", "c=nofws")), Reason::syntax);
  EXPECT_EQ(reason(with("d", "d=exam ple.com")), Reason::syntax);
  EXPECT_EQ(reason(with("s", "s=")), Reason::syntax);
  EXPECT_EQ(reason(with("i", "i=user@example.org")), Reason::identity);
  EXPECT_EQ(reason(with("i", "i=user@notexample.com")), Reason::identity);
  EXPECT_EQ(reason(with("i", "i=example.com")), Reason::syntax);
  EXPECT_EQ(reason(with("i", "i==@example.com")), Reason::syntax);
  EXPECT_EQ(reason(with("q", "q=http/get")), Reason::query_method);
  EXPECT_EQ(reason(with("q", "q=x/y:dns/txt")), Reason::none);
  EXPECT_EQ(reason(with("l", "l=-1")), Reason::syntax);
  EXPECT_EQ(reason(with("l", "l=" + std::string(77, '1'))), Reason::syntax);
  EXPECT_EQ(reason(with("l", "l=" + std::string(76, '1'))), Reason::none);
  EXPECT_EQ(reason(with("t", "t=1234567890123")), Reason::syntax);
  EXPECT_EQ(reason(with("x", "x=1700000000")), Reason::lifetime);
  EXPECT_EQ(reason(with("x", "x=soon")), Reason::syntax);
  EXPECT_EQ(reason(with("h", "h=To:Subject")), Reason::from_not_signed);
  EXPECT_EQ(reason(with("h", "h=From::To")), Reason::syntax);
  EXPECT_EQ(reason(with("h", "h=fROM")), Reason::none);
  EXPECT_EQ(reason(with("bh", "bh=A")), Reason::syntax);
  EXPECT_EQ(reason(with("bh", "bh=")), Reason::syntax);
  EXPECT_EQ(reason(with("z", "z=x=")), Reason::syntax);
  EXPECT_EQ(reason(with("v", "v=1; v=1")), Reason::syntax) << "twice";
}

TEST(SignatureField, SaysWhatItCanOfAnInvalidOne) {
  Signature signature;
  EXPECT_EQ(read(with("v", "v=2"), signature), Reason::version);
  EXPECT_EQ(signature.domain.view(), "example.com");
  EXPECT_EQ(signature.names.size(), 3U);
}

TEST(SignatureField, CutAtEveryByte) {
  for (std::size_t end = 0; end < kField.size(); ++end) {
    Signature signature;
    const Reason reason = read(kField.substr(0, end), signature);
    // Behind b= nothing is missing any more.
    if (reason == Reason::none) EXPECT_GT(end, kField.find(" b="));
    EXPECT_LE(signature.cut_end, end);
  }
}

TEST(SignatureField, NamesHaveACap) {
  std::string names = "h=From";
  for (std::size_t i = 1; i < message::kSignedNamesMax; ++i) names += ":x";
  Signature signature;
  EXPECT_EQ(read(with("h", names), signature), Reason::none);
  EXPECT_EQ(read(with("h", names + ":x"), signature), Reason::syntax);
}

KeyRecord record(std::string_view text) {
  const std::string owned(text);
  auto read = read_key_record(PeerView(owned));
  EXPECT_TRUE(read) << text;
  return read.value_or(KeyRecord{});
}

TEST(KeyRecord, WhatItSays) {
  const KeyRecord plain = record("p=QUJD");
  EXPECT_EQ(plain.type, crypto::KeyType::rsa);
  EXPECT_EQ(plain.key.view(), "ABC");
  EXPECT_TRUE(plain.allows(crypto::Hash::sha1) && plain.allows(crypto::Hash::sha256) && plain.for_email);
  EXPECT_FALSE(plain.testing || plain.no_subdomains || plain.revoked());
  EXPECT_EQ(plain.service_types.view(), "*");
  EXPECT_EQ(plain.granularity.view(), "*");

  const KeyRecord full =
      record("v=DKIM1; k=ed25519; h=sha256:x; s=email:other; t=y:s:z; g=u*; n=a=20 note; p=QU JD ; future=1");
  EXPECT_EQ(full.type, crypto::KeyType::ed25519);
  EXPECT_TRUE(full.allows(crypto::Hash::sha256));
  EXPECT_FALSE(full.allows(crypto::Hash::sha1));
  EXPECT_TRUE(full.testing && full.no_subdomains && full.for_email);
  EXPECT_EQ(full.service_types.view(), "email:other");
  EXPECT_EQ(full.granularity.view(), "u*");
  EXPECT_EQ(full.notes.view(), "a=20 note");
  EXPECT_EQ(full.key.view(), "ABC");

  EXPECT_TRUE(record("v=DKIM1; p=").revoked());
  EXPECT_FALSE(record("s=tlsrpt; p=QUJD").for_email);
  EXPECT_FALSE(record("h=md5; p=QUJD").allows(crypto::Hash::sha256));
  EXPECT_EQ(record("n==; p=").notes.view(), "=") << "notes are for people";
}

TEST(KeyRecord, WhatIsNone) {
  const auto fault = [](const std::string& text) { return read_key_record(PeerView(text)).error(); };
  for (const std::string text : {"", "v=DKIM1", "k=rsa; p=!", "p=A", "p=AAAA; p=AAAA", "hello world", "p=AAAA;; k=rsa"})
    EXPECT_EQ(fault(text), KeyRecordFault::syntax) << text;
  EXPECT_EQ(fault("p=" + std::string(kKeyRecordBytesMax, 'A')), KeyRecordFault::syntax);
  EXPECT_EQ(fault("v=DKIM2; p=AAAA"), KeyRecordFault::version);
  EXPECT_EQ(fault("p=AAAA; v=DKIM1"), KeyRecordFault::version) << "v= stands first";
  EXPECT_EQ(fault("v=spf1; p=AAAA"), KeyRecordFault::version);
  EXPECT_EQ(fault("k=dsa; p=AAAA"), KeyRecordFault::key_type);
}

TEST(KeyRecord, CutAtEveryByte) {
  const std::string text = "v=DKIM1; k=rsa; h=sha256; t=y; n=note; p=QUJDREVG";
  for (std::size_t end = 0; end < text.size(); ++end) {
    const std::string cut = text.substr(0, end);
    const auto read = read_key_record(PeerView(cut));
    if (read) EXPECT_TRUE(std::string_view("ABCDEF").starts_with(read->key.view())) << end;
  }
}

TEST(KeyCache, KeepsWhatIsUsedAndForgetsTheRest) {
  KeyCache cache;
  const std::string first(32, '\x01');
  const auto key = cache.get(crypto::KeyType::ed25519, first);
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(cache.get(crypto::KeyType::ed25519, first), key);
  EXPECT_EQ(cache.get(crypto::KeyType::rsa, first), nullptr) << "of another type it is none";
  const std::weak_ptr<const crypto::PublicKey> unused = cache.get(crypto::KeyType::ed25519, std::string(32, '\x02'));
  for (std::size_t i = 0; i < 3 * KeyCache::kGenerationMax; ++i) {
    std::string bytes(32, '\x03');
    bytes[30] = static_cast<char>(i >> 8);
    bytes[29] = static_cast<char>(i);
    ASSERT_NE(cache.get(crypto::KeyType::ed25519, bytes), nullptr);
    if (i % 100 == 0) EXPECT_EQ(cache.get(crypto::KeyType::ed25519, first), key);
  }
  EXPECT_TRUE(unused.expired());
}

}  // namespace
}  // namespace postern::dkim
