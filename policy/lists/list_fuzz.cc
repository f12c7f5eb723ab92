// Any text is a list of each kind, or is refused; what was compiled answers for any subject, and when nothing was refused its
// order rule holds: a list and the same list behind a negated name give opposite answers. (A list that names itself is refused,
// and is not the same under its name.)
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/expand/config_text_for_test.h"
#include "policy/lists/compile.h"

using namespace postern;
using namespace postern::lists;
using expand::ConfigTextForTest;

namespace {

// Every lookup is known, and finds what it is asked for with every second key.
class FuzzWorld final : public expand::Services, public expand::CompileServices {
 public:
  std::optional<expand::Answer> lookup_now(const expand::LookupQuestion& question) override { return answer(question.key); }
  std::optional<expand::Answer> file_now(const expand::FileQuestion& question) override { return answer(question.path); }
  std::expected<Lookup, std::string> find_lookup(std::string_view written) override {
    return Lookup{.query_style = written.starts_with('r'), .may_wait = false};
  }
  bool is_lookup_type(std::string_view) override { return true; }
  std::expected<List, std::string> find_list(expand::ListKind, const expand::ConfigText&) override { return List{}; }
  bool is_named_list(std::string_view) override { return false; }

 private:
  static expand::Answer answer(std::string_view key) {
    if (key.size() % 3 == 0) return expand::Answer::found(std::string(key));
    if (key.size() % 3 == 1) return expand::Answer::not_found();
    return expand::Answer::deferred("fuzz");
  }
};

class FuzzContext final : public expand::EvalContext {
 public:
  FuzzContext(FuzzWorld& world, std::string_view value) noexcept : world_(world), value_(value) {}
  std::string_view variable(expand::VariableId, std::string&) const override { return value_; }
  std::optional<expand::Held> acl_variable(std::string_view) const override {
    return expand::Held{value_, expand::Bytes::ours};
  }
  expand::Services* services() const override { return &world_; }
  expand::CompileServices* compile_services() const override { return &world_; }

 private:
  FuzzWorld& world_;
  std::string_view value_;
};

class FuzzFacts final : public ListFacts {
 public:
  FuzzFacts(const ListWorld& world, const FuzzContext& context) noexcept : world_(world), context_(context) {}
  const ListWorld* world() const noexcept override { return &world_; }
  const expand::EvalContext* context() const noexcept override { return &context_; }
  std::optional<dns::HostNames> host_names_now() override {
    dns::HostNames names;
    names.result = dns::HostNames::Result::confirmed;
    names.name = PeerText("mail.example");
    return names;
  }
  std::optional<HostAddresses> addresses_now(std::string_view) override {
    return HostAddresses{.status = HostAddresses::Status::found, .addresses = {IpAddress::v4(0x01020304)}};
  }
  std::optional<MailExchangers> mail_exchangers_now(std::string_view domain) override {
    MailExchangers found{.status = MailExchangers::Status::found};
    found.hosts.push_back({static_cast<std::uint16_t>(domain.size() % 2), addresses_now(domain).value()});
    return found;
  }

 private:
  const ListWorld& world_;
  const FuzzContext& context_;
};

std::string_view subject_of(std::string_view text) noexcept { return text; }
const IpAddress& subject_of(const std::optional<IpAddress>& address) noexcept { return *address; }

// Asks both lists. Where one defers, so does the other; else they are opposite.
template <class List, class Subject>
void check_opposite(const List& list, const List& negated, const Subject& subject, FuzzFacts& facts, bool is_read) {
  const std::optional<Match> yes = list.match_now(subject, facts);
  const std::optional<Match> no = negated.match_now(subject, facts);
  if (!yes || !no || !is_read) return;
  const bool is_deferred = yes->truth == Truth::defer || no->truth == Truth::defer;
  if (is_deferred)
    POSTERN_CHECK(yes->truth == no->truth);
  else
    POSTERN_CHECK(yes->truth != no->truth);
  if (!list.asks()) POSTERN_CHECK(list.matches(subject_of(subject)) == (yes->truth == Truth::yes) || is_deferred);
}

}  // namespace

// The first line is the subject and the value of all variables, the second an item file named /file, the rest the list.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto take_line = [&rest] {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return line;
  };
  const std::string_view subject = take_line();
  std::string file(take_line());
  for (char& c : file)
    if (c == '|') c = '\n';
  expand::MemoryFileSource files;
  files.put("/file", file);
  FuzzWorld world;
  expand::Diagnostics diagnostics;
  ListCompiler compiler({.primary_hostname = "mx.example.org",
                         .local_addresses = {IpAddress::v4(0x01020304)},
                         .files = &files,
                         .services = &world},
                        diagnostics);
  const auto name = ConfigTextForTest::line("all");
  const auto text = ConfigTextForTest::line(rest);
  for (const ListKind kind : {ListKind::domain, ListKind::host, ListKind::address, ListKind::local_part})
    compiler.define(kind, name, text);
  compiler.compile_named();
  const FuzzContext context(world, subject);
  FuzzFacts facts(*compiler.world(), context);
  const auto not_all = ConfigTextForTest::line("!+all");
  // Mistakes that count only where they are reached are reached on different ways.
  const bool is_read = std::ranges::none_of(
      diagnostics.all(), [](const expand::Diagnostic& each) { return each.severity != expand::Severity::warning; });
  const auto check = [&](const auto& list, const auto& negated, const auto& of) {
    check_opposite(list, negated, of, facts, is_read);
  };
  check(compiler.domains(text, "list", Use::asks), compiler.domains(not_all, "list", Use::asks), subject);
  check(compiler.local_parts(text, "list", Use::asks), compiler.local_parts(not_all, "list", Use::asks), subject);
  check(compiler.addresses(text, "list", Use::asks), compiler.addresses(not_all, "list", Use::asks), subject);
  if (const auto address = IpAddress::parse(subject))
    check(compiler.hosts(text, "list", Use::asks), compiler.hosts(not_all, "list", Use::asks), address);
  return 0;
}
