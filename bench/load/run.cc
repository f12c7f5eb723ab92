#include "bench/load/run.h"

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>

#include "engine/ring/exact_sleep.h"
#include "engine/ring/readable.h"

namespace postern::load {
namespace {

std::int64_t to_ms(double seconds) { return std::llround(seconds * 1000); }
double seconds_between(Instant from, Instant to) { return static_cast<double>(to.ns - from.ns) / 1e9; }

double cpu_us_so_far() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

std::uint64_t sum(const std::array<std::uint64_t, kFailures>& counts) {
  std::uint64_t all = 0;
  for (const std::uint64_t count : counts) all += count;
  return all;
}

Counts difference(const Counts& later, const Counts& earlier) {
  Counts result = later;
  result.connections -= earlier.connections;
  result.begun -= earlier.begun;
  result.accepted -= earlier.accepted;
  result.refused -= earlier.refused;
  result.lost -= earlier.lost;
  result.cut_off -= earlier.cut_off;
  result.accepted_bytes -= earlier.accepted_bytes;
  result.not_offered -= earlier.not_offered;
  for (std::size_t i = 0; i < kFailures; ++i) result.failures[i] -= earlier.failures[i];
  for (std::size_t i = 0; i < kSteps; ++i)
    for (std::size_t code = 0; code < Counts::kCodes; ++code) result.replies[i][code] -= earlier.replies[i][code];
  return result;
}

std::uint32_t slow_connections(const Options& options) {
  const auto slow = static_cast<std::uint32_t>(std::lround(options.connections * options.slow_percent / 100));
  return options.slow_percent < 100 ? std::min(slow, options.connections - 1) : options.connections;
}

}  // namespace

Run::Run(const Options& options, const Script& script, Destination destination, transport::Runtime& runtime)
    : options_(options),
      script_(script),
      runtime_(runtime),
      random_(options.seed),
      schedule_(options.arrivals, options.rate, options.count, options.seed),
      endless_(*this),
      dialer_(runtime.streams(), runtime.blocks(), std::move(destination), random_) {
  connection_options_.timeout_ms = to_ms(options.timeout_seconds);
  connection_options_.counts_from_due = options.arrivals != Arrivals::at_once;
  slow_options_ = connection_options_;
  slow_options_.send_pace = options.slow_send;
  slow_options_.read_pace = options.slow_read;
  outcome_.slow_connections = slow_connections(options);
}

std::optional<Due> Run::Endless::take(Instant now) {
  if (is_over()) return std::nullopt;
  return Due{now, taken_++};
}

Task<void> Run::play() {
  set_bounds(runtime_.loop().now());
  start_connections();
  helpers_.start(keep_time());
  helpers_.start(heed_signals());
  if (options_.arrivals != Arrivals::at_once) helpers_.start(release_messages());
  co_await gate_.close();
  end(runtime_.loop().now());
  finished_.request_stop();
  co_await helpers_.close();
  outcome_.seconds = seconds_between(start_, runtime_.loop().now());
  outcome_.total = figures_->counts;
  outcome_.slow = slow_figures_->counts;
  outcome_.latencies = figures_->latencies;
  outcome_.connect_error = figures_->connect_error ? figures_->connect_error : slow_figures_->connect_error;
}

void Run::set_bounds(Instant start) {
  start_ = progress_at_ = stood_ = start;
  begin_sample_ = sample(start);
  if (options_.seconds > 0) end_ = start.plus_ms(to_ms(options_.seconds));
  if (options_.seconds > 0 && options_.warmup_percent > 0)
    warm_ = start.plus_ms(to_ms(options_.seconds * options_.warmup_percent / 100));
  else
    warm_count_ = static_cast<std::uint64_t>(static_cast<double>(options_.count) * options_.warmup_percent / 100);
  if (options_.count > 0) end_count_ = options_.count;
  next_count_ = std::min(warm_count_, end_count_);
  has_counted(start);
  schedule_.begin(start, end_);
}

void Run::start_connections() {
  for (std::uint32_t i = 0; i < options_.connections; ++i) {
    const bool slow = i >= options_.connections - outcome_.slow_connections;
    MessageSource& source = slow ? static_cast<MessageSource&>(endless_) : *this;
    connections_.push_back(std::make_unique<Connection>(ConnectionContext{.script = script_,
                                                                          .options = slow ? slow_options_ : connection_options_,
                                                                          .dialer = dialer_,
                                                                          .pool = runtime_.blocks(),
                                                                          .random = random_,
                                                                          .source = source,
                                                                          .figures = slow ? *slow_figures_ : *figures_,
                                                                          .crew = *this,
                                                                          .over = over_}));
    gate_.start(connections_.back()->run());
  }
}

void Run::wants_message(Connection& connection) {
  waiting_.push_back(&connection);
  has_waiting_.set();
}

void Run::wake(std::size_t connections, Instant now) {
  for (; connections > 0 && !waiting_.empty(); --connections) {
    Connection& connection = *waiting_.front();
    waiting_.pop_front();
    connection.look_again(now);
  }
}

void Run::has_counted(Instant now) {
  const std::uint64_t ended = figures_->counts.ended();
  if (ended < next_count_) return;
  if (ended >= warm_count_) begin_measuring(now);
  next_count_ = end_count_;
  if (ended < end_count_) return;
  next_count_ = UINT64_MAX;
  end_measuring(now);
  counted_.set();
}

// The open loop: hands each message, when it is due, to the connection that has waited longest. When none waits, whichever is
// done first takes it by itself.
Task<void> Run::release_messages() {
  while (!schedule_.is_over() && runtime_.loop().now() < end_) {
    const Instant now = runtime_.loop().now();
    while (!waiting_.empty() && schedule_.has_due(now)) wake(1, now);
    if (waiting_.empty()) {
      has_waiting_.clear();
      if (!co_await has_waiting_.wait({Instant::never(), &over_})) break;
    } else if (!schedule_.is_over()) {
      if (!co_await ring::sleep_exactly(runtime_.ring(), schedule_.next_due(), &over_)) break;
    }
  }
  wake(waiting_.size(), runtime_.loop().now());
}

Task<void> Run::keep_time() {
  Instant next_second = start_.plus_ms(1000);
  while (!finished_.stop_requested()) {
    Instant next = next_second;
    if (!measuring_) next = std::min(next, warm_);
    if (!over_.stop_requested()) next = std::min(next, end_);
    static_cast<void>(co_await counted_.wait({next, &finished_}));
    const Instant now = runtime_.loop().now();
    if (now >= warm_) begin_measuring(now);
    if (now >= end_ || counted_.is_set()) end(now);
    counted_.clear();
    if (now < next_second) continue;
    every_second(now);
    next_second = std::max(next_second.plus_ms(1000), now);
  }
}

void Run::every_second(Instant now) {
  const Instant silent_since = now.plus_ms(-connection_options_.timeout_ms);
  bool stands = false;
  for (const auto& connection : connections_) {
    connection->give_up_if_silent_since(silent_since);
    stands = stands || connection->stands();
  }
  const std::uint64_t connections = figures_->counts.connections + slow_figures_->counts.connections;
  if (stands || connections != std::exchange(connections_seen_, connections)) stood_ = now;
  if (!options_.quiet) show_progress(now);
  if (over_.stop_requested() || seconds_between(stood_, now) < options_.give_up_seconds) return;
  outcome_.gave_up = true;
  end(now);
}

void Run::show_progress(Instant now) {
  const Counts& counts = figures_->counts;
  const auto standing = std::ranges::count_if(connections_, [](const auto& connection) { return connection->stands(); });
  const auto ms = [](std::int64_t ns) { return static_cast<double>(ns) / 1e6; };
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  std::fprintf(stderr,
               "%s%6.1f s %9.0f msg/s  p50 %.2f ms  p99 %.2f ms  %td connections  %llu refused  %llu lost  %llu failures%s",
               terminal ? "\r\033[K" : "", seconds_between(start_, now),
               static_cast<double>(counts.accepted - progress_accepted_) / std::max(seconds_between(progress_at_, now), 1e-9),
               ms(figures_->second.transaction.percentile_ns(50)), ms(figures_->second.transaction.percentile_ns(99)), standing,
               static_cast<unsigned long long>(counts.refused), static_cast<unsigned long long>(counts.lost),
               static_cast<unsigned long long>(sum(counts.failures)), terminal ? "" : "\n");
  progress_at_ = now;
  progress_accepted_ = counts.accepted;
  figures_->second.clear();
}

// The first SIGINT or SIGTERM ends the run in good order, a second one the process.
Task<void> Run::heed_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  const int descriptor = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor < 0) co_return;
  const Result<void> came = co_await ring::readable(runtime_.ring(), descriptor, {Instant::never(), &finished_});
  if (came) {
    signalfd_siginfo taken{};
    static_cast<void>(!::read(descriptor, &taken, sizeof taken));
    ::sigprocmask(SIG_UNBLOCK, &signals, nullptr);
    outcome_.interrupted = true;
    end(runtime_.loop().now());
  }
  ::close(descriptor);
}

Run::Sample Run::sample(Instant now) const { return {now, cpu_us_so_far(), figures_->counts}; }

void Run::begin_measuring(Instant now) {
  if (measuring_ || measured_) return;
  measuring_ = true;
  begin_sample_ = sample(now);
  figures_->latencies.clear();
}

// A run that ends before it is warm is measured from its start.
void Run::end_measuring(Instant now) {
  if (measured_) return;
  measured_ = true;
  const Sample last = sample(now);
  outcome_.measured_seconds = seconds_between(begin_sample_.when, now);
  outcome_.measured = difference(last.counts, begin_sample_.counts);
  outcome_.cpu_us = last.cpu_us - begin_sample_.cpu_us;
}

void Run::end(Instant now) {
  if (over_.stop_requested()) return;
  end_measuring(now);
  const std::uint64_t overdue = schedule_.stop_and_count_overdue(now);
  if (options_.arrivals != Arrivals::at_once) outcome_.not_started = overdue + schedule_.taken() - figures_->counts.begun;
  over_.request_stop();
  wake(waiting_.size(), now);
  for (std::size_t i = connections_.size() - outcome_.slow_connections; i < connections_.size(); ++i)
    connections_[i]->cut_off();
}

}  // namespace postern::load
