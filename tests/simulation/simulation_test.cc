// Seeds of the simulation. POSTERN_SEEDS=n runs the first n, POSTERN_SEED=n runs that one alone, exactly as it ran among
// others.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/simulation/simulation.h"

namespace postern::simulation {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define POSTERN_SLOW_BUILD 1
#endif
#endif
#ifdef POSTERN_SLOW_BUILD
constexpr std::uint64_t kSeeds = 100;
#else
constexpr std::uint64_t kSeeds = 1'000;
#endif

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void add(Totals& to, const Totals& from) {
  to.acknowledged += from.acknowledged;
  to.refused += from.refused;
  to.arrived += from.arrived;
  to.bounced += from.bounced;
  to.duplicates += from.duplicates;
  to.kills_of_ingress += from.kills_of_ingress;
  to.kills_of_delivery += from.kills_of_delivery;
  to.power_losses += from.power_losses;
  to.clean_stops += from.clean_stops;
  to.failed_starts += from.failed_starts;
  to.full_disks += from.full_disks;
  to.disk_errors += from.disk_errors;
  to.large += from.large;
  to.moved += from.moved;
  to.journal_files += from.journal_files;
}

TEST(Simulation, WhateverHappensTheAccountBalances) {
  const std::uint64_t only = number_from("POSTERN_SEED", 0);
  const std::uint64_t seeds = only != 0 ? 1 : number_from("POSTERN_SEEDS", kSeeds);
  Totals totals;
  for (std::uint64_t i = 1; i <= seeds; ++i) {
    const std::uint64_t seed = only != 0 ? only : i;
    Simulation simulation(seed);
    for (const std::string& wrong : simulation.run()) ADD_FAILURE() << "seed " << seed << ": " << wrong;
    if (only != 0)
      for (const std::string& line : simulation.story()) std::printf("%s\n", line.c_str());
    add(totals, simulation.totals());
    if (HasFailure()) break;  // one seed is enough to look at
  }
  std::printf(
      "acknowledged %llu, refused %llu, arrived %llu, bounced %llu, twice %llu; killed: ingress %llu, delivery %llu; power "
      "lost %llu, clean stops %llu, failed starts %llu; disk full %llu, errors %llu; large %llu, moved %llu, journal files "
      "%llu\n",
      static_cast<unsigned long long>(totals.acknowledged), static_cast<unsigned long long>(totals.refused),
      static_cast<unsigned long long>(totals.arrived), static_cast<unsigned long long>(totals.bounced),
      static_cast<unsigned long long>(totals.duplicates), static_cast<unsigned long long>(totals.kills_of_ingress),
      static_cast<unsigned long long>(totals.kills_of_delivery), static_cast<unsigned long long>(totals.power_losses),
      static_cast<unsigned long long>(totals.clean_stops), static_cast<unsigned long long>(totals.failed_starts),
      static_cast<unsigned long long>(totals.full_disks), static_cast<unsigned long long>(totals.disk_errors),
      static_cast<unsigned long long>(totals.large), static_cast<unsigned long long>(totals.moved),
      static_cast<unsigned long long>(totals.journal_files));
  if (seeds < 50) return;
  // It was worth it.
  EXPECT_GT(totals.acknowledged, 10 * seeds);
  EXPECT_GT(totals.refused, seeds / 4);
  EXPECT_GT(totals.bounced, seeds / 10);
  EXPECT_GT(totals.duplicates, 0U);
  EXPECT_LT(totals.duplicates, totals.arrived / 4);
  EXPECT_GT(totals.kills_of_ingress, seeds);
  EXPECT_GT(totals.kills_of_delivery, seeds);
  EXPECT_GT(totals.power_losses, seeds / 2);
  EXPECT_GT(totals.large, 0U);
  EXPECT_GT(totals.moved, 0U);
}

TEST(Simulation, ASeedReplaysExactly) {
  for (const std::uint64_t seed : {3U, 17U, 99U}) {
    std::uint64_t traces[2];
    for (std::uint64_t& trace : traces) {
      Simulation simulation(seed);
      EXPECT_TRUE(simulation.run().empty());
      trace = simulation.trace();
    }
    EXPECT_EQ(traces[0], traces[1]) << seed;
  }
}

}  // namespace
}  // namespace postern::simulation
