// The configuration cut into its sections and settings, before anything in it has been given a meaning.
#pragma once

#include <string>
#include <vector>

#include "appliance/config/line_reader.h"
#include "appliance/config/setting.h"
#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"
#include "policy/lists/compile.h"

namespace postern::config {

struct NamedList {
  lists::ListKind kind;
  expand::ConfigText name;
  expand::ConfigText value;
  bool is_hidden = false;  // "hide" stands before it
};

struct NamedLines {  // an ACL
  expand::ConfigText name;
  std::vector<expand::ConfigText> lines;
};

struct Instance {  // a router, a transport, an authenticator
  expand::ConfigText name;
  std::vector<Setting> settings;
};

struct Sections {
  std::vector<Setting> main;
  std::vector<NamedList> named_lists;
  std::vector<NamedLines> acls;
  std::vector<Instance> routers;
  std::vector<Instance> transports;
  std::vector<Instance> authenticators;
  std::vector<expand::ConfigText> retry;
  std::vector<expand::ConfigText> rewrite;
};

// Reads to the end. Errors are reported; what stands behind them is read all the same.
[[nodiscard]] Sections read_sections(LineReader& reader, expand::Diagnostics& diagnostics);

}  // namespace postern::config
