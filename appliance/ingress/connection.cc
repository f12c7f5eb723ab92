#include "appliance/ingress/connection.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "appliance/ingress/log_lines.h"
#include "engine/base/clock.h"
#include "engine/base/version.h"
#include "engine/smtp/address.h"
#include "engine/smtp/chars.h"
#include "policy/expand/header_text.h"
#include "policy/expand/time_variables.h"

namespace postern::ingress {
namespace {

using smtp::Decision;
using smtp::EhloKeyword;
using smtp::ReadyOr;
using smtp::Verdict;

constexpr std::size_t kReplyAddressBytesMax = 64 * 1024;

std::string_view number_text(std::uint64_t number, std::string& scratch) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  return scratch.assign(digits, end);
}

// Of its beginning or end, and nothing else.
bool is_about_connection(smtp::SessionEventKind kind) {
  using enum smtp::SessionEventKind;
  return kind == closed_by_quit || kind == closed_by_drop || kind == closed_by_stop;
}

Refusal refusal_of(smtp::Phase phase) {
  switch (phase) {
    case smtp::Phase::connect: return Refusal::policy_connect;
    case smtp::Phase::helo: return Refusal::policy_helo;
    case smtp::Phase::mail: return Refusal::policy_mail;
    case smtp::Phase::predata:
    case smtp::Phase::data: return Refusal::policy_data;
    default: return Refusal::policy_rcpt;
  }
}

const acl::ListData* data_of(const acl::AclState& state, expand::VariableId id) {
  using enum expand::VariableId;
  switch (id) {
    case domain_data: return &state.domain_data;
    case host_data: return &state.host_data;
    case local_part_data: return &state.local_part_data;
    case recipient_data: return &state.recipient_data;
    case sender_data: return &state.sender_data;
    default: return nullptr;
  }
}

bool holds(const std::array<bool, ClientLists::kCount>& answers, ClientLists::Member list) {
  const auto& all = ClientLists::all();
  return answers[static_cast<std::size_t>(std::ranges::find(all, list) - all.begin())];
}

}  // namespace

std::string_view ConnectionServices::rfc5322_time(WallTime time) {
  if (time.seconds() != time_text_second) {
    time_text_second = time.seconds();
    time_text = format_rfc5322_time(time);
  }
  return time_text;
}

void ConnectionServices::log_scratch(acl::LogTargets targets) {
  if (targets.main) log.write(log::Stream::main, scratch);
  if (targets.reject) log.write(log::Stream::reject, scratch);
  if (targets.panic) log.write(log::Stream::panic, scratch);
}

void ConnectionServices::trouble(std::string_view text) {
  scratch.clear();
  append_printable(scratch, text, 2048);
  log_scratch({.main = true, .panic = true});
}

