#include "net/dns/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/dns/message_testing.h"
#include "net/dns/names.h"

namespace postern::dns {
namespace {

using namespace std::string_view_literals;

const Question kQuestion{*name_to_wire("www.example.org"), Type::a};

std::vector<std::string> addresses(const Answer& answer) {
  std::vector<std::string> out;
  answer.each<Address>([&](const Address& a) { out.push_back(a.address.to_string()); });
  return out;
}

TEST(DnsMessage, AQueryAsksForRecursionAndForTheAuthenticDataBit) {
  const std::string query = make_query(0x1234, kQuestion, {.edns = true, .dnssec = true});
  EXPECT_EQ(query, std::string("\x12\x34\x01\x20\0\1\0\0\0\0\0\1", 12) + std::string("\3www\7example\3org\0\0\1\0\1", 21) +
                       std::string("\0\0\x29\x04\xd0\0\0\x80\0\0\0", 11));
  EXPECT_EQ(make_query(0, kQuestion, {.edns = false}).size(), 12U + 21U);
}

TEST(DnsMessage, ReadsRecordsOfTheTypeAskedFor) {
  const std::string reply = ReplyMaker(kQuestion)
                                .authentic()
                                .answer("www.example.org", Type::a, 300, "\xc0\0\2\1"sv)
                                .answer("WWW.example.ORG", Type::a, 60, "\xc0\0\2\2"sv)
                                .answer("other.example", Type::a, 1, "\xc0\0\2\3"sv)
                                .answer("www.example.org", Type::txt, 1, "\1x")
                                .make();
  const auto read = read_reply(reply, 7, kQuestion);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->authentic_data);
  EXPECT_EQ(read->answer.status, Status::ok);
  EXPECT_EQ(read->answer.ttl_s, 60U);
  EXPECT_EQ(read->answer.name.view(), "www.example.org");
  EXPECT_THAT(addresses(read->answer), testing::ElementsAre("192.0.2.1", "192.0.2.2"));
}

TEST(DnsMessage, ReadsEveryType) {
  const auto one = [](Type type, const std::string& data) {
    const Question question{*name_to_wire("x.example"), type};
    const auto reply = read_reply(ReplyMaker(question).answer("x.example", type, 5, data).make(), 7, question);
    EXPECT_TRUE(reply && reply->answer.found()) << to_string(type);
    return reply->answer.records.at(0).data;
  };
  const std::string name = *name_to_wire("mx.example");
  EXPECT_EQ(std::get<Address>(one(Type::aaaa, std::string("\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16))).address.to_string(),
            "2001:db8::1");
  EXPECT_EQ(std::get<MailExchanger>(one(Type::mx, std::string("\0\x0a", 2) + name)).preference, 10);
  EXPECT_EQ(std::get<MailExchanger>(one(Type::mx, std::string("\0\0\0", 3))).exchange.view(), ".");
  EXPECT_EQ(std::get<HostName>(one(Type::ptr, name)).name.view(), "mx.example");
  EXPECT_EQ(std::get<HostName>(one(Type::ns, name)).name.view(), "mx.example");
  EXPECT_EQ(std::get<HostName>(one(Type::cname, name)).name.view(), "mx.example");
  const Text text = std::get<Text>(one(Type::txt, std::string("\3abc\0\2de", 8)));
  EXPECT_EQ(text.strings.size(), 3U);
  EXPECT_EQ(text.joined().view(), "abcde");
  const Service service = std::get<Service>(one(Type::srv, std::string("\0\1\0\2\0\3", 6) + name));
  EXPECT_EQ(service.priority * 100 + service.weight * 10 + service.port, 123);
  EXPECT_EQ(service.target.view(), "mx.example");
  const TlsAssociation tlsa = std::get<TlsAssociation>(one(Type::tlsa, "\3\1\1digest"));
  EXPECT_EQ(tlsa.usage * 100 + tlsa.selector * 10 + tlsa.matching, 311);
  EXPECT_EQ(tlsa.data.view(), "digest");
  const Authority soa =
      std::get<Authority>(one(Type::soa, name + name + std::string("\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 20)));
  EXPECT_EQ(soa.serial, 1U);
  EXPECT_EQ(soa.minimum, 5U);
}

TEST(DnsMessage, FollowsAliasesInAnyOrderAndRefusesCircles) {
  const std::string reply = ReplyMaker(kQuestion)
                                .answer("c.example", Type::a, 300, "\xc0\0\2\1"sv)
                                .answer("b.example", Type::cname, 20, *name_to_wire("c.example"))
                                .answer("www.example.org", Type::cname, 40, *name_to_wire("b.example"))
                                .make();
  const auto read = read_reply(reply, 7, kQuestion);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->answer.name.view(), "c.example");
  EXPECT_EQ(read->answer.aliases.size(), 2U);
  EXPECT_EQ(read->answer.ttl_s, 20U);
  const auto circle = read_reply(ReplyMaker(kQuestion)
                                     .answer("b.example", Type::cname, 20, *name_to_wire("www.example.org"))
                                     .answer("www.example.org", Type::cname, 40, *name_to_wire("b.example"))
                                     .make(),
                                 7, kQuestion);
  ASSERT_TRUE(circle);
  EXPECT_EQ(circle->answer.status, Status::temporary_failure);
}

TEST(DnsMessage, AnAbsenceIsNotAFailure) {
  const auto status = [](ReplyMaker maker) { return read_reply(maker.make(), 7, kQuestion)->answer; };
  const Answer no_data = status(ReplyMaker(kQuestion).authority_ttl(600, 120));
  EXPECT_EQ(no_data.status, Status::no_data);
  EXPECT_EQ(no_data.ttl_s, 120U);
  EXPECT_EQ(status(ReplyMaker(kQuestion).code(3).authority_ttl(60, 120)).status, Status::nxdomain);
  EXPECT_EQ(status(ReplyMaker(kQuestion).code(3)).ttl_s, 0U) << "without an SOA it is not kept";
  for (const int code : {1, 2, 4, 5, 9}) EXPECT_EQ(status(ReplyMaker(kQuestion).code(code)).status, Status::temporary_failure);
  EXPECT_EQ(status(ReplyMaker(kQuestion).not_recursive()).status, Status::temporary_failure) << "a referral";
  EXPECT_EQ(status(ReplyMaker(kQuestion).truncated()).status, Status::temporary_failure);
  EXPECT_EQ(status(ReplyMaker(kQuestion).code(3).answer("www.example.org", Type::a, 9, "abcd")).status,
            Status::temporary_failure);
}

TEST(DnsMessage, RefusesWhatIsNotTheReplyToTheQuestion) {
  const std::string good = ReplyMaker(kQuestion).answer("www.example.org", Type::a, 300, "\xc0\0\2\1"sv).make();
  ASSERT_TRUE(read_reply(good, 7, kQuestion));
  EXPECT_FALSE(read_reply(good, 8, kQuestion));
  EXPECT_FALSE(read_reply(good, 7, {kQuestion.wire_name, Type::aaaa}));
  EXPECT_FALSE(read_reply(good, 7, {*name_to_wire("www.example.net"), Type::a}));
  std::string query = good;
  query[2] = static_cast<char>(query[2] & 0x7f);
  EXPECT_FALSE(read_reply(query, 7, kQuestion)) << "a query";
  std::string two = good;
  two[5] = 2;
  EXPECT_FALSE(read_reply(two, 7, kQuestion)) << "two questions";
}

TEST(DnsMessage, RefusesLengthsThatLieAndPointersThatDoNotGoBack) {
  const auto read = [](const std::string& owner_and_rest) {
    return read_reply(ReplyMaker(kQuestion).raw_answer(owner_and_rest).make(), 7, kQuestion).has_value();
  };
  const std::string head("\0\1\0\1\0\0\0\1\0\4", 10);
  EXPECT_TRUE(read("\xc0\x0c" + head + "abcd"));
  EXPECT_FALSE(read("\xc0\x0c" + head + "abc")) << "short of its length";
  EXPECT_FALSE(read("\xc0\x0c" + std::string("\0\1\0\1\0\0\0\1\0\5", 10) + "abcde")) << "no IPv4 address";
  EXPECT_FALSE(read("\xc0\x21" + head + "abcd")) << "a pointer to itself";
  EXPECT_FALSE(read("\xc0\x40" + head + "abcd")) << "a pointer forward";
  EXPECT_FALSE(read(std::string("\xc0\0", 2) + head + "abcd")) << "a pointer into the header";
  EXPECT_FALSE(read("\x40" + std::string(64, 'a') + std::string(1, '\0') + head + "abcd")) << "a label of 64";
  std::string longest;
  for (int i = 0; i < 5; ++i) longest += '\x3f' + std::string(63, 'a');
  EXPECT_FALSE(read(longest + std::string(1, '\0') + head + "abcd")) << "a name of more than 255";
}

TEST(DnsMessage, RefusesMoreRecordsThanItsBound) {
  ReplyMaker many(kQuestion);
  for (std::size_t i = 0; i < kRecordsMax; ++i)
    many.answer("www.example.org", Type::a, 1, std::string("\1\1") + static_cast<char>(i >> 8U) + static_cast<char>(i));
  const auto read = read_reply(many.make(), 7, kQuestion);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->answer.records.size(), kRecordsMax);
  many.answer("www.example.org", Type::a, 1, "abcd");
  EXPECT_FALSE(read_reply(many.make(), 7, kQuestion));
}

TEST(DnsMessage, CutAtEveryByteIsNoReply) {
  const std::string whole = ReplyMaker(kQuestion)
                                .answer("www.example.org", Type::cname, 40, *name_to_wire("b.example"))
                                .answer("b.example", Type::a, 300, "\xc0\0\2\1"sv)
                                .authority_ttl(60, 60)
                                .make();
  ASSERT_TRUE(read_reply(whole, 7, kQuestion));
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(read_reply(whole.substr(0, length), 7, kQuestion)) << length;
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_EQ(read_reply_head(whole.substr(0, length)).has_value(), length >= 33) << length;
}

TEST(DnsNames, TextAndWire) {
  EXPECT_EQ(name_to_wire("a.bc"), std::string("\1a\2bc\0", 6));
  EXPECT_EQ(name_to_wire("a.bc."), name_to_wire("a.bc"));
  EXPECT_EQ(name_to_wire("a\\.b\\065.c"), std::string("\4a.bA\1c\0", 8));
  EXPECT_EQ(name_to_wire("."), std::string(1, '\0'));
  const std::string label(63, 'x');
  EXPECT_TRUE(name_to_wire(label + "." + label + "." + label + "." + std::string(61, 'y')));
  for (const std::string& bad :
       {std::string(), std::string(".."), std::string("a..b"), std::string(".a"), std::string(64, 'x'), std::string("a\\"),
        std::string("a\\25"), std::string("a\\256"), label + "." + label + "." + label + "." + std::string(62, 'y')})
    EXPECT_FALSE(name_to_wire(bad)) << bad;
  EXPECT_EQ(reverse_name(*IpAddress::parse("192.0.2.1")), "1.2.0.192.in-addr.arpa");
  EXPECT_EQ(reverse_name(*IpAddress::parse("2001:db8::1")),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

}  // namespace
}  // namespace postern::dns
