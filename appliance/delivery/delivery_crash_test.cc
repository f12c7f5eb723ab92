// Lives of ingress and delivery that end anywhere: what was acknowledged arrives, as it was, and what arrives twice was said to
// be possible.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "appliance/delivery/delivery_testing.h"

namespace postern::delivery {
namespace {

using smtp::testing::FakeServer;
using testing::MessageSpec;
using testing::Stage;

SocketAddress at(std::string_view address) { return {IpAddress::parse(address).value(), 25}; }

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : stage_(testing::kSmartHost, seed), random_(seed * 7919) {
    stage_.writer_options = testing::small_segments(32 * 1024);
    stage_.writer_options.batch_bytes = 16 * 1024;
    stage_.options.journal = {.file_bytes = 32 * 1024, .batch_gap_ms = 1, .repair_gap_ms = 5};
    stage_.options.stop_grace_ms = 50;
    stage_.options.tail.list_ms = 200;
    stage_.network.listen(at("192.0.2.1"), server_);
  }

  void live() {
    is_up_ = true;
    server_.answer = [this](std::string_view step) { return answer(step); };
    const bool ingress = stage_.start_ingress().has_value();
    const bool delivery = stage_.start_delivery().has_value();
    const std::uint64_t end = stage_.files.changes() + 20 + random_.below(400);
    stage_.files.cut_power_after(end);
    for (int step = 0; step < 40 && stage_.files.has_power(); ++step) {
      if (ingress && random_.below(3) != 0) accept_one();
      if (random_.below(2) == 0) stage_.advance_ms(static_cast<std::int64_t>(random_.below(30)));
    }
    stage_.files.cut_power();
    is_up_ = false;  // the network goes with the machine
    if (delivery) stage_.stop_delivery();
    if (ingress) stage_.stop_ingress();
    constexpr FakeFileSystem::Survival kKinds[] = {FakeFileSystem::Survival::none, FakeFileSystem::Survival::all,
                                                   FakeFileSystem::Survival::random};  // all: as after kill -9
    stage_.files.restart(kKinds[random_.below(3)], &random_);
  }

  // A last life without trouble, until nothing is left to do.
  void settle() {
    is_up_ = true;
    server_.answer = nullptr;
    ASSERT_TRUE(stage_.start_ingress());
    ASSERT_TRUE(stage_.start_delivery());
    stage_.advance_ms(3'000);
    for (int i = 0; i < 8 && stage_.stats().queued.get() > 0; ++i) stage_.skip_s(20 * 60);
    EXPECT_EQ(stage_.stats().queued.get(), 0U);
    stage_.stop_delivery();
    stage_.stop_ingress();
  }

  void check() {
    std::map<std::string, int> arrived;
    for (const FakeServer::Mail& mail : server_.mails) ++arrived[mail.text];
    for (std::uint32_t number = 0; number < next_; ++number) {
      const int count = arrived[text_of(number)];
      if (acknowledged_.contains(number)) EXPECT_GE(count, 1) << "lost: " << number;
      const auto said = static_cast<int>(stage_.log.count(Stage::id_of(number) + " possible duplicate"));
      EXPECT_LE(count, 1 + said) << "a duplicate nobody spoke of: " << number;
      duplicates += std::max(count - 1, 0);
    }
    int known = 0;
    for (std::uint32_t number = 0; number < next_; ++number) known += arrived[text_of(number)];
    EXPECT_EQ(static_cast<std::size_t>(known), server_.mails.size()) << "something else arrived";
  }

  int duplicates = 0;
  [[nodiscard]] std::size_t acknowledged() const { return acknowledged_.size(); }

 private:
  static std::string content_of(std::uint32_t number) {
    return "Subject: message " + std::to_string(number) + "\r\n\r\n." + std::string(number * 37 % 900, 'x') + "\r\n";
  }
  static std::string text_of(std::uint32_t number) { return "Received: by us\r\n" + content_of(number); }

  void accept_one() {
    const std::uint32_t number = next_++;
    if (stage_.accept({.content = content_of(number)}, number)) acknowledged_.insert(number);
  }
  std::optional<std::string> answer(std::string_view step) {
    if (!is_up_ || !stage_.files.has_power()) return std::string(FakeServer::kClose);
    if (step.starts_with("RCPT") && random_.below(10) == 0) return "451 later";
    if (random_.below(25) == 0) return std::string(FakeServer::kClose);
    return std::nullopt;
  }

  FakeServer server_;
  Stage stage_;
  SeededRandom random_;
  bool is_up_ = true;
  std::uint32_t next_ = 0;
  std::set<std::uint32_t> acknowledged_;
};

TEST(DeliveryCrash, NothingAcknowledgedIsLostAndDuplicatesAreSpokenOf) {
  int duplicates = 0;
  std::size_t acknowledged = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Simulation simulation(seed);
    for (int life = 0; life < 4; ++life) simulation.live();
    simulation.settle();
    simulation.check();
    duplicates += simulation.duplicates;
    acknowledged += simulation.acknowledged();
    if (::testing::Test::HasFailure()) break;  // one seed is enough to look at
  }
  EXPECT_GT(acknowledged, 500U);
  // Of the thousands of messages few arrive twice.
  EXPECT_LT(static_cast<std::size_t>(duplicates), acknowledged / 5);
}

}  // namespace
}  // namespace postern::delivery