std::string_view Connection::variable(expand::VariableId id, std::string& scratch) const {
  using enum expand::VariableId;
  const IngressPolicy& policy = *policy_;
  switch (id) {
    case primary_hostname: return policy.primary_hostname;
    case qualify_domain: return policy.qualify_domain;
    case qualify_recipient: return policy.qualify_recipient;
    case spool_directory: return policy.spool_directory;
    case smtp_active_hostname: return active_hostname_.empty() ? policy.primary_hostname : active_hostname_;
    case version_number:
    case exim_version: return kVersion;
    case tod_full: return services_.rfc5322_time(Scheduler::current().wall_now());
    case sender_host_address: return scratch = state_->endpoints.peer.address.to_string();
    case sender_host_name: return state_->host_name.view();
    case sender_host_port: return number_text(state_->endpoints.peer.port, scratch);
    case interface_address: return scratch = state_->endpoints.local.address.to_string();
    case interface_port: return number_text(state_->endpoints.local.port, scratch);
    case sender_helo_name: return state_->helo.view();
    case sender_fullhost:
      scratch.clear();
      append_full_host(scratch, *state_, policy.log_selector.has(config::LogSelector::incoming_port));
      return scratch;
    case sender_rcvhost:
      scratch.clear();
      append_received_host(scratch, *state_, policy.log_selector.has(config::LogSelector::incoming_port));
      return scratch;
    case received_protocol:
      return smtp::protocol_name(*state_, envelope_ != nullptr && envelope_->has_sender() && envelope_->sender().smtputf8);
    case proxy_external_address:
    case proxy_external_port:
    case proxy_local_address:
    case proxy_local_port:
    case proxy_session: return proxy_variable(id, scratch);
    case smtp_command: return state_->command.view();
    case smtp_command_argument: return state_->argument.view();
    case smtp_notquit_reason: return notquit_reason_;
    case message_size: return message_size_text(scratch);
    case rcpt_fail_count: return number_text(state_->recipients.refused, scratch);
    case rcpt_defer_count: return number_text(state_->recipients.deferred, scratch);
    default: break;
  }
  if (expand::tells_time(id)) return expand::time_variable(id, Scheduler::current().wall_now(), scratch);
  if (desk_) {
    if (const auto held = acl_value(id, scratch)) return *held;
  }
  if (envelope_ != nullptr) {
    switch (id) {
      case sender_address:
      case return_path: return envelope_->sender().address.text().view();
      case sender_address_domain: return envelope_->sender().address.domain().view();
      case sender_address_local_part: return envelope_->sender().address.local_part().view();
      case rcpt_count: return number_text(state_->recipients.commands, scratch);
      case recipients_count: return number_text(envelope_->recipients().size(), scratch);
      case received_for:
        return envelope_->recipients().size() == 1 ? envelope_->recipients().front().address.text().view() : std::string_view();
      default: break;
    }
  } else if (id == rcpt_count || id == recipients_count) {
    return "0";
  }
  if (recipient_ != nullptr) {
    if (id == local_part) return local_part_of_recipient(scratch);
    if (id == domain) return recipient_->address.domain().view();
  }
  if (message_ != nullptr) {
    switch (id) {
      case message_exim_id: return message_->sink.id();
      case received_count: return number_text(received_fields() + 1, scratch);  // with ours
      case recipients: return recipients_text(scratch);
      case reply_address: return reply_address_text(scratch);
      default: break;
    }
  } else if (id == received_count) {
    return "0";
  }
  return {};
}

std::uint64_t Connection::received_fields() const {
  std::uint64_t count = 0;
  for (std::size_t at = 0; header("Received", at);) ++count;
  return count;
}

std::string_view Connection::recipients_text(std::string& scratch) const {
  scratch.clear();
  for (const smtp::Recipient& each : envelope_->recipients()) {
    if (!scratch.empty()) scratch += ", ";
    scratch += each.address.text().view();
  }
  return scratch;
}

std::string_view Connection::reply_address_text(std::string& scratch) const {
  for (const std::string_view name : {"Reply-To", "From"}) {
    scratch.clear();
    if (expand::append_header(*this, name, expand::HeaderForm::decoded, kReplyAddressBytesMax, scratch) && !scratch.empty())
      return scratch;
  }
  return {};
}

// What the client declared, until all has come.
std::string_view Connection::message_size_text(std::string& scratch) const {
  if (message_ != nullptr) return number_text(message_->stats.stored_bytes, scratch);
  if (envelope_ == nullptr || !envelope_->has_sender()) return "0";
  const std::optional<std::uint64_t> declared = envelope_->sender().declared_size;
  return declared ? number_text(*declared, scratch) : "-1";
}

log::LogLine& Connection::new_line() {
  services_.line.clear();
  return services_.line;
}

LineContext Connection::line_context() {
  if (connection_id_.empty() && policy_->log_selector.has(config::LogSelector::connection_id))
    connection_id_ = services_.id_prefix + std::to_string(number_);
  return {*state_, policy_->log_selector, connection_id_};
}

// As in Exim, addresses that nobody told are empty and ports are 0.
std::string_view Connection::proxy_variable(expand::VariableId id, std::string& scratch) const {
  using enum expand::VariableId;
  if (id == proxy_session) return proxied_ ? "yes" : "";
  const bool has_proxy = proxied_ && proxied_->negotiated;
  const bool has_target = has_proxy && proxied_->header.subject == proxy::Subject::client;
  const bool is_local = id == proxy_local_address || id == proxy_local_port;
  const bool is_port = id == proxy_local_port || id == proxy_external_port;
  if (!(is_local ? has_proxy : has_target)) return is_port ? "0" : "";
  const SocketAddress& end = is_local ? proxied_->proxy : proxied_->header.target;
  if (is_port) return number_text(end.port, scratch);
  return scratch = end.address.to_string();
}

