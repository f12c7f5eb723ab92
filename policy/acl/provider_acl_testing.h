// What a provider asks at RCPT, and nothing of it matches: statements that are passed over, and one that accepts.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/acl/compile.h"
#include "policy/acl/no_services_testing.h"
#include "policy/acl/run.h"
#include "policy/expand/config_text_for_test.h"

namespace postern::acl {

class ProviderContext final : public expand::EvalContext {
 public:
  std::string_view variable(expand::VariableId id, std::string& scratch) const override {
    switch (id) {
      case expand::VariableId::sender_helo_name: return "mail.sender.example";
      case expand::VariableId::primary_hostname: return "gateway.example.org";
      case expand::VariableId::sender_address: return "somebody@sender.example";
      case expand::VariableId::sender_host_address: return "198.51.100.7";
      case expand::VariableId::local_part: return "recipient";
      case expand::VariableId::domain: return "example.org";
      case expand::VariableId::message_size: return "2048";
      case expand::VariableId::rcpt_count: return scratch = "3";
      default: return {};
    }
  }
};

struct ProviderAcl {
  Acl acl;
  std::string complaints;
  ProviderContext variables;
  AclState state;

  [[nodiscard]] AclSubject subject() {
    return {.variables = variables,
            .client = *IpAddress::parse("198.51.100.7"),
            .sender = "somebody@sender.example",
            .recipient = "recipient@example.org",
            .local_part = "recipient",
            .domain = "example.org",
            .phase = Phase::rcpt,
            .helo = "mail.sender.example",
            .recipients = 2,
            .state = &state};
  }
};

inline constexpr std::size_t kProviderStatements = 30;

// `domains`: how many the longest list holds. `statements`: without the last one; a multiple of six.
[[nodiscard]] inline std::unique_ptr<ProviderAcl> make_provider_acl(std::size_t domains,
                                                                    std::size_t statements = kProviderStatements) {
  using expand::ConfigTextForTest;
  expand::MemoryFileSource files;
  std::string file;
  for (std::size_t i = 0; i < domains; ++i) file += "customer-" + std::to_string(i * 7919) + ".example.com\n";
  files.put("/customers", file + "example.org\n");
  file.clear();
  for (std::uint32_t i = 0; i < 20'000; ++i) file += IpAddress::v4(i * 40'009 + 1).to_string() + (i % 2 == 0 ? "/28\n" : "\n");
  files.put("/blocked", file);
  file.clear();
  for (std::size_t i = 0; i < 20'000; ++i) file += (i % 4 == 0 ? "*@junk" : "user@spam") + std::to_string(i) + ".example\n";
  files.put("/senders", file);

  std::vector<std::string> text;
  for (std::size_t round = 0; round < statements / 6; ++round)
    for (const char* line : {
             "deny hosts = !198.51.100.7 : /blocked",
             "  domains = /customers",
             "deny senders = /senders",
             "  message = $sender_address is not welcome",
             "deny sender_domains = *.invalid : *.localdomain : legacy.example.net",
             "deny local_parts = ^[./|] : ^.*[@%!] : postponed",
             "  domains = /customers",
             "deny condition = ${if eqi{$sender_helo_name}{$primary_hostname}}",
             "warn condition = ${if >{$rcpt_count}{500}}",
             "  set acl_m_score = ${eval:$acl_m_score+5}",
         })
      text.emplace_back(line);
  text.emplace_back("accept domains = /customers");
  std::vector<expand::ConfigText> lines;
  for (const std::string& line : text) lines.push_back(ConfigTextForTest::line(line, "acl.conf", 1));

  expand::Diagnostics diagnostics;
  NoServices services;
  lists::ListCompiler compiler({.primary_hostname = "gateway.example.org", .files = &files}, diagnostics);
  auto made = std::make_unique<ProviderAcl>(compile_acl("at_rcpt", lines, compiler, diagnostics, &services));
  for (const auto& one : diagnostics.all()) made->complaints += one.message + "\n";
  return made;
}

}  // namespace postern::acl
