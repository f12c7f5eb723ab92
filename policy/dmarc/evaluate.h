// Discovery and judgment in one, for those who have every result at hand.
#pragma once

#include <memory>

#include "policy/dmarc/judge.h"

namespace postern::dmarc {

struct Question {
  Author author;
  Facts facts;
  std::shared_ptr<const psl::PublicSuffixList> suffixes;
  unsigned roll = 0;  // random in [0, 100)
};

// Suspends as discover() does.
[[nodiscard]] Task<Outcome> evaluate(Question question, dns::Resolver& resolver, Wait wait);

}  // namespace postern::dmarc
