// Any text is a list of each kind, or is refused; a compiled list answers for any subject, and its order rule holds: a list and
// the same list behind a negated name give opposite answers.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/expand/config_text_for_test.h"
#include "policy/lists/compile.h"

using namespace postern;
using namespace postern::lists;
using expand::ConfigTextForTest;

// The first line is the subject, the second an item file named /file, the rest the list.
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
    if (c == ';') c = '\n';
  expand::MemoryFileSource files;
  files.put("/file", file);
  expand::Diagnostics diagnostics;
  ListCompiler compiler({.primary_hostname = "mx.example.org", .local_addresses = {IpAddress::v4(0x01020304)}, .files = &files},
                        diagnostics);
  const auto name = ConfigTextForTest::line("all");
  const auto text = ConfigTextForTest::line(rest);
  for (const ListKind kind : {ListKind::domain, ListKind::host, ListKind::address, ListKind::local_part})
    compiler.define(kind, name, text);
  const auto not_all = ConfigTextForTest::line("!+all");
  const DomainList domains = compiler.domains(text, "list");
  const DomainList not_domains = compiler.domains(not_all, "list");
  POSTERN_CHECK(domains.matches(subject) != not_domains.matches(subject));
  const LocalPartList local_parts = compiler.local_parts(text, "list");
  const LocalPartList not_local_parts = compiler.local_parts(not_all, "list");
  POSTERN_CHECK(local_parts.matches(subject) != not_local_parts.matches(subject));
  const AddressList addresses = compiler.addresses(text, "list");
  const AddressList not_addresses = compiler.addresses(not_all, "list");
  POSTERN_CHECK(addresses.matches(subject) != not_addresses.matches(subject));
  if (const auto address = IpAddress::parse(subject)) {
    const HostList hosts = compiler.hosts(text, "list");
    const HostList not_hosts = compiler.hosts(not_all, "list");
    POSTERN_CHECK(hosts.matches(*address) != not_hosts.matches(*address));
  }
  return 0;
}
