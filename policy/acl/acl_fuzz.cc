// Any text is an ACL or is refused; whatever was read is asked, and answers the same twice.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/acl/compile.h"
#include "policy/acl/run.h"
#include "policy/expand/config_text_for_test.h"

namespace {

using namespace postern;
using expand::ConfigTextForTest;

class Everything final : public expand::EvalContext {
 public:
  std::string_view variable(expand::VariableId id, std::string& scratch) const override {
    if (id == expand::VariableId::sender_address) return {};
    return scratch = "$domain ${lc:X} 550 5.7.1\n";
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  expand::Diagnostics diagnostics;
  lists::ListCompiler lists({.primary_hostname = "mx.example.org"}, diagnostics);
  lists.define(lists::ListKind::domain, ConfigTextForTest::line("d"), ConfigTextForTest::line("in.local : !*.x"));
  const acl::Acl made = acl::compile_acl("fuzz", acl::lines_of(ConfigTextForTest::line(text)), lists, diagnostics);
  for (const acl::PhaseDef& phase : acl::kPhases) acl::check_phase(made, phase.phase, diagnostics);
  const Everything variables;
  const acl::AclSubject subject{.variables = variables,
                                .client = IpAddress::v4(0xc0000207),
                                .sender = "",
                                .recipient = "user@in.local",
                                .local_part = "user",
                                .domain = "in.local"};
  const acl::AclOutcome once = acl::run(made, subject);
  const acl::AclOutcome twice = acl::run(made, subject);
  POSTERN_CHECK(once.verdict == twice.verdict && once.message == twice.message && once.log_message == twice.log_message);
  return 0;
}