// As Exim has it: without quotes, and in lower case unless an ACL said caseful_local_part.
std::string_view Connection::local_part_of_recipient(std::string& scratch) const {
  scratch.clear();
  smtp::append_unquoted(scratch, recipient_->address.local_part().view());
  if (desk_ && desk_->state().controls.caseful_local_part) return scratch;
  for (char& c : scratch)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return scratch;
}

// What ACLs have left, and were given.
std::optional<std::string_view> Connection::acl_value(expand::VariableId id, std::string& scratch) const {
  using enum expand::VariableId;
  const acl::AclState& state = desk_->state();
  if (id >= acl_arg1 && id <= acl_arg9) {
    const auto index = static_cast<std::size_t>(id) - static_cast<std::size_t>(acl_arg1);
    return index < state.arguments.size() ? std::string_view(state.arguments[index].text) : std::string_view();
  }
  if (const acl::ListData* const data = data_of(state, id)) return data->text;
  switch (id) {
    case host_lookup_deferred: return names_are(dns::HostNames::Result::deferred) ? "1" : "0";
    case host_lookup_failed: return names_are(dns::HostNames::Result::none) ? "1" : "0";
    case sender_host_dnssec:
      return names_are(dns::HostNames::Result::confirmed) && desk_->known_names()->authenticated ? "yes" : "";
    case prvscheck_result: return state.prvscheck_result ? "1" : "";
    case acl_narg: return number_text(state.arguments.size(), scratch);
    case acl_verify_message: return state.verify_message;
    case address_data: return state.address_data.text;
    case csa_status: return state.csa_status;
    case sender_address_data: return state.sender_address_data.text;
    case recipient_verify_failure: return state.recipient_verify_failure;
    case sender_verify_failure: return state.sender_verify_failure;
    case dnslist_domain: return state.dnslist_domain;
    case dnslist_matched: return state.dnslist_matched;
    case dnslist_text: return state.dnslist_text;
    case dnslist_value: return state.dnslist_value;
    case sender_rate: return state.sender_rate;
    case sender_rate_limit: return state.sender_rate_limit;
    case sender_rate_period: return state.sender_rate_period;
    case headers_added:
      scratch.clear();
      state.headers.append_added(scratch);
      return scratch;
    default: return std::nullopt;
  }
}

bool Connection::names_are(dns::HostNames::Result result) const {
  const dns::HostNames* const names = desk_->known_names();
  return names != nullptr && names->result == result;
}

std::string_view Connection::expand_or(const expand::Program& program, std::string_view fallback) {
  services_.scratch.clear();
  asks_nothing_ = true;
  const expand::EvalResult result = expand::evaluate(program, *this, services_.scratch);
  asks_nothing_ = false;
  if (!result && result.status == expand::EvalStatus::failed) services_.trouble(result.why);
  return result && !services_.scratch.empty() ? std::string_view(services_.scratch) : fallback;
}

// An idle connection for which no ACL was asked does without it.
AclDesk& Connection::desk() {
  if (!desk_)
    desk_ = std::make_unique<AclDesk>(services_, *policy_, *configuration_->language, *state_,
                                      static_cast<const expand::EvalContext&>(*this));
  return *desk_;
}

void Connection::forget_message() {
  if (desk_) desk_->end_of_message();
}

std::optional<Verdict> Connection::ask_now(acl::Phase phase, Decision when_unset) {
  if (!desk_ && !policy_->has_acl(phase)) return Verdict{.decision = when_unset};
  return desk().ask(phase, when_unset, {.envelope = envelope_, .recipient = recipient_, .message = message_});
}

ReadyOr<Verdict> Connection::ask(acl::Phase phase, Decision when_unset, End end) {
  std::optional<Verdict> verdict = ask_now(phase, when_unset);
  if (!verdict) return go_on_asking(end);
  return end_asking(std::move(*verdict), end);
}

Task<Verdict> Connection::go_on_asking(End end) {
  Verdict verdict = co_await desk_->go_on();
  co_return end_asking(std::move(verdict), end);
}

