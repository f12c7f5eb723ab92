// For tests of ARC: messages, keys for every domain, sealing and verifying in memory.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"
#include "engine/coro/manual_scheduler.h"
#include "policy/arc/sealer.h"
#include "policy/arc/verifier.h"
#include "policy/crypto/keys_testing.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

namespace postern::arc::testing {

namespace keys = crypto::testing;

inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return at == text.npos ? text : text.replace(at, from.size(), to);
}

class ArcTest : public ::testing::Test {
 protected:
  static constexpr std::string_view kMessage =
      "From: Joe <joe@example.com>\r\nTo: suzie@example.net\r\nSubject: dinner\r\n\r\nHi.\r\n\r\nWe  lost.\r\n";

  ArcTest() {
    for (unsigned i = 1; i <= kInstanceMax + 1; ++i) publish(identity(i), keys::kRsaPublic);
  }

  static std::string identity(unsigned hop) { return "mx" + std::to_string(hop) + ".example"; }
  void publish(const std::string& domain, std::string_view key, std::string_view before = "v=DKIM1; p=") {
    resolver_.add_text("sel._domainkey." + domain, std::string(before) + std::string(key));
  }

  static std::optional<Sealer> make(const SealSettings& settings, std::string& why,
                                    std::string_view key_text = keys::kRsaPrivate) {
    auto key = crypto::PrivateKey::read(key_text, why);
    EXPECT_TRUE(key) << why;
    return Sealer::make(settings, std::make_shared<const crypto::PrivateKey>(std::move(*key)), why);
  }
  static SealSettings settings(unsigned hop) {
    return {.identity = identity(hop), .selector = "sel", .key = "key", .expire = {}, .sign_headers = {}};
  }

  template <class Use>
  void with_header(const std::string& text, Use&& use) {
    // The header is gone when the body has arrived.
    const std::string header = text.substr(0, text.find("\r\n\r\n") + 4);
    const Chain chain(Slice::literal(header));
    use(message::HeaderIndex(smtp::HeaderView(chain, header.size(), pool_)));
  }
  static void feed(message::BodyHashes& bodies, const std::string& text) {
    bodies.feed(std::string_view(text).substr(text.find("\r\n\r\n") + 4));
    bodies.finish();
  }

  // The fields that go on top; none, and why_, when it is not sealed.
  std::optional<std::vector<std::string>> fields(Sealer& sealer, const std::string& text, std::optional<ChainStatus> verified) {
    message::BodyHashes bodies;
    bool begun = false;
    with_header(text, [&](const message::HeaderIndex& headers) {
      begun = sealer.begin(headers, bodies, verified, scheduler_.wall_now(), why_);
    });
    if (!begun) return std::nullopt;
    feed(bodies, text);
    return sealer.finish(bodies, why_);
  }
  std::optional<std::string> seal(Sealer& sealer, const std::string& text, std::optional<ChainStatus> verified) {
    const auto made = fields(sealer, text, verified);
    if (!made) return std::nullopt;
    std::string sealed;
    for (const std::string& field : *made) sealed += field;
    return sealed + text;
  }

  static std::string results(unsigned hop, std::string_view what = "spf=pass smtp.mailfrom=example.com") {
    return "Authentication-Results: " + identity(hop) + ";\r\n\t" + std::string(what) + "\r\n";
  }
  // One more hop: results of ours, and the set over them.
  std::string next_hop(const std::string& text, unsigned hop, ChainStatus verified = ChainStatus::pass,
                       std::optional<SealSettings> with = std::nullopt) {
    std::string why;
    auto sealer = make(with.value_or(settings(hop)), why);
    EXPECT_TRUE(sealer) << why;
    const auto sealed = seal(*sealer, results(hop) + text, verified);
    EXPECT_TRUE(sealed) << why_;
    return sealed.value_or(text);
  }
  std::string chain(unsigned hops) {
    std::string text(kMessage);
    for (unsigned hop = 1; hop <= hops; ++hop) text = next_hop(text, hop);
    return text;
  }

  Result verify(const std::string& text, std::int64_t ms = 0, Wait wait = {}) {
    message::BodyHashes bodies;
    Verifier verifier(resolver_, cache_, policy_);
    with_header(text, [&](const message::HeaderIndex& headers) { verifier.begin(headers, bodies, {}); });
    feed(bodies, text);
    return postern::testing::run_task(scheduler_, verifier.finish(wait), ms);
  }
  std::string reason(const std::string& text) {
    const Result result = verify(text);
    EXPECT_EQ(result.status, ChainStatus::fail);
    return result.reason;
  }

  ManualScheduler scheduler_;
  BlockPool pool_;
  dns::FakeResolver resolver_;
  dkim::KeyCache cache_;
  VerifyPolicy policy_;
  std::string why_;
};

}  // namespace postern::arc::testing
