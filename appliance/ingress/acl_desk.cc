#include "appliance/ingress/acl_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "appliance/ingress/claimed_results.h"
#include "appliance/ingress/connection.h"
#include "appliance/ingress/log_lines.h"
#include "engine/coro/gate.h"
#include "engine/smtp/address.h"
#include "engine/smtp/chars.h"
#include "engine/smtp/configured_reply.h"
#include "policy/acl/verify.h"
#include "policy/lists/list_text.h"
#include "policy/routing/verify_address.h"

namespace postern::ingress {
namespace {

using acl::AclVerdict;
using smtp::Decision;
using smtp::Verdict;

constexpr std::int64_t kDnsWaitMs = 60'000;     // for all that one condition asks
constexpr std::int64_t kVerifyMsMax = 600'000;  // for one address: routers, and a callout that has bounds of its own

Decision to_decision(AclVerdict verdict) {
  switch (verdict) {
    case AclVerdict::accept: return Decision::accept;
    case AclVerdict::deny: return Decision::deny;
    case AclVerdict::defer: return Decision::defer;
    case AclVerdict::drop: return Decision::drop;
    case AclVerdict::discard: return Decision::discard;
  }
  return Decision::deny;
}

smtp::HeaderPlace place_of(acl::AddedAt place) {
  switch (place) {
    case acl::AddedAt::end: return smtp::HeaderPlace::at_end;
    case acl::AddedAt::start: return smtp::HeaderPlace::at_start;
    case acl::AddedAt::after_received: return smtp::HeaderPlace::after_received;
    case acl::AddedAt::start_rfc: return smtp::HeaderPlace::at_start_rfc;
  }
  return smtp::HeaderPlace::at_end;
}

std::string to_wire(std::string_view field) {
  std::string wire;
  wire.reserve(field.size() + 2);
  for (const char c : field) {
    if (c == '\n') wire += '\r';
    wire += c;
  }
  return wire += "\r\n";
}

}  // namespace

AclDesk::AclDesk(ConnectionServices& services, const IngressPolicy& policy, language::ShardLanguage& language,
                 smtp::SessionState& session, const expand::EvalContext& variables)
    : Asker(language, variables), shared_(services), policy_(policy), session_(session) {}

std::optional<Verdict> AclDesk::ask(acl::Phase phase, Decision when_unset, const AclScene& scene) {
  phase_ = phase;
  when_unset_ = when_unset;
  scene_ = scene;
  state_.begin_command();
  forget_deferred_names();
  if (phase == acl::Phase::data) {
    visible_added_ = state_.headers.added().size();
    visible_removed_ = state_.headers.removed().size();
  }
  if (const auto& text = policy_.acl_texts[static_cast<std::size_t>(phase)]) {
    if (text->may_wait()) {
      to_expand_ = &*text;
      return std::nullopt;
    }
    std::string name;
    const expand::EvalResult expanded = expand::evaluate(*text, variables(), name);
    if (!begin_run(expanded, name)) return verdict_of_none();
  } else {
    const acl::Acl* const acl = policy_.acl_for(phase);
    if (acl == nullptr) return Verdict{.decision = when_unset};
    start(*acl);
  }
  if (!run_->advance()) return std::nullopt;
  return conclude();
}

Task<Verdict> AclDesk::go_on() {
  if (to_expand_ != nullptr) {
    std::string name;
    const expand::EvalResult expanded = co_await expand::evaluate_waiting(*to_expand_, variables(), name);
    to_expand_ = nullptr;
    if (!begin_run(expanded, name)) co_return verdict_of_none();
  }
  while (!run_->advance()) co_await run_->wait();
  co_return conclude();
}

bool AclDesk::begin_run(const expand::EvalResult& expanded, const std::string& text) {
  found_.reset();
  run_.reset();
  const std::string_view option = acl::definition_of(phase_).option;
  if (expanded.status == expand::EvalStatus::forced_failure || (expanded && lists::trim(text).empty())) return false;
  std::string why;
  if (!expanded)
    why = expanded.why;
  else if (expanded.bytes == expand::Bytes::peers)
    why = "attempt to use a tainted string as an ACL";
  else
    found_ = find_acl(text, why);
  if (found_ == nullptr) {
    trouble(std::string(option) + ": " + why);
    when_unset_ = Decision::defer;
    why_none_ = std::move(why);
    return false;
  }
  start(*found_);
  return true;
}

void AclDesk::start(const acl::Acl& acl) {
  if (shared_.watcher != nullptr) shared_.watcher->asks(phase_, acl);
  run_ = std::make_unique<acl::AclRun>(acl, subject());
}

Verdict AclDesk::verdict_of_none() { return Verdict{when_unset_, {}, std::exchange(why_none_, {})}; }

Verdict AclDesk::conclude() {
  acl::AclOutcome outcome = run_->take();
  run_.reset();
  found_.reset();
  Verdict verdict{to_decision(outcome.verdict), std::move(outcome.message), std::move(outcome.log_message)};
  check_code(verdict);
  if (!state_.controls.multiline_responses) verdict.text.resize(std::min(verdict.text.find('\n'), verdict.text.size()));
  if (!verdict.passes()) tell_of_sender(verdict);
  return verdict;
}

// A reply code of another class than the answer's is told, and taken off the text.
void AclDesk::check_code(Verdict& verdict) {
  if (phase_ == acl::Phase::vrfy || verdict.passes()) return;
  const smtp::CodePrefix prefix = smtp::code_prefix(verdict.text);
  const bool is_later = verdict.decision == Decision::defer;
  const int wanted = phase_ == acl::Phase::etrn ? 458 : is_later ? 451 : 550;
  if (prefix.code == 0 || prefix.code / 100 == wanted / 100) return;
  trouble(fmt::format("configured error code starts with incorrect digit (expected {}) in \"{}\"", wanted / 100, verdict.text));
  verdict.text.erase(0, prefix.bytes);
  if (verdict.log_text.empty()) verdict.log_text = fmt::format("{} {}", wanted, verdict.text);
}

acl::AclSubject AclDesk::subject() {
  acl::AclSubject subject{.variables = variables()};
  subject.client = session_.endpoints.peer.address;
  subject.listener = this;
  subject.phase = phase_;
  subject.encrypted = session_.encrypted;
  subject.helo = session_.helo.view();
  subject.state = &state_;
  subject.world = this;
  if (scene_.envelope != nullptr && scene_.envelope->has_sender()) {
    subject.sender = scene_.envelope->sender().address.text().view();
    subject.recipients = static_cast<std::uint32_t>(scene_.envelope->recipients().size());
  }
  if (scene_.recipient != nullptr) {
    const smtp::EnvelopeAddress& address = scene_.recipient->address;
    recipient_local_part_.clear();
    smtp::append_unquoted(recipient_local_part_, address.local_part().view());
    subject.recipient = address.text().view();
    subject.local_part = recipient_local_part_;
    subject.domain = address.domain().view();
  }
  if (scene_.message != nullptr) subject.message_bytes = scene_.message->stats.stored_bytes;
  return subject;
}

void AclDesk::end_of_message() {
  state_.end_of_message();
  forget_message();
  if (checks_) checks_->forget_told();
  change_texts_.clear();
  changes_.clear();
  visible_added_ = visible_removed_ = 0;
}

// Fields as received are taken away first, then come those that are added, in the order in which ACLs asked for them.
void AclDesk::add_to(smtp::Additions& additions) {
  change_texts_.clear();
  changes_.clear();
  const acl::HeaderChanges& headers = state_.headers;
  const std::optional<std::vector<std::string>> others = others_results();
  change_texts_.reserve(headers.added().size() + (others ? others->size() : 0));
  if (others) {
    changes_.push_back({smtp::HeaderPlace::removed, kAuthenticationResults});
    const bool all_go = std::ranges::any_of(
        headers.removed(), [](const std::string& name) { return smtp::equal_ignoring_case(name, kAuthenticationResults); });
    // Each is put right behind Received:, and so in front of the one before.
    for (auto each = others->rbegin(); each != others->rend() && !all_go; ++each)
      changes_.push_back({smtp::HeaderPlace::after_received, change_texts_.emplace_back(*each)});
  }
  for (const std::string& name : headers.removed()) changes_.push_back({smtp::HeaderPlace::removed, name});
  for (std::size_t i = 0; i < headers.added().size(); ++i) {
    const acl::AddedHeader& header = headers.added()[i];
    if (i < visible_added_ && is_removed_later(header.text)) continue;
    changes_.push_back({place_of(header.place), change_texts_.emplace_back(to_wire(header.text))});
  }
  additions.changes = changes_;
  const acl::Controls& controls = state_.controls;
  additions.frozen = controls.freeze;
  if (controls.fake == acl::Fake::none) return;
  const bool rejects = controls.fake == acl::Fake::reject;
  additions.reply_code = rejects ? 550 : 450;
  additions.reply_text = controls.fake_text;
  if (additions.reply_text.empty())
    additions.reply_text =
        "Your message has been rejected but is being kept for evaluation.\n"
        "If it was a legitimate message, it may still be delivered to the target recipient(s).";
}

// Nothing: none is written in our name, or the client may do so.
std::optional<std::vector<std::string>> AclDesk::others_results() const {
  if (scene_.message == nullptr || policy_.clients.authres_trust.matches(session_.endpoints.peer.address)) return std::nullopt;
  return fields_beside_claims(scene_.message->headers, policy_.language->authserv_ids);
}

// What was added before the message came belongs to it when its own ACL takes fields away.
bool AclDesk::is_removed_later(std::string_view field) const {
  const std::string_view name = field.substr(0, field.find(':'));
  const auto removed = std::span(state_.headers.removed()).subspan(visible_removed_);
  return std::ranges::any_of(removed, [&](const std::string& each) { return smtp::equal_ignoring_case(each, name); });
}

std::optional<std::string_view> AclDesk::added_field(std::string_view name, std::size_t& at) const {
  for (; at < visible_added_; ++at) {
    const std::string& text = state_.headers.added()[at].text;
    const std::size_t colon = text.find(':');
    if (!smtp::equal_ignoring_case(std::string_view(text).substr(0, colon), name)) continue;
    ++at;
    return std::string_view(text).substr(colon + 1);
  }
  return std::nullopt;
}

void AclDesk::append_added_fields(std::string& out) const {
  for (const acl::AddedHeader& header : std::span(state_.headers.added()).first(visible_added_))
    out.append(header.text).append("\n");
}

bool AclDesk::is_removed(std::string_view name) const {
  const auto removed = std::span(state_.headers.removed()).first(visible_removed_);
  return std::ranges::any_of(removed, [&](const std::string& each) { return smtp::equal_ignoring_case(each, name); });
}

std::shared_ptr<const acl::Acl> AclDesk::find_acl(std::string_view text, std::string& why) {
  text = lists::trim(text);
  const auto named = policy_.named_acls.find(text);
  if (named != policy_.named_acls.end()) return named->second;
  if (text.starts_with('/')) {
    why = fmt::format(
        "failed to open ACL file \"{}\": it was not read with the configuration, as those are that are named as they are",
        printable(text, 256));
    return nullptr;
  }
  return language().late_acl(text, why);
}

Task<void> AclDesk::delay(std::int64_t ms, bool flush) {
  if (shared_.watcher != nullptr) {
    shared_.watcher->delay(ms);
    co_return;
  }
  if (session_.pausing == nullptr) co_return;
  co_await session_.pausing->pause(Scheduler::current().now().plus_ms(ms), flush);
}

std::optional<ratelimit::Verdict> AclDesk::ask_rate_now(const ratelimit::Question& question) {
  if (shared_.rates == nullptr) return ratelimit::Verdict{};
  return shared_.rates->ask_now(question);
}

Task<std::optional<ratelimit::Verdict>> AclDesk::ask_rate(ratelimit::Question question) {
  co_return co_await shared_.rates->ask(std::move(question));
}

dns::Resolver* AclDesk::resolver() { return &shared_.resolver; }
dnsbl::ZoneTable& AclDesk::zones() { return shared_.zones; }

Wait AclDesk::wait() { return {.deadline = Scheduler::current().now().plus_ms(kDnsWaitMs), .stop = shared_.hurry}; }

void AclDesk::names_found(const dns::HostNames& names) {
  if (names.result == dns::HostNames::Result::confirmed) {
    session_.host_name = names.name;
  } else if (policy_.log_selector.has(config::LogSelector::host_lookup_failed)) {
    shared_.scratch.assign(names.why);
    shared_.log.write(log::Stream::main, shared_.scratch);
  }
}

std::span<const std::string_view> AclDesk::envelope_recipients() {
  recipients_.clear();
  if (scene_.envelope != nullptr)
    for (const smtp::Recipient& recipient : scene_.envelope->recipients())
      recipients_.push_back(recipient.address.text().view());
  return recipients_;
}

std::optional<std::string> AclDesk::strange_header_name() {
  if (scene_.message == nullptr) return std::nullopt;
  std::optional<std::string> strange;
  scene_.message->headers.for_each([&](const smtp::HeaderField& field) {
    // What cannot be a name makes the line no field at all.
    const std::string_view line = field.value.view();
    const std::string_view name =
        field.name.empty() ? line.substr(0, std::min(line.find(':'), line.size())) : field.name.view();
    if (std::ranges::any_of(name, [](char c) { return c < '!' || c > '~'; })) strange = std::string(name);
    return !strange;
  });
  return strange;
}

Task<routing::AddressVerdict> AclDesk::verify_address(routing::VerifyRequest request) {
  const bool has_sender = scene_.envelope != nullptr && scene_.envelope->has_sender();
  // It ends when the client goes away.
  StopSource over;
  Gate watching;
  if (session_.pausing != nullptr) watching.start(session_.pausing->watch(over));
  const Wait wait{.deadline = Scheduler::current().now().plus_ms(kVerifyMsMax), .stop = &over};
  routing::AddressVerdict verdict = co_await routing::verify_address(
      std::move(request), {.routers = policy_.routers,
                           .transports = policy_.callout_transports,
                           .facts = {.local_addresses = policy_.local_addresses,
                                     .random = &shared_.random,
                                     .resolver = &shared_.resolver,
                                     .list_world = policy_.language->lists.get(),
                                     .wait = wait},
                           .variables = variables(),
                           .sender = has_sender ? scene_.envelope->sender().address.text().view() : std::string_view(),
                           .qualify_domain = policy_.qualify_domain,
                           .qualify_recipient = policy_.qualify_recipient,
                           .random_local_part = policy_.callout_random_local_part,
                           .callouts = shared_.callouts});
  over.request_stop();
  co_await watching.close();
  co_return verdict;
}

void AclDesk::tell_of_sender(Verdict& verdict) {
  const auto& failed = state_.failed_sender;
  if (!failed || failed->is_told) return;
  for (acl::VerifiedSender& each : state_.verified_senders)
    if (each.address == failed->address) each.is_told = true;
  const bool is_deferred = failed->verdict.result == routing::AddressVerdict::Result::deferred;
  if (is_deferred || policy_.log_sender_verify_fail) {
    std::string text = is_deferred ? "defer" : "fail";
    text.append(" for <").append(failed->address).append(">");
    if (!failed->verdict.log_message.empty()) text.append(": ").append(failed->verdict.log_message);
    log_about_client(" sender verify ", text, acl::kUsualRejectTargets);
  }
  if (is_deferred || verdict.decision == Decision::defer || !state_.controls.multiline_responses) return;
  verdict.text.insert(smtp::code_prefix(verdict.text).bytes, acl::sender_details(*failed) + "\n");
}

// Of the message that is being looked at; it stands before all that is logged meanwhile.
std::string_view AclDesk::message_id() const {
  return scene_.message != nullptr ? scene_.message->sink.id() : std::string_view();
}

void AclDesk::log_about_client(std::string_view what, std::string_view text, acl::LogTargets targets) {
  log::LogLine& line = shared_.line;
  line.clear();
  if (const std::string_view id = message_id(); !id.empty()) {
    line.field("", "id", id);
    line.text += ' ';
  }
  append_client(line, {session_, policy_.log_selector, {}});
  line.text += what;
  append_printable(line.text, text, 2048);
  if (targets.main) shared_.log.write_line(log::Stream::main, line);
  if (targets.reject) shared_.log.write_line(log::Stream::reject, line);
  if (targets.panic) shared_.log.write_line(log::Stream::panic, line);
}

// One message, one warning of a kind.
void AclDesk::warning(std::string_view text) {
  constexpr std::size_t kWarningsMax = 64;
  if (std::ranges::find(state_.warnings, text) != state_.warnings.end()) return;
  if (state_.warnings.size() < kWarningsMax) state_.warnings.emplace_back(text);
  log_about_client(" Warning: ", text);
}

void AclDesk::skipped(std::string_view text) {
  if (policy_.log_selector.has(config::LogSelector::acl_warn_skipped)) log_about_client(" Warning: ", text);
}

void AclDesk::trouble(std::string_view text) { shared_.trouble(text); }

void AclDesk::note(acl::LogTargets targets, std::string_view text) {
  shared_.scratch.clear();
  if (const std::string_view id = message_id(); !id.empty()) shared_.scratch.append(id).append(" ");
  append_printable(shared_.scratch, text, 2048);
  shared_.log_scratch(targets);
}

bool AclDesk::traces() const { return shared_.watcher != nullptr; }

void AclDesk::begins(const acl::Acl& acl, const acl::Statement& statement, unsigned depth) {
  shared_.watcher->begins(acl, statement, depth);
}
void AclDesk::did(const acl::StepTrace& step, unsigned depth) { shared_.watcher->did(step, depth); }
void AclDesk::judged(const acl::Acl& acl, const acl::Statement& statement, std::string_view result, unsigned depth) {
  shared_.watcher->judged(acl, statement, result, depth);
}
void AclDesk::ended(const acl::Acl& acl, const acl::AclOutcome& outcome, bool implicit, unsigned depth) {
  shared_.watcher->ended(acl, outcome, implicit, depth);
}

std::unique_ptr<AclDesk::Asked> AclDesk::begin(const expand::AclQuestion& question, std::string& why) {
  if (state_.depth >= acl::kDepthMax) {
    why = "ACL nested too deep: possible loop";
    return nullptr;
  }
  auto asked = std::make_unique<Asked>();
  asked->acl = find_acl(question.name, why);
  if (asked->acl == nullptr) return nullptr;
  for (std::size_t i = 0; i < std::min(question.arguments.size(), acl::kArgumentsMax); ++i) {
    const bool is_peers = (question.peers_arguments >> i & 1U) != 0;
    asked->arguments.push_back({std::string(question.arguments[i]), is_peers ? expand::Bytes::peers : expand::Bytes::ours});
  }
  asked->run.emplace(*asked->acl, subject(), asked->arguments);
  return asked;
}

namespace {

expand::Answer answer_of(acl::AclOutcome outcome) {
  expand::Answer answer;
  answer.value = std::move(outcome.message);
  answer.bytes = expand::Bytes::peers;  // an ACL's message may say anything
  switch (outcome.verdict) {
    case AclVerdict::accept:
    case AclVerdict::discard: answer.status = expand::Answer::Status::found; break;
    case AclVerdict::deny:
    case AclVerdict::drop: answer.status = expand::Answer::Status::not_found; break;
    case AclVerdict::defer:
      answer.status = expand::Answer::Status::deferred;
      answer.why = std::move(outcome.log_message);
      break;
  }
  return answer;
}

}  // namespace

std::optional<expand::Answer> AclDesk::acl_now(const expand::AclQuestion& question) {
  std::string why;
  std::unique_ptr<Asked> asked = begin(question, why);
  if (asked == nullptr) return expand::Answer::failed(std::move(why));
  if (asked->run->advance()) return answer_of(asked->run->take());
  // What it did so far is done: acl() goes on from here.
  paused_.push_back(std::move(asked));
  return std::nullopt;
}

Task<expand::Answer> AclDesk::acl(expand::AclQuestion question) {
  std::unique_ptr<Asked> asked;
  std::string why;
  if (!paused_.empty()) {
    asked = std::move(paused_.back());
    paused_.pop_back();
  } else {
    asked = begin(question, why);
  }
  if (asked == nullptr) co_return expand::Answer::failed(std::move(why));
  while (!asked->run->advance()) co_await asked->run->wait();
  co_return answer_of(asked->run->take());
}

}  // namespace postern::ingress