// What controls have changed for the connection holds from here on.
Verdict Connection::end_asking(Verdict verdict, End end) {
  if (desk_) {
    const acl::Controls& controls = desk_->state().controls;
    options_->enforce_sync = policy_->enforce_sync && controls.enforce_sync;
    if (!controls.pipelining) options_->keywords.set(EhloKeyword::pipelining, false);
  }
  if (end != nullptr) verdict = (this->*end)(std::move(verdict));
  recipient_ = nullptr;
  message_ = nullptr;
  message_additions_ = nullptr;
  return verdict;
}

void Connection::log_connection() {
  if (!policy_->log_selector.has(config::LogSelector::smtp_connection) ||
      policy_->clients.connection_nolog.matches(state_->endpoints.peer.address))
    return;
  log::LogLine& line = new_line();
  append_connection_begin(line, line_context(), services_.limits != nullptr ? services_.limits->connections() : 0);
  services_.log.write_line(log::Stream::main, line);
}

bool Connection::match_client_now(ClientAnswers& answers) {
  const ClientLists& clients = policy_->clients;
  const IpAddress& client = state_->endpoints.peer.address;
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
    const lists::Match match = co_await list.match(state_->endpoints.peer.address, desk().facts());
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
  state_ = &state;
  if (proxied_) state.endpoints.peer = proxied_->client();
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
  if (proxied_ && !proxied_->negotiated) options.refusal = "Command refused, required Proxy negotiation failed";
  const std::string_view hostname = expand_or(policy_->active_hostname, policy_->primary_hostname);
  if (hostname != policy_->primary_hostname) active_hostname_ = hostname;
  options.active_hostname = active_hostname_.empty() ? policy_->primary_hostname : active_hostname_;
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
  envelope_ = &envelope;
  return ask(acl::Phase::mail, Decision::accept, &Connection::end_of_mail);
}

// Where no rule says who may be a recipient, nobody is: a gateway without rules must not relay.
ReadyOr<Verdict> Connection::rcpt(const smtp::Envelope& envelope, const smtp::Recipient& recipient) {
  envelope_ = &envelope;
  recipient_ = &recipient;
  return ask(acl::Phase::rcpt, Decision::deny);
}

ReadyOr<Verdict> Connection::predata(const smtp::Envelope& envelope) {
  envelope_ = &envelope;
  return ask(acl::Phase::predata, Decision::accept);
}

ReadyOr<Result<smtp::MessageSink*>> Connection::open_message(const smtp::Envelope& envelope, std::uint64_t bytes_expected) {
  envelope_ = &envelope;
  if (!sink_) sink_ = services_.arrivals.make(*state_);
  if (auto opened = sink_->open(envelope, bytes_expected); !opened) return Result<smtp::MessageSink*>(failure(opened.error()));
  return Result<smtp::MessageSink*>(&*sink_);
}

// Exim's way: the text is the configuration's, the date behind it is ours.
void Connection::write_received_header() {
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
}

ReadyOr<Verdict> Connection::end_of_data(const smtp::MessageView& message, smtp::Additions& additions) {
  message_ = &message;
  message_additions_ = &additions;
  return ask(acl::Phase::data, Decision::accept, &Connection::end_of_message);
}

