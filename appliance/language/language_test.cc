#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "appliance/config/config_testing.h"
#include "appliance/config/text_maker.h"
#include "appliance/language/asker.h"
#include "appliance/language/files.h"
#include "appliance/language/run_program.h"
#include "engine/coro/manual_scheduler.h"
#include "policy/acl/acl.h"
#include "policy/expand/compile.h"
#include "policy/expand/evaluate.h"
#include "tests/fakes/fake_resolver.h"

namespace postern::language {
namespace {

using expand::Answer;

class Variables final : public expand::EvalContext {
 public:
  expand::Services* asked = nullptr;
  expand::CompileServices* compiled = nullptr;
  [[nodiscard]] std::string_view variable(expand::VariableId id, std::string&) const override {
    return id == expand::VariableId::domain ? "a.wild.example" : std::string_view();
  }
  [[nodiscard]] expand::Services* services() const override { return asked; }
  [[nodiscard]] expand::CompileServices* compile_services() const override { return compiled; }
};

class Client final : public Asker {
 public:
  Client(ShardLanguage& language, const expand::EvalContext& variables) : Asker(language, variables) {}
  int times_named = 0;

 private:
  [[nodiscard]] std::optional<IpAddress> client() const override { return IpAddress::parse("192.0.2.7"); }
  [[nodiscard]] Wait wait() override { return {}; }
  void names_found(const dns::HostNames&) override { ++times_named; }
};

class LanguageTest : public testing::Test {
 protected:
  LanguageTest() {
    folder_ = (std::filesystem::temp_directory_path() / "postern-language.XXXXXX").string();
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    write("domains", "a.wild.example: data\n");
    write("partial", "*.wild.example: part\n");
    write("text", "one\ntwo\n");
    resolver_.add_pointer("192.0.2.7", "client.example");
    resolver_.add_address("client.example", "192.0.2.7");
    load_.host.environment = {{"KEPT", "k v"}, {"SUB_KEPT", "sub"}, {"DROPPED", "d"}, {"PATH", "/bin"}, {"TAKEN", "t"}};
    const config::LoadResult loaded = load_.load(
        "keep_environment = !DROPPED : *KEPT : ^TA\nadd_environment = <; ADDED=a:b; TAKEN\n"
        "domainlist named = lsearch;" +
        folder_ + "/domains : +more\ndomainlist more = <; ::1; b.example\n" +
        "hostlist known = *.example\nacl_smtp_rcpt = rcpt\nbegin acl\nrcpt:\n  accept condition = ${if "
        "match_domain{x}{+named}}\n");
    EXPECT_TRUE(loaded.config) << config::format_diagnostics(loaded.diagnostics);
    language_.emplace(loaded.config->language, ShardNeeds{.clock = scheduler_.clock(), .resolver = &resolver_});
    client_.emplace(*language_, variables_);
    variables_.asked = &*client_;
    variables_.compiled = &*language_;
  }
  ~LanguageTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }

  // "@/" stands for the folder.
  void replace_folder(std::string& text) const {
    for (std::size_t at = text.find("@/"); at != text.npos; at = text.find("@/")) text.replace(at, 1, folder_);
  }

  static Task<void> run(const expand::Program& program, const Variables& variables, std::string& out,
                        std::optional<expand::EvalResult>& result) {
    result = co_await expand::evaluate_waiting(program, variables, out);
  }

  std::string expanded(std::string text) {
    replace_folder(text);
    std::string why;
    const auto program = expand::compile_or_why(config::TextMaker::command_line(text), why, &*language_);
    if (!program) return "ERROR " + why;
    std::string out;
    std::optional<expand::EvalResult> result;
    Gate gate;
    gate.start(run(*program, variables_, out, result));
    scheduler_.run();
    if (!result) return "still waiting";
    return *result ? out : "FAILED " + result->why;
  }

