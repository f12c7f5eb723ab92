#include "appliance/ingress/connection.h"

#include <algorithm>
#include <utility>

#include "appliance/ingress/header_texts.h"
#include "appliance/ingress/log_lines.h"
#include "policy/expand/evaluate.h"

namespace postern::ingress {
namespace {

using smtp::Decision;
using smtp::EhloKeyword;
using smtp::ReadyOr;
using smtp::Verdict;

bool holds(const std::array<bool, ClientLists::kCount>& answers, ClientLists::Member list) {
  const auto& all = ClientLists::all();
  return answers[static_cast<std::size_t>(std::ranges::find(all, list) - all.begin())];
}

}  // namespace

std::string_view Connection::expand_or(const expand::Program& program, std::string_view fallback) {
  services_.scratch.clear();
  facts_.asks_nothing = true;
  const expand::EvalResult result = expand::evaluate(program, variables_, services_.scratch);
  facts_.asks_nothing = false;
  if (!result && result.status == expand::EvalStatus::failed) services_.trouble(result.why);
  return result && !services_.scratch.empty() ? std::string_view(services_.scratch) : fallback;
}

// An idle connection for which no ACL was asked does without it.
AclDesk& Connection::desk() {
  if (!facts_.desk)
    facts_.desk = std::make_unique<AclDesk>(services_, *policy_, *configuration_->language, *facts_.state, variables_);
  return *facts_.desk;
}

void Connection::forget_message() {
  facts_.body_ends.reset();
  if (facts_.desk) facts_.desk->end_of_message();
}

std::optional<Verdict> Connection::ask_now(acl::Phase phase, Decision when_unset) {
  if (!facts_.desk && !policy_->has_acl(phase)) return Verdict{.decision = when_unset};
  return desk().ask(phase, when_unset, facts_.scene);
}

ReadyOr<Verdict> Connection::ask(acl::Phase phase, Decision when_unset, End end) {
  std::optional<Verdict> verdict = ask_now(phase, when_unset);
  if (!verdict) return go_on_asking(end);
  return end_asking(std::move(*verdict), end);
}

Task<Verdict> Connection::go_on_asking(End end) {
  Verdict verdict = co_await facts_.desk->go_on();
  co_return end_asking(std::move(verdict), end);
}

// What controls have changed for the connection holds from here on.
Verdict Connection::end_asking(Verdict verdict, End end) {
  if (facts_.desk) {
    const acl::Controls& controls = facts_.desk->state().controls;
    options_->enforce_sync = policy_->enforce_sync && controls.enforce_sync;
    if (!controls.pipelining) options_->keywords.set(EhloKeyword::pipelining, false);
  }
  if (end != nullptr) verdict = (this->*end)(std::move(verdict));
  facts_.scene = {.envelope = facts_.scene.envelope};
  message_additions_ = nullptr;
  return verdict;
}

bool Connection::match_client_now(ClientAnswers& answers) {
  const ClientLists& clients = policy_->clients;
  const IpAddress& client = facts_.state->endpoints.peer.address;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const lists::HostList& list = clients.*ClientLists::all()[i];
    const std::optional<lists::Match> match = list.asks() ? list.match_now(client, desk().facts()) : std::nullopt;
    if (list.asks() && !match) return false;
    answers[i] = list.asks() ? match->truth == lists::Truth::yes : list.matches(client);
  }
  return true;
}

// A list that cannot be matched now does not hold, as in Exim.
Task<Verdict> Connection::connect_waiting() {
  ClientAnswers answers{};
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const lists::HostList& list = policy_->clients.*ClientLists::all()[i];
    const lists::Match match = co_await list.match(facts_.state->endpoints.peer.address, desk().facts());
    answers[i] = match.truth == lists::Truth::yes;
  }
  if (holds(answers, &ClientLists::host_lookup)) static_cast<void>(co_await desk().facts().host_names());
  if (std::optional<Verdict> verdict = begin_connection(answers)) co_return *std::move(verdict);
  std::optional<Verdict> verdict = ask_now(acl::Phase::connect, Decision::accept);
  co_return verdict ? end_asking(*std::move(verdict), &Connection::end_of_connect)
                    : co_await go_on_asking(&Connection::end_of_connect);
}

