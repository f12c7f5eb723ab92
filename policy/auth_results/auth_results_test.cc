#include <gtest/gtest.h>

#include "policy/auth_results/read.h"
#include "policy/auth_results/write.h"

namespace postern::auth_results {
namespace {

constexpr std::string_view kName = "Authentication-Results:";

std::string_view value_of(std::string_view field) { return field.substr(kName.size()); }

TEST(WriteTest, NothingWasChecked) { EXPECT_EQ(write("mx.example", {}), "Authentication-Results: mx.example; none"); }

TEST(WriteTest, AllElementsInEximsOrder) {
  Checks checks;
  checks.client_address = "192.0.2.1";
  checks.arc = Arc{.result = Result::pass, .instance = 2, .selector = PeerText("arc"), .oldest_pass = 1};
  checks.dmarc = Dmarc{.result = Result::pass, .comment = "p=reject", .from = PeerText("example.com")};
  checks.dkim = {{.result = Result::pass,
                  .domain = PeerText("example.com"),
                  .identity = PeerText("@news.example.com"),
                  .selector = PeerText("s1"),
                  .algorithm = "rsa-sha256"},
                 {.result = Result::fail,
                  .reason = "body hash mismatch; body probably modified in transit",
                  .domain = PeerText("example.net"),
                  .selector = PeerText("s2"),
                  .algorithm = "ed25519-sha256"}};
  checks.spf = Spf{.result = Result::pass, .sender_domain = PeerText("example.com"), .helo = PeerText("helo.example")};
  checks.auth = Auth{.mechanism = "PLAIN", .id = PeerText("user@example.com"), .sender = PeerText("a@example.com")};
  checks.iprev = Iprev{.result = Result::pass, .host = PeerText("client.example")};
  checks.local = Local{.host = "mx.example", .user = PeerText("root")};
  EXPECT_EQ(write("mx.example", checks),
            "Authentication-Results: mx.example"
            ";\n\tlocal=pass (non-smtp, mx.example) policy.user=root"
            ";\n\tiprev=pass (client.example) smtp.remote-ip=192.0.2.1"
            ";\n\tauth=pass (PLAIN) smtp.auth=user@example.com smtp.mailfrom=a@example.com"
            ";\n\tspf=pass smtp.mailfrom=example.com"
            ";\n\tdkim=pass header.d=example.com header.i=@news.example.com header.s=s1 header.a=rsa-sha256"
            ";\n\tdkim=fail (body hash mismatch; body probably modified in transit)\n\t\t header.d=example.net header.s=s2 "
            "header.a=ed25519-sha256"
            ";\n\tdmarc=pass (p=reject) header.from=example.com"
            ";\n\tarc=pass (i=2) header.s=arc arc.oldest-pass=1 smtp.remote-ip=192.0.2.1");
}

std::string element(const Checks& checks) {
  const std::string text = write("id", checks);
  return text.substr(text.find(";\n\t") + 3);
}

TEST(WriteTest, EachElementsForms) {
  EXPECT_EQ(element({.iprev = Iprev{.result = Result::temperror}, .client_address = "192.0.2.1"}),
            "iprev=temperror smtp.remote-ip=192.0.2.1");
  EXPECT_EQ(element({.iprev = Iprev{.result = Result::fail}, .client_address = "2001:db8::1"}),
            "iprev=fail smtp.remote-ip=\"2001:db8::1\"")
      << "a colon is no token character: RFC 8601 section 2.2";
  EXPECT_EQ(element({.auth = Auth{.mechanism = "LOGIN"}}), "auth=pass (LOGIN, no id saved)");
  EXPECT_EQ(element({.auth = Auth{.mechanism = "tls", .id = PeerText("CN=x"), .by_certificate = true}}),
            "auth=pass (tls) x509.auth=\"CN=x\"");
  EXPECT_EQ(element({.spf = Spf{.result = Result::softfail, .helo = PeerText("helo.example")}}),
            "spf=softfail smtp.helo=helo.example");
  EXPECT_EQ(element({.spf = Spf{.result = Result::none}}), "spf=none smtp.mailfrom=\"<>\"");
  EXPECT_EQ(element({.spf = Spf{.result = Result::pass, .guessed = true, .sender_domain = PeerText("a.example")}}),
            "spf=pass (best guess record for domain) smtp.mailfrom=a.example");
  EXPECT_EQ(element({.dmarc = Dmarc{.result = Result::none, .from = PeerText("a.example")}}),
            "dmarc=none header.from=a.example");
  EXPECT_EQ(element({.dmarc = Dmarc{.result = Result::permerror}}), "dmarc=permerror");
  EXPECT_EQ(element({.arc = Arc{.result = Result::none}}), "arc=none");
  EXPECT_EQ(element({.arc = Arc{.result = Result::fail, .reason = "no sets"}}), "arc=fail (no sets)");
  EXPECT_EQ(element({.arc = Arc{.result = Result::fail, .instance = 3, .reason = "cv", .selector = PeerText("s")},
                     .client_address = "192.0.2.1"}),
            "arc=fail (i=3)(cv) header.s=s arc.oldest-pass=0 smtp.remote-ip=192.0.2.1");
}

TEST(WriteTest, NoValueEndsItsPlace) {
  Checks checks;
  checks.spf = Spf{.result = Result::fail, .sender_domain = PeerText("a.example;\r\n\tdkim=pass header.d=\"b\" (c\\")};
  checks.iprev = Iprev{.result = Result::pass, .host = PeerText("h) x; dkim=pass (\r\nA: b\x01\xff")};
  const std::string text = write("id", checks);
  EXPECT_EQ(text,
            "Authentication-Results: id;\n\tiprev=pass (h\\) x; dkim=pass \\(\?\?A: b\?\?);\n\tspf=fail "
            "smtp.mailfrom=\"a.example;\?\?\?dkim=pass header.d=\\\"b\\\" (c\\\\\"");
  const auto field = read_field(value_of(text));
  ASSERT_TRUE(field);
  ASSERT_EQ(field->results.size(), 2U);
  EXPECT_EQ(field->results[1].find("smtp", "mailfrom")->view(), "a.example;\?\?\?dkim=pass header.d=\"b\" (c\\");
}

TEST(WriteTest, Utf8StaysAndControlsGo) {
  std::string out;
  append_value(out, "müller.example\xc2\x85");
  EXPECT_EQ(out, "\"müller.example?\"");
  out.clear();
  append_value(out, "müller.example");
  EXPECT_EQ(out, "müller.example");
  out.clear();
  append_value(out, std::string(2 * kTextBytesMax, 'a'));
  EXPECT_EQ(out.size(), kTextBytesMax);
  out.clear();
  append_value(out, "");
  EXPECT_EQ(out, "\"\"");
}

// RFC 8601 appendix B.
TEST(ReadTest, TheExamplesOfTheRfc) {
  const auto trivial = read_field(" example.org 1; none");
  ASSERT_TRUE(trivial);
  EXPECT_EQ(trivial->id.view(), "example.org");
  EXPECT_TRUE(trivial->results.empty());

  const auto spf = read_field(" example.com;\r\n          spf=pass smtp.mailfrom=example.net");
  ASSERT_TRUE(spf);
  ASSERT_EQ(spf->results.size(), 1U);
  EXPECT_EQ(spf->results[0].method, "spf");
  EXPECT_EQ(spf->results[0].result, "pass");
  EXPECT_EQ(spf->results[0].find("smtp", "mailfrom")->view(), "example.net");
  EXPECT_FALSE(spf->results[0].find("smtp", "helo"));

  const auto two = read_field(
      " example.com;\r\n          auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n          spf=pass "
      "smtp.mailfrom=example.net");
  ASSERT_TRUE(two);
  ASSERT_EQ(two->results.size(), 2U);
  EXPECT_EQ(two->results[0].text.view(), "auth=pass (cram-md5) smtp.auth=sender@example.net");
  EXPECT_EQ(two->results[1].text.view(), "spf=pass smtp.mailfrom=example.net");

  const auto dkim = read_field(
      " example.com;\r\n dkim=pass reason=\"good signature\"\r\n header.i=@mail-router.example.net;\r\n"
      " dkim=fail reason=\"bad signature\"\r\n header.i=@newyork.example.com");
  ASSERT_TRUE(dkim);
  ASSERT_EQ(dkim->results.size(), 2U);
  EXPECT_EQ(dkim->results[0].reason.view(), "good signature");
  EXPECT_EQ(dkim->results[1].find("header", "i")->view(), "@newyork.example.com");

  // Appendix B.7: comments wherever they may stand.
  const auto comments = read_field(
      " foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
      " policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting it) 1362471462");
  ASSERT_TRUE(comments);
  EXPECT_EQ(comments->version, 1U);
  ASSERT_EQ(comments->results.size(), 1U);
  EXPECT_EQ(comments->results[0].method, "dkim");
  EXPECT_EQ(comments->results[0].result, "fail");
  EXPECT_EQ(comments->results[0].find("policy", "expired")->view(), "1362471462");
}

TEST(ReadTest, WhatOthersWrite) {
  const auto field = read_field(
      " mx.google.com;\n       dkim=pass header.i=@example.com header.s=s1 header.b=\"AbC/dE+=\";\n"
      "       spf=pass (google.com: domain of a@example.com designates 2001:db8::1 as permitted sender) "
      "smtp.mailfrom=a@example.com;\n"
      "       iprev=pass policy.iprev=2001:db8::1 smtp.mailfrom=<>;\n"
      "       dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=example.com;");
  ASSERT_TRUE(field);
  ASSERT_EQ(field->results.size(), 4U);
  EXPECT_EQ(field->results[0].find("header", "b")->view(), "AbC/dE+=");
  EXPECT_EQ(field->results[2].find("policy", "iprev")->view(), "2001:db8::1");
  EXPECT_EQ(field->results[2].find("smtp", "mailfrom")->view(), "<>");
  EXPECT_EQ(field->results[3].find("header", "from")->view(), "example.com");
}

TEST(ReadTest, WhatIsBrokenIsNothing) {
  for (const std::string_view text : {"",
                                      " ",
                                      "id",
                                      "id 1",
                                      "; spf=pass",
                                      "id; ",
                                      "id;; spf=pass",
                                      "id; spf",
                                      "id; spf=",
                                      "id; =pass",
                                      "id; spf=pass smtp",
                                      "id; spf=pass smtp.",
                                      "id; spf=pass smtp.mailfrom",
                                      "id; spf=pass smtp.mailfrom=",
                                      "id; spf=pass x=y",
                                      "id; spf=pass (",
                                      "id; spf=pass reason=\"a",
                                      "id; spf=pass; none",
                                      "id; none; spf=pass",
                                      "id; spf=pass )",
                                      "id x; none",
                                      "id 9999999999; none",
                                      "id; dkim/x=pass",
                                      "(id; none"})
    EXPECT_FALSE(read_field(text)) << text;
  EXPECT_FALSE(read_field(std::string(kCommentDepthMax + 1, '(') + std::string(kCommentDepthMax + 1, ')') + "id; none"));
  EXPECT_TRUE(read_field(std::string(kCommentDepthMax, '(') + std::string(kCommentDepthMax, ')') + "id; none"));
}

TEST(ReadTest, BoundsHold) {
  std::string results = "id";
  for (std::size_t i = 0; i < kResultsMax; ++i) results += "; a=b";
  EXPECT_TRUE(read_field(results));
  EXPECT_FALSE(read_field(results + "; a=b"));
  std::string properties = "id; a=b";
  for (std::size_t i = 0; i < kPropertiesMax; ++i) properties += " c.d=e";
  EXPECT_TRUE(read_field(properties));
  EXPECT_FALSE(read_field(properties + " c.d=e"));
  EXPECT_FALSE(read_field("id; none" + std::string(kFieldBytesMax, ' ')));
}

TEST(ReadTest, CutAtEveryByte) {
  const std::string text =
      " (a \\) (b)) \"mx\\\".example\" (c) 1 ; dkim (x) / 1 = fail reason=\"no; (way\" header.i = \"a b\"@c.example "
      "(d);\r\n\tspf=pass";
  ASSERT_TRUE(read_field(text));
  const std::size_t id_end = text.find("e\"") + 2;
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const std::string cut = text.substr(0, length);
    const auto id = read_id(cut);
    if (length >= id_end) EXPECT_EQ(id.value().view(), "mx\".example") << length;
    if (const auto field = read_field(cut)) {
      EXPECT_EQ(field->id.view(), "mx\".example");
      EXPECT_LE(field->results.size(), 2U);
    }
  }
}

TEST(ClaimsTest, FieldsThatNameUs) {
  const std::vector<std::string> ours = {"mx.example", "gate.example."};
  for (const std::string_view value :
       {"mx.example; none", " MX.Example;spf=pass", "\r\n\t(hello) mx.example 1; none", "\"mx.example\"; none", "mx.example",
        "mx.example.; none", "gate.example; none", "mx.example; broken (", "\"mx.example", "\"mx.\\example\"; none",
        "mx.example(c); none", "\" mx.example \"; none", "mx.example/1; none"})
    EXPECT_TRUE(claims(value, ours)) << value;
  EXPECT_TRUE(claims(std::string(2 * kFieldBytesMax, '(') + std::string(2 * kFieldBytesMax, ')') + "mx.example; none", ours))
      << "nobody hides behind our bounds";
  for (const std::string_view value : {"", "mx.example.com; none", "xmx.example; none", "mx; none", "(mx.example) other; none",
                                       "; mx.example", "other; spf=pass smtp.helo=mx.example"})
    EXPECT_FALSE(claims(value, ours)) << value;
}

}  // namespace
}  // namespace postern::auth_results
