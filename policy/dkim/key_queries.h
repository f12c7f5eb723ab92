// Asking for the keys of one message's signatures, all at once and each name once: RFC 6376 section 3.6.2, RFC 8617
// section 4.1.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/coro/stop.h"
#include "engine/coro/wait.h"
#include "net/dns/resolver.h"

namespace postern::dkim {

// "selector._domainkey.domain"
[[nodiscard]] std::string key_name(std::string_view selector, std::string_view domain);

// One check's of one message: DKIM and ARC have one each, because a question has one waiter; the resolver asks equal names
// once. close() is awaited before it goes away.
class KeyQueries {
 public:
  explicit KeyQueries(dns::Resolver& resolver) noexcept : resolver_(resolver) {}

  // Starts the question unless it was asked before; `wait` bounds it. Returns its number.
  [[nodiscard]] std::size_t ask(std::string name, const Wait& wait);
  // Suspends until the answer is there, or `wait` ends. At most one waiter for each question.
  [[nodiscard]] Task<void> wait_for(std::size_t number, Wait wait);
  // Before it is there: a temporary failure.
  [[nodiscard]] const dns::Answer& answer(std::size_t number) const { return queries_[number]->answer; }

  // Ends what is still under way. Suspends until it has ended. Once.
  [[nodiscard]] Task<void> close();

 private:
  struct Query {
    std::string name;
    dns::Answer answer{.why = "no answer in time"};
    Event done;
  };
  static Task<void> run(dns::Resolver& resolver, Query& query, Wait wait);

  dns::Resolver& resolver_;
  std::vector<std::unique_ptr<Query>> queries_;
  StopSource stop_;
  std::vector<std::unique_ptr<StopsAnother>> parents_;
  std::vector<StopSource*> linked_;
  Gate gate_;
};

}  // namespace postern::dkim
