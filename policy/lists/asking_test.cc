// Lists that ask: lookups, the DNS, variables. Each question is put three times: where all answers are at hand, where all are
// to be waited for, and where there is nothing to wait with.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "policy/expand/config_text_for_test.h"
#include "policy/lists/compile.h"
#include "policy/lists/host_questions.h"
#include "policy/lists/inquiry.h"
#include "tests/fakes/fake_resolver.h"

namespace postern::lists {
namespace {

using expand::Answer;
using expand::Bytes;
using expand::ConfigTextForTest;
using expand::VariableId;

// Lookups and files out of tables.
class FakeWorld final : public expand::Services, public expand::CompileServices {
 public:
  bool waits = false;
  std::map<std::pair<std::string, std::string>, std::string> values;  // (type;file, key), (redis, query)
  std::map<std::string, std::string> files;
  std::vector<std::string> asked;

  std::optional<Answer> lookup_now(const expand::LookupQuestion& question) override {
    if (waits) return std::nullopt;
    return find(question);
  }
  Task<Answer> lookup(expand::LookupQuestion question) override { co_return find(question); }
  std::optional<Answer> file_now(const expand::FileQuestion& question) override {
    if (waits) return std::nullopt;
    return read(question);
  }
  Task<Answer> file(expand::FileQuestion question) override { co_return read(question); }

  std::expected<Lookup, std::string> find_lookup(std::string_view written) override {
    for (std::size_t i = 0; i < kTypes.size(); ++i)
      if (written == kTypes[i])
        return Lookup{.handle = static_cast<expand::LookupHandle>(i), .query_style = written == "redis"};
    return std::unexpected("unknown lookup type \"" + std::string(written) + "\"");
  }
  bool is_lookup_type(std::string_view type) override { return type == "redis" || type == "lsearch"; }
  std::expected<List, std::string> find_list(expand::ListKind, const expand::ConfigText&) override { return List{}; }
  bool is_named_list(std::string_view) override { return false; }

 private:
  static constexpr std::array<std::string_view, 4> kTypes = {"lsearch", "partial-lsearch", "iplsearch", "redis"};

  Answer find(const expand::LookupQuestion& question) {
    std::string type(kTypes.at(question.lookup));
    if (!question.file.empty()) type.append(";").append(question.file);
    asked.push_back(type + "|" + std::string(question.key));
    if (question.file == "/down" || question.key == "down") return Answer::deferred("the server is down");
    const auto found = values.find({type, std::string(question.key)});
    return found == values.end() ? Answer::not_found() : Answer::found(found->second);
  }
  Answer read(const expand::FileQuestion& question) {
    const auto found = files.find(std::string(question.path));
    return found == files.end() ? Answer::failed("open: not found") : Answer::found(found->second);
  }
};

class FakeContext final : public expand::EvalContext {
 public:
  explicit FakeContext(FakeWorld& world) noexcept : world_(world) {}
  std::map<VariableId, std::string> values;
  std::map<std::string, std::string> acl_variables;

  std::string_view variable(VariableId id, std::string&) const override {
    const auto found = values.find(id);
    return found == values.end() ? std::string_view() : std::string_view(found->second);
  }
  std::optional<expand::Held> acl_variable(std::string_view name) const override {
    const auto found = acl_variables.find(std::string(name));
    if (found == acl_variables.end()) return std::nullopt;
    return expand::Held{found->second, Bytes::ours};
  }
  expand::Services* services() const override { return &world_; }
  expand::CompileServices* compile_services() const override { return &world_; }

 private:
  FakeWorld& world_;
};

class FakeFacts final : public ListFacts {
 public:
  FakeFacts(FakeWorld& world, FakeContext& context) noexcept : world_(world), context_(context) {}
  dns::FakeResolver resolver;
  std::optional<IpAddress> client;
  std::shared_ptr<const ListWorld> lists;

  const ListWorld* world() const noexcept override { return lists.get(); }
  const expand::EvalContext* context() const noexcept override { return &context_; }
  std::optional<dns::HostNames> host_names_now() override { return at_once(host_names()); }
  Task<dns::HostNames> host_names() override { return dns::look_up_host_names(resolver, client.value(), {}); }
  std::optional<HostAddresses> addresses_now(std::string_view host) override { return at_once(addresses(std::string(host))); }
  Task<HostAddresses> addresses(std::string host) override { return look_up_addresses(resolver, std::move(host), {}); }
  std::optional<MailExchangers> mail_exchangers_now(std::string_view domain) override {
    return at_once(mail_exchangers(std::string(domain)));
  }
  Task<MailExchangers> mail_exchangers(std::string domain) override {
    return look_up_mail_exchangers(resolver, std::move(domain), {});
  }

