// Any text is an ACL or is refused; whatever was read is asked, also by itself, and answers the same twice. Any text is a
// header field of addresses, and header fields to be added.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "policy/acl/address_field.h"
#include "policy/acl/compile.h"
#include "policy/acl/no_services_testing.h"
#include "policy/acl/run.h"
#include "policy/expand/config_text_for_test.h"

namespace {

using namespace postern;
using expand::ConfigTextForTest;

class Everything final : public expand::EvalContext {
 public:
  explicit Everything(const acl::AclState& state) : state_(state) {}
  std::string_view variable(expand::VariableId id, std::string& scratch) const override {
    if (id == expand::VariableId::sender_address) return {};
    return scratch = "$domain ${lc:X} 550 5.7.1\n";
  }
  std::optional<expand::Held> acl_variable(std::string_view name) const override {
    return (name.starts_with("acl_c") ? state_.connection_variables : state_.message_variables).get(name);
  }
  std::optional<std::string_view> header(std::string_view, std::size_t& at) const override {
    if (at++ > 0) return std::nullopt;
    return " A <a@b.example>, \"c\" (d)\r\n";
  }

 private:
  const acl::AclState& state_;
};

// Every ACL is this one.
class World final : public acl::AclWorld {
 public:
  explicit World(std::shared_ptr<const acl::Acl> acl) : acl_(std::move(acl)) {}
  // Statements times themselves, to the twentieth power, are more than anybody waits for.
  std::shared_ptr<const acl::Acl> find_acl(std::string_view, std::string& why) override {
    if (++asked_ < 100) return acl_;
    why = "no more of them";
    return nullptr;
  }
  Task<void> delay(std::int64_t, bool) override { co_return; }
  std::optional<ratelimit::Verdict> ask_rate_now(const ratelimit::Question& question) override {
    return rates_.ask(question, clock_.wall_now());
  }
  Task<std::optional<ratelimit::Verdict>> ask_rate(ratelimit::Question) override { co_return std::nullopt; }
  lists::ListFacts& facts() override { return facts_; }
  dns::Resolver* resolver() override { return nullptr; }
  dnsbl::ZoneTable& zones() override { return zones_; }
  Wait wait() override { return {}; }
  Task<routing::AddressVerdict> verify_address(routing::VerifyRequest request) override {
    if (request.address.size() % 2 == 0) co_return routing::AddressVerdict{};
    co_return routing::AddressVerdict{.result = routing::AddressVerdict::Result::failed, .message = "no"};
  }
  std::span<const std::string_view> envelope_recipients() override { return {}; }
  std::optional<std::string> strange_header_name() override { return std::nullopt; }

 private:
  std::shared_ptr<const acl::Acl> acl_;
  std::size_t asked_ = 0;
  ManualClock clock_;
  ratelimit::RateTable rates_;
  dnsbl::ZoneTable zones_;
  lists::ListFacts facts_;
};

acl::AclOutcome ask(const std::shared_ptr<const acl::Acl>& made, std::optional<acl::Phase> phase) {
  acl::AclState state;
  const Everything variables(state);
  World world(made);
  acl::AclSubject subject{.variables = variables,
                          .client = IpAddress::v4(0xc0000207),
                          .sender = "",
                          .recipient = "user@in.local",
                          .local_part = "user",
                          .domain = "in.local"};
  subject.phase = phase;
  subject.state = &state;
  subject.world = &world;
  acl::AclOutcome outcome = acl::run(*made, subject);
  POSTERN_CHECK(state.depth == 0 && state.arguments.empty());
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  expand::Diagnostics diagnostics;
  lists::ListCompiler lists({.primary_hostname = "mx.example.org"}, diagnostics);
  lists.define(lists::ListKind::domain, ConfigTextForTest::line("d"), ConfigTextForTest::line("in.local : !*.x"));
  acl::NoServices services;
  const auto made = std::make_shared<const acl::Acl>(
      acl::compile_acl("fuzz", acl::lines_of(ConfigTextForTest::line(text)), lists, diagnostics, &services));
  for (const acl::PhaseDef& phase : acl::kPhases) acl::check_phase(*made, phase.phase, diagnostics);
  for (const auto phase : {std::optional<acl::Phase>(), std::optional(acl::Phase::data)}) {
    const acl::AclOutcome once = ask(made, phase);
    const acl::AclOutcome twice = ask(made, phase);
    POSTERN_CHECK(once.verdict == twice.verdict && once.message == twice.message && once.log_message == twice.log_message);
  }
  static_cast<void>(acl::read_address_field(text));
  acl::HeaderChanges changes;
  static_cast<void>(changes.add(text) && changes.remove(text));
  for (const acl::AddedHeader& header : changes.added())
    POSTERN_CHECK(header.text.find('\r') == std::string::npos && header.text.find(':') != std::string::npos);
  return 0;
}
