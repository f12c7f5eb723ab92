// What the tests of this folder share: loading from memory.
#pragma once

#include <string>
#include <string_view>

#include "appliance/config/load.h"
#include "policy/expand/file_source.h"

namespace postern::config {

class MemoryLoad {
 public:
  expand::MemoryFileSource files;
  HostFacts host{.hostname = "host.example.net",
                 .addresses = {*IpAddress::parse("127.0.0.1"), *IpAddress::parse("::1"), *IpAddress::parse("192.0.2.1")}};
  LoadOptions options;

  // Loads `text` as the file "c".
  LoadResult load(std::string_view text) {
    files.put("c", std::string(text));
    return parse_config("c", files, host, options);
  }
  // Everything that is said about it, warnings included.
  std::string said(std::string_view text) { return format_diagnostics(load(text).diagnostics); }
};

}  // namespace postern::config