void Connection::choose_options(smtp::SessionOptions& options, const ClientAnswers& answers) {
  const IngressPolicy& policy = *policy_;
  const auto is_in = [&](ClientLists::Member list) { return holds(answers, list); };
  options.keywords.set(EhloKeyword::enhanced_status_codes, is_in(&ClientLists::enhanced_status))
      .set(EhloKeyword::limits, is_in(&ClientLists::limits))
      .set(EhloKeyword::pipelining, is_in(&ClientLists::pipelining))
      .set(EhloKeyword::chunking, is_in(&ClientLists::chunking))
      .set(EhloKeyword::smtputf8, policy.accept_8bitmime && is_in(&ClientLists::smtputf8))
      .set(EhloKeyword::dsn, is_in(&ClientLists::dsn))
      .set(EhloKeyword::eight_bit_mime, policy.accept_8bitmime)
      .set(EhloKeyword::vrfy, policy.has_acl(acl::Phase::vrfy))
      .set(EhloKeyword::expn, policy.has_acl(acl::Phase::expn))
      .set(EhloKeyword::etrn, policy.has_acl(acl::Phase::etrn));
  options.accept_helo_junk = is_in(&ClientLists::helo_accept_junk);
  options.qualify_sender = is_in(&ClientLists::sender_unqualified);
  options.qualify_recipient = is_in(&ClientLists::recipient_unqualified);
  options.count_nonmail = is_in(&ClientLists::count_nonmail);
  options.enforce_sync = policy.enforce_sync;
  options.require_helo = is_in(&ClientLists::require_helo);
  options.bare_newline = policy.bare_newline;
  if (is_in(&ClientLists::bare_newline_exempt))
    options.bare_newline =
        policy.bare_newline == smtp::BareNewline::reject ? smtp::BareNewline::normalise : smtp::BareNewline::reject;
  options.qualify_domain = policy.qualify_domain;
  options.helo_allow_chars = policy.helo_allow_chars;
}

ReadyOr<Verdict> Connection::connect(smtp::SessionState& state, smtp::SessionOptions& options) {
  facts_.state = &state;
  if (facts_.proxied) state.endpoints.peer = facts_.proxied->client();
  options_ = &options;
  log_connection();
  ClientAnswers answers{};
  if (!match_client_now(answers) || holds(answers, &ClientLists::host_lookup)) return connect_waiting();
  if (std::optional<Verdict> verdict = begin_connection(answers)) return *std::move(verdict);
  return ask(acl::Phase::connect, Decision::accept, &Connection::end_of_connect);
}

// Nothing: it goes on with the ACL.
std::optional<Verdict> Connection::begin_connection(const ClientAnswers& answers) {
  smtp::SessionOptions& options = *options_;
  choose_options(options, answers);
  if (facts_.proxied && !facts_.proxied->negotiated) options.refusal = "Command refused, required Proxy negotiation failed";
  const std::string_view hostname = expand_or(policy_->active_hostname, policy_->primary_hostname);
  if (hostname != policy_->primary_hostname) facts_.active_hostname = hostname;
  options.active_hostname = facts_.active_hostname.empty() ? policy_->primary_hostname : facts_.active_hostname;
  if (holds(answers, &ClientLists::reject_connection))
    return Verdict{Decision::drop, "554 SMTP service not available", "refused by host_reject_connection"};
  banner_ = expand_or(policy_->banner, options.active_hostname);
  options.banner = banner_;
  return std::nullopt;
}

ReadyOr<Verdict> Connection::helo() {
  std::string().swap(banner_);  // sent long ago
  return ask(acl::Phase::helo, Decision::accept, &Connection::end_of_helo);
}

// What belongs to a message does not outlive the greeting, nor a refused MAIL.
Verdict Connection::end_of_connect(Verdict verdict) {
  forget_message();
  return verdict;
}

Verdict Connection::end_of_mail(Verdict verdict) {
  if (!verdict.passes()) forget_message();
  return verdict;
}

// HELO and EHLO end a message that was begun; a refused one ends nothing.
Verdict Connection::end_of_helo(Verdict verdict) {
  if (verdict.passes()) forget_message();
  return verdict;
}