Verdict Connection::end_of_message(Verdict verdict) {
  const smtp::MessageView& message = *message_;
  if (verdict.passes()) {
    message_id_header_.clear();
    append_message_id(message_id_header_, message.headers);
    subject_.clear();
    has_subject_ = policy_->log_selector.has(config::LogSelector::subject) && append_subject(subject_, message.headers);
  }
  if (verdict.decision == Decision::accept) {
    write_received_header();
    message_additions_->top = additions_;
    if (desk_) desk_->add_to(*message_additions_);
    sink_->describe_body(message.stats.has_8bit, message.stats.line_bytes_max);
  }
  if (verdict.decision == Decision::discard) services_.stats.discarded.add();
  if (!verdict.passes() && policy_->log_selector.has(config::LogSelector::rejected_header)) {
    write_received_header();
    append_rejected_header(rejected_header_, *envelope_, additions_.append(message.headers.block().view()));
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
  if (desk_ && desk_->state().controls.freeze) log_frozen(id);
  envelope_ = nullptr;
  forget_message();
}

void Connection::log_arrival(const smtp::Envelope& envelope, std::string_view id, std::uint64_t message_bytes) {
  log::LogLine& line = new_line();
  append_arrival(line, line_context(),
                 {.id = id,
                  .envelope = envelope,
                  .message_id = message_id_header_,
                  .message_bytes = message_bytes,
                  .proxied = proxied_.get(),
                  .subject = subject_,
                  .has_subject = has_subject_,
                  .refused = desk_ && desk_->state().controls.fake == acl::Fake::reject,
                  .chunked = state_->history.last() == smtp::Verb::bdat,
                  .receive_time_us = Scheduler::current().wall_now().us - sink_->received().us});
  services_.log.write_line(log::Stream::main, line);
}

void Connection::log_frozen(std::string_view id) {
  log::LogLine& line = new_line();
  line.event = "frozen";
  line.field("", "id", id);
  line.text += " frozen by ACL";
  services_.log.write_line(log::Stream::main, line);
}

bool Connection::has_space(std::uint64_t bytes) { return services_.arrivals.has_space(bytes); }

void Connection::reset() {
  envelope_ = nullptr;
  forget_message();
}

ReadyOr<Verdict> Connection::quit() { return ask(acl::Phase::quit, Decision::accept); }

ReadyOr<Verdict> Connection::notquit(smtp::NotQuit reason) {
  notquit_reason_ = smtp::to_string(reason);
  return ask(acl::Phase::notquit, Decision::accept);
}

// The recipient is what is judged, as at RCPT.
ReadyOr<Verdict> Connection::vrfy(const smtp::EnvelopeAddress& address) {
  if (!policy_->has_acl(acl::Phase::vrfy)) return smtp::SessionHooks::vrfy(address);
  judged_.address = address;
  recipient_ = &judged_;
  return judge_and_verify();
}

// Who may ask is told the truth: whether mail could go there.
Task<Verdict> Connection::judge_and_verify() {
  Verdict verdict = co_await ask(acl::Phase::vrfy, Decision::deny);
  if (!verdict.passes()) co_return verdict;
  const std::string address(judged_.address.text().view());
  const routing::AddressVerdict verified = co_await desk_->verify_address({.address = address, .is_recipient = true});
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

expand::Services* Connection::services() const { return desk_ && !asks_nothing_ ? &desk_->services() : nullptr; }
expand::CompileServices* Connection::compile_services() const { return desk_ ? &desk_->compile_services() : nullptr; }

std::optional<expand::Held> Connection::capture(unsigned number) const {
  if (!desk_ || number >= desk_->state().captures.size()) return std::nullopt;
  return expand::Held{desk_->state().captures[number], expand::Bytes::peers};
}

expand::Bytes Connection::bytes_of(expand::VariableId id) const {
  using enum expand::VariableId;
  if (desk_ && id == address_data) return desk_->state().address_data.bytes;
  if (desk_ && id == sender_address_data) return desk_->state().sender_address_data.bytes;
  if (desk_)
    if (const acl::ListData* const data = data_of(desk_->state(), id)) return data->bytes;
  if (!desk_ || id < acl_arg1 || id > acl_arg9) return expand::Bytes::peers;
  const std::span<const acl::AclArgument> arguments = desk_->state().arguments;
  const auto index = static_cast<std::size_t>(id) - static_cast<std::size_t>(acl_arg1);
  return index < arguments.size() ? arguments[index].bytes : expand::Bytes::ours;
}

std::optional<expand::Held> Connection::acl_variable(std::string_view name) const {
  if (!desk_) return std::nullopt;
  const acl::AclState& state = desk_->state();
  return (name.starts_with("acl_c") ? state.connection_variables : state.message_variables).get(name);
}

// `at` is an offset into the block as received, and behind that counts the fields that ACLs have added.
std::optional<std::string_view> Connection::header(std::string_view name, std::size_t& at) const {
  if (message_ == nullptr) return std::nullopt;
  const std::string_view block = message_->headers.block().view();
  if (desk_ && at <= block.size() && desk_->is_removed(name)) at = block.size() + 1;
  while (at < block.size()) {
    std::string_view rest = block.substr(at);
    const std::optional<smtp::HeaderField> field = smtp::HeaderView::next_field(rest);
    at = block.size() - rest.size();
    if (!field) break;
    if (smtp::equal_ignoring_case(field->name.view(), name)) return field->value.view();
  }
  if (!desk_) return std::nullopt;
  if (at <= block.size()) at = block.size() + 1;
  std::size_t index = at - block.size() - 1;
  const std::optional<std::string_view> added = desk_->added_field(name, index);
  at = block.size() + 1 + index;
  return added;
}

void Connection::count(const smtp::SessionEvent& event) noexcept {
  using enum smtp::SessionEventKind;
  IngressStats& stats = services_.stats;
  switch (event.kind) {
    case rejected: return stats.refused(refusal_of(event.phase));
    case discarded: return;
    case input_before_greeting:
    case input_sent_too_soon: return stats.refused(Refusal::synchronization);
    case syntax_error:
    case protocol_error:
    case helo_missing: return stats.refused(Refusal::syntax);
    case helo_refused: return stats.refused(Refusal::helo_syntax);
    case too_many_errors:
    case too_many_unknown:
    case too_many_nonmail: return stats.refused(Refusal::too_many_errors);
    case too_many_messages: return stats.refused(Refusal::too_many_messages);
    case sender_unqualified:
    case recipient_unqualified: return stats.refused(Refusal::unqualified);
    case too_many_recipients: return stats.refused(Refusal::too_many_recipients);
    case size_declared_too_large:
    case message_too_large:
    case header_too_large: return stats.refused(Refusal::message_too_large);
    case mail_loop: return stats.refused(Refusal::mail_loop);
    case bare_newline: return stats.refused(Refusal::bare_newline);
    case no_space:
      return stats.refused(event.error != nullptr && event.error->code != Errc::disk_full ? Refusal::storage
                                                                                          : Refusal::low_space);
    case command_timeout:
    case data_timeout:
    case send_timeout: return stats.timeouts.add();
    case lost:
    case lost_in_data:
    case lost_after_data: return stats.lost_connections.add();
    case closed_by_quit:
    case closed_by_drop:
    case closed_by_stop:
    case incomplete_transaction: return;
  }
}

// A message that came and went: its lines are those of one that was delivered.
void Connection::log_discarded(const smtp::SessionEvent& event) {
  if (event.phase != smtp::Phase::data) message_id_header_.clear(), has_subject_ = false;
  const std::string_view id = sink_->id();
  log_arrival(*envelope_, id, event.number);
  log::LogLine& line = new_line();
  static_cast<void>(append_event(line, line_context(), event, envelope_, id));
  services_.log.write_line(log::Stream::main, line);
  log::LogLine& last = new_line();
  last.event = "completed";
  last.field("", "id", id);
  last.text += " Completed";
  services_.log.write_line(log::Stream::main, last);
}

void Connection::event(const smtp::SessionEvent& event) {
  count(event);
  if (event.kind == smtp::SessionEventKind::discarded) return log_discarded(event);
  log::LogLine& line = new_line();
  const bool has_id = sink_ && sink_->is_open();
  const std::string_view id = has_id ? sink_->id() : std::string_view();
  const auto made = append_event(line, line_context(), event, envelope_, id);
  const std::string header = std::exchange(rejected_header_, {});
  const bool is_for_clients_let_alone = made && made->stream == log::Stream::main && is_about_connection(event.kind) &&
                                        policy_->clients.connection_nolog.matches(state_->endpoints.peer.address);
  if (!made || is_for_clients_let_alone) return;
  acl::LogTargets targets{.main = true, .reject = made->stream == log::Stream::reject};
  if (event.kind == smtp::SessionEventKind::rejected && targets.reject && desk_) targets = desk_->state().reject_targets;
  if (event.kind == smtp::SessionEventKind::sender_unqualified || event.kind == smtp::SessionEventKind::recipient_unqualified)
    targets.main = policy_->log_selector.has(config::LogSelector::smtp_syntax_error);
  if (targets.main) services_.log.write_line(log::Stream::main, line);
  if (targets.panic) services_.log.write_line(log::Stream::panic, line);
  if (!targets.reject) return;
  line.text += header;
  services_.log.write_line(log::Stream::reject, line);
}

void Connection::closed() {
  if (state_ == nullptr || state_->counters.mail_commands > 0 || !policy_->log_selector.has(config::LogSelector::smtp_no_mail))
    return;
  log::LogLine& line = new_line();
  append_no_mail(line, line_context());
  services_.log.write_line(log::Stream::main, line);
}

}  // namespace postern::ingress
