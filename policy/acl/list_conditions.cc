#include "policy/acl/list_conditions.h"

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "engine/smtp/address.h"
#include "policy/acl/world.h"
#include "policy/checks/message_checks.h"
#include "policy/dkim/reason.h"
#include "policy/lists/facts.h"
#include "policy/lists/list.h"

namespace postern::acl {

namespace {

using lists::Match;
using smtp::domain_of;

// Whoever has no world can answer nothing.
lists::ListFacts& facts_of(const Doing& doing) {
  static lists::ListFacts nothing;
  return doing.subject.world != nullptr ? doing.subject.world->facts() : nothing;
}

Truth truth_of(Doing& doing, Match& match) {
  switch (match.truth) {
    case lists::Truth::no: return Truth::no;
    case lists::Truth::yes: return Truth::yes;
    case lists::Truth::defer: break;
  }
  doing.why = std::move(match.why);
  return match.is_mistake ? Truth::error : Truth::unknown;
}

template <class List>
const List& list_of(const Doing& doing) {
  return std::get<List>(doing.step->argument);
}

// $0 to $9 belong to the domain or local part that was compared last.
void keep_captures(AclState& state, const Match& match, std::string_view subject) {
  state.captures.resize(match.truth == lists::Truth::yes ? match.captures.count : 0);
  for (unsigned n = 0; n < state.captures.size(); ++n) state.captures[n] = match.capture(n, subject);
}

ListData data_of(Match& match) { return {std::move(match.data), match.bytes}; }

// What each condition looks at, and what it leaves behind. As in Exim, a domain or local part that does not match takes the
// former data away; of senders, recipients and hosts they stay until others are found.
struct Domains {
  using List = lists::DomainList;
  static std::string_view subject(const Doing& doing) { return doing.subject.domain; }
  static void keep(AclState& state, Match& match, std::string_view subject) {
    keep_captures(state, match, subject);
    state.domain_data = match ? data_of(match) : ListData();
  }
};

struct LocalParts {
  using List = lists::LocalPartList;
  static std::string_view subject(const Doing& doing) { return doing.subject.local_part; }
  static void keep(AclState& state, Match& match, std::string_view subject) {
    keep_captures(state, match, subject);
    state.local_part_data = match ? data_of(match) : ListData();
  }
};

struct SenderDomains {
  using List = lists::DomainList;
  static std::string_view subject(const Doing& doing) { return domain_of(doing.subject.sender); }
  static void keep(AclState& state, Match& match, std::string_view subject) { keep_captures(state, match, subject); }
};

struct Senders {
  using List = lists::AddressList;
  static std::string_view subject(const Doing& doing) { return doing.subject.sender; }
  static void keep(AclState& state, Match& match, std::string_view) {
    if (match) state.sender_data = data_of(match);
  }
};

struct Recipients {
  using List = lists::AddressList;
  static std::string_view subject(const Doing& doing) { return doing.subject.recipient; }
  static void keep(AclState& state, Match& match, std::string_view) {
    if (match) state.recipient_data = data_of(match);
  }
};

struct Hosts {
  using List = lists::HostList;
  static const IpAddress& subject(const Doing& doing) { return doing.subject.client; }
  static void keep(AclState& state, Match& match, const IpAddress&) {
    if (match) state.host_data = data_of(match);
  }
};

// Names of mechanisms and of ciphers; there are none before there is AUTH or TLS.
struct Mechanism {
  using List = lists::LocalPartList;
  static std::string_view subject(const Doing& doing) { return doing.subject.authenticator; }
  static void keep(AclState&, Match&, std::string_view) {}
};

struct Cipher {
  using List = lists::LocalPartList;
  static std::string_view subject(const Doing& doing) { return doing.subject.cipher; }
  static void keep(AclState&, Match&, std::string_view) {}
};

checks::MessageChecks* checks_of(const Doing& doing) {
  return doing.subject.world != nullptr ? doing.subject.world->checks() : nullptr;
}

// Of the signature whose turn it is.
struct DkimSigner {
  using List = lists::LocalPartList;
  static std::string_view subject(const Doing& doing) {
    const checks::MessageChecks* const checks = checks_of(doing);
    return checks != nullptr ? std::string_view(checks->signer()) : std::string_view();
  }
  static void keep(AclState&, Match&, std::string_view) {}
};

struct DkimStatus {
  using List = lists::LocalPartList;
  static std::string_view subject(const Doing& doing) {
    const checks::MessageChecks* const checks = checks_of(doing);
    return checks != nullptr ? checks->dkim_status() : dkim::to_string(dkim::Status::none);
  }
  static void keep(AclState&, Match&, std::string_view) {}
};

template <class Condition>
Truth end(Doing& doing, Match match) {
  if (doing.subject.state != nullptr) Condition::keep(*doing.subject.state, match, Condition::subject(doing));
  return truth_of(doing, match);
}

template <class Condition>
Truth test(Doing& doing) {
  const auto& list = list_of<typename Condition::List>(doing);
  std::optional<Match> match = list.match_now(Condition::subject(doing), facts_of(doing));
  return match ? end<Condition>(doing, *std::move(match)) : Truth::waits;
}

template <class Condition>
Task<Truth> ask(Doing& doing) {
  const auto& list = list_of<typename Condition::List>(doing);
  using Subject = std::conditional_t<std::is_same_v<Condition, Hosts>, IpAddress, std::string>;
  Match match = co_await list.match(Subject(Condition::subject(doing)), facts_of(doing));
  co_return end<Condition>(doing, std::move(match));
}

}  // namespace

Truth test_authenticated(Doing& doing) { return doing.subject.authenticator.empty() ? Truth::no : test<Mechanism>(doing); }
Truth test_dkim_signers(Doing& doing) { return test<DkimSigner>(doing); }
Truth test_dkim_status(Doing& doing) { return test<DkimStatus>(doing); }
Truth test_domains(Doing& doing) { return test<Domains>(doing); }
Truth test_encrypted(Doing& doing) { return doing.subject.encrypted ? test<Cipher>(doing) : Truth::no; }
Truth test_hosts(Doing& doing) { return test<Hosts>(doing); }
Truth test_local_parts(Doing& doing) { return test<LocalParts>(doing); }
Truth test_recipients(Doing& doing) { return test<Recipients>(doing); }
Truth test_sender_domains(Doing& doing) { return test<SenderDomains>(doing); }
Truth test_senders(Doing& doing) { return test<Senders>(doing); }

Task<Truth> ask_authenticated(Doing& doing) { return ask<Mechanism>(doing); }
Task<Truth> ask_dkim_signers(Doing& doing) { return ask<DkimSigner>(doing); }
Task<Truth> ask_dkim_status(Doing& doing) { return ask<DkimStatus>(doing); }
Task<Truth> ask_domains(Doing& doing) { return ask<Domains>(doing); }
Task<Truth> ask_encrypted(Doing& doing) { return ask<Cipher>(doing); }
Task<Truth> ask_hosts(Doing& doing) { return ask<Hosts>(doing); }
Task<Truth> ask_local_parts(Doing& doing) { return ask<LocalParts>(doing); }
Task<Truth> ask_recipients(Doing& doing) { return ask<Recipients>(doing); }
Task<Truth> ask_sender_domains(Doing& doing) { return ask<SenderDomains>(doing); }
Task<Truth> ask_senders(Doing& doing) { return ask<Senders>(doing); }

}  // namespace postern::acl
