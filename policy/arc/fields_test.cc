#include "policy/arc/fields.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/base/ip_address.h"
#include "policy/arc/seal_settings.h"

namespace postern::arc {
namespace {

struct Results {
  Fault fault;
  AuthenticationResults results;
};
Results results(std::string_view text) {
  Results read{};
  read.fault = read_authentication_results(PeerView(text), read.results);
  return read;
}
MessageSignature signature(std::string_view text, Fault expected = Fault::none) {
  MessageSignature signature;
  EXPECT_EQ(read_message_signature(PeerView(text), signature), expected) << text;
  return signature;
}
Seal seal(std::string_view text, Fault expected = Fault::none) {
  Seal seal;
  EXPECT_EQ(read_seal(PeerView(text), seal), expected) << text;
  return seal;
}

constexpr std::string_view kSignature =
    " i=3; a=rsa-sha256; c=relaxed/simple; d=example.org;\r\n\ts=sel; t=1; x=2; h=from:to; bh=YWJj; b=ZGVm";
constexpr std::string_view kSeal = " i=2; a=rsa-sha256; t=12345; cv=pass; d=example.org; s=sel; b=YW\r\n\tJj";

std::string without(std::string_view text, std::string_view piece) {
  std::string rest(text);
  const std::size_t at = rest.find(piece);
  EXPECT_NE(at, rest.npos);
  return rest.erase(at, piece.size());
}
std::string with(std::string_view text, std::string_view piece, std::string_view other) {
  std::string rest(text);
  const std::size_t at = rest.find(piece);
  EXPECT_NE(at, rest.npos);
  return rest.replace(at, piece.size(), other);
}

TEST(ArcResults, InstanceAndIdentity) {
  for (const std::string_view text :
       {" i=7; mx.example; spf=pass smtp.mailfrom=a", "i=7;mx.example;none",
        " (c) i (x) = (y\\)) 7\r\n (z) ; \"mx.example\" 1; none", " i=07 ; mx.example; =broken;"}) {
    const Results read = results(text);
    EXPECT_EQ(read.fault, Fault::none) << text;
    EXPECT_EQ(read.results.instance, 7U) << text;
    EXPECT_EQ(read.results.id.view(), "mx.example") << text;
  }
  EXPECT_EQ(results(" i=50; x; none").results.instance, 50U);
  for (const std::string_view text :
       {"", " ", "i", "i=", "i=;x", "i=0; x", "i=51; x", "i=001; x", "i=-1; x", "x; i=1; none", "I=1; x", "(i=1; x"})
    EXPECT_EQ(results(text).fault, Fault::instance) << text;
  for (const std::string_view text : {"i=1", "i=1 x; none", "i=1 (; x"}) EXPECT_EQ(results(text).fault, Fault::syntax) << text;
  EXPECT_EQ(results("i=1;" + std::string(70'000, 'x')).fault, Fault::syntax);
}

TEST(ArcResults, TheClientThatTheHandlerSaw) {
  const auto address = [](std::string_view payload) {
    return std::string(results("i=1; " + std::string(payload)).results.remote_ip.view());
  };
  EXPECT_EQ(address("mx; iprev=pass (h) smtp.remote-ip=192.0.2.1; spf=pass"), "192.0.2.1");
  EXPECT_EQ(address("mx; spf=pass; arc=pass (i=2) header.s=s smtp.remote-ip=\"2001:db8::1\""), "2001:db8::1");
  EXPECT_EQ(address("mx; smtp.remote-ip=192.0.2.2;\r\n\tspf=pass smtp.mailfrom=a"), "192.0.2.2");
  EXPECT_EQ(address("mx; spf=pass;smtp.remote-ip = 192.0.2.3 (c); x=y"), "192.0.2.3");
  EXPECT_EQ(address("mx; spf=pass smtp.mailfrom=a"), "");
  EXPECT_EQ(address("mx; iprev=pass smtp.remote-ip=here"), "");
  EXPECT_EQ(address("mx; smtp.remote-ip=here; spf=pass"), "");
  // Words of peers within comments and quotes.
  EXPECT_EQ(address("mx; helo (;smtp.remote-ip=192.0.2.9); spf=pass"), "");
  EXPECT_EQ(address("mx; \";smtp.remote-ip=192.0.2.9\"; spf=pass"), "");
  EXPECT_EQ(address("mx; smtp.remote-ipx=192.0.2.9; spf=pass"), "");
}

TEST(ArcMessageSignature, Tags) {
  const MessageSignature read = signature(kSignature);
  EXPECT_EQ(read.instance, 3U);
  EXPECT_EQ(read.reason, dkim::Reason::none);
  EXPECT_EQ(read.signature.domain.view(), "example.org");
  EXPECT_EQ(read.signature.selector.view(), "sel");
  EXPECT_EQ(read.signature.body_hash.view(), "abc");
  EXPECT_EQ(read.signature.signature.view(), "def");
  EXPECT_EQ(read.signature.names.size(), 2U);
  // A version has no meaning here, and is ignored: section 4.1.2.
  for (const std::string_view version : {"v=1; ", "v=17; "})
    EXPECT_EQ(signature(std::string(version) + std::string(kSignature.substr(1))).instance, 3U);
}

TEST(ArcMessageSignature, Faults) {
  for (const std::string_view tag : {" a=rsa-sha256;", " d=example.org;", "s=sel;", " h=from:to;", " bh=YWJj;", "; b=ZGVm"})
    static_cast<void>(signature(without(kSignature, tag), Fault::missing_tag));
  static_cast<void>(signature(without(kSignature, " i=3;"), Fault::instance));
  for (const std::string_view instance : {"i=0", "i=51", "i=x", "i=", "i=100", "i=@example.org"})
    static_cast<void>(signature(with(kSignature, "i=3", instance), Fault::instance));
  static_cast<void>(signature(with(kSignature, "i=3", "i=3; i=3"), Fault::syntax));
  static_cast<void>(signature(with(kSignature, "b=ZGVm", "b=Z"), Fault::syntax));
  static_cast<void>(signature(with(kSignature, "c=relaxed/simple", "c=loose"), Fault::syntax));
  static_cast<void>(signature(with(kSignature, "from:to", "subject:to"), Fault::not_from));
  for (const std::string_view name : {"ARC-Seal", "arc-message-signature", "Arc-Authentication-Results"})
    static_cast<void>(signature(with(kSignature, "from:to", "from : " + std::string(name)), Fault::covers_arc));
  // These are the signature's own.
  EXPECT_EQ(signature(with(kSignature, "rsa-sha256", "rsa-sha9")).reason, dkim::Reason::algorithm);
  EXPECT_EQ(signature(with(kSignature, "x=2", "x=1")).reason, dkim::Reason::lifetime);
}

TEST(ArcSeal, Tags) {
  const Seal read = seal(kSeal);
  EXPECT_EQ(read.instance, 2U);
  EXPECT_EQ(read.status, ChainStatus::pass);
  EXPECT_EQ(read.domain.view(), "example.org");
  EXPECT_EQ(read.selector.view(), "sel");
  EXPECT_EQ(read.signature.view(), "abc");
  EXPECT_TRUE(read.knows_algorithm);
  EXPECT_EQ(kSeal.substr(read.cut_begin, read.cut_end - read.cut_begin), "YW\r\n\tJj");
  EXPECT_EQ(seal(with(kSeal, "pass", "FAIL")).status, ChainStatus::fail);
  EXPECT_EQ(seal(with(kSeal, "pass", "none")).status, ChainStatus::none);
  EXPECT_FALSE(seal(with(kSeal, "rsa-sha256", "future")).knows_algorithm);
}

TEST(ArcSeal, Faults) {
  for (const std::string_view tag : {" a=rsa-sha256;", " cv=pass;", " d=example.org;", " s=sel;", "; b=YW\r\n\tJj"})
    static_cast<void>(seal(without(kSeal, tag), Fault::missing_tag));
  static_cast<void>(seal(without(kSeal, " i=2;"), Fault::instance));
  for (const std::string_view instance : {"i=0", "i=51", "i=1x", "i="})
    static_cast<void>(seal(with(kSeal, "i=2", instance), Fault::instance));
  static_cast<void>(seal(with(kSeal, "i=2", "i=2; h=from"), Fault::sealed_h));
  static_cast<void>(seal(with(kSeal, "cv=pass", "cv=good"), Fault::syntax));
  static_cast<void>(seal(with(kSeal, "cv=pass", "cv="), Fault::syntax));
  static_cast<void>(seal(with(kSeal, "cv=pass", "cv=pass; cv=pass"), Fault::syntax));
  static_cast<void>(seal(with(kSeal, "t=12345", "t=now"), Fault::syntax));
  static_cast<void>(seal(with(kSeal, "d=example.org", "d=exa mple"), Fault::syntax));
  static_cast<void>(seal(with(kSeal, "s=sel", "s="), Fault::syntax));
  static_cast<void>(seal(with(kSeal, "YW\r\n\tJj", "*"), Fault::syntax));
}

// Each prefix in memory of its own, so that a read behind its end is seen.
TEST(ArcFields, CutAtEveryByte) {
  constexpr std::string_view kResults =
      " (c\\)) i = 12 (d) ; \"m\\x\" 1; smtp.remote-ip=192.0.2.1; spf=pass (a;b) smtp.mailfrom=\"x y\"";
  for (const std::string_view text : {kSignature, kSeal, kResults}) {
    for (std::size_t size = 0; size <= text.size(); ++size) {
      const std::vector<char> piece(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
      const PeerView value(std::string_view(piece.data(), piece.size()));
      AuthenticationResults results;
      MessageSignature signature;
      Seal seal;
      EXPECT_LE(read_authentication_results(value, results) == Fault::none ? results.instance : 0, kInstanceMax);
      if (read_message_signature(value, signature) == Fault::none) EXPECT_FALSE(signature.signature.body_hash.empty());
      if (read_seal(value, seal) == Fault::none) EXPECT_FALSE(seal.signature.empty());
      if (!results.remote_ip.empty()) EXPECT_TRUE(IpAddress::parse(results.remote_ip.view()));
    }
  }
}

std::optional<SealSettings> settings(std::string_view text) {
  std::string why;
  auto read = read_arc_sign(text, why);
  EXPECT_EQ(read.has_value(), why.empty()) << text << why;
  return read;
}

TEST(ArcSign, Items) {
  const auto plain = settings("mx.example : sel : /etc/key");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->identity, "mx.example");
  EXPECT_EQ(plain->selector, "sel");
  EXPECT_EQ(plain->key, "/etc/key");
  EXPECT_FALSE(plain->timestamps || plain->expire);
  const auto other = settings("<; mx.example ; sel ; a:b ; timestamps, expire");
  ASSERT_TRUE(other && other->expire);
  EXPECT_EQ(other->key, "a:b");
  EXPECT_TRUE(other->timestamps && other->expire->from_now);
  EXPECT_EQ(other->expire->seconds, 30U * 24 * 3600);
  EXPECT_EQ(settings("a:b:c:expire=+60")->expire->seconds, 60U);
  EXPECT_TRUE(settings("a:b:c:expire = +60,")->expire->from_now);
  EXPECT_FALSE(settings("a:b:c:expire=1764300000")->expire->from_now);
}

TEST(ArcSign, Faults) {
  for (const std::string_view text :
       {"", "a", "a:b", "a:b:", ": b : c", "a : : c", "a:b:c:d", "a:b:c:expire=", "a:b:c:expire=+", "a:b:c:expire=x",
        "a:b:c:expire=0", "a:b:c:expires", "a:b:c:timestamps:more"})
    EXPECT_FALSE(settings(text)) << text;
  std::string why;
  EXPECT_FALSE(read_arc_sign("a:b:SECRET:SECRET", why));
  EXPECT_EQ(why.find("SECRET"), why.npos);
}

}  // namespace
}  // namespace postern::arc
