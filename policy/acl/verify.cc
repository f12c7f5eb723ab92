#include "policy/acl/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>
#include <variant>

#include "engine/base/peer_text.h"
#include "engine/smtp/address.h"
#include "engine/smtp/chars.h"
#include "net/dns/host_names.h"
#include "policy/acl/address_field.h"
#include "policy/arc/verifier.h"
#include "policy/checks/message_checks.h"
#include "policy/lists/list_text.h"
#include "policy/acl/csa.h"

namespace postern::acl {

namespace {

using routing::AddressVerdict;

constexpr std::size_t kHeaderSendersMax = 100;  // that are verified

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

// The log hears it. The client does so only with smtp_return_error_details.
Truth refuse_quietly(Doing& doing, std::string message) {
  if (doing.subject.world->settings().return_error_details) doing.message = "Rejected after DATA: " + message;
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
    truth = refuse_quietly(doing, field_fault(name, field));
    return false;
  });
  return truth;
}

Truth header_names(Doing& doing) {
  const std::optional<std::string> strange = doing.subject.world->strange_header_name();
  if (!strange) return Truth::yes;
  return refuse_quietly(doing, fmt::format("Invalid character in header \"{}\" found", printable(*strange, 64)));
}

Truth not_known(Doing& doing, const VerifyWords& words, std::string message, std::string log_message) {
  if (words.defer_ok) return Truth::yes;
  doing.message = std::move(message);
  doing.why = std::move(log_message);
  return Truth::unknown;
}

// Alike for addresses that are the same: domains in either case, and local parts if `ignores_case`.
std::string address_key(std::string_view address, bool ignores_case) {
  const std::size_t kept = ignores_case ? 0 : std::min(address.rfind('@'), address.size());
  std::string key(address.substr(0, kept));
  smtp::append_lower(key, address.substr(kept));
  return key;
}

// Every recipient stands in To: or Cc:.
Truth not_blind(Doing& doing, const VerifyWords& words) {
  std::unordered_set<std::string> named;
  each_field(doing.subject.variables, kRecipientFields, [&](std::string_view, std::string_view value) {
    for (const std::string& address : read_address_field(value).addresses)
      named.insert(address_key(address, words.case_insensitive));
    return named.size() < kFieldAddressesMax;
  });
  for (const std::string_view recipient : doing.subject.world->envelope_recipients())
    if (!named.contains(address_key(recipient, words.case_insensitive))) return refuse_quietly(doing, "bcc recipient detected");
  return Truth::yes;
}

routing::VerifyRequest request_of(const VerifyWords& words, std::string address) {
  return {.address = std::move(address),
          .is_recipient = words.def->what == VerifyWhat::recipient,
          .success_on_redirect = words.success_on_redirect,
          .callout = words.callout};
}

// The addresses of the sender fields, in the order in which they are tried.
struct HeaderSenders {
  std::vector<std::string> addresses;
  std::string fault;  // of the first field that cannot be read
};
HeaderSenders header_senders(const expand::EvalContext& message) {
  HeaderSenders found;
  each_field(message, kSenderFields, [&](std::string_view name, std::string_view value) {
    AddressField field = read_address_field(value);
    for (std::string& address : field.addresses)
      if (!address.empty() && found.addresses.size() < kHeaderSendersMax) found.addresses.push_back(std::move(address));
    if (!field.why.empty() && found.fault.empty()) found.fault = field_fault(name, field);
    return true;
  });
  return found;
}

// One of them must verify. The log alone hears what is wrong.
Task<Truth> verify_header_sender(Doing& doing, VerifyWords words) {
  HeaderSenders senders = header_senders(doing.subject.variables);
  bool all_deferred = !senders.addresses.empty();
  for (std::string& address : senders.addresses) {
    const routing::AddressVerdict verdict = co_await doing.subject.world->verify_address(request_of(words, std::move(address)));
    if (verdict.result == AddressVerdict::Result::ok) co_return Truth::yes;
    all_deferred = all_deferred && verdict.result == AddressVerdict::Result::deferred;
  }
  if (all_deferred) co_return not_known(doing, words, {}, "all attempts to verify a sender in a header line deferred");
  if (!senders.fault.empty()) co_return refuse_quietly(doing, std::move(senders.fault));
  co_return refuse_quietly(doing, "there is no valid sender in any header line");
}

