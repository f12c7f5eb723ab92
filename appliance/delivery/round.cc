#include "appliance/delivery/round.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "appliance/delivery/bounce.h"
#include "appliance/delivery/log_lines.h"
#include "appliance/delivery/retry.h"
#include "appliance/delivery/transports/compose.h"
#include "appliance/delivery/transports/problem.h"
#include "appliance/delivery/variables.h"
#include "appliance/spool/attribute_names.h"
#include "appliance/spool/side_file.h"
#include "engine/base/check.h"
#include "engine/base/peer_text.h"
#include "engine/coro/scheduler.h"
#include "engine/smtp/address.h"

namespace postern::delivery {

namespace {

constexpr std::uint32_t kUnreadableWaitS = 3600;
constexpr std::uint32_t kFrozenWaitS = 3600;     // nobody can thaw it yet: it is only looked at again
constexpr std::int64_t kRoutingMsMax = 120'000;  // of one recipient, with all that its routers ask
constexpr std::uint32_t kUnreportedWaitS = 300;  // a bounce could not be stored
constexpr std::size_t kBounceRecipientsMax = 500;
constexpr std::size_t kBounceHeaderBytesMax = 64 * 1024;

std::uint32_t wall_s() { return static_cast<std::uint32_t>(Scheduler::current().wall_now().seconds()); }

// Our own words for what routing says.
Problem routing_problem(const routing::RouteOutcome& route, bool is_permanent) {
  Problem problem;
  problem.kind = route.kind == routing::RouteKind::unrouteable ? ProblemKind::unrouteable : ProblemKind::routing;
  problem.permanent = is_permanent;
  problem.text = route.message.empty() ? "Unrouteable address" : printable(route.message);
  problem.status = {static_cast<std::uint8_t>(is_permanent ? 5 : 4), static_cast<std::uint16_t>(is_permanent ? 1 : 4),
                    static_cast<std::uint16_t>(is_permanent ? 2 : 3)};
  return problem;
}

// It says nothing of the message: we stopped in the middle.
bool is_interruption(const Problem& problem, const StopSource& stop) {
  return problem.kind == ProblemKind::local && stop.stop_requested();
}

}  // namespace

// ---- groups ----

Group::Group(Round& round, routing::RouteOutcome route, TransportInstance& transport)
    : round_(round), route_(std::move(route)), transport_(transport) {}

bool Group::takes(const routing::RouteOutcome& route, const TransportInstance& transport) const {
  return !is_full() && &transport == &transport_ && route.router == route_.router && route.hosts == route_.hosts &&
         route.errors_to == route_.errors_to;
}

std::string Group::destination() const {
  return transport_.smtp ? transport_.smtp->destination(route_.hosts) : std::string(route_.transport);
}

std::string_view Group::return_path() const {
  return route_.errors_to ? std::string_view(*route_.errors_to) : round_.message_.sender.view();
}

LineSubject Group::subject(std::uint32_t recipient) const {
  return {.id = round_.id(),
          .address = round_.address_of(recipient),
          .router = route_.router,
          .transport = route_.transport,
          .sender = round_.message_.sender.view(),
          .return_path = return_path()};
}

bool Group::is_in_trouble() const { return transport_.smtp && transport_.smtp->is_in_trouble(route_.hosts); }

Task<bool> Group::make() {
  if (!co_await round_.begin_attempt()) co_return true;  // the round finds out why
  begun_at_ = Scheduler::current().now();
  DeliveryVariables variables = *round_.variables_;
  variables.set_router(route_.router);
  variables.set_transport(route_.transport);
  variables.set_recipient(round_.address_of(recipients_.front()));
  const std::string_view return_path = this->return_path();
  variables.set_return_path(return_path);
  const TransportJob job{.record = *round_.record_,
                         .message = round_.message_,
                         .return_path = return_path,
                         .recipients = round_.recipients_,
                         .wanted = recipients_,
                         .hosts = route_.hosts,
                         .events = *this,
                         .guard = round_,
                         .stop = round_.context_.stop,
                         .files = &round_.context_.files,
                         .side_file_path = round_.side_file_path_};
  if (transport_.smtp)
    co_await transport_.smtp->deliver(job, variables);
  else
    co_await transport_.maildir->deliver(job, variables);
  co_return is_well_;
}

void Group::on_end(bool) { round_.end_attempt(); }

void Group::on_delivered(const Delivered& delivered) {
  is_well_ = true;
  RoundContext& context = round_.context_;
  context.stats.delivered.add(delivered.recipients.size());
  const bool is_local_style = transport_.is_local() && round_.has_local_style(*this);
  const LineTimes times{round_.in_queue_us(), (Scheduler::current().now().ns - begun_at_.ns) / 1'000};
  bool is_first = !delivered.is_further;
  for (const std::uint32_t recipient : delivered.recipients) {
    LineSubject named = subject(recipient);
    named.local_style = is_local_style;
    round_.log_main(delivered_line(named, delivered, std::exchange(is_first, false), times, round_.config().main.log_selector));
  }
  round_.record_finished({delivered.recipients.begin(), delivered.recipients.end()});
}

void Group::on_problem(std::span<const std::uint32_t> recipients, const Problem& problem) {
  if (problem.is_of_host()) is_well_ = false;
  if (is_interruption(problem, round_.context_.stop)) return;
  const auto shared = std::make_shared<const Problem>(problem);
  for (const std::uint32_t recipient : recipients) {
    round_.outcomes_[recipient] = {shared, this, problem.permanent, false};
    round_.log_problem(subject(recipient), problem, problem.permanent);
  }
}

void Group::on_host_problem(const HostSeen& host, const Problem& problem) {
  is_well_ = false;
  if (host.hop.is_socket()) return;  // the lines of the recipients say it, as there is no other host to try
  round_.log_main(host_line(round_.id(), host, problem, round_.config().main.log_selector));
}

void Group::on_remark(std::string_view remark, bool is_serious) {
  const std::string line = fmt::format("{} {}", round_.id(), remark);
  round_.log_main(line);
  if (is_serious) round_.context_.log.write(log::Stream::panic, line);
}

// ---- the round ----

Round::Round(RoundContext& context, std::shared_ptr<Setup> setup, QueuedMessage& queued, std::optional<spool::Record> record)
    : context_(context), setup_(std::move(setup)), queued_(queued), record_(std::move(record)) {}

Round::~Round() = default;

std::string_view Round::address_of(std::uint32_t recipient) const { return recipients_[recipient].address.view(); }

bool Round::has_local_style(const Group& group) const {
  const auto& routers = config().routers;
  const auto router = std::ranges::find(routers, group.route().router, &routing::Router::name);
  return router != routers.end() && router->driver == routing::RouterDriver::accept;
}

Task<RoundEnd> Round::run() {
  const Result<void> loaded = co_await load();
  if (!loaded) co_return put_off_unreadable(loaded.error());
  if (is_frozen()) co_return keep_frozen();
  note_interrupted_attempt();
  co_await route_all();
  if (context_.stop.stop_requested() && groups_.empty()) co_return RoundEnd{};
  co_await attempt_all();
  co_return co_await finish();
}

bool Round::is_frozen() const {
  const auto frozen = spool::find_attribute(message_.attributes, spool::attribute::kFrozen);
  return frozen && frozen->as_number().value_or(0) != 0;
}

// Nothing of it is tried, and nothing counted as a try. It waits like any other: its segment does not wait for it.
RoundEnd Round::keep_frozen() {
  context_.log.write(log::Stream::main, fmt::format("{} Message is frozen", message_.id.view()));
  queued_.times.next_try_s = wall_s() + kFrozenWaitS;
  return {.kind = RoundEnd::Kind::deferred, .next_try_s = queued_.times.next_try_s, .destination = {}};
}

Task<Result<void>> Round::load() {
  if (!record_) {
    Result<spool::Record> record = co_await context_.records.read(queued_.key);
    if (!record) co_return failure(record.error());
    record_ = std::move(*record);
  }
  const Result<spool::MessageView> message = spool::parse_message(record_->kind, record_->bytes());
  if (!message) co_return failure(message.error());
  message_ = *message;
  if (message_.side_file)
    side_file_path_ = spool::side_file_path(context_.records.directory_of(queued_.key.segment), message_.side_file->name);
  recipients_.clear();
  recipients_.reserve(message_.recipients.size());
  for (const spool::RecipientView& recipient : message_.recipients) recipients_.push_back(recipient);
  queued_.received_s = static_cast<std::uint32_t>(message_.received.seconds());
  Ledger::set_recipients(queued_, static_cast<std::uint32_t>(recipients_.size()));
  outcomes_.resize(recipients_.size());
  variables_.emplace(config(), message_);
  if (language::ShardLanguage* const language = setup_->language.get()) {
    asker_.emplace(*language, *variables_, context_.stop);
    variables_->set_services(&*asker_, language);
  }
  co_return Result<void>{};
}

// It stays in the spool until somebody has looked: nothing that was answered 250 is thrown away.
RoundEnd Round::put_off_unreadable(const Error& error) {
  if (error.code == Errc::stopped) return {};
  context_.stats.unreadable.add();
  context_.log.write(log::Stream::panic, fmt::format("message at offset {} of segment {:016x} cannot be read, and is kept: {}",
                                                     queued_.key.offset, queued_.key.segment.number, describe(error)));
  const std::uint32_t now = wall_s();
  context_.journal.append(context_.ledger.defer(queued_, next_times(queued_.times, now, now + kUnreadableWaitS)));
  return {.kind = RoundEnd::Kind::deferred, .next_try_s = now + kUnreadableWaitS, .destination = {}};
}

void Round::note_interrupted_attempt() {
  if (!queued_.attempting) return;
  context_.stats.possible_duplicates.add();
  log_main(fmt::format("{} possible duplicate: how an earlier attempt ended is not known", id()));
}

// ---- routing ----

Task<void> Round::route_all() {
  for (std::uint32_t recipient = 0; recipient < recipients_.size(); ++recipient)
    if (!queued_.finished.contains(recipient)) co_await route_one(recipient);
}

Task<void> Round::route_one(std::uint32_t recipient) {
  const std::string_view address = address_of(recipient);
  variables_->set_recipient(address);
  variables_->set_return_path(message_.sender.view());
  const smtp::PathStep parsed = smtp::parse_address(address, {.role = smtp::AddressRole::recipient,
                                                              .smtputf8 = true,
                                                              .allow_literals = true,
                                                              .allow_unqualified = true,
                                                              .allow_empty_atoms = true,
                                                              .limits = smtp::kWideAddressLimits});
  const bool is_address = parsed.error == smtp::AddressError::none;
  const smtp::Address mailbox = is_address ? smtp::Address(parsed.mailbox) : smtp::Address();
  const std::string_view local_part = is_address ? mailbox.local_part() : local_part_of(address);
  const std::string_view domain = is_address ? mailbox.domain() : domain_of(address);
  routing::RouteOutcome route = co_await routing::route(
      config().routers,
      {.local_part = local_part,
       .domain = domain.empty() ? std::string_view(config().main.qualify_recipient) : domain,
       .sender = message_.sender.view(),
       .variables = *variables_,
       .qualify_recipient = config().main.qualify_recipient},
      {.local_addresses = config().local_addresses,
       .random = &context_.random,
       .resolver = context_.resolver,
       .list_world = config().language->lists.get(),
       .wait = {.deadline = Scheduler::current().now().plus_ms(kRoutingMsMax), .stop = &context_.stop}});
  // An answer that was cut short says nothing.
  if (context_.stop.stop_requested() && route.kind == routing::RouteKind::defer) co_return;
  switch (route.kind) {
    case routing::RouteKind::deliver: join_group(recipient, std::move(route)); break;
    // The load refuses routers that would do these in deliveries.
    case routing::RouteKind::redirect:
    case routing::RouteKind::discard: refuse(recipient, {.message = "redirections are not built for deliveries"}, false); break;
    case routing::RouteKind::unrouteable:
    case routing::RouteKind::fail: refuse(recipient, route, true); break;
    case routing::RouteKind::defer:
    case routing::RouteKind::freeze: refuse(recipient, route, false); break;
  }
}

void Round::refuse(std::uint32_t recipient, const routing::RouteOutcome& route, bool is_permanent) {
  const auto problem = std::make_shared<const Problem>(routing_problem(route, is_permanent));
  outcomes_[recipient] = {problem, nullptr, is_permanent, false};
  const std::string_view sender = message_.sender.view();
  log_problem({.id = id(),
               .address = address_of(recipient),
               .router = route.router,
               .transport = {},
               .sender = sender,
               .return_path = sender},
              *problem, is_permanent);
}

void Round::log_problem(const LineSubject& subject, const Problem& problem, bool is_permanent) const {
  const config::LogSelectors& selectors = config().main.log_selector;
  if (is_permanent) return log_main(failed_line(subject, problem, selectors));
  if (const auto line = deferred_line(subject, problem, selectors)) log_main(*line);
}

std::int64_t Round::in_queue_us() const { return Scheduler::current().wall_now().us - message_.received.us; }

void Round::join_group(std::uint32_t recipient, routing::RouteOutcome route) {
  const auto names = [&](const TransportInstance& each) { return each.transport->name == route.transport; };
  const auto transport = std::ranges::find_if(setup_->transports, names);
  POSTERN_CHECK(transport != setup_->transports.end());  // the configuration was checked for that
  const auto fits = [&](const Group* group) { return group->takes(route, *transport); };
  // Recipients of one domain stand together, as a rule: look at the last group first.
  const auto found = std::find_if(open_groups_.rbegin(), open_groups_.rend(), fits);
  Group* group = found != open_groups_.rend() ? *found : nullptr;
  if (group == nullptr) {
    groups_.push_back(std::make_unique<Group>(*this, std::move(route), *transport));
    open_groups_.push_back(group = groups_.back().get());
  }
  group->add(recipient);
  if (group->is_full()) std::erase(open_groups_, group);
}

// ---- attempts ----

Task<void> Round::attempt_all() {
  ++under_way_;  // so that none ends the round before all were offered
  for (const std::unique_ptr<Group>& group : groups_) {
    const std::string destination = group->destination();
    ++under_way_;
    if (context_.destinations.offer(destination, *group, group->is_in_trouble())) continue;
    --under_way_;
    parked_at_ = destination;
  }
  unload_while_waiting();
  end_attempt();
  static_cast<void>(co_await ended_.wait());
}

// A destination that is slow or down must not fill the memory that others' messages need.
void Round::unload_while_waiting() {
  const bool is_waiting = groups_.size() == 1 && under_way_ > 1 && !has_begun_;
  if (!is_waiting || context_.read_pool.used_bytes() <= context_.record_bytes_tight) return;
  recipients_.clear();  // they are views of it
  record_.reset();
}

Task<bool> Round::begin_attempt() {
  has_begun_ = true;
  if (!record_ && !co_await load()) co_return false;
  if (!attempting_) attempting_ = context_.journal.append(context_.ledger.attempting(queued_));
  co_return true;
}

void Round::end_attempt() {
  if (--under_way_ == 0) ended_.set();
}

Task<Result<void>> Round::before_end() {
  co_return co_await context_.journal.durable(*attempting_, {Instant::never(), &context_.stop});
}

// What is delivered is on record at once, unless the whole message is about to be.
void Round::record_finished(std::vector<std::uint32_t> recipients) {
  for (const std::uint32_t recipient : recipients) queued_.finished.insert(recipient);
  if (queued_.finished.size() == recipients_.size()) return;
  const std::span<const std::uint32_t> all(recipients);
  for (std::size_t at = 0; at < all.size(); at += kJournalIndexesMax) {
    const std::span<const std::uint32_t> part = all.subspan(at, std::min(kJournalIndexesMax, all.size() - at));
    context_.journal.append(context_.ledger.finish(queued_, {part.begin(), part.end()}));
  }
}

// ---- the end ----

Task<RoundEnd> Round::finish() {
  const std::uint32_t now = wall_s();
  if (!record_) {  // it waited without, and nothing came of it
    const Result<void> loaded = co_await load();
    if (!loaded) co_return put_off_unreadable(loaded.error());
  }
  judge_deferred(now);
  const bool reported = co_await report_failures();
  co_return end_round(now, reported);
}

void Round::judge_deferred(std::uint32_t now_s) {
  for (std::uint32_t recipient = 0; recipient < outcomes_.size(); ++recipient) {
    Outcome& outcome = outcomes_[recipient];
    if (!outcome.problem || outcome.failed) continue;
    const RetryVerdict verdict =
        judge_retry(config().retry, config().main.retry_interval_max_s,
                    {*outcome.problem, address_of(recipient), message_.sender.view(), queued_.received_s, queued_.times, now_s},
                    context_.random);
    if (verdict.gives_up) {
      outcome.failed = outcome.timed_out = true;
      log_main(fmt::format("{} ** {}: retry timeout exceeded", id(), printable(address_of(recipient))));
      continue;
    }
    context_.stats.deferred.add();
    next_try_s_ = std::min(next_try_s_.value_or(UINT32_MAX), verdict.next_try_s);
  }
}

std::string_view Round::report_target(std::uint32_t recipient) const {
  const Group* group = outcomes_[recipient].group;
  if (group != nullptr && group->route().errors_to) return *group->route().errors_to;
  return message_.sender.view();
}

// True when every failure was reported, or is not to be. What was not stays as it is, and is tried again later.
Task<bool> Round::report_failures() {
  std::map<std::string_view, std::vector<std::uint32_t>> by_target;
  std::vector<std::uint32_t> untold;
  for (std::uint32_t recipient = 0; recipient < outcomes_.size(); ++recipient) {
    if (!outcomes_[recipient].failed) continue;
    context_.stats.failed.add();
    if (report_target(recipient).empty()) discard(recipient);
    if (report_target(recipient).empty() || !wants_failure_report(recipients_[recipient]))
      untold.push_back(recipient);
    else
      by_target[report_target(recipient)].push_back(recipient);
  }
  if (!untold.empty()) record_finished(std::move(untold));
  bool all_told = true;
  for (const auto& [target, failed] : by_target) all_told = co_await report_to(target, failed) && all_told;
  co_return all_told;
}

// A bounce that cannot be delivered, or a message whose sender wants none: there is nobody to tell.
void Round::discard(std::uint32_t recipient) {
  context_.stats.discarded.add();
  log_main(fmt::format("{} {}: error ignored (=discarded)", id(), printable(address_of(recipient))));
}

Task<bool> Round::report_to(std::string_view target, const std::vector<std::uint32_t>& failed) {
  const std::span<const std::uint32_t> all(failed);
  for (std::size_t at = 0; at < all.size(); at += kBounceRecipientsMax) {
    const std::span<const std::uint32_t> part = all.subspan(at, std::min(kBounceRecipientsMax, all.size() - at));
    if (!co_await write_bounce(target, part)) co_return false;
    record_finished({part.begin(), part.end()});
  }
  co_return true;
}

std::string Round::bounce_sender() const {
  const config::MainOptions& main = config().main;
  std::string from;
  const expand::EvalResult expanded = expand::evaluate(main.dsn_from, DeliveryVariables(config(), message_), from);
  if (expanded && !from.empty()) return from;
  const std::string_view why = expanded ? std::string_view("it gives nothing") : std::string_view(expanded.why);
  context_.log.write(log::Stream::panic, fmt::format("{} dsn_from cannot be used: {}", id(), printable(why)));
  return fmt::format("Mail Delivery System <Mailer-Daemon@{}>", main.qualify_domain);
}

Task<bool> Round::write_bounce(std::string_view target, std::span<const std::uint32_t> failed) {
  const Result<spool::MessageId> bounce_id = context_.store.next_id();
  if (!bounce_id) co_return false;
  std::vector<FailedRecipient> list;
  for (const std::uint32_t recipient : failed)
    list.push_back({recipients_[recipient], outcomes_[recipient].problem.get(), outcomes_[recipient].timed_out});
  const ComposedMessage composed(message_, "");
  const std::string header = composed.header_text(kBounceHeaderBytesMax);
  const WallTime now = Scheduler::current().wall_now();
  const std::string boundary = fmt::format("{}-postern-{:016x}", now.seconds(), context_.random.next());
  const std::string text = make_bounce({.id = bounce_id->view(),
                                        .to = target,
                                        .boundary = boundary,
                                        .hostname = config().main.primary_hostname,
                                        .from = bounce_sender(),
                                        .original = message_,
                                        .original_header = header,
                                        .returns_header = config().main.bounce_return_message,
                                        .failed = list,
                                        .now = now});
  const std::string received = fmt::format("Received: from {} by {} with local\r\n\tid {};\r\n\t{}\r\n", context_.user,
                                           config().main.primary_hostname, bounce_id->view(), format_rfc5322_time(now));
  const Result<std::uint64_t> stored = co_await context_.store.store_report(*bounce_id, now, target, received, text);
  if (!stored) {
    context_.log.write(log::Stream::panic, fmt::format("{} bounce cannot be stored: {}", id(), describe(stored.error())));
    co_return false;
  }
  context_.stats.bounced.add();
  has_bounced_ = true;
  log_main(bounce_line(bounce_id->view(), id(), context_.user, *stored, target, config().main.log_selector));
  co_return true;
}

RoundEnd Round::end_round(std::uint32_t now_s, bool reported) {
  RoundEnd end;
  end.destination = parked_at_;
  end.has_bounced = has_bounced_;
  if (queued_.finished.size() == recipients_.size()) {
    log_main(completed_line(id(), in_queue_us(), config().main.log_selector));
    context_.stats.completed.add();
    end.done = context_.journal.append(context_.ledger.done(queued_));
    end.kind = RoundEnd::Kind::done;
    end.side_file_path = side_file_path_;
    return end;
  }
  if (!reported) next_try_s_ = std::min(next_try_s_.value_or(UINT32_MAX), now_s + kUnreportedWaitS);
  if (next_try_s_ && parked_at_.empty()) {
    end.kind = RoundEnd::Kind::deferred;
    end.next_try_s = *next_try_s_;
    context_.journal.append(context_.ledger.defer(queued_, next_times(queued_.times, now_s, *next_try_s_)));
    return end;
  }
  // Its outcome so far is known: no attempt of it is open.
  if (!context_.stop.stop_requested() && queued_.attempting)
    context_.journal.append(context_.ledger.defer(queued_, queued_.times));
  if (!parked_at_.empty()) end.kind = RoundEnd::Kind::parked;
  return end;
}

}  // namespace postern::delivery
