#include "appliance/ingress/connection.h"

#include <charconv>
#include <utility>

#include "appliance/ingress/log_lines.h"
#include "engine/base/clock.h"
#include "engine/base/version.h"

namespace postern::ingress {
namespace {

using acl::AclVerdict;
using smtp::Decision;
using smtp::EhloKeyword;
using smtp::ReadyOr;
using smtp::Verdict;

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

}  // namespace

std::string_view ConnectionServices::rfc5322_time(WallTime time) {
  if (time.seconds() != time_text_second) {
    time_text_second = time.seconds();
    time_text = format_rfc5322_time(time);
  }
  return time_text;
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
    case tod_log: return scratch = format_log_time(Scheduler::current().wall_now());
    case tod_epoch: return number_text(static_cast<std::uint64_t>(Scheduler::current().wall_now().seconds()), scratch);
    case sender_host_address: return scratch = state_->endpoints.peer.address.to_string();
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
    default: break;
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
  }
  if (recipient_ != nullptr) {
    if (id == local_part) return recipient_->address.local_part().view();
    if (id == domain) return recipient_->address.domain().view();
  }
  if (message_ != nullptr) {
    if (id == message_exim_id) return message_->sink.id();
    if (id == message_size) return number_text(message_->stats.stored_bytes, scratch);
  }
  return {};
}

