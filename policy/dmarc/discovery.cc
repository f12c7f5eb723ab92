#include "policy/dmarc/discovery.h"

#include <utility>

#include "engine/coro/gate.h"

namespace postern::dmarc {

namespace {

using State = Discovered::State;

Task<dns::Answer> ask(dns::Resolver& resolver, std::string name, dns::Type type, Wait wait) {
  if (const dns::Answer* known = resolver.cached(name, type)) co_return *known;
  co_return co_await resolver.query(std::move(name), type, {.wait = wait});
}

// Steps 2, 5 and 6: what the TXT records at one name come to.
void read_answer(const dns::Answer& answer, Discovered& into) {
  if (answer.status == dns::Status::temporary_failure) {
    into.state = State::temporary_failure;
    into.why = answer.why;
    return;
  }
  std::vector<PeerText> records;
  answer.each<dns::Text>([&](const dns::Text& text) {
    PeerText joined = text.joined();
    if (is_record(joined.view())) records.push_back(std::move(joined));
  });
  if (records.empty()) {
    into.state = State::no_record;
  } else if (records.size() > 1) {
    into.state = State::several;
  } else {
    into.record = read_record(records.front().view());
    into.state = into.record ? State::record : State::unreadable;
  }
}

Task<Existence> find_existence(dns::Resolver& resolver, std::string domain, Wait wait) {
  const dns::Answer answer = co_await ask(resolver, std::move(domain), dns::Type::a, wait);
  if (answer.status == dns::Status::temporary_failure) co_return Existence::unknown;
  co_return answer.status == dns::Status::nxdomain ? Existence::absent : Existence::exists;
}

Task<void> discover_one(dns::Resolver& resolver, Discovered& found, Wait wait) {
  found.used = found.author;
  const dns::Answer own = co_await ask(resolver, "_dmarc." + found.author, dns::Type::txt, wait);
  read_answer(own, found);
  if (found.state != State::no_record || found.organisational == found.author) co_return;
  const dns::Answer organisational = co_await ask(resolver, "_dmarc." + found.organisational, dns::Type::txt, wait);
  read_answer(organisational, found);
  if (!found.record) co_return;
  found.used = found.organisational;
  // A name below it that is there, if only as a branch, says that the domain is (RFC 8020).
  if (found.record->nonexistent_policy && own.status == dns::Status::nxdomain)
    found.existence = co_await find_existence(resolver, found.author, wait);
}

}  // namespace

Task<Discovery> discover(Author author, std::shared_ptr<const psl::PublicSuffixList> suffixes, dns::Resolver& resolver,
                         Wait wait) {
  Discovery discovery{.domains = {}, .problem = std::move(author.problem)};
  discovery.domains.resize(author.domains.size());
  Gate gate;
  for (std::size_t i = 0; i < author.domains.size(); ++i) {
    Discovered& found = discovery.domains[i];
    found.organisational = suffixes->organisational(author.domains[i]);
    found.author = std::move(author.domains[i]);
    gate.start(discover_one(resolver, found, wait));
  }
  co_await gate.close();
  co_return discovery;
}

}  // namespace postern::dmarc
