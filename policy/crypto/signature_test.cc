#include "policy/crypto/signature.h"

#include <gtest/gtest.h>

#include "policy/crypto/hasher.h"
#include "policy/crypto/keys_testing.h"

namespace postern::crypto {
namespace {

// The test's own: this folder has no base 64.
std::string from_base64(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == kAlphabet.npos) break;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<char>(bits >> held & 255));
  }
  return bytes;
}

Digest digest_of(std::string_view text, Hash hash = Hash::sha256) {
  Digest result;
  EXPECT_TRUE(digest(hash, text, result));
  return result;
}

PrivateKey private_key(std::string_view text) {
  std::string why;
  auto key = PrivateKey::read(text, why);
  EXPECT_TRUE(key) << why;
  return std::move(*key);
}

std::string refused(std::string_view text) {
  std::string why;
  return PrivateKey::read(text, why) ? "it was read" : why;
}

TEST(Hasher, SnapshotsAreWhatTheDigestOfThePrefixIs) {
  const std::string text = "the bytes that pass";
  for (const Hash hash : {Hash::sha1, Hash::sha256, Hash::sha512}) {
    Hasher hasher(hash);
    for (std::size_t i = 0; i <= text.size(); ++i) {
      Digest seen;
      ASSERT_TRUE(hasher.snapshot(seen));
      EXPECT_EQ(seen.view(), digest_of(text.substr(0, i), hash).view());
      if (i < text.size()) hasher.update({&text[i], 1});
    }
  }
}

TEST(Hasher, BranchesGoTheirOwnWays) {
  Hasher trunk(Hash::sha256);
  trunk.update("the bytes ");
  Hasher branch = trunk.branch();
  branch.update("that pass");
  trunk.update("that stay");
  Digest seen;
  ASSERT_TRUE(branch.snapshot(seen));
  EXPECT_EQ(seen.view(), digest_of("the bytes that pass", Hash::sha256).view());
  ASSERT_TRUE(trunk.snapshot(seen));
  EXPECT_EQ(seen.view(), digest_of("the bytes that stay", Hash::sha256).view());
}

TEST(Signature, RsaSignsAndVerifies) {
  const PrivateKey key = private_key(testing::kRsaPrivate);
  EXPECT_EQ(key.type(), KeyType::rsa);
  EXPECT_EQ(key.bits(), 1024U);
  EXPECT_EQ(key.public_bytes(), from_base64(testing::kRsaPublic));
  for (const std::string_view form : {testing::kRsaPublic, testing::kRsaPublicBare}) {
    const auto check = PublicKey::rsa(from_base64(form));
    ASSERT_TRUE(check);
    EXPECT_EQ(check->bits(), 1024U);
    for (const Hash hash : {Hash::sha1, Hash::sha256, Hash::sha512}) {
      const Digest digest = digest_of("text", hash);
      auto signature = key.sign(hash, digest);
      ASSERT_TRUE(signature);
      EXPECT_TRUE(check->verify(hash, digest, *signature));
      EXPECT_FALSE(check->verify(hash, digest_of("texT", hash), *signature));
      EXPECT_FALSE(check->verify(hash == Hash::sha256 ? Hash::sha1 : Hash::sha256, digest, *signature));
      for (std::size_t i = 0; i < signature->size(); ++i) {
        (*signature)[i] ^= 1;
        EXPECT_FALSE(check->verify(hash, digest, *signature)) << i;
        (*signature)[i] ^= 1;
      }
      EXPECT_FALSE(check->verify(hash, digest, ""));
      EXPECT_FALSE(check->verify(hash, digest, *signature + '\0'));
    }
  }
}

// "-----BEGIN ...", the base 64, "-----END ..."
std::string without_armour(std::string_view pem) {
  const std::size_t begin = pem.find('\n') + 1;
  return std::string(pem.substr(begin, pem.find("-----END") - begin));
}

