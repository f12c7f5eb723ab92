// The questions of one check. Each is put once, and what is asked ahead goes on while others are waited for.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "net/dns/resolver.h"

namespace postern::spf {

// Who has one closes it before it goes. The callers bound how many questions there are.
class Asker {
 public:
  struct Asked {
    std::string name;
    dns::Type type = dns::Type::a;
    dns::Answer answer;
    bool done = false;  // there is an answer
  };

  // The resolver, and wait's stop, outlive this object.
  Asker(dns::Resolver& resolver, Wait wait) noexcept : resolver_(resolver), wait_(wait) {
    if (wait.stop != nullptr) asked_to_stop_ = std::make_unique<StopsAnother>(*wait.stop, stop_);
  }

  [[nodiscard]] Asked* find(std::string_view name, dns::Type type) noexcept {
    for (const auto& asked : asked_)
      if (asked->type == type && asked->name == name) return asked.get();
    return nullptr;
  }
  // The question, which is put unless it was before. The reference stays good as long as this object.
  [[nodiscard]] Asked& start(std::string name, dns::Type type) {
    if (Asked* before = find(name, type)) return *before;
    Asked& asked = *asked_.emplace_back(std::make_unique<Asked>());
    asked.name = std::move(name);
    asked.type = type;
    if (const dns::Answer* known = resolver_.cached(asked.name, type)) {
      asked.answer = *known;
      asked.done = true;
    } else {
      gate_.start(fetch(*this, asked));
    }
    return asked;
  }

  // Set when an answer has come, until it is cleared. One waiter.
  [[nodiscard]] Event& arrival() noexcept { return arrival_; }

  // Ends the questions that nobody waits for. Suspends until they have ended.
  Task<void> close() {
    stop_.request_stop();
    co_await gate_.close();
  }

 private:
  static Task<void> fetch(Asker& asker, Asked& asked) {
    asked.answer = co_await asker.resolver_.query(asked.name, asked.type, {.wait = {asker.wait_.deadline, &asker.stop_}});
    asked.done = true;
    asker.arrival_.set();
  }

  dns::Resolver& resolver_;
  Wait wait_;
  StopSource stop_;
  std::unique_ptr<StopsAnother> asked_to_stop_;
  std::vector<std::unique_ptr<Asked>> asked_;
  Event arrival_;
  Gate gate_;
};

}  // namespace postern::spf