ReadyOr<Verdict> Connection::mail(const smtp::Envelope& envelope) {
  facts_.scene.envelope = &envelope;
  if (!policy_->checks.wanted.empty() || begun_checks() != nullptr) desk().begin_checks(envelope);
  return ask(acl::Phase::mail, Decision::accept, &Connection::end_of_mail);
}

// Where no rule says who may be a recipient, nobody is: a gateway without rules must not relay.
ReadyOr<Verdict> Connection::rcpt(const smtp::Envelope& envelope, const smtp::Recipient& recipient) {
  facts_.scene.envelope = &envelope;
  facts_.scene.recipient = &recipient;
  return ask(acl::Phase::rcpt, Decision::deny);
}

ReadyOr<Verdict> Connection::predata(const smtp::Envelope& envelope) {
  facts_.scene.envelope = &envelope;
  return ask(acl::Phase::predata, Decision::accept);
}

ReadyOr<Result<smtp::MessageSink*>> Connection::open_message(const smtp::Envelope& envelope, std::uint64_t bytes_expected) {
  facts_.scene.envelope = &envelope;
  if (!sink_) sink_ = services_.arrivals.make(*facts_.state);
  if (policy_->language->keeps_body_ends) facts_.body_ends = std::make_unique<expand::BodyEnds>(policy_->body_shown);
  if (auto opened = sink_->open(envelope, bytes_expected); !opened) return Result<smtp::MessageSink*>(failure(opened.error()));
  return Result<smtp::MessageSink*>(&*sink_);
}

smtp::Pace Connection::body(const Slice& bytes) {
  if (facts_.body_ends) facts_.body_ends->feed(bytes.view());
  checks::MessageChecks* const checks = begun_checks();
  return checks == nullptr || checks->body(bytes) ? smtp::Pace::go_on : smtp::Pace::wait;
}

// Exim's way: the text is the configuration's, the date behind it is ours.
void Connection::write_received_header() {
  if (!facts_.scene.received_field.empty()) return;
  additions_.clear();
  const std::string_view text = expand_or(policy_->received_header, {});
  for (const char c : text) {
    if (c == '\n') additions_ += '\r';
    additions_ += c;
  }
  if (additions_.empty()) return;
  additions_ += additions_.ends_with("; ") ? "" : "; ";
  additions_ += services_.rfc5322_time(sink_->received());
  additions_ += "\r\n";
  facts_.scene.received_field = additions_;
}

ReadyOr<Verdict> Connection::end_of_data(const smtp::MessageView& message, smtp::Additions& additions) {
  facts_.scene.message = &message;
  facts_.scene.received = sink_->received();
  message_additions_ = &additions;
  if (policy_->language->keeps_received_field) write_received_header();
  checks::MessageChecks* const checks = begun_checks();
  if (checks != nullptr) checks->body_ended();
  if (checks != nullptr && checks->is_dkim_made()) return judge_signers();
  return ask(acl::Phase::data, Decision::accept, &Connection::end_of_message);
}

Task<Verdict> Connection::judge_signers() {
  Verdict verdict = co_await desk().judge_signers(facts_.scene);
  if (verdict.decision != Decision::accept) {
    refused_by_dkim_ = true;
    co_return end_asking(std::move(verdict), &Connection::end_of_message);
  }
  log_signatures();
  std::optional<Verdict> last = ask_now(acl::Phase::data, Decision::accept);
  co_return last ? end_asking(*std::move(last), &Connection::end_of_message) : co_await go_on_asking(&Connection::end_of_message);
}

void Connection::headers_complete(const smtp::Envelope& envelope, const smtp::HeaderView& headers) {
  if (facts_.desk) facts_.desk->header_complete(envelope, headers);
}

Task<void> Connection::body_room() {
  if (checks::MessageChecks* const checks = begun_checks()) co_await checks->room({Instant::never(), &facts_.state->transaction_checks.stop()});
}

checks::MessageChecks* Connection::begun_checks() const noexcept {
  return facts_.desk ? facts_.desk->begun_checks() : nullptr;
}

