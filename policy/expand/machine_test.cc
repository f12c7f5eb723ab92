#include <gtest/gtest.h>

#include <map>
#include <string>

#include "engine/coro/task.h"
#include "policy/crypto/certificate_testing.h"
#include "policy/expand/compile.h"
#include "policy/expand/config_text_for_test.h"
#include "policy/expand/evaluate.h"

namespace postern::expand {
namespace {

// Lookups: "table" is single-key over one map; "query" takes a query, always waits, and finds what a peer said.
class World final : public CompileServices, public Services, public EvalContext {
 public:
  std::map<std::string, std::string, std::less<>> table = {{"a@b", "found"}, {"k", "v"}, {"empty", ""}};
  std::map<std::string, std::string, std::less<>> files = {{"/f", "one\ntwo\n"}};
  std::map<VariableId, std::string> values = {
      {VariableId::domain, "peers.example"}, {VariableId::primary_hostname, "mx"}, {VariableId::tod_epoch, "1795824000"}};
  bool waits = false;  // for table lookups, lists, files and ACLs too
  int questions = 0;

  std::expected<Lookup, std::string> find_lookup(std::string_view written) override {
    if (written.starts_with("table")) return Lookup{.handle = 1, .query_style = false, .may_wait = false, .bytes = Bytes::ours};
    if (written.starts_with("query")) return Lookup{.handle = 2, .query_style = true, .may_wait = true, .bytes = Bytes::peers};
    if (written.starts_with("redis"))
      return Lookup{.handle = 2, .query_style = true, .quotes_peers = true, .may_wait = true, .bytes = Bytes::peers};
    return std::unexpected("unknown lookup type \"" + std::string(written) + "\"");
  }
  bool is_lookup_type(std::string_view type) override { return type == "table" || type == "query" || type == "redis"; }
  std::expected<List, std::string> find_list(ListKind, const ConfigText& text) override {
    if (text.view() == "bad") return std::unexpected("a bad list");
    return List{7, false};
  }
  bool is_named_list(std::string_view) override { return false; }

  Answer answer(const LookupQuestion& question) {
    ++questions;
    if (question.lookup == 2) {
      if (question.key == "down") return Answer::deferred("it is away");
      return Answer::found("said " + std::string(question.key), Bytes::peers);
    }
    if (question.key == "a.wild") {
      Answer partial = Answer::found("part");
      partial.wild = Wild{1, 2};
      return partial;
    }
    const auto found = table.find(question.key);
    return found == table.end() ? Answer::not_found() : Answer::found(found->second);
  }
  Answer answer(const ListQuestion& question) {
    if (question.subject != (question.list == 7 ? "listed" : question.text)) return Answer::not_found();
    Answer found = Answer::found("data");
    found.captures = {"all", "of", "it"};
    return found;
  }
  static Answer answer(const AclQuestion& question) {
    std::string said(question.name);
    for (const std::string_view argument : question.arguments) said.append("/").append(argument);
    if (question.name == "no") return {.status = Answer::Status::not_found, .value = said};
    if (question.name == "later") return Answer::deferred("");
    if (question.name != "yes") return Answer::failed("");
    return Answer::found(said);
  }
  Answer answer(const FileQuestion& question) {
    const auto found = files.find(question.path);
    if (question.kind == FileQuestion::Kind::exists) return found == files.end() ? Answer::not_found() : Answer::found("");
    if (found == files.end()) return Answer::failed("failed to open " + std::string(question.path));
    return Answer::found(found->second);
  }

