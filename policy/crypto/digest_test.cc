#include "policy/crypto/digest.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::crypto {
namespace {

std::string hex(Hash hash, std::string_view text) {
  Digest result;
  EXPECT_TRUE(digest(hash, text, result));
  std::string out;
  result.append_hex(out);
  return out;
}

std::string hmac_hex(Hash hash, std::string_view secret, std::string_view text) {
  Digest result;
  EXPECT_TRUE(hmac(hash, secret, text, result));
  std::string out;
  result.append_hex(out, true);
  return out;
}

TEST(Digest, HasTheValuesOfTheStandards) {
  EXPECT_EQ(hex(Hash::md5, "abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex(Hash::sha1, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex(Hash::sha224, "abc"), "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
  EXPECT_EQ(hex(Hash::sha256, "abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(Hash::sha3_224, "abc"), "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf");
  EXPECT_EQ(hex(Hash::sha3_256, "abc"), "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
  EXPECT_EQ(hex(Hash::sha384, "").size(), 96u);
  EXPECT_EQ(hex(Hash::sha512, "").size(), 128u);
  EXPECT_EQ(hex(Hash::md5, ""), "d41d8cd98f00b204e9800998ecf8427e");
}

TEST(Digest, OfBytesWithZeroes) { EXPECT_NE(hex(Hash::sha1, std::string_view("a\0b", 3)), hex(Hash::sha1, "a")); }

// RFC 2202 and RFC 4231, cases 1 and 2.
TEST(Hmac, HasTheValuesOfTheStandards) {
  EXPECT_EQ(hmac_hex(Hash::md5, "Jefe", "what do ya want for nothing?"), "750C783E6AB0B503EAA86E310A5DB738");
  EXPECT_EQ(hmac_hex(Hash::sha1, "Jefe", "what do ya want for nothing?"), "EFFCDF6AE5EB2FA2D27416D5F184DF9C259A7C79");
  EXPECT_EQ(hmac_hex(Hash::sha256, std::string(20, '\x0b'), "Hi There"),
            "B0344C61D8DB38535CA8AFCEAF0BF12B881DC200C9833DA726E9376C2E32CFF7");
}

TEST(Hmac, AnEmptySecretIsASecret) {
  const std::string first = hmac_hex(Hash::md5, "", "x");
  EXPECT_NE(hmac_hex(Hash::md5, "other", "x"), first);
  EXPECT_EQ(hmac_hex(Hash::md5, {}, "x"), first);
}

}  // namespace
}  // namespace postern::crypto
