// LMDB databases: one file, its main database, read only.
//
// The map is taken without LMDB's lock file, which an unprivileged reader could not write: a database that is written in place
// while it is read may give what was there before, or nothing sensible. Replace the file by renaming a new one over it.
#pragma once

#include <memory>
#include <string>

#include "policy/lookup/key_file.h"

namespace postern::lookup {

// Blocks. nullptr: why says it.
[[nodiscard]] std::shared_ptr<const KeyFile> open_lmdb(const std::string& path, std::string& why);

}  // namespace postern::lookup
