// The files of redirect routers: what is asked of them before they are believed, and their texts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/coro/task.h"
#include "policy/expand/services.h"

namespace postern::routing {

struct RedirectFileRules {
  std::vector<std::uint32_t> owners = {};   // ids of users
  std::vector<std::uint32_t> groups = {};   // ids of groups
  std::optional<bool> check_owner = {};     // unset: where there are owners
  std::optional<bool> check_group = {};     // likewise, groups
  std::uint32_t mode_mask = 022;            // bits of its permissions that must not be there
  bool ignore_denied = false;               // a file that must not be read is one that does not exist
  bool ignore_missing_directories = false;  // likewise, one whose path leads nowhere
};

struct RedirectText {
  enum class Status : std::uint8_t { found, absent, failed };
  Status status = Status::failed;
  std::string text = {};
  std::string why = {};  // with `failed`, in Exim's words
};

// `path` is never a peer's bytes. Suspends while the file is read; everything is borrowed until then. At most
// kRedirectFileBytesMax. What is checked and what is read may be two files, if it is replaced meanwhile by somebody who may
// write to its directory.
[[nodiscard]] Task<RedirectText> read_redirect_file(const RedirectFileRules& rules, std::string path,
                                                    expand::Services* services);
// One that an :include: item names: nothing is asked of it. Never `absent`.
[[nodiscard]] Task<RedirectText> read_included_file(std::string path, expand::Services* services);

}  // namespace postern::routing