 private:
  template <class T>
  std::optional<T> at_once(Task<T> task) {
    std::optional<T> answer;
    if (world_.waits) return answer;
    Gate gate;
    gate.start(keep(std::move(task), answer));
    EXPECT_EQ(gate.inside(), 0U);
    return answer;
  }
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>& answer) {
    answer = co_await std::move(task);
  }

  FakeWorld& world_;
  FakeContext& context_;
};

class AskingLists : public ::testing::Test {
 protected:
  AskingLists() {
    context_.values[VariableId::primary_hostname] = "mx.example.org";
    files_.put("/file", "F.example\n*.g.example # c\n^h\nlsearch;/dom\n");
    files_.put("/hosts", "*.nowhere\n192.0.2.0/24\n");
    facts_.client = IpAddress::parse("192.0.2.1");
    ListEnvironment environment{.primary_hostname = "mx.example.org",
                                .local_addresses = {*IpAddress::parse("127.0.0.1")},
                                .files = &files_,
                                .services = &world_};
    environment.values.set(VariableId::primary_hostname, "mx.example.org");
    compiler_.emplace(std::move(environment), diagnostics_);
    facts_.lists = compiler_->world();
  }

  void define(ListKind kind, std::string_view name, std::string_view text) {
    compiler_->define(kind, ConfigTextForTest::line(name), ConfigTextForTest::line(text));
  }
  // "yes data|$0|$1", "no", or "defer why".
  std::string shown(const Match& match, std::string_view subject) {
    if (match.truth == Truth::no) return "no";
    if (match.truth == Truth::defer) return "defer " + match.why;
    return "yes " + match.data + "|" + match.capture(0, subject) + "|" + match.capture(1, subject);
  }
  template <class List, class Now, class Wait>
  std::string asked(const List& list, std::string_view subject, Now now, Wait wait) {
    std::string complaints;
    for (const auto& each : diagnostics_.take()) complaints += each.message + "; ";
    if (!complaints.empty()) return "complaints: " + complaints;
    world_.waits = false;
    const std::optional<Match> at_once = now(list);
    EXPECT_EQ(at_once.has_value(), !always_waits_);
    world_.waits = true;
    std::optional<Match> later;
    Gate gate;
    gate.start(keep(wait(list), later));
    scheduler_.run();
    EXPECT_EQ(gate.inside(), 0U);
    const std::optional<Match> refused = now(list);
    if (!later) return "no answer";
    if (at_once) EXPECT_EQ(shown(*at_once, subject), shown(*later, subject));
    if (refused) EXPECT_EQ(shown(*refused, subject), shown(*later, subject));
    return shown(*later, subject);
  }
  static Task<void> keep(Task<Match> task, std::optional<Match>& into) { into = co_await std::move(task); }

  std::string domain(std::string_view text, std::string_view subject) {
    return asked(
        compiler_->domains(ConfigTextForTest::line(text), "domains", Use::asks), subject,
        [&](const DomainList& list) { return list.match_now(subject, facts_); },
        [&](const DomainList& list) { return list.match(std::string(subject), facts_); });
  }
  std::string local_part(std::string_view text, std::string_view subject) {
    return asked(
        compiler_->local_parts(ConfigTextForTest::line(text), "local_parts", Use::asks), subject,
        [&](const LocalPartList& list) { return list.match_now(subject, facts_); },
        [&](const LocalPartList& list) { return list.match(std::string(subject), facts_); });
  }
  std::string address(std::string_view text, std::string_view subject) {
    return asked(
        compiler_->addresses(ConfigTextForTest::line(text), "senders", Use::asks), subject,
        [&](const AddressList& list) { return list.match_now(subject, facts_); },
        [&](const AddressList& list) { return list.match(std::string(subject), facts_); });
  }
  std::string host(std::string_view text, std::string_view subject) {
    facts_.client = IpAddress::parse(subject);
    return asked(
        compiler_->hosts(ConfigTextForTest::line(text), "hosts", Use::asks), subject,
        [&](const HostList& list) { return list.match_now(facts_.client, facts_); },
        [&](const HostList& list) { return list.match(facts_.client, facts_); });
  }
  std::string ip(std::string_view text, std::string_view subject) {
    const std::optional<IpAddress> address = IpAddress::parse(subject);
    return asked(
        compiler_->hosts(ConfigTextForTest::line(text), "hosts", Use::asks), subject,
        [&](const HostList& list) { return list.match_ip_now(address, facts_); },
        [&](const HostList& list) { return list.match_ip(address, facts_); });
  }

