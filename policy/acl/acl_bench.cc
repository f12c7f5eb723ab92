// Judging: 30 statements that are passed over, with a list as long as given.
#include <benchmark/benchmark.h>

#include <map>
#include <memory>

#include "policy/acl/provider_acl_testing.h"

namespace {

using namespace postern;

void BM_ProviderAcl(benchmark::State& state) {
  // Made once, however often the benchmark is begun again.
  static std::map<std::int64_t, std::unique_ptr<acl::ProviderAcl>> made;
  auto& provider = made[state.range(0)];
  if (!provider) provider = acl::make_provider_acl(static_cast<std::size_t>(state.range(0)));
  if (!provider->complaints.empty()) return state.SkipWithError(provider->complaints.c_str());
  const acl::AclSubject subject = provider->subject();
  for (auto _ : state) {
    acl::AclRun run(provider->acl, subject);
    if (!run.advance() || run.take().verdict != acl::AclVerdict::accept) return state.SkipWithError("not accepted");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(acl::kProviderStatements));
}
BENCHMARK(BM_ProviderAcl)->Arg(1'000)->Arg(1'000'000);

}  // namespace
