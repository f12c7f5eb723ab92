#include "policy/dkim/key_queries.h"

#include <algorithm>
#include <utility>

#include "net/dns/names.h"

namespace postern::dkim {

std::string key_name(std::string_view selector, std::string_view domain) {
  std::string name(selector);
  name += "._domainkey.";
  name += domain;
  return name;
}

std::size_t KeyQueries::ask(std::string name, const Wait& wait) {
  const auto same = std::ranges::find_if(queries_, [&](const auto& query) { return dns::same_name(query->name, name); });
  if (same != queries_.end()) return static_cast<std::size_t>(same - queries_.begin());
  Query& query = *queries_.emplace_back(std::make_unique<Query>());
  query.name = std::move(name);
  if (const dns::Answer* known = resolver_.cached(query.name, dns::Type::txt)) {
    query.answer = *known;
    query.done.set();
  } else {
    if (wait.stop != nullptr && std::ranges::find(linked_, wait.stop) == linked_.end()) {
      linked_.push_back(wait.stop);
      parents_.push_back(std::make_unique<StopsAnother>(*wait.stop, stop_));
    }
    gate_.start(run(resolver_, query, {wait.deadline, &stop_}));
  }
  return queries_.size() - 1;
}

Task<void> KeyQueries::run(dns::Resolver& resolver, Query& query, Wait wait) {
  query.answer = co_await resolver.query(query.name, dns::Type::txt, {.wait = wait});
  query.done.set();
}

Task<void> KeyQueries::wait_for(std::size_t number, Wait wait) {
  // Cut short: the answer stays what it was, a temporary failure.
  static_cast<void>(co_await queries_[number]->done.wait(wait));
}

Task<void> KeyQueries::close() {
  stop_.request_stop();
  co_await gate_.close();
}

}  // namespace postern::dkim