  std::optional<Answer> lookup_now(const LookupQuestion& q) override {
    return waits || q.lookup == 2 ? std::nullopt : std::optional(answer(q));
  }
  Task<Answer> lookup(LookupQuestion q) override { co_return answer(q); }
  std::optional<Answer> match_now(const ListQuestion& q) override { return waits ? std::nullopt : std::optional(answer(q)); }
  Task<Answer> match(ListQuestion q) override { co_return answer(q); }
  std::optional<Answer> acl_now(const AclQuestion& q) override { return waits ? std::nullopt : std::optional(answer(q)); }
  Task<Answer> acl(AclQuestion q) override { co_return answer(q); }
  std::optional<Answer> file_now(const FileQuestion& q) override { return waits ? std::nullopt : std::optional(answer(q)); }
  Task<Answer> file(FileQuestion q) override { co_return answer(q); }
  Task<Answer> read_socket(ReadSocketQuestion q) override {
    if (q.address != "/s") co_return Answer::failed("failed to connect to socket " + std::string(q.address));
    co_return Answer::found("<" + std::string(q.request) + ">\n", Bytes::peers);
  }
  Task<Answer> run(RunQuestion q) override {
    std::string said;
    for (const std::string_view argument : q.arguments) said.append("<").append(argument).append(">");
    Answer answer = Answer::found(said, q.peers_arguments ? Bytes::peers : Bytes::ours);
    answer.code = q.arguments.front() == "/false" ? 1 : 0;
    co_return answer;
  }
  Answer named_list(char kind, std::string_view name) override {
    return name == "l" ? Answer::found(kind == 0 ? "a : b" : std::string(1, kind)) : Answer::failed("no such list");
  }
  std::optional<std::string> environment(std::string_view name) override {
    return name == "HOME" ? std::optional<std::string>("/root") : std::nullopt;
  }