Task<Truth> verify_recipient(Doing& doing, VerifyWords words) {
  AddressVerdict verdict =
      co_await doing.subject.world->verify_address(request_of(words, std::string(doing.subject.recipient)));
  AclState* const state = doing.subject.state;
  if (state != nullptr) {
    state->address_data = std::move(verdict.address_data);
    state->recipient_verify_failure.clear();
  }
  if (verdict.result == AddressVerdict::Result::ok) co_return Truth::yes;
  if (verdict.result == AddressVerdict::Result::deferred)
    co_return not_known(doing, words, std::move(verdict.message), std::move(verdict.log_message));
  if (state != nullptr) state->recipient_verify_failure = to_string(verdict.failure);
  doing.message = std::move(verdict.message);
  doing.log_message = std::move(verdict.log_message);
  co_return Truth::no;
}

// What is known of this sender; null when it is to be asked about.
VerifiedSender* known_sender(AclState* state, std::string_view address, const VerifyWords& words) {
  if (state == nullptr) return nullptr;
  for (VerifiedSender& each : state->verified_senders) {
    const bool suffices = !words.callout || each.verdict.has_called || each.verdict.result != AddressVerdict::Result::ok;
    if (each.address == address && suffices) return &each;
  }
  return nullptr;
}

VerifiedSender* remember_sender(AclState* state, VerifiedSender& sender) {
  if (state == nullptr) return &sender;
  std::erase_if(state->verified_senders, [&](const VerifiedSender& each) { return each.address == sender.address; });
  if (state->verified_senders.size() >= AclState::kVerifiedSendersMax) return &sender;
  return &state->verified_senders.emplace_back(std::move(sender));
}

Task<Truth> verify_sender(Doing& doing, VerifyWords words) {
  std::string address(words.address.empty() ? doing.subject.sender : std::string_view(words.address));
  AclState* const state = doing.subject.state;
  VerifiedSender made{.address = address, .verdict = {}};
  VerifiedSender* sender = known_sender(state, address, words);
  if (sender == nullptr) {
    made.verdict = co_await doing.subject.world->verify_address(request_of(words, std::move(address)));
    sender = remember_sender(state, made);
  }
  const AddressVerdict& verdict = sender->verdict;
  if (state != nullptr) {
    state->sender_address_data = verdict.address_data;
    state->sender_verify_failure.clear();
  }
  if (verdict.result == AddressVerdict::Result::ok) co_return Truth::yes;
  sender->is_told = sender->is_told || words.no_details;
  if (verdict.result == AddressVerdict::Result::deferred) {
    const std::string_view log = verdict.has_called && !verdict.message.empty()
                                     ? std::string_view(verdict.message)
                                     : std::string_view("Could not complete sender verify");
    if (state != nullptr && !words.defer_ok) state->failed_sender = *sender;
    co_return not_known(doing, words, verdict.has_called ? verdict.message : std::string(), std::string(log));
  }
  if (state != nullptr) {
    state->failed_sender = *sender;
    state->sender_verify_failure = to_string(verdict.failure);
  }
  co_return refuse(doing, "Sender verify failed");
}

std::string helo_fault(const AclSubject& subject) {
  return fmt::format("helo/ehlo argument \"{}\" does not belong to the client", printable(subject.helo, 128));
}

// Only the log hears it.
Truth refuse_helo(Doing& doing, std::string message) {
  doing.log_message = std::move(message);
  return Truth::no;
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
  co_return refuse_helo(doing, helo_fault(subject));
}

