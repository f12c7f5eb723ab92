#include "bench/load/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>

namespace postern::load {
namespace {

using Json = nlohmann::ordered_json;

std::string to_string(const Target& target) {
  if (!target.path.empty()) return "unix:" + target.path;
  const bool is_v6 = target.host.contains(':');
  return (is_v6 ? "[" + target.host + "]" : target.host) + ":" + std::to_string(target.port);
}

std::string_view to_string(Arrivals arrivals) {
  switch (arrivals) {
    case Arrivals::at_once: return "closed";
    case Arrivals::even: return "even";
    case Arrivals::poisson: return "poisson";
  }
  return "";
}

double per_second(std::uint64_t count, double seconds) { return seconds > 0 ? static_cast<double>(count) / seconds : 0; }
double us(std::int64_t ns) { return static_cast<double>(ns) / 1000; }

// Messages that ended while measured: what the processor time was spent on.
double cpu_us_per_message(const Outcome& outcome) {
  const std::uint64_t ended = outcome.measured.ended();
  return ended > 0 ? outcome.cpu_us / static_cast<double>(ended) : 0;
}

double cpu_share(const Outcome& outcome) {
  return outcome.measured_seconds > 0 ? outcome.cpu_us / 1e6 / outcome.measured_seconds : 0;
}

Json replies_json(const Counts& counts) {
  Json json = Json::object();
  for (std::size_t step = 0; step < kSteps; ++step)
    for (std::size_t code = 0; code < Counts::kCodes; ++code)
      if (const std::uint64_t count = counts.replies[step][code]; count > 0)
        json[load::to_string(static_cast<Step>(step))][std::to_string(code)] = count;
  return json;
}

Json failures_json(const Counts& counts) {
  Json json = Json::object();
  for (std::size_t i = 0; i < kFailures; ++i) json[load::to_string(static_cast<Failure>(i))] = counts.failures[i];
  return json;
}

Json messages_json(const Counts& counts) {
  return {{"begun", counts.begun},
          {"accepted", counts.accepted},
          {"refused", counts.refused},
          {"lost", counts.lost},
          {"cut_off", counts.cut_off},
          {"accepted_bytes", counts.accepted_bytes},
          {"connections", counts.connections}};
}

Json latency_json(const LatencyHistogram& latency) {
  return {{"count", latency.count()},
          {"p50", us(latency.percentile_ns(50))},
          {"p90", us(latency.percentile_ns(90))},
          {"p99", us(latency.percentile_ns(99))},
          {"p999", us(latency.percentile_ns(99.9))},
          {"max", us(latency.max_ns())}};
}

void add_latency(std::string& text, std::string_view name, const LatencyHistogram& latency) {
  fmt::format_to(std::back_inserter(text), "{:<16}", name);
  for (const double percent : {50.0, 90.0, 99.0, 99.9})
    fmt::format_to(std::back_inserter(text), "{:>12.1f}", us(latency.percentile_ns(percent)));
  fmt::format_to(std::back_inserter(text), "{:>12.1f}\n", us(latency.max_ns()));
}

void add_replies(std::string& text, const Counts& counts) {
  for (std::size_t step = 0; step < kSteps; ++step) {
    std::string line;
    for (std::size_t code = 0; code < Counts::kCodes; ++code)
      if (counts.replies[step][code] > 0)
        fmt::format_to(std::back_inserter(line), "  {} x {}", code, counts.replies[step][code]);
    if (!line.empty()) fmt::format_to(std::back_inserter(text), "  {:<14}{}\n", load::to_string(static_cast<Step>(step)), line);
  }
}

void add_failures(std::string& text, const Counts& counts) {
  fmt::format_to(std::back_inserter(text), "{:<16}{} were ready for mail", "connections", counts.connections);
  for (std::size_t i = 0; i < kFailures; ++i)
    if (counts.failures[i] > 0)
      fmt::format_to(std::back_inserter(text), "; {} failed: {}", counts.failures[i], load::to_string(static_cast<Failure>(i)));
  text += '\n';
}

void add_warnings(std::string& text, const Options& options, const Outcome& outcome) {
  if (outcome.interrupted) text += "interrupted: the run did not last as long as it should have\n";
  if (outcome.gave_up)
    fmt::format_to(std::back_inserter(text), "gave up: no connection stood for {:g} seconds{}\n", options.give_up_seconds,
                   outcome.connect_error ? " (" + describe(*outcome.connect_error) + ")" : "");
  if (outcome.total.not_offered + outcome.slow.not_offered > 0)
    text += "the server does not offer what was asked for (PIPELINING, CHUNKING): it was done without\n";
  if (outcome.not_started > 0)
    fmt::format_to(std::back_inserter(text),
                   "{} messages were due and not started: all connections were busy. True latencies are higher than told\n",
                   outcome.not_started);
}

}  // namespace

std::string report_text(const Options& options, const Outcome& outcome) {
  const Counts& measured = outcome.measured;
  std::string text = fmt::format("{}  {} connections, {}, pipeline {}{}, ", to_string(options.target), options.connections,
                                 options.sizes_text, options.pipeline, options.bdat ? " with BDAT" : "");
  text +=
      options.rate > 0 ? fmt::format("open loop of {:g}/s, {}\n", options.rate, to_string(options.arrivals)) : "closed loop\n";
  fmt::format_to(std::back_inserter(text), "{:<16}{:.2f} s of {:.2f} s\n", "measured", outcome.measured_seconds,
                 outcome.seconds);
  fmt::format_to(std::back_inserter(text), "{:<16}{}  {:.1f}/s  {:.2f} MiB/s\n", "accepted", measured.accepted,
                 per_second(measured.accepted, outcome.measured_seconds),
                 per_second(measured.accepted_bytes, outcome.measured_seconds) / (1024 * 1024));
  fmt::format_to(std::back_inserter(text), "{:<16}{} refused, {} lost\n", "not accepted", measured.refused, measured.lost);
  fmt::format_to(std::back_inserter(text), "{:<16}{:>12}{:>12}{:>12}{:>12}{:>12}\n", "latency, us", "p50", "p90", "p99",
                 "p99.9", "max");
  add_latency(text, "  final reply", outcome.latencies.final_reply);
  add_latency(text, "  transaction", outcome.latencies.transaction);
  fmt::format_to(std::back_inserter(text), "{:<16}{:.2f} us per message, {:.0f} % of a processor\n", "own cost",
                 cpu_us_per_message(outcome), cpu_share(outcome) * 100);
  text += "in the whole run:\n";
  fmt::format_to(std::back_inserter(text), "{:<16}{} begun, {} accepted, {} refused, {} lost, {} cut off\n", "messages",
                 outcome.total.begun, outcome.total.accepted, outcome.total.refused, outcome.total.lost, outcome.total.cut_off);
  add_failures(text, outcome.total);
  text += "replies\n";
  add_replies(text, outcome.total);
  if (outcome.slow_connections > 0)
    fmt::format_to(std::back_inserter(text),
                   "{:<16}{} connections; messages: {} begun, {} accepted, {} refused, {} lost, {} cut off\n", "slow peers",
                   outcome.slow_connections, outcome.slow.begun, outcome.slow.accepted, outcome.slow.refused, outcome.slow.lost,
                   outcome.slow.cut_off);
  add_warnings(text, options, outcome);
  return text;
}

std::string report_json(const Options& options, const Outcome& outcome) {
  const Counts& measured = outcome.measured;
  Json json;
  json["target"] = to_string(options.target);
  json["connections"] = options.connections;
  json["pipeline"] = options.pipeline;
  json["bdat"] = options.bdat;
  json["size"] = options.sizes_text;
  json["arrivals"] = to_string(options.arrivals);
  json["rate_wanted"] = options.rate;
  json["seconds"] = outcome.seconds;
  json["measured_seconds"] = outcome.measured_seconds;
  json["rate"] = per_second(measured.accepted, outcome.measured_seconds);
  json["bytes_per_second"] = per_second(measured.accepted_bytes, outcome.measured_seconds);
  json["accepted"] = measured.accepted;
  json["refused"] = measured.refused;
  json["lost"] = measured.lost;
  json["latency_us"] = {{"final", latency_json(outcome.latencies.final_reply)},
                        {"transaction", latency_json(outcome.latencies.transaction)}};
  json["cpu_us_per_message"] = cpu_us_per_message(outcome);
  json["cpu_share"] = cpu_share(outcome);
  json["not_started"] = outcome.not_started;
  json["total"] = messages_json(outcome.total);
  json["replies"] = replies_json(outcome.total);
  json["failures"] = failures_json(outcome.total);
  json["not_offered"] = outcome.total.not_offered;
  json["slow"] = messages_json(outcome.slow);
  json["slow"]["peers"] = outcome.slow_connections;
  json["gave_up"] = outcome.gave_up;
  json["interrupted"] = outcome.interrupted;
  return json.dump(2) + "\n";
}

}  // namespace postern::load
