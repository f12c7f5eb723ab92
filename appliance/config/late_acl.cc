#include "appliance/config/late_acl.h"

#include "appliance/config/text_maker.h"
#include "policy/acl/compile.h"
#include "policy/lists/compile.h"

namespace postern::config {

std::shared_ptr<const acl::Acl> read_late_acl(std::string_view text, const Language& language,
                                              expand::CompileServices& services, std::string& why) {
  if (text.size() > kLateAclBytesMax) {
    why = "the text of an ACL is too long";
    return nullptr;
  }
  expand::Diagnostics diagnostics;
  lists::ListCompiler lists({.primary_hostname = language.primary_hostname, .services = &services, .known = language.lists},
                            diagnostics);
  const expand::ConfigText made = TextMaker::built_in(text);
  auto acl =
      std::make_shared<acl::Acl>(acl::compile_acl(std::string(text), acl::lines_of(made), lists, diagnostics, &services));
  if (diagnostics.errors() == 0) return acl;
  for (const expand::Diagnostic& each : diagnostics.all())
    if (each.severity == expand::Severity::error && why.empty()) why = each.message;
  return nullptr;
}

}  // namespace postern::config
