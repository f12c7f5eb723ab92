// What a connection tells the logs and the figures.
#include <utility>

#include "appliance/ingress/connection.h"
#include "appliance/ingress/event_lines.h"
#include "appliance/ingress/header_texts.h"
#include "appliance/ingress/log_lines.h"
#include "appliance/ingress/signature_line.h"
#include "engine/coro/scheduler.h"

namespace postern::ingress {
namespace {

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
    case smtp::Phase::data:
    case smtp::Phase::dkim: return Refusal::policy_data;
    default: return Refusal::policy_rcpt;
  }
}

void count(IngressStats& stats, const smtp::SessionEvent& event) noexcept {
  using enum smtp::SessionEventKind;
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

}  // namespace

log::LogLine& Connection::new_line() {
  services_.line.clear();
  return services_.line;
}

LineContext Connection::line_context() {
  if (connection_id_.empty() && policy_->log_selector.has(config::LogSelector::connection_id))
    connection_id_ = services_.id_prefix + std::to_string(facts_.number);
  return {*facts_.state, policy_->log_selector, connection_id_};
}

void Connection::log_connection() {
  if (!policy_->log_selector.has(config::LogSelector::smtp_connection) ||
      policy_->clients.connection_nolog.matches(facts_.state->endpoints.peer.address))
    return;
  log::LogLine& line = new_line();
  append_connection_begin(line, line_context(), services_.limits != nullptr ? services_.limits->connections() : 0);
  services_.log.write_line(log::Stream::main, line);
}

void Connection::log_arrival(const smtp::Envelope& envelope, std::string_view id, std::uint64_t message_bytes) {
  log::LogLine& line = new_line();
  append_arrival(line, line_context(),
                 {.id = id,
                  .envelope = envelope,
                  .message_id = message_id_header_,
                  .message_bytes = message_bytes,
                  .proxied = facts_.proxied.get(),
                  .subject = subject_,
                  .has_subject = has_subject_,
                  .dkim_domain = verified_domain(),
                  .refused = facts_.desk && facts_.desk->state().controls.fake == acl::Fake::reject,
                  .chunked = facts_.state->history.last() == smtp::Verb::bdat,
                  .receive_time_us = Scheduler::current().wall_now().us - sink_->received().us});
  services_.log.write_line(log::Stream::main, line);
}

// Of the first signature that passed; empty when there is none.
std::string_view Connection::verified_domain() const {
  const checks::MessageChecks* const checks = begun_checks();
  const std::vector<dkim::SignatureResult>* const results = checks != nullptr ? checks->dkim_now() : nullptr;
  if (results == nullptr) return {};
  const auto passed = std::ranges::find(*results, dkim::Status::pass, &dkim::SignatureResult::status);
  return passed != results->end() ? passed->signature.domain.view() : std::string_view();
}

// dkim_verbose: a line for each signature.
void Connection::log_signatures() {
  if (!policy_->log_selector.has(config::LogSelector::dkim_verbose)) return;
  const std::vector<dkim::SignatureResult>* const results = begun_checks()->dkim_now();
  if (results == nullptr) return;
  for (const dkim::SignatureResult& each : *results) {
    log::LogLine& line = new_line();
    append_signature(line, sink_->id(), each);
    services_.log.write_line(log::Stream::main, line);
  }
}

void Connection::log_frozen(std::string_view id) {
  log::LogLine& line = new_line();
  line.event = "frozen";
  line.field("", "id", id);
  line.text += " frozen by ACL";
  services_.log.write_line(log::Stream::main, line);
}

// A message that came and went: its lines are those of one that was delivered.
void Connection::log_discarded(const smtp::SessionEvent& event) {
  if (event.phase != smtp::Phase::data && event.phase != smtp::Phase::dkim) message_id_header_.clear(), has_subject_ = false;
  const std::string_view id = sink_->id();
  log_arrival(*facts_.scene.envelope, id, event.number);
  log::LogLine& line = new_line();
  static_cast<void>(append_event(line, line_context(), event, facts_.scene.envelope, id));
  services_.log.write_line(log::Stream::main, line);
  log::LogLine& last = new_line();
  last.event = "completed";
  last.field("", "id", id);
  last.text += " Completed";
  services_.log.write_line(log::Stream::main, last);
}

// As the session tells it, but for what it does not know: that a signature decided.
void Connection::event(const smtp::SessionEvent& event) {
  count(services_.stats, event);
  if (!std::exchange(refused_by_dkim_, false)) return log_event(event);
  smtp::SessionEvent more = event;
  more.phase = smtp::Phase::dkim;
  log_event(more);
}

void Connection::log_event(const smtp::SessionEvent& event) {
  if (event.kind == smtp::SessionEventKind::discarded) return log_discarded(event);
  log::LogLine& line = new_line();
  const bool has_id = sink_ && sink_->is_open();
  const std::string_view id = has_id ? sink_->id() : std::string_view();
  const auto made = append_event(line, line_context(), event, facts_.scene.envelope, id);
  const std::string header = std::exchange(rejected_header_, {});
  const bool is_for_clients_let_alone = made && made->stream == log::Stream::main && is_about_connection(event.kind) &&
                                        policy_->clients.connection_nolog.matches(facts_.state->endpoints.peer.address);
  if (!made || is_for_clients_let_alone) return;
  acl::LogTargets targets{.main = true, .reject = made->stream == log::Stream::reject};
  if (event.kind == smtp::SessionEventKind::rejected && targets.reject && facts_.desk)
    targets = facts_.desk->state().reject_targets;
  if (event.kind == smtp::SessionEventKind::sender_unqualified || event.kind == smtp::SessionEventKind::recipient_unqualified)
    targets.main = policy_->log_selector.has(config::LogSelector::smtp_syntax_error);
  if (targets.main) services_.log.write_line(log::Stream::main, line);
  if (targets.panic) services_.log.write_line(log::Stream::panic, line);
  if (!targets.reject) return;
  line.text += header;
  services_.log.write_line(log::Stream::reject, line);
}

void Connection::closed() {
  if (facts_.state == nullptr || facts_.state->counters.mail_commands > 0 ||
      !policy_->log_selector.has(config::LogSelector::smtp_no_mail))
    return;
  log::LogLine& line = new_line();
  append_no_mail(line, line_context());
  services_.log.write_line(log::Stream::main, line);
}

}  // namespace postern::ingress
