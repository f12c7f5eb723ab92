// Any bytes are a configuration, or are refused with at least one error; loading them twice gives the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "appliance/config/load.h"
#include "engine/base/check.h"
#include "policy/expand/file_source.h"

using namespace postern;
using namespace postern::config;

// Lines of the form "--- NAME" begin further files, which the first one may include.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  expand::MemoryFileSource files;
  std::string name = "/c";
  while (true) {
    const std::size_t mark = rest.find("\n--- ");
    files.put(name, std::string(rest.substr(0, mark)));
    if (mark == rest.npos) break;
    rest.remove_prefix(mark + 5);
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    name = "/" + std::string(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  const HostFacts host{.hostname = "host", .addresses = {IpAddress::v4(0x7f000001)}};
  LoadOptions options;
  options.limits = {.file_bytes_max = 65536,
                    .line_bytes_max = 16384,
                    .total_bytes_max = 262144,
                    .files_max = 20,
                    .include_depth_max = 5,
                    .conditional_depth_max = 8,
                    .macros_max = 64};
  const LoadResult once = parse_config("/c", files, host, options);
  const LoadResult twice = parse_config("/c", files, host, options);
  bool has_error = false;
  for (const Diagnostic& d : once.diagnostics) has_error = has_error || d.severity == Severity::error;
  POSTERN_CHECK(once.ok() != has_error);
  POSTERN_CHECK(once.diagnostics == twice.diagnostics);
  return 0;
}
