#include "engine/coro/event.h"
#include "policy/acl/acl_testing.h"

namespace postern::acl {
namespace {

// Names that come a while later.
class SlowNames final : public lists::ListFacts {
 public:
  dns::HostNames::Result result = dns::HostNames::Result::confirmed;
  int asked = 0;
  std::optional<dns::HostNames> host_names_now() override { return std::nullopt; }
  Task<dns::HostNames> host_names() override {
    ++asked;
    co_await Yield{};
    dns::HostNames names;
    names.result = result;
    if (result == dns::HostNames::Result::confirmed) names.name = PeerText("client.example");
    co_return names;
  }
};

struct ListCase {
  std::string_view acl;
  std::string_view confirmed;  // what comes of it when the client has a name
  std::string_view none;       // when it has none
};

TEST(Acl, ListsWait) {
  constexpr ListCase kLists[] = {
      {"accept hosts = *.example", "accept []", "deny []"},
      {"accept hosts = +include_unknown : *.example", "accept []", "accept []"},
      {"accept hosts = +ignore_unknown : *.other : 192.0.2.7", "accept []", "accept []"},
      {"accept !hosts = *.example", "deny []", "accept []"},
      {"accept hosts = 192.0.2.7 : *.example", "accept []", "accept []"},
      {"accept hosts = forward.example", "defer [DNS lookup of \"forward.example\" deferred]",
       "defer [DNS lookup of \"forward.example\" deferred]"},
      {"warn hosts = forward.example\naccept", "accept []", "accept []"},
  };
  for (const ListCase& c : kLists)
    for (const bool has_name : {true, false}) {
      const Loaded loaded = load(c.acl);
      EXPECT_EQ(loaded.complaints, "") << c.acl;
      SlowNames names;
      if (!has_name) names.result = dns::HostNames::Result::none;
      FakeWorld world;
      world.asked_facts = &names;
      AclState state;
      FakeContext context;
      AclSubject subject{.variables = context, .client = *IpAddress::parse("192.0.2.7")};
      subject.state = &state;
      subject.world = &world;
      const AclOutcome outcome = outcome_of(loaded.acl, subject);
      EXPECT_EQ(std::string(name_of(outcome.verdict)) + " [" + outcome.log_message + "]", has_name ? c.confirmed : c.none)
          << c.acl;
    }
}

TEST(Acl, ListsLeaveTheirData) {
  const Loaded loaded = load(
      "warn domains = ^(in).(local)\n local_parts = us*\nwarn senders = sender@example.net\nwarn hosts = "
      "192.0.2.7\nwarn recipients = *@in.local\naccept");
  AclState state;
  FakeContext context;
  FakeWorld world;
  AclSubject subject{.variables = context,
                     .client = *IpAddress::parse("192.0.2.7"),
                     .sender = "sender@example.net",
                     .recipient = "user@in.local",
                     .local_part = "user",
                     .domain = "in.local"};
  subject.state = &state;
  subject.world = &world;
  EXPECT_EQ(outcome_of(loaded.acl, subject).verdict, AclVerdict::accept);
  EXPECT_EQ(state.domain_data.text, "^(in).(local)");
  EXPECT_EQ(state.local_part_data.text, "") << "it did not match";
  EXPECT_TRUE(state.captures.empty()) << "they are the local part's";
  EXPECT_EQ(state.sender_data.text, "sender@example.net");
  EXPECT_EQ(state.recipient_data.text, "*@in.local");
  state.begin_command();
  EXPECT_EQ(state.domain_data.text, "");
  state.end_of_message();
  EXPECT_EQ(state.sender_data.text, "");
  EXPECT_EQ(outcome_of(load("accept domains = ^(in).(local)").acl, subject).verdict, AclVerdict::accept);
  EXPECT_EQ(state.captures, (std::vector<std::string>{"in.local", "in", "local"}));
}

}  // namespace
}  // namespace postern::acl