Verdict Connection::end_of_message(Verdict verdict) {
  const smtp::MessageView& message = *facts_.scene.message;
  if (verdict.passes()) {
    message_id_header_.clear();
    append_message_id(message_id_header_, message.headers);
    subject_.clear();
    has_subject_ = policy_->log_selector.has(config::LogSelector::subject) && append_subject(subject_, message.headers);
  }
  if (verdict.decision == Decision::accept) {
    write_received_header();
    message_additions_->top = additions_;
    if (facts_.desk) facts_.desk->add_to(*message_additions_);
    sink_->describe_body(message.stats.has_8bit, message.stats.line_bytes_max);
  }
  if (verdict.decision == Decision::discard) services_.stats.discarded.add();
  write_dmarc_history(verdict);
  if (!verdict.passes() && policy_->log_selector.has(config::LogSelector::rejected_header)) {
    write_received_header();
    facts_.scene.received_field = {};
    append_rejected_header(rejected_header_, *facts_.scene.envelope, additions_.append(message.headers.block().view()));
    std::string().swap(additions_);
  }
  return verdict;
}

void Connection::accepted(const smtp::Envelope& envelope, const smtp::BodyStats& stats, std::string_view id,
                          const smtp::CommitReceipt& receipt) {
  services_.stats.messages.add();
  services_.stats.recipients.add(envelope.recipients().size());
  services_.stats.message_bytes.add(stats.stored_bytes);
  log_arrival(envelope, id, receipt.message_bytes);
  if (facts_.desk && facts_.desk->state().controls.freeze) log_frozen(id);
  facts_.scene.envelope = nullptr;
  forget_message();
}

bool Connection::has_space(std::uint64_t bytes) { return services_.arrivals.has_space(bytes); }

void Connection::reset() {
  facts_.scene.envelope = nullptr;
  forget_message();
}

ReadyOr<Verdict> Connection::quit() { return ask(acl::Phase::quit, Decision::accept); }

ReadyOr<Verdict> Connection::notquit(smtp::NotQuit reason) {
  facts_.notquit_reason = smtp::to_string(reason);
  return ask(acl::Phase::notquit, Decision::accept);
}

// The recipient is what is judged, as at RCPT.
ReadyOr<Verdict> Connection::vrfy(const smtp::EnvelopeAddress& address) {
  if (!policy_->has_acl(acl::Phase::vrfy)) return smtp::SessionHooks::vrfy(address);
  judged_.address = address;
  facts_.scene.recipient = &judged_;
  return judge_and_verify();
}

// Who may ask is told the truth: whether mail could go there.
Task<Verdict> Connection::judge_and_verify() {
  Verdict verdict = co_await ask(acl::Phase::vrfy, Decision::deny);
  if (!verdict.passes()) co_return verdict;
  const std::string address(judged_.address.text().view());
  const routing::AddressVerdict verified = co_await facts_.desk->verify_address({.address = address, .is_recipient = true});
  if (verified.result == routing::AddressVerdict::Result::ok) co_return verdict;
  const bool is_deferred = verified.result == routing::AddressVerdict::Result::deferred;
  const std::string_view why =
      is_deferred && verified.message.empty() ? "Could not complete address verification" : std::string_view(verified.message);
  co_return Verdict{is_deferred ? Decision::defer : Decision::deny,
                    std::string(is_deferred ? "451 <" : "550 <").append(address).append("> ").append(why),
                    {}};
}

ReadyOr<Verdict> Connection::expn(PeerView argument) {
  if (!policy_->has_acl(acl::Phase::expn)) return smtp::SessionHooks::expn(argument);
  return ask(acl::Phase::expn, Decision::deny);
}

ReadyOr<Verdict> Connection::etrn(PeerView argument) {
  if (!policy_->has_acl(acl::Phase::etrn)) return smtp::SessionHooks::etrn(argument);
  if (policy_->log_selector.has(config::LogSelector::etrn)) {
    log::LogLine& line = new_line();
    append_etrn(line, line_context(), argument);
    services_.log.write_line(log::Stream::main, line);
  }
  return ask(acl::Phase::etrn, Decision::deny);
}

}  // namespace postern::ingress