void Connection::log_about_client(std::string_view what, std::string_view text) {
  log::LogLine& line = new_line();
  append_client(line, line_context());
  line.text += what;
  append_printable(line.text, text, 2048);
  services_.log.write_line(log::Stream::main, line);
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

void Connection::warning(std::string_view text) { log_about_client(" Warning: ", text); }

void Connection::skipped(std::string_view text) {
  if (!policy_->log_selector.has(config::LogSelector::acl_warn_skipped)) return;
  log_about_client(" Warning: ACL \"warn\" statement skipped: ", text);
}

void Connection::trouble(std::string_view text) {
  services_.scratch.clear();
  append_printable(services_.scratch, text, 2048);
  services_.log.write(log::Stream::main, services_.scratch);
  services_.log.write(log::Stream::panic, services_.scratch);
}

std::string_view Connection::expand_or(const expand::Program& program, std::string_view fallback) {
  services_.scratch.clear();
  const expand::EvalResult result = expand::evaluate(program, *this, services_.scratch);
  if (!result && result.status == expand::EvalStatus::failed) trouble(result.why);
  return result && !services_.scratch.empty() ? std::string_view(services_.scratch) : fallback;
}

Verdict Connection::ask(acl::Phase phase, Decision when_unset) {
  Verdict verdict;
  const acl::Acl* acl = policy_->acl_for(phase);
  if (acl == nullptr) {
    verdict.decision = when_unset;
    return verdict;
  }
  acl::AclSubject subject{*this, state_->endpoints.peer.address, {}, {}, {}, {}, this};
  if (envelope_ != nullptr) subject.sender = envelope_->sender().address.text().view();
  if (recipient_ != nullptr) {
    subject.recipient = recipient_->address.text().view();
    subject.local_part = recipient_->address.local_part().view();
    subject.domain = recipient_->address.domain().view();
  }
  acl::AclOutcome outcome = acl::run(*acl, subject);
  verdict.decision = to_decision(outcome.verdict);
  verdict.text = std::move(outcome.message);
  verdict.log_text = std::move(outcome.log_message);
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

void Connection::choose_options(smtp::SessionOptions& options) {
  const IngressPolicy& policy = *policy_;
  const IpAddress& client = state_->endpoints.peer.address;
  options.keywords.set(EhloKeyword::enhanced_status_codes, policy.clients.enhanced_status.matches(client))
      .set(EhloKeyword::limits, policy.clients.limits.matches(client))
      .set(EhloKeyword::pipelining, policy.clients.pipelining.matches(client))
      .set(EhloKeyword::chunking, policy.clients.chunking.matches(client))
      .set(EhloKeyword::smtputf8, policy.accept_8bitmime && policy.clients.smtputf8.matches(client))
      .set(EhloKeyword::dsn, policy.clients.dsn.matches(client))
      .set(EhloKeyword::eight_bit_mime, policy.accept_8bitmime)
      .set(EhloKeyword::vrfy, policy.acl_for(acl::Phase::vrfy) != nullptr)
      .set(EhloKeyword::expn, policy.acl_for(acl::Phase::expn) != nullptr)
      .set(EhloKeyword::etrn, policy.acl_for(acl::Phase::etrn) != nullptr);
  options.accept_helo_junk = policy.clients.helo_accept_junk.matches(client);
  options.qualify_sender = policy.clients.sender_unqualified.matches(client);
  options.qualify_recipient = policy.clients.recipient_unqualified.matches(client);
  options.count_nonmail = policy.clients.count_nonmail.matches(client);
  options.enforce_sync = policy.enforce_sync;
  options.require_helo = policy.clients.require_helo.matches(client);
  options.bare_newline = policy.bare_newline;
  if (policy.clients.bare_newline_exempt.matches(client))
    options.bare_newline =
        policy.bare_newline == smtp::BareNewline::reject ? smtp::BareNewline::normalise : smtp::BareNewline::reject;
  options.qualify_domain = policy.qualify_domain;
  options.helo_allow_chars = policy.helo_allow_chars;
}

ReadyOr<Verdict> Connection::connect(smtp::SessionState& state, smtp::SessionOptions& options) {
  state_ = &state;
  log_connection();
  choose_options(options);
  const std::string_view hostname = expand_or(policy_->active_hostname, policy_->primary_hostname);
  if (hostname != policy_->primary_hostname) active_hostname_ = hostname;
  options.active_hostname = active_hostname_.empty() ? policy_->primary_hostname : active_hostname_;
  if (policy_->clients.reject_connection.matches(state.endpoints.peer.address))
    return Verdict{Decision::drop, "554 SMTP service not available", "refused by host_reject_connection"};
  banner_ = expand_or(policy_->banner, options.active_hostname);
  options.banner = banner_;
  return ask(acl::Phase::connect, Decision::accept);
}

ReadyOr<Verdict> Connection::helo() {
  std::string().swap(banner_);  // sent long ago
  return ask(acl::Phase::helo, Decision::accept);
}

ReadyOr<Verdict> Connection::mail(const smtp::Envelope& envelope) {
  envelope_ = &envelope;
  return ask(acl::Phase::mail, Decision::accept);
}

// Where no rule says who may be a recipient, nobody is: a gateway without rules must not relay.
ReadyOr<Verdict> Connection::rcpt(const smtp::Envelope& envelope, const smtp::Recipient& recipient) {
  envelope_ = &envelope;
  recipient_ = &recipient;
  Verdict verdict = ask(acl::Phase::rcpt, Decision::deny);
  recipient_ = nullptr;
  return verdict;
}

ReadyOr<Verdict> Connection::predata(const smtp::Envelope& envelope) {
  envelope_ = &envelope;
  return ask(acl::Phase::predata, Decision::accept);
}

ReadyOr<Result<smtp::MessageSink*>> Connection::open_message(const smtp::Envelope& envelope, std::uint64_t bytes_expected) {
  envelope_ = &envelope;
  if (!sink_) sink_.emplace(services_.spool, *state_);
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
  Verdict verdict = ask(acl::Phase::data, Decision::accept);
  if (verdict.decision == Decision::accept) {
    write_received_header();
    additions.top = additions_;
    message_id_header_.clear();
    append_message_id(message_id_header_, message.headers);
    subject_.clear();
    has_subject_ = policy_->log_selector.has(config::LogSelector::subject) && append_subject(subject_, message.headers);
    sink_->describe_body(message.stats.has_8bit, message.stats.line_bytes_max);
  }
  if (verdict.decision == Decision::discard) services_.stats.discarded.add();
  if (verdict.decision != Decision::accept && policy_->log_selector.has(config::LogSelector::rejected_header))
    append_rejected_header(rejected_header_, *envelope_, message.headers.block().view());
  message_ = nullptr;
  return verdict;
}

void Connection::accepted(const smtp::Envelope& envelope, const smtp::BodyStats& stats, std::string_view id,
                          const smtp::CommitReceipt& receipt) {
  services_.stats.messages.add();
  services_.stats.recipients.add(envelope.recipients().size());
  services_.stats.message_bytes.add(stats.stored_bytes);
  log::LogLine& line = new_line();
  append_arrival(line, line_context(),
                 {.id = id,
                  .envelope = envelope,
                  .message_id = message_id_header_,
                  .message_bytes = receipt.message_bytes,
                  .subject = subject_,
                  .has_subject = has_subject_,
                  .chunked = state_->history.last() == smtp::Verb::bdat,
                  .receive_time_us = Scheduler::current().wall_now().us - sink_->received().us});
  services_.log.write_line(log::Stream::main, line);
  envelope_ = nullptr;
}

bool Connection::has_space(std::uint64_t bytes) { return services_.spool.space.try_reserve(bytes).has_value(); }

void Connection::reset() { envelope_ = nullptr; }

void Connection::count(const smtp::SessionEvent& event) noexcept {
  using enum smtp::SessionEventKind;
  IngressStats& stats = services_.stats;
  switch (event.kind) {
    case rejected: return stats.refused(refusal_of(event.phase));
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

void Connection::event(const smtp::SessionEvent& event) {
  count(event);
  log::LogLine& line = new_line();
  const bool has_id = sink_ && sink_->is_open();
  const std::string_view id = has_id ? sink_->id() : std::string_view();
  const auto made = append_event(line, line_context(), event, envelope_, id);
  const std::string header = std::exchange(rejected_header_, {});
  const bool is_for_clients_let_alone = made && made->stream == log::Stream::main && is_about_connection(event.kind) &&
                                        policy_->clients.connection_nolog.matches(state_->endpoints.peer.address);
  if (!made || is_for_clients_let_alone) return;
  services_.log.write_line(log::Stream::main, line);
  if (made->stream != log::Stream::reject) return;
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
