#include "net/proxy/header.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/proxy/header_testing.h"

namespace postern::proxy {
namespace {

SocketAddress at(std::string_view address, std::uint16_t port) { return {*IpAddress::parse(address), port}; }

const SocketAddress kClient4 = at("192.0.2.1", 56324);
const SocketAddress kTarget4 = at("198.51.100.7", 25);
const SocketAddress kClient6 = at("2001:db8::1", 1);
const SocketAddress kTarget6 = at("2001:db8::25", 65535);

// The header that `bytes` are, whole; checks that every beginning of it is incomplete and that what follows changes nothing.
Header whole(const std::string& bytes) {
  Header header;
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    const ParseStep step = parse_header(std::string_view(bytes).substr(0, cut), header);
    EXPECT_EQ(step.status, ParseStatus::incomplete) << cut;
    EXPECT_EQ(header, Header()) << cut;
  }
  for (const std::string_view behind : {"", "EHLO client.example\r\n", "\r\n", "\n", " "}) {
    const ParseStep step = parse_header(bytes + std::string(behind), header);
    EXPECT_EQ(step.status, ParseStatus::complete) << step.why;
    EXPECT_EQ(step.bytes, bytes.size());
  }
  return header;
}

// Why `bytes` are malformed. No beginning of them may pass either.
std::string wrong(const std::string& bytes) {
  Header header;
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_NE(parse_header(std::string_view(bytes).substr(0, cut), header).status, ParseStatus::complete) << cut;
  const ParseStep step = parse_header(bytes, header);
  EXPECT_EQ(step.status, ParseStatus::malformed) << bytes;
  EXPECT_LE(step.bytes, bytes.size());
  EXPECT_EQ(header, Header());
  return std::string(step.why);
}

Header client(const SocketAddress& from, const SocketAddress& to, std::string unique_id = {}) {
  return {Subject::client, from, to, std::move(unique_id)};
}

TEST(ProxyVersion1, TellsTheEnds) {
  EXPECT_EQ(whole("PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\n"), client(kClient4, kTarget4));
  EXPECT_EQ(whole("PROXY TCP6 2001:db8::1 2001:DB8:0::25 1 65535\r\n"), client(kClient6, kTarget6));
  const std::string longest =
      "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
  EXPECT_EQ(whole(longest).client.port, 65535);
}

TEST(ProxyVersion1, MappedAddressesAreIpv4) {
  EXPECT_EQ(whole("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.7 56324 25\r\n"), client(kClient4, kTarget4));
}

TEST(ProxyVersion1, UnknownIgnoresTheRest) {
  EXPECT_EQ(whole("PROXY UNKNOWN\r\n"), Header());
  EXPECT_EQ(whole("PROXY UNKNOWN ffff::1 anything 0 99999  \r\n"), Header());
  EXPECT_EQ(whole("PROXY UNKNOWN " + std::string(kLineBytesMax - 16, 'x') + "\r\n"), Header());
}

TEST(ProxyVersion1, RefusesEverythingElse) {
  for (const std::string line : {"",
                                 " ",
                                 "TCP4",
                                 "TCP4 ",
                                 "TCP5 192.0.2.1 198.51.100.7 1 2",
                                 "tcp4 192.0.2.1 198.51.100.7 1 2",
                                 "UNKNOWNx",
                                 "TCP4 192.0.2.1",
                                 "TCP4 192.0.2.1 198.51.100.7",
                                 "TCP4 192.0.2.1 198.51.100.7 1",
                                 "TCP4 192.0.2.1 198.51.100.7 1 ",
                                 "TCP4  192.0.2.1 198.51.100.7 1 2",
                                 "TCP4 192.0.2.1  198.51.100.7 1 2",
                                 "TCP4 192.0.2.1 198.51.100.7  1 2",
                                 "TCP4 192.0.2.1 198.51.100.7 1  2",
                                 "TCP4 192.0.2.1 198.51.100.7 1 2 ",
                                 "TCP4 192.0.2.1 198.51.100.7 1 2 3",
                                 " TCP4 192.0.2.1 198.51.100.7 1 2",
                                 "TCP4\t192.0.2.1 198.51.100.7 1 2",
                                 "TCP4 192.0.2.1 198.51.100.7 1\t2",
                                 "TCP4 192.0.2.1 198.51.100.7 0 2",
                                 "TCP4 192.0.2.1 198.51.100.7 1 0",
                                 "TCP4 192.0.2.1 198.51.100.7 65536 2",
                                 "TCP4 192.0.2.1 198.51.100.7 01 2",
                                 "TCP4 192.0.2.1 198.51.100.7 1 +2",
                                 "TCP4 192.0.2.1 198.51.100.7 1 -2",
                                 "TCP4 192.0.2.1 198.51.100.7 1 0x2",
                                 "TCP4 192.0.2.1 198.51.100.7 1 2x",
                                 "TCP4 192.0.2.1 198.51.100.7 1 99999999999",
                                 "TCP4 192.0.2.01 198.51.100.7 1 2",
                                 "TCP4 192.0.2 198.51.100.7 1 2",
                                 "TCP4 192.0.2.256 198.51.100.7 1 2",
                                 "TCP4 client.example 198.51.100.7 1 2",
                                 "TCP4 2001:db8::1 198.51.100.7 1 2",
                                 "TCP4 192.0.2.1 2001:db8::1 1 2",
                                 "TCP6 192.0.2.1 2001:db8::1 1 2",
                                 "TCP6 2001:db8::1 192.0.2.1 1 2",
                                 "TCP6 [2001:db8::1] 2001:db8::1 1 2",
                                 "TCP6 fe80::1%lo 2001:db8::1 1 2",
                                 "TCP6 2001:db8:::1 2001:db8::1 1 2",
                                 "TCP6 : 2001:db8::1 1 2"}) {
    EXPECT_FALSE(wrong("PROXY " + line + "\r\n").empty()) << line;
  }
}

TEST(ProxyVersion1, OnlyCrLfEndsTheLine) {
  EXPECT_EQ(wrong("PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\n"), "the line does not end with CR LF");
  EXPECT_EQ(wrong("PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\rE"), "the line does not end with CR LF");
  EXPECT_EQ(wrong(std::string("PROXY UNKNOWN \0\r\n", 17)), "the line does not end with CR LF");
  EXPECT_EQ(wrong("PROXY UNKNOWN " + std::string(kLineBytesMax - 14, 'x')), "the line is too long");
  EXPECT_EQ(wrong("PROXY UNKNOWN " + std::string(kLineBytesMax - 15, 'x') + "\r"), "the line is too long");
}

TEST(ProxyVersion2, TellsTheEnds) {
  EXPECT_EQ(whole(version_2(kClient4, kTarget4)), client(kClient4, kTarget4));
  EXPECT_EQ(whole(version_2(kClient6, kTarget6)), client(kClient6, kTarget6));
}

// Bytes as the protocol's own text lays them out, written by hand.
TEST(ProxyVersion2, TheBytesThemselves) {
  const std::string header(
      "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x07\xdc\x04\x00\x19", 28);
  EXPECT_EQ(whole(header), client(kClient4, kTarget4));
}

TEST(ProxyVersion2, MappedAddressesAreIpv4) {
  std::string block(10, '\0');
  block += "\xff\xff\xc0";
  block += std::string("\0\2\1", 3) + std::string(10, '\0') + "\xff\xff\xc6\x33\x64\7\xdc\4" + std::string("\0\x19", 2);
  EXPECT_EQ(whole(version_2(kProxyCommand, 0x21, block)), client(kClient4, kTarget4));
}

TEST(ProxyVersion2, WhereNoClientIsTold) {
  EXPECT_EQ(whole(version_2(kLocalCommand, 0x00, "")), Header());
  EXPECT_EQ(whole(version_2(kLocalCommand, 0x11, ends_of(kClient4, kTarget4))), Header());
  EXPECT_EQ(whole(version_2(kLocalCommand, 0x11, "short")), Header());
  EXPECT_EQ(whole(version_2(kLocalCommand, 0xff, "anything at all")), Header());
  EXPECT_EQ(whole(version_2(kProxyCommand, 0x00, "")), Header());
  EXPECT_EQ(whole(version_2(kProxyCommand, 0x31, std::string(216, 'u'))), Header());
}

TEST(ProxyVersion2, TlvsUpToTheirLimit) {
  const std::string filler = tlv(0xe0, std::string(kTlvBytesMax - 3, 'f'));
  EXPECT_EQ(whole(version_2(kClient4, kTarget4, filler)), client(kClient4, kTarget4));
  EXPECT_EQ(whole(version_2(kClient6, kTarget6, filler)), client(kClient6, kTarget6));
  EXPECT_EQ(wrong(version_2(kClient4, kTarget4, filler + tlv(0x04, ""))), "the TLVs are too long");
  EXPECT_EQ(wrong(version_2(kProxyCommand, 0x31, std::string(216, 'u') + filler + tlv(0x04, ""))), "the header is too long");
  std::string lie = version_2(kClient4, kTarget4);
  lie[14] = lie[15] = '\xff';
  EXPECT_EQ(wrong(lie), "the header is too long");
}

TEST(ProxyVersion2, UniqueId) {
  const std::string id(kUniqueIdBytesMax, 'i');
  EXPECT_EQ(whole(version_2(kClient4, kTarget4, tlv(0x02, "mx.example") + tlv(0x05, id))), client(kClient4, kTarget4, id));
  EXPECT_EQ(whole(version_2(kClient4, kTarget4, tlv(0x05, ""))), client(kClient4, kTarget4));
  EXPECT_FALSE(wrong(version_2(kClient4, kTarget4, tlv(0x05, id + "i"))).empty());
  EXPECT_FALSE(wrong(version_2(kClient4, kTarget4, tlv(0x05, "a") + tlv(0x05, "a"))).empty());
}

TEST(ProxyVersion2, LengthsOfTlvsMustBeTrue) {
  for (std::string tlvs : {std::string("\4"), std::string("\4\0", 2), std::string("\4\0\1", 3), std::string("\4\xff\xff", 3),
                           tlv(0x04, "abc") + "\4", tlv(0x20, ""), tlv(0x20, "abcd"), tlv(0x20, "\1abcd\x21"),
                           tlv(0x20, std::string("\1abcd\x21\0\2x", 9))}) {
    EXPECT_FALSE(wrong(version_2(kClient4, kTarget4, tlvs)).empty());
    EXPECT_FALSE(wrong(version_2(kProxyCommand, 0x00, tlvs)).empty());
  }
  EXPECT_EQ(whole(version_2(kClient4, kTarget4, tlv(0x20, "\1abcd" + tlv(0x21, "TLSv1.3")))), client(kClient4, kTarget4));
}

TEST(ProxyVersion2, ChecksumIsCheckedWhereThereIsOne) {
  const std::string right = with_checksum(version_2(kClient6, kTarget6, tlv(0x05, "unique")));
  EXPECT_EQ(whole(right), client(kClient6, kTarget6, "unique"));
  const std::size_t type_of_checksum = right.size() - 7;  // bent, it is another TLV
  for (std::size_t i = 16; i < right.size(); ++i) {
    if (i == type_of_checksum) continue;
    std::string bent = right;
    bent[i] = static_cast<char>(bent[i] ^ 1);
    Header header;
    EXPECT_EQ(parse_header(bent, header).status, ParseStatus::malformed) << i;
  }
  EXPECT_EQ(whole(with_checksum(version_2(kLocalCommand, 0x00, ""))), Header());
  std::string local = with_checksum(version_2(kLocalCommand, 0x00, ""));
  local.back() = static_cast<char>(local.back() ^ 1);
  EXPECT_EQ(wrong(local), "the checksum is wrong");
  EXPECT_FALSE(wrong(version_2(kClient4, kTarget4, tlv(0x03, "abc"))).empty());
  EXPECT_FALSE(wrong(with_checksum(with_checksum(version_2(kClient4, kTarget4)))).empty());
}

TEST(ProxyVersion2, RefusesWhatItDoesNotKnow) {
  const std::string ends = ends_of(kClient4, kTarget4);
  for (const std::uint8_t command : {0x22, 0x2f, 0x11, 0x31, 0x01, 0xf1})
    EXPECT_FALSE(wrong(version_2(command, 0x11, ends)).empty());
  for (const std::uint8_t family : {0x01, 0x10, 0x12, 0x13, 0x20, 0x22, 0x32, 0x41, 0xff})
    EXPECT_FALSE(wrong(version_2(kProxyCommand, family, ends)).empty());
}

TEST(ProxyVersion2, AddressesMustFit) {
  for (std::size_t size = 0; size < 216; ++size) {
    const std::string block(size, '\1');
    if (size < 12) EXPECT_EQ(wrong(version_2(kProxyCommand, 0x11, block)), "the addresses are cut off");
    if (size < 36) EXPECT_EQ(wrong(version_2(kProxyCommand, 0x21, block)), "the addresses are cut off");
    EXPECT_EQ(wrong(version_2(kProxyCommand, 0x31, block)), "the addresses are cut off");
  }
  EXPECT_EQ(wrong(version_2(at("192.0.2.1", 0), kTarget4)), "a port is 0");
  EXPECT_EQ(wrong(version_2(kClient4, at("198.51.100.7", 0))), "a port is 0");
}

TEST(ProxyHeader, OtherBytesAreNone) {
  Header header;
  for (const std::string_view bytes : {"EHLO client.example\r\n", "E", "proxy ", "PROXYTCP4", "PROXY\r\n", "\r\n\r\n\1", "\n",
                                       "\r\r", "\r\n\r\nQUIT\r\n", "\x16\x03\x01", " PROXY "})
    EXPECT_EQ(parse_header(bytes, header).status, ParseStatus::no_header) << bytes;
  EXPECT_EQ(parse_header("", header).status, ParseStatus::incomplete);
}

TEST(ProxyHeader, BothVersionsTellTheSame) {
  for (const auto& [from, to] : {std::pair(kClient4, kTarget4), std::pair(kClient6, kTarget6)})
    EXPECT_EQ(whole(version_1(from, to)), whole(version_2(from, to)));
}

}  // namespace
}  // namespace postern::proxy
