#include <benchmark/benchmark.h>

#include <string>
#include <utility>

#include "engine/coro/manual_scheduler.h"
#include "policy/spf/record.h"
#include "policy/spf/spf.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

namespace postern::spf {
namespace {

constexpr std::string_view kLongRecord =
    "v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.0/24 ip6:2001:db8:1::/48 include:a.example include:b.example a mx -all";

void read(benchmark::State& state) {
  RecordError error;
  for (auto _ : state) benchmark::DoNotOptimize(read_record(kLongRecord, error));
}
BENCHMARK(read);

// With a resolver that knows everything; its own table is in the figure.
void check_warm(benchmark::State& state, std::string_view record) {
  ManualScheduler scheduler;
  dns::FakeResolver resolver;
  resolver.know_at_once(true);
  resolver.add_text("x.example", record);
  resolver.add_text("a.example", "v=spf1 ip4:198.51.100.0/24 ~all");
  resolver.add_text("b.example", "v=spf1 include:c.example ~all");
  resolver.add_text("c.example", "v=spf1 ip4:198.51.100.0/24 ip4:192.0.2.0/24 ~all");
  const Question question{.client = IpAddress::v4(0xc0000201),
                          .sender = PeerText("user@x.example"),
                          .helo = PeerText("mail.x.example"),
                          .receiver = "mx.here.example"};
  for (auto _ : state) {
    Outcome outcome = testing::run_task(scheduler, check(question, resolver, {}));
    benchmark::DoNotOptimize(outcome);
  }
}
BENCHMARK_CAPTURE(check_warm, of_one_address, "v=spf1 ip4:192.0.2.1 -all");
BENCHMARK_CAPTURE(check_warm, of_three_includes, kLongRecord);

}  // namespace
}  // namespace postern::spf
