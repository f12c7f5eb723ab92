// The hosts that mail is taken to, and how they misbehave.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/random.h"
#include "engine/smtp/fake_server.h"
#include "tests/fakes/fake_connector.h"
#include "tests/simulation/mail.h"

namespace postern::simulation {

class NextHops {
 public:
  using FakeServer = smtp::testing::FakeServer;
  static constexpr std::size_t kCount = 4;  // the last takes the bounces

  explicit NextHops(Random& random) : random_(random) {
    for (std::size_t i = 0; i < kCount; ++i) {
      network.listen(address_of(i), servers[i]);
      servers[i].answer = [this, i](std::string_view step) { return answer(i, step); };
      if (random_.below(2) == 0) servers[i].offer = {"PIPELINING", "8BITMIME", "SIZE 100000"};
      if (random_.below(3) == 0) servers[i].offer.push_back("CHUNKING");
    }
  }
  // Another mood for one of them.
  void change_mood() {
    const std::size_t i = random_.below(kCount);
    Mood& mood = moods_[i];
    mood = {};
    if (random_.below(3) == 0) return;
    mood.is_down = random_.below(5) == 0;
    mood.defers_one_in = random_.below(3) == 0 ? 2 + random_.below(8) : 0;
    mood.closes_one_in = random_.below(3) == 0 ? 4 + random_.below(20) : 0;
    mood.takes_and_dies_one_in = random_.below(3) == 0 ? 2 + random_.below(8) : 0;
    mood.falls_silent_one_in = random_.below(6) == 0 ? 3 + random_.below(10) : 0;
    servers[i].fragment_bytes = random_.below(3) == 0 ? 1 + random_.below(9) : 0;
    if (random_.below(3) == 0) servers[i].breaks_after_bytes = random_.below(6'000);
    network.delay_ms = random_.below(3) == 0 ? static_cast<std::int64_t>(random_.below(20)) : 0;
    if (mood.is_down)
      network.fail(address_of(i), random_.below(2) == 0 ? Errc::refused : Errc::unreachable);
    else
      restore(i);
  }
  void be_well() {
    moods_ = {};
    network.delay_ms = 0;
    for (std::size_t i = 0; i < kCount; ++i) {
      restore(i);
      servers[i].fragment_bytes = 0;
      servers[i].breaks_after_bytes.reset();
    }
  }
  // Whose packets still arrive.
  bool sender_is_alive = true;

  smtp::testing::FakeConnector network;
  std::array<FakeServer, kCount> servers;

 private:
  struct Mood {
    bool is_down = false;
    std::uint64_t defers_one_in = 0;
    std::uint64_t closes_one_in = 0;
    std::uint64_t takes_and_dies_one_in = 0;
    std::uint64_t falls_silent_one_in = 0;
  };
  static SocketAddress address_of(std::size_t i) { return {IpAddress::parse("192.0.2." + std::to_string(i + 1)).value(), 25}; }
  void restore(std::size_t i) {
    network.clear(address_of(i));
    network.listen(address_of(i), servers[i]);
  }
  bool happens(std::uint64_t one_in) { return one_in != 0 && random_.below(one_in) == 0; }
  std::optional<std::string> answer(std::size_t i, std::string_view step) {
    const Mood& mood = moods_[i];
    if (!sender_is_alive || mood.is_down) return std::string(FakeServer::kClose);
    if (step == "." && happens(mood.takes_and_dies_one_in)) return std::string(FakeServer::kTake);
    if (happens(mood.closes_one_in)) return std::string(FakeServer::kClose);
    const bool is_awaited = step == "." || step == "connect" || step.starts_with("EHLO");  // nothing can come behind it
    if (is_awaited && happens(mood.falls_silent_one_in)) return std::string(FakeServer::kSilent);
    if (step.starts_with("RCPT") && step.find(kUnknownDomain) != step.npos) return "550 no such user";
    if (step != "connect" && !step.starts_with("EHLO") && happens(mood.defers_one_in)) return "451 later";
    return std::nullopt;
  }

  Random& random_;
  std::array<Mood, kCount> moods_{};
};

}  // namespace postern::simulation
