// What DKIM costs a message of 10 KiB, with the key's record and the key known: one RSA-2048 signature, as most mail has.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"
#include "engine/coro/manual_scheduler.h"
#include "policy/crypto/keys_testing.h"
#include "policy/dkim/signer.h"
#include "policy/dkim/verifier.h"
#include "policy/expand/text_base64.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

namespace postern::dkim {
namespace {

constexpr std::size_t kPieceBytes = 4096;

std::string make_message() {
  std::string text = "Received: from a.example by b.example with ESMTP; Fri, 11 Jul 2003 21:01:54 -0700\r\n";
  for (const char* name :
       {"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Id", "X-Mailer"})
    text += std::string(name) + ": some text of the usual length <joe@example.com>\r\n";
  text += "\r\n";
  while (text.size() < 10'240) text += "A line of text as people write them, with single blanks between words.\r\n";
  return text;
}

// A signed message and all that a shard has.
class House {
 public:
  House(std::string_view key_text, std::string_view canon) {
    std::string why;
    key_ = std::make_shared<const crypto::PrivateKey>(std::move(*crypto::PrivateKey::read(key_text, why)));
    signer_ = Signer::make({.domain = "example.com", .selector = "s", .canon = std::string(canon)}, key_, why);
    const std::string unsigned_text = make_message();
    text_ = sign(unsigned_text) + unsigned_text;
    header_bytes_ = text_.find("\r\n\r\n") + 4;
    std::string record = key_->type() == crypto::KeyType::rsa ? "v=DKIM1; p=" : "v=DKIM1; k=ed25519; p=";
    expand::append_base64(record, key_->public_bytes());
    resolver_.add_text("s._domainkey.example.com", record);
    resolver_.know_at_once(true);
  }

  [[nodiscard]] bool verify() {
    const Chain chain(Slice::literal(text_));
    message::BodyHashes bodies;
    Verifier verifier(resolver_, cache_, {});
    verifier.begin(message::HeaderIndex(smtp::HeaderView(chain, header_bytes_, pool_)), bodies, {});
    feed(bodies, text_, header_bytes_);
    const auto results = testing::run_task(scheduler_, verifier.finish({}));
    return results.size() == 1 && results.front().status == Status::pass;
  }

  [[nodiscard]] std::string sign(const std::string& text) {
    const std::size_t header_bytes = text.find("\r\n\r\n") + 4;
    const Chain chain(Slice::literal(text));
    message::BodyHashes bodies;
    std::string why;
    signer_->begin(message::HeaderIndex(smtp::HeaderView(chain, header_bytes, pool_)), bodies, scheduler_.wall_now());
    feed(bodies, text, header_bytes);
    return signer_->finish(bodies, why).value_or("");
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  static void feed(message::BodyHashes& bodies, std::string_view text, std::size_t header_bytes) {
    for (text.remove_prefix(header_bytes); !text.empty(); text.remove_prefix(std::min(kPieceBytes, text.size())))
      bodies.feed(text.substr(0, kPieceBytes));
    bodies.finish();
  }

  ManualScheduler scheduler_;
  BlockPool pool_;
  dns::FakeResolver resolver_;
  KeyCache cache_;
  std::shared_ptr<const crypto::PrivateKey> key_;
  std::optional<Signer> signer_;
  std::string text_;
  std::size_t header_bytes_ = 0;
};

void verify(benchmark::State& state, std::string_view key, std::string_view canon) {
  House house(key, canon);
  for (auto _ : state)
    if (!house.verify()) state.SkipWithError("it did not verify");
}
BENCHMARK_CAPTURE(verify, rsa2048_relaxed, crypto::testing::kRsa2048Private, "relaxed");
BENCHMARK_CAPTURE(verify, rsa2048_simple, crypto::testing::kRsa2048Private, "simple");
BENCHMARK_CAPTURE(verify, ed25519_relaxed, crypto::testing::kEd25519Private, "relaxed");

void sign(benchmark::State& state) {
  House house(crypto::testing::kRsa2048Private, "relaxed");
  const std::string text = make_message();
  for (auto _ : state)
    if (house.sign(text).empty()) state.SkipWithError("it was not signed");
}
BENCHMARK(sign);

// Without the cache: what a key costs that was not seen before.
void read_key(benchmark::State& state) {
  std::string why;
  const std::string bytes = crypto::PrivateKey::read(crypto::testing::kRsa2048Private, why)->public_bytes();
  for (auto _ : state) benchmark::DoNotOptimize(crypto::PublicKey::rsa(bytes));
}
BENCHMARK(read_key);

}  // namespace
}  // namespace postern::dkim
