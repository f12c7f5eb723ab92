// What dccifd is told: its address, its options, the envelope.
#include "policy/dcc/request.h"

#include <gtest/gtest.h>

namespace postern::dcc {
namespace {

TEST(DccAddress, ASocketOrAnAddressAndAPort) {
  EXPECT_EQ(parse_daemon_address("/usr/local/dcc/var/dccifd").value().socket_path, "/usr/local/dcc/var/dccifd");
  EXPECT_EQ(parse_daemon_address(" 127.0.0.1 1025 ").value().address, (SocketAddress{IpAddress::v4(0x7f000001), 1025}));
  EXPECT_EQ(parse_daemon_address("2001:db8::1\t65535").value().name(), "[2001:db8::1]:65535");
  EXPECT_EQ(parse_daemon_address("/x").value().name(), "/x");
  EXPECT_EQ(parse_daemon_address("/" + std::string(106, 'x')).value().name().size(), 107U);
}

TEST(DccAddress, AnythingElseIsRefusedWithWhatIsWanted) {
  for (const std::string_view text : {"", " ", "dcc.example 1025", "127.0.0.1", "127.0.0.1 0", "127.0.0.1 65536", "127.0.0.1 x",
                                      "127.0.0.1 1025 x", "127.0.0.1 25x", "127.0.0.1:1025", "dccifd", "[::1] 1025"})
    EXPECT_NE(parse_daemon_address(text).error().find("an IP address, a blank and a port"), std::string::npos) << text;
  EXPECT_NE(parse_daemon_address("/" + std::string(107, 'x')).error().find("at most 107 bytes"), std::string::npos);
  EXPECT_NE(parse_daemon_address(std::string_view("/x\0y", 4)).error().find("NUL"), std::string::npos);
}

TEST(DccOptions, KnownWords) {
  EXPECT_EQ(parse_options("header").value(), kDefaultOptions);
  EXPECT_EQ(parse_options("  header\tgrey-off \n no-reject ").value(), "header grey-off no-reject");
  EXPECT_EQ(parse_options("").value(), "");
  EXPECT_EQ(parse_options("header no-grey rcvd-next spam log cksums query grey-query rcvd-nxt").value(),
            "header no-grey rcvd-next spam log cksums query grey-query rcvd-nxt");
  EXPECT_NE(parse_options("header body").error().find("use header"), std::string::npos);
  EXPECT_NE(parse_options("headers").error().find("\"headers\" is none of header cksums"), std::string::npos);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "header ";
  EXPECT_EQ(parse_options(many).error(), "dccifd_options: too long");
}

TEST(DccOverride, AnAddress) {
  EXPECT_EQ(parse_client_override(" 192.0.2.7\n").value(), IpAddress::v4(0xc0000207));
  EXPECT_EQ(parse_client_override("2001:db8::7").value().to_string(), "2001:db8::7");
  EXPECT_EQ(parse_client_override("pool.example").error(), "acl_m_dcc_override_client_ip: \"pool.example\" is no IP address");
  EXPECT_FALSE(parse_client_override("192.0.2.7\n192.0.2.8"));
}

TEST(DccEnvelope, LineByLine) {
  Request request;
  request.client = IpAddress::v4(0xc0000201);
  request.helo = PeerText("mail.example");
  request.sender = PeerText("a@example.org");
  request.recipients = {PeerText("b@example.net"), PeerText("c@example.net")};
  EXPECT_EQ(format_envelope(request).value(),
            "header\n192.0.2.1\nmail.example\na@example.org\nb@example.net\nc@example.net\n\n");
  request.client_name = PeerText("host.example");
  request.client = IpAddress::parse("2001:db8::5");
  request.options = "header grey-off";
  EXPECT_EQ(format_envelope(request).value(),
            "header grey-off\n2001:db8::5\rhost.example\nmail.example\na@example.org\nb@example.net\nc@example.net\n\n");
}

TEST(DccEnvelope, WhatIsNotKnown) { EXPECT_EQ(format_envelope(Request{}).value(), "header\n127.0.0.1\n\n<>\n\n"); }

TEST(DccEnvelope, NoFieldBeginsALine) {
  Request request;
  request.client_name = PeerText("x\ny");
  request.helo = PeerText(std::string_view("a\r\nb\0c\x7f", 7));
  request.sender = PeerText("\"a\nb\"@example.org");
  request.recipients = {PeerText("u@example.net\rroot"), PeerText("\n")};
  EXPECT_EQ(format_envelope(request).value(),
            "header\n127.0.0.1\rx?y\na??b?c?\n\"a?b\"@example.org\nu@example.net?root\n?\n\n");
}

TEST(DccEnvelope, Bounds) {
  Request request;
  request.helo = PeerText(std::string(kFieldBytesMax, 'h'));
  EXPECT_TRUE(format_envelope(request));
  request.helo = PeerText(std::string(kFieldBytesMax + 1, 'h'));
  EXPECT_EQ(format_envelope(request).error(), "the HELO name is too long for dccifd");
  request.helo = PeerText();
  request.recipients = {PeerText(std::string(kFieldBytesMax + 1, 'r'))};
  EXPECT_EQ(format_envelope(request).error(), "a recipient is too long for dccifd");
  request.recipients = {PeerText()};
  EXPECT_EQ(format_envelope(request).error(), "a recipient is empty");
  request.recipients.assign(kEnvelopeBytesMax / 1000 + 1, PeerText(std::string(1000, 'r')));
  EXPECT_EQ(format_envelope(request).error(), "there are too many recipients for dccifd");
}

TEST(DccEnvelope, AnEmptyLineEndsTheHeader) {
  for (const std::string_view header : {"a: b\r\n\r\n", "\r\n", "a: b\n\n"}) EXPECT_EQ(end_of_header(header), "") << header;
  for (const std::string_view header : {"", "a: b\r\n"}) EXPECT_EQ(end_of_header(header), "\r\n") << header;
}

}  // namespace
}  // namespace postern::dcc