TEST(Signature, PrivateKeysInTheirForms) {
  for (const std::string_view pem : {testing::kRsaPrivate, testing::kRsa2048Private}) {
    const std::string expected = private_key(pem).public_bytes();
    std::string text = without_armour(pem);
    EXPECT_EQ(private_key(text).public_bytes(), expected);
    std::erase(text, '\n');
    EXPECT_EQ(private_key(text).public_bytes(), expected) << "on one line";
  }
  // PKCS #8 around RFC 8463's key (RFC 8410 section 7).
  EXPECT_EQ(private_key("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                        "-----END PRIVATE KEY-----\n")
                .public_bytes(),
            from_base64(testing::kEd25519Public));
}

TEST(Signature, Ed25519KeysInAnEnvelope) {
  const std::string head = std::string("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12);
  EXPECT_TRUE(PublicKey::ed25519(head + from_base64(testing::kEd25519Public)));
}

TEST(Signature, Ed25519SignsAndVerifies) {
  const PrivateKey key = private_key(testing::kEd25519Private);
  EXPECT_EQ(key.type(), KeyType::ed25519);
  EXPECT_EQ(key.public_bytes(), from_base64(testing::kEd25519Public));
  const auto check = PublicKey::ed25519(from_base64(testing::kEd25519Public));
  ASSERT_TRUE(check);
  EXPECT_GE(check->bits(), 250U) << "Exim's least size for these keys";
  auto signature = key.sign(Hash::sha256, digest_of("text"));
  ASSERT_TRUE(signature);
  EXPECT_EQ(signature->size(), 64U);
  EXPECT_TRUE(check->verify(Hash::sha256, digest_of("text"), *signature));
  EXPECT_FALSE(check->verify(Hash::sha256, digest_of("texT"), *signature));
  for (std::size_t i = 0; i < signature->size(); ++i) {
    (*signature)[i] ^= 1;
    EXPECT_FALSE(check->verify(Hash::sha256, digest_of("text"), *signature)) << i;
    (*signature)[i] ^= 1;
  }
}

TEST(Signature, WhatIsNoKeyIsRefused) {
  const std::string rsa = from_base64(testing::kRsaPublic);
  const std::string ed25519 = from_base64(testing::kEd25519Public);
  const std::string elliptic = from_base64(testing::kEllipticPublic);
  EXPECT_FALSE(PublicKey::rsa(""));
  EXPECT_FALSE(PublicKey::rsa(elliptic)) << "a key of another kind";
  EXPECT_FALSE(PublicKey::rsa(ed25519));
  EXPECT_FALSE(PublicKey::rsa(rsa + "x")) << "something behind it";
  EXPECT_FALSE(PublicKey::ed25519(rsa));
  EXPECT_FALSE(PublicKey::ed25519(elliptic));
  EXPECT_FALSE(PublicKey::ed25519(""));
  for (std::size_t size = 0; size < rsa.size(); ++size) EXPECT_FALSE(PublicKey::rsa(rsa.substr(0, size))) << size;
  for (std::size_t size = 0; size < ed25519.size(); ++size) EXPECT_FALSE(PublicKey::ed25519(ed25519.substr(0, size))) << size;
}

// An RSAPublicKey with a modulus and an exponent of so many bytes.
std::string large_key(std::size_t modulus_bytes, std::size_t exponent_bytes) {
  const auto number = [](std::size_t bytes) {
    std::string value(bytes, '\xff');
    value[0] = '\x7f';
    return std::string("\x02\x82") + static_cast<char>(bytes >> 8) + static_cast<char>(bytes & 255) + value;
  };
  const auto small = [](std::size_t bytes) {
    std::string value(bytes, '\xff');
    value[0] = '\x7f';
    return std::string("\x02") + static_cast<char>(bytes) + value;
  };
  const std::string content = number(modulus_bytes) + small(exponent_bytes);
  return std::string("\x30\x82") + static_cast<char>(content.size() >> 8) + static_cast<char>(content.size() & 255) + content;
}

TEST(Signature, KeysThatWouldCostTooMuchAreRefused) {
  EXPECT_TRUE(PublicKey::rsa(large_key(512, 3)));
  EXPECT_TRUE(PublicKey::rsa(large_key(PublicKey::kRsaBitsMax / 8, 4)));
  EXPECT_FALSE(PublicKey::rsa(large_key(PublicKey::kRsaBitsMax / 8 + 1, 3))) << "a modulus of that length";
  EXPECT_FALSE(PublicKey::rsa(large_key(512, 5))) << "an exponent of that length";
}

TEST(Signature, PrivateKeysSayWhyTheyCannotBeUsed) {
  EXPECT_EQ(refused(testing::kEllipticPrivate), "the private key is neither RSA nor Ed25519");
  const std::string unread =
      "the private key cannot be read: it must be PEM without a passphrase (openssl genrsa 2048), or base 64";
  EXPECT_EQ(refused(testing::kEncryptedPrivate), unread);
  for (const char* text : {"", "x", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", "AAAA"})
    EXPECT_EQ(refused(text), unread) << text;
  EXPECT_EQ(refused(std::string(70'000, 'A')), "the private key is longer than 64 KiB");
}

}  // namespace
}  // namespace postern::crypto
