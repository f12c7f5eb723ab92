// Any text is a list of each kind, or is refused; what was compiled answers for any subject, and when nothing was refused its
// order rule holds: a list and the same list behind a negated name give opposite answers. (A list that names itself is refused,
// and is not the same under its name.)
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

namespace {

// Asks both lists, whatever they are worth.
template <class List, class Subject>
void check_opposite(const List& list, const List& negated, const Subject& subject, const expand::Diagnostics& diagnostics) {
  const bool are_opposite = list.matches(subject) != negated.matches(subject);
  POSTERN_CHECK(are_opposite || diagnostics.errors() > 0);
}

}  // namespace

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
  check_opposite(domains, compiler.domains(not_all, "list"), subject, diagnostics);
  const LocalPartList local_parts = compiler.local_parts(text, "list");
  check_opposite(local_parts, compiler.local_parts(not_all, "list"), subject, diagnostics);
  const AddressList addresses = compiler.addresses(text, "list");
  check_opposite(addresses, compiler.addresses(not_all, "list"), subject, diagnostics);
  if (const auto address = IpAddress::parse(subject)) {
    const HostList hosts = compiler.hosts(text, "list");
    check_opposite(hosts, compiler.hosts(not_all, "list"), *address, diagnostics);
  }
  return 0;
}
