#include "policy/crypto/certificate.h"

#include <gtest/gtest.h>

#include <string>

#include "policy/crypto/certificate_testing.h"

namespace postern::crypto {
namespace {

std::string decoded_base64(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t digit = kAlphabet.find(c);
    if (digit == kAlphabet.npos) continue;
    bits = bits << 6 | static_cast<unsigned>(digit);
    if ((count += 6) >= 8) bytes.push_back(static_cast<char>(bits >> (count -= 8) & 255));
  }
  return bytes;
}

std::string der() {
  std::string_view body = kCertificatePem;
  body.remove_prefix(body.find('\n'));
  return decoded_base64(body.substr(0, body.find("-----END")));
}

TEST(Certificates, AreReadFromBothForms) {
  for (const std::string& bytes : {std::string(kCertificatePem), der()}) {
    const auto read = Certificate::parse(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->version, 3);
    EXPECT_EQ(read->serial_number, "f1a2b3c4d5");
    ASSERT_EQ(read->subject.size(), 7U);
    EXPECT_EQ(read->subject[1].label + "=" + read->subject[1].value, "O=Example, Inc + more");
    EXPECT_EQ(read->subject[6].label + "=" + read->subject[6].value, "EMAIL=a@b.example");
    EXPECT_EQ(read->issuer.size(), 7U);
    EXPECT_EQ(read->not_before, 1795889118);
    EXPECT_EQ(read->not_after, 1795889118 + 400 * 86400);
    EXPECT_EQ(read->signature_algorithm, "ECDSA-SHA256");
    EXPECT_EQ(read->signature.size(), 72U);
    ASSERT_EQ(read->alternative_names.size(), 4U);
    EXPECT_EQ(read->alternative_names[3].text, "http://u.example/x");
    EXPECT_EQ(read->ocsp_uris, (std::vector<std::string>{"http://ocsp.example/a", "http://ocsp2.example/"}));
    EXPECT_EQ(read->crl_uris, (std::vector<std::string>{"http://crl.example/1", "ldap://x/y"}));
  }
}

TEST(Certificates, AreNoneWhenTheyAreCut) {
  const std::string whole = der();
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(Certificate::parse(whole.substr(0, size))) << size;
  EXPECT_FALSE(Certificate::parse("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
  EXPECT_FALSE(Certificate::parse(std::string(Certificate::kBytesMax + 1, 'x')));
}

TEST(Certificates, WithAZeroByteInAName) {
  std::string bytes = der();
  const std::size_t at = bytes.find("a.b.example");
  ASSERT_NE(at, bytes.npos);
  bytes[at + 1] = '\0';
  const auto read = Certificate::parse(bytes);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->alternative_names.size(), 3U) << "has one less";
  EXPECT_EQ(read->alternative_names[0].text, "client.example");
}

}  // namespace
}  // namespace postern::crypto
