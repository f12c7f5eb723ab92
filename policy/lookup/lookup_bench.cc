// A million keys: what loading the file costs, and what a lookup in it does.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <memory>
#include <string>

#include "policy/lookup/lookup.h"
#include "policy/lookup/matching.h"
#include "policy/lookup/text_index.h"

namespace postern::lookup {
namespace {

constexpr std::size_t kKeys = 1'000'000;

const std::string& million() {
  static const std::string file = [] {
    std::string text;
    for (std::size_t i = 0; i < kKeys; ++i)
      text += "host" + std::to_string(i * 7919 % kKeys) + ".domain.example: data " + std::to_string(i) + "\n";
    return text;
  }();
  return file;
}

void BM_LoadMillion(benchmark::State& state) {
  const TypeId type = state.range(0) == 0 ? TypeId::lsearch : TypeId::nwildlsearch;
  for (auto _ : state) benchmark::DoNotOptimize(TextIndex::make(type, million()));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kKeys));
}
BENCHMARK(BM_LoadMillion)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void look_up(benchmark::State& state, TypeId type, std::string_view written_as, const char* tail) {
  static const std::unique_ptr<const TextIndex> indexes[] = {TextIndex::make(TypeId::lsearch, million()),
                                                             TextIndex::make(TypeId::nwildlsearch, million())};
  const TextIndex& index = *indexes[type == TypeId::lsearch ? 0 : 1];
  const Written written = parse_written(written_as).value();
  std::string value;
  std::string why;
  std::size_t i = 0;
  std::size_t found = 0;
  for (auto _ : state) {
    i = (i + 104'729) % kKeys;
    const std::string key = "host" + std::to_string(i) + tail;
    KeySequence keys(written, key);
    std::string_view one;
    value.clear();
    while (keys.next(one))
      if (index.find(one, false, value, why) == TextIndex::Outcome::found) {
        ++found;
        break;
      }
  }
  state.counters["found"] = static_cast<double>(found) / static_cast<double>(state.iterations());
}

void BM_FindInMillion(benchmark::State& state) { look_up(state, TypeId::lsearch, "lsearch", ".domain.example"); }
void BM_MissInMillion(benchmark::State& state) { look_up(state, TypeId::lsearch, "lsearch", ".other.example"); }
void BM_MissPartialInMillion(benchmark::State& state) { look_up(state, TypeId::lsearch, "partial-lsearch", ".other.example"); }
void BM_FindWildInMillion(benchmark::State& state) { look_up(state, TypeId::nwildlsearch, "nwildlsearch", ".domain.example"); }
BENCHMARK(BM_FindInMillion);
BENCHMARK(BM_MissInMillion);
BENCHMARK(BM_MissPartialInMillion);
BENCHMARK(BM_FindWildInMillion);

}  // namespace
}  // namespace postern::lookup
