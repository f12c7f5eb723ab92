// Whoever watches an ACL hears of each step.
#include "policy/acl/acl_testing.h"

namespace postern::acl {
namespace {

using expand::VariableId;

class Tracer final : public AclListener {
 public:
  std::string heard;
  void warning(std::string_view) override {}
  void skipped(std::string_view) override {}
  void trouble(std::string_view) override {}
  [[nodiscard]] bool traces() const override { return true; }
  void begins(const Acl& acl, const Statement& statement, unsigned depth) override {
    heard.append(depth, '>').append(acl.name).append(": ").append(statement.source.view()).append("\n");
  }
  void did(const StepTrace& step, unsigned depth) override {
    heard.append(depth, '>').append("  ").append(step.source).append(" [").append(step.value).append("] ");
    heard.append(step.result).append(step.why.empty() ? "" : ": ").append(step.why).append("\n");
  }
  void judged(const Acl&, const Statement& statement, std::string_view result, unsigned depth) override {
    heard.append(depth, '>').append(" ").append(statement.source.view()).append(" is ").append(result).append("\n");
  }
  void ended(const Acl& acl, const AclOutcome& outcome, bool implicit, unsigned depth) override {
    heard.append(depth, '>').append(acl.name).append(implicit ? " falls off its end" : " ends");
    heard.append(outcome.message.empty() ? "" : ": ").append(outcome.message).append("\n");
  }
};

TEST(Acl, CanBeWatched) {
  FakeContext context;
  context.values = {{VariableId::domain, "in.local"}};
  FakeWorld world;
  world.acls.emplace("inner", std::make_shared<const Acl>(load("accept condition = $acl_narg").acl));
  Tracer tracer;
  AclState state;
  context.state = &state;
  AclSubject subject{.variables = context, .domain = "in.local", .listener = &tracer};
  subject.state = &state;
  subject.world = &world;
  const Loaded loaded =
      load("deny !domains = in.local\nwarn set acl_m_x = $domain\n acl = inner\naccept condition = ${uc:maybe}");
  static_cast<void>(outcome_of(loaded.acl, subject));
  EXPECT_EQ(tracer.heard,
            "check_rcpt: deny\n  !domains = in.local [in.local] true: matched \"in.local\"\n deny is false\n"
            "check_rcpt: warn\n  set acl_m_x = $domain [in.local] \n  acl = inner [inner] asked\n"
            ">check_rcpt: accept\n>  condition = $acl_narg [0] false\n> accept is false\n>check_rcpt falls off its end\n"
            "  acl = inner [] false\n warn is false\n"
            "check_rcpt: accept\n  condition = ${uc:maybe} [MAYBE] deferred: invalid \"condition\" value \"MAYBE\"\n"
            " accept is deferred\ncheck_rcpt ends\n");
}

TEST(Acl, TellsWhyAListMatched) {
  FakeContext context;
  const auto why = [&](std::string_view condition) {
    Tracer tracer;
    AclSubject subject{.variables = context,
                       .client = *IpAddress::parse("192.0.2.9"),
                       .sender = "me@x.example",
                       .recipient = "you@in.local",
                       .local_part = "you",
                       .domain = "in.local",
                       .listener = &tracer};
    static_cast<void>(outcome_of(load(std::string("deny ").append(condition)).acl, subject));
    const std::size_t begin = tracer.heard.find('[');
    return tracer.heard.substr(begin, tracer.heard.find('\n', begin) - begin);
  };
  EXPECT_EQ(why("hosts = 198.51.100.1 : 192.0.2.0/24"), "[192.0.2.9] true: matched \"192.0.2.0/24\"");
  EXPECT_EQ(why("hosts = !192.0.2.9 : *"), "[192.0.2.9] false: matched \"!192.0.2.9\"");
  EXPECT_EQ(why("hosts = *"), "[192.0.2.9] true: matched \"*\"");
  EXPECT_EQ(why("hosts ="), "[192.0.2.9] false: end of list");
  EXPECT_EQ(why("domains = out.local : *.local"), "[in.local] true: matched \"*.local\"");
  EXPECT_EQ(why("domains = out.local"), "[in.local] false: end of list");
  EXPECT_EQ(why("domains = !out.local"), "[in.local] true: end of list, whose last item is negative");
  EXPECT_EQ(why("domains = ^in"), "[in.local] true: matched \"^in\"");
  EXPECT_EQ(why("senders = *@x.example"), "[<me@x.example>] true: matched \"*@x.example\"");
  EXPECT_EQ(why("sender_domains = x.example"), "[x.example] true: matched \"x.example\"");
  EXPECT_EQ(why("recipients = you@in.local"), "[<you@in.local>] true: matched \"you@in.local\"");
  EXPECT_EQ(why("local_parts = me"), "[you] false: end of list");
}

TEST(Acl, TextsAreWatchedOnceTheyAreExpanded) {
  FakeContext context;
  context.values = {{VariableId::domain, "in.local"}};
  Tracer tracer;
  AclSubject subject{.variables = context, .domain = "in.local", .listener = &tracer};
  static_cast<void>(outcome_of(load("deny message = not $domain\n log_message = ${if eq{a}{b}{c}fail}").acl, subject));
  EXPECT_EQ(tracer.heard,
            "check_rcpt: deny\n deny is true\n  message = not $domain [not in.local] \n"
            "  log_message = ${if eq{a}{b}{c}fail} [] : \"if\" failed and \"fail\" requested\ncheck_rcpt ends: not in.local\n");
}

}  // namespace
}  // namespace postern::acl
