#include "policy/acl/verify.h"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <variant>

#include "engine/base/peer_text.h"
#include "engine/smtp/address.h"
#include "engine/smtp/chars.h"
#include "net/dns/host_names.h"
#include "policy/acl/address_field.h"

namespace postern::acl {

namespace {

constexpr auto kAddressFields = std::to_array<std::string_view>({"From", "Sender", "Reply-To", "To", "Cc", "Bcc"});
constexpr auto kSenderFields = std::to_array<std::string_view>({"Sender", "Reply-To", "From"});
constexpr auto kRecipientFields = std::to_array<std::string_view>({"To", "Cc"});

std::optional<VerifyWords> words_of(Doing& doing) {
  const auto& told = std::get<Told<VerifyWords>>(doing.step->argument);
  return told.words ? told.words : read_verify(doing.text, doing.why);
}

// The client may hear it, and the log does.
Truth refuse(Doing& doing, std::string message) {
  doing.message = message;
  doing.log_message = std::move(message);
  return Truth::no;
}

// Calls `use(field, value)` for each field of these names until it returns false.
template <class Use>
void each_field(const expand::EvalContext& message, std::span<const std::string_view> names, Use&& use) {
  for (const std::string_view name : names) {
    std::size_t at = 0;
    while (const auto value = message.header(name, at))
      if (!use(name, *value)) return;
  }
}

std::string field_fault(std::string_view name, const AddressField& field) {
  return fmt::format("{}: failing address in \"{}:\" header is: {}", field.why, name, printable(field.failing, 128));
}

Truth header_syntax(Doing& doing) {
  Truth truth = Truth::yes;
  each_field(doing.subject.variables, kAddressFields, [&](std::string_view name, std::string_view value) {
    const AddressField field = read_address_field(value);
    if (field.why.empty()) return true;
    truth = refuse(doing, field_fault(name, field));
    return false;
  });
  return truth;
}

Truth header_names(Doing& doing) {
  const std::optional<std::string> strange = doing.subject.world->strange_header_name();
  if (!strange) return Truth::yes;
  return refuse(doing, fmt::format("Invalid character in header \"{}\" found", printable(*strange, 64)));
}

Truth of_result(Doing& doing, const VerifyWords& words, Verified verified) {
  if (verified.result == Verified::Result::ok) return Truth::yes;
  doing.message = std::move(verified.message);
  doing.log_message = verified.log_message.empty() ? doing.message : std::move(verified.log_message);
  if (verified.result == Verified::Result::failed) return Truth::no;
  if (words.defer_ok) {
    doing.message.clear();
    doing.log_message.clear();
    return Truth::yes;
  }
  doing.why = doing.log_message;
  return Truth::unknown;
}

// One sender address among these fields must verify.
Truth header_sender(Doing& doing, const VerifyWords& words) {
  std::optional<Verified> last;
  bool is_good = false;
  std::string fault;
  each_field(doing.subject.variables, kSenderFields, [&](std::string_view name, std::string_view value) {
    const AddressField field = read_address_field(value);
    for (const std::string& address : field.addresses) {
      if (address.empty()) continue;
      Verified verified = doing.subject.world->verify_address(address, false);
      is_good = verified.result == Verified::Result::ok;
      if (is_good) return false;
      if (!last || last->result != Verified::Result::deferred) last = std::move(verified);
    }
    if (!field.why.empty() && fault.empty()) fault = field_fault(name, field);
    return true;
  });
  if (is_good) return Truth::yes;
  if (!last) return refuse(doing, fault.empty() ? "there is no valid sender in any header line" : fault);
  last->message = "there is no valid sender in any header line";
  return of_result(doing, words, std::move(*last));
}

bool is_same_address(std::string_view a, std::string_view b, bool ignores_case) {
  const std::size_t a_at = a.rfind('@');
  const std::size_t b_at = b.rfind('@');
  if (a_at == std::string_view::npos || b_at == std::string_view::npos) return a == b;
  if (!smtp::equal_ignoring_case(a.substr(a_at), b.substr(b_at))) return false;
  return ignores_case ? smtp::equal_ignoring_case(a.substr(0, a_at), b.substr(0, b_at))
                      : a.substr(0, a_at) == b.substr(0, b_at);
}

// Every recipient stands in To: or Cc:.
Truth not_blind(Doing& doing, const VerifyWords& words) {
  std::vector<std::string> named;
  each_field(doing.subject.variables, kRecipientFields, [&](std::string_view, std::string_view value) {
    AddressField field = read_address_field(value);
    for (std::string& address : field.addresses) named.push_back(std::move(address));
    return named.size() < kFieldAddressesMax;
  });
  for (const std::string_view recipient : doing.subject.world->envelope_recipients()) {
    bool found = false;
    for (const std::string& address : named) found = found || is_same_address(address, recipient, words.case_insensitive);
    if (!found) return refuse(doing, "bcc recipient detected");
  }
  return Truth::yes;
}

Truth verify_address(Doing& doing, const VerifyWords& words) {
  const bool is_recipient = words.def->what == VerifyWhat::recipient;
  std::string_view address = is_recipient ? doing.subject.recipient : doing.subject.sender;
  if (!words.address.empty()) address = words.address;
  if (address.empty()) return Truth::yes;  // the null reverse-path is always good
  Verified verified = doing.subject.world->verify_address(address, is_recipient);
  if (verified.result == Verified::Result::failed) {
    verified.log_message = fmt::format("{} verify fail for <{}>: {}", is_recipient ? "recipient" : "sender",
                                       printable(address, 256), verified.message);
    verified.message = is_recipient ? verified.message : std::string("Sender verify failed");
  }
  return of_result(doing, words, std::move(verified));
}

std::string helo_fault(const AclSubject& subject) {
  return fmt::format("helo/ehlo argument \"{}\" does not belong to the client", printable(subject.helo, 128));
}

Task<Truth> verify_helo(Doing& doing) {
  const AclSubject& subject = doing.subject;
  dns::Resolver& resolver = *subject.world->resolver();
  // RFC 5321 section 4.1.4: the name is good when it leads to the client, or the client's address to it.
  for (const dns::Type type : {dns::Type::a, dns::Type::aaaa}) {
    if ((type == dns::Type::aaaa) != subject.client.is_v6()) continue;
    const dns::Answer answer = co_await resolver.query(std::string(subject.helo), type, {.wait = subject.world->wait()});
    bool leads_here = false;
    answer.each<dns::Address>([&](const dns::Address& each) { leads_here = leads_here || each.address == subject.client; });
    if (leads_here) co_return Truth::yes;
  }
  const dns::HostNames names = co_await subject.world->facts().host_names();
  if (names.result == dns::HostNames::Result::confirmed) {
    if (smtp::equal_ignoring_case(names.name.view(), subject.helo)) co_return Truth::yes;
    for (const PeerText& alias : names.aliases)
      if (smtp::equal_ignoring_case(alias.view(), subject.helo)) co_return Truth::yes;
  }
  co_return refuse(doing, helo_fault(subject));
}

Task<Truth> verify_reverse(Doing& doing, VerifyWords words) {
  const AclSubject& subject = doing.subject;
  const dns::HostNames names = co_await subject.world->facts().host_names();
  if (names.result == dns::HostNames::Result::confirmed) co_return Truth::yes;
  if (names.result == dns::HostNames::Result::none)
    co_return refuse(doing, fmt::format("host lookup failed for reverse lookup check ({})", names.why));
  if (words.defer_ok) co_return Truth::yes;
  doing.why = fmt::format("host lookup deferred for reverse lookup check ({})", names.why);
  co_return Truth::unknown;
}

}  // namespace

Truth test_verify(Doing& doing) {
  const std::optional<VerifyWords> words = words_of(doing);
  if (!words) return Truth::error;
  const AclSubject& subject = doing.subject;
  if (subject.phase && (words->def->phases & set_of(*subject.phase)) == 0) {
    doing.why = fmt::format("cannot check {} in ACL for {}", words->def->name, definition_of(*subject.phase).name);
    return Truth::error;
  }
  if (subject.world == nullptr) {
    doing.why = "nothing can be verified here";
    return Truth::error;
  }
  const bool has_dns = subject.world->resolver() != nullptr;
  switch (words->def->what) {
    case VerifyWhat::header_names_ascii: return header_names(doing);
    case VerifyWhat::header_sender: return header_sender(doing, *words);
    case VerifyWhat::header_syntax: return header_syntax(doing);
    case VerifyWhat::not_blind: return not_blind(doing, *words);
    case VerifyWhat::recipient:
    case VerifyWhat::sender: return verify_address(doing, *words);
    case VerifyWhat::helo:
      if (subject.helo.empty()) return refuse(doing, "no HELO or EHLO was given");
      if (subject.helo.front() == '[')
        return smtp::literal_address(subject.helo) == subject.client ? Truth::yes : refuse(doing, helo_fault(subject));
      if (has_dns) return Truth::waits;
      break;
    case VerifyWhat::reverse_host_lookup:
      if (has_dns) return Truth::waits;
      break;
  }
  doing.why = "the DNS cannot be asked here";
  return Truth::error;
}

Task<Truth> verify(Doing& doing) {
  const VerifyWords words = *words_of(doing);
  if (words.def->what == VerifyWhat::helo) co_return co_await verify_helo(doing);
  co_return co_await verify_reverse(doing, words);
}

}  // namespace postern::acl
