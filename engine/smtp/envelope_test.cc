#include "engine/smtp/envelope.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::smtp {
namespace {

constexpr std::size_t kBytesMax = 1024 * 1024;

EnvelopeAddress address_of(std::string_view text) {
  const std::size_t at = text.rfind('@');
  return EnvelopeAddress(text, at == text.npos ? 0 : text.size() - at - 1);
}

TEST(EnvelopeAddress, SplitsAtTheDomain) {
  EXPECT_EQ(address_of("\"a@b\"@example.org").local_part().view(), "\"a@b\"");
  EXPECT_EQ(address_of("\"a@b\"@example.org").domain().view(), "example.org");
  EXPECT_EQ(address_of("postmaster").local_part().view(), "postmaster");
  EXPECT_TRUE(address_of("postmaster").domain().empty());
  EXPECT_TRUE(EnvelopeAddress().empty());
}

TEST(Envelope, KeepsCopiesOfWhatItWasGiven) {
  Envelope envelope;
  {
    std::string sender = "a@example.org", envid = "id1", orcpt = "rfc822;x", recipient = "b@example.net";
    envelope.set_sender({.address = address_of(sender), .declared_size = 10, .envid = PeerView(envid)});
    const auto held = envelope.hold({address_of(recipient), kNotifyNever, PeerView(orcpt)}, kBytesMax);
    ASSERT_TRUE(held.has_value());
    EXPECT_TRUE(envelope.recipients().empty());
    envelope.add(*held);
    sender = envid = orcpt = recipient = "overwritten";
  }
  EXPECT_TRUE(envelope.has_sender());
  EXPECT_EQ(envelope.sender().address.text().view(), "a@example.org");
  EXPECT_EQ(envelope.sender().envid.view(), "id1");
  ASSERT_EQ(envelope.recipients().size(), 1U);
  EXPECT_EQ(envelope.recipients()[0].address.domain().view(), "example.net");
  EXPECT_EQ(envelope.recipients()[0].orcpt.view(), "rfc822;x");
  EXPECT_EQ(envelope.recipients()[0].notify, kNotifyNever);
}

TEST(Envelope, WritesAddressesInCanonicalForm) {
  struct Case {
    std::string_view sent, qualify, kept, domain;
  };
  const Case cases[] = {
      {"<Some.User@EXAMPLE.Org>", "", "Some.User@example.org", "example.org"},
      {"<\"plain\"@example.org>", "", "plain@example.org", "example.org"},
      {"<\"a b\\\"c\"@example.org>", "", "\"a b\\\"c\"@example.org", "example.org"},
      {"<Postmaster>", "Here.example", "Postmaster@here.example", "here.example"},
      {"<Postmaster>", "", "Postmaster", ""},
      {"<a@[IPv6:2001:DB8::1]>", "", "a@[IPv6:2001:DB8::1]", "[IPv6:2001:DB8::1]"},
      {"<>", "example.org", "", ""},
  };
  for (const Case& c : cases) {
    const PathStep path = parse_path(c.sent, {.role = AddressRole::sender, .allow_literals = true, .allow_unqualified = true});
    ASSERT_EQ(path.error, AddressError::none) << c.sent;
    Envelope envelope;
    envelope.set_sender(path.mailbox, c.qualify, {});
    EXPECT_EQ(envelope.sender().address.text().view(), c.kept);
    EXPECT_EQ(envelope.sender().address.domain().view(), c.domain);
    const auto held = envelope.hold(path.mailbox, c.qualify, {}, kBytesMax);
    ASSERT_TRUE(held.has_value());
    EXPECT_EQ(held->address.text().view(), c.kept);
  }
}

TEST(Envelope, NullSenderIsASender) {
  Envelope envelope;
  EXPECT_FALSE(envelope.has_sender());
  envelope.set_sender({});
  EXPECT_TRUE(envelope.has_sender());
  EXPECT_TRUE(envelope.sender().address.empty());
}

TEST(Envelope, RefusesToGrowBeyondItsCap) {
  Envelope envelope;
  envelope.set_sender({});
  const std::string address = std::string(200, 'x') + "@example.org";
  std::size_t added = 0;
  while (const auto held = envelope.hold({address_of(address), 0, {}}, 10'000)) {
    envelope.add(*held);
    ++added;
  }
  EXPECT_GT(added, 30U);
  EXPECT_LE(envelope.bytes(), 10'000U);
  EXPECT_FALSE(envelope.hold({address_of(std::string(20'000, 'y')), 0, {}}, 10'000).has_value());
}

TEST(Envelope, CountsHeldRecipientsThatWereRefused) {
  Envelope envelope;
  envelope.set_sender({});
  const std::string address = std::string(100, 'x') + "@example.org";
  std::size_t held = 0;
  while (envelope.hold({address_of(address), 0, {}}, 10'000)) ++held;
  EXPECT_LT(held, 100U);
  EXPECT_TRUE(envelope.recipients().empty());
}

TEST(Envelope, IsEmptyAfterClear) {
  Envelope envelope;
  envelope.set_sender({.address = address_of("a@example.org"), .smtputf8 = true});
  envelope.add(*envelope.hold({address_of("b@example.org"), 0, {}}, kBytesMax));
  envelope.clear();
  EXPECT_FALSE(envelope.has_sender());
  EXPECT_FALSE(envelope.sender().smtputf8);
  EXPECT_TRUE(envelope.recipients().empty());
  EXPECT_EQ(envelope.bytes(), 0U);
}

}  // namespace
}  // namespace postern::smtp