// Without a HELO it is the address that is asked about.
Task<Truth> verify_csa(Doing& doing, VerifyWords words) {
  const AclSubject& subject = doing.subject;
  std::string domain = !words.address.empty()  ? std::move(words.address)
                       : !subject.helo.empty() ? std::string(subject.helo)
                                               : subject.client.to_string();
  const CsaResult result = co_await check_csa(*subject.world->resolver(), std::move(domain), subject.client,
                                              subject.world->settings().csa, subject.world->wait());
  if (subject.state != nullptr) subject.state->csa_status = status_of(result);
  doing.message = fmt::format("client SMTP authorization {}", reason_of(result));
  doing.log_message = doing.message;
  co_return is_refused(result) ? Truth::no : Truth::yes;
}

// Its state is one of those that are listed.
Task<Truth> verify_arc(Doing& doing, VerifyWords words) {
  checks::MessageChecks* const checks = doing.subject.world->checks();
  const arc::Result* const result = checks != nullptr ? co_await checks->arc(doing.subject.world->wait()) : nullptr;
  if (result == nullptr) {
    doing.why = "ARC has not come to a result";
    co_return Truth::unknown;
  }
  lists::ListReader states(words.address.empty() ? std::string_view("none:pass") : std::string_view(words.address));
  for (std::string state; states.next(state);)
    if (state == to_string(result->status)) co_return Truth::yes;
  co_return Truth::no;
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
    case VerifyWhat::arc:
    case VerifyWhat::header_sender: return Truth::waits;
    case VerifyWhat::header_syntax: return header_syntax(doing);
    case VerifyWhat::not_blind: return not_blind(doing, *words);
    case VerifyWhat::recipient: return subject.recipient.empty() ? Truth::yes : Truth::waits;
    case VerifyWhat::sender:  // the null reverse-path is always good
      return words->address.empty() && subject.sender.empty() ? Truth::yes : Truth::waits;
    case VerifyWhat::helo:
      if (subject.helo.empty()) return refuse_helo(doing, "no HELO or EHLO was given");
      if (subject.helo.front() == '[')
        return smtp::literal_address(subject.helo) == subject.client ? Truth::yes : refuse_helo(doing, helo_fault(subject));
      if (has_dns) return Truth::waits;
      break;
    case VerifyWhat::csa:
    case VerifyWhat::reverse_host_lookup:
      if (has_dns) return Truth::waits;
      break;
  }
  doing.why = "the DNS cannot be asked here";
  return Truth::error;
}

Task<Truth> verify(Doing& doing) {
  const VerifyWords words = *words_of(doing);
  switch (words.def->what) {
    case VerifyWhat::arc: co_return co_await verify_arc(doing, words);
    case VerifyWhat::csa: co_return co_await verify_csa(doing, words);
    case VerifyWhat::header_sender: co_return co_await verify_header_sender(doing, words);
    case VerifyWhat::helo: co_return co_await verify_helo(doing);
    case VerifyWhat::recipient: co_return co_await verify_recipient(doing, words);
    case VerifyWhat::sender: co_return co_await verify_sender(doing, words);
    default: co_return co_await verify_reverse(doing, words);
  }
}

std::string sender_details(const VerifiedSender& sender) {
  const AddressVerdict& verdict = sender.verdict;
  if (verdict.message.empty()) return fmt::format("Verification failed for <{}>", sender.address);
  if (verdict.failure == AddressVerdict::Failure::postmaster)
    return fmt::format(
        "Postmaster verification failed while checking <{}>\n{}\n"
        "Several RFCs state that you are required to have a postmaster\n"
        "mailbox for each mail domain. This host does not accept mail\n"
        "from domains whose servers reject the postmaster address.",
        sender.address, verdict.message);
  if (verdict.setup_failed)
    return fmt::format(
        "Callback setup failed while verifying <{}>\n{}\n"
        "The initial connection, or a HELO or MAIL FROM:<> command was\n"
        "rejected. Refusing MAIL FROM:<> does not help fight spam, disregards\n"
        "RFC requirements, and stops you from receiving standard bounce\n"
        "messages. This host does not accept mail from domains whose servers\n"
        "refuse bounces.",
        sender.address, verdict.message);
  return fmt::format("Verification failed for <{}>\n{}", sender.address, verdict.message);
}

}  // namespace postern::acl
