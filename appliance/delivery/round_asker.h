// What the routers of one message ask: there is no client here.
#pragma once

#include <optional>

#include "appliance/language/asker.h"
#include "engine/coro/scheduler.h"
#include "engine/coro/stop.h"

namespace postern::delivery {

class RoundAsker final : public language::Asker {
 public:
  static constexpr std::int64_t kAnswerMsMax = 60'000;

  // Borrows everything.
  RoundAsker(language::ShardLanguage& language, const expand::EvalContext& variables, StopSource& stop) noexcept
      : Asker(language, variables), stop_(stop) {}

 private:
  [[nodiscard]] std::optional<IpAddress> client() const override { return std::nullopt; }
  [[nodiscard]] Wait wait() override { return {.deadline = Scheduler::current().now().plus_ms(kAnswerMsMax), .stop = &stop_}; }

  StopSource& stop_;
};

}  // namespace postern::delivery
