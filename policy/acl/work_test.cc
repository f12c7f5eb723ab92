// What judging costs: nothing is allocated for statements that match nothing.
#include <gtest/gtest.h>

#include "engine/base/allocation_count_testing.h"
#include "policy/acl/provider_acl_testing.h"

namespace postern::acl {
namespace {

std::uint64_t allocations_of(std::size_t statements) {
  const auto provider = make_provider_acl(1'000, statements);
  EXPECT_EQ(provider->complaints, "");
  EXPECT_EQ(provider->acl.statements.size(), statements + 1);
  const AclSubject subject = provider->subject();
  std::uint64_t allocations = 0;
  for (int i = 0; i < 2; ++i) {  // what a thread keeps for all its runs is there the second time
    const testing::AllocationCount count;
    AclRun run(provider->acl, subject);
    EXPECT_TRUE(run.advance());
    allocations = count.so_far();
    EXPECT_EQ(run.take().verdict, AclVerdict::accept);
  }
  return allocations;
}

// One room for the texts of all statements, which has grown to the longest.
TEST(AclWork, StatementsThatMatchNothingAllocateNothing) {
  const std::uint64_t once = allocations_of(6);
  EXPECT_LE(once, 2U);
  EXPECT_EQ(allocations_of(kProviderStatements), once);
}

}  // namespace
}  // namespace postern::acl