  std::string folder_;
  ManualScheduler scheduler_;
  dns::FakeResolver resolver_;
  config::MemoryLoad load_;
  Variables variables_;
  std::optional<ShardLanguage> language_;
  std::optional<Client> client_;
};

TEST_F(LanguageTest, KnowsOfAMessageWhatTheConfigurationHasKept) {
  EXPECT_EQ(expanded("$body_linecount"), "ERROR $body_linecount cannot be used: the text of a message is known to ACLs alone");
  auto kept = std::make_shared<config::Language>(language_->language());
  ShardLanguage with_message(kept, {.clock = scheduler_.clock(), .has_message_text = true});
  using enum expand::VariableId;
  for (const expand::VariableId always : {body_linecount, message_body_size, message_linecount, max_received_linelength})
    EXPECT_EQ(with_message.noticed_text_variable(always), "") << expand::variable_name(always);
  const struct {
    expand::VariableId id;
    bool config::Language::* kept;
  } rows[] = {{message_body, &config::Language::keeps_body_ends},
              {message_body_end, &config::Language::keeps_body_ends},
              {body_zerocount, &config::Language::keeps_body_ends},
              {message_headers, &config::Language::keeps_received_field},
              {message_headers_raw, &config::Language::keeps_received_field}};
  for (const auto& row : rows) {
    (*kept).*row.kept = false;
    EXPECT_EQ(with_message.noticed_text_variable(row.id),
              "it is kept of messages only where the configuration file itself names it");
    (*kept).*row.kept = true;
    EXPECT_EQ(with_message.noticed_text_variable(row.id), "") << expand::variable_name(row.id);
  }
}

TEST_F(LanguageTest, AnswersWhatExpansionsAsk) {
  const struct {
    std::string text;
    std::string value;
  } cases[] = {
      {"${if match_domain{a.wild.example}{+named}{$value|$0|$1}{no}}", "data|a.wild.example|"},
      {"${if match_domain{x.b.example}{*.b.example}{$value|$1}{no}}", "*.b.example|x"},
      {"${if match_domain{$domain}{${lc:+NAMED}}{at use}{no}}", "at use"},
      {"${if match_domain{x}{+nothing}{y}{n}}", "FAILED unknown named domain list \"+nothing\""},
      {"${if match_ip{192.0.2.7}{192.0.2.0/24}{in}{out}}${if match_ip{}{192.0.2.7}{in}{out}}", "inout"},
      {"${if match_ip{x}{192.0.2.0/24}{in}{out}}", "FAILED \"x\" is not an IP address"},
      {"${if match_local_part{ROOT}{root : daemon}{$value}{no}}", "root"},
      {"${if match_address{a@b.example}{*@b.example}{$value}{n}}${if match_address{a@b.example}{x@b}{y}{n}}", "*@b.examplen"},
      {"${lookup{a.b.wild.example}partial-lsearch{@/partial}{$value $1 $2}}", "part a.b wild.example"},
      {"${lookup{x}lsearch{@/none}{y}{n}}", "FAILED failed to open @/none for linear search: No such file or directory"},
      {"${readfile{@/text}{,}}", "one,two,"},
      {"${readfile{@/none}}", "FAILED failed to open @/none: No such file or directory"},
      {"${if exists{@/text}{y}{n}}${if exists{@/none}{y}{n}}", "yn"},
      {"${extract{size}{${stat:@/text}}}${extract{smode}{${stat:@/text}}{/${substr_0_1:$value}}}", "8/-"},
      {"${stat:@/none}", "FAILED stat(@/none) failed: No such file or directory"},
      {"${listnamed:named}", "lsearch;@/domains : ::::1 : b.example"},
      {"${listnamed_h:known} ${listnamed:known}", "*.example *.example"},
      {"${listnamed_d:known}", "FAILED \"known\" is not a domain named list"},
      {"${authresults{mx}}", "Authentication-Results: mx; none"},
      {"$sender_host_name ${if eq{$sender_host_name}{client.example}{y}{n}}", "client.example y"},
      {"${authresults{mx}}", "Authentication-Results: mx;\n\tiprev=pass (client.example) smtp.remote-ip=192.0.2.7"},
      {"[$srs_recipient]${if inbound_srs{SRS0=aaaa=aa=b.example=a}{}}", "[]true"},
      {"[$srs_recipient]", "[a@b.example]"},
      {"${env{KEPT}} ${env{SUB_KEPT}} ${env{ADDED}{<$value>}} ${env{DROPPED}}${env{PATH}{y}{n}}", "k v sub <a:b> n"},
      {"${env{TAKEN}{y}{n}}${env{}{y}{n}}${env{$domain}{y}{n}}", "nnn"},
      {"${run{/bin/sh -c \"echo \\$KEPT-\\$DROPPED\"}}", "k v-\n"},
      {"${readsocket{@/socket}{x}}", "FAILED readsocket: there is no network here"},
  };
  for (const auto& c : cases) {
    std::string value = c.value;
    replace_folder(value);
    EXPECT_EQ(expanded(c.text), value) << c.text;
  }
  EXPECT_EQ(client_->times_named, 1) << "names are looked up once";
}

TEST_F(LanguageTest, NamesThatCannotBeHadAreAskedForAgainOnceForgotten) {
  dns::FakeResolver down;
  down.fail("7.2.0.192.in-addr.arpa", dns::Type::ptr);
  language_.emplace(load_.load("acl_smtp_rcpt = accept\n").config->language,
                    ShardNeeds{.clock = scheduler_.clock(), .resolver = &down});
  EXPECT_EQ(expanded("<$sender_host_name><$sender_host_name>"), "<><>");
  EXPECT_EQ(client_->times_named, 1);
  client_->forget_deferred_names();
  EXPECT_EQ(expanded("<$sender_host_name>"), "<>");
  EXPECT_EQ(client_->times_named, 2);
}

TEST_F(LanguageTest, TextsOfAclsKnowNamedListsAndLookups) {
  std::string why;
  const auto made = language_->late_acl("accept domains = +named : lsearch;" + folder_ + "/domains", why);
  ASSERT_NE(made, nullptr) << why;
  EXPECT_EQ(made, language_->late_acl("accept domains = +named : lsearch;" + folder_ + "/domains", why)) << "read once";
  EXPECT_NE(language_->late_acl("accept domains = +nothing", why), nullptr) << "it fails where it is used";
  EXPECT_EQ(language_->late_acl("acept", why), nullptr);
  EXPECT_EQ(why, "unknown ACL verb \"acept\": did you mean \"accept\"?");
}

TEST_F(LanguageTest, LookupsCompiledLateBelongToTheShard) {
  const std::shared_ptr<const config::Language> shared = load_.load("acl_smtp_rcpt = accept\n").config->language;
  ShardLanguage one(shared, ShardNeeds{.clock = scheduler_.clock()});
  ShardLanguage two(shared, ShardNeeds{.clock = scheduler_.clock()});
  const auto in_one = one.find_lookup("partial3-lsearch");
  ASSERT_TRUE(in_one);
  EXPECT_EQ(one.find_lookup("partial3-lsearch")->handle, in_one->handle);
  EXPECT_EQ(two.find_lookup("cdb")->handle, in_one->handle) << "what one compiles, the other does not see";
  EXPECT_FALSE(two.find_lookup("nonsense"));
}

Answer program(std::vector<std::string> arguments, std::int64_t ms = 20'000) {
  ProgramJob job;
  job.arguments = std::move(arguments);
  job.time_ms = ms;
  return job.run();
}

TEST(Programs, AreStartedWithoutAShell) {
  Answer answer = program({"/bin/echo", "a b", "$HOME;`id`"});
  EXPECT_EQ(answer.value, "a b $HOME;`id`\n");
  EXPECT_EQ(answer.code, 0);
  answer = program({"/bin/sh", "-c", "echo out; echo err >&2; exit 7"});
  EXPECT_EQ(answer.value, "out\nerr\n");
  EXPECT_EQ(answer.code, 7);
  EXPECT_EQ(program({"/no/such/program"}).code, 127);
  EXPECT_EQ(program({"/bin/sh", "-c", "echo ${HOME:-none}"}).value, "none\n");
}

TEST(Programs, AreBounded) {
  EXPECT_EQ(program({"/bin/sleep", "1000"}, 100).why, "command timed out");
  EXPECT_EQ(program({"/usr/bin/yes"}).why, "command wrote more than 262144 bytes");
  EXPECT_EQ(program({"/bin/sh", "-c", "kill -KILL $$"}).why, "command killed by signal 9");
  EXPECT_EQ(program({"/bin/echo", std::string("a\0b", 3)}).why, "run: a zero byte in an argument");
  // A child that lives on with the output open does not keep it.
  EXPECT_EQ(program({"/bin/sh", "-c", "sleep 1000 & exit 0"}, 200).why, "command timed out");
}

TEST(Programs, EndWhenNobodyWaits) {
  ProgramJob job;
  job.arguments = {"/bin/sleep", "1000"};
  job.given_up = true;
  EXPECT_EQ(job.run().status, Answer::Status::failed);
}

}  // namespace
}  // namespace postern::language
