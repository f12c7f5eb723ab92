// The configuration that ./quickstart starts, and what it promises.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "appliance/config/config_testing.h"
#include "appliance/config/disk_files.h"
#include "policy/acl/run.h"
#include "policy/routing/route.h"
#include "tests/fakes/run_task.h"

namespace postern::config {
namespace {

class Nothing final : public expand::EvalContext {
 public:
  std::string_view variable(expand::VariableId, std::string&) const override { return {}; }
};

std::string quickstart_text() {
  const char* const source = std::getenv("POSTERN_SOURCE_DIR");
  DiskFiles files;
  const auto text = files.read((source == nullptr ? "." : std::string(source)) + "/appliance/config/quickstart.conf", 1 << 20);
  if (!text) return {};
  std::string filled = *text;
  constexpr std::string_view kMark = "@DIRECTORY@";
  for (std::size_t at = filled.find(kMark); at != filled.npos; at = filled.find(kMark)) filled.replace(at, kMark.size(), "/q");
  return filled;
}

TEST(Quickstart, LoadsWithoutAWord) {
  MemoryLoad memory;
  EXPECT_EQ(memory.said(quickstart_text()), "");
}

TEST(Quickstart, RelaysForTheLoopbackOnly) {
  MemoryLoad memory;
  const LoadResult result = memory.load(quickstart_text());
  ASSERT_TRUE(result.ok());
  const Nothing context;
  const auto verdict = [&](std::string_view client, std::string_view domain) {
    const acl::AclSubject subject{.variables = context,
                                  .client = *IpAddress::parse(client),
                                  .sender = "a@b",
                                  .recipient = "u@x",
                                  .local_part = "u",
                                  .domain = domain};
    return acl::run(*result.config->acl_for(acl::Phase::rcpt), subject).verdict;
  };
  EXPECT_EQ(verdict("127.0.0.1", "elsewhere.example"), acl::AclVerdict::accept);
  EXPECT_EQ(verdict("::1", "elsewhere.example"), acl::AclVerdict::accept);
  EXPECT_EQ(verdict("192.0.2.1", "elsewhere.example"), acl::AclVerdict::deny);
  EXPECT_EQ(verdict("192.0.2.1", "example.org"), acl::AclVerdict::accept);
  ManualScheduler scheduler;
  const auto routed = testing::run_task(scheduler, routing::route(result.config->routers, {"u", "example.org", "a@b", context},
                                                                  {result.config->local_addresses}));
  EXPECT_EQ(std::get<AppendfileTransport>(result.config->transport(routed.transport)->driver).directory, "/q/maildir");
}

}  // namespace
}  // namespace postern::config
