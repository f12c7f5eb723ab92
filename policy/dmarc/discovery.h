// Policy discovery: RFC 7489 section 6.6.3. Needs no result of SPF or DKIM, so it starts when the header is there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "net/dns/resolver.h"
#include "policy/dmarc/author.h"
#include "policy/dmarc/record.h"
#include "policy/psl/public_suffix_list.h"

namespace postern::dmarc {

enum class Existence : std::uint8_t { exists, absent, unknown };

// What the DNS says of one Author Domain.
struct Discovered {
  enum class State : std::uint8_t {
    no_record,
    record,
    several,            // more than one record: none holds (step 5)
    unreadable,         // a record that says nothing (step 6)
    temporary_failure,  // nothing is known
  };
  std::string author;
  std::string organisational;
  State state = State::no_record;
  std::string used;  // where the record was found, author or organisational; the author when there is none
  std::optional<Record> record;
  // Whether the author's domain exists; asked for only when np or the lack of an answer could make a difference.
  Existence existence = Existence::exists;
  std::string why;  // of a temporary failure, for logs
};

struct Discovery {
  std::vector<Discovered> domains;  // in the order of the author's
  std::string problem;              // the author's: no domain, and then nothing was asked
};

// Asks for the record of each domain, all at once, and where there is none for that of its organisational domain. Suspends
// until all is known or `wait` ends it; what is then not known is a temporary failure. All questions have ended when it
// returns. The resolver outlives the call.
[[nodiscard]] Task<Discovery> discover(Author author, std::shared_ptr<const psl::PublicSuffixList> suffixes,
                                       dns::Resolver& resolver, Wait wait);

}  // namespace postern::dmarc