  std::string_view variable(VariableId id, std::string&) const override {
    const auto found = values.find(id);
    return found == values.end() ? std::string_view() : std::string_view(found->second);
  }
  std::string_view srs_recipient() const override { return "kept@b"; }
  std::string_view certificate(VariableId id) const override {
    const bool has_one = id == VariableId::tls_in_ourcert || id == VariableId::tls_in_peercert;
    return has_one ? crypto::kCertificatePem : std::string_view();
  }
  std::optional<Held> acl_variable(std::string_view name) const override {
    if (name == "acl_m_ours") return Held{"/f", Bytes::ours};
    if (name == "acl_m_peers") return Held{"/f", Bytes::peers};
    return std::nullopt;
  }
  std::optional<std::string_view> header(std::string_view name, std::size_t& at) const override {
    if (name != "to" || at >= 2) return std::nullopt;
    return at++ == 0 ? " a@b " : "\tc:\r\n d";
  }
  Services* services() const override { return const_cast<World*>(this); }
  CompileServices* compile_services() const override { return const_cast<World*>(this); }
};

// Runs a task whose waits all end at once.
struct Run {
  struct promise_type {
    Run get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};
Run start(Task<EvalResult> task, std::optional<EvalResult>& into) { into = co_await task; }

std::string told(const EvalResult& result, std::string_view out) {
  switch (result.status) {
    case EvalStatus::ok: return std::string(out) + (result.bytes == Bytes::ours ? "" : " (peers)");
    case EvalStatus::forced_failure: return "FORCED " + result.why;
    case EvalStatus::deferred: return "DEFERRED " + result.why;
    case EvalStatus::failed: break;
  }
  return "FAILED " + result.why;
}

std::string expanded(std::string_view text, bool waits) {
  World world;
  world.waits = waits;
  std::string why;
  const auto program = compile_or_why(ConfigTextForTest::line(text), why, &world);
  if (!program) return "ERROR " + why;
  std::string out;
  std::optional<EvalResult> result;
  start(evaluate_waiting(*program, world, out), result);
  EXPECT_TRUE(result) << text;
  if (!program->may_wait() && !waits) {
    std::string at_once;
    const EvalResult same = evaluate(*program, world, at_once);
    EXPECT_EQ(told(same, at_once), told(*result, out)) << text;
  }
  if (*result && result->bytes != Bytes::ours) {
    EXPECT_TRUE(program->has_peers_bytes()) << text;
  }
  return told(*result, out);
}

struct Case {
  std::string_view text;
  std::string_view value;
};

constexpr Case kCases[] = {
    {"${if match{abc}{^(a)(b)}{$2$1$0}{no}}$1", "baab"},
    {"${if match{abc}{x}{y}{n$1}}", "n"},
    {"${if !match{abc}{(b)}{y}{n$1}}", "nb"},
    {"${if and{{match{abc}{(b)}}{eq{$1}{b}}}{$1}{no}}", "b"},
    {"${if or{{match{abc}{(x)}}{match{abc}{(c)}}}{$1}{no}}", "c"},
    {"${if match{ab}{(a)}{${if match{cd}{(d)}{$1}}$1}}", "da"},
    {"${if match{a$domain}{(p.*)}{$1}}", "peers.example (peers)"},
    {"${if match{a}{(}{y}{n}}", "ERROR regular expression error in \"(\": missing closing parenthesis at offset 1"},
    {"${if match{a}{${lc:(}}{y}{n}}", "FAILED regular expression error in \"(\": missing closing parenthesis at offset 1"},
    {"${if match{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!}{^(a+)+\\$}{y}{n}}",
     "FAILED regular expression match takes too many steps"},
    {"${if forany{a:b:c}{match{$item}{([bc])}}{$1$item}{n}}", "b"},
    {"${if forall{a:a}{eq{$item}{a}}{y}{n}}${if forall{a:b}{eq{$item}{a}}{y}{n}}${if forall{}{eq{$item}{a}}{y}{n}}", "ynn"},
    {"${if forany{a:b}{forany{<;b;c}{eq{$item}{c}}}{y$item}{n}}", "y"},
    {"${if inlist{a}{b:a}{y$value}{n}}${if inlisti{A}{b:a}{y$value}{n}}${if inlist{x}{b:a}{y}{n}}", "yayan"},
    {"${map{a: :b}{$item}}|${map{<;a;b;c}{:$item;x}}|${map{a::b:c}{$item}}", "a: :b|:a;;x;:b;;x;:c;;x|a::b:c"},
    {"${map{a:b}{}}|${map{a:b}{:$item}}|${map{:a}{[$item]}}|${map{a : }{[$item]}}", ": |::a: ::b|[]:[a]|[a]"},
    {"${map{a:b}{${map{<;1;2}{$item}}$item}}", "1;2a:1;2b"},
    {"${filter{a: :b:c::d}{!eq{$item}{b}}}", "a: :c::d"},
    {"${filter{a:$domain}{!eq{$item}{b}}}", "a:peers.example (peers)"},
    {"${map{a:$domain}{x}}", "x:x"},
    {"${reduce{<, a,b,c}{x}{$value$item}}$value", "xabc"},
    {"${sort{b:a:c}{gti}{$item}}|${sort{3:10:2}{<}{$item}}|${sort{b1:a2:a1}{le}{$item}}|${sort{}{<}{$item}}",
     "c:b:a|2:3:10|a1:a2:b1|"},
    {"${sort{b:a}{eq}{$item}}", "ERROR comparator not handled for sort"},
    {"${sg{abcabc}{(b)(c)}{\\$2\\$1}}|${sg{abc}{}{x}}|${sg{abc}{b*}{x}}|${sg{aaa}{a}{\\$0\\$0}}",
     "acbacb|xaxbxcx|xaxxcx|aaaaaa"},
    {"${sg{abc}{b}{${lc:\\$0X}}}", "abxc"},
    {"${sg{abc}{b}{${lc:[\\$0]}}}", "a[b]c"},
    {"${sg{abc}{b}{$domain}}", "ERROR tainted: bytes that a peer chose cannot be text to be expanded"},
    {"${lookup{k}table{/f}}|${lookup{k}table{/f}{<$value>}{no}}|${lookup{x}table{/f}{y}{no}}", "v|<v>|no"},
    {"${lookup{x}table{/f}{y}fail}", "FORCED \"lookup\" failed and \"fail\" requested"},
    {"${lookup{$domain}table{/f}{y$value}{n$value}}$value", "n"},
    {"${lookup{a}{/f}}", "ERROR missing lookup type"},
    {"${lookup{a}tabel{/f}}", "ERROR unknown lookup type \"tabel\""},
    {"${lookup table{/f}}", "ERROR missing {key} for single-key \"table\" lookup"},
    {"${lookup{k}table{/$domain}}", "ERROR tainted: bytes that a peer chose cannot be a file's name"},
    {"${lookup{k}table{$acl_m_peers}}", "FAILED attempt to use tainted string '/f' for the file of a lookup"},
    {"${lookup{k}table{$acl_m_ours}}", "v"},
    {"${lookup query{q}}", "said q (peers)"},
    {"${lookup query{down}{y}{n}}", "DEFERRED lookup of \"down\" gave DEFER: it is away"},
    {"${lookup query{a $domain}}", "ERROR tainted search query is not properly quoted"},
    {"${lookup query{a $acl_m_peers}}", "FAILED tainted search query is not properly quoted: a /f"},
    {"${lookup redis{GET $domain x}}", "said GET peers.example x (peers)"},
    {"${lookup redis{GET a b\\ c $primary_hostname}}", "said GET a b c mx (peers)"},
    {"${lookup redis{GET ${sg{$domain}{[.]}{ }}}}", "said GET peers\\ example (peers)"},
    {"${lookup redis{GET ${quote_redis:${sg{$domain}{[.]}{ }}}}}", "said GET peers\\ example (peers)"},
    {"${lookup redis{GET ${if eq{a}{b}{x}{${sg{$domain}{[.]}{ }}}} y}}", "said GET peers\\ example y (peers)"},
    {"${lookup redis{GET $acl_m_peers ${sg{a b}{x}{y}}}}", "said GET /f a b (peers)"},
    {"${lookup redis{GET x${sg{$domain}{[.]}{ }}y}}", "said GET xpeers\\ exampley (peers)"},
    {"${lookup redis{GET ${uc:${quote_redis:${sg{$domain}{[.]}{ }}}}}}", "said GET PEERS\\\\\\ EXAMPLE (peers)"},
    {"${lookup redis{GET ${map{a b}{$domain $item}}}}", "said GET peers.example\\ a\\ b (peers)"},
    {"${lookup redis{GET ${lookup redis{${sg{$domain}{[.]}{ }}}}}}", "said GET said\\ peers\\\\\\ example (peers)"},
    {"${lookup redis{GET x\\\\$domain}}", "FAILED tainted search query: a backslash stands before what a peer chose"},
    {"${lookup redis{GET x\\\\${quote_redis:$domain}}}",
     "FAILED tainted search query: a backslash stands before what a peer chose"},
    {"${lookup redis{GET x\\\\\\\\$domain}}", "said GET x\\\\peers.example (peers)"},
    {"${if match_domain{listed}{a:b}{y$value}{n}}${if match_domain{x}{a:b}{y}{n}}", "ydatan"},
    {"${if match_ip{/f}{$acl_m_ours}{y$value}{n}}", "ydata"},
    {"${if match_local_part{x}{bad}{y}{n}}", "ERROR a bad list"},
    {"${if match_domain{x}{$domain}{y}{n}}", "ERROR tainted: bytes that a peer chose cannot be a list"},
    {"${acl{yes}{1}{$domain}}|${acl{no}{2}}", "yes/1/peers.example|no/2"},
    {"${acl{later}}", "FORCED DEFER from acl \"later\""},
    {"${acl{foo}}", "FAILED ERROR from acl \"foo\""},
    {"${if acl{{yes}{1}}{y$value}{n}}${if acl{{no}}{y}{n$value}}", "yyes/1nno"},
    {"${if acl{yes}{y}{n}}", "ERROR too few arguments or bracketing error for acl"},
    {"${readfile{/f}}|${readfile{/f}{,}}|${readfile{/f}{}}", "one\ntwo\n|one,two,|onetwo"},
    {"${readfile{/g}}", "FAILED failed to open /g"},
    {"${readfile{/$domain}}", "ERROR tainted: bytes that a peer chose cannot be a file's name"},
    {"${readfile{$acl_m_peers}}", "FAILED attempt to use tainted string '/f' for readfile"},
    {"${if exists{/f}{y}{n}}${if exists{/g}{y}{n}}", "yn"},
    {"${readsocket{/s}{q}{2s}{!}}", "<q>! (peers)"},
    {"${readsocket{/x}{q}}", "FAILED failed to connect to socket /x"},
    {"${readsocket{/x}{q}{2s}{}{gone}}", "gone"},
    {"${readsocket{/s}{q}{2q}}", "FAILED bad time value 2q"},
    {"${lookup{a.wild}table{/f}{$value 0=$0 1=$1 2=$2}}|$1", "part 0= 1=a 2=wild|"},
    {"${if match{x}{(x)}{${lookup{a.wild}table{/f}{$0$1$2}}$1}}", "xawildx"},
    {"${if match_domain{listed}{some : list}{$value $0 $1 $2}{no}}|$1", "data all of it|"},
    {"${run{/p a \"b c\" ${if eq{x}{x}{d e}} 'f'}}", "</p><a><b c><d e><f>"},
    {"${run{/p $domain}}", "</p><peers.example> (peers)"},
    {"${run{/false x}{yes}{no $runrc $value}}|${run{/false}}|${run{/p}{$runrc}}", "no 1 </false><x>||0"},
    {"${run{/false}{yes}fail}", "FORCED \"run\" failed and \"fail\" requested"},
    {"${run{$domain}}", "ERROR tainted: bytes that a peer chose cannot be the name of a program"},
    {"${run{$acl_m_peers}}", "FAILED attempt to use tainted string '/f' for the name of a program"},
    {"${run{p}}", "ERROR the name of a program in run must be absolute"},
    {"${run{}}", "ERROR the name of a program is missing in run"},
    {"${run{/p \"x}}", "ERROR the quote at the end of the word is missing"},
    {"${run,preexpand{/p}}", "ERROR ${run,preexpand...} cannot be used"},
    {"${listnamed:l} ${listnamed_h:l}", "a : b h"},
    {"${listnamed:m}", "FAILED no such list"},
    {"${listnamed_x:l}", "ERROR bad suffix on \"list\" operator"},
    {"${prvs{a@b}{k}}", "prvs=07926f9fd9=a@b"},
    {"${prvs{a@b}{k}{12}}", "FAILED prvs third argument must be a single digit"},
    {"${prvscheck{${prvs{a@b}{k}{3}}}{k}{$prvscheck_result $prvscheck_keynum $prvscheck_address}}", "1 3 a@b"},
    {"${prvscheck{${prvs{a@b}{k}}}{k}}$prvscheck_result|$prvscheck_address", "a@b1|"},
    {"[${prvscheck{${prvs{a@b}{k}}}{bad}{y}}]$prvscheck_result", "[y]"},
    {"[${prvscheck{a@b}{k}{y}}]", "[]"},
    {"${prvscheck{${prvs{a@b}{k}{1}}}{${if eq{$prvscheck_keynum}{1}{k}}}{$prvscheck_result}}", "1"},
    {"${if forany_json{[1, \"a\", [2]]}{eq{$item}{[2]}}{y}{n}}", "y"},
    {"${if forall_json{[1,2]}{>{$item}{0}}{y$item}{n}}${if forall_json{[]}{eq{1}{1}}{y}{n}}", "yn"},
    {"${if forany_jsons{[\"a\", \" b \"]}{eq{$item}{ b }}{y}{n}}", "y"},
    {"${if forany_jsons{[1]}{eq{$item}{1}}{y}{n}}", "FAILED missing '\"' wrapping string result for extract jsons"},
    {"${if forany_json{x}{eq{$item}{1}}{y}{n}}", "FAILED missing '[' wrapping array"},
    {"[${listquote{:}{a:b}}${listquote{:}{}}${listquote{}{a:b}}]", "[a::b a:b]"},
    {"${env{HOME}}|${env{HOME}{<$value>}{n}}|${env{X}{y}{n}}", "/root|</root>|n"},
    {"${env{X}{y}fail}", "FORCED \"env\" failed and \"fail\" requested"},
    {"$acl_m_ours|${if def:acl_m_x{y}{n}}${if def:acl_m_ours{y}{n}}", "/f|ny"},
    {"$acl_mfoo",
     "ERROR unknown variable name \"acl_mfoo\" (6th character of a user-defined ACL variable must be a digit or "
     "underscore)"},
    {"$h_to:x", "a@b,\nc:\n dx (peers)"},
    {"$rh_to:x", " a@b \n\tc:\n d\nx (peers)"},
    {"$lh_to:", " a@b:\tc::\n d (peers)"},
    {"${h_to:}|${header_reply-to:}", "a@b,\nc:\n d| (peers)"},
    {"a $h_subject b${if def:h_to:{y}{n}}${if def:h_x:{y}{n}}", "a  byn"},
    {"${lc:$h_subject}", "ERROR missing } at end of string - could be header name not terminated by colon"},
    {"${if def:h_foo{y}{n}}", "ERROR missing or misplaced { or } - could be header name not terminated by colon"},
    {"${expand:\\$primary_hostname.\\${lc:A\\}}", "mx.a"},
    {"${expand:\\$foo}", "FAILED internal expansion of \"$foo\" failed: unknown variable name \"foo\""},
    {"${expand:$acl_m_peers}", "FAILED attempt to expand tainted string '/f'"},
    {"${expand:$domain}", "ERROR tainted: bytes that a peer chose cannot be text to be expanded"},
    {"${expand:\\${if = \\{x\\}\\{1\\}\\}}",
     "FAILED internal expansion of \"${if = {x}{1}}\" failed: integer expected but \"x\" found"},
    {"${if crypteq{a}{$primary_hostname}{y}{n}}", "n"},
    {"${if first_delivery{y}{n}}${if queue_running{y}{n}}", "nn"},
    {"$value|$item|$runrc|$0", "||0|"},
    {"${if eq{$domain}{x}{a}{$primary_hostname}}", "mx"},
    {"${if eq{a}{b}{${lookup query{down}}}{not asked}}", "not asked"},
    {"${if and{{eq{a}{b}}{eq{${lookup query{down}}}{}}}{y}{n}}", "n"},
    {"${srs_encode{secret}{a@b.example}{o.example}}", "SRS0=629b=jr=b.example=a@o.example"},
    {"${srs_encode{secret}{a@$domain}{o.example}}", "SRS0=6042=jr=peers.example=a@o.example (peers)"},
    {"[${srs_encode{s}{}{$domain}}]", "[]"},
    {"${if inbound_srs{SRS0=629b=jr=b.example=a}{secret}{$srs_recipient}{n}}|$srs_recipient", "a@b.example|a@b.example"},
    {"${if inbound_srs{SRS0=629b=jr=$domain=a}{}{$srs_recipient}{n}}", "a@peers.example (peers)"},
    {"${if inbound_srs{SRS0=629b=jr=b.example=a}{other}{y}{n $srs_recipient}}", "n a@b.example"},
    {"${if inbound_srs{a}{b}{y}{n $srs_recipient}}", "n kept@b (peers)"},
    {"${if inbound_srs{SRS0=629b=jr=$domain=a}{}{${readfile{/$srs_recipient}}}}",
     "FAILED attempt to use tainted string '/a@peers.example' for readfile"},
    {"${imapfolder{a/b}}", "a.b"},
    {"${authresults{mx}}", "Authentication-Results: mx; none (peers)"},
    {"${authresults{a}{b}}", "ERROR Too many arguments for 'authresults' (max is 1)"},
    {"${certextract{version}{$tls_in_ourcert}}", "3"},
    {"${certextract{subject,CN}{$tls_in_peercert}{<$value>}{n}}|$value", "<client.example>| (peers)"},
    {"${certextract{subject}{$tls_in_ourcert}}",
     "C=DE,O=Example\\, Inc \\+ more,OU=One,OU=Two,DC=example,CN=client.example,EMAIL=a@b.example"},
    {"${certextract{subject,>;}{$tls_in_ourcert}}",
     "C=DE;O=Example, Inc \\+ more;OU=One;OU=Two;DC=example;CN=client.example;EMAIL=a@b.example"},
    {"${certextract{issuer,OU}{$tls_in_ourcert}}|${certextract{issuer,OU,>;}{$tls_in_ourcert}}", "One\nTwo|One;Two"},
    {"${certextract{subject,O}{$tls_in_ourcert}}${certextract{subject,XX}{$tls_in_ourcert}{y}{n}}", "Example, Inc \\+ moren"},
    {"${certextract{notbefore}{$tls_in_ourcert}}|${certextract{notafter}{$tls_in_ourcert}}",
     "Nov 28 18:05:18 2026 UTC|Jan  2 18:05:18 2028 UTC"},
    {"${certextract{notbefore,int}{$tls_in_ourcert}}", "1795889118"},
    {"${certextract{sig_algorithm}{$tls_in_ourcert}} ${length_17:${certextract{signature}{$tls_in_ourcert}}}",
     "ECDSA-SHA256 30 46 02 21 00 af"},
    {"${certextract{subj_altname,>;}{$tls_in_ourcert}}",
     "DNS=client.example;DNS=a.b.example;MAIL=mail@b.example;URI=http://u.example/x"},
    {"${certextract{subj_altname,dns,>:}{$tls_in_ourcert}}", "client.example:a.b.example"},
    {"${certextract{ocsp_uri,>;}{$tls_in_ourcert}}", "http://ocsp.example/a;http://ocsp2.example/"},
    {"${certextract{crl_uri,>:}{$tls_in_ourcert}}", "http:://crl.example/1:ldap:://x/y"},
    {"${certextract{bogus}{$tls_in_ourcert}}", "FAILED bad field selector \"bogus\" for certextract"},
    {"${certextract{bogus}{$tls_out_peercert}{y}{n}}", "n"},
    {"${certextract{version}{$domain}}", "ERROR \"domain\" is not a certificate"},
    {"${certextract{version}{x}}", "ERROR second argument of \"certextract\" must be a certificate variable"},
    {"${certextract{version}}", "ERROR missing '{' for cert variable arg of certextract"},
    {"${certextract{version}{$tls_in_ourcert", "ERROR missing } at end of string"},
    {"${perl{x}}", "ERROR ${perl...} cannot be used: postern runs no foreign code inside its processes"},
};

TEST(Machine, GivesTheValuesOfTheTable) {
  for (const Case& c : kCases) EXPECT_EQ(expanded(c.text, false), c.value) << c.text;
}

TEST(Machine, GivesTheSameWhenItWaitsForEveryAnswer) {
  for (const Case& c : kCases) EXPECT_EQ(expanded(c.text, true), c.value) << c.text;
}

TEST(Machine, SurvivesEveryCutOfEveryCase) {
  for (const Case& c : kCases)
    for (std::size_t cut = 0; cut < c.text.size(); ++cut) (void)expanded(c.text.substr(0, cut), false);
}

TEST(Machine, DoesNotWaitWhereItCannot) {
  World world;
  world.waits = true;
  std::string why;
  const auto program = compile_or_why(ConfigTextForTest::line("${lookup{k}table{/f}}"), why, &world);
  ASSERT_TRUE(program);
  std::string out = "kept";
  const EvalResult result = evaluate(*program, world, out);
  EXPECT_EQ(result.status, EvalStatus::failed);
  EXPECT_EQ(out, "kept");
}

TEST(Machine, BoundsItsSteps) {
  World world;
  std::string list;
  for (int i = 0; i < 2000; ++i) list += "a:";
  const std::string text = "${map{" + list + "}{${map{" + list + "}{${if eq{a}{b}}}}}}";
  std::string why;
  const auto program = compile_or_why(ConfigTextForTest::line(text), why, &world);
  ASSERT_TRUE(program) << why;
  std::string out;
  const EvalResult result = evaluate(*program, world, out);
  EXPECT_EQ(result.status, EvalStatus::failed);
  EXPECT_EQ(result.why, "the expansion takes too many steps");
}

TEST(Machine, BoundsExpansionsWithinExpansions) {
  World world;
  world.values[VariableId::primary_hostname] = "${expand:$primary_hostname}";
  std::string why;
  const auto program = compile_or_why(ConfigTextForTest::line("${expand:$primary_hostname}"), why, &world);
  ASSERT_TRUE(program) << why;
  std::string out;
  const EvalResult result = evaluate(*program, world, out);
  EXPECT_EQ(result.status, EvalStatus::failed);
  EXPECT_TRUE(result.why.ends_with("too many expansions within expansions")) << result.why;
}

}  // namespace
}  // namespace postern::expand
