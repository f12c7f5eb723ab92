#include "appliance/delivery/transports/smtp_delivery.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "appliance/delivery/transports/message_body.h"
#include "appliance/delivery/transports/problem.h"
#include "appliance/delivery/transports/signing.h"
#include "engine/base/check.h"
#include "engine/base/peer_text.h"
#include "engine/coro/scheduler.h"

namespace postern::delivery {

namespace {

constexpr std::size_t kConfirmationMax = 1024;
constexpr int kTooManyRecipients = 452;  // RFC 5321 section 4.5.3.1.10

smtp::ClientOptions client_options(const config::SmtpTransport& options, std::string helo_name) {
  smtp::ClientOptions made;
  made.helo_name = std::move(helo_name);
  made.lmtp = options.lmtp;
  made.ignore_quota = options.ignore_quota;
  made.timeouts.greeting_ms = made.timeouts.command_ms = options.command_timeout_s * 1'000;
  made.timeouts.data_ms = options.command_timeout_s * 1'000;
  made.timeouts.block_ms = options.data_timeout_s * 1'000;
  made.timeouts.end_ms = options.final_timeout_s * 1'000;
  return made;
}

std::optional<IpAddress> interface_for(const config::SmtpTransport& options, const IpAddress& host) {
  for (const IpAddress& address : options.interfaces)
    if (address.is_v4() == host.is_v4()) return address;
  return std::nullopt;
}

// The least of the limits that there are; 0 is none.
std::size_t recipients_max(const config::SmtpTransport& options, const smtp::PeerOffer& offer) {
  std::size_t most = options.max_rcpt == 0 ? SIZE_MAX : options.max_rcpt;
  if (offer.rcpt_max) most = std::min<std::size_t>(most, *offer.rcpt_max);
  return most;
}

}  // namespace

SmtpDelivery::SmtpDelivery(SmtpTransport& transport, const TransportJob& job, const expand::EvalContext& variables)
    : transport_(transport),
      options_(transport.options_),
      deps_(transport.deps_),
      job_(job),
      variables_(variables),
      now_(Scheduler::current().wall_now()),
      added_(added_headers(transport.transport_, job, job.wanted, variables, now_)) {
  const expand::EvalResult expanded = expand::evaluate(options_.helo_data, variables, helo_name_);
  if (!expanded) helo_why_ = "failed to expand helo_data: " + printable(expanded.why);
  for (const std::uint32_t index : job.wanted) waiting_.push_back({index, std::nullopt});
}

std::uint32_t SmtpDelivery::now_s() { return static_cast<std::uint32_t>(Scheduler::current().wall_now().seconds()); }

std::string_view SmtpDelivery::domain() const {
  const std::string_view address = job_.recipients[job_.wanted.front()].address.view();
  const std::size_t at = address.rfind('@');
  return at == address.npos ? std::string_view() : address.substr(at + 1);
}

SmtpDelivery::Waiting& SmtpDelivery::waiting(std::uint32_t index) {
  const auto found = std::ranges::find(waiting_, index, &Waiting::index);
  POSTERN_CHECK(found != waiting_.end());
  return *found;
}

bool SmtpDelivery::has_untried() const noexcept { return std::ranges::any_of(waiting_, &Waiting::untried); }

void SmtpDelivery::settle(std::uint32_t index, const Problem& problem) {
  std::erase_if(waiting_, [index](const Waiting& one) { return one.index == index; });
  job_.events.on_problem(std::span(&index, 1), problem);
}

void SmtpDelivery::settle_all(const Problem& problem) {
  std::vector<std::uint32_t> all;
  for (const Waiting& one : waiting_) all.push_back(one.index);
  waiting_.clear();
  job_.events.on_problem(all, problem);
}

// To be tried at the next host.
void SmtpDelivery::note(std::uint32_t index, const Problem& problem) {
  Waiting& one = waiting(index);
  one.problem = problem;
  one.untried = false;
}

void SmtpDelivery::note_untried(const Problem& problem) {
  for (Waiting& one : waiting_) {
    if (!one.untried) continue;
    one.problem = problem;
    one.untried = false;
  }
}

std::vector<HostSeen> SmtpDelivery::hosts_to_try() const {
  if (transport_.is_local()) return {{options_.socket, transport_.socket()}};
  const std::span<const routing::Host> given = transport_.hosts_for(job_.hosts);
  std::vector<routing::Host> hosts(given.begin(), given.end());
  const bool are_own = given.data() == options_.hosts.data();
  if (are_own && options_.hosts_randomize)
    for (std::size_t i = hosts.size(); i > 1; --i) std::swap(hosts[i - 1], hosts[deps_.random.below(i)]);
  std::vector<HostSeen> seen;
  for (const routing::Host& host : hosts) seen.push_back({host.name, transport_.hop_of(host)});
  return seen;
}

// Who gets a copy must not read in it who else does, unless they get the same one.
void SmtpDelivery::compose(const std::vector<std::uint32_t>& recipients) {
  if (!transport_.transport_.envelope_to_add || recipients == composed_for_) return;
  composed_.reset();
  added_ = added_headers(transport_.transport_, job_, recipients, variables_, now_);
  composed_.emplace(job_.message, added_.top, added_.bottom);
  composed_for_ = recipients;
  is_signed_ = false;
}

Task<std::optional<Problem>> SmtpDelivery::prepare(const std::vector<std::uint32_t>& recipients) {
  compose(recipients);
  if (is_signed_ || !options_.dkim.sign_or_seal()) co_return std::nullopt;
  std::optional<Problem> problem = co_await sign();
  is_signed_ = !problem;
  co_return problem;
}

// Once for all transactions and hosts that get the same bytes.
Task<std::optional<Problem>> SmtpDelivery::sign() {
  const Signed made = co_await postern::delivery::sign(options_.dkim, transport_.signing_keys_, *composed_, added_, job_,
                                                       deps_.pool, variables_);
  if (job_.stop.stop_requested()) co_return local_problem({Errc::stopped, 0, "delivery"}, "smtp");
  for (const Signed::Remark& remark : made.remarks) job_.events.on_remark(remark.text, remark.is_serious);
  if (made.problem) co_return made.problem;
  if (made.fields.empty()) co_return std::nullopt;
  composed_.reset();
  added_.top.insert(0, made.fields);
  composed_.emplace(job_.message, added_.top, added_.bottom);
  co_return std::nullopt;
}

Task<void> SmtpDelivery::run() {
  const std::string& why = added_.why.empty() ? helo_why_ : added_.why;
  if (!why.empty()) {
    settle_all(configuration_problem(why));
    co_return;
  }
  composed_.emplace(job_.message, added_.top, added_.bottom);
  composed_for_.assign(job_.wanted.begin(), job_.wanted.end());
  for (const HostSeen& host : hosts_to_try()) {
    if (waiting_.empty() || job_.stop.stop_requested()) break;
    for (Waiting& one : waiting_) one.untried = true;
    co_await try_host(host);
  }
  for (const Waiting& one : std::exchange(waiting_, {})) {
    const Problem none = job_.stop.stop_requested() ? local_problem({Errc::stopped, 0, "delivery"}, "smtp")
                                                    : configuration_problem("no host to deliver to");
    job_.events.on_problem(std::span(&one.index, 1), one.problem ? *one.problem : none);
  }
}

Task<void> SmtpDelivery::try_host(HostSeen host) {
  const HostMemory::Standing standing = deps_.hosts.standing(host.hop, now_s());
  if (must_wait(standing)) {
    rest_on(host, standing);
    co_return;
  }
  bool may_reuse = true;
  while (has_untried() && !job_.stop.stop_requested()) {
    std::unique_ptr<SmtpConnection> connection = may_reuse ? transport_.pool_.take(host.hop) : nullptr;
    host.reused = connection != nullptr;
    if (!connection) connection = co_await connect(host);
    if (!connection) co_return;
    const Use used = co_await use(*connection, host);
    const std::uint32_t most = options_.connection_max_messages;
    const bool may_go_on = used == Use::finished && (most == 0 || connection->client().transactions() < most);
    transport_.pool_.give_back(host.hop, std::move(connection), may_go_on);
    may_reuse = used != Use::stale;
  }
}

// A message that is older than the rule would have it tried is given its last attempt, as Exim does: with a host that works now
// and then it might never come to one.
bool SmtpDelivery::must_wait(const HostMemory::Standing& standing) const {
  const std::int64_t age_s = std::int64_t{now_s()} - job_.message.received.seconds();
  return standing.resting && (standing.given_up || age_s < standing.cutoff_s);
}

void SmtpDelivery::rest_on(const HostSeen& host, const HostMemory::Standing& standing) {
  Problem problem;
  problem.kind = ProblemKind::host_resting;
  problem.permanent = standing.given_up;
  problem.status = {static_cast<std::uint8_t>(standing.given_up ? 5 : 4), 4, 1};
  const std::string_view what = transport_.is_local() ? "socket" : "host";
  if (standing.given_up)
    problem.text = fmt::format("{} {} has been failing for too long: retry timeout exceeded", what, printable(host.name));
  else if (transport_.is_local())
    problem.text = fmt::format("retry time not reached for socket {}", printable(host.name));
  else
    problem.text = fmt::format("retry time not reached for any host for '{}'", printable(domain()));
  problem.not_before_s = standing.next_try_s;
  for (Waiting& one : waiting_) {
    one.untried = false;
    // What a host said tells more; one that may still come back keeps all from being given up; the first to do so counts.
    const bool tells_more =
        one.problem && (one.problem->kind != ProblemKind::host_resting ||
                        (!one.problem->permanent && (problem.permanent || one.problem->not_before_s <= problem.not_before_s)));
    if (!tells_more) one.problem = problem;
  }
}

Task<Result<std::unique_ptr<Stream>>> SmtpDelivery::open(const HostSeen& host) {
  const Wait wait{Scheduler::current().now().plus_ms(options_.connect_timeout_s * 1'000), &job_.stop};
  if (host.hop.is_socket()) co_return co_await deps_.connector.connect_local(host.hop.socket, wait);
  const SocketAddress& to = host.hop.address;
  co_return co_await deps_.connector.connect(to, interface_for(options_, to.address), wait);
}

Task<std::unique_ptr<SmtpConnection>> SmtpDelivery::connect(const HostSeen& host) {
  Result<std::unique_ptr<Stream>> stream = co_await open(host);
  if (!stream) {
    host_failed(connect_problem(stream.error(), host), host);
    co_return nullptr;
  }
  deps_.connections_made.add();
  auto connection =
      std::make_unique<SmtpConnection>(std::move(*stream), deps_.pool, client_options(options_, helo_name_), deps_.connections);
  const std::optional<smtp::ClientFailure> refused = co_await connection->client().hello(&job_.stop);
  if (!refused) co_return connection;
  host_failed(smtp_problem(*refused, host, false), host);
  transport_.pool_.give_back(host.hop, std::move(connection), false);
  co_return nullptr;
}

// The host cannot be used for anything that is still untried at it.
void SmtpDelivery::host_failed(const Problem& problem, const HostSeen& host) {
  if (problem.is_of_host()) {
    job_.events.on_host_problem(host, problem);
    deps_.hosts.note_failure(host.hop, host.name, domain(), job_.message.sender.view(), problem, now_s());
  }
  if (problem.permanent)
    settle_all(problem);
  else
    note_untried(problem);
}

std::vector<std::uint32_t> SmtpDelivery::next_batch(const smtp::PeerOffer& offer) const {
  const std::size_t most = recipients_max(options_, offer);
  std::vector<std::uint32_t> batch;
  for (const Waiting& one : waiting_)
    if (one.untried && batch.size() < most) batch.push_back(one.index);
  return batch;
}

Task<smtp::TransactionOutcome> SmtpDelivery::send(SmtpConnection& connection, const std::vector<std::uint32_t>& batch) {
  std::vector<smtp::ClientRecipient> recipients;
  for (const std::uint32_t index : batch)
    recipients.push_back({job_.recipients[index].address.view(), rcpt_params(job_.recipients[index])});
  MessageBody body(*composed_, job_, deps_.pool);
  smtp::ClientMessage message;
  message.sender = job_.return_path;
  message.params = mail_params(job_.message, *composed_);
  message.recipients = recipients;
  message.size_bytes = composed_->size();
  message.needs_smtputf8 = needs_smtputf8(job_, *composed_);
  message.body = &body;
  co_return co_await connection.client().send(message, &job_.stop);
}

Task<SmtpDelivery::Use> SmtpDelivery::use(SmtpConnection& connection, const HostSeen& host) {
  bool has_worked = false;
  while (has_untried() && !job_.stop.stop_requested()) {
    const std::vector<std::uint32_t> batch = next_batch(connection.client().offer());
    if (const std::optional<Problem> problem = co_await prepare(batch)) {
      settle_all(*problem);
      break;
    }
    const smtp::TransactionOutcome outcome = co_await send(connection, batch);
    // A peer may close an idle connection at any time: the next one tells whether the host is well.
    const bool met_the_end = outcome.failure && outcome.failure->kind == smtp::ClientFailure::Kind::closed &&
                             outcome.failure->phase == smtp::ClientPhase::mail;
    if (host.reused && !has_worked && (met_the_end || (outcome.failure && !outcome.started))) co_return Use::stale;
    take_outcome(outcome, batch, host);
    has_worked = true;
    if (!connection.client().usable()) co_return Use::worn_out;
  }
  co_return Use::finished;
}

void SmtpDelivery::take_outcome(const smtp::TransactionOutcome& outcome, const std::vector<std::uint32_t>& batch,
                                const HostSeen& host) {
  const bool progressed = take_delivered(outcome, batch, host);
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (!outcome.recipients[i].delivered) take_failure(batch[i], outcome.failure_of(i), host, outcome.in_doubt, progressed);
  if (outcome.in_doubt) return;
  const std::optional<Problem> problem =
      outcome.failure ? std::optional(smtp_problem(*outcome.failure, host, false)) : std::nullopt;
  if (problem && problem->is_of_host())
    host_failed(*problem, host);
  else if (!problem || problem->kind != ProblemKind::local)
    deps_.hosts.note_success(host.hop);  // it may not want this message, but it is well
}

// In LMTP each of them has an answer of its own.
bool SmtpDelivery::take_delivered(const smtp::TransactionOutcome& outcome, const std::vector<std::uint32_t>& batch,
                                  const HostSeen& host) {
  std::vector<std::uint32_t> delivered;
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (outcome.recipients[i].delivered) delivered.push_back(batch[i]);
  if (delivered.empty()) return false;
  std::erase_if(waiting_, [&](const Waiting& one) { return std::ranges::find(delivered, one.index) != delivered.end(); });
  Delivered event{.recipients = delivered,
                  .host = &host,
                  .confirmation = {},
                  .chunked = outcome.used_chunking,
                  .pipelined = outcome.used_pipelining,
                  .bytes = composed_->size()};
  if (!options_.lmtp) {
    report(event, outcome.accepted);
    return true;
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!outcome.recipients[i].delivered) continue;
    event.recipients = std::span(&batch[i], 1);
    report(event, outcome.accepted_by(i));
    event.is_further = true;
  }
  return true;
}

void SmtpDelivery::report(Delivered event, const smtp::PeerReply& accepted) {
  const std::string confirmation = printable(accepted.lines(), kConfirmationMax);
  event.confirmation = confirmation;
  job_.events.on_delivered(event);
}

void SmtpDelivery::take_failure(std::uint32_t index, const smtp::ClientFailure& failure, const HostSeen& host, bool in_doubt,
                                bool progressed) {
  const bool is_own = failure.phase == smtp::ClientPhase::rcpt;
  const bool too_many = is_own && failure.reply.code == kTooManyRecipients;
  if (too_many && progressed) return;  // in the next transaction
  const Problem problem = smtp_problem(failure, host, in_doubt && !is_own);
  if (problem.permanent || problem.kind == ProblemKind::data_lost)
    settle(index, problem);
  else
    note(index, problem);
}

}  // namespace postern::delivery
