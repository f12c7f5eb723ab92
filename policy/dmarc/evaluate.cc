#include "policy/dmarc/evaluate.h"

#include <utility>

namespace postern::dmarc {

Task<Outcome> evaluate(Question question, dns::Resolver& resolver, Wait wait) {
  const Discovery discovery = co_await discover(std::move(question.author), question.suffixes, resolver, wait);
  co_return judge(discovery, question.facts, *question.suffixes, question.roll);
}

}  // namespace postern::dmarc