  ManualScheduler scheduler_;
  FakeWorld world_;
  FakeContext context_{world_};
  FakeFacts facts_{world_, context_};
  expand::MemoryFileSource files_;
  expand::Diagnostics diagnostics_;
  std::optional<ListCompiler> compiler_;
  bool always_waits_ = false;  // an expansion that may wait is never run at once
};

struct Case {
  std::string_view list;
  std::string_view subject;
  std::string_view result;
};

// What Exim 4.96 makes of them: ${if match_domain{subject}{list}{yes $value|$0|$1}{no}}. (Its redis was not asked, and the file
// /down stands for a server that is.)
constexpr Case kDomains[] = {
    {"+dl", "a.wild.example", "yes *.wild.example|a.wild.example|a"},
    {"+dl", "EXACT.example", "yes Exact.Example|exact.example|"},
    {"+dl", "data.example", "yes value one|data.example|"},
    {"+dl", "DATA.example", "yes value one|data.example|"},
    {"+dl", "other", "no"},
    {"*.c : a.b.c", "a.b.c", "yes *.c|a.b.c|a.b"},
    {"a.b.c : *.c", "a.b.c", "yes a.b.c|a.b.c|"},
    {"*.b.c : *.c", "a.b.c", "yes *.b.c|a.b.c|a"},
    {"*.c : *.b.c", "a.b.c", "yes *.c|a.b.c|a.b"},
    {"\\N^a\\.(.).c\\N", "a.b.c", "yes ^a\\.(.).c|a.b.c|b"},
    {"!x", "a.b.c", "yes ||"},
    {"!+neg : +neg", "a.b.c", "no"},
    {"@", "mx.example.org", "yes mx.example.org|mx.example.org|"},
    {"@[]", "[127.0.0.1]", "yes @[]|[127.0.0.1]|"},
    {"/file", "f.EXAMPLE", "yes F.example|f.example|"},
    {"/file", "q.g.example", "yes *.g.example|q.g.example|q"},
    {"/file", "data.example", "yes lsearch;/dom|data.example|"},
    {"/file", "hx", "yes ^h|hx|"},
    {"*", "x", "yes *|x|x"},
    {"*.x : ^A : b", "a.b", "yes ^A|a.b|"},
    {"a.b : lsearch;/down", "a.b", "yes a.b|a.b|"},
    {"lsearch;/down : a.b", "a.b", "defer the server is down"},
    {"!lsearch;/down", "a.b", "defer the server is down"},
    {"!lsearch;/dom : *", "data.example", "no"},
    {"!lsearch;/dom : *", "other", "yes *|other|other"},
    {"redis;get y", "x", "yes red|x|"},
    {"redis;get z", "x", "no"},
    {"redis;down", "x", "defer the server is down"},
    {"@mx_any", "mxp.example", "yes @mx_any|mxp.example|"},
    {"@mx_primary", "mxp.example", "yes @mx_primary|mxp.example|"},
    {"@mx_secondary", "mxp.example", "no"},
    {"@mx_any", "mxs.example", "yes @mx_any|mxs.example|"},
    {"@MX_primary", "mxs.example", "no"},
    {"@mx_secondary", "mxs.example", "yes @mx_secondary|mxs.example|"},
    {"@mx_any", "mxn.example", "no"},
    {"@mx_any", "mxd.example", "defer DNS lookup of \"mxd.example\" deferred"},
    {"@mx_any", "nxd.example", "no"},
    {"@mx_primary", "mxe.example", "yes @mx_primary|mxe.example|"},
    {"@mx_secondary", "mxe.example", "no"},
    {"@mx_any/ignore=127.0.0.1", "mxp.example", "no"},
    {"@mx_any", "mxl.example", "no"},
    {"! @mx_any : *", "mxd.example", "defer DNS lookup of \"mxd.example\" deferred"},
    {"@mx_any", "mx1d.example", "defer DNS lookup of \"mx1d.example\" deferred"},
    {"@mx_any", "mx2d.example", "yes @mx_any|mx2d.example|"},
    {"@mx_any", "mxnx.example", "yes @mx_any|mxnx.example|"},
    {"@mx_primary", "mxnx.example", "no"},
    {"@mx_secondary", "mxnx.example", "yes @mx_secondary|mxnx.example|"},
    {"+named", "a.b", "no"},
    {"+named2", "x.y", "no"},
    {"+named3", "x.y", "no"},
    {"+named3 : *", "q", "yes *|q|q"},
};

TEST_F(AskingLists, Domains) {
  define(ListKind::domain, "dl", "*.wild.example : Exact.Example : lsearch;/dom");
  define(ListKind::domain, "neg", "!a.b");
  define(ListKind::domain, "named", "${if eq{$acl_m_none}{2}{x}fail}");
  define(ListKind::domain, "named2", "! +named : q");
  define(ListKind::domain, "named3", "!${if eq{$acl_m_none}{}{q : z}{}}");
  world_.values[{"lsearch;/dom", "data.example"}] = "value one";
  world_.values[{"redis", "get y"}] = "red";
  dns::FakeResolver& dns = facts_.resolver;
  dns.add_address("mx.example.org", "127.0.0.1");
  dns.add_address("other.example", "192.0.2.50");
  dns.fail("bad.example", dns::Type::a);
  dns.fail("bad.example", dns::Type::aaaa);
  dns.add_mx("mxp.example", 20, "other.example");
  dns.add_mx("mxp.example", 10, "mx.example.org");
  dns.add_mx("mxs.example", 10, "other.example");
  dns.add_mx("mxs.example", 20, "mx.example.org");
  dns.add_mx("mxn.example", 10, "other.example");
  dns.fail("mxd.example", dns::Type::mx);
  dns.add_mx("mxe.example", 10, "other.example");
  dns.add_mx("mxe.example", 10, "mx.example.org");
  dns.add_address("mxl.example", "127.0.0.1");
  dns.add_mx("mx1d.example", 10, "bad.example");
  dns.add_mx("mx1d.example", 20, "mx.example.org");
  dns.add_mx("mx2d.example", 10, "mx.example.org");
  dns.add_mx("mx2d.example", 20, "bad.example");
  dns.add_mx("mxnx.example", 10, "nxd.example");
  dns.add_mx("mxnx.example", 20, "mx.example.org");
  for (const Case& c : kDomains) EXPECT_EQ(domain(c.list, c.subject), c.result) << c.list << " ~ " << c.subject;
}

// ${if match_local_part{subject}{list}{yes $value|$0|$1}{no}}
constexpr Case kLocalParts[] = {
    {"f*", "Foo", "no"},
    {"*O", "Foo", "yes *O|foo|fo"},
    {"FOO", "Foo", "yes FOO|foo|"},
    {"+caseful : FOO : ^F", "Foo", "yes ^F|Foo|"},
    {"@", "mx.example.org", "no"},
    {"@", "@", "yes @|@|"},
    {"lsearch;/parts", "Jim", "yes x|jim|"},
    {"+caseful : lsearch;/parts", "Jim", "no"},
    {"+caseful : A : b", "A", "yes A|A|"},
};

TEST_F(AskingLists, LocalParts) {
  world_.values[{"lsearch;/parts", "jim"}] = "x";
  for (const Case& c : kLocalParts) EXPECT_EQ(local_part(c.list, c.subject), c.result) << c.list << " ~ " << c.subject;
  EXPECT_EQ(local_part("partial-lsearch;/parts", "jim"),
            "complaints: \"partial-lsearch;/parts\": partial matching is of domains; it has no effect here; ");
  EXPECT_EQ(local_part("!+caseful", "a"), "complaints: unknown named local part list \"+caseful\"; ");
}

// ${if match_address{subject}{list}{yes $value|$0|$1}{no}}.
constexpr Case kAddresses[] = {
    {"a@b.example", "a@b.example", "yes a@b.example||"},
    {"a@b.Example", "A@B.example", "yes a@b.Example||"},
    {"*a@*.example", "xa@b.example", "yes *a@*.example||"},
    {"*@b.example", "xa@b.example", "yes *@b.example||"},
    {"b.example", "xa@b.example", "yes @b.example||"},
    {"^(.)a@", "xa@b.example", "yes ||"},
    {"*@lsearch;/dom", "xa@data.example", "yes *@value one||"},
    {"xa@+dl", "xa@data.example", "yes xa@value one||"},
    {"@@lsearch;/split", "a@split.example", "yes a||"},
    {"@@lsearch;/split", "b@split.example", "no"},
    {"@@lsearch;/split", "cx@split.example", "yes ^c||"},
    {"@@lsearch;/split", "de@split.example", "yes *e||"},
    {"@@lsearch;/split", "q@split.example", "no"},
    {"@@lsearch;/split", "q@nosuch.example", "no"},
    {"@@lsearch;/split", "q@loop.example", "defer @@ lookups lead to each other more than 50 times"},
    {":", "", "yes ||"},
    {"^", "", "yes ||"},
    {"lsearch;/dom", "", "yes null||"},
    {"*", "", "no"},
    {"^a", "A@b", "yes ||"},
    {"+caseful : ^a", "A@b", "no"},
    {"+caseful : A@b", "A@B", "yes A@b||"},
    {"*@", "a@b", "no"},
    {"a@lsearch;/dom", "a@data.example", "yes a@value one||"},
    {"a@^B", "a@b", "yes a@^B||"},
    {"a@/file", "a@b", "no"},
    {"a@/file", "a@f.example", "yes a@F.example||"},
    {"a@@", "a@mx.example.org", "yes a@mx.example.org||"},
    {"@", "a@mx.example.org", "no"},
    {"a@@[]", "a@[127.0.0.1]", "yes a@@[]||"},
    {"a@@[]", "a@127.0.0.1", "no"},
    {"*@@[]", "a@[127.0.0.1]", "yes *@@[]||"},
    {"lsearch;/dom", "A@B.c", "yes full||"},
    {"+caseful : lsearch;/dom", "a@B.C", "yes full||"},
    {"+caseful : lsearch;/dom", "A@b.c", "no"},
    {"*@+dl : A@+bc", "A@b.c", "yes A@b.c||"},
    {"!a@b", "a@b", "no"},
    {"a", "a", "no"},
};

TEST_F(AskingLists, Addresses) {
  define(ListKind::domain, "dl", "*.wild.example : Exact.Example : lsearch;/dom");
  define(ListKind::domain, "bc", "b.c");
  world_.values[{"lsearch;/dom", "data.example"}] = "value one";
  world_.values[{"lsearch;/dom", "a@b.c"}] = "full";
  world_.values[{"lsearch;/dom", ""}] = "null";
  world_.values[{"lsearch;/split", "split.example"}] = "a : !b : ^c : >other";
  world_.values[{"lsearch;/split", "other"}] = "d:*e";
  world_.values[{"lsearch;/split", "loop.example"}] = ">loop.example";
  for (const Case& c : kAddresses) EXPECT_EQ(address(c.list, c.subject), c.result) << c.list << " ~ " << c.subject;
}

// exim -bh, `hosts =` in an ACL. 192.0.2.1 is mail.example.org and alias.example.net; .2 has no name, .3's lookup fails for a
// while, and the name of .4 does not lead back. In this order; "yes data" or what was said.
struct HostCase {
  std::string_view list;
  std::string_view results[4];
};
constexpr std::string_view kYes = "yes ||";
constexpr std::string_view kNo = "no";
constexpr std::string_view kBad = "defer DNS lookup of \"bad.example\" deferred";
constexpr HostCase kHosts[] = {
    {"*.example.org : *", {"yes *.example.org||", kNo, kNo, kNo}},
    {"^mail", {"yes ^mail||", kNo, kNo, kNo}},
    {"*.nowhere : *", {kYes, kNo, kNo, kNo}},
    {"+ignore_unknown : *.nowhere : 192.0.2.0/24", {kYes, kYes, kYes, kYes}},
    {"+include_unknown : *.nowhere : 10.0.0.1", {kNo, kYes, kYes, kYes}},
    {"! *.nowhere", {kYes, kNo, kNo, kNo}},
    {"+ignore_unknown : ! *.nowhere", {kYes, kYes, kYes, kYes}},
    {"+include_unknown : ! *.nowhere : 10.0.0.1", {kNo, kYes, kYes, kYes}},
    {"+ignore_unknown : ! *.nowhere : 10.0.0.1", {kNo, kNo, kNo, kNo}},
    {"fwd.example", {kYes, kNo, kNo, kNo}},
    {"nx.example : *", {kNo, kNo, kNo, kNo}},
    {"bad.example : *", {kBad, kBad, kBad, kBad}},
    {"+ignore_defer : bad.example : *", {kYes, kYes, kYes, kYes}},
    {"+include_defer : bad.example", {kYes, kYes, kYes, kYes}},
    {"+ignore_unknown : nx.example : *", {kYes, kYes, kYes, kYes}},
    {"+include_unknown : nx.example", {kYes, kYes, kYes, kYes}},
    {"! bad.example : *", {kBad, kBad, kBad, kBad}},
    {"! nx.example : *", {kNo, kNo, kNo, kNo}},
    {"+ignore_defer : ! bad.example", {kYes, kYes, kYes, kYes}},
    {"alias.example.net", {kYes, kNo, kNo, kNo}},
    {"*.example.net", {"yes *.example.net||", kNo, kNo, kNo}},
    {"lsearch;/hosts : *", {"yes v1||", kNo, kNo, kNo}},
    {"net-lsearch;/hosts : *", {kYes, kYes, "yes ip||", kYes}},
    {"net24-lsearch;/hosts", {"yes net||", "yes net||", "yes net||", "yes net||"}},
    {"@ : *", {kYes, kYes, kYes, kYes}},
    {"+unk : *", {kYes, kYes, kYes, kYes}},
    {"+ignore_unknown : +unk : *", {kYes, kYes, kYes, kYes}},
    {"+include_unknown : +unk", {kNo, kNo, kNo, kNo}},
    {"+ignore_defer : +badl : *", {kBad, kBad, kBad, kBad}},
    {"+include_defer : +badl", {kBad, kBad, kBad, kBad}},
    {"!+badl", {kBad, kBad, kBad, kBad}},
    {"+ignore_unknown : ! +unk : *", {kYes, kYes, kYes, kYes}},
    {"192.0.2.0/24 : !bad.example", {kYes, kYes, kYes, kYes}},
    {"! 192.0.2.9 : bad.example", {kBad, kBad, kBad, kBad}},
    {"+ignore_unknown : /hosts : 10.0.0.0/24", {kYes, kYes, kYes, kYes}},
    {"/hosts : *", {kYes, kNo, kNo, kNo}},
    {"192.0.2.0/24 : bad.example", {kYes, kYes, kYes, kYes}},
    {"bad.example : 192.0.2.0/24", {kBad, kBad, kBad, kBad}},
    {"^.*", {"yes ^.*||", kNo, kNo, kNo}},
    {"MAIL.EXAMPLE.ORG", {kYes, kNo, kNo, kNo}},
    {"+ignore_unknown : *.zzz : !*", {kNo, kNo, kNo, kNo}},
    {"${if eq{$acl_m_none}{b}{c}fail} : *", {kNo, kNo, kNo, kNo}},
    {"* : ${if eq{$acl_m_none}{b}{c} fail}", {kNo, kNo, kNo, kNo}},
    {"${if eq{$acl_m_none}{}{192.0.2.1:10.1.1.1}} : ! *", {kYes, kNo, kNo, kNo}},
    {"redis;get y", {"yes red||", "yes red||", "yes red||", "yes red||"}},
};

void add_hosts(dns::FakeResolver& dns, FakeWorld& world) {
  dns.add_pointer("192.0.2.1", "mail.example.org");
  dns.add_pointer("192.0.2.1", "alias.example.net");
  dns.add_address("mail.example.org", "192.0.2.1");
  dns.add_address("alias.example.net", "192.0.2.1");
  dns.fail("3.2.0.192.in-addr.arpa", dns::Type::ptr);
  dns.add_pointer("192.0.2.4", "forged.example.org");
  dns.add_address("forged.example.org", "192.0.2.77");
  dns.add_address("fwd.example", "192.0.2.9");
  dns.add_address("fwd.example", "192.0.2.1");
  dns.add_address("mx.example.org", "127.0.0.1");
  dns.fail("bad.example", dns::Type::a);
  dns.fail("bad.example", dns::Type::aaaa);
  world.values[{"lsearch;/hosts", "mail.example.org"}] = "v1";
  world.values[{"lsearch;/hosts", "192.0.2.3"}] = "ip";
  world.values[{"lsearch;/hosts", "192.0.2.0/24"}] = "net";
  world.values[{"redis", "get y"}] = "red";
}

TEST_F(AskingLists, Hosts) {
  define(ListKind::host, "unk", "*.nowhere");
  define(ListKind::host, "badl", "bad.example");
  add_hosts(facts_.resolver, world_);
  for (const HostCase& c : kHosts)
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(host(c.list, "192.0.2." + std::to_string(i + 1)), c.results[i]) << c.list << " ~ 192.0.2." << i + 1;
}

// ${if match_ip{subject}{list}{yes $value}{no}}
constexpr Case kIps[] = {
    {"10.0.0.0/8", "10.1.2.3", kYes},
    {"@[]", "127.0.0.1", kYes},
    {"net24-lsearch;/ips", "10.1.2.3", "yes net||"},
    {"net-lsearch;/ips", "10.1.2.3", "yes one||"},
    {"lsearch;/ips", "10.1.2.3", "yes one||"},
    {"iplsearch;/ips", "10.1.2.3", "yes ip||"},
    {"net-lsearch;/ips", "2001:db8::1", "yes six||"},
    {"net32-lsearch;/ips", "2001:db8::1", "yes net6||"},
    {"net-iplsearch;/ips", "2001:db8::1", "yes colons||"},
    {"mail.example.org : *", "10.1.2.3", kNo},
    {"*.example.org : *", "10.1.2.3", kNo},
    {"+ignore_unknown : *.example.org : *", "10.1.2.3", kYes},
    {":", "", kYes},
    {"", "", kNo},
    {"*", "", kYes},
    {"10.0.0.0/8", "", kNo},
};

TEST_F(AskingLists, Ips) {
  world_.values[{"lsearch;/ips", "10.1.2.0/24"}] = "net";
  world_.values[{"lsearch;/ips", "10.1.2.3"}] = "one";
  world_.values[{"iplsearch;/ips", "10.1.2.3"}] = "ip";
  world_.values[{"lsearch;/ips", "2001.0db8.0000.0000.0000.0000.0000.0001"}] = "six";
  world_.values[{"lsearch;/ips", "2001.0db8.0000.0000.0000.0000.0000.0000/32"}] = "net6";
  world_.values[{"iplsearch;/ips", "2001:0db8:0000:0000:0000:0000:0000:0001"}] = "colons";
  for (const Case& c : kIps) EXPECT_EQ(ip(c.list, c.subject), c.result) << c.list << " ~ " << c.subject;
}

// Lists whose text is known only when they are used. The same answers as if the values stood in the text.
TEST_F(AskingLists, AreExpandedWhenTheyAreUsed) {
  define(ListKind::domain, "loc", "in.local");
  define(ListKind::domain, "loop", "$acl_m_loop");
  compiler_->compile_named();
  auto& variables = context_.acl_variables;
  const auto in = [&](std::string_view list, std::string_view value, std::string_view subject) {
    variables["acl_m_x"] = value;
    return domain(list, subject);
  };
  EXPECT_EQ(in("a.b : $acl_m_x", "c.d", "c.d"), "yes c.d|c.d|");
  EXPECT_EQ(in("a.b : $acl_m_x", "c.d", "a.b"), "yes a.b|a.b|");
  EXPECT_EQ(in("a.b : $acl_m_x : e.f", "c.d : !e.f", "e.f"), "no");
  EXPECT_EQ(in("a.b : $acl_m_x : e.f", "", ""), "yes ||");
  EXPECT_EQ(in("a.b : $acl_m_x", "", ""), "no");
  EXPECT_EQ(in("a.b : $acl_m_x :", "", ""), "yes ||");
  EXPECT_EQ(in("a.b:$acl_m_x", ":c", "b:c"), "no");
  EXPECT_EQ(in("a.b:${acl_m_x}c.d:q", ":", "a.b:c.d"), "yes a.b:c.d|a.b:c.d|");
  EXPECT_EQ(in("a.b:$acl_m_x:q", "z:", "z:q"), "yes z:q|z:q|");
  EXPECT_EQ(in("$acl_m_x", "<; a.b ; c:d", "c:d"), "yes c:d|c:d|");
  EXPECT_EQ(in("<; x ; $acl_m_x ; y", "c:d;e", "c:d"), "yes c:d|c:d|");
  EXPECT_EQ(in("<\n x \n $acl_m_x \n y", "e", "y"), "yes y|y|");
  EXPECT_EQ(in("<\\n x \\n $acl_m_x \\n y", "e", "y"), "yes y|y|");
  EXPECT_EQ(in("x : ! $acl_m_x", "*.b", "a.b"), "no");
  EXPECT_EQ(in("x : ! $acl_m_x", "*.b", "c"), "yes ||");
  EXPECT_EQ(in("$acl_m_x", "+loc", "in.local"), "yes in.local|in.local|");
  EXPECT_EQ(in("$acl_m_x", "+unknown", "in.local"), "defer unknown named domain list \"+unknown\"");
  EXPECT_EQ(in("a : $acl_m_x", "+unknown", "a"), "yes a|a|");
  EXPECT_EQ(in("$acl_m_x", "^(a", "a"), "defer regular expression error in \"^(a\": missing closing parenthesis at offset 3");
  EXPECT_EQ(in("${lc:A.B} : \\N^x$\\N : $acl_m_x", "", "x"), "yes ^x$|x|");
  variables["acl_m_loop"] = "+loop";
  EXPECT_EQ(in("+loop", "", "x"), "defer named lists refer to each other too deeply");
  world_.values[{"lsearch;/dom", "a.b"}] = "v";
  EXPECT_EQ(in("lsearch;$acl_m_x", "/dom", "a.b"), "yes v|a.b|");
  EXPECT_EQ(in("$acl_m_x", "nosuch;/x", "a.b"), "defer \"nosuch;/x\": unknown lookup type \"nosuch\"");
  world_.files["/at/use"] = "# c\n*.file\n!not.here\n";
  EXPECT_EQ(in("/at/$acl_m_x", "use", "x.file"), "yes *.file|x.file|x");
  EXPECT_EQ(in("/at/$acl_m_x", "use", "not.here"), "no");
  EXPECT_EQ(in("/at/$acl_m_x", "use", "other"), "yes ||");
  EXPECT_EQ(in("/at/$acl_m_x", "none", "x"), "defer failed to open /at/none when checking a list: open: not found");
}

TEST_F(AskingLists, KeepAPeersBytesFromNamingThings) {
  context_.values[VariableId::sender_helo_name] = "a.b";
  EXPECT_EQ(domain("x : $sender_helo_name", "a.b"), "yes a.b|a.b|");
  const auto list = compiler_->domains(ConfigTextForTest::line("$sender_helo_name"), "domains", Use::asks);
  world_.waits = false;
  EXPECT_EQ(list.match_now("a.b", facts_)->bytes, Bytes::peers);
  for (const auto& [helo, why] : {std::pair{"/etc/passwd", "defer tainted file name \"/etc/passwd\" in a list"},
                                  std::pair{"+all", "defer tainted name of a list \"+all\""},
                                  std::pair{"lsearch;/x", "defer tainted lookup \"lsearch;/x\" in a list"}}) {
    context_.values[VariableId::sender_helo_name] = helo;
    EXPECT_EQ(domain("$sender_helo_name", "x"), why);
  }
}

// What a peer chose is quoted in a query, or the list does not load; it never splits the query.
TEST_F(AskingLists, QueriesHoldVariables) {
  always_waits_ = true;
  context_.acl_variables["acl_m_x"] = "a : b";
  world_.values[{"redis", "get a : b"}] = "both";
  EXPECT_EQ(domain("redis;get $acl_m_x", "q"), "yes both|q|");
  EXPECT_EQ(domain("q : ! redis;get $acl_m_x : *", "z"), "no");
  context_.acl_variables["acl_m_x"] = "none";
  EXPECT_EQ(domain("q : ! redis;get $acl_m_x : *", "z"), "yes *|z|z");
  context_.acl_variables["acl_m_x"] = "x\nkey=down";
  EXPECT_EQ(domain("redis;get $acl_m_x", "q"), "no");
  EXPECT_TRUE(domain("redis;get $sender_helo_name", "q").contains("complaints: "))
      << domain("redis;get $sender_helo_name", "q");
}

TEST_F(AskingLists, AskNoMoreThanTheyNeed) {
  world_.values[{"lsearch;/two", "a.b"}] = "v";
  world_.waits = true;
  const auto list =
      compiler_->domains(ConfigTextForTest::line("x : lsearch;/one : lsearch;/two : lsearch;/three"), "domains", Use::asks);
  EXPECT_FALSE(list.match_now("a.b", facts_).has_value());
  EXPECT_EQ(list.match_now("x", facts_)->truth, Truth::yes);
  EXPECT_TRUE(world_.asked.empty());
  std::optional<Match> match;
  Gate gate;
  gate.start(keep(list.match("a.b", facts_), match));
  scheduler_.run();
  ASSERT_TRUE(match.has_value());
  EXPECT_EQ(match->data, "v");
  EXPECT_EQ(world_.asked, (std::vector<std::string>{"lsearch;/one|a.b", "lsearch;/two|a.b"}));
  EXPECT_EQ(compiler_->world()->lookup_files().size(), 3U);
}

TEST_F(AskingLists, BoundTheirQuestions) {
  std::string text;
  for (std::size_t i = 0; i < kQuestionsMax + 5; ++i) text += "lsearch;/f" + std::to_string(i) + " : ";
  EXPECT_EQ(domain(text, "a.b"), "defer the list asks too many questions");
}

// What a ListFacts lacks is a reason to defer, never an answer.
TEST_F(AskingLists, DeferWithoutFacts) {
  ListFacts none;
  const auto why = [&](std::string_view text) {
    const auto match = compiler_->domains(ConfigTextForTest::line(text), "domains", Use::asks).match_now("a.b", none);
    return match ? shown(*match, "a.b") : "waits";
  };
  EXPECT_EQ(why("@mx_any"), "defer DNS lookup of \"a.b\" deferred");
  EXPECT_EQ(why("lsearch;/x"), "defer lookups and files cannot be used here");
  EXPECT_EQ(why("a.b : $acl_m_x"), "defer failed to expand \" $acl_m_x\": lists with variables cannot be used here");
}

TEST_F(AskingLists, ARegularExpressionThatGivesUpDefers) {
  EXPECT_EQ(local_part("\\N^(a+)+$\\N", std::string(40, 'a') + "b"), "defer the regular expression \"^(a+)+$\" gave up");
}

}  // namespace
}  // namespace postern::lists
