#include "policy/expand/evaluate.h"

#include <gtest/gtest.h>

#include <map>
#include <span>
#include <string>

#include "policy/expand/compile.h"
#include "policy/expand/config_text_for_test.h"
#include "policy/expand/fold.h"

namespace postern::expand {
namespace {

class FakeContext final : public EvalContext {
 public:
  std::map<VariableId, std::string> values;
  std::string_view variable(VariableId id, std::string& scratch) const override {
    if (id == VariableId::tod_epoch) return scratch = "1700000000";
    const auto found = values.find(id);
    return found == values.end() ? std::string_view() : std::string_view(found->second);
  }
};

FakeContext scene() {
  FakeContext context;
  context.values = {{VariableId::primary_hostname, "mx.example.org"},
                    {VariableId::sender_helo_name, "client.example"},
                    {VariableId::sender_address, "${lc:EVIL}$primary_hostname\\n"},
                    {VariableId::message_size, "1024"}};
  return context;
}

// The value, or "FORCED" or "FAILED: why", or "ERROR column: message" where it does not compile.
std::string expanded(std::string_view text) {
  Diagnostics diagnostics;
  const auto program = compile(ConfigTextForTest::line(text), diagnostics);
  if (!program) {
    EXPECT_EQ(diagnostics.errors(), 1u) << text;
    return "ERROR " + std::to_string(diagnostics.all()[0].column) + ": " + diagnostics.all()[0].message;
  }
  EXPECT_EQ(diagnostics.errors(), 0u) << text;
  std::string out = "before";
  const EvalResult result = evaluate(*program, scene(), out);
  if (result) return out.substr(6);
  EXPECT_EQ(out, "before") << text;
  return result.status == EvalStatus::forced_failure ? "FORCED" : "FAILED: " + result.why;
}

struct Case {
  std::string_view text;
  std::string_view value;
};

// The values are those that Exim gives, except where docs/deviations.md says otherwise.
constexpr Case kValues[] = {
    {"", ""},
    {"plain text } and { stay", "plain text } and { stay"},
    {"a\\x41\\101\\q\\n.\\t\\\\\\$", "aAAq\n.\t\\$"},
    {"a\\N$x\\n${\\Nb", "a$x\\n${b"},
    {"a\\N$x", "a$x"},
    {"$primary_hostname.", "mx.example.org."},
    {"${primary_hostname}x", "mx.example.orgx"},
    {"[$sender_host_address]", "[]"},
    {"$tod_epoch$tod_epoch", "17000000001700000000"},
    {"$message_id$tls_cipher", ""},
    {"${lc:A{B}C}", "a{bC}"},
    {"${lc:  A }", "  a "},
    {"${uc:${lc:AbC}d$primary_hostname}", "ABCDMX.EXAMPLE.ORG"},
    {"${strlen:abc}${strlen:}", "30"},
    {"${quote_local_part:a b}${quote_local_part:a.b}${quote_local_part:}", "\"a b\"a.b\"\""},
    {"${quote_local_part:a\"b\\\\c}", "\"a\\\"b\\\\c\""},
    {"${quote_local_part:.a}${quote_local_part:a..b}${quote_local_part:a+b}", "\".a\"\"a..b\"a+b"},
    {"${quote:ab}${quote:a b\"}${quote:}${quote:a\\n}", "ab\"a b\\\"\"\"\"\"a\\n\""},
    {"${if eq{a}{a}{yes}{no}}", "yes"},
    {"${if eq{a}{b}{yes}{no}}", "no"},
    {"${if eq{a}{b}{yes}}", ""},
    {"${if eq{a}{a}}${if eq{a}{b}}", "true"},
    {"${if eq {a} {a} {yes} {no} }", "yes"},
    {"${if eq{a}{b}{yes}fail}", "FORCED"},
    {"x${lc:${if eq{a}{b}{yes}fail}}", "FORCED"},
    {"${if eq{a}{a}{yes}fail}", "yes"},
    {"${if !eq{a}{b}{yes}{no}}${if !!eq{a}{b}{yes}{no}}${if ! eq{a}{b}{yes}{no}}", "yesnoyes"},
    {"${if eqi{Ab}{aB}{yes}{no}}", "yes"},
    {"${if def:primary_hostname{yes}{no}}${if !def:sender_ident {yes}{no}}", "yesyes"},
    {"${if def:sender_address {set}{null}}", "set"},
    {"${if and{{eq{a}{a}}{eq{b}{b}}}{yes}{no}}", "yes"},
    {"${if and { {eq{a}{a}} {eq{b}{c}} } {yes}{no}}", "no"},
    {"${if or{{eq{a}{b}}{eq{a}{a}}}{yes}{no}}", "yes"},
    {"${if and{}{yes}{no}}${if or{}{yes}{no}}", "yesno"},
    {"${if and{{or{{eq{a}{b}}{eq{b}{b}}}}{!eq{a}{b}}}{yes}{no}}", "yes"},
    {"${if = {10}{10}{yes}{no}}${if =={1K}{1024}{yes}{no}}${if > {1K}{1000}{yes}{no}}", "yesyesyes"},
    {"${if < {-5}{ 3 }{yes}{no}}${if <={3}{3}{yes}{no}}${if >={2}{3}{yes}{no}}", "yesyesno"},
    {"${if = {}{0}{yes}{no}}${if = {1g}{1073741824}{yes}{no}}", "yesyes"},
    {"${if > {$message_size}{1000}{big}{small}}", "big"},
    {"${if = {x}{0}{yes}{no}}", "FAILED: integer expected but \"x\" found"},
    {"${if = {0xa}{0}{yes}{no}}", "FAILED: invalid integer \"0xa\""},
    {"${if > {99999999999999999999}{1}{y}{n}}",
     "FAILED: absolute value of integer \"99999999999999999999\" is too large (overflow)"},
    {"${if bool{ yes }{y}{n}}${if bool{00}{y}{n}}${if bool{-1}{y}{n}}${if bool{}{y}{n}}", "ynyn"},
    {"${if bool{2x}{y}{n}}", "FAILED: unrecognised boolean value \"2x\""},
    {"${if bool_lax{maybe}{y}{n}}${if bool_lax{ No }{y}{n}}${if bool_lax{00}{y}{n}}${if bool_lax{0}{y}{n}}", "ynyn"},
    {"${if isip{1.2.3.4}{y}{n}}${if isip{1.2.3.4/24}{y}{n}}${if isip4{1.2.3}{y}{n}}", "ynn"},
    {"${if isip4{::1}{y}{n}}${if isip6{::1}{y}{n}}${if isip6{1.2.3.4}{y}{n}}", "nyn"},
    {"${if lt{a}{B}{y}{n}}${if lti{a}{B}{y}{n}}${if le{a}{a}{y}{n}}${if ge{b}{a}{y}{n}}${if gti{b}{A}{y}{n}}", "nyyyy"},
    // What a peer sent is appended and never read again.
    {"<$sender_address>", "<${lc:EVIL}$primary_hostname\\n>"},
    {"${uc:$sender_address}", "${LC:EVIL}$PRIMARY_HOSTNAME\\N"},
};

TEST(Evaluate, GivesTheValuesOfTheTable) {
  for (const Case& c : kValues) EXPECT_EQ(expanded(c.text), c.value) << c.text;
}

constexpr Case kErrors[] = {
    {"ab$", "ERROR 3: $ not followed by letter, digit, or {: write \\$ for a dollar sign"},
    {"$ a", "ERROR 1: $ not followed by letter, digit, or {: write \\$ for a dollar sign"},
    {"ab\\", "ERROR 3: \\ at end of string: write \\\\ for a backslash"},
    {"x${", "ERROR 2: letter or digit expected after ${"},
    {"${ lc:a}", "ERROR 1: letter or digit expected after ${"},
    {"a $doman", "ERROR 3: unknown variable name \"doman\": did you mean \"$domain\"?"},
    {"${sender_adress}", "ERROR 3: unknown variable in \"${sender_adress}\": did you mean \"$sender_address\"?"},
    {"$zzzzzz", "ERROR 1: unknown variable name \"zzzzzz\""},
    {"$acl_m_x", "ERROR 1: $acl_m_x cannot be used: ACL variables are not built yet here"},
    {"$h_subject", "ERROR 1: $h_subject cannot be used: looking at message headers is not built yet here"},
    {"x$1", "x"},
    {"$exim_path", "ERROR 1: $exim_path cannot be used: it is about a process of Exim, and postern is made differently"},
    {"${lcc:a}", "ERROR 3: unknown expansion operator \"lcc\": did you mean \"lc\"?"},
    {"${randint:9}", "ERROR 3: ${randint:...} cannot be used: this operator is not built yet"},
    {"${listnamed_d:a}", "ERROR 3: ${listnamed_d:...} cannot be used here: it is not built yet for this text"},
    {"${lc:a", "ERROR 7: missing } at end of string: of ${lc:"},
    {"${lookup{a}lsearch{/b}}", "ERROR 3: ${lookup...} cannot be used here: it is not built yet for this text"},
    {"${perl{x}}", "ERROR 3: ${perl...} cannot be used: postern runs no foreign code inside its processes"},
    {"${lokup{a}}",
     "ERROR 3: \"${lokup\" is not a known operator (or a } is missing in a variable reference): did you mean \"lookup\"?"},
    {"${uc{a}}",
     "ERROR 3: \"${uc\" is not a known operator (or a } is missing in a variable reference): \":\" is missing after the "
     "operator \"uc\""},
    {"${primary_hostname.x}",
     "ERROR 3: \"${primary_hostname\" is not a known operator (or a } is missing in a variable reference): } is missing after "
     "${primary_hostname"},
    {"${if eq{a}{b}{y}{n}",
     "ERROR 20: curly-bracket problem in conditional yes/no parsing: did not close with '}', remaining string is ''"},
    {"${if eq{a}{b}{y}{n}{z}}",
     "ERROR 20: curly-bracket problem in conditional yes/no parsing: did not close with '}', remaining string is '{z}}'"},
    {"${if eq{a}fail}", "ERROR 11: missing 2nd string in {} after \"eq\""},
    {"${if eq{a}{b}fail}",
     "ERROR 14: curly-bracket problem in conditional yes/no parsing: 'yes' part did not start with '{', remaining string is "
     "'fail}'"},
    {"${if eq{a}{b}{y}foo}", "ERROR 17: syntax error in \"if\" item - \"fail\" expected: or a second text in {}"},
    {"${if ne{a}{b}}", "ERROR 6: unknown condition \"ne\": did you mean \"ge\"?"},
    {"${if {a}}", "ERROR 6: condition name expected, but found \"{a}}\""},
    {"${if}", "ERROR 5: condition name expected, but found \"}\""},
    {"${if match{a}{b}}", ""},
    {"${if def:foo{a}}", "ERROR 10: unknown variable \"foo\" after \"def:\""},
    {"${if def{a}}", "ERROR 9: \":\" expected after \"def\""},
    {"${if and{eq{a}{a}}}", "ERROR 10: each subcondition inside an \"and{...}\" condition must be in its own {}"},
};

TEST(Compile, NamesThePlaceTheWordAndTheRemedy) {
  for (const Case& c : kErrors) EXPECT_EQ(expanded(c.text), c.value) << c.text;
}

TEST(Compile, SurvivesEveryCutOfEveryCase) {
  for (const auto& table : {std::span<const Case>(kValues), std::span<const Case>(kErrors)})
    for (const Case& c : table)
      for (std::size_t cut = 0; cut < c.text.size(); ++cut) {
        Diagnostics diagnostics;
        const bool compiled = compile(ConfigTextForTest::line(c.text.substr(0, cut)), diagnostics).has_value();
        EXPECT_EQ(diagnostics.errors(), compiled ? 0u : 1u) << c.text.substr(0, cut);
      }
}

TEST(Compile, BoundsNesting) {
  const auto nested = [](std::size_t depth) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += "${lc:";
    text += "X";
    text.append(depth, '}');
    return text;
  };
  EXPECT_EQ(expanded(nested(kNestingMax)), "x");
  EXPECT_EQ(expanded(nested(kNestingMax + 1)), "ERROR 251: more than 50 nested ${...}");
}

TEST(Evaluate, BoundsItsOutput) {
  Diagnostics diagnostics;
  const auto program = compile(ConfigTextForTest::line("$primary_hostname$primary_hostname"), diagnostics);
  ASSERT_TRUE(program);
  std::string out;
  EXPECT_TRUE(evaluate(*program, scene(), out, 28));
  EXPECT_EQ(out.size(), 28u);
  out = "kept";
  const EvalResult result = evaluate(*program, scene(), out, 27);
  EXPECT_EQ(result.status, EvalStatus::failed);
  EXPECT_EQ(result.why, "the result of the expansion is too long");
  EXPECT_EQ(out, "kept");
}

TEST(Program, KnowsWhoseBytesItHolds) {
  Diagnostics diagnostics;
  const auto ours = compile(ConfigTextForTest::line("$primary_hostname/x"), diagnostics);
  const auto peers = compile(ConfigTextForTest::line("/x/${lc:$local_part}"), diagnostics);
  const auto tested = compile(ConfigTextForTest::line("${if def:domain {a}{b}}"), diagnostics);
  const auto constant = compile(ConfigTextForTest::line("a\\tb"), diagnostics);
  ASSERT_TRUE(ours && peers && tested && constant);
  EXPECT_FALSE(ours->has_peers_bytes());
  EXPECT_TRUE(peers->has_peers_bytes());
  EXPECT_FALSE(tested->has_peers_bytes());  // it is only asked about
  EXPECT_TRUE(constant->is_constant());
  EXPECT_FALSE(ours->is_constant());
}

// The text of a Received: header in its three forms.
constexpr std::string_view kReceived =
    "Received: ${if def:sender_rcvhost {from $sender_rcvhost\\n\\t}{${if def:sender_ident {from "
    "${quote_local_part:$sender_ident} }}${if def:sender_helo_name {(helo=$sender_helo_name)\\n\\t}}}}by $primary_hostname "
    "${if def:received_protocol {with $received_protocol }}${if def:tls_in_ver { ($tls_in_ver)}}${if def:tls_in_cipher_std "
    "{ tls $tls_in_cipher_std\\n\\t}}(Postern $version_number)\\n\\t${if def:sender_address {(envelope-from "
    "<$sender_address>)\\n\\t}}id $message_exim_id${if def:received_for {\\n\\tfor $received_for}}";

TEST(Evaluate, WritesAReceivedHeader) {
  Diagnostics diagnostics;
  const auto program = compile(ConfigTextForTest::line(kReceived), diagnostics);
  ASSERT_TRUE(program);
  FakeContext context;
  context.values = {
      {VariableId::primary_hostname, "mx.example.org"},  {VariableId::sender_rcvhost, "[192.0.2.1] (helo=client.example)"},
      {VariableId::received_protocol, "esmtp"},          {VariableId::version_number, "0.1"},
      {VariableId::message_exim_id, "1abcde-000000-00"}, {VariableId::received_for, "user@example.org"}};
  std::string out;
  ASSERT_TRUE(evaluate(*program, context, out));
  EXPECT_EQ(out,
            "Received: from [192.0.2.1] (helo=client.example)\n\tby mx.example.org with esmtp (Postern 0.1)\n\tid "
            "1abcde-000000-00\n\tfor user@example.org");
}

TEST(Fold, KeepsThePlacesOfLiterals) {
  LoadTimeValues values;
  values.set(VariableId::primary_hostname, "mx.example.org");
  Diagnostics diagnostics;
  const auto folded =
      expand_at_load(ConfigTextForTest::line("a:$primary_hostname:\\N^b$\\N:c"), values, "the list", diagnostics);
  ASSERT_TRUE(folded);
  EXPECT_EQ(folded->view(), "a:mx.example.org:^b$:c");
  EXPECT_EQ(folded->position(0).column, 1u);
  EXPECT_EQ(folded->position(5).column, 3u);    // inside the value: where the variable stands
  EXPECT_EQ(folded->position(17).column, 23u);  // ^
  EXPECT_EQ(folded->position(21).column, 29u);  // c
}

TEST(Fold, RefusesWhatIsKnownOnlyLater) {
  Diagnostics diagnostics;
  EXPECT_FALSE(expand_at_load(ConfigTextForTest::line("a : $domain"), {}, "this list", diagnostics));
  ASSERT_EQ(diagnostics.errors(), 1u);
  EXPECT_EQ(diagnostics.all()[0].message,
            "this list uses $domain, which is known only when mail arrives: this is not built yet here");
}

TEST(Fold, ReportsAnExpansionThatFails) {
  Diagnostics diagnostics;
  EXPECT_FALSE(expand_at_load(ConfigTextForTest::line("ab${if eq{a}{b}{c}fail}"), {}, "this list", diagnostics));
  ASSERT_EQ(diagnostics.errors(), 1u);
  EXPECT_EQ(diagnostics.all()[0].message, "this list cannot be expanded: \"if\" failed and \"fail\" requested");
  EXPECT_EQ(diagnostics.all()[0].column, 3u);
}

}  // namespace
}  // namespace postern::expand
